#define PCRE2_CODE_UNIT_WIDTH 8
#include "stack/parameters.h"
#include <pcre2.h>
#include <string.h>

#define PARAMETER_ERROR(...) error_answer("ValidationError", __VA_ARGS__)

static const char *
declared(const Json *declaration, const char *name)
{
  return template_scalar(json_get(declaration, name));
}

static gboolean
is_number(const char *text)
{
  char *end;
  g_ascii_strtod(text, &end);
  return end != text && *end == 0;
}

static gboolean
is_list_type(const char *type)
{
  return strcmp(type, "CommaDelimitedList") == 0 || g_str_has_prefix(type, "List<");
}

/* "AWS::SSM::Parameter::Value<X>": X, else NULL. */
static const char *
ssm_type(Arena *arena, const char *type)
{
  static const char prefix[] = "AWS::SSM::Parameter::Value<";
  if (!g_str_has_prefix(type, prefix) || !g_str_has_suffix(type, ">"))
    return NULL;
  return arena_strndup(arena, type + strlen(prefix), strlen(type) - strlen(prefix) - 1);
}

static gboolean
is_known_type(Arena *arena, const char *type)
{
  const char *inner = ssm_type(arena, type);
  if (inner)
    type = inner;
  if (g_str_has_prefix(type, "List<") && g_str_has_suffix(type, ">")) {
    type = arena_strndup(arena, type + strlen("List<"), strlen(type) - strlen("List<") - 1);
    if (strcmp(type, "CommaDelimitedList") == 0)
      return FALSE;
  }
  return strcmp(type, "String") == 0 || strcmp(type, "Number") == 0 || strcmp(type, "CommaDelimitedList") == 0 ||
         g_str_has_prefix(type, "AWS::EC2::") || g_str_has_prefix(type, "AWS::Route53::") || strcmp(type, "AWS::SSM::Parameter::Name") == 0;
}

/* AWS matches the whole value. */
static Error *
check_pattern(const char *name, const char *pattern, const char *value, gboolean *ret_matches)
{
  int code;
  PCRE2_SIZE at;
  g_autofree char *whole = g_strdup_printf("^(?:%s)$", pattern);
  pcre2_code *compiled = pcre2_compile((PCRE2_SPTR) whole, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &code, &at, NULL);
  if (!compiled)
    return PARAMETER_ERROR("Template format error: Parameter '%s' has an AllowedPattern that is no regular expression: %s", name, pattern);
  pcre2_match_data *match = pcre2_match_data_create_from_pattern(compiled, NULL);
  *ret_matches = pcre2_match(compiled, (PCRE2_SPTR) value, strlen(value), 0, 0, match, NULL) >= 0;
  pcre2_match_data_free(match);
  pcre2_code_free(compiled);
  return NULL;
}

/* What is wrong with a value, in AWS's words; NULL if nothing (arena). */
static const char *
find_fault_with(Arena *arena, const Json *declaration, const char *name, const char *value)
{
  const Json *allowed = json_get(declaration, "AllowedValues");
  gboolean found = !allowed;
  for (guint i = 0; allowed && allowed->type == JSON_ARRAY && i < allowed->n; i++)
    found = found || g_strcmp0(template_scalar(allowed->items[i]), value) == 0;
  if (!found)
    return arena_printf(arena, "Parameter '%s' must be one of AllowedValues", name);
  const char *limit;
  glong length = g_utf8_strlen(value, -1);
  if ((limit = declared(declaration, "MinLength")) && length < g_ascii_strtoll(limit, NULL, 10))
    return arena_printf(arena, "Parameter '%s' must contain at least %s characters", name, limit);
  if ((limit = declared(declaration, "MaxLength")) && length > g_ascii_strtoll(limit, NULL, 10))
    return arena_printf(arena, "Parameter '%s' must contain at most %s characters", name, limit);
  gboolean number = g_strcmp0(declared(declaration, "Type"), "Number") == 0;
  if (number && (limit = declared(declaration, "MinValue")) && g_ascii_strtod(value, NULL) < g_ascii_strtod(limit, NULL))
    return arena_printf(arena, "Parameter '%s' must be a number not less than %s", name, limit);
  if (number && (limit = declared(declaration, "MaxValue")) && g_ascii_strtod(value, NULL) > g_ascii_strtod(limit, NULL))
    return arena_printf(arena, "Parameter '%s' must be a number not greater than %s", name, limit);
  return NULL;
}

static Error *
check_value(Arena *arena, const Json *declaration, const char *name, const char *value)
{
  const char *type = declared(declaration, "Type"), *pattern = declared(declaration, "AllowedPattern");
  const char *explanation = declared(declaration, "ConstraintDescription");
  if (strcmp(type, "Number") == 0 && !is_number(value))
    return PARAMETER_ERROR("Parameter '%s' must be a number.", name);
  const char *fault = find_fault_with(arena, declaration, name, value);
  gboolean matches = TRUE;
  if (!fault && pattern)
    TRY(check_pattern(name, pattern, value, &matches));
  if (!matches)
    fault = arena_printf(arena, "Parameter '%s' must match pattern %s", name, pattern);
  if (fault && explanation)
    return PARAMETER_ERROR("Parameter '%s' failed to satisfy constraint: %s", name, explanation);
  return fault ? PARAMETER_ERROR("%s", fault) : NULL;
}

static Error *
check_declared_value(Arena *arena, const Json *declaration, const char *name, const char *text)
{
  const char *type = declared(declaration, "Type");
  if (!is_known_type(arena, type))
    return PARAMETER_ERROR("Template format error: Unrecognized parameter type: %s", type);
  if (strlen(text) > 4096)
    return PARAMETER_ERROR("Parameter '%s' must contain at most 4096 characters", name);
  if (!is_list_type(type))
    return check_value(arena, declaration, name, text);
  g_auto(GStrv) parts = g_strsplit(text, ",", -1);
  for (char **part = parts; *part; part++) {
    g_strstrip(*part);
    if (strcmp(type, "List<Number>") == 0 && !is_number(*part))
      return PARAMETER_ERROR("Parameter '%s' must be a list of numbers.", name);
    TRY(check_value(arena, declaration, name, *part));
  }
  return NULL;
}

static Json *
split_list(Arena *arena, const char *text)
{
  Json *list = json_new_array(arena);
  g_auto(GStrv) parts = g_strsplit(text, ",", -1);
  for (char **part = parts; *part; part++)
    json_append(arena, list, json_new_string(arena, g_strstrip(*part)));
  return list;
}

static Error *
read_ssm(Call *call, const char *name, const char *parameter, const char **ret_text)
{
  Json *in = json_new_object(call->arena), *out = NULL;
  json_set(call->arena, in, "Name", json_new_string(call->arena, parameter));
  g_autoptr(Error) error = remote_call(call, "ssm", "GetParameter", in, &out);
  if (error_is(error, "ParameterNotFound"))
    return PARAMETER_ERROR("Unable to fetch parameters [%s] from parameter store for this account.", parameter);
  if (error)
    return error_prefix(g_steal_pointer(&error), "Parameter '%s'", name);
  *ret_text = json_string(json_path(out, "Parameter.Value"));
  return *ret_text ? NULL : PARAMETER_ERROR("Unable to fetch parameters [%s] from parameter store for this account.", parameter);
}

static Error *
resolve_value(Call *call, const Json *declaration, const char *name, const char *text, Json **ret_value)
{
  const char *type = declared(declaration, "Type"), *inner = ssm_type(call->arena, type);
  TRY(check_declared_value(call->arena, declaration, name, text));
  if (inner) {
    TRY(read_ssm(call, name, text, &text));
    type = inner;
  }
  *ret_value = is_list_type(type) ? split_list(call->arena, text) : json_new_string(call->arena, text);
  return NULL;
}

static const Json *
find_given(const Json *given, const char *name)
{
  for (guint i = 0; given && i < given->n; i++) {
    if (g_strcmp0(json_string(json_get(given->items[i], "ParameterKey")), name) == 0)
      return given->items[i];
  }
  return NULL;
}

static Error *
check_given(Arena *arena, const Template *template, const Json *given)
{
  g_autoptr(GPtrArray) unknown = g_ptr_array_new();
  for (guint i = 0; given && i < given->n; i++) {
    const char *key = json_string(json_get(given->items[i], "ParameterKey"));
    if (key && !json_get(template->parameters, key))
      g_ptr_array_add(unknown, (gpointer) key);
  }
  if (!unknown->len)
    return NULL;
  return PARAMETER_ERROR("Parameters: [%s] do not exist in the template",
                         text_join(arena, ", ", (const char *const *) unknown->pdata, unknown->len));
}

/* The text of a parameter: given, kept, or its default; NULL if there is none. */
static const char *
choose_text(const Json *declaration, const char *name, const Json *given, const Json *previous)
{
  const Json *item = find_given(given, name);
  const Json *keep = json_get(item, "UsePreviousValue");
  if (keep && keep->type == JSON_TRUE)
    return json_string(json_get(previous, name));
  const char *text = json_string(json_get(item, "ParameterValue"));
  return text ? text : declared(declaration, "Default");
}

Error *
parameters_resolve(Call *call, const Template *template, const Json *given, const Json *previous, Json **ret_texts, Json **ret_values)
{
  Json *texts = json_new_object(call->arena), *values = json_new_object(call->arena);
  g_autoptr(GPtrArray) missing = g_ptr_array_new();
  TRY(check_given(call->arena, template, given));
  for (guint i = 0; template->parameters && i < template->parameters->n; i++) {
    const JsonMember *member = &template->parameters->members[i];
    const char *text = choose_text(member->value, member->key, given, previous);
    if (text)
      json_set(call->arena, texts, member->key, json_new_string(call->arena, text));
    else
      g_ptr_array_add(missing, (gpointer) member->key);
  }
  if (missing->len)
    return PARAMETER_ERROR("Parameters: [%s] must have values",
                           text_join(call->arena, ", ", (const char *const *) missing->pdata, missing->len));
  for (guint i = 0; i < texts->n; i++) {
    const char *name = texts->members[i].key;
    Json *value = NULL;
    TRY(resolve_value(call, json_get(template->parameters, name), name, texts->members[i].value->text, &value));
    json_set(call->arena, values, name, value);
  }
  *ret_texts = texts;
  *ret_values = values;
  return NULL;
}

static gboolean
is_hidden(const Json *declaration)
{
  return g_strcmp0(declared(declaration, "NoEcho"), "true") == 0;
}

Json *
parameters_describe(Arena *arena, const Template *template, const Json *texts, const Json *values)
{
  Json *list = json_new_array(arena);
  for (guint i = 0; texts && i < texts->n; i++) {
    const char *name = texts->members[i].key;
    const Json *declaration = json_get(template->parameters, name), *value = json_get(values, name);
    gboolean hidden = is_hidden(declaration);
    Json *item = json_new_object(arena);
    json_set(arena, item, "ParameterKey", json_new_string(arena, name));
    json_set(arena, item, "ParameterValue", hidden ? json_new_string(arena, "****") : texts->members[i].value);
    if (!hidden && value && ssm_type(arena, declared(declaration, "Type"))) {
      g_autoptr(GString) joined = g_string_new(value->type == JSON_STRING ? value->text : NULL);
      for (guint j = 0; value->type == JSON_ARRAY && j < value->n; j++)
        g_string_append_printf(joined, "%s%s", j ? "," : "", value->items[j]->text);
      json_set(arena, item, "ResolvedValue", json_new_string(arena, joined->str));
    }
    json_append(arena, list, item);
  }
  return list;
}

Json *
parameters_declare(Arena *arena, const Template *template)
{
  Json *list = json_new_array(arena);
  for (guint i = 0; template->parameters && i < template->parameters->n; i++) {
    const Json *declaration = template->parameters->members[i].value, *allowed = json_get(declaration, "AllowedValues");
    const char *otherwise = declared(declaration, "Default"), *description = declared(declaration, "Description");
    Json *item = json_new_object(arena), *constraints = json_new_object(arena), *values = json_new_array(arena);
    json_set(arena, item, "ParameterKey", json_new_string(arena, template->parameters->members[i].key));
    if (otherwise)
      json_set(arena, item, "DefaultValue", json_new_string(arena, otherwise));
    json_set(arena, item, "ParameterType", json_new_string(arena, declared(declaration, "Type")));
    json_set(arena, item, "NoEcho", json_new_bool(arena, is_hidden(declaration)));
    if (description)
      json_set(arena, item, "Description", json_new_string(arena, description));
    for (guint j = 0; allowed && allowed->type == JSON_ARRAY && j < allowed->n; j++) {
      const char *value = template_scalar(allowed->items[j]);
      json_append(arena, values, json_new_string(arena, value ? value : ""));
    }
    if (values->n)
      json_set(arena, constraints, "AllowedValues", values);
    json_set(arena, item, "ParameterConstraints", constraints);
    json_append(arena, list, item);
  }
  return list;
}
