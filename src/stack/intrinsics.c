#include "stack/intrinsics.h"
#include "stack/conditions.h"
#include <string.h>

#define TEMPLATE_ERROR(...) error_answer("ValidationError", "Template error: " __VA_ARGS__)

enum { EVAL_DEPTH_MAX = 128 };

void
eval_init(Eval *eval)
{
  eval->conditions = g_hash_table_new(g_str_hash, g_str_equal);
}

void
eval_clear(Eval *eval)
{
  g_clear_pointer(&eval->conditions, g_hash_table_unref);
}

static Json *
at_line(Json *json, const Json *from)
{
  json->line = from->line;
  json->column = from->column;
  return json;
}

static Json *
new_text(Eval *eval, const char *text, const Json *from)
{
  return at_line(json_new_string(eval->arena, text), from);
}

/* Counts a text that a function makes: short templates can have values without end. */
static Error *
spend(Eval *eval, gsize size, const Json *at)
{
  eval->bytes += size;
  if (eval->bytes <= TEMPLATE_VALUES_MAX)
    return NULL;
  return TEMPLATE_ERROR("the template's values are too large when its functions are evaluated (line %u)", at->line);
}

/* A copy of the node itself with the place where it is used. */
static Json *
moved(Eval *eval, const Json *json, const Json *to)
{
  Json *copy = arena_memdup(eval->arena, json, sizeof *json);
  return at_line(copy, to);
}

static gboolean
pseudo_parameter(Eval *eval, const char *name, const Json *at, Json **ret_value)
{
  const struct { const char *name, *text; } texts[] = {
    { "AWS::AccountId", eval->account }, { "AWS::Partition", "aws" }, { "AWS::Region", eval->region },
    { "AWS::StackId", eval->stack_id }, { "AWS::StackName", eval->stack_name }, { "AWS::URLSuffix", "amazonaws.com" },
  };
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    if (strcmp(name, texts[i].name) == 0) {
      *ret_value = new_text(eval, texts[i].text ? texts[i].text : "", at);
      return TRUE;
    }
  }
  if (strcmp(name, "AWS::NoValue") == 0) {
    *ret_value = NULL;
    return TRUE;
  }
  if (strcmp(name, "AWS::NotificationARNs") != 0)
    return FALSE;
  *ret_value = eval->notification_arns ? moved(eval, eval->notification_arns, at) : json_new_array(eval->arena);
  return TRUE;
}

static Error *
resolve_ref(Eval *eval, const char *name, const Json *at, Json **ret_value)
{
  const Json *parameter = json_get(eval->parameters, name);
  if (parameter) {
    *ret_value = moved(eval, parameter, at);
    return NULL;
  }
  if (pseudo_parameter(eval, name, at, ret_value))
    return NULL;
  if (!json_get(eval->template->resources, name) || !eval->resource)
    return TEMPLATE_ERROR("Unresolved dependencies [%s]. Cannot reference resources in the Conditions block of the template", name);
  Json *value = NULL;
  TRY(eval->resource(eval, name, NULL, &value));
  *ret_value = moved(eval, value, at);
  return NULL;
}

static Error *
resolve_attribute(Eval *eval, const char *name, const char *attribute, const Json *at, Json **ret_value)
{
  if (!json_get(eval->template->resources, name) || !eval->resource)
    return TEMPLATE_ERROR("instance of Fn::GetAtt references undefined resource %s", name);
  Json *value = NULL;
  TRY(eval->resource(eval, name, attribute, &value));
  *ret_value = moved(eval, value, at);
  return NULL;
}

static Error *
fn_ref(Eval *eval, const Json *argument, Json **ret_value)
{
  const char *name = json_string(argument);
  if (!name)
    return TEMPLATE_ERROR("every Ref object must have a single String value. (line %u)", argument->line);
  return resolve_ref(eval, name, argument, ret_value);
}

static Error *
fn_get_att(Eval *eval, const Json *argument, Json **ret_value)
{
  const char *text = json_string(argument), *dot = text ? strchr(text, '.') : NULL;
  if (dot)
    return resolve_attribute(eval, arena_strndup(eval->arena, text, (gsize) (dot - text)), dot + 1, argument, ret_value);
  const char *name = argument->type == JSON_ARRAY && argument->n >= 2 ? json_string(argument->items[0]) : NULL;
  if (!name)
    return TEMPLATE_ERROR("every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute");
  const char *attribute = "";
  for (guint i = 1; i < argument->n; i++) {
    const char *part = NULL;
    TRY(eval_text(eval, argument->items[i], "Fn::GetAtt", &part));
    attribute = arena_printf(eval->arena, "%s%s%s", attribute, i > 1 ? "." : "", part);
  }
  return resolve_attribute(eval, name, attribute, argument, ret_value);
}

/* What stands for ${name}. */
static Error *
sub_variable(Eval *eval, const char *name, const Json *map, const Json *at, const char **ret_text)
{
  Json *value = json_get(map, name);
  char *dot = strchr(name, '.');
  if (value)
    TRY(eval_value(eval, value, &value));
  else if (dot)
    TRY(resolve_attribute(eval, arena_strndup(eval->arena, name, (gsize) (dot - name)), dot + 1, at, &value));
  else
    TRY(resolve_ref(eval, name, at, &value));
  if (value && value->type == JSON_ARRAY) {
    g_autoptr(GString) list = g_string_new(NULL);
    for (guint i = 0; i < value->n; i++) {
      const char *item = template_scalar(value->items[i]);
      TRY(spend(eval, item ? strlen(item) + 1 : 1, at));
      g_string_append_printf(list, "%s%s", i ? "," : "", item ? item : "");
    }
    *ret_text = arena_strdup(eval->arena, list->str);
    return NULL;
  }
  *ret_text = template_scalar(value);
  return *ret_text ? NULL : TEMPLATE_ERROR("Fn::Sub: ${%s} is not a text (line %u)", name, at->line);
}

static Error *
sub_text(Eval *eval, const Json *text, const Json *map, Json **ret_value)
{
  g_autoptr(GString) out = g_string_new(NULL);
  const char *at = text->text, *dollar;
  while ((dollar = strstr(at, "${")) != NULL) {
    const char *end = strchr(dollar, '}'), *value = NULL;
    g_string_append_len(out, at, dollar - at);
    if (!end)
      return TEMPLATE_ERROR("variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons "
                            "(line %u: a ${ does not end)", text->line);
    char *name = g_strstrip(arena_strndup(eval->arena, dollar + 2, (gsize) (end - dollar) - 2));
    at = end + 1;
    if (*name == '!') {
      g_string_append_printf(out, "${%s}", name + 1);
      continue;
    }
    TRY(sub_variable(eval, name, map, text, &value));
    TRY(spend(eval, strlen(value), text));
    g_string_append(out, value);
  }
  g_string_append(out, at);
  TRY(spend(eval, strlen(text->text), text));
  *ret_value = new_text(eval, out->str, text);
  return NULL;
}

static Error *
fn_sub(Eval *eval, const Json *argument, Json **ret_value)
{
  if (json_string(argument))
    return sub_text(eval, argument, NULL, ret_value);
  if (argument->type == JSON_ARRAY && argument->n == 2 && json_string(argument->items[0]) && argument->items[1]->type == JSON_OBJECT)
    return sub_text(eval, argument->items[0], argument->items[1], ret_value);
  return TEMPLATE_ERROR("One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and "
                        "an optional second argument to specify a mapping of values to replace in the string");
}

static Error *
fn_join(Eval *eval, const Json *argument, Json **ret_value)
{
  Json *list = NULL;
  const char *delimiter = argument->type == JSON_ARRAY && argument->n == 2 ? json_string(argument->items[0]) : NULL;
  if (delimiter)
    TRY(eval_value(eval, argument->items[1], &list));
  if (!list || list->type != JSON_ARRAY)
    return TEMPLATE_ERROR("every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a "
                          "function that returns a list of strings (such as Fn::GetAZs) to be joined.");
  g_autoptr(GString) out = g_string_new(NULL);
  for (guint i = 0; i < list->n; i++) {
    const char *item = template_scalar(list->items[i]);
    if (!item)
      return TEMPLATE_ERROR("every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined "
                            "or a function that returns a list of strings (such as Fn::GetAZs) to be joined.");
    TRY(spend(eval, strlen(delimiter) + strlen(item), argument));
    g_string_append_printf(out, "%s%s", i ? delimiter : "", item);
  }
  *ret_value = new_text(eval, out->str, argument);
  return NULL;
}

static Error *
fn_select(Eval *eval, const Json *argument, Json **ret_value)
{
  const char *wrong = "Fn::Select requires a list argument with two elements: an integer index and a list";
  const char *text = NULL;
  Json *list = NULL;
  guint64 index;
  if (argument->type != JSON_ARRAY || argument->n != 2)
    return TEMPLATE_ERROR("%s", wrong);
  TRY(eval_text(eval, argument->items[0], "Fn::Select", &text));
  TRY(eval_value(eval, argument->items[1], &list));
  if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, &index, NULL) || !list || list->type != JSON_ARRAY)
    return TEMPLATE_ERROR("%s", wrong);
  if (index >= list->n)
    return TEMPLATE_ERROR("Fn::Select cannot select nonexistent value at index %s", text);
  *ret_value = moved(eval, list->items[index], argument);
  return NULL;
}

static Error *
fn_split(Eval *eval, const Json *argument, Json **ret_value)
{
  Json *text = NULL;
  const char *delimiter = argument->type == JSON_ARRAY && argument->n == 2 ? json_string(argument->items[0]) : NULL;
  if (delimiter && *delimiter)
    TRY(eval_value(eval, argument->items[1], &text));
  if (!json_string(text))
    return TEMPLATE_ERROR("every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a "
                          "function that returns a string to be split.");
  TRY(spend(eval, (gsize) text->n * 16, argument)); /* a node a part */
  g_auto(GStrv) parts = g_strsplit(text->text, delimiter, -1);
  *ret_value = at_line(json_new_array(eval->arena), argument);
  if (!*parts)
    json_append(eval->arena, *ret_value, new_text(eval, "", argument));
  for (char **part = parts; *part; part++)
    json_append(eval->arena, *ret_value, new_text(eval, *part, argument));
  return NULL;
}

static Error *
fn_find_in_map(Eval *eval, const Json *argument, Json **ret_value)
{
  const char *keys[3] = { NULL };
  if (argument->type != JSON_ARRAY || argument->n < 3 || argument->n > 4)
    return TEMPLATE_ERROR("every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value");
  for (guint i = 0; i < 3; i++)
    TRY(eval_text(eval, argument->items[i], "Fn::FindInMap", &keys[i]));
  const Json *found = json_get(json_get(json_get(eval->template->mappings, keys[0]), keys[1]), keys[2]);
  const Json *otherwise = argument->n == 4 ? json_get(argument->items[3], "DefaultValue") : NULL;
  if (!found && otherwise)
    return eval_value(eval, otherwise, ret_value);
  if (!json_get(eval->template->mappings, keys[0]))
    return TEMPLATE_ERROR("Mapping named '%s' is not present in the 'Mappings' section of template.", keys[0]);
  if (!found)
    return TEMPLATE_ERROR("Unable to get mapping for %s::%s::%s", keys[0], keys[1], keys[2]);
  *ret_value = moved(eval, found, argument);
  return NULL;
}

static Error *
fn_base64(Eval *eval, const Json *argument, Json **ret_value)
{
  const char *text = NULL;
  TRY(eval_text(eval, argument, "Fn::Base64", &text));
  TRY(spend(eval, strlen(text) * 4 / 3, argument));
  *ret_value = new_text(eval, text_base64(eval->arena, text, strlen(text)), argument);
  return NULL;
}

static Error *
fn_cidr(Eval *eval, const Json *argument, Json **ret_value)
{
  const char *block = NULL, *count_text = NULL, *bits_text = "0";
  gint64 count, bits;
  if (argument->type != JSON_ARRAY || argument->n < 2 || argument->n > 3)
    return TEMPLATE_ERROR("every Fn::Cidr object requires two or three parameters: ipBlock, count and cidrBits");
  TRY(eval_text(eval, argument->items[0], "Fn::Cidr", &block));
  TRY(eval_text(eval, argument->items[1], "Fn::Cidr", &count_text));
  if (argument->n == 3)
    TRY(eval_text(eval, argument->items[2], "Fn::Cidr", &bits_text));
  if (!g_ascii_string_to_signed(count_text, 10, 0, G_MAXINT32, &count, NULL) ||
      !g_ascii_string_to_signed(bits_text, 10, 0, 128, &bits, NULL))
    return TEMPLATE_ERROR("Fn::Cidr: count and cidrBits must be numbers (line %u)", argument->line);
  return cidr_blocks(eval->arena, block, count, bits, ret_value);
}

static Error *
fn_get_azs(Eval *eval, const Json *argument, Json **ret_value)
{
  const char *region = NULL;
  TRY(eval_text(eval, argument, "Fn::GetAZs", &region));
  if (!*region)
    region = eval->region;
  *ret_value = at_line(json_new_array(eval->arena), argument);
  for (const char *zone = "abc"; *zone; zone++)
    json_append(eval->arena, *ret_value, json_new_string(eval->arena, arena_printf(eval->arena, "%s%c", region, *zone)));
  return NULL;
}

static Error *
fn_import_value(Eval *eval, const Json *argument, Json **ret_value)
{
  const char *name = NULL;
  TRY(eval_text(eval, argument, "Fn::ImportValue", &name));
  if (!eval->import)
    return TEMPLATE_ERROR("Fn::ImportValue cannot be used in Conditions.");
  Json *value = NULL;
  TRY(eval->import(eval, name, &value));
  *ret_value = moved(eval, value, argument);
  return NULL;
}

static Error *
choose(Eval *eval, const Json *argument, const Json **ret_branch)
{
  if (argument->type != JSON_ARRAY || argument->n != 3 || !json_string(argument->items[0]))
    return TEMPLATE_ERROR("Fn::If requires a list argument with three elements: a condition, a value if it is true, a value if it is false "
                          "(line %u)", argument->line);
  if (!json_get(eval->template->conditions, argument->items[0]->text))
    return TEMPLATE_ERROR("unresolved condition dependency %s in Fn::If", argument->items[0]->text);
  gboolean holds = FALSE;
  TRY(eval_condition(eval, argument->items[0]->text, &holds));
  *ret_branch = argument->items[holds ? 1 : 2];
  return NULL;
}

static Error *
fn_if(Eval *eval, const Json *argument, Json **ret_value)
{
  const Json *branch = NULL;
  TRY(choose(eval, argument, &branch));
  return eval_value(eval, branch, ret_value);
}

static Error *
fn_length(Eval *eval, const Json *argument, Json **ret_value)
{
  Json *list = NULL;
  TRY(eval_value(eval, argument, &list));
  if (!list || list->type != JSON_ARRAY)
    return TEMPLATE_ERROR("Fn::Length requires a list (line %u)", argument->line);
  *ret_value = at_line(json_new_int(eval->arena, list->n), argument);
  return NULL;
}

static Error *
fn_to_json_string(Eval *eval, const Json *argument, Json **ret_value)
{
  Json *value = NULL;
  TRY(eval_value(eval, argument, &value));
  if (!value || (value->type != JSON_ARRAY && value->type != JSON_OBJECT))
    return TEMPLATE_ERROR("Fn::ToJsonString requires a map or a list (line %u)", argument->line);
  *ret_value = new_text(eval, json_text(eval->arena, value), argument);
  TRY(spend(eval, (*ret_value)->n, argument));
  return NULL;
}

static Error *
fn_transform(Eval *eval, const Json *argument, Json **ret_value)
{
  const char *name = json_string(json_get(argument, "Name"));
  return TEMPLATE_ERROR("Fn::Transform: the transform %s is not here (line %u): expand the template before it is deployed", name ? name : "",
                        argument->line);
}

typedef Error *(*Function)(Eval *eval, const Json *argument, Json **ret_value);

static Function
find_function(const char *key)
{
  static const struct { const char *key; Function function; } functions[] = {
    { "Ref", fn_ref }, { "Fn::GetAtt", fn_get_att }, { "Fn::Sub", fn_sub }, { "Fn::Join", fn_join }, { "Fn::Select", fn_select },
    { "Fn::Split", fn_split }, { "Fn::FindInMap", fn_find_in_map }, { "Fn::Base64", fn_base64 }, { "Fn::Cidr", fn_cidr },
    { "Fn::GetAZs", fn_get_azs }, { "Fn::ImportValue", fn_import_value }, { "Fn::If", fn_if }, { "Fn::Length", fn_length },
    { "Fn::ToJsonString", fn_to_json_string }, { "Fn::Transform", fn_transform },
  };
  for (guint i = 0; i < G_N_ELEMENTS(functions); i++) {
    if (strcmp(key, functions[i].key) == 0)
      return functions[i].function;
  }
  return NULL;
}

static Error *
eval_children(Eval *eval, const Json *json, Error *(*each)(Eval *, const Json *, Json **), Json **ret_value)
{
  Json *copy = moved(eval, json, json), *value = NULL;
  copy->n = 0;
  copy->items = NULL;
  for (guint i = 0; json->type == JSON_ARRAY && i < json->n; i++) {
    TRY(each(eval, json->items[i], &value));
    if (value)
      json_append(eval->arena, copy, value);
  }
  for (guint i = 0; json->type == JSON_OBJECT && i < json->n; i++) {
    TRY(each(eval, json->members[i].value, &value));
    if (value)
      json_set(eval->arena, copy, json->members[i].key, value);
  }
  *ret_value = copy;
  return NULL;
}

Error *
eval_value(Eval *eval, const Json *json, Json **ret_value)
{
  if (json->type != JSON_ARRAY && json->type != JSON_OBJECT) {
    *ret_value = (Json *) json;
    return NULL;
  }
  if (eval->depth >= EVAL_DEPTH_MAX)
    return TEMPLATE_ERROR("the functions are nested too deeply (line %u)", json->line);
  const guint depth = eval->depth++;
  const char *key = json->type == JSON_OBJECT && json->n == 1 ? json->members[0].key : NULL;
  Function function = key ? find_function(key) : NULL;
  if (function)
    TRY(function(eval, json->members[0].value, ret_value));
  else if (key && g_str_has_prefix(key, "Fn::"))
    return TEMPLATE_ERROR("there is no function %s here (line %u)", key, json->line);
  else
    TRY(eval_children(eval, json, eval_value, ret_value));
  eval->depth = depth;
  return NULL;
}

Error *
eval_text(Eval *eval, const Json *json, const char *what, const char **ret_text)
{
  Json *value = NULL;
  TRY(eval_value(eval, json, &value));
  const char *text = template_scalar(value);
  if (!text)
    return TEMPLATE_ERROR("%s requires a string here (line %u)", what, json->line);
  *ret_text = text;
  return NULL;
}

Error *
eval_prune(Eval *eval, const Json *json, Json **ret_value)
{
  const Json *branch = NULL;
  if (json->type != JSON_ARRAY && json->type != JSON_OBJECT) {
    *ret_value = (Json *) json;
    return NULL;
  }
  if (json->type == JSON_OBJECT && json->n == 1 && strcmp(json->members[0].key, "Fn::If") == 0) {
    TRY(choose(eval, json->members[0].value, &branch));
    return eval_prune(eval, branch, ret_value);
  }
  if (json->type == JSON_OBJECT && g_strcmp0(json_string(json_get(json, "Ref")), "AWS::NoValue") == 0 && json->n == 1) {
    *ret_value = NULL;
    return NULL;
  }
  return eval_children(eval, json, eval_prune, ret_value);
}
