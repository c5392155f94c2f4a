/* haar why: what was blocked, and by what: packets and permissions in one list, the newest first; or the way of a packet. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const char summary[] =
    "Everything that was blocked, newest first: dropped connections with the rule that dropped them, denied calls with the policy that decided.\n"
    "  haar why                           the last hour's\n"
    "  haar why SOURCE DESTINATION:443    the path as it would be now, hop by hop; SOURCE: an interface or its address";

/* A line of the list: when, and the record. */
typedef struct Line {
  const char *time;
  const Json *json;
  gboolean drop;
} Line;

static const char *
text_of(const Json *json, const char *key)
{
  const char *text = json_string(json_get(json, key));
  return text ? text : "";
}

static int
number_of(const Json *json, const char *key)
{
  const Json *number = json_get(json, key);
  return number && number->type == JSON_NUMBER ? (int) g_ascii_strtoll(number->text, NULL, 10) : 0;
}

static void
print_pair(const char *name, const char *text)
{
  if (*text)
    printf("    %-6s %s\n", name, text);
}

static void
print_drop(const Json *drop)
{
  int count = number_of(drop, "count");
  printf("%s  blocked  %s -> %s:%d", text_of(drop, "time"), text_of(drop, "source"), text_of(drop, "destination"), number_of(drop, "destinationPort"));
  if (count > 1)
    printf(" (%d packets)", count);
  printf("  %s\n", text_of(drop, "vpc"));
  print_pair("by", text_of(drop, "stage"));
  print_pair("rule", text_of(drop, "rule"));
  print_pair("why", text_of(drop, "why"));
  print_pair("mend", text_of(drop, "mend"));
}

/* "identity-based policy p, statement 2" */
static void
print_policy(const Json *denial)
{
  const Json *statement = json_get(denial, "statement");
  printf("    %-6s %s%s%s", "by", text_of(denial, "policy_kind"), *text_of(denial, "policy_name") ? " " : "", text_of(denial, "policy_name"));
  if (statement)
    printf(", statement %d", number_of(denial, "statement") + 1);
  printf("\n");
}

static void
print_denial(const Json *denial)
{
  const Json *explicit = json_get(denial, "explicit_deny");
  printf("%s  denied   %s on %s\n", text_of(denial, "time"), text_of(denial, "action"), text_of(denial, "resource"));
  print_pair("who", text_of(denial, "principal"));
  print_pair("via", text_of(denial, "via"));
  print_policy(denial);
  print_pair("why", text_of(denial, "message"));
  if (explicit && explicit->type == JSON_TRUE)
    print_pair("mend", "narrow that statement, or remove it: nothing can allow what a Deny forbids");
  else
    print_pair("mend", text_of(denial, "mend"));
}

static void
add_lines(GArray *lines, const Json *list, gboolean drop)
{
  for (guint32 i = 0; list && list->type == JSON_ARRAY && i < list->n; i++) {
    Line line = {text_of(list->items[i], "time"), list->items[i], drop};
    g_array_append_val(lines, line);
  }
}

static int
newest_first(gconstpointer a, gconstpointer b)
{
  return strcmp(((const Line *) b)->time, ((const Line *) a)->time);
}

/* Without a network there are no drops to ask for; that is said, and the rest is shown. */
static Error *
ask_drops(Arena *arena, const Daemon *daemon, Json **ret)
{
  g_autoptr(Error) off = cli_call(arena, daemon, "GET", "drops", NULL, ret);
  if (off && off->kind == ERROR_FAULT)
    return g_steal_pointer(&off);
  if (off)
    fprintf(stderr, "haar why: %s\n", off->message);
  return NULL;
}

static Error *
print_all(Arena *arena, const Daemon *daemon)
{
  Json *drops = NULL, *denials = NULL;
  g_autoptr(GArray) lines = g_array_new(FALSE, FALSE, sizeof(Line));
  TRY(cli_call(arena, daemon, "GET", "denials", NULL, &denials));
  TRY(ask_drops(arena, daemon, &drops));
  add_lines(lines, json_get(drops, "drops"), TRUE);
  add_lines(lines, json_get(denials, "denials"), FALSE);
  g_array_sort(lines, newest_first);
  for (guint i = 0; i < lines->len; i++) {
    const Line *line = &g_array_index(lines, Line, i);
    if (line->drop)
      print_drop(line->json);
    else
      print_denial(line->json);
  }
  if (lines->len == 0)
    printf("Nothing was blocked.\n");
  return NULL;
}

/* "host:443" -> host and port; without a port: 443. */
static Error *
print_path(Arena *arena, const Daemon *daemon, const char *source, const char *destination)
{
  const char *colon = strrchr(destination, ':');
  const char *host = colon ? arena_strndup(arena, destination, colon - destination) : destination;
  const char *path = arena_printf(arena, "net/trace?src=%s&dst=%s&port=%s", text_uri_encode(arena, source, FALSE), text_uri_encode(arena, host, FALSE),
                                  text_uri_encode(arena, colon ? colon + 1 : "443", FALSE));
  Json *out = NULL;
  TRY(cli_call(arena, daemon, "GET", path, NULL, &out));
  const Json *steps = json_get(out, "steps"), *delivered = json_get(out, "delivered");
  gboolean arrives = delivered && delivered->type == JSON_TRUE;
  for (guint32 i = 0; steps && i < steps->n; i++) {
    const Json *passed = json_get(steps->items[i], "passed");
    printf("%s  %s: %s\n", passed && passed->type == JSON_TRUE ? "ok  " : "STOP", text_of(steps->items[i], "stage"), text_of(steps->items[i], "text"));
  }
  printf("%s -> %s (%s): %s\n", source, destination, text_of(out, "destination"), arrives ? "arrives" : "is dropped");
  print_pair("why", text_of(out, "why"));
  print_pair("mend", text_of(out, "mend"));
  return NULL;
}

COMMAND(why, run_why, "what was blocked, and by what: packets and permissions")
static int
run_why(int argc, char **argv)
{
  g_autofree char *data = NULL;
  const GOptionEntry entries[] = {
      {"data", 'd', 0, G_OPTION_ARG_FILENAME, &data, "Data directory ($XDG_DATA_HOME/haar)", "DIR"},
      {NULL},
  };
  if (!cli_options(&argc, &argv, entries, "[SOURCE DESTINATION:PORT]", summary))
    return CLI_USAGE;
  if (argc != 1 && argc != 3) {
    fprintf(stderr, "haar why: write `haar why`, or `haar why SOURCE DESTINATION:443`\n");
    return CLI_USAGE;
  }
  g_autoptr(Arena) arena = arena_new();
  Daemon daemon = cli_daemon(arena, data);
  Error *error = argc == 3 ? print_path(arena, &daemon, argv[1], argv[2]) : print_all(arena, &daemon);
  return error ? cli_fail(error) : CLI_GOOD;
}
