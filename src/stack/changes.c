/* What an update would do, without doing it: values that are known only afterwards are a mark that differs from everything. */
#include "stack/dynamic.h"
#include "stack/run.h"
#include "stack/stack.h"
#include <string.h>

#define KNOWN_LATER "{{changeSet:KNOWN_AFTER_APPLY}}"

typedef struct Forecast {
  Call *call;
  const Json *records;      /* object */
  GHashTable *replaced;     /* logical ids that get a new physical resource, or may */
  GHashTable *modified;     /* logical ids that change in place: their attributes may */
  const Json *former;       /* the values of parameters before; NULL: there were none */
} Forecast;

static Error *
forecast_resource(Eval *eval, const char *logical_id, const char *attribute, Json **ret_value)
{
  Forecast *forecast = eval->data;
  const Json *record = json_get(forecast->records, logical_id);
  if (!record || g_hash_table_contains(forecast->replaced, logical_id) ||
      (attribute && g_hash_table_contains(forecast->modified, logical_id))) {
    *ret_value = json_new_string(eval->arena, KNOWN_LATER);
    return NULL;
  }
  record_value(eval->arena, record, attribute, ret_value);
  if (!*ret_value)
    *ret_value = json_new_string(eval->arena, KNOWN_LATER);
  return NULL;
}

static Error *
forecast_import(Eval *eval, const char *name, Json **ret_value)
{
  Forecast *forecast = eval->data;
  Json *found = NULL;
  g_autoptr(Txn) txn = NULL;
  TRY(store_begin_read(forecast->call->haar->store, &txn));
  TRY(export_record_get(txn, eval->arena, forecast->call->region, forecast->call->account, name, &found));
  if (!found)
    return error_answer("ValidationError", "No export named %s found.", name);
  *ret_value = json_get(found, "Value");
  return NULL;
}

static void
set_text(Arena *arena, Json *object, const char *name, const char *text)
{
  json_set(arena, object, name, json_new_string(arena, text));
}

static Json *
new_change(Arena *arena, const char *action, const char *logical_id, const char *type, const char *physical_id)
{
  Json *change = json_new_object(arena), *resource = json_new_object(arena);
  set_text(arena, change, "Type", "Resource");
  json_set(arena, change, "ResourceChange", resource);
  set_text(arena, resource, "Action", action);
  set_text(arena, resource, "LogicalResourceId", logical_id);
  if (physical_id && *physical_id)
    set_text(arena, resource, "PhysicalResourceId", physical_id);
  set_text(arena, resource, "ResourceType", type);
  json_set(arena, resource, "Scope", json_new_array(arena));
  json_set(arena, resource, "Details", json_new_array(arena));
  return change;
}

/* Why a property differs: gathered from the references in its expression. */
typedef struct Causes {
  const Forecast *forecast;
  const Plan *plan;
  const SpecChange *change;
  Json *details;
  gboolean sure;            /* a reference to a resource that is replaced */
} Causes;

static void
add_detail(Causes *search, const char *evaluation, const char *source, const char *entity)
{
  static const char *const recreation[] = { [SPEC_NO_REPLACEMENT] = "Never", [SPEC_MAYBE_REPLACEMENT] = "Conditionally",
    [SPEC_REPLACEMENT] = "Always" };
  Arena *arena = search->forecast->call->arena;
  Json *detail = json_new_object(arena), *target = json_new_object(arena);
  for (guint i = 0; i < search->details->n; i++) {
    if (entity && strcmp(record_text(search->details->items[i], "CausingEntity"), entity) == 0 &&
        strcmp(record_text(json_get(search->details->items[i], "Target"), "Name"), search->change->name) == 0)
      return;
  }
  set_text(arena, target, "Attribute", "Properties");
  set_text(arena, target, "Name", search->change->name);
  set_text(arena, target, "RequiresRecreation", recreation[search->change->replacement]);
  json_set(arena, detail, "Target", target);
  set_text(arena, detail, "Evaluation", evaluation);
  set_text(arena, detail, "ChangeSource", source);
  if (entity)
    set_text(arena, detail, "CausingEntity", entity);
  json_append(arena, search->details, detail);
}

static Error *
note_cause(const Reference *reference, gpointer data)
{
  Causes *search = data;
  const Forecast *forecast = search->forecast;
  Arena *arena = forecast->call->arena;
  gboolean resource = json_get(search->plan->resources, reference->name) != NULL;
  gboolean new = resource && (!json_get(forecast->records, reference->name) || g_hash_table_contains(forecast->replaced, reference->name));
  if (reference->kind == REFERENCE_REF && new) {
    add_detail(search, "Dynamic", "ResourceReference", reference->name);
    search->sure = TRUE;
  } else if (reference->kind == REFERENCE_GET_ATT && (new || g_hash_table_contains(forecast->modified, reference->name))) {
    const char *attribute = reference->attribute ? reference->attribute : "";
    add_detail(search, "Dynamic", "ResourceAttribute", arena_printf(arena, "%s.%s", reference->name, attribute));
    search->sure = search->sure || new;
  } else if (reference->kind == REFERENCE_REF && !resource) {
    const Json *now = json_get(search->plan->values, reference->name), *before = json_get(forecast->former, reference->name);
    if (now && !(before && json_equal(now, before)))
      add_detail(search, "Static", "ParameterReference", reference->name);
  }
  return NULL;
}

/* *ret_strongest grows by what the change asks for. What depends only on attributes that may stay the same only may replace. */
static Error *
explain(const Forecast *forecast, const Plan *plan, const SpecChange *change, const Json *expression, Json *details, SpecReplacement *ret_strongest)
{
  guint before = details->n;
  Causes search = { forecast, plan, change, details, FALSE };
  if (expression)
    TRY(template_references(forecast->call->arena, expression, note_cause, &search));
  if (details->n == before) {
    add_detail(&search, "Static", "DirectModification", NULL);
    search.sure = TRUE;
  }
  for (guint i = before; i < details->n; i++)
    search.sure = search.sure || strcmp(record_text(details->items[i], "Evaluation"), "Static") == 0;
  SpecReplacement replacement = search.sure ? change->replacement : MIN(change->replacement, SPEC_MAYBE_REPLACEMENT);
  *ret_strongest = MAX(*ret_strongest, replacement);
  return NULL;
}

/* What becomes of the old resource. */
static const char *
replace_action(Eval *eval, const Json *resource)
{
  const Json *policy = json_get(resource, "UpdateReplacePolicy");
  const char *text = NULL;
  g_autoptr(Error) later = policy ? eval_text(eval, policy, "UpdateReplacePolicy", &text) : NULL;
  return g_strcmp0(text, "Retain") == 0 ? "ReplaceAndRetain" : g_strcmp0(text, "Snapshot") == 0 ? "ReplaceAndSnapshot" : "ReplaceAndDelete";
}

static const char *
remove_action(const Json *record)
{
  const char *policy = record_deletion_policy(record);
  return strcmp(policy, "RetainExceptOnCreate") == 0 ? "Retain" : policy;
}

static Error *
modify(Forecast *forecast, Plan *plan, const JsonMember *member, const Json *record, const Json *properties, gboolean tags, Json *changes)
{
  Arena *arena = forecast->call->arena;
  SpecChange *differences = NULL;
  const char *type = json_string(json_get(member->value, "Type"));
  const SpecResource *spec = spec_find(type);
  const ResourceType *row = plan_resource_type(type);
  gsize n = spec_compare(arena, spec, json_get(record, "_Properties"), properties, &differences);
  gboolean other_type = strcmp(record_text(record, "ResourceType"), type) != 0;
  gboolean tagged = n == 0 && tags && row && row->update && spec && !spec_is_open(spec) && spec_has_property(spec, "Tags");
  if (n == 0 && !tagged && !other_type)
    return NULL;
  SpecReplacement strongest = SPEC_NO_REPLACEMENT;
  Json *change = new_change(arena, "Modify", member->key, type, record_text(record, "PhysicalResourceId"));
  Json *resource = json_get(change, "ResourceChange");
  for (gsize i = 0; i < n; i++)
    TRY(explain(forecast, plan, &differences[i], json_get(json_get(member->value, "Properties"), differences[i].name),
                json_get(resource, "Details"), &strongest));
  if (other_type || (n && row && !row->update))
    strongest = SPEC_REPLACEMENT;
  json_append(arena, json_get(resource, "Scope"), json_new_string(arena, tagged ? "Tags" : "Properties"));
  set_text(arena, resource, "Replacement", strongest == SPEC_REPLACEMENT ? "True" : strongest == SPEC_MAYBE_REPLACEMENT ? "Conditional" : "False");
  g_hash_table_add(strongest == SPEC_REPLACEMENT ? forecast->replaced : forecast->modified, (gpointer) member->key);
  if (strongest == SPEC_REPLACEMENT)
    set_text(arena, resource, "PolicyAction", replace_action(&plan->eval, member->value));
  json_append(arena, changes, change);
  return NULL;
}

/* Errors of functions that take a value apart: the mark for a later value has not its form. */
static gboolean
depends_on_unknown(const Error *error)
{
  static const char *const functions[] = { "Fn::Select", "Fn::Split", "Fn::Cidr", "Fn::Join", "Fn::Length" };
  for (guint i = 0; i < G_N_ELEMENTS(functions); i++) {
    if (error->kind == ERROR_ANSWER && strstr(error->message, functions[i]))
      return TRUE;
  }
  return FALSE;
}

static Error *
look_at(Forecast *forecast, Plan *plan, guint node, gboolean tags, Json *changes)
{
  const JsonMember *member = &plan->resources->members[node];
  const Json *record = json_get(forecast->records, member->key), *properties = json_get(member->value, "Properties");
  const Json *type = json_get(member->value, "Type");
  const SpecResource *spec = spec_find(type->text);
  Json *value = json_new_object(plan->eval.arena), *resolved = NULL;
  if (spec)
    TRY(spec_check(plan->eval.arena, spec, member->key, properties, type->line));
  g_autoptr(Error) unknown = properties ? eval_value(&plan->eval, properties, &value) : NULL;
  if (unknown && !depends_on_unknown(unknown))
    return g_steal_pointer(&unknown);
  if (!record) {
    json_append(plan->eval.arena, changes, new_change(plan->eval.arena, "Add", member->key, type->text, NULL));
    return NULL;
  }
  if (unknown)
    value = json_new_object(plan->eval.arena);
  TRY(dynamic_resolve(forecast->call, value ? value : json_new_object(plan->eval.arena), DYNAMIC_PLAIN, &resolved));
  return modify(forecast, plan, member, record, resolved, tags, changes);
}

static gboolean
is_present(const Json *record)
{
  const char *status = record_text(record, "ResourceStatus");
  return strcmp(status, "DELETE_COMPLETE") != 0 && strcmp(status, "DELETE_SKIPPED") != 0;
}

Error *
stack_changes(Call *call, const Json *stack, Plan *plan, const Json *tags, Json **ret_changes)
{
  Json *records = json_new_object(call->arena), *list = json_new_array(call->arena), *changes = json_new_array(call->arena);
  Forecast *forecast = ARENA_NEW(call->arena, Forecast); /* outlives this: the plan goes on using it */
  if (stack)
    TRY(stack_resources(call, stack, &list));
  for (guint i = 0; i < list->n; i++) {
    if (is_present(list->items[i]))
      json_set(call->arena, records, record_text(list->items[i], "LogicalResourceId"), list->items[i]);
  }
  const Json *old_tags = json_get(stack, "Tags");
  gboolean retagged = stack && tags && !(old_tags ? json_equal(tags, old_tags) : tags->n == 0);
  *forecast = (Forecast) { call, records, g_hash_table_new(g_str_hash, g_str_equal), g_hash_table_new(g_str_hash, g_str_equal),
    json_get(stack, "_Values") };
  arena_own(call->arena, forecast->replaced, (GDestroyNotify) g_hash_table_unref);
  arena_own(call->arena, forecast->modified, (GDestroyNotify) g_hash_table_unref);
  plan->eval.depth = 0;
  plan->eval.resource = forecast_resource;
  plan->eval.import = forecast_import;
  plan->eval.data = forecast;
  for (guint i = 0; i < plan->graph.n; i++)
    TRY(look_at(forecast, plan, plan->graph.sorted[i], retagged, changes));
  for (guint i = 0; i < records->n; i++) {
    const Json *record = records->members[i].value;
    if (json_get(plan->resources, records->members[i].key))
      continue;
    Json *change = new_change(call->arena, "Remove", records->members[i].key, record_text(record, "ResourceType"),
                              record_text(record, "PhysicalResourceId"));
    set_text(call->arena, json_get(change, "ResourceChange"), "PolicyAction", remove_action(record));
    json_append(call->arena, changes, change);
  }
  *ret_changes = changes;
  return NULL;
}
