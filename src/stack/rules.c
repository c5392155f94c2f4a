#include "stack/rules.h"
#include <string.h>

#define TEMPLATE_ERROR(...) error_answer("ValidationError", "Template error: " __VA_ARGS__)
#define FORMAT_ERROR(...) error_answer("ValidationError", "Template format error: " __VA_ARGS__)

enum { DEPTH_MAX = 64 };

typedef struct Rules {
  Call *call;
  Eval *eval;
  guint depth;
} Rules;

static Error *truth(Rules *r, const Json *json, gboolean *ret_holds);

Error *
rules_check_form(const Json *rules)
{
  for (guint i = 0; rules && i < rules->n; i++) {
    const char *name = rules->members[i].key;
    const Json *rule = rules->members[i].value, *assertions = json_get(rule, "Assertions");
    if (rule->type != JSON_OBJECT)
      return FORMAT_ERROR("[/Rules/%s] must be an object. (line %u)", name, rule->line);
    if (!assertions || assertions->type != JSON_ARRAY || assertions->n == 0)
      return FORMAT_ERROR("[/Rules/%s] Every Rules object must contain an Assertions list. (line %u)", name, rule->line);
    for (guint j = 0; j < rule->n; j++) {
      if (strcmp(rule->members[j].key, "Assertions") != 0 && strcmp(rule->members[j].key, "RuleCondition") != 0)
        return FORMAT_ERROR("[/Rules/%s] Unexpected member '%s' (line %u): a rule has RuleCondition and Assertions", name, rule->members[j].key,
                            rule->members[j].value->line);
    }
    for (guint j = 0; j < assertions->n; j++) {
      if (!json_get(assertions->items[j], "Assert"))
        return FORMAT_ERROR("[/Rules/%s/Assertions/%u] Every assertion must contain an Assert. (line %u)", name, j, assertions->items[j]->line);
    }
  }
  return NULL;
}

/* The parameter types whose values these functions may ask about, where ec2 says them, and which attributes they have there. */
static const struct Kind {
  const char *type, *operation, *list, *id;
  const char *attributes[3];
} kinds[] = {
  { "AWS::EC2::VPC::Id", "DescribeVpcs", "Vpcs", "VpcId", { NULL } },
  { "AWS::EC2::Subnet::Id", "DescribeSubnets", "Subnets", "SubnetId", { "AvailabilityZone", "VpcId", NULL } },
  { "AWS::EC2::SecurityGroup::Id", "DescribeSecurityGroups", "SecurityGroups", "GroupId", { NULL } },
};

static const struct Kind *
find_kind(const char *type)
{
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
    g_autofree char *list = g_strdup_printf("List<%s>", kinds[i].type);
    if (g_strcmp0(type, kinds[i].type) == 0 || g_strcmp0(type, list) == 0)
      return &kinds[i];
  }
  return NULL;
}

/* The attribute of one that ec2 described; NULL: it has none. */
static Error *
attribute_of(const struct Kind *kind, const Json *item, const char *attribute, const char **ret_text)
{
  *ret_text = NULL;
  if (g_str_has_prefix(attribute, "Tags.")) {
    const Json *tags = json_get(item, "Tags");
    for (guint i = 0; tags && i < tags->n; i++) {
      if (g_strcmp0(json_string(json_get(tags->items[i], "Key")), attribute + strlen("Tags.")) == 0)
        *ret_text = json_string(json_get(tags->items[i], "Value"));
    }
    return NULL;
  }
  for (guint i = 0; kind->attributes[i]; i++) {
    if (strcmp(kind->attributes[i], attribute) == 0) {
      *ret_text = json_string(json_get(item, attribute));
      return NULL;
    }
  }
  return TEMPLATE_ERROR("haar does not know the attribute %s of %s in Rules", attribute, kind->type);
}

/* The ids (attribute NULL), or an attribute, of all that ec2 has, or of those whose ids are in only. */
static Error *
describe(Rules *r, const char *type, const Json *only, const char *attribute, Json **ret_list)
{
  Arena *arena = r->call->arena;
  const struct Kind *kind = find_kind(type);
  Json *list = json_new_array(arena), *out = NULL;
  if (!kind)
    return TEMPLATE_ERROR("haar does not know the values of the type %s in Rules", type ? type : "");
  TRY(remote_call(r->call, "ec2", kind->operation, json_new_object(arena), &out));
  const Json *items = json_get(out, kind->list);
  for (guint i = 0; items && i < items->n; i++) {
    const char *id = json_string(json_get(items->items[i], kind->id)), *text = id;
    gboolean wanted = !only;
    for (guint j = 0; only && j < only->n; j++)
      wanted = wanted || g_strcmp0(json_string(only->items[j]), id) == 0;
    if (wanted && attribute)
      TRY(attribute_of(kind, items->items[i], attribute, &text));
    if (wanted && text)
      json_append(arena, list, json_new_string(arena, text));
  }
  *ret_list = list;
  return NULL;
}

/* [parameter, attribute]: a text, or a list of a list's. */
static Error *
value_of(Rules *r, const Json *argument, Json **ret_value)
{
  const char *name = argument->type == JSON_ARRAY && argument->n == 2 ? json_string(argument->items[0]) : NULL;
  const char *attribute = name ? json_string(argument->items[1]) : NULL;
  const Json *declaration = name ? json_get(r->eval->template->parameters, name) : NULL;
  Json *given = name ? json_get(r->eval->parameters, name) : NULL, *only = given, *list = NULL;
  if (!declaration || !attribute || !given)
    return TEMPLATE_ERROR("every Fn::ValueOf object requires two parameters, the name of a parameter and an attribute (line %u)", argument->line);
  if (given->type != JSON_ARRAY) {
    only = json_new_array(r->call->arena);
    json_append(r->call->arena, only, given);
  }
  TRY(describe(r, json_string(json_get(declaration, "Type")), only, attribute, &list));
  *ret_value = given->type == JSON_ARRAY ? list : list->n ? list->items[0] : json_new_string(r->call->arena, "");
  return NULL;
}

static Error *
value(Rules *r, const Json *json, Json **ret_value)
{
  const char *key = json->type == JSON_OBJECT && json->n == 1 ? json->members[0].key : "";
  const Json *argument = *key ? json->members[0].value : NULL;
  if (strcmp(key, "Fn::RefAll") == 0)
    return describe(r, json_string(argument), NULL, NULL, ret_value);
  if (strcmp(key, "Fn::ValueOf") == 0)
    return value_of(r, argument, ret_value);
  if (strcmp(key, "Fn::ValueOfAll") == 0) {
    const char *attribute = argument->type == JSON_ARRAY && argument->n == 2 ? json_string(argument->items[1]) : NULL;
    if (!attribute)
      return TEMPLATE_ERROR("every Fn::ValueOfAll object requires two parameters, a parameter type and an attribute (line %u)", argument->line);
    return describe(r, json_string(argument->items[0]), NULL, attribute, ret_value);
  }
  TRY(eval_value(r->eval, json, ret_value));
  return *ret_value ? NULL : TEMPLATE_ERROR("AWS::NoValue has no meaning in Rules (line %u)", json->line);
}

static gboolean
is_member(const Json *list, const Json *item)
{
  const char *text = template_scalar(item);
  for (guint i = 0; i < list->n; i++) {
    if (text && g_strcmp0(template_scalar(list->items[i]), text) == 0)
      return TRUE;
  }
  return FALSE;
}

/* The functions that take two values: what each asks of the second for the first, a list but with Fn::Equals. */
static Error *
compare(Rules *r, const char *key, const Json *argument, gboolean *ret_holds)
{
  Json *a = NULL, *b = NULL;
  gboolean equals = strcmp(key, "Fn::Equals") == 0, every_in = strcmp(key, "Fn::EachMemberIn") == 0;
  if (argument->type != JSON_ARRAY || argument->n != 2)
    return TEMPLATE_ERROR("every %s object requires two parameters (line %u)", key, argument->line);
  TRY(value(r, argument->items[0], &a));
  TRY(value(r, argument->items[1], &b));
  if (equals) {
    const char *x = template_scalar(a), *y = template_scalar(b);
    *ret_holds = x && y ? strcmp(x, y) == 0 : json_equal(a, b);
    return NULL;
  }
  if (a->type != JSON_ARRAY || (every_in && b->type != JSON_ARRAY))
    return TEMPLATE_ERROR("every %s object requires a list of texts (line %u)", key, argument->line);
  if (strcmp(key, "Fn::Contains") == 0) {
    *ret_holds = is_member(a, b);
    return NULL;
  }
  *ret_holds = TRUE;
  for (guint i = 0; i < a->n; i++) {
    gboolean fits = every_in ? is_member(b, a->items[i]) : g_strcmp0(template_scalar(a->items[i]), template_scalar(b)) == 0;
    *ret_holds = *ret_holds && fits;
  }
  return NULL;
}

static Error *
several(Rules *r, const char *key, const Json *argument, gboolean until, gboolean *ret_holds)
{
  if (argument->type != JSON_ARRAY || argument->n < 2 || argument->n > 10)
    return TEMPLATE_ERROR("every %s object requires a list of at least 2 and at most 10 boolean parameters.", key);
  for (guint i = 0; i < argument->n; i++) {
    TRY(truth(r, argument->items[i], ret_holds));
    if (*ret_holds == until)
      return NULL;
  }
  return NULL;
}

static Error *
truth_of_function(Rules *r, const Json *json, gboolean *ret_holds)
{
  static const char *const comparisons[] = { "Fn::Equals", "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn", NULL };
  const char *key = json->type == JSON_OBJECT && json->n == 1 ? json->members[0].key : "";
  const Json *argument = *key ? json->members[0].value : NULL;
  if (g_strv_contains(comparisons, key))
    return compare(r, key, argument, ret_holds);
  if (strcmp(key, "Fn::And") == 0 || strcmp(key, "Fn::Or") == 0)
    return several(r, key, argument, strcmp(key, "Fn::Or") == 0, ret_holds);
  if (strcmp(key, "Fn::Not") != 0)
    return TEMPLATE_ERROR("a rule's condition or assertion is one of Fn::And, Fn::Contains, Fn::EachMemberEquals, Fn::EachMemberIn, Fn::Equals, "
                          "Fn::Not and Fn::Or (line %u)", json->line);
  if (argument->type != JSON_ARRAY || argument->n != 1)
    return TEMPLATE_ERROR("every Fn::Not object requires a list of one boolean parameter.");
  TRY(truth(r, argument->items[0], ret_holds));
  *ret_holds = !*ret_holds;
  return NULL;
}

static Error *
truth(Rules *r, const Json *json, gboolean *ret_holds)
{
  if (r->depth >= DEPTH_MAX)
    return TEMPLATE_ERROR("the functions are nested too deeply (line %u)", json->line);
  r->depth++;
  TRY(truth_of_function(r, json, ret_holds));
  r->depth--;
  return NULL;
}

static Error *
evaluate_rule(Rules *r, const char *name, const Json *rule)
{
  const Json *condition = json_get(rule, "RuleCondition"), *assertions = json_get(rule, "Assertions");
  gboolean holds = TRUE;
  if (condition)
    TRY(truth(r, condition, &holds));
  for (guint i = 0; holds && i < assertions->n; i++) {
    const Json *assertion = json_get(assertions->items[i], "Assert");
    const char *description = template_scalar(json_get(assertions->items[i], "AssertDescription"));
    gboolean fits = FALSE;
    TRY(truth(r, assertion, &fits));
    if (!fits)
      return error_answer("ValidationError", "Rule %s failed: %s (line %u)", name, description ? description : "an assertion does not hold",
                          assertion->line);
  }
  return NULL;
}

Error *
rules_evaluate(Call *call, Eval *eval)
{
  Rules rules = { call, eval, 0 };
  const Json *section = eval->template->rules;
  for (guint i = 0; section && i < section->n; i++)
    TRY(evaluate_rule(&rules, section->members[i].key, section->members[i].value));
  return NULL;
}
