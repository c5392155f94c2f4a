/* What a distribution may look like, and what AWS fills in.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/distribution-web-values-specify.html */
#include "services/cloudfront/cloudfront.h"

#include <string.h>

enum { ALIASES_MAX = 100, ORIGINS_MAX = 25, BEHAVIOURS_MAX = 25, GROUPS_MAX = 10 };

/* --- filling in --- */

#define FILL(arena, target, Type, ...)                                  \
  do {                                                                  \
    if (!(target)) {                                                    \
      (target) = ARENA_NEW((arena), Type);                              \
      *(target) = (Type) {__VA_ARGS__};                                 \
    }                                                                   \
  } while (0)

static void
fill_methods(Arena *arena, CloudfrontAllowedMethods **methods)
{
  if (!*methods) {
    *methods = ARENA_NEW(arena, CloudfrontAllowedMethods);
    LIST_APPEND(arena, &(*methods)->Items, "HEAD");
    LIST_APPEND(arena, &(*methods)->Items, "GET");
    (*methods)->Quantity = OPT_INT(2);
  }
  if ((*methods)->CachedMethods)
    return;
  CloudfrontCachedMethods *cached = (*methods)->CachedMethods = ARENA_NEW(arena, CloudfrontCachedMethods);
  LIST_APPEND(arena, &cached->Items, "HEAD");
  LIST_APPEND(arena, &cached->Items, "GET");
  cached->Quantity = OPT_INT(2);
}

/* Both kinds of behaviour have these members under the same names. */
#define FILL_BEHAVIOUR(arena, behaviour)                                                                             \
  do {                                                                                                               \
    fill_methods((arena), &(behaviour)->AllowedMethods);                                                             \
    FILL((arena), (behaviour)->TrustedSigners, CloudfrontTrustedSigners, OPT_BOOL(FALSE), OPT_INT(0));               \
    FILL((arena), (behaviour)->TrustedKeyGroups, CloudfrontTrustedKeyGroups, OPT_BOOL(FALSE), OPT_INT(0));           \
    FILL((arena), (behaviour)->LambdaFunctionAssociations, CloudfrontLambdaFunctionAssociations, OPT_INT(0));        \
    FILL((arena), (behaviour)->FunctionAssociations, CloudfrontFunctionAssociations, OPT_INT(0));                    \
    (behaviour)->SmoothStreaming = OPT_BOOL(OPT_OR((behaviour)->SmoothStreaming, FALSE));                            \
    (behaviour)->Compress = OPT_BOOL(OPT_OR((behaviour)->Compress, FALSE));                                          \
    if (!(behaviour)->FieldLevelEncryptionId)                                                                        \
      (behaviour)->FieldLevelEncryptionId = "";                                                                      \
    if (!(behaviour)->CachePolicyId) {                                                                               \
      (behaviour)->MinTTL = OPT_INT(OPT_OR((behaviour)->MinTTL, 0));                                                 \
      (behaviour)->DefaultTTL = OPT_INT(OPT_OR((behaviour)->DefaultTTL, 86400));                                     \
      (behaviour)->MaxTTL = OPT_INT(OPT_OR((behaviour)->MaxTTL, 31536000));                                          \
    }                                                                                                                \
  } while (0)

static void
fill_origin(Arena *arena, CloudfrontOrigin *origin)
{
  FILL(arena, origin->CustomHeaders, CloudfrontCustomHeaders, OPT_INT(0));
  FILL(arena, origin->OriginShield, CloudfrontOriginShield, OPT_BOOL(FALSE));
  origin->OriginPath = origin->OriginPath ? origin->OriginPath : "";
  origin->ConnectionAttempts = OPT_INT(OPT_OR(origin->ConnectionAttempts, 3));
  origin->ConnectionTimeout = OPT_INT(OPT_OR(origin->ConnectionTimeout, 10));
  origin->OriginAccessControlId = origin->OriginAccessControlId ? origin->OriginAccessControlId : "";
  CloudfrontCustomOriginConfig *custom = origin->CustomOriginConfig;
  if (!custom)
    return;
  custom->OriginReadTimeout = OPT_INT(OPT_OR(custom->OriginReadTimeout, 30));
  custom->OriginKeepaliveTimeout = OPT_INT(OPT_OR(custom->OriginKeepaliveTimeout, 5));
}

void
config_fill(Arena *arena, CloudfrontDistributionConfig *config)
{
  FILL(arena, config->Aliases, CloudfrontAliases, OPT_INT(0));
  FILL(arena, config->OriginGroups, CloudfrontOriginGroups, OPT_INT(0));
  FILL(arena, config->CacheBehaviors, CloudfrontCacheBehaviors, OPT_INT(0));
  FILL(arena, config->CustomErrorResponses, CloudfrontCustomErrorResponses, OPT_INT(0));
  FILL(arena, config->Logging, CloudfrontLoggingConfig, OPT_BOOL(FALSE), OPT_BOOL(FALSE), "", "");
  FILL(arena, config->ViewerCertificate, CloudfrontViewerCertificate, .CloudFrontDefaultCertificate = OPT_BOOL(TRUE), .SSLSupportMethod = "vip",
       .MinimumProtocolVersion = "TLSv1", .CertificateSource = "cloudfront");
  if (!config->Restrictions) {
    config->Restrictions = ARENA_NEW(arena, CloudfrontRestrictions);
    FILL(arena, config->Restrictions->GeoRestriction, CloudfrontGeoRestriction, "none", OPT_INT(0));
  }
  config->DefaultRootObject = config->DefaultRootObject ? config->DefaultRootObject : "";
  config->PriceClass = config->PriceClass ? config->PriceClass : "PriceClass_All";
  config->WebACLId = config->WebACLId ? config->WebACLId : "";
  config->HttpVersion = config->HttpVersion ? config->HttpVersion : "http2";
  config->IsIPV6Enabled = OPT_BOOL(OPT_OR(config->IsIPV6Enabled, TRUE));
  config->Staging = OPT_BOOL(FALSE);
  FILL_BEHAVIOUR(arena, config->DefaultCacheBehavior);
  for (gsize i = 0; i < config->CacheBehaviors->Items.n; i++)
    FILL_BEHAVIOUR(arena, config->CacheBehaviors->Items.v[i]);
  for (gsize i = 0; i < config->Origins->Items.n; i++)
    fill_origin(arena, config->Origins->Items.v[i]);
}

/* --- checking --- */

static gboolean
has_target(const CloudfrontDistributionConfig *config, const char *id)
{
  for (gsize i = 0; i < config->Origins->Items.n; i++)
    if (!strcmp(config->Origins->Items.v[i]->Id, id))
      return TRUE;
  for (gsize i = 0; config->OriginGroups && i < config->OriginGroups->Items.n; i++)
    if (!strcmp(config->OriginGroups->Items.v[i]->Id, id))
      return TRUE;
  return FALSE;
}

static Error *
not_here(const char *what)
{
  return error_answer("InvalidArgument", "haar does not have %s yet: leave it out of the distribution", what);
}

static Error *
check_policies(Call *call, const char *cache, const char *request, const char *response)
{
  CloudfrontPolicyRecord *policy = NULL;
  if (cache)
    TRY(policy_get(call, KIND_CACHE, cache, &policy));
  if (request)
    TRY(policy_get(call, KIND_REQUEST, request, &policy));
  return response ? policy_get(call, KIND_RESPONSE, response, &policy) : NULL;
}

static Error *
check_behaviour(Call *call, const CloudfrontDistributionConfig *config, const CloudfrontCacheBehavior *behaviour)
{
  if (!has_target(config, behaviour->TargetOriginId))
    return error_answer("NoSuchOrigin", "One or more of your origins or origin groups do not exist.");
  if (behaviour->CachePolicyId && behaviour->ForwardedValues)
    return error_answer("InvalidArgument", "The parameter ForwardedValues cannot be used when a cache policy is associated to the cache behavior.");
  if (!behaviour->CachePolicyId && !behaviour->ForwardedValues)
    return error_answer("InvalidArgument", "The parameter ForwardedValues is required.");
  if (behaviour->ForwardedValues && behaviour->OriginRequestPolicyId)
    return error_answer("InvalidArgument", "The parameter OriginRequestPolicyId cannot be used without a cache policy.");
  gint64 min = OPT_OR(behaviour->MinTTL, 0), max = OPT_OR(behaviour->MaxTTL, 31536000), normal = OPT_OR(behaviour->DefaultTTL, MIN(86400, max));
  if (!behaviour->CachePolicyId && (min > normal || normal > max))
    return error_answer("InvalidTTLOrder", "The TTL values have to be in order: MinTTL <= DefaultTTL <= MaxTTL.");
  if (behaviour->FunctionAssociations && behaviour->FunctionAssociations->Items.n)
    return not_here("CloudFront Functions");
  if (behaviour->LambdaFunctionAssociations && behaviour->LambdaFunctionAssociations->Items.n)
    return not_here("Lambda@Edge");
  if ((behaviour->TrustedSigners && behaviour->TrustedSigners->Items.n) || (behaviour->TrustedKeyGroups && behaviour->TrustedKeyGroups->Items.n))
    return not_here("signed URLs and cookies");
  if (behaviour->FieldLevelEncryptionId && *behaviour->FieldLevelEncryptionId)
    return not_here("field-level encryption");
  if (behaviour->RealtimeLogConfigArn && *behaviour->RealtimeLogConfigArn)
    return not_here("real-time logs");
  return check_policies(call, behaviour->CachePolicyId, behaviour->OriginRequestPolicyId, behaviour->ResponseHeadersPolicyId);
}

static Error *
check_behaviours(Call *call, const CloudfrontDistributionConfig *config)
{
  const CloudfrontDefaultCacheBehavior *normal = config->DefaultCacheBehavior;
  gsize n = config->CacheBehaviors ? config->CacheBehaviors->Items.n : 0;
  CloudfrontCacheBehavior as_other;
  memset(&as_other, 0, sizeof as_other);
#define COPY(member) as_other.member = normal->member
  COPY(TargetOriginId);
  COPY(CachePolicyId);
  COPY(OriginRequestPolicyId);
  COPY(ResponseHeadersPolicyId);
  COPY(ForwardedValues);
  COPY(MinTTL);
  COPY(DefaultTTL);
  COPY(MaxTTL);
  COPY(FunctionAssociations);
  COPY(LambdaFunctionAssociations);
  COPY(TrustedSigners);
  COPY(TrustedKeyGroups);
  COPY(FieldLevelEncryptionId);
  COPY(RealtimeLogConfigArn);
#undef COPY
  if (n > BEHAVIOURS_MAX)
    return error_answer("TooManyCacheBehaviors", "You cannot create more cache behaviors for the distribution.");
  for (gsize i = 0; i < n; i++)
    TRY(check_behaviour(call, config, config->CacheBehaviors->Items.v[i]));
  return check_behaviour(call, config, &as_other);
}

static Error *
check_access(Call *call, const CloudfrontOrigin *origin)
{
  CloudfrontPolicyRecord *policy = NULL;
  const char *identity = origin->S3OriginConfig ? origin->S3OriginConfig->OriginAccessIdentity : NULL;
  gboolean control = origin->OriginAccessControlId && *origin->OriginAccessControlId;
  if (control && identity && *identity)
    return error_answer("IllegalOriginAccessConfiguration", "An origin cannot contain both an origin access control (OAC) and an origin access identity (OAI).");
  if (control)
    TRY(policy_look(call->txn, call->arena, call->account, KIND_CONTROL, origin->OriginAccessControlId, &policy));
  if (control && !policy)
    return error_answer("InvalidOriginAccessControl", "The origin access control is not valid.");
  if (!identity || !*identity)
    return NULL;
  static const char prefix[] = "origin-access-identity/cloudfront/";
  if (g_str_has_prefix(identity, prefix))
    TRY(policy_look(call->txn, call->arena, call->account, KIND_IDENTITY, identity + strlen(prefix), &policy));
  return policy ? NULL : error_answer("InvalidOriginAccessIdentity", "The origin access identity is not valid or doesn't exist.");
}

static Error *
check_origin(Call *call, const CloudfrontOrigin *origin)
{
  const CloudfrontCustomOriginConfig *custom = origin->CustomOriginConfig;
  if (!*origin->DomainName || strpbrk(origin->DomainName, "/: "))
    return error_answer("InvalidArgument", "The parameter Origin DomainName does not refer to a valid S3 bucket or host name: %s", origin->DomainName);
  if (!origin->S3OriginConfig == !custom)
    return error_answer("InvalidOrigin", "An origin needs exactly one of S3OriginConfig and CustomOriginConfig: %s", origin->Id);
  if (origin->OriginPath && *origin->OriginPath && (*origin->OriginPath != '/' || g_str_has_suffix(origin->OriginPath, "/")))
    return error_answer("InvalidArgument", "The parameter originPath should begin with / and not end with it.");
  if (origin->ConnectionAttempts.set && (origin->ConnectionAttempts.v < 1 || origin->ConnectionAttempts.v > 3))
    return error_answer("InvalidArgument", "The parameter connectionAttempts has to be between 1 and 3.");
  if (origin->ConnectionTimeout.set && (origin->ConnectionTimeout.v < 1 || origin->ConnectionTimeout.v > 10))
    return error_answer("InvalidArgument", "The parameter connectionTimeout has to be between 1 and 10.");
  if (custom && custom->OriginReadTimeout.set && (custom->OriginReadTimeout.v < 1 || custom->OriginReadTimeout.v > 180))
    return error_answer("InvalidArgument", "The parameter originReadTimeout has to be between 1 and 180.");
  if (origin->S3OriginConfig && !origin_is_s3(origin))
    return error_answer("InvalidArgument", "The parameter Origin DomainName does not refer to a valid S3 bucket.");
  return check_access(call, origin);
}

static Error *
check_groups(const CloudfrontDistributionConfig *config)
{
  gsize n = config->OriginGroups ? config->OriginGroups->Items.n : 0;
  if (n > GROUPS_MAX)
    return error_answer("TooManyOriginGroupsPerDistribution", "You cannot create more origin groups for the distribution.");
  for (gsize i = 0; i < n; i++) {
    const CloudfrontOriginGroup *group = config->OriginGroups->Items.v[i];
    const CloudfrontStatusCodes *codes = group->FailoverCriteria->StatusCodes;
    static const gint64 known[] = {400, 403, 404, 416, 429, 500, 502, 503, 504};
    for (gsize j = 0; j < group->Members->Items.n; j++)
      if (!has_target(config, group->Members->Items.v[j]->OriginId))
        return error_answer("NoSuchOrigin", "One or more of your origins or origin groups do not exist.");
    for (gsize j = 0; j < codes->Items.n; j++) {
      gboolean found = FALSE;
      for (guint k = 0; k < G_N_ELEMENTS(known); k++)
        found = found || codes->Items.v[j].v == known[k];
      if (!found)
        return error_answer("InvalidArgument", "The parameter StatusCode of an origin group is not a status code that it can fail over on: %d", (int) codes->Items.v[j].v);
    }
  }
  return NULL;
}

static Error *
check_aliases(Call *call, const CloudfrontDistributionConfig *config, const char *own_id)
{
  DistributionRecords others = {0};
  const StringList *aliases = config->Aliases ? &config->Aliases->Items : NULL;
  const CloudfrontViewerCertificate *certificate = config->ViewerCertificate;
  if (!aliases || !aliases->n)
    return NULL;
  if (aliases->n > ALIASES_MAX)
    return error_answer("TooManyDistributionCNAMEs", "Your request contains more CNAMEs than are allowed per distribution.");
  if (!certificate || (!certificate->ACMCertificateArn && !certificate->IAMCertificateId))
    return error_answer("InvalidViewerCertificate", "To add an alternate domain name (CNAME) to a CloudFront distribution, you must attach a trusted "
                                                    "certificate that validates your authorization to use the domain name. For more details, see: "
                                                    "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/CNAMEs.html#alternate-domain-names-requirements");
  TRY(distributions_all(call->txn, call->arena, NULL, &others));
  for (gsize i = 0; i < others.n; i++)
    for (gsize j = 0; g_strcmp0(others.v[i]->Id, own_id) && others.v[i]->Config->Aliases && j < aliases->n; j++)
      if (string_list_has(&others.v[i]->Config->Aliases->Items, aliases->v[j]))
        return error_answer("CNAMEAlreadyExists", "One or more of the CNAMEs you provided are already associated with a different resource.");
  return NULL;
}

static Error *
check_errors(const CloudfrontDistributionConfig *config)
{
  for (gsize i = 0; config->CustomErrorResponses && i < config->CustomErrorResponses->Items.n; i++) {
    const CloudfrontCustomErrorResponse *response = config->CustomErrorResponses->Items.v[i];
    gboolean page = response->ResponsePagePath && *response->ResponsePagePath, code = response->ResponseCode && *response->ResponseCode;
    if (response->ErrorCode.v < 400 || response->ErrorCode.v > 599)
      return error_answer("InvalidErrorCode", "An invalid error code was specified.");
    if (page != code)
      return error_answer("InvalidArgument", "The parameter ResponsePagePath and ResponseCode have to be given together.");
    if (page && *response->ResponsePagePath != '/')
      return error_answer("InvalidRelativePath", "The relative path is too big, is not URL-encoded, or does not begin with a slash (/).");
    gint64 status = 0;
    if (code && !g_ascii_string_to_signed(response->ResponseCode, 10, 200, 599, &status, NULL))
      return error_answer("InvalidResponseCode", "A response code is not valid.");
  }
  return NULL;
}

Error *
config_check(Call *call, const CloudfrontDistributionConfig *config, const char *own_id)
{
  TRY(quantities_check(&CloudfrontDistributionConfig_shape, &config));
  if (config->Origins->Items.n > ORIGINS_MAX)
    return error_answer("TooManyOrigins", "You cannot create more origins for the distribution.");
  for (gsize i = 0; i < config->Origins->Items.n; i++)
    TRY(check_origin(call, config->Origins->Items.v[i]));
  TRY(check_groups(config));
  TRY(check_behaviours(call, config));
  TRY(check_errors(config));
  const CloudfrontLoggingConfig *logging = config->Logging;
  if (logging && OPT_OR(logging->Enabled, FALSE) && !g_str_has_suffix(logging->Bucket, ".amazonaws.com"))
    return error_answer("InvalidArgument", "The parameter Logging Bucket does not refer to a valid S3 bucket.");
  if (config->WebACLId && *config->WebACLId)
    return error_answer("InvalidWebACLId", "haar does not have AWS WAF: leave WebACLId out of the distribution");
  if (OPT_OR(config->Staging, FALSE) || (config->ContinuousDeploymentPolicyId && *config->ContinuousDeploymentPolicyId))
    return not_here("continuous deployment");
  if (config->DefaultRootObject && *config->DefaultRootObject == '/')
    return error_answer("InvalidDefaultRootObject", "The default root object file name is too big or contains an invalid character.");
  return check_aliases(call, config, own_id);
}
