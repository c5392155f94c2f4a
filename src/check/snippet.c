/* snippet: a piece of template, kept as JSON, written as the template at hand is: YAML with short functions, or JSON. */
#include "check/model.h"

#include <string.h>

static void write_value(GString *out, const Json *json, guint indent, gboolean after_key);

static gboolean
is_plain(const char *text)
{
  static const char *const words_of_yaml[] = { "true", "false", "yes", "no", "on", "off", "null", "y", "n", "~", NULL };
  if (!*text || strchr("-?:,[]{}#&*!|>'\"%@` ", *text) || (g_ascii_isdigit(*text) && !strchr(text, '/')) || strstr(text, ": ") || strstr(text, " #"))
    return FALSE;
  for (guint i = 0; words_of_yaml[i]; i++) {
    if (g_ascii_strcasecmp(text, words_of_yaml[i]) == 0)
      return FALSE;
  }
  return text[strlen(text) - 1] != ':' && strpbrk(text, "\n,[]{}") == NULL;
}

static void
write_text(GString *out, const char *text)
{
  if (is_plain(text)) {
    g_string_append(out, text);
    return;
  }
  g_string_append_c(out, '\'');
  for (; *text; text++)
    g_string_append_printf(out, *text == '\'' ? "''" : "%c", *text);
  g_string_append_c(out, '\'');
}

/* "!Ref", "!Sub", "!GetAtt" of a function; NULL: it is none. */
static char *
short_form(const Json *json)
{
  if (json->type != JSON_OBJECT || json->n != 1)
    return NULL;
  const char *key = json->members[0].key;
  if (strcmp(key, "Ref") == 0)
    return g_strdup("!Ref");
  return g_str_has_prefix(key, "Fn::") ? g_strconcat("!", key + strlen("Fn::"), NULL) : NULL;
}

/* Whether a value fits on its key's line. */
static gboolean
is_short(const Json *json)
{
  g_autofree char *function = short_form(json);
  if (function)
    return is_short(json->members[0].value);
  if (json->type == JSON_OBJECT)
    return json->n == 0;
  for (guint i = 0; json->type == JSON_ARRAY && i < json->n; i++) {
    if (!is_short(json->items[i]) || json->n > 4)
      return FALSE;
  }
  return TRUE;
}

static void
write_short(GString *out, const Json *json)
{
  g_autofree char *function = short_form(json);
  const Json *argument = function ? json->members[0].value : NULL;
  if (function && strcmp(function, "!GetAtt") == 0 && argument->type == JSON_ARRAY && argument->n == 2) {
    g_string_append_printf(out, "!GetAtt %s.%s", argument->items[0]->text, argument->items[1]->text);
  } else if (function) {
    g_string_append_printf(out, "%s ", function);
    write_short(out, argument);
  } else if (json->type == JSON_ARRAY) {
    g_string_append_c(out, '[');
    for (guint i = 0; i < json->n; i++) {
      g_string_append(out, i ? ", " : "");
      write_short(out, json->items[i]);
    }
    g_string_append_c(out, ']');
  } else if (json->type == JSON_STRING) {
    write_text(out, json->text);
  } else {
    json_write(out, json);
  }
}

static void
write_indent(GString *out, guint indent)
{
  for (guint i = 0; i < indent; i++)
    g_string_append_c(out, ' ');
}

static void
write_member(GString *out, const JsonMember *member, guint indent)
{
  write_text(out, member->key);
  g_string_append_c(out, ':');
  write_value(out, member->value, indent + 2, TRUE);
}

static void
write_value(GString *out, const Json *json, guint indent, gboolean after_key)
{
  g_autofree char *function = short_form(json);
  if (is_short(json)) {
    g_string_append(out, after_key ? " " : "");
    write_short(out, json);
    g_string_append_c(out, '\n');
    return;
  }
  if (function) {
    g_string_append_printf(out, "%s%s", after_key ? " " : "", function);
    write_value(out, json->members[0].value, indent, TRUE);
    return;
  }
  if (after_key)
    g_string_append_c(out, '\n');
  for (guint i = 0; i < json->n; i++) {
    if (after_key || i)
      write_indent(out, indent);
    if (json->type == JSON_ARRAY) {
      g_string_append(out, "- ");
      write_value(out, json->items[i], indent + 2, FALSE);
    } else {
      write_member(out, &json->members[i], indent);
    }
  }
}

const char *
snippet(Check *check, const char *json)
{
  Json *value = NULL;
  g_autoptr(Error) error = json_parse(check->arena, json, strlen(json), &value);
  g_autoptr(GString) out = g_string_new(NULL);
  if (error)
    return json;
  if (check->is_json)
    json_write_pretty(out, value);
  else
    write_value(out, value, 0, FALSE);
  return g_strchomp(arena_strdup(check->arena, out->str));
}
