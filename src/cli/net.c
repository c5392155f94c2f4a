/* haar net: each VPC as text, in at most 100 columns. */
#include <stdio.h>
#include <string.h>

#include "cli/show.h"

enum { COLUMNS = 100 };

static const char summary[] =
  "Draws each VPC: subnets by zone with what is in them, route tables with their ways out, endpoints, and who reaches whom.\n"
  "  haar net               all VPCs\n"
  "  haar net payments      the VPC of a stack (or by its id)\n"
  "`haar why SRC DST` shows one way hop by hop; `haar fault` cuts things off.";

/* "FunctionGroup" of "sg-0a1 (FunctionGroup)": names are shorter than ids. */
static const char *short_name(Arena *arena, const char *text) {
  const char *open = strstr(text, " ("), *close = open ? strchr(open, ')') : NULL;
  return open && close ? arena_printf(arena, "%.*s%s", (int) (close - open - 2), open + 2, close + 1) : text;
}

/* All of them, in a list such as "sg-1 (A), sg-2 (B)". */
static const char *short_names(Arena *arena, const char *text) {
  g_auto(GStrv) parts = g_strsplit(text, ", ", -1);
  g_autoptr(GString) out = g_string_new(NULL);
  for (guint i = 0; parts[i]; i++)
    g_string_append_printf(out, "%s%s", i ? ", " : "", short_name(arena, parts[i]));
  return arena_strdup(arena, out->str);
}

static const char *id_name(Arena *arena, const Json *object) {
  const char *name = show_text(object, "name");
  return *name ? arena_printf(arena, "%s (%s)", name, show_text(object, "id")) : show_text(object, "id");
}

/* A line of at most 100 characters: what is longer ends in "...". */
static void print_line(const char *format, ...) G_GNUC_PRINTF(1, 2);
static void print_line(const char *format, ...) {
  va_list args;
  va_start(args, format);
  g_autofree char *line = g_strdup_vprintf(format, args);
  va_end(args);
  g_strchomp(line);
  if (g_utf8_strlen(line, -1) <= COLUMNS) {
    puts(line);
    return;
  }
  g_autofree char *part = g_utf8_substring(line, 0, COLUMNS - 3);
  printf("%s...\n", part);
}

static const char *joined(Arena *arena, const Json *list) {
  g_autoptr(GString) out = g_string_new(NULL);
  for (guint32 i = 0; list && i < list->n; i++)
    g_string_append_printf(out, "%s%s", i ? ", " : "", short_name(arena, json_string(list->items[i])));
  return arena_strdup(arena, out->str);
}

static void print_subnet(Arena *arena, const Json *subnet) {
  const Json *interfaces = json_get(subnet, "interfaces");
  print_line("    %s  %s  routes: %s", id_name(arena, subnet), show_text(subnet, "cidr"), short_name(arena, show_text(subnet, "table")));
  for (guint32 i = 0; i < interfaces->n; i++) {
    const Json *eni = interfaces->items[i];
    const char *public = show_text(eni, "public");
    print_line("      %-15s %-52s %s%s%s", show_text(eni, "address"), show_text(eni, "owner"), joined(arena, json_get(eni, "groups")), *public ? "  public " : "", public);
  }
}

static int by_text(gconstpointer a, gconstpointer b) { return strcmp(*(const char *const *) a, *(const char *const *) b); }

static void print_zones(Arena *arena, const Json *subnets) {
  g_autoptr(GPtrArray) zones = g_ptr_array_new();
  for (guint32 i = 0; i < subnets->n; i++)
    g_ptr_array_add(zones, (gpointer) show_text(subnets->items[i], "zone"));
  g_ptr_array_sort(zones, by_text);
  for (guint z = 0; z < zones->len; z++) {
    if (z && strcmp(zones->pdata[z], zones->pdata[z - 1]) == 0)
      continue;
    print_line("  %s", (const char *) zones->pdata[z]);
    for (guint32 i = 0; i < subnets->n; i++)
      if (strcmp(show_text(subnets->items[i], "zone"), zones->pdata[z]) == 0)
        print_subnet(arena, subnets->items[i]);
  }
}

static void print_tables(Arena *arena, const Json *tables) {
  print_line("  route tables");
  for (guint32 i = 0; i < tables->n; i++) {
    const Json *routes = json_get(tables->items[i], "routes");
    print_line("    %s%s", id_name(arena, tables->items[i]), routes->n ? "" : "  no way out of the VPC");
    for (guint32 j = 0; j < routes->n; j++)
      print_line("      %-18s via %s", show_text(routes->items[j], "to"), short_name(arena, show_text(routes->items[j], "via")));
  }
}

static void print_endpoints(Arena *arena, const Json *endpoints) {
  if (endpoints->n)
    print_line("  endpoints");
  for (guint32 i = 0; i < endpoints->n; i++) {
    const Json *endpoint = endpoints->items[i];
    gboolean interface = strcmp(show_text(endpoint, "kind"), "interface") == 0;
    print_line("    %-18s %-9s %s%s", show_text(endpoint, "service"), show_text(endpoint, "kind"), id_name(arena, endpoint),
               !interface ? "" : show_true(endpoint, "private_dns") ? "  private DNS" : "  no private DNS");
  }
}

static void print_reaches(Arena *arena, const Json *reaches) {
  print_line("  who reaches whom (routes, groups and ACLs together)");
  for (guint32 i = 0; i < reaches->n; i++) {
    const Json *reach = reaches->items[i];
    const char *by = show_text(reach, "by"), *to = short_names(arena, show_text(reach, "to"));
    print_line("    %-28s -> %-42s %s%s", short_names(arena, show_text(reach, "from")), *by ? arena_printf(arena, "%s by %s", to, short_name(arena, by)) : to, show_text(reach, "what"),
               show_true(reach, "all") ? "" : "  (from some)");
  }
  if (reaches->n == 0)
    print_line("    nobody reaches anything");
}

static void print_vpc(Arena *arena, const Json *vpc) {
  const char *gateway = show_text(vpc, "internet_gateway");
  print_line("%s  %s  %s  %s%s", id_name(arena, vpc), show_text(vpc, "cidr"), show_text(vpc, "region"), *gateway ? "internet gateway " : "no internet gateway",
             short_name(arena, gateway));
  if (!show_true(vpc, "dns_support") || !show_true(vpc, "dns_hostnames"))
    print_line("  DNS: %s", show_true(vpc, "dns_support") ? "no host names: private DNS of endpoints is off" : "no resolver");
  if (show_true(vpc, "stateless_groups"))
    print_line("  fault: stateless-groups");
  print_zones(arena, json_get(vpc, "subnets"));
  print_tables(arena, json_get(vpc, "tables"));
  print_endpoints(arena, json_get(vpc, "endpoints"));
  print_reaches(arena, json_get(vpc, "reaches"));
}

static Error *show(Arena *arena, const Daemon *daemon, const char *name, gboolean as_json) {
  Json *answer = NULL;
  TRY(cli_call(arena, daemon, "GET", name ? arena_printf(arena, "net?vpc=%s", text_uri_encode(arena, name, FALSE)) : "net", NULL, &answer));
  if (as_json) {
    g_autoptr(GString) text = g_string_new(NULL);
    json_write_pretty(text, answer);
    puts(text->str);
    return NULL;
  }
  const Json *vpcs = json_get(answer, "vpcs");
  for (guint32 i = 0; i < vpcs->n; i++) {
    if (i)
      puts("");
    print_vpc(arena, vpcs->items[i]);
  }
  if (vpcs->n == 0)
    puts("There is no VPC.");
  const Json *on = json_get(answer, "network");
  fflush(stdout);
  if (on && on->type == JSON_FALSE)
    fprintf(stderr, "haar net: the network is off (%s): this is what is stored, no packet obeys it\n", show_text(answer, "network_off_reason"));
  return NULL;
}

COMMAND(net, run_net, "draw the network: what is where, and who reaches whom")
static int run_net(int argc, char **argv) {
  g_autofree char *data = NULL;
  gboolean as_json = FALSE;
  const GOptionEntry entries[] = {
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print JSON", NULL},
    {"data", 'd', 0, G_OPTION_ARG_FILENAME, &data, "Data directory ($XDG_DATA_HOME/haar)", "DIR"},
    {NULL},
  };
  if (!cli_options(&argc, &argv, entries, "[STACK | VPC]", summary))
    return CLI_USAGE;
  if (argc > 2)
    return cli_wrong("net", "write `haar net` or `haar net STACK`");
  g_autoptr(Arena) arena = arena_new();
  Daemon daemon = cli_daemon(arena, data);
  Error *error = show(arena, &daemon, argc == 2 ? argv[1] : NULL, as_json);
  return error ? cli_fail(error) : CLI_GOOD;
}
