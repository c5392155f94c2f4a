/* haar why: what was blocked, and by what: packets, names and permissions in one list, the newest first; or the way of a packet. */
#include <stdio.h>
#include <string.h>

#include "cli/show.h"

static const char summary[] =
    "Everything that was blocked in the last hour, newest first: connections with the rule that dropped them, names that were not resolved, denied\n"
    "calls with the statement that decided; each with what AWS would show, and what mends it.\n"
    "  haar why                           all of it\n"
    "  haar why payments-validate         what this function (or database, interface, address, user) met\n"
    "  haar why pay secretsmanager        the way as it would be now, hop by hop; exit status 1 if it does not arrive\n"
    "  haar why SRC DST[:PORT][/udp]      SRC: a function, database, interface, subnet or address; DST: the same, a host name or a service;\n"
    "                                     port 443 if none; /udp, /icmp; IPv6 as [2001:db8::1]:443";

typedef struct Options {
  gboolean json, follow;
  char *since, *data;
} Options;

static const char *
protocol_text(Arena *arena, const Json *entry, const char *port_key)
{
  gint64 protocol = show_number(entry, "protocol"), port = show_number(entry, port_key);
  if (protocol == 1 || protocol == 58)
    return protocol == 1 ? "ICMP" : "ICMPv6";
  return arena_printf(arena, "%s %" G_GINT64_FORMAT, protocol == 17 ? "UDP" : "TCP", port);
}

/* "pay (10.0.0.5)": a label with its address, unless that is all of it. */
static const char *
party_text(Arena *arena, const Json *party)
{
  const char *label = show_text(party, "label"), *address = show_text(party, "address"), *host = show_text(party, "host");
  const char *more = *host && strcmp(host, label) != 0 ? arena_printf(arena, "%s, ", host) : "";
  if (!*address || strcmp(label, address) == 0)
    return label;
  return arena_printf(arena, "%s (%s%s)", label, more, address);
}

static const char *
times(Arena *arena, const Json *entry)
{
  gint64 count = show_number(entry, "count");
  return count > 1 ? arena_printf(arena, "  (%" G_GINT64_FORMAT " times)", count) : "";
}

static void
print_connection(Arena *arena, const Json *entry)
{
  gboolean reply = show_true(entry, "reply");
  printf("%s  blocked  %s -> %s  %s%s%s\n", show_text(entry, "time"), party_text(arena, json_get(entry, "who")), party_text(arena, json_get(entry, "to")),
         protocol_text(arena, entry, "port"), reply ? ", its reply" : "", times(arena, entry));
  const char *rule = show_text(entry, "rule_name");
  const char *vpc = show_text(entry, "vpc");
  show_pair("stopped by", arena_printf(arena, "%s%s%s%s%s", show_text(entry, "stage"), *rule ? " " : "", rule, *vpc ? ", in " : ", without a VPC", vpc));
}

static void
print_name(Arena *arena, const Json *entry)
{
  printf("%s  no name  %s asked for %s%s\n", show_text(entry, "time"), party_text(arena, json_get(entry, "who")), show_text(entry, "name"), times(arena, entry));
  const char *vpc = show_text(entry, "vpc");
  show_pair("stopped by", *vpc ? arena_printf(arena, "the resolver of %s", vpc) : "the resolver outside VPCs");
}

static void
print_denial(Arena *arena, const Json *entry)
{
  const char *via = show_text(entry, "via"), *endpoint = show_text(entry, "endpoint"), *name = show_text(entry, "policy_name");
  const char *statement = json_get(entry, "statement") ? arena_printf(arena, ", statement %" G_GINT64_FORMAT, show_number(entry, "statement") + 1) : "";
  printf("%s  denied   %s: %s on %s\n", show_text(entry, "time"), party_text(arena, json_get(entry, "who")), show_text(entry, "action"), show_text(entry, "resource"));
  show_pair("via", *via ? via : *endpoint ? endpoint : "");
  show_pair("stopped by", arena_printf(arena, "%s%s%s%s", show_text(entry, "policy_kind"), *name ? " " : "", name, statement));
}

static void
print_entry(Arena *arena, const Json *entry)
{
  static const struct { const char *kind; void (*print)(Arena *arena, const Json *entry); } kinds[] = {
    {"connection", print_connection}, {"name", print_name}, {"denial", print_denial}};
  for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
    if (strcmp(kinds[i].kind, show_text(entry, "kind")) == 0) {
      kinds[i].print(arena, entry);
      show_explanation(entry);
      printf("\n");
    }
}

static Error *
ask(Arena *arena, const Daemon *daemon, const char *of, gint64 since_ms, Json **ret)
{
  g_autoptr(GString) path = g_string_new(NULL);
  g_string_printf(path, "why?since_ms=%" G_GINT64_FORMAT, since_ms);
  if (of)
    g_string_append_printf(path, "&of=%s", text_uri_encode(arena, of, FALSE));
  return cli_call(arena, daemon, "GET", path->str, NULL, ret);
}

static void
print_json(const Json *json)
{
  g_autoptr(GString) text = g_string_new(NULL);
  json_write_pretty(text, json);
  printf("%s\n", text->str);
}

static Error *
print_all(Arena *arena, const Daemon *daemon, const char *of, gint64 since_ms, const Options *options)
{
  Json *answer = NULL;
  TRY(ask(arena, daemon, of, since_ms, &answer));
  const Json *entries = json_get(answer, "entries");
  if (options->json) {
    print_json(answer);
    return NULL;
  }
  for (guint32 i = 0; i < entries->n; i++)
    print_entry(arena, entries->items[i]);
  if (entries->n == 0)
    printf("Nothing%s%s was blocked.\n", of ? " of " : "", of ? of : "");
  fflush(stdout);
  show_network("why", answer);
  return NULL;
}

/* Prints what is new, the oldest first, until it is interrupted or the daemon is gone. With --json: one line each. */
static Error *
follow(const Daemon *daemon, const char *of, gint64 since_ms, const Options *options)
{
  enum { WAIT_US = 200 * 1000 };
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (gboolean first = TRUE;; first = FALSE) {
    g_autoptr(Arena) arena = arena_new();
    Json *answer = NULL;
    TRY(ask(arena, daemon, of, since_ms, &answer));
    const Json *entries = json_get(answer, "entries");
    if (first)
      show_network("why", answer);
    for (guint32 i = entries->n; i-- > 0;) {
      if (!g_hash_table_add(seen, g_strdup(show_text(entries->items[i], "id"))))
        continue;
      if (options->json)
        printf("%s\n", json_text(arena, entries->items[i]));
      else
        print_entry(arena, entries->items[i]);
    }
    fflush(stdout);
    g_usleep(WAIT_US);
  }
}

/* The way of a packet. *ret_arrives: whether it gets there. */
static Error *
print_path(Arena *arena, const Daemon *daemon, const char *source, const char *destination, const Options *options, gboolean *ret_arrives)
{
  const char *path = arena_printf(arena, "net/trace?src=%s&dst=%s", text_uri_encode(arena, source, FALSE), text_uri_encode(arena, destination, FALSE));
  Json *answer = NULL;
  TRY(cli_call(arena, daemon, "GET", path, NULL, &answer));
  const Json *steps = json_get(answer, "steps");
  *ret_arrives = show_true(answer, "delivered");
  if (options->json) {
    print_json(answer);
    return NULL;
  }
  const char *what = protocol_text(arena, answer, "port");
  printf("%s -> %s  %s\n", party_text(arena, json_get(answer, "who")), party_text(arena, json_get(answer, "to")), what);
  for (guint32 i = 0; i < steps->n; i++)
    printf("  %s  %-26s %s\n", show_true(steps->items[i], "passed") ? "pass" : "STOP", show_text(steps->items[i], "stage"), show_text(steps->items[i], "text"));
  printf(*ret_arrives ? "It arrives.\n" : "It does not arrive.\n");
  show_explanation(answer);
  return NULL;
}

static int
run_list(const Daemon *daemon, const char *of, const Options *options)
{
  g_autoptr(Arena) arena = arena_new();
  gint64 since = 3600 * 1000;
  if (options->since && !cli_duration(options->since, &since))
    return cli_wrong("why", "--since takes a time as 90s, 10m, 1h or 1d, not '%s'", options->since);
  Error *error = options->follow ? follow(daemon, of, since, options) : print_all(arena, daemon, of, since, options);
  return error ? cli_fail(error) : CLI_GOOD;
}

COMMAND(why, run_why, "what was blocked, and by what: connections, names and permissions; or the way of a packet")
static int
run_why(int argc, char **argv)
{
  Options options = {0};
  const GOptionEntry entries[] = {
      {"json", 0, 0, G_OPTION_ARG_NONE, &options.json, "Print JSON", NULL},
      {"since", 0, 0, G_OPTION_ARG_STRING, &options.since, "How far back: 90s, 10m, 1h (the default), 1d", "TIME"},
      {"follow", 'f', 0, G_OPTION_ARG_NONE, &options.follow, "Go on, and print what is blocked as it happens", NULL},
      {"data", 'd', 0, G_OPTION_ARG_FILENAME, &options.data, "Data directory ($XDG_DATA_HOME/haar)", "DIR"},
      {NULL},
  };
  if (!cli_options(&argc, &argv, entries, "[NAME | SRC DST[:PORT]]", summary))
    return CLI_USAGE;
  g_autofree char *since = options.since, *data = options.data;
  if (argc > 3 || (argc == 3 && (options.follow || options.since)))
    return cli_wrong("why", "write `haar why`, `haar why FUNCTION` or `haar why SRC DST[:PORT]`");
  g_autoptr(Arena) arena = arena_new();
  Daemon daemon = cli_daemon(arena, data);
  if (argc < 3)
    return run_list(&daemon, argc == 2 ? argv[1] : NULL, &options);
  gboolean arrives = FALSE;
  Error *error = print_path(arena, &daemon, argv[1], argv[2], &options, &arrives);
  return error ? cli_fail(error) : arrives ? CLI_GOOD : CLI_FAILED;
}
