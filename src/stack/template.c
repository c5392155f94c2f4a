#include "stack/template.h"
#include "stack/expand.h"
#include "stack/rules.h"
#include "stack/spec.h"
#include "stack/yaml.h"
#include <string.h>

#define FORMAT_ERROR(...) error_answer("ValidationError", "Template format error: " __VA_ARGS__)

const char *
template_scalar(const Json *json)
{
  if (!json)
    return NULL;
  if (json->type == JSON_STRING || json->type == JSON_NUMBER)
    return json->text;
  return json->type == JSON_TRUE ? "true" : json->type == JSON_FALSE ? "false" : NULL;
}

gboolean
template_is_name(const char *text)
{
  for (const char *at = text; *at; at++) {
    if (!g_ascii_isalnum(*at))
      return FALSE;
  }
  return *text != 0;
}

static gboolean
is_in(const char *text, const char *const *words)
{
  for (; *words; words++) {
    if (strcmp(text, *words) == 0)
      return TRUE;
  }
  return FALSE;
}

static Error *
parse_json(Arena *arena, const char *text, gsize size, Json **ret_json)
{
  g_autoptr(Error) error = json_parse(arena, text, size, ret_json);
  if (!error)
    return NULL;
  const char *where = error->message ? strstr(error->message, " at line ") : NULL;
  if (!where)
    return FORMAT_ERROR("JSON not well-formed.");
  g_autofree char *what = g_strndup(error->message, (gsize) (where - error->message));
  return FORMAT_ERROR("JSON not well-formed. (%s) %s", where + strlen(" at "), what);
}

static Error *
parse_text(Arena *arena, const char *text, gsize size, Json **ret_json)
{
  gsize space = 0;
  while (space < size && g_ascii_isspace(text[space]))
    space++;
  if (space == size)
    return FORMAT_ERROR("unsupported structure.");
  if (text[space] == '{')
    return parse_json(arena, text, size, ret_json);
  return yaml_parse(arena, text, size, ret_json);
}

/* A section that is an object of named members, or absent. */
static Error *
get_section(const Json *root, const char *name, gint64 max, Json **ret_section)
{
  Json *section = json_get(root, name);
  if (!section)
    return NULL;
  if (section->type != JSON_OBJECT)
    return FORMAT_ERROR("[/%s] must be an object. (line %u)", name, section->line);
  if (section->n > max) {
    g_autofree char *what = g_ascii_strdown(name, -1);
    return FORMAT_ERROR("Number of %s, %u, is greater than maximum allowed, %" G_GINT64_FORMAT, what, section->n, max);
  }
  *ret_section = section;
  return NULL;
}

static Error *
check_top_level(const Json *root)
{
  static const char *const known[] = { "AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Rules", "Mappings",
    "Conditions", "Transform", "Resources", "Outputs", "Hooks", NULL };
  if (root->type != JSON_OBJECT)
    return FORMAT_ERROR("unsupported structure.");
  for (guint i = 0; i < root->n; i++) {
    const JsonMember *member = &root->members[i];
    const char *near = spec_nearest(member->key, known);
    if (!is_in(member->key, known) && near)
      return error_answer("ValidationError", "Invalid template property or properties [%s] (line %u; did you mean %s?)", member->key,
                          member->value->line, near);
    if (!is_in(member->key, known))
      return error_answer("ValidationError", "Invalid template property or properties [%s] (line %u)", member->key, member->value->line);
  }
  const Json *version = json_get(root, "AWSTemplateFormatVersion");
  if (version && g_strcmp0(json_string(version), "2010-09-09") != 0)
    return FORMAT_ERROR("unsupported value for AWSTemplateFormatVersion.");
  const Json *description = json_get(root, "Description");
  if (description && description->type != JSON_STRING)
    return FORMAT_ERROR("[/Description] must be a string.");
  if (description && description->n > 1024)
    return FORMAT_ERROR("'Description' length is greater than 1024.");
  return NULL;
}

/* AWS allows no null anywhere but in Metadata. */
static Error *
check_nulls(Arena *arena, const char *path, const Json *json)
{
  if (json->type == JSON_NULL)
    return error_answer("ValidationError", "[%s] 'null' values are not allowed in templates", path);
  for (guint i = 0; json->type == JSON_ARRAY && i < json->n; i++)
    TRY(check_nulls(arena, arena_printf(arena, "%s/%u", path, i), json->items[i]));
  for (guint i = 0; json->type == JSON_OBJECT && i < json->n; i++) {
    if (strcmp(json->members[i].key, "Metadata") != 0)
      TRY(check_nulls(arena, arena_printf(arena, "%s/%s", path, json->members[i].key), json->members[i].value));
  }
  return NULL;
}

static Error *
check_depends_on(const Json *resource)
{
  const Json *depends = json_get(resource, "DependsOn");
  if (!depends || depends->type == JSON_STRING)
    return NULL;
  for (guint i = 0; depends->type == JSON_ARRAY && i < depends->n; i++) {
    if (depends->items[i]->type != JSON_STRING)
      return FORMAT_ERROR("DependsOn must be a string or list of strings (line %u)", depends->line);
  }
  if (depends->type != JSON_ARRAY)
    return FORMAT_ERROR("DependsOn must be a string or list of strings (line %u)", depends->line);
  return NULL;
}

static Error *
check_policies(const char *id, const Json *resource)
{
  static const char *const deletion[] = { "Delete", "Retain", "Snapshot", "RetainExceptOnCreate", NULL };
  static const char *const names[] = { "DeletionPolicy", "UpdateReplacePolicy" };
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    const Json *policy = json_get(resource, names[i]);
    if (policy && policy->type == JSON_OBJECT)
      continue; /* a function, of AWS::LanguageExtensions */
    if (policy && (!json_string(policy) || !is_in(policy->text, deletion)))
      return FORMAT_ERROR("Unrecognized %s %s for resource %s (line %u)", names[i], template_scalar(policy) ? template_scalar(policy) : "",
                          id, policy->line);
  }
  return NULL;
}

static Error *
check_resource(const char *id, const Json *resource)
{
  static const char *const known[] = { "Type", "Properties", "DependsOn", "Condition", "Metadata", "DeletionPolicy", "UpdateReplacePolicy",
    "UpdatePolicy", "CreationPolicy", NULL };
  if (!template_is_name(id))
    return FORMAT_ERROR("Resource name %s is non alphanumeric.", id);
  if (resource->type != JSON_OBJECT)
    return FORMAT_ERROR("Any Resources member must be an object.");
  for (guint i = 0; i < resource->n; i++) {
    const JsonMember *member = &resource->members[i];
    if (is_in(member->key, known))
      continue;
    const char *near = spec_nearest(member->key, known);
    return error_answer("ValidationError", near ? "Invalid template resource property '%s' (line %u; did you mean %s?)" :
                        "Invalid template resource property '%s' (line %u)%s", member->key, member->value->line, near ? near : "");
  }
  if (!json_string(json_get(resource, "Type")))
    return FORMAT_ERROR("[/Resources/%s] Every Resources object must contain a Type member.", id);
  const Json *properties = json_get(resource, "Properties");
  if (properties && properties->type != JSON_OBJECT)
    return FORMAT_ERROR("[/Resources/%s/Properties] 'Properties' must be an object (line %u).", id, properties->line);
  TRY(check_policies(id, resource));
  return check_depends_on(resource);
}

static Error *
check_mappings(const Json *mappings)
{
  for (guint i = 0; mappings && i < mappings->n; i++) {
    const Json *mapping = mappings->members[i].value;
    if (mapping->type != JSON_OBJECT)
      return FORMAT_ERROR("Every Mappings member %s must be a map", mappings->members[i].key);
    for (guint j = 0; j < mapping->n; j++) {
      const Json *keys = mapping->members[j].value;
      if (keys->type != JSON_OBJECT)
        return FORMAT_ERROR("Every Mappings member %s must be a map", mapping->members[j].key);
      for (guint k = 0; k < keys->n; k++) {
        if (keys->members[k].value->type == JSON_OBJECT)
          return FORMAT_ERROR("Every Mappings attribute must be a String or a List.");
      }
    }
  }
  return NULL;
}

static Error *
check_outputs(const Json *outputs)
{
  for (guint i = 0; outputs && i < outputs->n; i++) {
    const Json *output = outputs->members[i].value;
    if (!template_is_name(outputs->members[i].key))
      return FORMAT_ERROR("Output name %s is non alphanumeric.", outputs->members[i].key);
    if (output->type != JSON_OBJECT || !json_get(output, "Value"))
      return FORMAT_ERROR("Every Outputs member must contain a Value object");
  }
  return NULL;
}

static Error *
check_parameters(const Json *parameters)
{
  for (guint i = 0; parameters && i < parameters->n; i++) {
    const char *name = parameters->members[i].key;
    const Json *parameter = parameters->members[i].value;
    if (!template_is_name(name))
      return FORMAT_ERROR("Parameter name %s is non alphanumeric.", name);
    if (parameter->type != JSON_OBJECT)
      return FORMAT_ERROR("Any Parameters member must be an object.");
    if (!json_string(json_get(parameter, "Type")))
      return FORMAT_ERROR("Every Parameters object must contain a Type member.");
  }
  return NULL;
}

static gboolean
is_pseudo(const char *name)
{
  static const char *const names[] = { "AWS::AccountId", "AWS::NotificationARNs", "AWS::NoValue", "AWS::Partition", "AWS::Region",
    "AWS::StackId", "AWS::StackName", "AWS::URLSuffix", NULL };
  return is_in(name, names);
}

/* The ${} of a Sub: each name or name.attribute that its own map does not define. */
static Error *
sub_references(Arena *arena, const Json *argument, ReferenceFunction function, gpointer data)
{
  const Json *text = argument, *map = NULL;
  if (argument->type == JSON_ARRAY && argument->n == 2) {
    text = argument->items[0];
    map = argument->items[1];
    TRY(template_references(arena, map, function, data));
  }
  const char *at = json_string(text);
  while (at && (at = strstr(at, "${")) != NULL) {
    const char *end = strchr(at, '}');
    if (!end)
      return NULL;
    char *name = g_strstrip(arena_strndup(arena, at + 2, (gsize) (end - at) - 2));
    at = end + 1;
    if (*name == '!' || json_get(map, name))
      continue;
    char *dot = strchr(name, '.');
    if (dot)
      *dot = 0;
    Reference reference = { dot ? REFERENCE_GET_ATT : REFERENCE_REF, name, dot ? dot + 1 : NULL, text };
    TRY(function(&reference, data));
  }
  return NULL;
}

static Error *
get_att_reference(Arena *arena, const Json *argument, ReferenceFunction function, gpointer data)
{
  Reference reference = { .kind = REFERENCE_GET_ATT, .at = argument };
  const char *text = json_string(argument), *dot = text ? strchr(text, '.') : NULL;
  if (dot) {
    reference.name = arena_strndup(arena, text, (gsize) (dot - text));
    reference.attribute = dot + 1;
  } else if (argument->type == JSON_ARRAY && argument->n >= 2 && json_string(argument->items[0])) {
    reference.name = argument->items[0]->text;
    GString *attribute = g_string_new(NULL);
    for (guint i = 1; i < argument->n && json_string(argument->items[i]); i++)
      g_string_append_printf(attribute, "%s%s", i > 1 ? "." : "", argument->items[i]->text);
    reference.attribute = attribute->len ? arena_strdup(arena, attribute->str) : NULL;
    g_string_free(attribute, TRUE);
  }
  if (!reference.name || !*reference.name || (reference.attribute && !*reference.attribute))
    return error_answer("ValidationError", "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name "
                        "and the resource attribute");
  TRY(function(&reference, data));
  return argument->type == JSON_ARRAY ? template_references(arena, argument, function, data) : NULL;
}

/* A member of an object that may be a function. */
static Error *
member_references(Arena *arena, const JsonMember *member, gboolean alone, ReferenceFunction function, gpointer data)
{
  const char *key = member->key, *text = json_string(member->value);
  if (alone && strcmp(key, "Ref") == 0 && text) {
    Reference reference = { REFERENCE_REF, text, NULL, member->value };
    return function(&reference, data);
  }
  if (alone && strcmp(key, "Condition") == 0 && text) {
    Reference reference = { REFERENCE_CONDITION, text, NULL, member->value };
    return function(&reference, data);
  }
  if (strcmp(key, "Fn::GetAtt") == 0)
    return get_att_reference(arena, member->value, function, data);
  if (strcmp(key, "Fn::Sub") == 0)
    return sub_references(arena, member->value, function, data);
  if (strcmp(key, "Fn::ImportValue") == 0) {
    Reference reference = { REFERENCE_IMPORT, NULL, NULL, member->value };
    TRY(function(&reference, data));
  }
  if (strcmp(key, "Fn::If") == 0 && member->value->type == JSON_ARRAY && member->value->n && json_string(member->value->items[0])) {
    Reference reference = { REFERENCE_CONDITION, member->value->items[0]->text, "Fn::If", member->value->items[0] };
    TRY(function(&reference, data));
  }
  return template_references(arena, member->value, function, data);
}

Error *
template_references(Arena *arena, const Json *json, ReferenceFunction function, gpointer data)
{
  for (guint i = 0; json->type == JSON_ARRAY && i < json->n; i++)
    TRY(template_references(arena, json->items[i], function, data));
  for (guint i = 0; json->type == JSON_OBJECT && i < json->n; i++)
    TRY(member_references(arena, &json->members[i], json->n == 1, function, data));
  return NULL;
}

typedef struct Unresolved {
  Arena *arena;
  const Template *template;
  GPtrArray *names;     /* of resources or parameters that are not there, once each */
} Unresolved;

static Error *
check_attribute(const Unresolved *check, const Reference *reference)
{
  const Json *resource = json_get(check->template->resources, reference->name);
  const char *type = json_string(json_get(resource, "Type"));
  const SpecResource *spec = type ? spec_find(type) : NULL;
  if (!resource)
    return error_answer("ValidationError", "Template error: instance of Fn::GetAtt references undefined resource %s", reference->name);
  if (spec && reference->attribute && !spec_has_attribute(spec, reference->attribute))
    return error_answer("ValidationError", "Template error: resource %s does not support attribute type %s in Fn::GetAtt (line %u)",
                        reference->name, reference->attribute, reference->at->line);
  return NULL;
}

static Error *
check_reference(const Reference *reference, gpointer data)
{
  Unresolved *check = data;
  if (reference->kind == REFERENCE_GET_ATT)
    return check_attribute(check, reference);
  if (reference->kind == REFERENCE_CONDITION && reference->attribute && !json_get(check->template->conditions, reference->name))
    return error_answer("ValidationError", "Template error: unresolved condition dependency %s in Fn::If", reference->name);
  if (reference->kind != REFERENCE_REF || is_pseudo(reference->name) || json_get(check->template->parameters, reference->name) ||
      json_get(check->template->resources, reference->name))
    return NULL;
  for (guint i = 0; i < check->names->len; i++) {
    if (strcmp(check->names->pdata[i], reference->name) == 0)
      return NULL;
  }
  g_ptr_array_add(check->names, (gpointer) reference->name);
  return NULL;
}

static Error *
check_condition_reference(const Reference *reference, gpointer data)
{
  Unresolved *check = data;
  if (reference->kind != REFERENCE_CONDITION || json_get(check->template->conditions, reference->name))
    return NULL;
  return error_answer("ValidationError", "Template error: unresolved condition dependency %s in Fn::If", reference->name);
}

static char *
joined(Arena *arena, const GPtrArray *names)
{
  return text_join(arena, ", ", (const char *const *) names->pdata, names->len);
}

static Error *
check_depends_names(Unresolved *check, const Json *resource)
{
  const Json *depends = json_get(resource, "DependsOn");
  guint n = !depends ? 0 : depends->type == JSON_ARRAY ? depends->n : 1;
  for (guint i = 0; i < n; i++) {
    const Json *name = depends->type == JSON_ARRAY ? depends->items[i] : depends;
    Reference reference = { REFERENCE_REF, name->text, NULL, name };
    TRY(check_reference(&reference, check));
    if (!json_get(check->template->resources, name->text) && json_get(check->template->parameters, name->text))
      g_ptr_array_add(check->names, (gpointer) name->text);
  }
  return NULL;
}

static Error *
check_references(Arena *arena, const Template *template)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  Unresolved check = { arena, template, names };
  for (guint i = 0; i < template->resources->n; i++) {
    const Json *resource = template->resources->members[i].value, *properties = json_get(resource, "Properties");
    TRY(check_depends_names(&check, resource));
    if (properties)
      TRY(template_references(arena, properties, check_reference, &check));
    const char *condition = json_string(json_get(resource, "Condition"));
    if (condition && !json_get(template->conditions, condition))
      return FORMAT_ERROR("Unresolved dependencies [%s]. Cannot reference resources in the Conditions block of the template", condition);
  }
  if (names->len)
    return FORMAT_ERROR("Unresolved resource dependencies [%s] in the Resources block of the template", joined(arena, names));
  for (guint i = 0; template->outputs && i < template->outputs->n; i++)
    TRY(template_references(arena, template->outputs->members[i].value, check_reference, &check));
  if (names->len)
    return error_answer("ValidationError", "Unresolved resource dependencies [%s] in the Outputs block of the template", joined(arena, names));
  if (template->conditions)
    TRY(template_references(arena, template->conditions, check_condition_reference, &check));
  return NULL;
}

static Error *
read_transforms(Arena *arena, const Json *root, StringList *ret_transforms)
{
  const Json *transform = json_get(root, "Transform");
  guint n = !transform ? 0 : transform->type == JSON_ARRAY ? transform->n : 1;
  for (guint i = 0; i < n; i++) {
    const Json *item = transform->type == JSON_ARRAY ? transform->items[i] : transform;
    const char *name = json_string(item) ? json_string(item) : json_string(json_get(item, "Name"));
    if (!name)
      return FORMAT_ERROR("[/Transform] must be a string or a list of strings (line %u).", transform->line);
    if (strcmp(name, "AWS::LanguageExtensions") != 0)
      return error_answer("ValidationError", "The transform %s is not here (line %u): haar expands AWS::LanguageExtensions. Expand the "
                          "template first (sam package, cdk synth) and deploy the result.", name, item->line);
    LIST_APPEND(arena, ret_transforms, name);
  }
  return NULL;
}

static Error *
read_sections(Template *t)
{
  TRY(get_section(t->root, "Parameters", LIMIT_STACK_PARAMETERS_MAX, &t->parameters));
  TRY(get_section(t->root, "Mappings", LIMIT_STACK_PARAMETERS_MAX, &t->mappings));
  TRY(get_section(t->root, "Conditions", LIMIT_STACK_RESOURCES_MAX, &t->conditions));
  TRY(get_section(t->root, "Resources", LIMIT_STACK_RESOURCES_MAX, &t->resources));
  TRY(get_section(t->root, "Outputs", LIMIT_STACK_OUTPUTS_MAX, &t->outputs));
  TRY(get_section(t->root, "Rules", LIMIT_STACK_PARAMETERS_MAX, &t->rules));
  TRY(get_section(t->root, "Metadata", LIMIT_STACK_RESOURCES_MAX, &t->metadata));
  t->description = json_string(json_get(t->root, "Description"));
  return NULL;
}

Error *
template_parse(Arena *arena, const char *text, gsize size, Template *ret_template)
{
  Json *root = NULL;
  if (!g_utf8_validate(text, (gssize) size, NULL))
    return FORMAT_ERROR("The template is not UTF-8 text.");
  TRY(parse_text(arena, text, size, &root));
  TRY(template_read(arena, root, ret_template));
  ret_template->text = text;
  ret_template->size = size;
  return NULL;
}

Error *
template_read(Arena *arena, Json *root, Template *ret_template)
{
  Template t = { .root = root };
  TRY(check_top_level(t.root));
  TRY(read_transforms(arena, t.root, &t.transforms));
  if (t.transforms.n)
    TRY(template_expand(arena, t.root, &t.root));
  TRY(read_sections(&t));
  if (!t.resources || t.resources->n == 0)
    return FORMAT_ERROR("At least one Resources member must be defined.");
  TRY(check_parameters(t.parameters));
  for (guint i = 0; i < t.resources->n; i++)
    TRY(check_resource(t.resources->members[i].key, t.resources->members[i].value));
  TRY(check_mappings(t.mappings));
  TRY(rules_check_form(t.rules));
  TRY(check_outputs(t.outputs));
  for (guint i = 0; i < t.root->n; i++) {
    const JsonMember *section = &t.root->members[i];
    if (strcmp(section->key, "Metadata") != 0 && strcmp(section->key, "Parameters") != 0)
      TRY(check_nulls(arena, arena_printf(arena, "/%s", section->key), section->value));
  }
  TRY(check_references(arena, &t));
  *ret_template = t;
  return NULL;
}

Error *
template_check_types(Arena *arena, const Template *template, gboolean (*has_type)(const char *type))
{
  g_autoptr(GPtrArray) unknown = g_ptr_array_new();
  for (guint i = 0; i < template->resources->n; i++) {
    const char *type = json_string(json_get(template->resources->members[i].value, "Type"));
    if (!spec_find(type) && !has_type(type))
      g_ptr_array_add(unknown, (gpointer) type);
  }
  const char *near = unknown->len == 1 ? spec_nearest_type(unknown->pdata[0]) : NULL;
  if (unknown->len)
    return FORMAT_ERROR("Unrecognized resource types: [%s]%s%s%s", joined(arena, unknown), near ? "; did you mean " : "", near ? near : "",
                        near ? "?" : "");
  g_autoptr(GString) missing = g_string_new(NULL);
  for (guint i = 0; i < template->resources->n; i++) {
    const JsonMember *member = &template->resources->members[i];
    const char *type = json_string(json_get(member->value, "Type"));
    if (!has_type(g_str_has_prefix(type, "Custom::") ? "AWS::CloudFormation::CustomResource" : type))
      g_string_append_printf(missing, "%s%s is of type %s (line %u)", missing->len ? ", " : "", member->key, type,
                             json_get(member->value, "Type")->line);
  }
  if (missing->len)
    return error_answer("ValidationError", "haar cannot create these resources yet: %s. Put a Condition on them, or remove them, to deploy "
                        "the rest.", missing->str);
  return NULL;
}
