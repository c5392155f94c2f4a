#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const char summary[] =
  "Shows the network. (`haar why SRC DST` shows the way that a packet takes through it.)\n"
  "  haar net                                   VPCs and their interfaces\n"
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

COMMAND(net, run_net, "show the network; cut a zone off")
static int run_net(int argc, char **argv) {
  g_autofree char *data = NULL;
  const GOptionEntry entries[] = {
    {"data", 'd', 0, G_OPTION_ARG_FILENAME, &data, "Data directory ($XDG_DATA_HOME/haar)", "DIR"},
    {NULL},
  };
  if (!cli_options(&argc, &argv, entries, "[cut ZONE | heal ZONE]", summary))
    return CLI_USAGE;
  if (argc == 1)
    return show(data);
  if (argc == 3 && (strcmp(argv[1], "cut") == 0 || strcmp(argv[1], "heal") == 0))
    return cut(data, argv[2], argv[1][0] == 'c');
  fprintf(stderr, "haar net: write `haar net`, `haar net cut ZONE` or `haar net heal ZONE`\n");
  return CLI_USAGE;
}
