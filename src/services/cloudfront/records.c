/* What is stored, and how it is found. */
#include "services/cloudfront/cloudfront.h"

#include <string.h>

const Table cloudfront_distributions = {"cloudfront.distributions"};
const Table cloudfront_policies = {"cloudfront.policies"};
const Table cloudfront_invalidations = {"cloudfront.invalidations"};

/* --- distributions --- */

char *
distribution_arn(Arena *arena, const char *account, const char *id)
{
  return arena_printf(arena, "arn:aws:cloudfront::%s:distribution/%s", account, id);
}

Error *
distribution_get(Call *call, const char *id, CloudfrontDistributionRecord **ret_distribution)
{
  Key key;
  void *record = NULL;
  key_strings(&key, id, NULL);
  TRY(record_get(call->txn, &cloudfront_distributions, &key, &CloudfrontDistributionRecord_shape, call->arena, &record));
  *ret_distribution = record;
  if (!record || strcmp((*ret_distribution)->Account, call->account))
    return error_answer("NoSuchDistribution", "The specified distribution does not exist.");
  return NULL;
}

Error *
distribution_put(Call *call, CloudfrontDistributionRecord *distribution)
{
  Key key;
  distribution->ETag = etag_new(call->arena);
  distribution->Modified = OPT_TIME(call->now);
  key_strings(&key, distribution->Id, NULL);
  cdn_changed(call->haar, call->txn);
  return record_put(call->txn, &cloudfront_distributions, &key, &CloudfrontDistributionRecord_shape, distribution);
}

Error *
distributions_all(Txn *txn, Arena *arena, const char *account, DistributionRecords *ret_distributions)
{
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(txn, &cloudfront_distributions, &(CursorOptions) {0}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(arena, &CloudfrontDistributionRecord_shape, data, size, &record));
    if (!account || !strcmp(((CloudfrontDistributionRecord *) record)->Account, account))
      LIST_APPEND(arena, ret_distributions, (CloudfrontDistributionRecord *) record);
  }
  return NULL;
}

/* --- policies, identities, controls --- */

typedef struct KindRow {
  const char *noun, *arn, *title; /* title: in error codes */
  const char *id_prefix;          /* NULL: a UUID */
  const char *too_many;
  gsize max;
} KindRow;
static const KindRow kinds[N_KINDS] = {
  [KIND_CACHE] = {"cache policy", "cache-policy", "CachePolicy", NULL, "TooManyCachePolicies", 20},
  [KIND_REQUEST] = {"origin request policy", "origin-request-policy", "OriginRequestPolicy", NULL, "TooManyOriginRequestPolicies", 20},
  [KIND_RESPONSE] = {"response headers policy", "response-headers-policy", "ResponseHeadersPolicy", NULL, "TooManyResponseHeadersPolicies", 20},
  [KIND_IDENTITY] = {"origin access identity", "origin-access-identity", "CloudFrontOriginAccessIdentity", "E", "TooManyCloudFrontOriginAccessIdentities", 100},
  [KIND_CONTROL] = {"origin access control", "origin-access-control", "OriginAccessControl", "E", "TooManyOriginAccessControls", 100},
};

char *
policy_arn(Arena *arena, const char *account, PolicyKind kind, const char *id)
{
  return arena_printf(arena, "arn:aws:cloudfront::%s:%s/%s", account, kinds[kind].arn, id);
}

static void
policy_key(Key *key, PolicyKind kind, const char *id)
{
  key_strings(key, kinds[kind].arn, NULL);
  if (id)
    key_add(key, id);
}

Error *
policy_look(Txn *txn, Arena *arena, const char *account, PolicyKind kind, const char *id, CloudfrontPolicyRecord **ret_policy)
{
  Key key;
  void *record = NULL;
  PolicyRecords managed = {0};
  policies_managed(arena, kind, &managed);
  for (gsize i = 0; i < managed.n; i++)
    if (!strcmp(managed.v[i]->Id, id)) {
      *ret_policy = managed.v[i];
      return NULL;
    }
  policy_key(&key, kind, id);
  TRY(record_get(txn, &cloudfront_policies, &key, &CloudfrontPolicyRecord_shape, arena, &record));
  *ret_policy = record;
  if (record && account && strcmp((*ret_policy)->Account, account))
    *ret_policy = NULL;
  return NULL;
}

Error *
policy_get(Call *call, PolicyKind kind, const char *id, CloudfrontPolicyRecord **ret_policy)
{
  TRY(policy_look(call->txn, call->arena, call->account, kind, id, ret_policy));
  if (!*ret_policy)
    return error_answer(arena_printf(call->arena, "NoSuch%s", kinds[kind].title), "The specified %s does not exist.", kinds[kind].noun);
  return NULL;
}

Error *
policy_put(Call *call, PolicyKind kind, CloudfrontPolicyRecord *policy)
{
  Key key;
  policy->ETag = etag_new(call->arena);
  policy->Modified = OPT_TIME(call->now);
  policy_key(&key, kind, policy->Id);
  cdn_changed(call->haar, call->txn);
  return record_put(call->txn, &cloudfront_policies, &key, &CloudfrontPolicyRecord_shape, policy);
}

Error *
policies_list(Call *call, PolicyKind kind, const char *type, PolicyRecords *ret_policies)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  if (!type || !strcmp(type, "managed"))
    policies_managed(call->arena, kind, ret_policies);
  if (type && !strcmp(type, "managed"))
    return NULL;
  policy_key(&prefix, kind, NULL);
  TRY(cursor_open(call->txn, &cloudfront_policies, &(CursorOptions) {.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &CloudfrontPolicyRecord_shape, data, size, &record));
    if (!strcmp(((CloudfrontPolicyRecord *) record)->Account, call->account))
      LIST_APPEND(call->arena, ret_policies, (CloudfrontPolicyRecord *) record);
  }
  return NULL;
}

static Error *
check_name(Call *call, PolicyKind kind, const char *name, const char *own_id)
{
  PolicyRecords others = {0};
  TRY(policies_list(call, kind, "custom", &others));
  if (!own_id && others.n >= kinds[kind].max)
    return error_answer(kinds[kind].too_many, "You have reached the maximum number of %ss: %u.", kinds[kind].noun, (guint) kinds[kind].max);
  for (gsize i = 0; i < others.n; i++)
    if (!g_strcmp0(others.v[i]->Name, name) && g_strcmp0(others.v[i]->Id, own_id))
      return error_answer(arena_printf(call->arena, "%sAlreadyExists", kinds[kind].title), "A%s %s with this %s already exists. Id: %s",
                          strchr("o", kinds[kind].noun[0]) ? "n" : "", kinds[kind].noun, kind == KIND_IDENTITY ? "caller reference" : "name", others.v[i]->Id);
  return NULL;
}

Error *
policy_create(Call *call, PolicyKind kind, CloudfrontPolicyRecord *policy)
{
  TRY(check_name(call, kind, policy->Name, NULL));
  const char *prefix = kinds[kind].id_prefix;
  policy->Id = prefix ? arena_printf(call->arena, "%s%s", prefix, id_alphabet(call->arena, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 13)) : id_uuid(call->arena);
  policy->Account = call->account;
  return policy_put(call, kind, policy);
}

Error *
policy_begin(Call *call, PolicyKind kind, const char *id, const char *if_match, CloudfrontPolicyRecord **ret_policy)
{
  TRY(policy_get(call, kind, id, ret_policy));
  if (policy_is_managed(kind, id))
    return error_answer("IllegalUpdate", "The %s %s is managed by AWS and cannot be changed.", kinds[kind].noun, id);
  return etag_check(if_match, (*ret_policy)->ETag);
}

/* --- what uses them --- */

static gboolean
behaviour_uses(PolicyKind kind, const char *cache, const char *request, const char *response, const char *id)
{
  const char *used = kind == KIND_CACHE ? cache : kind == KIND_REQUEST ? request : kind == KIND_RESPONSE ? response : NULL;
  return !g_strcmp0(used, id);
}

static gboolean
config_uses(const CloudfrontDistributionConfig *config, PolicyKind kind, const char *id)
{
  const CloudfrontDefaultCacheBehavior *normal = config->DefaultCacheBehavior;
  if (behaviour_uses(kind, normal->CachePolicyId, normal->OriginRequestPolicyId, normal->ResponseHeadersPolicyId, id))
    return TRUE;
  for (gsize i = 0; config->CacheBehaviors && i < config->CacheBehaviors->Items.n; i++) {
    const CloudfrontCacheBehavior *behaviour = config->CacheBehaviors->Items.v[i];
    if (behaviour_uses(kind, behaviour->CachePolicyId, behaviour->OriginRequestPolicyId, behaviour->ResponseHeadersPolicyId, id))
      return TRUE;
  }
  for (gsize i = 0; i < config->Origins->Items.n; i++) {
    const CloudfrontOrigin *origin = config->Origins->Items.v[i];
    const char *identity = origin->S3OriginConfig ? origin->S3OriginConfig->OriginAccessIdentity : NULL;
    if (kind == KIND_CONTROL && !g_strcmp0(origin->OriginAccessControlId, id))
      return TRUE;
    if (kind == KIND_IDENTITY && identity && g_str_has_suffix(identity, id))
      return TRUE;
  }
  return FALSE;
}

Error *
policy_delete(Call *call, PolicyKind kind, const char *id, const char *if_match)
{
  CloudfrontPolicyRecord *policy = NULL;
  DistributionRecords distributions = {0};
  Key key;
  TRY(policy_begin(call, kind, id, if_match, &policy));
  TRY(distributions_all(call->txn, call->arena, call->account, &distributions));
  for (gsize i = 0; i < distributions.n; i++)
    if (config_uses(distributions.v[i]->Config, kind, id))
      return error_answer(arena_printf(call->arena, "%sInUse", kinds[kind].title), "Cannot delete the %s because it is attached to the distribution %s.",
                          kinds[kind].noun, distributions.v[i]->Id);
  policy_key(&key, kind, id);
  cdn_changed(call->haar, call->txn);
  return store_delete(call->txn, &cloudfront_policies, &key, NULL);
}
