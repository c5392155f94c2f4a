#include "stack/yaml.h"
#include "stack/template.h"
#include <string.h>
#include <yaml.h>

enum { TEXT_WEIGHT = 256 };

typedef struct Node {
  Json *json;
  guint64 weight; /* nodes in it, long texts counted more than once, aliases written out */
} Node;

typedef struct Reader {
  Arena *arena;
  yaml_parser_t *parser;
  GHashTable *anchors; /* name -> Node * (arena) */
  guint64 nodes;
  guint depth;
} Reader;

static Error *read_node(Reader *r, yaml_event_t *event, Node *ret);

static Error *
wrong_at(const yaml_mark_t *mark, const char *what)
{
  return error_answer("ValidationError", "Template format error: YAML not well-formed. (line %zu, column %zu) %s", mark->line + 1,
                      mark->column + 1, what);
}

static Error *
next_event(Reader *r, yaml_event_t *event)
{
  if (yaml_parser_parse(r->parser, event))
    return NULL;
  return wrong_at(&r->parser->problem_mark, r->parser->problem ? r->parser->problem : "The text is not YAML.");
}

static Json *
new_node(Reader *r, JsonType type, const yaml_mark_t *mark)
{
  Json *json = ARENA_NEW(r->arena, Json);
  json->type = type;
  json->line = (guint32) mark->line + 1;
  json->column = (guint32) mark->column + 1;
  return json;
}

static Json *
new_text(Reader *r, JsonType type, const char *text, gsize size, const yaml_mark_t *mark)
{
  Json *json = new_node(r, type, mark);
  json->text = arena_strndup(r->arena, text, size);
  json->n = (guint32) size;
  return json;
}

static gboolean
is_one_of(const char *text, const char *const *words)
{
  for (; *words; words++) {
    if (strcmp(text, *words) == 0)
      return TRUE;
  }
  return FALSE;
}

/* Whether text is a number as JSON writes it. */
static gboolean
is_json_number(const char *at)
{
  if (*at == '-')
    at++;
  if (*at == '0' && g_ascii_isdigit(at[1]))
    return FALSE;
  gsize digits = strspn(at, "0123456789");
  if (!digits)
    return FALSE;
  at += digits;
  if (*at == '.') {
    digits = strspn(++at, "0123456789");
    if (!digits)
      return FALSE;
    at += digits;
  }
  if (*at == 'e' || *at == 'E') {
    at++;
    if (*at == '+' || *at == '-')
      at++;
    digits = strspn(at, "0123456789");
    if (!digits)
      return FALSE;
    at += digits;
  }
  return *at == 0;
}

/* Numbers of YAML 1.1 that JSON writes in another way: +5, 1_000, 0x1F, 0o17 as 017. NULL: none. */
static char *
other_number(Arena *arena, const char *text)
{
  const char *digits = text + (*text == '+' || *text == '-');
  gboolean hex = digits[0] == '0' && digits[1] == 'x', octal = digits[0] == '0' && digits[1] && !hex;
  const char *set = hex ? "0123456789abcdefABCDEF_" : octal ? "01234567_" : "0123456789_";
  digits += hex ? 2 : 0;
  if (!g_ascii_isxdigit(*digits) || strspn(digits, set) != strlen(digits) || strlen(digits) > 15)
    return NULL;
  gint64 value = 0;
  for (const char *at = digits; *at; at++)
    value = *at == '_' ? value : value * (hex ? 16 : octal ? 8 : 10) + g_ascii_xdigit_value(*at);
  return arena_printf(arena, "%" G_GINT64_FORMAT, *text == '-' ? -value : value);
}

static Json *
plain_scalar(Reader *r, const char *text, gsize size, const yaml_mark_t *mark)
{
  static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
  static const char *const trues[] = { "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", NULL };
  static const char *const falses[] = { "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", NULL };
  if (is_one_of(text, nulls))
    return new_node(r, JSON_NULL, mark);
  if (is_one_of(text, trues))
    return new_node(r, JSON_TRUE, mark);
  if (is_one_of(text, falses))
    return new_node(r, JSON_FALSE, mark);
  if (is_json_number(text))
    return new_text(r, JSON_NUMBER, text, size, mark);
  char *number = other_number(r->arena, text);
  if (number)
    return new_text(r, JSON_NUMBER, number, strlen(number), mark);
  return new_text(r, JSON_STRING, text, size, mark);
}

static Error *
read_scalar(Reader *r, const yaml_event_t *event, Node *ret)
{
  const char *text = (const char *) event->data.scalar.value;
  const char *tag = (const char *) event->data.scalar.tag;
  gsize size = event->data.scalar.length;
  if (memchr(text, 0, size))
    return wrong_at(&event->start_mark, "The character NUL is not allowed.");
  gboolean plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && (!tag || strcmp(tag, "!") == 0);
  ret->json = plain && !tag ? plain_scalar(r, text, size, &event->start_mark) : new_text(r, JSON_STRING, text, size, &event->start_mark);
  ret->weight = 1 + size / TEXT_WEIGHT;
  return NULL;
}

static Error *
read_sequence(Reader *r, const yaml_event_t *begin, Node *ret)
{
  Node node = { new_node(r, JSON_ARRAY, &begin->start_mark), 1 };
  for (;;) {
    __attribute__((cleanup(yaml_event_delete))) yaml_event_t event = { 0 };
    TRY(next_event(r, &event));
    if (event.type == YAML_SEQUENCE_END_EVENT)
      break;
    Node item = { 0 };
    TRY(read_node(r, &event, &item));
    json_append(r->arena, node.json, item.json);
    node.weight += item.weight;
  }
  *ret = node;
  return NULL;
}

/* What "<<" brings: members of a mapping, or of a sequence of mappings, that are not there yet. */
static Error *
merge(Reader *r, Json *into, const Json *from, const yaml_mark_t *mark)
{
  if (from->type == JSON_ARRAY) {
    for (guint i = 0; i < from->n; i++) {
      if (from->items[i]->type != JSON_OBJECT)
        return wrong_at(mark, "A merge key (<<) takes a mapping or a list of mappings.");
      TRY(merge(r, into, from->items[i], mark));
    }
    return NULL;
  }
  if (from->type != JSON_OBJECT)
    return wrong_at(mark, "A merge key (<<) takes a mapping or a list of mappings.");
  for (guint i = 0; i < from->n; i++) {
    if (!json_get(into, from->members[i].key))
      json_set(r->arena, into, from->members[i].key, from->members[i].value);
  }
  return NULL;
}

static Error *
read_member(Reader *r, const yaml_event_t *key, Node *mapping, GPtrArray *merges)
{
  if (key->type != YAML_SCALAR_EVENT)
    return wrong_at(&key->start_mark, "A key must be a text.");
  const char *name = (const char *) key->data.scalar.value;
  if (strlen(name) != key->data.scalar.length)
    return wrong_at(&key->start_mark, "The character NUL is not allowed.");
  __attribute__((cleanup(yaml_event_delete))) yaml_event_t event = { 0 };
  TRY(next_event(r, &event));
  Node value = { 0 };
  TRY(read_node(r, &event, &value));
  mapping->weight += value.weight;
  if (strcmp(name, "<<") == 0 && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
    g_ptr_array_add(merges, value.json);
    return NULL;
  }
  if (json_get(mapping->json, name)) {
    g_autofree char *what = g_strdup_printf("The key \"%.100s\" is there twice.", name);
    return wrong_at(&key->start_mark, what);
  }
  if (mapping->json->n >= TEMPLATE_KEYS_MAX) { /* every look-up walks them */
    g_autofree char *what = g_strdup_printf("The mapping has more than %d keys.", TEMPLATE_KEYS_MAX);
    return wrong_at(&key->start_mark, what);
  }
  json_set(r->arena, mapping->json, name, value.json);
  return NULL;
}

static Error *
read_mapping(Reader *r, const yaml_event_t *begin, Node *ret)
{
  Node node = { new_node(r, JSON_OBJECT, &begin->start_mark), 1 };
  g_autoptr(GPtrArray) merges = g_ptr_array_new();
  for (;;) {
    __attribute__((cleanup(yaml_event_delete))) yaml_event_t event = { 0 };
    TRY(next_event(r, &event));
    if (event.type == YAML_MAPPING_END_EVENT)
      break;
    TRY(read_member(r, &event, &node, merges));
  }
  for (guint i = 0; i < merges->len; i++)
    TRY(merge(r, node.json, merges->pdata[i], &begin->start_mark));
  *ret = node;
  return NULL;
}

/* !GetAtt A.B.C: the resource is before the first dot. */
static Json *
split_get_att(Reader *r, Json *value)
{
  const char *text = json_string(value), *dot = text ? strchr(text, '.') : NULL;
  if (!dot)
    return value;
  Json *list = json_new_array(r->arena);
  list->line = value->line;
  list->column = value->column;
  json_append(r->arena, list, json_new_string(r->arena, arena_strndup(r->arena, text, (gsize) (dot - text))));
  json_append(r->arena, list, json_new_string(r->arena, dot + 1));
  for (guint i = 0; i < 2; i++)
    list->items[i]->line = value->line;
  return list;
}

/* Wraps a value that has a short-form tag in its function. */
static Error *
apply_tag(Reader *r, const char *tag, const yaml_mark_t *mark, Json **value)
{
  static const char *const functions[] = { "Sub", "GetAtt", "If", "Join", "Select", "Split", "FindInMap", "Base64", "Cidr", "GetAZs",
    "ImportValue", "Equals", "And", "Or", "Not", "Transform", "Length", "ToJsonString", "Contains", "EachMemberEquals", "EachMemberIn",
    "RefAll", "ValueOf", "ValueOfAll", NULL };
  if (tag[0] != '!' || tag[1] == 0)
    return NULL;
  const char *name = tag + 1;
  const char *key = NULL;
  if (strcmp(name, "Ref") == 0 || strcmp(name, "Condition") == 0)
    key = name;
  else if (is_one_of(name, functions))
    key = arena_printf(r->arena, "Fn::%s", name);
  if (!key) {
    g_autofree char *what = g_strdup_printf("There is no function with the short form %.60s.", tag);
    return wrong_at(mark, what);
  }
  Json *wrapped = new_node(r, JSON_OBJECT, mark);
  json_set(r->arena, wrapped, key, strcmp(name, "GetAtt") == 0 ? split_get_att(r, *value) : *value);
  *value = wrapped;
  return NULL;
}

static Error *
read_alias(Reader *r, const yaml_event_t *event, Node *ret)
{
  const Node *found = g_hash_table_lookup(r->anchors, event->data.alias.anchor);
  if (!found)
    return wrong_at(&event->start_mark, "An alias names an anchor that is not there.");
  r->nodes += found->weight;
  if (r->nodes > (guint64) LIMIT_TEMPLATE_NODES)
    return wrong_at(&event->start_mark, "The template is too large when its aliases are written out.");
  *ret = *found;
  return NULL;
}

static Error *
read_collection(Reader *r, const yaml_event_t *event, Node *ret)
{
  if (r->depth >= (guint) LIMIT_NESTING_MAX)
    return wrong_at(&event->start_mark, "The template is nested too deeply.");
  r->depth++;
  TRY(event->type == YAML_SEQUENCE_START_EVENT ? read_sequence(r, event, ret) : read_mapping(r, event, ret));
  r->depth--;
  return NULL;
}

/* Reads the node that event begins. */
static Error *
read_node(Reader *r, yaml_event_t *event, Node *ret)
{
  if (++r->nodes > (guint64) LIMIT_TEMPLATE_NODES)
    return wrong_at(&event->start_mark, "The template has too many nodes.");
  if (event->type == YAML_ALIAS_EVENT)
    return read_alias(r, event, ret);
  const yaml_char_t *anchor, *tag;
  if (event->type == YAML_SCALAR_EVENT) {
    anchor = event->data.scalar.anchor;
    tag = event->data.scalar.tag;
    TRY(read_scalar(r, event, ret));
  } else if (event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT) {
    gboolean list = event->type == YAML_SEQUENCE_START_EVENT;
    anchor = list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor;
    tag = list ? event->data.sequence_start.tag : event->data.mapping_start.tag;
    TRY(read_collection(r, event, ret));
  } else {
    return wrong_at(&event->start_mark, "A value is missing.");
  }
  if (tag)
    TRY(apply_tag(r, (const char *) tag, &event->start_mark, &ret->json));
  if (anchor)
    g_hash_table_insert(r->anchors, arena_strdup(r->arena, (const char *) anchor), arena_memdup(r->arena, ret, sizeof *ret));
  return NULL;
}

static Error *
read_document(Reader *r, Json **ret_json)
{
  Node root = { 0 };
  for (;;) {
    __attribute__((cleanup(yaml_event_delete))) yaml_event_t event = { 0 };
    TRY(next_event(r, &event));
    if (event.type == YAML_STREAM_END_EVENT)
      break;
    if (event.type == YAML_STREAM_START_EVENT || event.type == YAML_DOCUMENT_END_EVENT)
      continue;
    if (event.type == YAML_DOCUMENT_START_EVENT) {
      if (root.json)
        return wrong_at(&event.start_mark, "A template is one document.");
      continue;
    }
    TRY(read_node(r, &event, &root));
  }
  *ret_json = root.json ? root.json : json_new_null(r->arena);
  return NULL;
}

Error *
yaml_parse(Arena *arena, const char *text, gsize size, Json **ret_json)
{
  __attribute__((cleanup(yaml_parser_delete))) yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser))
    return error_fault("libyaml could not be set up");
  yaml_parser_set_input_string(&parser, (const unsigned char *) text, size);
  yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
  g_autoptr(GHashTable) anchors = g_hash_table_new(g_str_hash, g_str_equal);
  Reader reader = { .arena = arena, .parser = &parser, .anchors = anchors };
  return read_document(&reader, ret_json);
}
