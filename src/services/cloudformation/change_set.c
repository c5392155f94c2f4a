#include "services/cloudformation/cloudformation.h"
#include <string.h>

OPERATION(CreateChangeSet, create_change_set, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
create_change_set(Call *call, const CloudformationCreateChangeSetInput *in, CloudformationCreateChangeSetOutput *ret_out)
{
  ChangeSetRequest request = { .change_set_name = in->ChangeSetName, .type = in->ChangeSetType ? in->ChangeSetType : "UPDATE",
    .description = in->Description };
  TRY(cloudformation_request(call, cloudformation_input(call, in), &request.stack));
  request.stack.on_failure = in->OnStackFailure;
  if (strcmp(request.type, "IMPORT") == 0)
    return error_answer("ValidationError", "Change sets of type IMPORT are not here: haar does not import resources");
  if (!request.stack.template_text && !OPT_OR(in->UsePreviousTemplate, FALSE))
    return error_answer("ValidationError", "Either Template URL or Template Body must be specified.");
  return change_set_create(call, &request, &ret_out->Id, &ret_out->StackId);
}

OPERATION(DescribeChangeSet, describe_change_set, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
describe_change_set(Call *call, const CloudformationDescribeChangeSetInput *in, CloudformationDescribeChangeSetOutput *ret_out)
{
  Json *change_set = NULL;
  TRY(change_set_find(call, in->StackName, in->ChangeSetName, &change_set, NULL));
  return cloudformation_output(call, change_set, ret_out);
}

OPERATION(ExecuteChangeSet, execute_change_set, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
execute_change_set(Call *call, const CloudformationExecuteChangeSetInput *in, CloudformationExecuteChangeSetOutput *ret_out)
{
  return change_set_execute(call, in->StackName, in->ChangeSetName, in->ClientRequestToken, OPT_OR(in->DisableRollback, FALSE));
}

OPERATION(DeleteChangeSet, delete_change_set, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
delete_change_set(Call *call, const CloudformationDeleteChangeSetInput *in, CloudformationDeleteChangeSetOutput *ret_out)
{
  return change_set_delete(call, in->StackName, in->ChangeSetName);
}

OPERATION(ListChangeSets, list_change_sets, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
list_change_sets(Call *call, const CloudformationListChangeSetsInput *in, CloudformationListChangeSetsOutput *ret_out)
{
  Json *list = NULL, *json = json_new_object(call->arena);
  TRY(change_set_list(call, in->StackName, &list));
  json_set(call->arena, json, "Summaries", list);
  return cloudformation_output(call, json, ret_out);
}
