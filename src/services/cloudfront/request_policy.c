/* Origin request policies. https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/controlling-origin-requests.html */
#include "services/cloudfront/cloudfront.h"

static CloudfrontOriginRequestPolicy *
show(Call *call, const CloudfrontPolicyRecord *record)
{
  CloudfrontOriginRequestPolicy *policy = ARENA_NEW(call->arena, CloudfrontOriginRequestPolicy);
  *policy = (CloudfrontOriginRequestPolicy) {.Id = record->Id, .LastModifiedTime = record->Modified, .OriginRequestPolicyConfig = record->Request};
  return policy;
}

static Error *
check(Call *call, const CloudfrontOriginRequestPolicyConfig *config)
{
  TRY(quantities_check(&CloudfrontOriginRequestPolicyConfig_shape, &config));
  return *config->Name ? NULL : error_answer("InvalidArgument", "The name of a policy cannot be empty.");
}

OPERATION(CreateOriginRequestPolicy, create_policy, .txn = TXN_WRITE)
static Error *
create_policy(Call *call, const CloudfrontCreateOriginRequestPolicyInput *in, CloudfrontCreateOriginRequestPolicyOutput *ret_out)
{
  CloudfrontPolicyRecord record = {.Name = in->OriginRequestPolicyConfig->Name, .Request = in->OriginRequestPolicyConfig};
  TRY(check(call, in->OriginRequestPolicyConfig));
  TRY(policy_create(call, KIND_REQUEST, &record));
  ret_out->OriginRequestPolicy = show(call, &record);
  ret_out->ETag = record.ETag;
  ret_out->Location = arena_printf(call->arena, "https://cloudfront.amazonaws.com/2020-05-31/origin-request-policy/%s", record.Id);
  return NULL;
}

OPERATION(GetOriginRequestPolicy, get_policy, .txn = TXN_READ, .authorize = request_policy_resource)
static Error *
get_policy(Call *call, const CloudfrontGetOriginRequestPolicyInput *in, CloudfrontGetOriginRequestPolicyOutput *ret_out)
{
  CloudfrontPolicyRecord *record = NULL;
  TRY(policy_get(call, KIND_REQUEST, in->Id, &record));
  ret_out->OriginRequestPolicy = show(call, record);
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(GetOriginRequestPolicyConfig, get_policy_config, .txn = TXN_READ, .authorize = request_policy_resource)
static Error *
get_policy_config(Call *call, const CloudfrontGetOriginRequestPolicyConfigInput *in, CloudfrontGetOriginRequestPolicyConfigOutput *ret_out)
{
  CloudfrontPolicyRecord *record = NULL;
  TRY(policy_get(call, KIND_REQUEST, in->Id, &record));
  ret_out->OriginRequestPolicyConfig = record->Request;
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(UpdateOriginRequestPolicy, update_policy, .txn = TXN_WRITE, .authorize = request_policy_resource)
static Error *
update_policy(Call *call, const CloudfrontUpdateOriginRequestPolicyInput *in, CloudfrontUpdateOriginRequestPolicyOutput *ret_out)
{
  CloudfrontPolicyRecord *record = NULL;
  TRY(policy_begin(call, KIND_REQUEST, in->Id, in->IfMatch, &record));
  TRY(check(call, in->OriginRequestPolicyConfig));
  record->Name = in->OriginRequestPolicyConfig->Name;
  record->Request = in->OriginRequestPolicyConfig;
  TRY(policy_put(call, KIND_REQUEST, record));
  ret_out->OriginRequestPolicy = show(call, record);
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(DeleteOriginRequestPolicy, delete_policy, .txn = TXN_WRITE, .authorize = request_policy_resource)
static Error *
delete_policy(Call *call, const CloudfrontDeleteOriginRequestPolicyInput *in, CloudfrontDeleteOriginRequestPolicyOutput *ret_out)
{
  return policy_delete(call, KIND_REQUEST, in->Id, in->IfMatch);
}

OPERATION(ListOriginRequestPolicies, list_policies, .txn = TXN_READ)
static Error *
list_policies(Call *call, const CloudfrontListOriginRequestPoliciesInput *in, CloudfrontListOriginRequestPoliciesOutput *ret_out)
{
  PolicyRecords records = {0};
  ListPage page;
  gsize from = 0;
  TRY(policies_list(call, KIND_REQUEST, in->Type, &records));
  while (in->Marker && from < records.n && g_strcmp0(records.v[from]->Id, in->Marker))
    from++;
  TRY(list_page(in->MaxItems, from, records.n, &page));
  ret_out->OriginRequestPolicyList = ARENA_NEW(call->arena, CloudfrontOriginRequestPolicyList);
  LIST_EMPTY(call->arena, &ret_out->OriginRequestPolicyList->Items);
  for (gsize i = page.from; i < page.to; i++) {
    CloudfrontOriginRequestPolicySummary *summary = ARENA_NEW(call->arena, CloudfrontOriginRequestPolicySummary);
    summary->Type = policy_is_managed(KIND_REQUEST, records.v[i]->Id) ? "managed" : "custom";
    summary->OriginRequestPolicy = show(call, records.v[i]);
    LIST_APPEND(call->arena, &ret_out->OriginRequestPolicyList->Items, summary);
  }
  ret_out->OriginRequestPolicyList->MaxItems = OPT_INT(page.max);
  ret_out->OriginRequestPolicyList->Quantity = OPT_INT((gint64) (page.to - page.from));
  if (page.truncated)
    ret_out->OriginRequestPolicyList->NextMarker = records.v[page.to]->Id;
  return NULL;
}
