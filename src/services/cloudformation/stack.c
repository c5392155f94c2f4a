#include "services/cloudformation/cloudformation.h"
#include <string.h>

OPERATION(CreateStack, create_stack, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
create_stack(Call *call, const CloudformationCreateStackInput *in, CloudformationCreateStackOutput *ret_out)
{
  StackRequest request;
  TRY(cloudformation_request(call, cloudformation_input(call, in), &request));
  return stack_create(call, &request, &ret_out->StackId);
}

OPERATION(UpdateStack, update_stack, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
update_stack(Call *call, const CloudformationUpdateStackInput *in, CloudformationUpdateStackOutput *ret_out)
{
  StackRequest request;
  TRY(cloudformation_request(call, cloudformation_input(call, in), &request));
  if (!request.template_text && !OPT_OR(in->UsePreviousTemplate, FALSE))
    return error_answer("ValidationError", "Either Template URL or Template Body must be specified.");
  return stack_update(call, &request, &ret_out->StackId);
}

OPERATION(DeleteStack, delete_stack, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
delete_stack(Call *call, const CloudformationDeleteStackInput *in, CloudformationDeleteStackOutput *ret_out)
{
  return stack_delete(call, in->StackName, json_get(cloudformation_input(call, in), "RetainResources"), in->ClientRequestToken);
}

OPERATION(CancelUpdateStack, cancel_update_stack, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
cancel_update_stack(Call *call, const CloudformationCancelUpdateStackInput *in, CloudformationCancelUpdateStackOutput *ret_out)
{
  return stack_cancel_update(call, in->StackName);
}

OPERATION(ContinueUpdateRollback, continue_update_rollback, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
continue_update_rollback(Call *call, const CloudformationContinueUpdateRollbackInput *in, CloudformationContinueUpdateRollbackOutput *ret_out)
{
  return stack_continue_rollback(call, in->StackName, json_get(cloudformation_input(call, in), "ResourcesToSkip"), in->ClientRequestToken);
}

OPERATION(RollbackStack, rollback_stack, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
rollback_stack(Call *call, const CloudformationRollbackStackInput *in, CloudformationRollbackStackOutput *ret_out)
{
  return stack_rollback(call, in->StackName, in->ClientRequestToken, &ret_out->StackId);
}

static Error *
set_protection(Call *call, Json *stack, gpointer data)
{
  const CloudformationUpdateTerminationProtectionInput *in = data;
  if (*record_text(stack, "ParentId"))
    return error_answer("ValidationError", "Termination protection cannot be changed on a nested stack [%s]: change it on its root stack",
                        record_text(stack, "StackName"));
  json_set(call->arena, stack, "EnableTerminationProtection", json_new_bool(call->arena, in->EnableTerminationProtection.v));
  return NULL;
}

OPERATION(UpdateTerminationProtection, update_termination_protection, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
update_termination_protection(Call *call, const CloudformationUpdateTerminationProtectionInput *in,
                              CloudformationUpdateTerminationProtectionOutput *ret_out)
{
  Json *stack = NULL;
  TRY(stack_edit(call, in->StackName, set_protection, (gpointer) in));
  TRY(stack_find(call, in->StackName, &stack));
  ret_out->StackId = record_text(stack, "StackId");
  return NULL;
}

static Error *
set_policy(Call *call, Json *stack, gpointer data)
{
  json_set(call->arena, stack, "_StackPolicy", json_new_string(call->arena, data));
  return NULL;
}

OPERATION(SetStackPolicy, set_stack_policy, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
set_stack_policy(Call *call, const CloudformationSetStackPolicyInput *in, CloudformationSetStackPolicyOutput *ret_out)
{
  Json *policy = NULL;
  const char *text = NULL;
  TRY(cloudformation_policy(call, cloudformation_input(call, in), "StackPolicyBody", "StackPolicyURL", &text));
  if (!text)
    return error_answer("ValidationError", "Either StackPolicyURL or StackPolicyBody must be specified");
  TRY(stack_policy_parse(call->arena, text, &policy));
  return stack_edit(call, in->StackName, set_policy, (gpointer) text);
}

OPERATION(GetStackPolicy, get_stack_policy, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
get_stack_policy(Call *call, const CloudformationGetStackPolicyInput *in, CloudformationGetStackPolicyOutput *ret_out)
{
  Json *stack = NULL;
  TRY(stack_find(call, in->StackName, &stack));
  ret_out->StackPolicyBody = cloudformation_text(stack, "_StackPolicy");
  return NULL;
}
