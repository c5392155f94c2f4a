#include "stack/plan.h"
#include "stack/resource.h"
#include "stack/rules.h"
#include <string.h>

void
plan_clear(Plan *plan)
{
  eval_clear(&plan->eval);
}

const ResourceType *
plan_resource_type(const char *type)
{
  if (g_str_has_prefix(type, "Custom::"))
    type = "AWS::CloudFormation::CustomResource";
  for (const ResourceType *const *at = haar_resource_types; *at; at++) {
    if (strcmp((*at)->name, type) == 0)
      return *at;
  }
  return NULL;
}

static gboolean
has_type(const char *type)
{
  return plan_resource_type(type) != NULL;
}

/* Whether the condition of a resource or output holds. */
static Error *
is_wanted(Eval *eval, const Json *json, gboolean *ret_wanted)
{
  const char *condition = json_string(json_get(json, "Condition"));
  *ret_wanted = TRUE;
  return condition ? eval_condition(eval, condition, ret_wanted) : NULL;
}

static Error *
prune_section(Eval *eval, const Json *section, Json **ret_section)
{
  Json *kept = json_new_object(eval->arena);
  for (guint i = 0; section && i < section->n; i++) {
    gboolean wanted = FALSE;
    Json *value = NULL;
    TRY(is_wanted(eval, section->members[i].value, &wanted));
    if (!wanted)
      continue;
    TRY(eval_prune(eval, section->members[i].value, &value));
    json_set(eval->arena, kept, section->members[i].key, value);
  }
  *ret_section = kept;
  return NULL;
}

typedef struct Missing {
  const Plan *plan;
  const char *name;
} Missing;

static Error *
find_missing(const Reference *reference, gpointer data)
{
  Missing *missing = data;
  if ((reference->kind == REFERENCE_REF || reference->kind == REFERENCE_GET_ATT) &&
      json_get(missing->plan->template.resources, reference->name) && !json_get(missing->plan->resources, reference->name))
    missing->name = reference->name;
  return NULL;
}

/* A reference to a resource whose condition does not hold. */
static Error *
check_missing(Arena *arena, const Plan *plan)
{
  Missing missing = { plan, NULL };
  for (guint i = 0; i < plan->resources->n; i++) {
    const Json *properties = json_get(plan->resources->members[i].value, "Properties");
    if (properties)
      TRY(template_references(arena, properties, find_missing, &missing));
  }
  if (missing.name)
    return error_answer("ValidationError", "Template format error: Unresolved resource dependencies [%s] in the Resources block of the "
                        "template", missing.name);
  for (guint i = 0; i < plan->outputs->n; i++)
    TRY(template_references(arena, plan->outputs->members[i].value, find_missing, &missing));
  if (missing.name)
    return error_answer("ValidationError", "Unresolved resource dependencies [%s] in the Outputs block of the template", missing.name);
  return NULL;
}

/* Every Fn::FindInMap whose keys are known now has a value: AWS refuses the call, not the resource. */
static Error *
check_mapping_keys(Eval *eval, const Json *json)
{
  for (guint i = 0; json->type == JSON_ARRAY && i < json->n; i++)
    TRY(check_mapping_keys(eval, json->items[i]));
  for (guint i = 0; json->type == JSON_OBJECT && i < json->n; i++) {
    TRY(check_mapping_keys(eval, json->members[i].value));
    if (strcmp(json->members[i].key, "Fn::FindInMap") != 0)
      continue;
    Json *value = NULL;
    eval->depth = 0;
    g_autoptr(Error) wrong = eval_value(eval, json, &value);
    if (wrong && (strstr(wrong->message, "Unable to get mapping") || strstr(wrong->message, "Mapping named")))
      return error_answer("ValidationError", "%s (line %u)", wrong->message, json->members[i].value->line);
  }
  return NULL;
}

/* Snapshot is a policy of types that have snapshots. */
static Error *
check_snapshots(const Json *resources)
{
  static const char *const policies[][2] = { { "DeletionPolicy", "deletion policy" }, { "UpdateReplacePolicy", "update replace policy" } };
  for (guint i = 0; i < resources->n; i++) {
    const Json *resource = resources->members[i].value;
    const char *type = json_string(json_get(resource, "Type"));
    const ResourceType *row = plan_resource_type(type);
    for (guint j = 0; j < G_N_ELEMENTS(policies); j++) {
      const Json *policy = json_get(resource, policies[j][0]);
      if (g_strcmp0(json_string(policy), "Snapshot") == 0 && row && !row->snapshot)
        return error_answer("ValidationError", "Template error: resource type %s does not support %s Snapshot (line %u)", type, policies[j][1],
                            policy->line);
    }
  }
  return NULL;
}

/* The names of exports that are known now differ. */
static Error *
check_export_names(Eval *eval, const Json *outputs)
{
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; i < outputs->n; i++) {
    const Json *name = json_path(outputs->members[i].value, "Export.Name");
    const char *text = NULL;
    eval->depth = 0;
    g_autoptr(Error) later = name ? eval_text(eval, name, "Export", &text) : NULL;
    const char *other = text ? g_hash_table_lookup(seen, text) : NULL;
    if (other)
      return error_answer("ValidationError", "Template error: the outputs %s and %s export the same name %s (line %u)", other,
                          outputs->members[i].key, text, name->line);
    if (text)
      g_hash_table_insert(seen, (gpointer) text, (gpointer) outputs->members[i].key);
  }
  return NULL;
}

static void
begin(Call *call, const PlanContext *context, Plan *plan)
{
  plan->eval = (Eval) { .arena = call->arena, .template = &plan->template, .parameters = plan->values, .region = call->region,
    .account = call->account, .stack_name = context->stack_name, .stack_id = context->stack_id,
    .notification_arns = context->notification_arns };
  eval_init(&plan->eval);
}

static Error *
decide(Call *call, Plan *plan)
{
  TRY(eval_conditions(&plan->eval));
  TRY(prune_section(&plan->eval, plan->template.resources, &plan->resources));
  TRY(prune_section(&plan->eval, plan->template.outputs, &plan->outputs));
  TRY(check_missing(call->arena, plan));
  return graph_build(call->arena, plan->resources, &plan->graph);
}

Error *
plan_new(Call *call, const char *text, gsize size, const Json *given, const Json *previous, const PlanContext *context, Plan *ret_plan)
{
  TRY(template_parse(call->arena, text, size, &ret_plan->template));
  TRY(template_check_types(call->arena, &ret_plan->template, has_type));
  TRY(parameters_resolve(call, &ret_plan->template, given, previous, &ret_plan->texts, &ret_plan->values));
  begin(call, context, ret_plan);
  TRY(rules_evaluate(call, &ret_plan->eval)); /* before it is asked which resources there are */
  TRY(decide(call, ret_plan));
  TRY(check_snapshots(ret_plan->resources));
  TRY(check_mapping_keys(&ret_plan->eval, ret_plan->resources));
  TRY(check_mapping_keys(&ret_plan->eval, ret_plan->outputs));
  return check_export_names(&ret_plan->eval, ret_plan->outputs);
}

Error *
plan_restore(Call *call, const char *text, const Json *texts, const Json *values, const PlanContext *context, Plan *ret_plan)
{
  TRY(template_parse(call->arena, text, strlen(text), &ret_plan->template));
  ret_plan->texts = (Json *) texts;
  ret_plan->values = (Json *) values;
  begin(call, context, ret_plan);
  return decide(call, ret_plan);
}

/* IAM's types, and the property that names one of them. */
static const struct { const char *type, *name; } iam_types[] = {
  { "AWS::IAM::AccessKey", NULL }, { "AWS::IAM::Group", "GroupName" }, { "AWS::IAM::InstanceProfile", "InstanceProfileName" },
  { "AWS::IAM::ManagedPolicy", "ManagedPolicyName" }, { "AWS::IAM::Policy", NULL }, { "AWS::IAM::Role", "RoleName" },
  { "AWS::IAM::RolePolicy", NULL }, { "AWS::IAM::User", "UserName" }, { "AWS::IAM::UserPolicy", NULL },
  { "AWS::IAM::GroupPolicy", NULL }, { "AWS::IAM::UserToGroupAddition", NULL },
};

void
plan_capabilities(Arena *arena, const Template *template, StringList *ret_capabilities, const char **ret_reason)
{
  gboolean named = FALSE;
  g_autoptr(GPtrArray) types = g_ptr_array_new();
  for (guint i = 0; i < template->resources->n; i++) {
    const Json *resource = template->resources->members[i].value;
    const char *type = json_string(json_get(resource, "Type"));
    for (guint j = 0; j < G_N_ELEMENTS(iam_types); j++) {
      if (strcmp(type, iam_types[j].type) != 0)
        continue;
      named = named || (iam_types[j].name && json_get(json_get(resource, "Properties"), iam_types[j].name));
      if (!g_ptr_array_find_with_equal_func(types, iam_types[j].type, g_str_equal, NULL))
        g_ptr_array_add(types, (gpointer) iam_types[j].type);
    }
  }
  *ret_reason = NULL;
  if (types->len) {
    LIST_APPEND(arena, ret_capabilities, named ? "CAPABILITY_NAMED_IAM" : "CAPABILITY_IAM");
    *ret_reason = arena_printf(arena, "The following resource(s) require capabilities: [%s]",
                               text_join(arena, ", ", (const char *const *) types->pdata, types->len));
  }
  if (template->transforms.n)
    LIST_APPEND(arena, ret_capabilities, "CAPABILITY_AUTO_EXPAND");
}

static gboolean
is_given(const Json *given, const char *capability)
{
  for (guint i = 0; given && i < given->n; i++) {
    const char *text = json_string(given->items[i]);
    if (g_strcmp0(text, capability) == 0 ||
        (strcmp(capability, "CAPABILITY_IAM") == 0 && g_strcmp0(text, "CAPABILITY_NAMED_IAM") == 0))
      return TRUE;
  }
  return FALSE;
}

Error *
plan_check_capabilities(Arena *arena, const Template *template, const Json *given)
{
  StringList needed = { 0 };
  const char *reason = NULL;
  plan_capabilities(arena, template, &needed, &reason);
  for (gsize i = 0; i < needed.n; i++) {
    /* AWS asks for it only where a macro changes what is created; its own loops do. */
    if (!is_given(given, needed.v[i]))
      return error_answer("InsufficientCapabilitiesException", "Requires capabilities : [%s]", needed.v[i]);
  }
  return NULL;
}
