#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { DEFAULT_PORT = 4566, DEFAULT_DNS_PORT = 4553 };

typedef struct Words {
  char *data, *region, *durability, *network, *egress;
  int port, dns_port;
  gboolean detach;
} Words;

static gboolean
one_of(const char *option, const char *value, const char *a, const char *b)
{
  if (!value || strcmp(value, a) == 0 || strcmp(value, b) == 0)
    return TRUE;
  fprintf(stderr, "haar serve: %s has to be %s or %s, not \"%s\"\n", option, a, b, value);
  return FALSE;
}

static char *
default_region(void)
{
  const char *region = g_getenv("AWS_DEFAULT_REGION");
  if (!region || !*region)
    region = g_getenv("AWS_REGION");
  return g_strdup(region && *region ? region : "us-east-1");
}

static int
serve(const Words *words)
{
  g_autofree char *directory = cli_data_directory(words->data);
  g_autofree char *region = words->region ? g_strdup(words->region) : default_region();
  ServeOptions options = {
      .data_directory = directory,
      .region = region,
      .port = words->port,
      .dns_port = words->dns_port,
      .detach = words->detach,
      .disk = words->durability && strcmp(words->durability, "disk") == 0,
      .network_off = words->network && strcmp(words->network, "off") == 0,
      .egress = words->egress && strcmp(words->egress, "host") == 0,
  };
  return daemon_run(&options);
}

static void
clear_words(Words *words)
{
  g_free(words->data);
  g_free(words->region);
  g_free(words->durability);
  g_free(words->network);
  g_free(words->egress);
}

COMMAND(serve, run_serve, "start haar; it runs until it is told to stop")
static int
run_serve(int argc, char **argv)
{
  Words words = {.port = DEFAULT_PORT, .dns_port = -DEFAULT_DNS_PORT};
  const GOptionEntry entries[] = {
      {"port", 'p', 0, G_OPTION_ARG_INT, &words.port, "Port for the API, plain and TLS (4566)", "N"},
      {"dns-port", 0, 0, G_OPTION_ARG_INT, &words.dns_port, "Port for DNS, UDP and TCP (4553, or another if it is taken)", "N"},
      {"data", 'd', 0, G_OPTION_ARG_FILENAME, &words.data, "Data directory ($XDG_DATA_HOME/haar)", "DIR"},
      {"region", 'r', 0, G_OPTION_ARG_STRING, &words.region, "Region of callers that name none (us-east-1)", "REGION"},
      {"durability", 0, 0, G_OPTION_ARG_STRING, &words.durability, "What survives: process (kill -9) or disk (power loss too)",
       "process|disk"},
      {"network", 0, 0, G_OPTION_ARG_STRING, &words.network, "off: no VPCs, functions and databases; default: on", "on|off"},
      {"egress", 0, 0, G_OPTION_ARG_STRING, &words.egress, "host: internet and NAT gateways lead to the real internet; default: off", "off|host"},
      {"detach", 0, 0, G_OPTION_ARG_NONE, &words.detach, "Go on in the background once it is ready", NULL},
      {NULL},
  };
  int code = CLI_USAGE;
  if (cli_options(&argc, &argv, entries, NULL, "Starts haar.")) {
    if (argc > 1)
      fprintf(stderr, "haar serve: \"%s\" is not an option\n", argv[1]);
    else if (words.port < 0 || words.port > 65535)
      fprintf(stderr, "haar serve: --port has to be 0 to 65535 (0: any free one)\n");
    else if (one_of("--durability", words.durability, "process", "disk") && one_of("--network", words.network, "on", "off") &&
             one_of("--egress", words.egress, "off", "host"))
      code = serve(&words);
  }
  clear_words(&words);
  return code;
}
