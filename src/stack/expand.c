#include "stack/expand.h"
#include "stack/template.h"
#include <string.h>

typedef struct Expander {
  Arena *arena;
  const Json *parameters;
  guint nodes;
  gsize bytes;      /* of texts with the loop's variable put in */
} Expander;

static Error *expand(Expander *e, const Json *json, Json **ret);

static Error *
wrong_loop(const char *key, const Json *at)
{
  return error_answer("ValidationError", "Template error: %s takes a list of three: an identifier, a list of texts, and a map of what to "
                      "repeat (line %u)", key, at->line);
}

static Error *
too_large(const Json *at)
{
  return error_answer("ValidationError", "Template error: the template is too large when its loops are written out (line %u)", at->line);
}

static gsize
count(const char *text, const char *what)
{
  gsize n = 0;
  for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
    n++;
  return n;
}

/* text with ${name} and &{name} replaced by value; as it is if that is too much: expand() sees it then. */
static const char *
replaced(Expander *e, const char *text, const char *name, const char *value)
{
  Arena *arena = e->arena;
  if (!strchr(text, '{'))
    return text;
  char *plain = arena_printf(arena, "${%s}", name), *escaped = arena_printf(arena, "&{%s}", name);
  gsize n = count(text, plain) + count(text, escaped);
  e->bytes += n ? n * strlen(value) + strlen(text) : 0;
  if (n == 0 || e->bytes > TEMPLATE_VALUES_MAX)
    return text;
  g_autoptr(GString) out = g_string_new(text);
  g_string_replace(out, plain, value, 0);
  g_autoptr(GString) letters = g_string_new(NULL);
  for (const char *at = value; *at; at++) {
    if (g_ascii_isalnum(*at))
      g_string_append_c(letters, *at);
  }
  g_string_replace(out, escaped, letters->str, 0);
  return arena_strdup(arena, out->str);
}

/* A copy with the loop's variable put in, in keys, texts and {"Ref": variable}. */
static Json *
substitute(Expander *e, const Json *json, const char *name, const char *value)
{
  if (json->type == JSON_OBJECT && json->n == 1 && strcmp(json->members[0].key, "Ref") == 0 &&
      g_strcmp0(json_string(json->members[0].value), name) == 0) {
    Json *text = json_new_string(e->arena, value);
    text->line = json->line;
    return text;
  }
  Json *copy = arena_memdup(e->arena, json, sizeof *json);
  if (json->type == JSON_STRING) {
    copy->text = replaced(e, json->text, name, value);
    copy->n = (guint32) strlen(copy->text);
  } else if (json->type == JSON_ARRAY || json->type == JSON_OBJECT) {
    copy->n = 0;
    copy->items = NULL;
    for (guint i = 0; json->type == JSON_ARRAY && i < json->n; i++)
      json_append(e->arena, copy, substitute(e, json->items[i], name, value));
    for (guint i = 0; json->type == JSON_OBJECT && i < json->n; i++) {
      json_set(e->arena, copy, replaced(e, json->members[i].key, name, value),
               substitute(e, json->members[i].value, name, value));
    }
  }
  return copy;
}

static Error *
get_collection(Expander *e, const char *key, const Json *json, Json **ret_list)
{
  const char *parameter = json_string(json_get(json, "Ref"));
  const char *text = parameter ? json_string(json_get(json_get(e->parameters, parameter), "Default")) : NULL;
  if (json->type == JSON_ARRAY) {
    *ret_list = (Json *) json;
    return NULL;
  }
  if (!text)
    return wrong_loop(key, json);
  g_auto(GStrv) parts = g_strsplit(text, ",", -1);
  Json *list = json_new_array(e->arena);
  for (char **part = parts; *part; part++)
    json_append(e->arena, list, json_new_string(e->arena, g_strstrip(*part)));
  *ret_list = list;
  return NULL;
}

static Error *
expand_loop(Expander *e, const JsonMember *loop, Json *into)
{
  const Json *list = loop->value;
  Json *collection = NULL;
  if (list->type != JSON_ARRAY || list->n != 3 || !json_string(list->items[0]) || list->items[2]->type != JSON_OBJECT)
    return wrong_loop(loop->key, list);
  TRY(get_collection(e, loop->key, list->items[1], &collection));
  for (guint i = 0; i < collection->n; i++) {
    if (!json_string(collection->items[i]))
      return wrong_loop(loop->key, list);
    Json *once = substitute(e, list->items[2], list->items[0]->text, collection->items[i]->text), *done = NULL;
    TRY(expand(e, once, &done));
    for (guint j = 0; j < done->n; j++)
      json_set(e->arena, into, done->members[j].key, done->members[j].value);
    if (into->n > TEMPLATE_KEYS_MAX)
      return too_large(list);
  }
  return NULL;
}

static Error *
expand(Expander *e, const Json *json, Json **ret)
{
  if (++e->nodes > (guint) LIMIT_TEMPLATE_NODES || e->bytes > TEMPLATE_VALUES_MAX)
    return too_large(json);
  if (json->type != JSON_ARRAY && json->type != JSON_OBJECT) {
    *ret = (Json *) json;
    return NULL;
  }
  Json *copy = arena_memdup(e->arena, json, sizeof *json), *value = NULL;
  copy->n = 0;
  copy->items = NULL;
  for (guint i = 0; json->type == JSON_ARRAY && i < json->n; i++) {
    TRY(expand(e, json->items[i], &value));
    json_append(e->arena, copy, value);
  }
  for (guint i = 0; json->type == JSON_OBJECT && i < json->n; i++) {
    if (g_str_has_prefix(json->members[i].key, "Fn::ForEach::")) {
      TRY(expand_loop(e, &json->members[i], copy));
      continue;
    }
    TRY(expand(e, json->members[i].value, &value));
    json_set(e->arena, copy, json->members[i].key, value);
  }
  *ret = copy;
  return NULL;
}

Error *
template_expand(Arena *arena, const Json *root, Json **ret_root)
{
  Expander expander = { arena, json_get(root, "Parameters"), 0, 0 };
  return expand(&expander, root, ret_root);
}
