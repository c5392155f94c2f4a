/* The loop that creates and updates: every resource whose dependencies are done is looked at; what has to be done for it runs as a task;
 * the first failure cancels what is under way, unless rollback is disabled. A creation that was interrupted goes on from its records. */
#include "stack/dynamic.h"
#include "stack/policy.h"
#include "stack/run.h"
#include "stack/spec.h"
#include <string.h>

typedef enum { NODE_WAITING, NODE_RUNNING, NODE_DONE, NODE_FAILED } NodeState;

typedef struct Apply {
  Run *run;
  gboolean creating;       /* the stack is new */
  gboolean tags_changed;
  NodeState *nodes;
  const Json *policy;      /* of the stack, for this update; NULL: none */
} Apply;

/* What a resource's record has to be to put it back. */
static const char *const kept[] = { "PhysicalResourceId", "ResourceType", "_Ref", "_Attributes", "_Properties", "_DependsOn",
  "_DeletionPolicy", "_UpdateReplacePolicy", "_CreationPolicy", "_Shown" };

void
record_put_back(Arena *arena, Json *record, const Json *snapshot)
{
  for (guint i = 0; i < G_N_ELEMENTS(kept); i++) {
    Json *value = json_get(snapshot, kept[i]);
    if (value)
      json_set(arena, record, kept[i], value);
    else
      json_remove(record, kept[i]);
  }
}

Json *
run_snapshot(Run *run, const Json *record)
{
  Json *before = json_new_object(run->arena);
  for (guint i = 0; i < G_N_ELEMENTS(kept); i++) {
    Json *value = json_get(record, kept[i]);
    if (value)
      json_set(run->arena, before, kept[i], value);
  }
  return before;
}

static Error *
fail(Apply *apply, guint node, Json *record, const char *status, const char *reason)
{
  apply->nodes[node] = NODE_FAILED;
  g_ptr_array_add(apply->run->failed, (gpointer) apply->run->plan.graph.nodes[node].name);
  if (!apply->run->preserve)
    g_atomic_int_set(&apply->run->cancelled, TRUE);
  return run_event(apply->run, record, status, reason);
}

/* Policies, order and metadata: stored with the resource, without an update of it. */
static Error *
describe(Run *run, guint node, Json *record)
{
  static const char *const policies[][2] = { { "DeletionPolicy", "_DeletionPolicy" }, { "UpdateReplacePolicy", "_UpdateReplacePolicy" } };
  const Json *resource = run->plan.resources->members[node].value;
  const GraphNode *graph_node = &run->plan.graph.nodes[node];
  for (guint i = 0; i < G_N_ELEMENTS(policies); i++) {
    const Json *policy = json_get(resource, policies[i][0]);
    const char *text = NULL;
    if (policy)
      TRY(eval_text(&run->plan.eval, policy, policies[i][0], &text));
    record_set_text(run->arena, record, policies[i][1], text);
  }
  Json *depends = json_new_array(run->arena), *metadata = json_get(resource, "Metadata"), *creation = json_get(resource, "CreationPolicy");
  if (creation)
    TRY(eval_value(&run->plan.eval, creation, &creation));
  if (creation)
    json_set(run->arena, record, "_CreationPolicy", creation);
  else
    json_remove(record, "_CreationPolicy");
  for (guint i = 0; i < graph_node->n; i++)
    json_append(run->arena, depends, json_new_string(run->arena, run->plan.graph.nodes[graph_node->dependencies[i]].name));
  json_set(run->arena, record, "_DependsOn", depends);
  record_set_text(run->arena, record, "Metadata", metadata ? json_text(run->arena, metadata) : NULL);
  return NULL;
}

/* The values of parameters as they may be shown; NULL: none is hidden. */
static Json *
masked_parameters(Run *run)
{
  const Json *values = run->plan.values, *declarations = run->plan.template.parameters;
  Json *masked = NULL;
  for (guint i = 0; values && i < values->n; i++) {
    const char *hidden = template_scalar(json_get(json_get(declarations, values->members[i].key), "NoEcho"));
    if (g_strcmp0(hidden, "true") != 0)
      continue;
    if (!masked)
      masked = json_copy(run->arena, values);
    json_set(run->arena, masked, values->members[i].key, json_new_string(run->arena, "****"));
  }
  return masked;
}

/* The properties as events show them; *ret_shown is NULL if that is as they are. What cannot be evaluated with stars is not shown at all. */
static void
evaluate_shown(Run *run, const Json *properties, Json **ret_shown)
{
  Eval eval = run->plan.eval; /* shares the conditions, which are decided */
  eval.parameters = masked_parameters(run);
  *ret_shown = NULL;
  if (!eval.parameters || !properties)
    return;
  g_autoptr(Error) wrong = eval_value(&eval, properties, ret_shown);
  if (wrong || !*ret_shown)
    *ret_shown = json_new_object(run->arena);
}

static Error *
evaluate(Run *run, guint node, Json **ret_properties, Json **ret_shown)
{
  const JsonMember *member = &run->plan.resources->members[node];
  const Json *properties = json_get(member->value, "Properties");
  const SpecResource *spec = spec_find(json_string(json_get(member->value, "Type")));
  Json *value = json_new_object(run->arena);
  run->plan.eval.depth = 0;
  if (properties)
    TRY(eval_value(&run->plan.eval, properties, &value));
  evaluate_shown(run, properties, ret_shown);
  if (!value)
    value = json_new_object(run->arena);
  if (spec)
    TRY(spec_check(run->arena, spec, member->key, value, json_get(member->value, "Type")->line));
  return dynamic_resolve(run->call, value, DYNAMIC_PLAIN, ret_properties);
}

/* A resource that may not be made twice at the same time, because the template names it. */
static gboolean
is_custom_named(const char *type, const Json *before, const Json *after)
{
  const char *name = spec_name_property(spec_find(type));
  const Json *a = name ? json_get(before, name) : NULL, *b = name ? json_get(after, name) : NULL;
  return a && b && json_equal(a, b);
}

typedef enum { CHANGE_NONE, CHANGE_IN_PLACE, CHANGE_REPLACE } Change;

static Change
judge(Apply *apply, const Json *record, const ResourceType *type, const char *type_name, const Json *properties)
{
  SpecChange *changes = NULL;
  const SpecResource *spec = spec_find(type_name);
  gsize n = spec_compare(apply->run->arena, spec, json_get(record, "_Properties"), properties, &changes);
  SpecReplacement strongest = SPEC_NO_REPLACEMENT;
  for (gsize i = 0; i < n; i++)
    strongest = MAX(strongest, changes[i].replacement);
  if (strcmp(record_text(record, "ResourceType"), type_name) != 0)
    return CHANGE_REPLACE;
  if (n == 0)
    return apply->tags_changed && type->update && spec && spec_has_property(spec, "Tags") && !spec_is_open(spec) ? CHANGE_IN_PLACE : CHANGE_NONE;
  return strongest == SPEC_REPLACEMENT || !type->update ? CHANGE_REPLACE : CHANGE_IN_PLACE;
}

static void
start_task_with(Apply *apply, guint node, TaskKind kind, const ResourceType *type, Json *record, const Json *old, const char *token)
{
  Run *run = apply->run;
  record_set_text(run->arena, record, "_Token", token ? token : id_uuid(run->arena));
  Task task = { .node = node, .kind = kind, .type = type, .record = record, .logical_id = run->plan.graph.nodes[node].name,
    .token = record_text(record, "_Token"), .properties = json_get(record, "_Properties"), .old_properties = json_get(old, "_Properties"),
    .creation_policy = json_get(record, "_CreationPolicy"),
    .physical_id = kind == TASK_CREATE ? NULL : record_text(record, "PhysicalResourceId"),
    .attributes = kind == TASK_CREATE ? NULL : json_get(record, "_Attributes") };
  apply->nodes[node] = NODE_RUNNING;
  run_start(run, &task);
}

static void
start_task(Apply *apply, guint node, TaskKind kind, const ResourceType *type, Json *record, const Json *old)
{
  start_task_with(apply, node, kind, type, record, old, NULL);
}

static void
set_properties(Run *run, Json *record, Json *properties, Json *shown)
{
  json_set(run->arena, record, "_Properties", properties);
  if (shown)
    json_set(run->arena, record, "_Shown", shown);
  else
    json_remove(record, "_Shown");
}

/* What is to be made of a node of the plan. */
typedef struct Wanted {
  guint node;
  const ResourceType *type;
  const char *type_name;
  Json *properties, *shown;
} Wanted;

static Error *
start_create(Apply *apply, const Wanted *wanted)
{
  Run *run = apply->run;
  const char *name = run->plan.graph.nodes[wanted->node].name;
  Json *record = run_new_record(run, name, wanted->type_name);
  json_set(run->arena, run->resources, name, record);
  set_properties(run, record, wanted->properties, wanted->shown);
  if (!apply->creating)
    json_set(run->arena, record, "_New", json_new_bool(run->arena, TRUE));
  TRY(describe(run, wanted->node, record));
  record_set_text(run->arena, record, "_Token", id_uuid(run->arena)); /* stored before it is used: the next try has the same */
  TRY(run_event(run, record, "CREATE_IN_PROGRESS", NULL));
  start_task_with(apply, wanted->node, TASK_CREATE, wanted->type, record, NULL, record_text(record, "_Token"));
  return NULL;
}

/* A creation that failed, or was cut short, is made anew: what it left goes first. */
static Error *
start_recreate(Apply *apply, const Wanted *wanted, Json *record)
{
  Run *run = apply->run;
  gboolean left = *record_text(record, "PhysicalResourceId") != 0;
  Json *before = run_snapshot(run, record);
  const char *token = left ? NULL : json_string(json_get(record, "_Token"));
  record_set_text(run->arena, record, "ResourceType", wanted->type_name);
  set_properties(run, record, wanted->properties, wanted->shown);
  TRY(describe(run, wanted->node, record));
  TRY(run_event(run, record, "CREATE_IN_PROGRESS", NULL));
  record_set_text(run->arena, record, "_Initiated", NULL);
  start_task_with(apply, wanted->node, left ? TASK_RECREATE : TASK_CREATE, wanted->type, record, before, token);
  return NULL;
}

/* NULL if the stack's policy allows it. */
static const char *
policy_denial(const Apply *apply, const char *action, const Json *record)
{
  return stack_policy_denial(apply->run->arena, apply->policy, action, record_text(record, "LogicalResourceId"),
                             record_text(record, "ResourceType"));
}

/* An update that is refused before anything is done for it. */
static Error *
refuse(Apply *apply, guint node, Json *record, const Json *last, const char *reason)
{
  record_put_back(apply->run->arena, record, last);
  json_remove(record, "_Last");
  if (json_get(record, "_Before") == last)
    json_remove(record, "_Before");
  return fail(apply, node, record, "UPDATE_FAILED", reason);
}

static Error *
start_replacement(Apply *apply, guint node, const ResourceType *type, Json *record, const Json *before)
{
  Run *run = apply->run;
  const char *denial = policy_denial(apply, "Update:Replace", record);
  if (denial)
    return refuse(apply, node, record, before, denial);
  if (run->preserve)
    return refuse(apply, node, record, before, "Replacement type updates not supported on stack with disable-rollback.");
  if (is_custom_named(record_text(record, "ResourceType"), json_get(before, "_Properties"), json_get(record, "_Properties"))) {
    g_autofree char *reason = g_strdup_printf("CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename "
                                              "%s and update the stack again.", record_text(before, "PhysicalResourceId"));
    return refuse(apply, node, record, before, reason);
  }
  json_set(run->arena, record, "_Replacing", json_new_bool(run->arena, TRUE));
  TRY(run_event(run, record, "UPDATE_IN_PROGRESS", "Requested update requires the creation of a new physical resource; hence creating one."));
  start_task(apply, node, TASK_CREATE, type, record, NULL);
  return NULL;
}

static Error *
start_update(Apply *apply, const Wanted *wanted, Json *record)
{
  Run *run = apply->run;
  Change change = judge(apply, record, wanted->type, wanted->type_name, wanted->properties);
  if (change == CHANGE_NONE) {
    apply->nodes[wanted->node] = NODE_DONE;
    TRY(describe(run, wanted->node, record));
    return run_save(run, record);
  }
  Json *last = run_snapshot(run, record);
  /* An update that failed before, and was not undone, has stored what is to be gone back to. */
  if (!json_get(record, "_Before") && !json_get(record, "_New"))
    json_set(run->arena, record, "_Before", last);
  json_set(run->arena, record, "_Last", last);
  set_properties(run, record, wanted->properties, wanted->shown);
  record_set_text(run->arena, record, "_Initiated", NULL);
  const char *denial = change == CHANGE_IN_PLACE ? policy_denial(apply, "Update:Modify", record) : NULL;
  if (denial)
    return refuse(apply, wanted->node, record, last, denial);
  record_set_text(run->arena, record, "ResourceType", wanted->type_name);
  TRY(describe(run, wanted->node, record));
  if (change == CHANGE_REPLACE)
    return start_replacement(apply, wanted->node, wanted->type, record, last);
  TRY(run_event(run, record, "UPDATE_IN_PROGRESS", NULL));
  start_task(apply, wanted->node, TASK_UPDATE, wanted->type, record, last);
  return NULL;
}

/* A resource that fails before anything is done for it. */
static Error *
fail_early(Apply *apply, guint node, const char *reason)
{
  Run *run = apply->run;
  const char *name = run->plan.graph.nodes[node].name;
  Json *record = json_get(run->resources, name);
  if (record) {
    TRY(run_event(run, record, "UPDATE_IN_PROGRESS", NULL));
    return fail(apply, node, record, "UPDATE_FAILED", reason);
  }
  record = run_new_record(run, name, json_string(json_get(run->plan.resources->members[node].value, "Type")));
  json_set(run->arena, run->resources, name, record);
  if (!apply->creating)
    json_set(run->arena, record, "_New", json_new_bool(run->arena, TRUE));
  TRY(run_event(run, record, "CREATE_IN_PROGRESS", NULL));
  return fail(apply, node, record, "CREATE_FAILED", reason);
}

static Error *
start(Apply *apply, guint node)
{
  Run *run = apply->run;
  Wanted wanted = { .node = node, .type_name = json_string(json_get(run->plan.resources->members[node].value, "Type")) };
  Json *record = json_get(run->resources, run->plan.graph.nodes[node].name);
  const char *status = record_text(record, "ResourceStatus");
  if (apply->creating && strcmp(status, "CREATE_COMPLETE") == 0) {
    apply->nodes[node] = NODE_DONE;
    return NULL;
  }
  wanted.type = plan_resource_type(wanted.type_name);
  g_autoptr(Error) wrong = evaluate(run, node, &wanted.properties, &wanted.shown);
  if (wrong)
    return fail_early(apply, node, wrong->message);
  if (!record)
    return start_create(apply, &wanted);
  if (strcmp(status, "CREATE_FAILED") == 0 || strcmp(status, "CREATE_IN_PROGRESS") == 0)
    return start_recreate(apply, &wanted, record);
  return start_update(apply, &wanted, record);
}

static Error *
start_ready(Apply *apply)
{
  const Graph *graph = &apply->run->plan.graph;
  for (guint i = 0; i < graph->n && !apply->run->cancelled; i++) {
    guint node = graph->sorted[i];
    gboolean ready = apply->nodes[node] == NODE_WAITING;
    for (guint j = 0; ready && j < graph->nodes[node].n; j++)
      ready = apply->nodes[graph->nodes[node].dependencies[j]] == NODE_DONE;
    if (ready)
      TRY(start(apply, node));
  }
  return NULL;
}

static Error *
end_well(Apply *apply, Task *task)
{
  Run *run = apply->run;
  Json *record = task->record;
  gboolean initiated = *record_text(record, "_Initiated") != 0, update = json_get(record, "_Last") != NULL;
  const char *physical_id = task->result.physical_id ? task->result.physical_id : task->physical_id;
  if (task->kind == TASK_UPDATE && g_strcmp0(physical_id, task->physical_id) != 0)
    json_set(run->arena, record, "_Replacing", json_new_bool(run->arena, TRUE)); /* a custom resource made another one */
  record_set_text(run->arena, record, "PhysicalResourceId", physical_id);
  record_set_text(run->arena, record, "_Ref", task->result.ref);
  if (task->result.attributes)
    json_set(run->arena, record, "_Attributes", json_copy(run->arena, task->result.attributes));
  json_remove(record, "_Last");
  if (task->kind != TASK_UPDATE && !initiated)
    TRY(run_event(run, record, update ? "UPDATE_IN_PROGRESS" : "CREATE_IN_PROGRESS", "Resource creation Initiated"));
  if (run->cancelled && task->kind != TASK_UPDATE && !run_is_stopping(run)) {
    apply->nodes[task->node] = NODE_FAILED;
    return run_event(run, record, update ? "UPDATE_FAILED" : "CREATE_FAILED", update ? "Resource update cancelled" : "Resource creation cancelled");
  }
  apply->nodes[task->node] = NODE_DONE;
  return run_event(run, record, update ? "UPDATE_COMPLETE" : "CREATE_COMPLETE", NULL);
}

/* What a creation had made before it failed is to be deleted. */
static void
take_remains(Run *run, const Task *task)
{
  if (task->kind == TASK_UPDATE || !task->result.physical_id || *record_text(task->record, "_Initiated"))
    return;
  record_set_text(run->arena, task->record, "PhysicalResourceId", task->result.physical_id);
  record_set_text(run->arena, task->record, "_Ref", task->result.ref);
  if (task->result.attributes)
    json_set(run->arena, task->record, "_Attributes", json_copy(run->arena, task->result.attributes));
}

static Error *
end_badly(Apply *apply, Task *task)
{
  Run *run = apply->run;
  gboolean update = json_get(task->record, "_Last") != NULL;
  const char *status = update ? "UPDATE_FAILED" : "CREATE_FAILED";
  if (task->kind == TASK_UPDATE && error_is(task->error, RESOURCE_REPLACE) && !run->cancelled)
    return start_replacement(apply, task->node, task->type, task->record, json_get(task->record, "_Last"));
  take_remains(run, task);
  if (run_is_stopping(run) && error_is(task->error, "OperationCancelled")) {
    apply->nodes[task->node] = NODE_FAILED; /* the record says that it is under way: it is taken up at the next start */
    return NULL;
  }
  if (run->cancelled) {
    apply->nodes[task->node] = NODE_FAILED;
    return run_event(run, task->record, status, update ? "Resource update cancelled" : "Resource creation cancelled");
  }
  if (task->error->kind == ERROR_FAULT) {
    log_error("stack %s, %s: %s", run->stack_name, task->logical_id, task->error->message);
    g_autofree char *reason = g_strdup_printf("Internal Failure: %s", task->error->message);
    return fail(apply, task->node, task->record, status, reason);
  }
  if (strcmp(task->error->code, "ValidationError") == 0)
    return fail(apply, task->node, task->record, status, task->error->message);
  g_autofree char *reason = g_strdup_printf("Resource handler returned message: \"%s\" (RequestToken: %s, HandlerErrorCode: %s)",
                                            task->error->message, task->token, task->error->code);
  return fail(apply, task->node, task->record, status, reason);
}

/* Every resource that is wrong by the specification fails before anything is made. */
static Error *
check_all(Apply *apply)
{
  Run *run = apply->run;
  for (guint i = 0; i < run->plan.resources->n; i++) {
    const JsonMember *member = &run->plan.resources->members[i];
    const Json *type = json_get(member->value, "Type");
    const SpecResource *spec = spec_find(type->text);
    g_autoptr(Error) wrong = spec ? spec_check(run->arena, spec, member->key, json_get(member->value, "Properties"), type->line) : NULL;
    if (wrong)
      TRY(fail_early(apply, i, wrong->message));
  }
  return NULL;
}

/* What leaves the stack must be allowed to; it goes in the cleanup. */
static Error *
check_removals(Apply *apply)
{
  Run *run = apply->run;
  for (guint i = 0; apply->policy && i < run->resources->n; i++) {
    Json *record = run->resources->members[i].value;
    const char *name = run->resources->members[i].key, *denial = NULL;
    if (!json_get(run->plan.resources, name) && !g_str_has_prefix(record_text(record, "ResourceStatus"), "DELETE_"))
      denial = policy_denial(apply, "Update:Delete", record);
    if (!denial)
      continue;
    g_ptr_array_add(run->failed, (gpointer) name);
    g_atomic_int_set(&run->cancelled, TRUE);
    TRY(run_event(run, record, "UPDATE_FAILED", denial));
  }
  return NULL;
}

static void
look_around(Run *run)
{
  gboolean late = run->deadline_ms && clock_now() > run->deadline_ms;
  if (late)
    json_set(run->arena, run->operation, "_TimedOut", json_new_bool(run->arena, TRUE));
  run_look_at_triggers(run);
  if (late || run->breach || g_atomic_int_get(&run->cancel_requested))
    g_atomic_int_set(&run->cancelled, TRUE);
}

Error *
run_apply(Run *run, gboolean creating)
{
  const Json *tags = json_get(run->stack, "Tags"), *former = json_get(json_get(run->stack, "_Former"), "Tags");
  Apply apply = { run, creating, !creating && tags && former && !json_equal(tags, former),
    ARENA_ARRAY(run->arena, NodeState, run->plan.graph.n + 1), creating ? NULL : json_get(run->operation, "_Policy") };
  TRY(check_all(&apply));
  TRY(check_removals(&apply));
  do {
    look_around(run);
    TRY(start_ready(&apply));
    g_autoptr(Task) task = run->in_flight ? run_wait(run) : NULL;
    if (task)
      TRY(task->error ? end_badly(&apply, task) : end_well(&apply, task));
    if (!run->in_flight)
      TRY(start_ready(&apply));
  } while (run->in_flight);
  return NULL;
}
