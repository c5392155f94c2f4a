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
} Forecast;

static Error *
forecast_resource(Eval *eval, const char *logical_id, const char *attribute, Json **ret_value)
{
  Forecast *forecast = eval->data;
  const Json *record = json_get(forecast->records, logical_id);
  if (!record || g_hash_table_contains(forecast->replaced, logical_id)) {
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

static void
add_detail(Arena *arena, Json *resource, const SpecChange *change, const Json *after)
{
  static const char *const recreation[] = { [SPEC_NO_REPLACEMENT] = "Never", [SPEC_MAYBE_REPLACEMENT] = "Conditionally",
    [SPEC_REPLACEMENT] = "Always" };
  Json *detail = json_new_object(arena), *target = json_new_object(arena);
  g_autoptr(GString) text = g_string_new(NULL);
  if (after)
    json_write(text, after);
  gboolean later = strstr(text->str, KNOWN_LATER) != NULL;
  set_text(arena, target, "Attribute", "Properties");
  set_text(arena, target, "Name", change->name);
  set_text(arena, target, "RequiresRecreation", recreation[change->replacement]);
  json_set(arena, detail, "Target", target);
  set_text(arena, detail, "Evaluation", later ? "Dynamic" : "Static");
  set_text(arena, detail, "ChangeSource", later ? "ResourceReference" : "DirectModification");
  json_append(arena, json_get(resource, "Details"), detail);
}

static void
modify(Forecast *forecast, const char *logical_id, const char *type, const Json *record, const Json *properties, gboolean tags, Json *changes)
{
  Arena *arena = forecast->call->arena;
  SpecChange *differences = NULL;
  const SpecResource *spec = spec_find(type);
  const ResourceType *row = plan_resource_type(type);
  gsize n = spec_compare(arena, spec, json_get(record, "_Properties"), properties, &differences);
  gboolean tagged = n == 0 && tags && row && row->update && spec && !spec_is_open(spec) && spec_has_property(spec, "Tags");
  if (n == 0 && !tagged)
    return;
  SpecReplacement strongest = SPEC_NO_REPLACEMENT;
  Json *change = new_change(arena, "Modify", logical_id, type, record_text(record, "PhysicalResourceId"));
  Json *resource = json_get(change, "ResourceChange");
  for (gsize i = 0; i < n; i++) {
    strongest = MAX(strongest, differences[i].replacement);
    add_detail(arena, resource, &differences[i], json_get(properties, differences[i].name));
  }
  if (strcmp(record_text(record, "ResourceType"), type) != 0 || (n && row && !row->update))
    strongest = SPEC_REPLACEMENT;
  json_append(arena, json_get(resource, "Scope"), json_new_string(arena, tagged ? "Tags" : "Properties"));
  set_text(arena, resource, "Replacement", strongest == SPEC_REPLACEMENT ? "True" : strongest == SPEC_MAYBE_REPLACEMENT ? "Conditional" : "False");
  if (strongest != SPEC_NO_REPLACEMENT)
    g_hash_table_add(forecast->replaced, (gpointer) logical_id);
  if (strongest == SPEC_REPLACEMENT)
    set_text(arena, resource, "PolicyAction", "ReplaceAndDelete");
  json_append(arena, changes, change);
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
  modify(forecast, member->key, type->text, record, resolved, tags, changes);
  return NULL;
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
  *forecast = (Forecast) { call, records, g_hash_table_new(g_str_hash, g_str_equal) };
  arena_own(call->arena, forecast->replaced, (GDestroyNotify) g_hash_table_unref);
  plan->eval.depth = 0;
  plan->eval.resource = forecast_resource;
  plan->eval.import = forecast_import;
  plan->eval.data = forecast;
  for (guint i = 0; i < plan->graph.n; i++)
    TRY(look_at(forecast, plan, plan->graph.sorted[i], retagged, changes));
  for (guint i = 0; i < records->n; i++) {
    const Json *record = records->members[i].value;
    if (!json_get(plan->resources, records->members[i].key))
      json_append(call->arena, changes, new_change(call->arena, "Remove", records->members[i].key, record_text(record, "ResourceType"),
                                                   record_text(record, "PhysicalResourceId")));
  }
  *ret_changes = changes;
  return NULL;
}
