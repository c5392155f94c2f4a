/* haar check: what a template's functions, databases and endpoints will need to reach and cannot; without a daemon. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check/check.h"
#include "cli/cli.h"

static const char summary[] =
  "Reads templates, without deploying them, and tells what their functions, databases and endpoints will need to reach and cannot:\n"
  "what will happen on AWS, where, why, the smallest mend, and how certain that is.\n"
  "Exit status: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage or a template that cannot be read.";

enum { TEMPLATE_MAX = 1024 * 1024 };

typedef struct Options {
  char *format, *fail_on, *parameters_file, *region;
  char **parameters, **enable, **disable;
  gboolean list_rules;
  Severity least;            /* of --fail-on */
} Options;

static int
list_rules(void)
{
  for (guint i = 0; i < RULE_COUNT; i++)
    printf("%-26s %-8s %s%s\n", check_rules[i].name, check_severity_name(check_rules[i].severity), check_rules[i].title,
           check_rules[i].on ? "" : " (off; --enable)");
  return CLI_GOOD;
}

/* Sets `off` of each named rule; names may be separated by commas. Returns the name that is none, or NULL. */
static const char *
switch_rules(char **names, gboolean off, CheckRequest *request, Arena *arena)
{
  for (char **each = names; each && *each; each++) {
    g_auto(GStrv) parts = g_strsplit(*each, ",", -1);
    for (char **part = parts; *part; part++) {
      RuleId rule = check_rule_find(*part);
      if (rule == RULE_COUNT)
        return arena_strdup(arena, *part);
      request->off[rule] = off;
    }
  }
  return NULL;
}

/* [{"ParameterKey": ..., "ParameterValue": ...}], {"Name": "value"}, or CodePipeline's {"Parameters": {...}}. */
static Error *
read_parameters_file(Arena *arena, const char *path, const Json **ret_list)
{
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  gsize size = 0;
  Json *root = NULL;
  if (!g_file_get_contents(path, &text, &size, &error))
    return error_answer("NoParameters", "%s", error->message);
  TRY(error_prefix(json_parse(arena, text, size, &root), "%s", path));
  if (json_get(root, "Parameters"))
    root = json_get(root, "Parameters");
  if (root->type == JSON_ARRAY) {
    *ret_list = root;
    return NULL;
  }
  if (root->type != JSON_OBJECT)
    return error_answer("NoParameters", "%s: a list of {\"ParameterKey\", \"ParameterValue\"}, or an object of names and values", path);
  Json *list = json_new_array(arena);
  for (guint i = 0; i < root->n; i++) {
    Json *pair = json_new_object(arena);
    json_set(arena, pair, "ParameterKey", json_new_string(arena, root->members[i].key));
    json_set(arena, pair, "ParameterValue", root->members[i].value);
    json_append(arena, list, pair);
  }
  *ret_list = list;
  return NULL;
}

static Error *
check_file(Arena *arena, const char *path, CheckRequest *request, CheckResult *ret_result)
{
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  gsize size = 0;
  if (!g_file_get_contents(path, &text, &size, &error))
    return error_answer("NoTemplate", "%s", error->message);
  if (size > TEMPLATE_MAX)
    return error_answer("TemplateTooLarge", "%s is larger than 1 MiB, CloudFormation's limit", path);
  request->path = path;
  request->text = arena_memdup(arena, text, size);
  request->size = size;
  return error_prefix(check_template(arena, request, ret_result), "%s", path);
}

static gboolean
is_terminal(void)
{
  const char *no_colour = g_getenv("NO_COLOR"), *terminal = g_getenv("TERM");
  return isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && g_strcmp0(terminal, "dumb") != 0;
}

static void
count(const CheckResult *results, guint n, guint counts[3], gsize *ret_suppressed)
{
  for (guint i = 0; i < n; i++) {
    for (gsize j = 0; j < results[i].n; j++)
      counts[results[i].findings[j].severity]++;
    *ret_suppressed += results[i].n_suppressed;
  }
}

static void
print_human(const CheckResult *results, guint n, GString *out)
{
  guint counts[3] = { 0 };
  gsize suppressed = 0;
  for (guint i = 0; i < n; i++)
    check_report_human(out, &results[i], is_terminal());
  count(results, n, counts, &suppressed);
  g_string_append_printf(out, "%u template%s: %u error%s, %u warning%s, %u note%s", n, n == 1 ? "" : "s", counts[SEVERITY_ERROR],
                         counts[SEVERITY_ERROR] == 1 ? "" : "s", counts[SEVERITY_WARNING], counts[SEVERITY_WARNING] == 1 ? "" : "s",
                         counts[SEVERITY_NOTE], counts[SEVERITY_NOTE] == 1 ? "" : "s");
  if (suppressed)
    g_string_append_printf(out, ", %" G_GSIZE_FORMAT " ignored by Metadata", suppressed);
  g_string_append_c(out, '\n');
}

static void
print_results(const Options *options, const CheckResult *results, guint n)
{
  g_autoptr(GString) out = g_string_new(NULL);
  const char *format = options->format ? options->format : "human";
  if (strcmp(format, "json") == 0) {
    check_report_json(out, results, n);
  } else if (strcmp(format, "sarif") == 0) {
    check_report_sarif(out, results, n);
  } else if (strcmp(format, "github") == 0) {
    for (guint i = 0; i < n; i++)
      check_report_github(out, &results[i]);
  } else {
    print_human(results, n, out);
  }
  fputs(out->str, stdout);
}

static int
check_all(Arena *arena, const Options *options, CheckRequest *request, char **paths, guint n)
{
  CheckResult *results = ARENA_ARRAY(arena, CheckResult, n);
  gboolean failed = FALSE;
  for (guint i = 0; i < n; i++) {
    g_autoptr(Error) error = check_file(arena, paths[i], request, &results[i]);
    if (error)
      return cli_wrong("check", "%s", error->message);
  }
  print_results(options, results, n);
  for (guint i = 0; i < n; i++) {
    for (gsize j = 0; j < results[i].n; j++)
      failed = failed || results[i].findings[j].severity >= options->least;
  }
  return failed ? CLI_FAILED : CLI_GOOD;
}

/* FALSE: a word that is none of the three. */
static gboolean
read_severity(const char *text, Severity *ret_severity)
{
  for (guint i = SEVERITY_NOTE; i <= SEVERITY_ERROR; i++) {
    if (strcmp(text, check_severity_name((Severity) i)) == 0) {
      *ret_severity = (Severity) i;
      return TRUE;
    }
  }
  return FALSE;
}

static int
run_with(Arena *arena, Options *options, char **paths, guint n)
{
  static const char *const formats[] = { "human", "json", "sarif", "github", NULL };
  CheckRequest request = { .region = options->region, .parameters = options->parameters };
  for (guint i = 0; i < RULE_COUNT; i++)
    request.off[i] = !check_rules[i].on;
  options->least = SEVERITY_ERROR;
  if (options->format && !g_strv_contains(formats, options->format))
    return cli_wrong("check", "--format %s: human, json, sarif or github", options->format);
  if (options->fail_on && !read_severity(options->fail_on, &options->least))
    return cli_wrong("check", "--fail-on %s: error, warning or note", options->fail_on);
  const char *unknown = switch_rules(options->enable, FALSE, &request, arena);
  if (!unknown)
    unknown = switch_rules(options->disable, TRUE, &request, arena);
  if (unknown)
    return cli_wrong("check", "there is no rule \"%s\"; --list-rules shows them", unknown);
  if (options->parameters_file) {
    g_autoptr(Error) error = read_parameters_file(arena, options->parameters_file, &request.parameter_list);
    if (error)
      return cli_wrong("check", "%s", error->message);
  }
  if (n == 0)
    return cli_wrong("check", "%s", "it needs a template: haar check template.yaml");
  return check_all(arena, options, &request, paths, n);
}

static void
options_clear(Options *options)
{
  g_free(options->format);
  g_free(options->fail_on);
  g_free(options->parameters_file);
  g_free(options->region);
  g_strfreev(options->parameters);
  g_strfreev(options->enable);
  g_strfreev(options->disable);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

COMMAND(check, run_check, "what a template needs to reach and cannot, before it is deployed")
static int
run_check(int argc, char **argv)
{
  g_autoptr(Arena) arena = arena_new();
  g_auto(Options) options = { 0 };
  const GOptionEntry entries[] = {
    { "parameter", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &options.parameters, "A parameter's value; may be given again", "NAME=VALUE" },
    { "parameters-file", 0, 0, G_OPTION_ARG_FILENAME, &options.parameters_file, "Parameters as JSON", "FILE" },
    { "region", 0, 0, G_OPTION_ARG_STRING, &options.region, "Region that the template is for (us-east-1)", "REGION" },
    { "format", 'f', 0, G_OPTION_ARG_STRING, &options.format, "human, json, sarif or github (human)", "FORMAT" },
    { "fail-on", 0, 0, G_OPTION_ARG_STRING, &options.fail_on, "The least severity that fails: error, warning or note (error)", "SEVERITY" },
    { "disable", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.disable, "Do not look for this; may be given again", "RULE" },
    { "enable", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.enable, "Look for this, which is off otherwise", "RULE" },
    { "list-rules", 0, 0, G_OPTION_ARG_NONE, &options.list_rules, "Show what is looked for", NULL },
    { NULL },
  };
  if (!cli_options(&argc, &argv, entries, "TEMPLATE...", summary))
    return CLI_USAGE;
  if (options.list_rules)
    return list_rules();
  return run_with(arena, &options, argv + 1, (guint) argc - 1);
}
