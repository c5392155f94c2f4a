/* Response headers policies. https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/adding-response-headers.html */
#include "services/cloudfront/cloudfront.h"

static CloudfrontResponseHeadersPolicy *
show(Call *call, const CloudfrontPolicyRecord *record)
{
  CloudfrontResponseHeadersPolicy *policy = ARENA_NEW(call->arena, CloudfrontResponseHeadersPolicy);
  *policy = (CloudfrontResponseHeadersPolicy) {.Id = record->Id, .LastModifiedTime = record->Modified, .ResponseHeadersPolicyConfig = record->Response};
  return policy;
}

static Error *
check(Call *call, const CloudfrontResponseHeadersPolicyConfig *config)
{
  TRY(quantities_check(&CloudfrontResponseHeadersPolicyConfig_shape, &config));
  return *config->Name ? NULL : error_answer("InvalidArgument", "The name of a policy cannot be empty.");
}

OPERATION(CreateResponseHeadersPolicy, create_policy, .txn = TXN_WRITE)
static Error *
create_policy(Call *call, const CloudfrontCreateResponseHeadersPolicyInput *in, CloudfrontCreateResponseHeadersPolicyOutput *ret_out)
{
  CloudfrontPolicyRecord record = {.Name = in->ResponseHeadersPolicyConfig->Name, .Response = in->ResponseHeadersPolicyConfig};
  TRY(check(call, in->ResponseHeadersPolicyConfig));
  TRY(policy_create(call, KIND_RESPONSE, &record));
  ret_out->ResponseHeadersPolicy = show(call, &record);
  ret_out->ETag = record.ETag;
  ret_out->Location = arena_printf(call->arena, "https://cloudfront.amazonaws.com/2020-05-31/response-headers-policy/%s", record.Id);
  return NULL;
}

OPERATION(GetResponseHeadersPolicy, get_policy, .txn = TXN_READ, .authorize = response_policy_resource)
static Error *
get_policy(Call *call, const CloudfrontGetResponseHeadersPolicyInput *in, CloudfrontGetResponseHeadersPolicyOutput *ret_out)
{
  CloudfrontPolicyRecord *record = NULL;
  TRY(policy_get(call, KIND_RESPONSE, in->Id, &record));
  ret_out->ResponseHeadersPolicy = show(call, record);
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(GetResponseHeadersPolicyConfig, get_policy_config, .txn = TXN_READ, .authorize = response_policy_resource)
static Error *
get_policy_config(Call *call, const CloudfrontGetResponseHeadersPolicyConfigInput *in, CloudfrontGetResponseHeadersPolicyConfigOutput *ret_out)
{
  CloudfrontPolicyRecord *record = NULL;
  TRY(policy_get(call, KIND_RESPONSE, in->Id, &record));
  ret_out->ResponseHeadersPolicyConfig = record->Response;
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(UpdateResponseHeadersPolicy, update_policy, .txn = TXN_WRITE, .authorize = response_policy_resource)
static Error *
update_policy(Call *call, const CloudfrontUpdateResponseHeadersPolicyInput *in, CloudfrontUpdateResponseHeadersPolicyOutput *ret_out)
{
  CloudfrontPolicyRecord *record = NULL;
  TRY(policy_begin(call, KIND_RESPONSE, in->Id, in->IfMatch, &record));
  TRY(check(call, in->ResponseHeadersPolicyConfig));
  record->Name = in->ResponseHeadersPolicyConfig->Name;
  record->Response = in->ResponseHeadersPolicyConfig;
  TRY(policy_put(call, KIND_RESPONSE, record));
  ret_out->ResponseHeadersPolicy = show(call, record);
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(DeleteResponseHeadersPolicy, delete_policy, .txn = TXN_WRITE, .authorize = response_policy_resource)
static Error *
delete_policy(Call *call, const CloudfrontDeleteResponseHeadersPolicyInput *in, CloudfrontDeleteResponseHeadersPolicyOutput *ret_out)
{
  return policy_delete(call, KIND_RESPONSE, in->Id, in->IfMatch);
}

OPERATION(ListResponseHeadersPolicies, list_policies, .txn = TXN_READ)
static Error *
list_policies(Call *call, const CloudfrontListResponseHeadersPoliciesInput *in, CloudfrontListResponseHeadersPoliciesOutput *ret_out)
{
  PolicyRecords records = {0};
  ListPage page;
  gsize from = 0;
  TRY(policies_list(call, KIND_RESPONSE, in->Type, &records));
  while (in->Marker && from < records.n && g_strcmp0(records.v[from]->Id, in->Marker))
    from++;
  TRY(list_page(in->MaxItems, from, records.n, &page));
  ret_out->ResponseHeadersPolicyList = ARENA_NEW(call->arena, CloudfrontResponseHeadersPolicyList);
  LIST_EMPTY(call->arena, &ret_out->ResponseHeadersPolicyList->Items);
  for (gsize i = page.from; i < page.to; i++) {
    CloudfrontResponseHeadersPolicySummary *summary = ARENA_NEW(call->arena, CloudfrontResponseHeadersPolicySummary);
    summary->Type = policy_is_managed(KIND_RESPONSE, records.v[i]->Id) ? "managed" : "custom";
    summary->ResponseHeadersPolicy = show(call, records.v[i]);
    LIST_APPEND(call->arena, &ret_out->ResponseHeadersPolicyList->Items, summary);
  }
  ret_out->ResponseHeadersPolicyList->MaxItems = OPT_INT(page.max);
  ret_out->ResponseHeadersPolicyList->Quantity = OPT_INT((gint64) (page.to - page.from));
  if (page.truncated)
    ret_out->ResponseHeadersPolicyList->NextMarker = records.v[page.to]->Id;
  return NULL;
}
