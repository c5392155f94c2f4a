/* Cache policies. https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/controlling-the-cache-key.html */
#include "services/cloudfront/cloudfront.h"

static CloudfrontCachePolicy *
show(Call *call, const CloudfrontPolicyRecord *record)
{
  CloudfrontCachePolicy *policy = ARENA_NEW(call->arena, CloudfrontCachePolicy);
  *policy = (CloudfrontCachePolicy) {.Id = record->Id, .LastModifiedTime = record->Modified, .CachePolicyConfig = record->Cache};
  return policy;
}

static Error *
check(Call *call, const CloudfrontCachePolicyConfig *config)
{
  TRY(quantities_check(&CloudfrontCachePolicyConfig_shape, &config));
  gint64 max = OPT_OR(config->MaxTTL, 31536000), normal = OPT_OR(config->DefaultTTL, 86400);
  if (config->MinTTL.v < 0 || config->MinTTL.v > max || (config->DefaultTTL.set && (normal > max || normal < config->MinTTL.v)))
    return error_answer("InvalidArgument", "The TTL values have to be in order: MinTTL <= DefaultTTL <= MaxTTL.");
  return *config->Name ? NULL : error_answer("InvalidArgument", "The name of a policy cannot be empty.");
}

OPERATION(CreateCachePolicy, create_policy, .txn = TXN_WRITE)
static Error *
create_policy(Call *call, const CloudfrontCreateCachePolicyInput *in, CloudfrontCreateCachePolicyOutput *ret_out)
{
  CloudfrontPolicyRecord record = {.Name = in->CachePolicyConfig->Name, .Cache = in->CachePolicyConfig};
  TRY(check(call, in->CachePolicyConfig));
  TRY(policy_create(call, KIND_CACHE, &record));
  ret_out->CachePolicy = show(call, &record);
  ret_out->ETag = record.ETag;
  ret_out->Location = arena_printf(call->arena, "https://cloudfront.amazonaws.com/2020-05-31/cache-policy/%s", record.Id);
  return NULL;
}

OPERATION(GetCachePolicy, get_policy, .txn = TXN_READ, .authorize = cache_policy_resource)
static Error *
get_policy(Call *call, const CloudfrontGetCachePolicyInput *in, CloudfrontGetCachePolicyOutput *ret_out)
{
  CloudfrontPolicyRecord *record = NULL;
  TRY(policy_get(call, KIND_CACHE, in->Id, &record));
  ret_out->CachePolicy = show(call, record);
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(GetCachePolicyConfig, get_policy_config, .txn = TXN_READ, .authorize = cache_policy_resource)
static Error *
get_policy_config(Call *call, const CloudfrontGetCachePolicyConfigInput *in, CloudfrontGetCachePolicyConfigOutput *ret_out)
{
  CloudfrontPolicyRecord *record = NULL;
  TRY(policy_get(call, KIND_CACHE, in->Id, &record));
  ret_out->CachePolicyConfig = record->Cache;
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(UpdateCachePolicy, update_policy, .txn = TXN_WRITE, .authorize = cache_policy_resource)
static Error *
update_policy(Call *call, const CloudfrontUpdateCachePolicyInput *in, CloudfrontUpdateCachePolicyOutput *ret_out)
{
  CloudfrontPolicyRecord *record = NULL;
  TRY(policy_begin(call, KIND_CACHE, in->Id, in->IfMatch, &record));
  TRY(check(call, in->CachePolicyConfig));
  record->Name = in->CachePolicyConfig->Name;
  record->Cache = in->CachePolicyConfig;
  TRY(policy_put(call, KIND_CACHE, record));
  ret_out->CachePolicy = show(call, record);
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(DeleteCachePolicy, delete_policy, .txn = TXN_WRITE, .authorize = cache_policy_resource)
static Error *
delete_policy(Call *call, const CloudfrontDeleteCachePolicyInput *in, CloudfrontDeleteCachePolicyOutput *ret_out)
{
  return policy_delete(call, KIND_CACHE, in->Id, in->IfMatch);
}

OPERATION(ListCachePolicies, list_policies, .txn = TXN_READ)
static Error *
list_policies(Call *call, const CloudfrontListCachePoliciesInput *in, CloudfrontListCachePoliciesOutput *ret_out)
{
  PolicyRecords records = {0};
  ListPage page;
  gsize from = 0;
  TRY(policies_list(call, KIND_CACHE, in->Type, &records));
  while (in->Marker && from < records.n && g_strcmp0(records.v[from]->Id, in->Marker))
    from++;
  TRY(list_page(in->MaxItems, from, records.n, &page));
  ret_out->CachePolicyList = ARENA_NEW(call->arena, CloudfrontCachePolicyList);
  LIST_EMPTY(call->arena, &ret_out->CachePolicyList->Items);
  for (gsize i = page.from; i < page.to; i++) {
    CloudfrontCachePolicySummary *summary = ARENA_NEW(call->arena, CloudfrontCachePolicySummary);
    summary->Type = policy_is_managed(KIND_CACHE, records.v[i]->Id) ? "managed" : "custom";
    summary->CachePolicy = show(call, records.v[i]);
    LIST_APPEND(call->arena, &ret_out->CachePolicyList->Items, summary);
  }
  ret_out->CachePolicyList->MaxItems = OPT_INT(page.max);
  ret_out->CachePolicyList->Quantity = OPT_INT((gint64) (page.to - page.from));
  if (page.truncated)
    ret_out->CachePolicyList->NextMarker = records.v[page.to]->Id;
  return NULL;
}
