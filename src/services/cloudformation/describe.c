#include "services/cloudformation/cloudformation.h"
#include <string.h>

enum { PAGE = 100 };

/* The stack; not there: the wording of the operations other than DescribeStacks. */
static Error *
find_stack(Call *call, const char *name, Json **ret_stack)
{
  g_autoptr(Error) error = stack_find(call, name, ret_stack);
  if (error_is(error, "ValidationError"))
    return error_answer("ValidationError", "Stack [%s] does not exist", name);
  return g_steal_pointer(&error);
}

static Json *
wrap(Call *call, const char *name, const Json *list, const char *token)
{
  Json *json = json_new_object(call->arena);
  json_set(call->arena, json, name, (Json *) list);
  if (token)
    json_set(call->arena, json, "NextToken", json_new_string(call->arena, token));
  return json;
}

static gboolean
is_deleted(const Json *stack)
{
  return strcmp(record_text(stack, "StackStatus"), "DELETE_COMPLETE") == 0;
}

OPERATION(DescribeStacks, describe_stacks, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
describe_stacks(Call *call, const CloudformationDescribeStacksInput *in, CloudformationDescribeStacksOutput *ret_out)
{
  Json *list = json_new_array(call->arena), *all = NULL, *stack = NULL, *page = NULL;
  const char *token = NULL;
  if (in->StackName) {
    TRY(stack_find(call, in->StackName, &stack));
    json_append(call->arena, list, stack);
    return cloudformation_output(call, wrap(call, "Stacks", list, NULL), ret_out);
  }
  TRY(stack_list(call, &all));
  for (guint i = 0; i < all->n; i++) {
    if (!is_deleted(all->items[i]))
      json_append(call->arena, list, all->items[i]);
  }
  TRY(cloudformation_page(call, list, PAGE, in->NextToken, &page, &token));
  return cloudformation_output(call, wrap(call, "Stacks", page, token), ret_out);
}

static gboolean
is_wanted(const StringList *filter, const char *status)
{
  return filter->n == 0 || string_list_has(filter, status);
}

OPERATION(ListStacks, list_stacks, .txn = TXN_NONE)
static Error *
list_stacks(Call *call, const CloudformationListStacksInput *in, CloudformationListStacksOutput *ret_out)
{
  Json *list = json_new_array(call->arena), *all = NULL, *page = NULL;
  const char *token = NULL;
  TRY(stack_list(call, &all));
  for (guint i = 0; i < all->n; i++) {
    Json *stack = all->items[i], *description = json_get(stack, "Description");
    if (description)
      json_set(call->arena, stack, "TemplateDescription", description);
    if (is_wanted((const StringList *) (const void *) &in->StackStatusFilter, record_text(stack, "StackStatus")))
      json_append(call->arena, list, stack);
  }
  TRY(cloudformation_page(call, list, PAGE, in->NextToken, &page, &token));
  return cloudformation_output(call, wrap(call, "StackSummaries", page, token), ret_out);
}

OPERATION(DescribeStackEvents, describe_stack_events, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
describe_stack_events(Call *call, const CloudformationDescribeStackEventsInput *in, CloudformationDescribeStackEventsOutput *ret_out)
{
  Json *stack = NULL, *events = NULL, *page = NULL;
  const char *token = NULL;
  if (!in->StackName)
    return error_answer("ValidationError", "1 validation error detected: Value null at 'stackName' failed to satisfy constraint: Member must "
                        "not be null");
  TRY(find_stack(call, in->StackName, &stack));
  TRY(stack_events(call, stack, &events));
  TRY(cloudformation_page(call, events, PAGE, in->NextToken, &page, &token));
  return cloudformation_output(call, wrap(call, "StackEvents", page, token), ret_out);
}

/* A record with the time under the name that summaries use. */
static Json *
summary(Call *call, Json *record)
{
  Json *drift = json_new_object(call->arena), *time = json_get(record, "Timestamp");
  if (time)
    json_set(call->arena, record, "LastUpdatedTimestamp", time);
  json_set(call->arena, drift, "StackResourceDriftStatus", json_new_string(call->arena, "NOT_CHECKED"));
  json_set(call->arena, record, "DriftInformation", drift);
  return record;
}

static Error *
list_resources(Call *call, const char *name, Json **ret_list)
{
  Json *stack = NULL;
  TRY(find_stack(call, name, &stack));
  TRY(stack_resources(call, stack, ret_list));
  for (guint i = 0; i < (*ret_list)->n; i++)
    summary(call, (*ret_list)->items[i]);
  return NULL;
}

OPERATION(ListStackResources, list_stack_resources, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
list_stack_resources(Call *call, const CloudformationListStackResourcesInput *in, CloudformationListStackResourcesOutput *ret_out)
{
  Json *list = NULL, *page = NULL;
  const char *token = NULL;
  g_autoptr(Error) error = list_resources(call, in->StackName, &list);
  if (error_is(error, "ValidationError"))
    return error_answer("ValidationError", "Stack with id %s does not exist", in->StackName);
  if (error)
    return g_steal_pointer(&error);
  TRY(cloudformation_page(call, list, PAGE, in->NextToken, &page, &token));
  return cloudformation_output(call, wrap(call, "StackResourceSummaries", page, token), ret_out);
}

OPERATION(DescribeStackResources, describe_stack_resources, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
describe_stack_resources(Call *call, const CloudformationDescribeStackResourcesInput *in, CloudformationDescribeStackResourcesOutput *ret_out)
{
  Json *all = NULL, *stacks = NULL, *list = json_new_array(call->arena);
  if (!in->StackName && !in->PhysicalResourceId)
    return error_answer("ValidationError", "Either stack name or physical resource id must be specified");
  TRY(stack_list(call, &stacks));
  if (in->StackName)
    TRY(list_resources(call, in->StackName, &all));
  for (guint i = 0; !in->StackName && i < stacks->n; i++) {
    Json *some = NULL;
    if (is_deleted(stacks->items[i]))
      continue;
    TRY(stack_resources(call, stacks->items[i], &some));
    for (guint j = 0; j < some->n && !all; j++)
      all = strcmp(record_text(some->items[j], "PhysicalResourceId"), in->PhysicalResourceId) == 0 ? some : NULL;
  }
  if (!all)
    return error_answer("ValidationError", "Stack for %s does not exist", in->PhysicalResourceId);
  for (guint i = 0; i < all->n; i++) {
    if (!in->LogicalResourceId || strcmp(record_text(all->items[i], "LogicalResourceId"), in->LogicalResourceId) == 0)
      json_append(call->arena, list, summary(call, all->items[i]));
  }
  return cloudformation_output(call, wrap(call, "StackResources", list, NULL), ret_out);
}

OPERATION(DescribeStackResource, describe_stack_resource, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
describe_stack_resource(Call *call, const CloudformationDescribeStackResourceInput *in, CloudformationDescribeStackResourceOutput *ret_out)
{
  Json *list = NULL;
  TRY(list_resources(call, in->StackName, &list));
  for (guint i = 0; i < list->n; i++) {
    if (strcmp(record_text(list->items[i], "LogicalResourceId"), in->LogicalResourceId) == 0)
      return cloudformation_output(call, wrap(call, "StackResourceDetail", list->items[i], NULL), ret_out);
  }
  return error_answer("ValidationError", "Resource %s does not exist for stack %s", in->LogicalResourceId, in->StackName);
}

OPERATION(ListExports, list_exports, .txn = TXN_NONE)
static Error *
list_exports(Call *call, const CloudformationListExportsInput *in, CloudformationListExportsOutput *ret_out)
{
  Json *list = NULL, *page = NULL;
  const char *token = NULL;
  TRY(stack_exports(call, &list));
  TRY(cloudformation_page(call, list, PAGE, in->NextToken, &page, &token));
  return cloudformation_output(call, wrap(call, "Exports", page, token), ret_out);
}

OPERATION(ListImports, list_imports, .txn = TXN_NONE)
static Error *
list_imports(Call *call, const CloudformationListImportsInput *in, CloudformationListImportsOutput *ret_out)
{
  Json *list = NULL;
  TRY(stack_imports(call, in->ExportName, &list));
  if (list->n == 0)
    return error_answer("ValidationError", "Export '%s' is not imported by any stack.", in->ExportName);
  return cloudformation_output(call, wrap(call, "Imports", list, NULL), ret_out);
}
