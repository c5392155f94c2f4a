#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const char summary[] =
  "Shows the network, and the way that a packet takes through it.\n"
  "  haar net                                   VPCs and their interfaces\n"
  "  haar net trace eni-0a1 dynamodb.us-east-1.amazonaws.com:443\n"
  "  haar net trace 10.0.10.5 10.0.20.7:3306    SRC: an interface or its address; DST: an address, an interface or a name; port 443 if none\n"
  "  haar net cut us-east-1b                    no packet enters or leaves this zone (or this interface), as in an outage\n"
  "  haar net heal us-east-1b";

static const char *text_of(const Json *object, const char *key) {
  const char *text = json_string(json_get(object, key));
  return text ? text : "";
}

static int show(const char *data) {
  g_autoptr(Arena) arena = arena_new();
  Daemon daemon = cli_daemon(arena, data);
  Json *out = NULL;
  Error *error = cli_call(arena, &daemon, "GET", "net", NULL, &out);
  if (error)
    return cli_fail(error);
  fputs(*text_of(out, "text") ? text_of(out, "text") : "There is no VPC.\n", stdout);
  return CLI_GOOD;
}

static void print_trace(const Json *out) {
  const Json *steps = json_get(out, "steps"), *delivered = json_get(out, "delivered");
  for (guint32 i = 0; steps && i < steps->n; i++) {
    const Json *passed = json_get(steps->items[i], "passed");
    printf("%s %-26s %s\n", passed && passed->type == JSON_TRUE ? "pass" : "DROP", text_of(steps->items[i], "stage"), text_of(steps->items[i], "text"));
  }
  if (delivered && delivered->type == JSON_TRUE) {
    printf("%s is reached.\n", text_of(out, "destination"));
    return;
  }
  printf("%s\nMend: %s\n", text_of(out, "why"), text_of(out, "mend"));
}

static int trace(const char *data, const char *source, const char *destination) {
  g_autoptr(Arena) arena = arena_new();
  Daemon daemon = cli_daemon(arena, data);
  Json *out = NULL;
  const char *colon = strrchr(destination, ':');
  const char *host = colon ? arena_strndup(arena, destination, (gsize) (colon - destination)) : destination;
  const char *path = arena_printf(arena, "net/trace?src=%s&dst=%s&port=%s", text_uri_encode(arena, source, FALSE), text_uri_encode(arena, host, FALSE),
                                  text_uri_encode(arena, colon ? colon + 1 : "443", FALSE));
  Error *error = cli_call(arena, &daemon, "GET", path, NULL, &out);
  if (error)
    return cli_fail(error);
  print_trace(out);
  return CLI_GOOD;
}

static int cut(const char *data, const char *target, gboolean off) {
  g_autoptr(Arena) arena = arena_new();
  Daemon daemon = cli_daemon(arena, data);
  Json *in = json_new_object(arena), *out = NULL;
  json_set(arena, in, "target", json_new_string(arena, target));
  json_set(arena, in, "cut", json_new_bool(arena, off));
  Error *error = cli_call(arena, &daemon, "POST", "net/cut", in, &out);
  if (error)
    return cli_fail(error);
  printf("%s is %s.\n", target, off ? "cut off" : "whole again");
  return CLI_GOOD;
}

COMMAND(net, run_net, "show the network; trace a packet: net trace SRC DST[:PORT]; cut a zone off")
static int run_net(int argc, char **argv) {
  g_autofree char *data = NULL;
  const GOptionEntry entries[] = {
    {"data", 'd', 0, G_OPTION_ARG_FILENAME, &data, "Data directory ($XDG_DATA_HOME/haar)", "DIR"},
    {NULL},
  };
  if (!cli_options(&argc, &argv, entries, "[trace SRC DST[:PORT] | cut ZONE | heal ZONE]", summary))
    return CLI_USAGE;
  if (argc == 1)
    return show(data);
  if (argc == 4 && strcmp(argv[1], "trace") == 0)
    return trace(data, argv[2], argv[3]);
  if (argc == 3 && (strcmp(argv[1], "cut") == 0 || strcmp(argv[1], "heal") == 0))
    return cut(data, argv[2], argv[1][0] == 'c');
  fprintf(stderr, "haar net: write `haar net`, `haar net trace SRC DST:PORT`, `haar net cut ZONE` or `haar net heal ZONE`\n");
  return CLI_USAGE;
}
