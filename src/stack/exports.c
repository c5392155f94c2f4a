/* Outputs, and the names that stacks of one region give to each other. */
#include "stack/dynamic.h"
#include "stack/run.h"
#include <string.h>

Error *
run_import_value(Eval *eval, const char *name, Json **ret_value)
{
  Run *run = eval->data;
  Json *found = NULL;
  g_autoptr(Txn) txn = NULL;
  TRY(store_begin_read(run->haar->store, &txn));
  TRY(export_record_get(txn, run->arena, run->call->region, run->call->account, name, &found));
  if (!found)
    return error_answer("ValidationError", "No export named %s found.", name);
  gboolean known = FALSE;
  for (guint i = 0; i < run->imports->n; i++)
    known = known || strcmp(run->imports->items[i]->text, name) == 0;
  if (!known)
    json_append(run->arena, run->imports, json_new_string(run->arena, name));
  *ret_value = json_get(found, "Value");
  return NULL;
}

static Error *
evaluate_output(Run *run, const char *name, const Json *output, Json **ret_output)
{
  Arena *arena = run->arena;
  Eval *eval = &run->plan.eval;
  const Json *description = json_get(output, "Description"), *export_name = json_path(output, "Export.Name");
  const char *value = NULL, *text = NULL;
  Json *result = json_new_object(arena), *resolved = NULL;
  g_autoptr(Error) wrong = eval_text(eval, json_get(output, "Value"), "Value", &value);
  if (wrong)
    return error_prefix(g_steal_pointer(&wrong), "[/Outputs/%s]", name);
  TRY(dynamic_resolve(run->call, json_new_string(arena, value), DYNAMIC_PLAIN, &resolved));
  json_set(arena, result, "OutputKey", json_new_string(arena, name));
  json_set(arena, result, "OutputValue", resolved);
  if (json_string(description))
    json_set(arena, result, "Description", json_new_string(arena, description->text));
  if (export_name) {
    TRY(eval_text(eval, export_name, "Export", &text));
    json_set(arena, result, "ExportName", json_new_string(arena, text));
  }
  *ret_output = result;
  return NULL;
}

typedef struct Publication {
  Run *run;
  const Json *outputs; /* new ones; NULL: none */
} Publication;

static const Json *
find_export(const Json *outputs, const char *name)
{
  for (guint i = 0; outputs && i < outputs->n; i++) {
    if (strcmp(record_text(outputs->items[i], "ExportName"), name) == 0)
      return outputs->items[i];
  }
  return NULL;
}

/* An export that others import stays as it is. */
static Error *
check_users(Txn *txn, Run *run, const Json *old, const Json *outputs)
{
  const char *name = record_text(old, "ExportName");
  const Json *new = find_export(outputs, name);
  Json *users = json_new_array(run->arena);
  if (!*name || (new && strcmp(record_text(new, "OutputValue"), record_text(old, "OutputValue")) == 0))
    return NULL;
  TRY(import_record_list(txn, run->arena, run->call->region, run->call->account, name, users));
  if (users->n && new)
    return error_answer("ValidationError", "Export %s cannot be updated as it is in use by %s", name, users->items[0]->text);
  if (users->n)
    return error_answer("ValidationError", "Export %s cannot be deleted as it is in use by %s", name, users->items[0]->text);
  return export_record_delete(txn, run->call->region, run->call->account, name);
}

static Error *
publish_one(Txn *txn, Run *run, const Json *output)
{
  const char *name = record_text(output, "ExportName");
  Json *other = NULL;
  if (!*name)
    return NULL;
  TRY(export_record_get(txn, run->arena, run->call->region, run->call->account, name, &other));
  if (other && strcmp(record_text(other, "ExportingStackId"), run->stack_id) != 0)
    return error_answer("ValidationError", "Export with name %s is already exported by stack %s.", name,
                        record_text(other, "_StackName"));
  Json *export_ = json_new_object(run->arena);
  record_set_text(run->arena, export_, "ExportingStackId", run->stack_id);
  record_set_text(run->arena, export_, "Name", name);
  record_set_text(run->arena, export_, "Value", record_text(output, "OutputValue"));
  record_set_text(run->arena, export_, "_StackName", run->stack_name);
  return export_record_put(txn, run->arena, run->call->region, run->call->account, export_);
}

static Error *
publish(Txn *txn, gpointer data)
{
  Publication *publication = data;
  Run *run = publication->run;
  const Json *old = json_get(run->stack, "Outputs");
  for (guint i = 0; old && i < old->n; i++)
    TRY(check_users(txn, run, old->items[i], publication->outputs));
  for (guint i = 0; publication->outputs && i < publication->outputs->n; i++)
    TRY(publish_one(txn, run, publication->outputs->items[i]));
  return import_record_replace(txn, run->arena, run->call->region, run->call->account, run->stack,
                               publication->outputs ? run->imports : NULL);
}

Error *
run_outputs(Run *run)
{
  Json *outputs = json_new_array(run->arena);
  for (guint i = 0; i < run->plan.outputs->n; i++) {
    Json *output = NULL;
    TRY(evaluate_output(run, run->plan.outputs->members[i].key, run->plan.outputs->members[i].value, &output));
    json_append(run->arena, outputs, output);
  }
  Publication publication = { run, outputs };
  TRY(store_write(run->haar->store, publish, &publication));
  json_set(run->arena, run->stack, "Outputs", outputs);
  json_set(run->arena, run->stack, "_Imports", run->imports);
  return NULL;
}

Error *
run_withdraw_exports(Run *run)
{
  Publication publication = { run, NULL };
  return store_write(run->haar->store, publish, &publication);
}
