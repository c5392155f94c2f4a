/* report: findings for people, for programs, and for the services that show them beside the code. */
#include "check/check.h"

#include <string.h>

/* -- people ------------------------------------------------------------------------------------------------------------------ */

typedef struct Colours { const char *bold, *dim, *severity[3], *end; } Colours;

static const Colours plain = { "", "", { "", "", "" }, "" };
static const Colours coloured = { "\033[1m", "\033[2m", { "\033[36m", "\033[33m", "\033[31m" }, "\033[0m" };

enum { TEXT_COLUMN = 11, LINE_WIDTH = 120 };

/* A labelled paragraph, wrapped. */
static void
write_paragraph(GString *out, const Colours *c, const char *label, const char *text)
{
  g_string_append_printf(out, "  %s%-*s%s", c->dim, TEXT_COLUMN - 2, label, c->end);
  gsize column = TEXT_COLUMN;
  g_auto(GStrv) parts = g_strsplit(text, " ", -1);
  for (char **part = parts; *part; part++) {
    gsize n = (gsize) g_utf8_strlen(*part, -1);
    if (part != parts && column + 1 + n > LINE_WIDTH) {
      g_string_append_printf(out, "\n%*s", TEXT_COLUMN, "");
      column = TEXT_COLUMN;
    } else if (part != parts) {
      g_string_append_c(out, ' ');
      column++;
    }
    g_string_append(out, *part);
    column += n;
  }
  g_string_append_c(out, '\n');
}

static void
write_mend(GString *out, const Colours *c, const char *mend)
{
  g_auto(GStrv) lines = g_strsplit(mend, "\n", -1);
  g_string_append_printf(out, "  %smend%s\n", c->dim, c->end);
  for (char **line = lines; *line; line++)
    g_string_append_printf(out, "      %s\n", *line);
}

static void
write_finding(GString *out, const Colours *c, const Finding *finding)
{
  g_string_append_printf(out, "%s%s:%u:%u:%s %s%s%s: ", c->bold, finding->file, finding->line, finding->column, c->end,
                         c->severity[finding->severity], check_severity_name(finding->severity), c->end);
  if (finding->logical_id)
    g_string_append_printf(out, "%s%s%s: ", c->bold, finding->logical_id, c->end);
  g_string_append_printf(out, "%s %s[%s]%s\n", check_rules[finding->rule].title, c->dim, check_rules[finding->rule].name, c->end);
  write_paragraph(out, c, "on AWS", finding->what);
  write_paragraph(out, c, "why", finding->why);
  write_paragraph(out, c, check_certainty_name(finding->certainty), finding->reason);
  if (finding->mend)
    write_mend(out, c, finding->mend);
  g_string_append_c(out, '\n');
}

void
check_report_human(GString *out, const CheckResult *result, gboolean colour)
{
  for (gsize i = 0; i < result->n; i++)
    write_finding(out, colour ? &coloured : &plain, &result->findings[i]);
}

/* -- GitHub ------------------------------------------------------------------------------------------------------------------ */

/* https://docs.github.com/actions/reference/workflow-commands-for-github-actions */
static void
write_escaped(GString *out, const char *text, gboolean property)
{
  for (; *text; text++) {
    if (*text == '%' || *text == '\r' || *text == '\n' || (property && (*text == ':' || *text == ',')))
      g_string_append_printf(out, "%%%02X", (guchar) *text);
    else
      g_string_append_c(out, *text);
  }
}

void
check_report_github(GString *out, const CheckResult *result)
{
  static const char *const levels[] = { [SEVERITY_NOTE] = "notice", [SEVERITY_WARNING] = "warning", [SEVERITY_ERROR] = "error" };
  for (gsize i = 0; i < result->n; i++) {
    const Finding *finding = &result->findings[i];
    g_autofree char *text = g_strdup_printf("%s\nwhy: %s\n%s: %s%s%s", finding->what, finding->why, check_certainty_name(finding->certainty),
                                            finding->reason, finding->mend ? "\nmend:\n" : "", finding->mend ? finding->mend : "");
    g_string_append_printf(out, "::%s file=", levels[finding->severity]);
    write_escaped(out, finding->file, TRUE);
    g_string_append_printf(out, ",line=%u,col=%u,title=", finding->line, finding->column);
    g_autofree char *title = g_strdup_printf("%s%s%s [%s]", finding->logical_id ? finding->logical_id : "", finding->logical_id ? ": " : "",
                                             check_rules[finding->rule].title, check_rules[finding->rule].name);
    write_escaped(out, title, TRUE);
    g_string_append(out, "::");
    write_escaped(out, text, FALSE);
    g_string_append_c(out, '\n');
  }
}

/* -- programs ---------------------------------------------------------------------------------------------------------------- */

static void
set_text(Arena *arena, Json *object, const char *key, const char *text)
{
  if (text)
    json_set(arena, object, key, json_new_string(arena, text));
}

static Json *
finding_json(Arena *arena, const Finding *finding)
{
  Json *json = json_new_object(arena);
  set_text(arena, json, "rule", check_rules[finding->rule].name);
  set_text(arena, json, "severity", check_severity_name(finding->severity));
  set_text(arena, json, "certainty", check_certainty_name(finding->certainty));
  set_text(arena, json, "file", finding->file);
  json_set(arena, json, "line", json_new_int(arena, finding->line));
  json_set(arena, json, "column", json_new_int(arena, finding->column));
  set_text(arena, json, "logicalId", finding->logical_id);
  set_text(arena, json, "title", check_rules[finding->rule].title);
  set_text(arena, json, "onAws", finding->what);
  set_text(arena, json, "why", finding->why);
  set_text(arena, json, "reason", finding->reason);
  set_text(arena, json, "mend", finding->mend);
  return json;
}

void
check_report_json(GString *out, const CheckResult *results, gsize n)
{
  g_autoptr(Arena) arena = arena_new();
  Json *root = json_new_object(arena), *list = json_new_array(arena);
  gsize suppressed = 0;
  for (gsize i = 0; i < n; i++) {
    for (gsize j = 0; j < results[i].n; j++)
      json_append(arena, list, finding_json(arena, &results[i].findings[j]));
    suppressed += results[i].n_suppressed;
  }
  json_set(arena, root, "findings", list);
  json_set(arena, root, "suppressed", json_new_int(arena, (gint64) suppressed));
  json_write_pretty(out, root);
  g_string_append_c(out, '\n');
}

static Json *
text_object(Arena *arena, const char *text)
{
  Json *json = json_new_object(arena);
  set_text(arena, json, "text", text);
  return json;
}

static Json *
sarif_rules(Arena *arena)
{
  static const char *const levels[] = { "note", "warning", "error" };
  Json *list = json_new_array(arena);
  for (guint i = 0; i < RULE_COUNT; i++) {
    Json *rule = json_new_object(arena), *configuration = json_new_object(arena);
    set_text(arena, rule, "id", check_rules[i].name);
    json_set(arena, rule, "shortDescription", text_object(arena, check_rules[i].title));
    set_text(arena, configuration, "level", levels[check_rules[i].severity]);
    json_set(arena, configuration, "enabled", json_new_bool(arena, check_rules[i].on));
    json_set(arena, rule, "defaultConfiguration", configuration);
    json_append(arena, list, rule);
  }
  return list;
}

static Json *
sarif_location(Arena *arena, const Finding *finding)
{
  Json *location = json_new_object(arena), *physical = json_new_object(arena), *artifact = json_new_object(arena), *region = json_new_object(arena);
  set_text(arena, artifact, "uri", text_uri_encode(arena, finding->file, TRUE));
  json_set(arena, region, "startLine", json_new_int(arena, finding->line));
  json_set(arena, region, "startColumn", json_new_int(arena, finding->column));
  json_set(arena, physical, "artifactLocation", artifact);
  json_set(arena, physical, "region", region);
  json_set(arena, location, "physicalLocation", physical);
  if (finding->logical_id) {
    Json *logical = json_new_object(arena), *list = json_new_array(arena);
    set_text(arena, logical, "name", finding->logical_id);
    set_text(arena, logical, "kind", "resource");
    json_append(arena, list, logical);
    json_set(arena, location, "logicalLocations", list);
  }
  return location;
}

static Json *
sarif_result(Arena *arena, const Finding *finding)
{
  Json *result = json_new_object(arena), *locations = json_new_array(arena), *properties = json_new_object(arena);
  set_text(arena, result, "ruleId", check_rules[finding->rule].name);
  json_set(arena, result, "ruleIndex", json_new_int(arena, finding->rule));
  set_text(arena, result, "level", check_severity_name(finding->severity));
  json_set(arena, result, "message", text_object(arena, arena_printf(arena, "%s\n\nWhy: %s\n\n%s: %s%s%s", finding->what, finding->why,
    check_certainty_name(finding->certainty), finding->reason, finding->mend ? "\n\nMend:\n" : "", finding->mend ? finding->mend : "")));
  json_append(arena, locations, sarif_location(arena, finding));
  json_set(arena, result, "locations", locations);
  set_text(arena, properties, "certainty", check_certainty_name(finding->certainty));
  json_set(arena, result, "properties", properties);
  return result;
}

void
check_report_sarif(GString *out, const CheckResult *results, gsize n)
{
  g_autoptr(Arena) arena = arena_new();
  Json *root = json_new_object(arena), *runs = json_new_array(arena), *run = json_new_object(arena), *tool = json_new_object(arena);
  Json *driver = json_new_object(arena), *list = json_new_array(arena);
  set_text(arena, root, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
  set_text(arena, root, "version", "2.1.0");
  set_text(arena, driver, "name", "haar check");
  set_text(arena, driver, "version", HAAR_VERSION);
  json_set(arena, driver, "rules", sarif_rules(arena));
  json_set(arena, tool, "driver", driver);
  json_set(arena, run, "tool", tool);
  for (gsize i = 0; i < n; i++) {
    for (gsize j = 0; j < results[i].n; j++)
      json_append(arena, list, sarif_result(arena, &results[i].findings[j]));
  }
  json_set(arena, run, "results", list);
  json_append(arena, runs, run);
  json_set(arena, root, "runs", runs);
  json_write_pretty(out, root);
  g_string_append_c(out, '\n');
}
