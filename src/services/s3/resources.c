#include "services/s3/s3.h"

#include "stack/resource.h"

#include <string.h>

/* -- the template's words for what the API calls otherwise -------------------------------------------------------------------- */

static const char *
text_of(const Json *json, const char *name)
{
  return json_string(json_get(json, name));
}

static OptInt
int_of(Arena *arena, const Json *json, const char *name)
{
  const Json *value = json_get(json, name);
  gint64 number = 0;
  if (!value || (value->type != JSON_NUMBER && value->type != JSON_STRING))
    return (OptInt) {0};
  return g_ascii_string_to_signed(arena_strndup(arena, value->text, value->n), 10, G_MININT64, G_MAXINT64, &number, NULL) ? OPT_INT(number) : (OptInt) {0};
}

static OptBool
bool_of(const Json *json, const char *name)
{
  const Json *value = json_get(json, name);
  if (!value)
    return (OptBool) {0};
  return OPT_BOOL(value->type == JSON_TRUE || (value->type == JSON_STRING && !g_ascii_strcasecmp(value->text, "true")));
}

static StringList
list_of(Arena *arena, const Json *json, const char *name)
{
  StringList list = {0};
  const Json *values = json_get(json, name);
  for (guint i = 0; values && values->type == JSON_ARRAY && i < values->n; i++)
    LIST_APPEND(arena, &list, json_string(values->items[i]));
  return list;
}

/* -- parts of a bucket: each puts one configuration, if the template has or had it -------------------------------------------- */

static Error *
put_versioning(ResourceCall *rc, const char *bucket)
{
  S3VersioningConfiguration configuration = {.Status = text_of(json_get(rc->properties, "VersioningConfiguration"), "Status")};
  S3PutBucketVersioningInput in = {.Bucket = bucket, .VersioningConfiguration = &configuration};
  S3PutBucketVersioningOutput out = {0};
  if (!configuration.Status)
    configuration.Status = "Suspended";
  return resource_operation(rc, &S3OperationPutBucketVersioning, &in, &out);
}

static Error *
put_encryption(ResourceCall *rc, const char *bucket)
{
  Arena *arena = rc->call->arena;
  const Json *rules = json_path(rc->properties, "BucketEncryption.ServerSideEncryptionConfiguration");
  S3ServerSideEncryptionConfiguration configuration = {0};
  S3PutBucketEncryptionInput in = {.Bucket = bucket, .ServerSideEncryptionConfiguration = &configuration};
  S3PutBucketEncryptionOutput out = {0};
  if (!rules) {
    S3DeleteBucketEncryptionInput gone = {.Bucket = bucket};
    S3DeleteBucketEncryptionOutput gone_out = {0};
    return resource_operation(rc, &S3OperationDeleteBucketEncryption, &gone, &gone_out);
  }
  for (guint i = 0; i < rules->n; i++) {
    const Json *by_default = json_get(rules->items[i], "ServerSideEncryptionByDefault");
    S3ServerSideEncryptionRule *rule = ARENA_NEW(arena, S3ServerSideEncryptionRule);
    rule->BucketKeyEnabled = bool_of(rules->items[i], "BucketKeyEnabled");
    if (by_default) {
      rule->ApplyServerSideEncryptionByDefault = ARENA_NEW(arena, S3ServerSideEncryptionByDefault);
      rule->ApplyServerSideEncryptionByDefault->SSEAlgorithm = text_of(by_default, "SSEAlgorithm");
      rule->ApplyServerSideEncryptionByDefault->KMSMasterKeyID = text_of(by_default, "KMSMasterKeyID");
    }
    LIST_APPEND(arena, &configuration.Rules, rule);
  }
  return resource_operation(rc, &S3OperationPutBucketEncryption, &in, &out);
}

static Error *
put_public_access(ResourceCall *rc, const char *bucket)
{
  const Json *block = json_get(rc->properties, "PublicAccessBlockConfiguration");
  S3PublicAccessBlockConfiguration configuration = {bool_of(block, "BlockPublicAcls"), bool_of(block, "IgnorePublicAcls"),
                                                    bool_of(block, "BlockPublicPolicy"), bool_of(block, "RestrictPublicBuckets")};
  S3PutPublicAccessBlockInput in = {.Bucket = bucket, .PublicAccessBlockConfiguration = &configuration};
  S3PutPublicAccessBlockOutput out = {0};
  if (!block) /* since 2023 a new bucket blocks all */
    configuration = (S3PublicAccessBlockConfiguration) {OPT_BOOL(TRUE), OPT_BOOL(TRUE), OPT_BOOL(TRUE), OPT_BOOL(TRUE)};
  return resource_operation(rc, &S3OperationPutPublicAccessBlock, &in, &out);
}

static Error *
put_ownership(ResourceCall *rc, const char *bucket)
{
  const Json *rules = json_path(rc->properties, "OwnershipControls.Rules");
  S3OwnershipControls controls = {0};
  S3PutBucketOwnershipControlsInput in = {.Bucket = bucket, .OwnershipControls = &controls};
  S3PutBucketOwnershipControlsOutput out = {0};
  S3OwnershipControlsRule enforced = {.ObjectOwnership = "BucketOwnerEnforced"}; /* what a new bucket has since 2023 */
  if (!rules)
    LIST_APPEND(rc->call->arena, &controls.Rules, &enforced);
  for (guint i = 0; rules && i < rules->n; i++) {
    S3OwnershipControlsRule *rule = ARENA_NEW(rc->call->arena, S3OwnershipControlsRule);
    rule->ObjectOwnership = text_of(rules->items[i], "ObjectOwnership");
    LIST_APPEND(rc->call->arena, &controls.Rules, rule);
  }
  return resource_operation(rc, &S3OperationPutBucketOwnershipControls, &in, &out);
}

static Error *
put_tags(ResourceCall *rc, const char *bucket)
{
  S3Tagging tagging = {0};
  StringMap tags = resource_tags(rc);
  S3PutBucketTaggingInput in = {.Bucket = bucket, .Tagging = &tagging};
  S3PutBucketTaggingOutput out = {0};
  tagging.TagSet = tags_to_set(rc->call->arena, &tags);
  return tags.n ? resource_operation(rc, &S3OperationPutBucketTagging, &in, &out) : NULL;
}

static Error *
put_cors(ResourceCall *rc, const char *bucket)
{
  Arena *arena = rc->call->arena;
  const Json *rules = json_path(rc->properties, "CorsConfiguration.CorsRules");
  S3CORSConfiguration configuration = {0};
  S3PutBucketCorsInput in = {.Bucket = bucket, .CORSConfiguration = &configuration};
  S3PutBucketCorsOutput out = {0};
  if (!rules) {
    S3DeleteBucketCorsInput gone = {.Bucket = bucket};
    S3DeleteBucketCorsOutput gone_out = {0};
    return resource_operation(rc, &S3OperationDeleteBucketCors, &gone, &gone_out);
  }
  for (guint i = 0; i < rules->n; i++) {
    S3CORSRule *rule = ARENA_NEW(arena, S3CORSRule);
    *rule = (S3CORSRule) {.ID = text_of(rules->items[i], "Id"), .AllowedHeaders = list_of(arena, rules->items[i], "AllowedHeaders"),
                          .AllowedMethods = list_of(arena, rules->items[i], "AllowedMethods"),
                          .AllowedOrigins = list_of(arena, rules->items[i], "AllowedOrigins"),
                          .ExposeHeaders = list_of(arena, rules->items[i], "ExposedHeaders"), .MaxAgeSeconds = int_of(arena, rules->items[i], "MaxAge")};
    LIST_APPEND(arena, &configuration.CORSRules, rule);
  }
  return resource_operation(rc, &S3OperationPutBucketCors, &in, &out);
}

/* -- lifecycle ------------------------------------------------------------------------------------------------------------------ */

static S3LifecycleRuleFilter *
filter_of(Arena *arena, const Json *rule)
{
  const Json *tags = json_get(rule, "TagFilters");
  const char *prefix = text_of(rule, "Prefix");
  S3LifecycleRuleFilter *filter = ARENA_NEW(arena, S3LifecycleRuleFilter);
  filter->ObjectSizeGreaterThan = int_of(arena, rule, "ObjectSizeGreaterThan");
  filter->ObjectSizeLessThan = int_of(arena, rule, "ObjectSizeLessThan");
  gsize n = (prefix != NULL) + (tags ? tags->n : 0) + filter->ObjectSizeGreaterThan.set + filter->ObjectSizeLessThan.set;
  if (n <= 1 && !(tags && tags->n)) {
    filter->Prefix = prefix || n ? prefix : "";
    return filter;
  }
  S3LifecycleRuleAndOperator *both = ARENA_NEW(arena, S3LifecycleRuleAndOperator);
  *both = (S3LifecycleRuleAndOperator) {.Prefix = prefix, .ObjectSizeGreaterThan = filter->ObjectSizeGreaterThan,
                                        .ObjectSizeLessThan = filter->ObjectSizeLessThan};
  for (guint i = 0; tags && i < tags->n; i++) {
    S3Tag *tag = ARENA_NEW(arena, S3Tag);
    *tag = (S3Tag) {text_of(tags->items[i], "Key"), text_of(tags->items[i], "Value")};
    LIST_APPEND(arena, &both->Tags, tag);
    filter->Tag = tag;
  }
  if (n > 1) {
    *filter = (S3LifecycleRuleFilter) {.And = both};
  }
  return filter;
}

static S3LifecycleRule *
rule_of(Arena *arena, const Json *json)
{
  S3LifecycleRule *rule = ARENA_NEW(arena, S3LifecycleRule);
  const Json *noncurrent = json_get(json, "NoncurrentVersionExpiration"), *abort = json_get(json, "AbortIncompleteMultipartUpload");
  OptInt days = int_of(arena, json, "ExpirationInDays"), old_days = int_of(arena, json, "NoncurrentVersionExpirationInDays");
  OptBool marker = bool_of(json, "ExpiredObjectDeleteMarker");
  *rule = (S3LifecycleRule) {.ID = text_of(json, "Id"), .Status = text_of(json, "Status"), .Filter = filter_of(arena, json)};
  if (days.set || marker.set) {
    rule->Expiration = ARENA_NEW(arena, S3LifecycleExpiration);
    rule->Expiration->Days = days;
    rule->Expiration->ExpiredObjectDeleteMarker = marker;
  }
  if (noncurrent || old_days.set) {
    rule->NoncurrentVersionExpiration = ARENA_NEW(arena, S3NoncurrentVersionExpiration);
    rule->NoncurrentVersionExpiration->NoncurrentDays = noncurrent ? int_of(arena, noncurrent, "NoncurrentDays") : old_days;
    rule->NoncurrentVersionExpiration->NewerNoncurrentVersions = int_of(arena, noncurrent, "NewerNoncurrentVersions");
  }
  if (abort) {
    rule->AbortIncompleteMultipartUpload = ARENA_NEW(arena, S3AbortIncompleteMultipartUpload);
    rule->AbortIncompleteMultipartUpload->DaysAfterInitiation = int_of(arena, abort, "DaysAfterInitiation");
  }
  return rule;
}

static Error *
put_lifecycle(ResourceCall *rc, const char *bucket)
{
  const Json *rules = json_path(rc->properties, "LifecycleConfiguration.Rules");
  S3BucketLifecycleConfiguration configuration = {0};
  S3PutBucketLifecycleConfigurationInput in = {.Bucket = bucket, .LifecycleConfiguration = &configuration};
  S3PutBucketLifecycleConfigurationOutput out = {0};
  if (!rules) {
    S3DeleteBucketLifecycleInput gone = {.Bucket = bucket};
    S3DeleteBucketLifecycleOutput gone_out = {0};
    return resource_operation(rc, &S3OperationDeleteBucketLifecycle, &gone, &gone_out);
  }
  for (guint i = 0; i < rules->n; i++) {
    if (json_get(rules->items[i], "ExpirationDate"))
      return error_answer("ValidationError", "haar does not have ExpirationDate in the lifecycle rules of %s yet: use ExpirationInDays", rc->logical_id);
    LIST_APPEND(rc->call->arena, &configuration.Rules, rule_of(rc->call->arena, rules->items[i]));
  }
  return resource_operation(rc, &S3OperationPutBucketLifecycleConfiguration, &in, &out);
}

/* -- request metrics ------------------------------------------------------------------------------------------------------------ */

static S3MetricsFilter *
metrics_filter_of(Arena *arena, const Json *json)
{
  const Json *tags = json_get(json, "TagFilters");
  S3MetricsFilter *filter = ARENA_NEW(arena, S3MetricsFilter);
  S3MetricsAndOperator *both = ARENA_NEW(arena, S3MetricsAndOperator);
  both->Prefix = text_of(json, "Prefix");
  filter->AccessPointArn = text_of(json, "AccessPointArn");
  for (guint i = 0; tags && i < tags->n; i++) {
    S3Tag *tag = ARENA_NEW(arena, S3Tag);
    *tag = (S3Tag) {text_of(tags->items[i], "Key"), text_of(tags->items[i], "Value")};
    LIST_APPEND(arena, &both->Tags, tag);
  }
  gsize n = both->Tags.n + (both->Prefix != NULL);
  filter->Prefix = n == 1 ? both->Prefix : NULL;
  filter->Tag = n == 1 && both->Tags.n ? both->Tags.v[0] : NULL;
  filter->And = n > 1 ? both : NULL;
  return n || filter->AccessPointArn ? filter : NULL;
}

static gboolean
is_named(const Json *list, const char *id)
{
  for (guint i = 0; list && i < list->n; i++)
    if (g_strcmp0(text_of(list->items[i], "Id"), id) == 0)
      return TRUE;
  return FALSE;
}

static Error *
put_metrics(ResourceCall *rc, const char *bucket)
{
  const Json *all = json_get(rc->properties, "MetricsConfigurations"), *old = rc->old_properties ? json_get(rc->old_properties, "MetricsConfigurations") : NULL;
  for (guint i = 0; old && i < old->n; i++) {
    const char *id = text_of(old->items[i], "Id");
    if (!is_named(all, id))
      TRY(resource_operation(rc, &S3OperationDeleteBucketMetricsConfiguration, &(S3DeleteBucketMetricsConfigurationInput) {.Bucket = bucket, .Id = id},
                             &(S3DeleteBucketMetricsConfigurationOutput) {0}));
  }
  for (guint i = 0; all && i < all->n; i++) {
    S3MetricsConfiguration one = {.Id = text_of(all->items[i], "Id"), .Filter = metrics_filter_of(rc->call->arena, all->items[i])};
    TRY(resource_operation(rc, &S3OperationPutBucketMetricsConfiguration,
                           &(S3PutBucketMetricsConfigurationInput) {.Bucket = bucket, .Id = one.Id, .MetricsConfiguration = &one},
                           &(S3PutBucketMetricsConfigurationOutput) {0}));
  }
  return NULL;
}

/* -- AWS::S3::Bucket -------------------------------------------------------------------------------------------------------------- */

static const struct {
  const char *property;
  Error *(*put)(ResourceCall *rc, const char *bucket);
} parts[] = {
  {"OwnershipControls", put_ownership}, {"PublicAccessBlockConfiguration", put_public_access}, {"VersioningConfiguration", put_versioning},
  {"BucketEncryption", put_encryption}, {"LifecycleConfiguration", put_lifecycle}, {"CorsConfiguration", put_cors},
  {"MetricsConfigurations", put_metrics},
};

static void
attributes(ResourceCall *rc, ResourceResult *ret, const char *bucket)
{
  Arena *arena = rc->call->arena;
  const char *region = rc->call->region;
  resource_attribute(rc, ret, "Arn", arena_printf(arena, "arn:aws:s3:::%s", bucket));
  resource_attribute(rc, ret, "DomainName", arena_printf(arena, "%s.s3.amazonaws.com", bucket));
  resource_attribute(rc, ret, "RegionalDomainName", arena_printf(arena, "%s.s3.%s.amazonaws.com", bucket, region));
  resource_attribute(rc, ret, "DualStackDomainName", arena_printf(arena, "%s.s3.dualstack.%s.amazonaws.com", bucket, region));
  resource_attribute(rc, ret, "WebsiteURL", arena_printf(arena, "http://%s.s3-website-%s.amazonaws.com", bucket, region));
}

static Error *
create_bucket(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = property_text(rc, "BucketName"), *acl = property_text(rc, "AccessControl");
  S3CreateBucketConfiguration where = {.LocationConstraint = rc->call->region};
  S3CreateBucketInput in = {.Bucket = name ? name : resource_name(rc, 63, TRUE)};
  S3CreateBucketOutput out = {0};
  if (acl && strcmp(acl, "Private"))
    return error_answer("ValidationError", "haar has private buckets only: AccessControl %s of %s is not there yet", acl, rc->logical_id);
  if (strcmp(rc->call->region, "us-east-1"))
    in.CreateBucketConfiguration = &where;
  TRY(resource_operation(rc, &S3OperationCreateBucket, &in, &out));
  ret->physical_id = in.Bucket;
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
    if (json_get(rc->properties, parts[i].property))
      TRY(parts[i].put(rc, in.Bucket));
  TRY(put_tags(rc, in.Bucket));
  attributes(rc, ret, in.Bucket);
  return NULL;
}

static Error *
update_bucket(ResourceCall *rc, ResourceResult *ret)
{
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
    if (property_changed(rc, parts[i].property))
      TRY(parts[i].put(rc, rc->physical_id));
  attributes(rc, ret, rc->physical_id);
  return put_tags(rc, rc->physical_id);
}

static Error *
delete_bucket(ResourceCall *rc)
{
  S3DeleteBucketInput in = {.Bucket = rc->physical_id};
  S3DeleteBucketOutput out = {0};
  Error *error = resource_operation(rc, &S3OperationDeleteBucket, &in, &out);
  if (!error_is(error, "NoSuchBucket"))
    return error;
  error_free(error);
  return NULL;
}

RESOURCE(AWS::S3::Bucket, s3_bucket, .create = create_bucket, .update = update_bucket, .delete = delete_bucket,
         .no_effect = "AccelerateConfiguration AnalyticsConfigurations IntelligentTieringConfigurations InventoryConfigurations LoggingConfiguration "
                      "NotificationConfiguration ObjectLockConfiguration ObjectLockEnabled ReplicationConfiguration "
                      "WebsiteConfiguration")

/* -- AWS::S3::BucketPolicy -------------------------------------------------------------------------------------------------------- */

static Error *
put_policy(ResourceCall *rc, ResourceResult *ret)
{
  S3PutBucketPolicyInput in = {.Bucket = property_text(rc, "Bucket"), .Policy = property_document(rc, "PolicyDocument")};
  S3PutBucketPolicyOutput out = {0};
  TRY(resource_operation(rc, &S3OperationPutBucketPolicy, &in, &out));
  ret->physical_id = in.Bucket;
  return NULL;
}

static Error *
delete_policy(ResourceCall *rc)
{
  S3DeleteBucketPolicyInput in = {.Bucket = property_text(rc, "Bucket")};
  S3DeleteBucketPolicyOutput out = {0};
  return resource_operation(rc, &S3OperationDeleteBucketPolicy, &in, &out);
}

RESOURCE(AWS::S3::BucketPolicy, s3_bucket_policy, .create = put_policy, .update = put_policy, .delete = delete_policy)
