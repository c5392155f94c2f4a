#include "services/cloudformation/cloudformation.h"
#include <string.h>

OPERATION(GetTemplate, get_template, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
get_template(Call *call, const CloudformationGetTemplateInput *in, CloudformationGetTemplateOutput *ret_out)
{
  Json *stack = NULL, *change_set = NULL;
  if (!in->StackName && !in->ChangeSetName)
    return error_answer("ValidationError", "StackName is required if ChangeSetName is not specified.");
  if (in->ChangeSetName) {
    TRY(change_set_find(call, in->StackName, in->ChangeSetName, &change_set, NULL));
    ret_out->TemplateBody = json_string(json_path(change_set, "_Prepared._Template"));
  } else {
    TRY(stack_find(call, in->StackName, &stack));
    ret_out->TemplateBody = cloudformation_text(stack, "_Template");
  }
  Json *stages = json_new_object(call->arena), *list = json_new_array(call->arena);
  json_append(call->arena, list, json_new_string(call->arena, "Original"));
  json_append(call->arena, list, json_new_string(call->arena, "Processed"));
  json_set(call->arena, stages, "StagesAvailable", list);
  if (ret_out->TemplateBody)
    json_set(call->arena, stages, "TemplateBody", json_new_string(call->arena, ret_out->TemplateBody));
  return cloudformation_output(call, stages, ret_out);
}

static Json *
texts(Call *call, const StringList *list)
{
  Json *json = json_new_array(call->arena);
  for (gsize i = 0; i < list->n; i++)
    json_append(call->arena, json, json_new_string(call->arena, list->v[i]));
  return json;
}

/* What ValidateTemplate and GetTemplateSummary say of a template. */
static Json *
summarise(Call *call, const Template *template)
{
  Json *json = json_new_object(call->arena), *types = json_new_array(call->arena);
  StringList capabilities = { 0 };
  const char *reason = NULL;
  plan_capabilities(call->arena, template, &capabilities, &reason);
  json_set(call->arena, json, "Parameters", parameters_declare(call->arena, template));
  if (template->description)
    json_set(call->arena, json, "Description", json_new_string(call->arena, template->description));
  if (capabilities.n)
    json_set(call->arena, json, "Capabilities", texts(call, &capabilities));
  if (reason)
    json_set(call->arena, json, "CapabilitiesReason", json_new_string(call->arena, reason));
  json_set(call->arena, json, "DeclaredTransforms", texts(call, &template->transforms));
  for (guint i = 0; i < template->resources->n; i++)
    json_append(call->arena, types, json_get(template->resources->members[i].value, "Type"));
  json_set(call->arena, json, "ResourceTypes", types);
  if (template->metadata)
    json_set(call->arena, json, "Metadata", json_new_string(call->arena, json_text(call->arena, template->metadata)));
  if (json_get(template->root, "AWSTemplateFormatVersion"))
    json_set(call->arena, json, "Version", json_get(template->root, "AWSTemplateFormatVersion"));
  return json;
}

static gboolean
any_type(const char *type)
{
  return spec_find(type) != NULL;
}

OPERATION(ValidateTemplate, validate_template, .txn = TXN_NONE)
static Error *
validate_template(Call *call, const CloudformationValidateTemplateInput *in, CloudformationValidateTemplateOutput *ret_out)
{
  const char *text = NULL;
  Template template;
  TRY(cloudformation_template(call, cloudformation_input(call, in), &text));
  if (!text)
    return error_answer("ValidationError", "Either Template URL or Template Body must be specified.");
  TRY(template_parse(call->arena, text, strlen(text), &template));
  TRY(template_check_types(call->arena, &template, any_type));
  return cloudformation_output(call, summarise(call, &template), ret_out);
}

OPERATION(GetTemplateSummary, get_template_summary, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
get_template_summary(Call *call, const CloudformationGetTemplateSummaryInput *in, CloudformationGetTemplateSummaryOutput *ret_out)
{
  const char *text = NULL;
  Template template;
  Json *stack = NULL;
  TRY(cloudformation_template(call, cloudformation_input(call, in), &text));
  if (!text && !in->StackName)
    return error_answer("ValidationError", "Either Template URL or Template Body must be specified.");
  if (!text) {
    TRY(stack_find(call, in->StackName, &stack));
    text = cloudformation_text(stack, "_Template");
    if (!text)
      return error_answer("ValidationError", "GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.");
  }
  TRY(template_parse(call->arena, text, strlen(text), &template));
  return cloudformation_output(call, summarise(call, &template), ret_out);
}
