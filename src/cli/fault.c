/* haar fault: failures that are rehearsed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/show.h"

static const char summary[] =
    "Rehearses failures; each has a name, and lasts until it is lifted (or for --for), also over a restart. `haar down` lifts all.\n"
    "  haar fault                                       what is on, and since when\n"
    "  haar fault lift NAME|all                         ends one, or all\n"
    "  haar fault zone us-east-1a --for 30s             an outage: nothing in it answers, databases fail over\n"
    "  haar fault cut WHAT [ZONE]                       no packet of WHAT passes\n"
    "  haar fault loss WHAT [ZONE] 10%                  packets are lost\n"
    "  haar fault bandwidth WHAT [ZONE] 1mbit           what is over it waits, or is dropped\n"
    "  haar fault latency WHAT [ZONE] 50ms [--jitter 5ms]  each packet arrives that much later\n"
    "  haar fault dns VPC [servfail|timeout]            its resolver fails\n"
    "  haar fault endpoint ENDPOINT [refuse|hang]       a VPC endpoint does not take connections\n"
    "  haar fault service dynamodb --throttle --rate 30% [--operation PutItem]\n"
    "  haar fault service s3 --fail 503 | --fail CODE | --latency 2s\n"
    "  haar fault late-eni STACK|FUNCTION               a profile: interfaces come up after the function's init\n"
    "  haar fault stateless-groups STACK|VPC            a profile: replies need rules too\n"
    "  haar fault failover CLUSTER                      the replica becomes the writer\n"
    "WHAT: a zone, or a function, database, endpoint, interface, subnet or address. VPC: also the name of a stack.";

typedef struct FaultOptions {
  char *length, *name, *rate, *fail, *operation, *latency, *jitter, *data;
  gboolean throttle, json;
} FaultOptions;

/* "30%" or "0.3" -> 0.3 */
static gboolean
parse_rate(const char *text, double *ret_rate)
{
  char *end = NULL;
  double value = g_ascii_strtod(text, &end);
  if (end == text || (*end && strcmp(end, "%") != 0))
    return FALSE;
  *ret_rate = *end ? value / 100 : value;
  return value > 0 && *ret_rate <= 1;
}

/* "200ms", "2s", "5m", "1h" -> ms */
static gboolean
parse_time(const char *text, gint64 *ret_ms)
{
  static const struct { const char *unit; double ms; } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
  char *end = NULL;
  double value = g_ascii_strtod(text, &end);
  for (gsize i = 0; end != text && i < G_N_ELEMENTS(units); i++)
    if (strcmp(end, units[i].unit) == 0) {
      *ret_ms = (gint64) (value * units[i].ms);
      return value > 0 && value * units[i].ms < 1e13;
    }
  return FALSE;
}

/* "1mbit", "512kbit", "1gbit" -> bits a second */
static gboolean
parse_bits(const char *text, gint64 *ret_bits)
{
  static const struct { const char *unit; double bits; } units[] = {{"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"bit", 1}};
  char *end = NULL;
  double value = g_ascii_strtod(text, &end);
  for (gsize i = 0; end != text && i < G_N_ELEMENTS(units); i++)
    if (g_ascii_strcasecmp(end, units[i].unit) == 0) {
      *ret_bits = (gint64) (value * units[i].bits);
      return value > 0 && value * units[i].bits < 1e15;
    }
  return FALSE;
}

static void
put(Arena *arena, Json *object, const char *key, const char *text)
{
  if (text)
    json_set(arena, object, key, json_new_string(arena, text));
}

static Error *
put_time(Arena *arena, Json *object, const char *key, const char *text)
{
  gint64 ms = 0;
  if (!text)
    return NULL;
  if (!parse_time(text, &ms))
    return error_answer("Usage", "'%s' is no time: write 200ms, 30s, 5m or 1h", text);
  json_set(arena, object, key, json_new_int(arena, ms));
  return NULL;
}

static Error *
put_rate(Arena *arena, Json *object, const char *text)
{
  double rate = 0;
  if (!text)
    return NULL;
  if (!parse_rate(text, &rate))
    return error_answer("Usage", "'%s' is no rate: write 30%% or 0.3", text);
  json_set(arena, object, "rate", json_new_double(arena, rate));
  return NULL;
}

/* What a kind takes after its target: nothing, a mode, or an amount, before which another zone may stand. */
typedef enum { TAKES_NOTHING, TAKES_OTHER, TAKES_MODE, TAKES_RATE, TAKES_BITS, TAKES_TIME } Takes;
static const struct { const char *kind; Takes takes; } kinds[] = {
    {"zone", TAKES_NOTHING},     {"cut", TAKES_OTHER},    {"loss", TAKES_RATE},       {"bandwidth", TAKES_BITS},        {"latency", TAKES_TIME},   {"dns", TAKES_MODE},
    {"endpoint", TAKES_MODE},    {"service", TAKES_NOTHING}, {"late-eni", TAKES_NOTHING}, {"stateless-groups", TAKES_NOTHING}, {"failover", TAKES_NOTHING},
};

static Error *
put_amount(Arena *arena, Json *request, Takes takes, const char *text)
{
  gint64 bits = 0;
  if (takes == TAKES_RATE)
    return put_rate(arena, request, text);
  if (takes == TAKES_TIME)
    return put_time(arena, request, "delay_ms", text);
  if (!parse_bits(text, &bits))
    return error_answer("Usage", "'%s' is no bandwidth: write 512kbit, 1mbit or 1gbit", text);
  json_set(arena, request, "bits", json_new_int(arena, bits));
  return NULL;
}

static Error *
put_arguments(Arena *arena, Json *request, const char *kind, int argc, char **argv)
{
  gsize i = 0;
  while (i < G_N_ELEMENTS(kinds) && strcmp(kinds[i].kind, kind) != 0)
    i++;
  if (i == G_N_ELEMENTS(kinds))
    return error_answer("Usage", "there is no fault \"%s\"; `haar fault --help` lists them", kind);
  Takes takes = kinds[i].takes;
  gboolean amount = takes >= TAKES_RATE;
  int most = takes == TAKES_NOTHING ? 1 : amount ? 3 : 2, least = amount ? 2 : 1;
  if (argc < least || argc > most)
    return error_answer("Usage", "`haar fault %s` takes %s; `haar fault --help` shows it", kind, amount ? "a target (and another zone) and an amount" : most == 1 ? "one target" : "a target and one word more");
  put(arena, request, "target", argv[0]);
  if (amount && argc == 3)
    put(arena, request, "other", argv[1]);
  if (amount)
    return put_amount(arena, request, takes, argv[argc - 1]);
  if (argc == 2)
    put(arena, request, takes == TAKES_OTHER ? "other" : "mode", argv[1]);
  return NULL;
}

static void
print_fault(const Json *fault)
{
  const char *until = show_text(fault, "until"), *stack = show_text(fault, "stack");
  printf("%-18s %s\n", show_text(fault, "name"), show_text(fault, "text"));
  printf("%-18s since %s%s%s%s%s\n", "", show_text(fault, "since"), *until ? ", until " : "", until, *stack ? ", of stack " : "", stack);
}

static void
print_json(const Json *json)
{
  g_autoptr(GString) text = g_string_new(NULL);
  json_write_pretty(text, json);
  puts(text->str);
}

static Error *
list(Arena *arena, const Daemon *daemon, const FaultOptions *options)
{
  Json *answer = NULL;
  TRY(cli_call(arena, daemon, "GET", "fault", NULL, &answer));
  const Json *faults = json_get(answer, "faults");
  if (options->json) {
    print_json(answer);
    return NULL;
  }
  for (guint32 i = 0; i < faults->n; i++)
    print_fault(faults->items[i]);
  if (faults->n == 0)
    puts("No fault is on.");
  return NULL;
}

static Error *
lift(Arena *arena, const Daemon *daemon, const char *name)
{
  Json *request = json_new_object(arena), *answer = NULL;
  put(arena, request, "name", name);
  TRY(cli_call(arena, daemon, "POST", "fault/lift", request, &answer));
  const Json *lifted = json_get(answer, "lifted");
  for (guint32 i = 0; i < lifted->n; i++)
    printf("%s is lifted.\n", json_string(lifted->items[i]));
  if (lifted->n == 0)
    puts("No fault was on.");
  return NULL;
}

static Error *
set(Arena *arena, const Daemon *daemon, const FaultOptions *options, int argc, char **argv)
{
  Json *request = json_new_object(arena), *answer = NULL;
  put(arena, request, "kind", argv[0]);
  TRY(put_arguments(arena, request, argv[0], argc - 1, argv + 1));
  put(arena, request, "name", options->name);
  put(arena, request, "operation", options->operation);
  put(arena, request, "fail", options->throttle ? "throttle" : options->fail);
  TRY(put_rate(arena, request, options->rate));
  TRY(put_time(arena, request, "for_ms", options->length));
  TRY(put_time(arena, request, "delay_ms", options->latency));
  TRY(put_time(arena, request, "jitter_ms", options->jitter));
  TRY(cli_call(arena, daemon, "POST", "fault", request, &answer));
  const char *name = show_text(answer, "name"), *until = show_text(answer, "until");
  if (options->json)
    print_json(answer);
  else if (*name)
    printf("%s: %s%s%s\n", name, show_text(answer, "text"), *until ? ", until " : "", until);
  else
    printf("%s\n", show_text(answer, "text"));
  return NULL;
}

COMMAND(fault, run_fault, "rehearse failures: zones, packets, names, endpoints, services, databases")
static int
run_fault(int argc, char **argv)
{
  FaultOptions options = {0};
  const GOptionEntry entries[] = {
      {"for", 0, 0, G_OPTION_ARG_STRING, &options.length, "Lift it after this time of haar's clock: 30s, 5m, 1h", "TIME"},
      {"name", 0, 0, G_OPTION_ARG_STRING, &options.name, "Call it this", "NAME"},
      {"rate", 0, 0, G_OPTION_ARG_STRING, &options.rate, "service: this share of the calls (all)", "30%"},
      {"throttle", 0, 0, G_OPTION_ARG_NONE, &options.throttle, "service: answer its throttling error", NULL},
      {"fail", 0, 0, G_OPTION_ARG_STRING, &options.fail, "service: answer this error: InternalFailure (500), ServiceUnavailable (503), or any code", "CODE"},
      {"operation", 0, 0, G_OPTION_ARG_STRING, &options.operation, "service: only this operation", "NAME"},
      {"latency", 0, 0, G_OPTION_ARG_STRING, &options.latency, "service: answer later by this time", "TIME"},
      {"jitter", 0, 0, G_OPTION_ARG_STRING, &options.jitter, "latency: more or less by at most this time", "TIME"},
      {"json", 0, 0, G_OPTION_ARG_NONE, &options.json, "Print JSON", NULL},
      {"data", 'd', 0, G_OPTION_ARG_FILENAME, &options.data, "Data directory ($XDG_DATA_HOME/haar)", "DIR"},
      {NULL},
  };
  if (!cli_options(&argc, &argv, entries, "[KIND TARGET ... | lift NAME]", summary))
    return CLI_USAGE;
  g_autoptr(Arena) arena = arena_new();
  Daemon daemon = cli_daemon(arena, options.data);
  gboolean lifts = argc > 1 && strcmp(argv[1], "lift") == 0, lists = argc == 1 || (argc == 2 && strcmp(argv[1], "list") == 0);
  Error *error = lists ? list(arena, &daemon, &options)
    : lifts && argc != 3 ? error_answer("Usage", "write `haar fault lift NAME`, or `haar fault lift all`")
    : lifts ? lift(arena, &daemon, argv[2]) : set(arena, &daemon, &options, argc - 1, argv + 1);
  char *const owned[] = {options.length, options.name, options.rate, options.fail, options.operation, options.latency, options.jitter, options.data};
  for (gsize i = 0; i < G_N_ELEMENTS(owned); i++)
    g_free(owned[i]);
  gboolean usage = error && error_is(error, "Usage");
  return error ? (cli_fail(error), usage ? CLI_USAGE : CLI_FAILED) : CLI_GOOD;
}
