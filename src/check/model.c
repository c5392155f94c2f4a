/* model: the template, evaluated as far as it is known without AWS. */
#include "check/model.h"

#include <string.h>

const Json *
item_property(const Item *item, const char *path)
{
  return json_path(item->properties, path);
}

const char *
item_text(const Item *item, const char *path)
{
  return template_scalar(item_property(item, path));
}

gboolean
item_bool(const Item *item, const char *path, gboolean otherwise)
{
  const char *text = item_text(item, path);
  if (text && g_ascii_strcasecmp(text, "true") == 0)
    return TRUE;
  if (text && g_ascii_strcasecmp(text, "false") == 0)
    return FALSE;
  return otherwise;
}

gint64
json_number(const Json *json, gint64 otherwise)
{
  const char *text = template_scalar(json);
  gint64 value;
  return text && g_ascii_string_to_signed(text, 10, 0, G_MAXINT32, &value, NULL) ? value : otherwise;
}

guint
list_n(const Json *json)
{
  return !json ? 0 : json->type == JSON_ARRAY ? json->n : 1;
}

const Json *
list_at(const Json *json, guint i)
{
  return json->type == JSON_ARRAY ? json->items[i] : json;
}

const Item *
item_find(const Check *check, const char *id)
{
  return id ? g_hash_table_lookup(check->by_id, id) : NULL;
}

const Item *
item_next(const Check *check, const char *type, guint *i)
{
  while (*i < check->n_items) {
    const Item *item = &check->items[(*i)++];
    if (strcmp(item->type, type) == 0)
      return item;
  }
  return NULL;
}

/* The resource of the symbol at "${", or NULL; *ret_end: behind its "}" (NULL: it does not end). */
static const Item *
symbol_item(const Check *check, const char *symbol, const char **ret_end)
{
  const char *end = strchr(symbol, '}');
  *ret_end = end ? end + 1 : NULL;
  if (!end)
    return NULL;
  gsize n = strcspn(symbol + 2, ".}");
  g_autofree char *id = g_strndup(symbol + 2, n);
  return item_find(check, id);
}

gboolean
is_unknown(const Check *check, const char *text)
{
  const char *at = text;
  while (at && (at = strstr(at, "${")) != NULL) {
    if (!symbol_item(check, at, &at))
      return TRUE;
  }
  return FALSE;
}

const Item *
item_of(const Check *check, const char *text)
{
  const char *at = text;
  while (at && (at = strstr(at, "${")) != NULL) {
    const Item *item = symbol_item(check, at, &at);
    if (item)
      return item;
  }
  return NULL;
}

const Item *
item_exactly(const Check *check, const char *text)
{
  const char *end = NULL;
  if (!text || !g_str_has_prefix(text, "${"))
    return NULL;
  const Item *item = symbol_item(check, text, &end);
  return item && end && *end == 0 ? item : NULL;
}

/* -- symbols ----------------------------------------------------------------------------------------------------------------- */

static Json *
new_symbol(Arena *arena, const char *text, const Json *from)
{
  Json *json = json_new_string(arena, text);
  json->line = from->line;
  json->column = from->column;
  return json;
}

/* Attributes of networks that are properties too: known before anything is made. */
static gboolean
is_property(const char *type, const char *attribute)
{
  static const struct { const char *type, *attribute; } known[] = {
    { "AWS::EC2::VPC", "CidrBlock" }, { "AWS::EC2::Subnet", "CidrBlock" }, { "AWS::EC2::Subnet", "AvailabilityZone" }, { "AWS::EC2::Subnet", "VpcId" },
  };
  for (guint i = 0; attribute && i < G_N_ELEMENTS(known); i++) {
    if (strcmp(known[i].type, type) == 0 && strcmp(known[i].attribute, attribute) == 0)
      return TRUE;
  }
  return FALSE;
}

/* Ref and GetAtt of a resource. The ARNs of buckets and tables are written out, so that they compare with those that a template makes. */
static Error *
resource_symbol(Eval *eval, const char *id, const char *attribute, Json **ret_value)
{
  const Check *check = eval->data;
  const Json *resource = json_get(check->template.resources, id);
  const char *type = json_string(json_get(resource, "Type")), *text;
  const Json *property = is_property(type, attribute) ? json_get(json_get(resource, "Properties"), attribute) : NULL;
  if (property) {
    TRY(eval_value(eval, property, ret_value));
    if (*ret_value)
      return NULL;
  }
  if (!attribute)
    text = arena_printf(eval->arena, "${%s}", id);
  else if (strcmp(attribute, "Arn") == 0 && strcmp(type, "AWS::S3::Bucket") == 0)
    text = arena_printf(eval->arena, "arn:aws:s3:::${%s}", id);
  else if (strcmp(attribute, "Arn") == 0 && strcmp(type, "AWS::DynamoDB::Table") == 0)
    text = arena_printf(eval->arena, "arn:aws:dynamodb:%s:%s:table/${%s}", eval->region, eval->account, id);
  else
    text = arena_printf(eval->arena, "${%s.%s}", id, attribute);
  *ret_value = json_new_string(eval->arena, text);
  return NULL;
}

static Error *
import_symbol(Eval *eval, const char *name, Json **ret_value)
{
  *ret_value = json_new_string(eval->arena, arena_printf(eval->arena, "${import %s}", name));
  return NULL;
}

static gboolean
is_function(const Json *json)
{
  if (json->type != JSON_OBJECT || json->n != 1)
    return FALSE;
  return strcmp(json->members[0].key, "Ref") == 0 || g_str_has_prefix(json->members[0].key, "Fn::");
}

static const Json *decided(Check *check, const Json *json);

/* A copy whose children are decided. */
static const Json *
decided_children(Check *check, const Json *json)
{
  Json *copy = arena_memdup(check->arena, json, sizeof *json);
  copy->n = 0;
  copy->items = NULL;
  for (guint i = 0; json->type == JSON_ARRAY && i < json->n; i++)
    json_append(check->arena, copy, (Json *) decided(check, json->items[i]));
  for (guint i = 0; json->type == JSON_OBJECT && i < json->n; i++)
    json_set(check->arena, copy, json->members[i].key, (Json *) decided(check, json->members[i].value));
  return copy;
}

/* Puts a symbol in the place of every Fn::If whose condition cannot be decided. */
static const Json *
decided(Check *check, const Json *json)
{
  if (json->type != JSON_ARRAY && json->type != JSON_OBJECT)
    return json;
  const Json *choice = json->type == JSON_OBJECT && json->n == 1 ? json_get(json, "Fn::If") : NULL;
  const char *condition = choice && choice->type == JSON_ARRAY && choice->n ? json_string(choice->items[0]) : NULL;
  if (condition && g_hash_table_contains(check->unknown, condition))
    return new_symbol(check->arena, "${?}", json);
  return decided_children(check, json);
}

/* The value as far as it is known; NULL for AWS::NoValue. */
static Json *
symbolic(Check *check, const Json *json)
{
  Json *value = NULL;
  check->eval.depth = 0;
  g_autoptr(Error) error = eval_value(&check->eval, json, &value);
  if (!error)
    return value;
  if (is_function(json) || (json->type != JSON_ARRAY && json->type != JSON_OBJECT))
    return new_symbol(check->arena, "${?}", json);
  Json *copy = arena_memdup(check->arena, json, sizeof *json);
  copy->n = 0;
  copy->items = NULL;
  for (guint i = 0; json->type == JSON_ARRAY && i < json->n; i++) {
    if ((value = symbolic(check, json->items[i])) != NULL)
      json_append(check->arena, copy, value);
  }
  for (guint i = 0; json->type == JSON_OBJECT && i < json->n; i++) {
    if ((value = symbolic(check, json->members[i].value)) != NULL)
      json_set(check->arena, copy, json->members[i].key, value);
  }
  return copy;
}

/* -- parameters and conditions ----------------------------------------------------------------------------------------------- */

static const char *
given_parameter(const CheckRequest *request, Arena *arena, const char *name)
{
  gsize n = strlen(name);
  for (char **given = request->parameters; given && *given; given++) {
    if (strncmp(*given, name, n) == 0 && (*given)[n] == '=')
      return *given + n + 1;
  }
  for (guint i = 0; request->parameter_list && i < request->parameter_list->n; i++) {
    const Json *pair = request->parameter_list->items[i];
    if (g_strcmp0(json_string(json_get(pair, "ParameterKey")), name) == 0)
      return template_scalar(json_get(pair, "ParameterValue"));
  }
  return NULL;
}

static Error *
check_given(const Check *check)
{
  const CheckRequest *request = check->request;
  for (char **given = request->parameters; given && *given; given++) {
    g_autofree char *name = g_strndup(*given, strcspn(*given, "="));
    if (!strchr(*given, '='))
      return error_answer("ValidationError", "--parameter %s: write Name=value", *given);
    if (!json_get(check->template.parameters, name))
      return error_answer("ValidationError", "Parameters: [%s] do not exist in the template", name);
  }
  return NULL;
}

static Json *
parameter_value(const Check *check, const char *name, const Json *declaration)
{
  Arena *arena = check->arena;
  const char *type = json_string(json_get(declaration, "Type"));
  const char *text = given_parameter(check->request, arena, name);
  if (!text && !g_str_has_prefix(type, "AWS::SSM::"))
    text = template_scalar(json_get(declaration, "Default"));
  gboolean empty_id = text && !*text && g_str_has_prefix(type, "AWS::EC2::");
  if (!text || empty_id)
    text = arena_printf(arena, "${%s}", name);
  if (strcmp(type, "CommaDelimitedList") != 0 && !g_str_has_prefix(type, "List<") && !strstr(type, "<List<"))
    return json_new_string(arena, text);
  Json *list = json_new_array(arena);
  g_auto(GStrv) parts = g_strsplit(text, ",", -1);
  for (char **part = parts; *part; part++)
    json_append(arena, list, json_new_string(arena, g_strstrip(*part)));
  return list;
}

static Json *
read_parameters(const Check *check)
{
  Json *values = json_new_object(check->arena);
  const Json *parameters = check->template.parameters;
  for (guint i = 0; parameters && i < parameters->n; i++) {
    const JsonMember *member = &parameters->members[i];
    json_set(check->arena, values, member->key, parameter_value(check, member->key, member->value));
  }
  return values;
}

typedef struct Decidable {
  const Check *check;
  gboolean unknown;
  guint depth;
} Decidable;

static Error *
look_at_reference(const Reference *reference, gpointer data)
{
  Decidable *decidable = data;
  const Check *check = decidable->check;
  if (reference->kind == REFERENCE_CONDITION && decidable->depth < 32) {
    const Json *condition = json_get(check->template.conditions, reference->name);
    decidable->depth++;
    if (condition)
      TRY(template_references(check->arena, condition, look_at_reference, decidable));
    decidable->depth--;
  } else if (reference->kind == REFERENCE_REF) {
    const Json *value = json_get(check->eval.parameters, reference->name);
    for (guint i = 0; i < list_n(value); i++)
      decidable->unknown = decidable->unknown || strstr(list_at(value, i)->text, "${") != NULL;
  } else if (reference->kind == REFERENCE_IMPORT) {
    decidable->unknown = TRUE;
  }
  return NULL;
}

static void
find_unknown_conditions(Check *check)
{
  const Json *conditions = check->template.conditions;
  for (guint i = 0; conditions && i < conditions->n; i++) {
    Decidable decidable = { check, FALSE, 0 };
    g_autoptr(Error) error = template_references(check->arena, conditions->members[i].value, look_at_reference, &decidable);
    if (error || decidable.unknown)
      g_hash_table_add(check->unknown, (gpointer) conditions->members[i].key);
  }
}

/* -- items ------------------------------------------------------------------------------------------------------------------- */

/* Counts the lines of the template, so that a line can be looked at. */
static char **
split_lines(const Check *check)
{
  g_autofree char *text = g_strndup(check->template.text, check->template.size);
  return g_strsplit(text, "\n", -1);
}

/* The line of a key: upwards from where its value begins. */
static void
locate(char **lines, guint n_lines, Item *item)
{
  guint line = MIN(item->resource->line, n_lines);
  gsize n = strlen(item->id);
  item->line = MAX(item->resource->line, 1);
  item->column = MAX(item->resource->column, 1);
  for (; line > 0 && line + 50 > item->resource->line; line--) {
    const char *text = lines[line - 1], *at = text + strspn(text, " \t{,");
    gboolean quoted = *at == '"' || *at == '\'';
    if (strncmp(at + quoted, item->id, n) != 0 || (!quoted && at[n] != ':') || (quoted && at[n + 1] != *at))
      continue;
    item->line = line;
    item->column = (guint) (at - text) + 1;
    return;
  }
}

static gboolean
item_holds(Check *check, const Json *resource, gboolean *ret_maybe)
{
  const char *condition = json_string(json_get(resource, "Condition"));
  gboolean holds = TRUE;
  *ret_maybe = FALSE;
  if (!condition)
    return TRUE;
  if (g_hash_table_contains(check->unknown, condition)) {
    *ret_maybe = TRUE;
    return TRUE;
  }
  g_autoptr(Error) error = eval_condition(&check->eval, condition, &holds);
  *ret_maybe = error != NULL;
  return error || holds;
}

static void
read_item(Check *check, const JsonMember *member, char **lines, guint n_lines)
{
  gboolean maybe = FALSE;
  if (!item_holds(check, member->value, &maybe))
    return;
  Item *item = &check->items[check->n_items++];
  *item = (Item){ .id = member->key, .type = json_string(json_get(member->value, "Type")), .resource = member->value, .maybe = maybe };
  const Json *properties = json_get(member->value, "Properties");
  Json *value = NULL;
  if (properties)
    value = symbolic(check, g_hash_table_size(check->unknown) ? decided(check, properties) : properties);
  item->properties = value && value->type == JSON_OBJECT ? value : json_new_object(check->arena);
  locate(lines, n_lines, item);
  g_hash_table_insert(check->by_id, (gpointer) item->id, item);
}

Error *
model_read(Check *check)
{
  Eval *eval = &check->eval;
  eval->arena = check->arena;
  eval->template = &check->template;
  eval->region = check->request->region ? check->request->region : "us-east-1";
  eval->account = "123456789012";
  eval->stack_name = "stack";
  eval->stack_id = arena_printf(check->arena, "arn:aws:cloudformation:%s:123456789012:stack/stack/id", eval->region);
  eval->resource = resource_symbol;
  eval->import = import_symbol;
  eval->data = check;
  TRY(check_given(check));
  eval->parameters = read_parameters(check);
  find_unknown_conditions(check);
  const Json *resources = check->template.resources;
  g_auto(GStrv) lines = split_lines(check);
  guint n_lines = g_strv_length(lines);
  check->items = ARENA_ARRAY(check->arena, Item, resources->n);
  for (guint i = 0; i < resources->n; i++)
    read_item(check, &resources->members[i], lines, n_lines);
  return NULL;
}

const Json *
model_decided(Check *check, const Json *json)
{
  return g_hash_table_size(check->unknown) ? decided(check, json) : json;
}
