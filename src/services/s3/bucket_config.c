/* Settings of buckets: versioning, encryption, public access, ownership, policy, CORS, lifecycle rules. */
#include "services/s3/s3.h"
#include <string.h>

/* The bucket of a request, its expected owner checked. */
#define LOAD(bucket, in)                                                                                                             \
  S3BucketRecord *bucket = NULL;                                                                                                     \
  TRY(bucket_get(call, (in)->Bucket, &bucket));                                                                                      \
  TRY(check_owner(bucket, (in)->ExpectedBucketOwner))

static Error *
no_configuration(const char *code, const char *bucket, const char *message)
{
  return error_field(error_answer_status(404, code, "%s", message), "BucketName", bucket);
}

/* -- versioning -- */

OPERATION(PutBucketVersioning, put_bucket_versioning, .txn = TXN_WRITE, .action = "s3:PutBucketVersioning", .authorize = bucket_resource)
static Error *
put_bucket_versioning(Call *call, const S3PutBucketVersioningInput *in, S3PutBucketVersioningOutput *ret_out)
{
  LOAD(bucket, in);
  if (!in->VersioningConfiguration->Status)
    return error_answer_status(400, "IllegalVersioningConfigurationException", "The Versioning element must be specified");
  if (!g_strcmp0(in->VersioningConfiguration->MFADelete, "Enabled"))
    return not_implemented("MFA Delete");
  bucket->Versioning = in->VersioningConfiguration->Status;
  return bucket_put(call, bucket);
}

OPERATION(GetBucketVersioning, get_bucket_versioning, .action = "s3:GetBucketVersioning", .authorize = bucket_resource)
static Error *
get_bucket_versioning(Call *call, const S3GetBucketVersioningInput *in, S3GetBucketVersioningOutput *ret_out)
{
  LOAD(bucket, in);
  ret_out->Status = bucket->Versioning;
  return NULL;
}

/* -- encryption -- */

OPERATION(PutBucketEncryption, put_bucket_encryption, .txn = TXN_WRITE, .action = "s3:PutEncryptionConfiguration", .authorize = bucket_resource)
static Error *
put_bucket_encryption(Call *call, const S3PutBucketEncryptionInput *in, S3PutBucketEncryptionOutput *ret_out)
{
  LOAD(bucket, in);
  const S3ServerSideEncryptionConfiguration *configuration = in->ServerSideEncryptionConfiguration;
  if (configuration->Rules.n != 1 || !configuration->Rules.v[0]->ApplyServerSideEncryptionByDefault)
    return malformed_xml();
  const S3ServerSideEncryptionByDefault *rule = configuration->Rules.v[0]->ApplyServerSideEncryptionByDefault;
  if (rule->KMSMasterKeyID && !g_str_has_prefix(rule->SSEAlgorithm, "aws:kms"))
    return error_answer_status(400, "InvalidArgument", "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse");
  bucket->Encryption = in->ServerSideEncryptionConfiguration;
  return bucket_put(call, bucket);
}

/* Since 2023 every bucket encrypts: what was never set is SSE-S3. */
OPERATION(GetBucketEncryption, get_bucket_encryption, .action = "s3:GetEncryptionConfiguration", .authorize = bucket_resource)
static Error *
get_bucket_encryption(Call *call, const S3GetBucketEncryptionInput *in, S3GetBucketEncryptionOutput *ret_out)
{
  LOAD(bucket, in);
  ret_out->ServerSideEncryptionConfiguration = bucket->Encryption;
  if (bucket->Encryption)
    return NULL;
  S3ServerSideEncryptionRule *rule = ARENA_NEW(call->arena, S3ServerSideEncryptionRule);
  rule->ApplyServerSideEncryptionByDefault = ARENA_NEW(call->arena, S3ServerSideEncryptionByDefault);
  rule->ApplyServerSideEncryptionByDefault->SSEAlgorithm = "AES256";
  rule->BucketKeyEnabled = OPT_BOOL(FALSE);
  ret_out->ServerSideEncryptionConfiguration = ARENA_NEW(call->arena, S3ServerSideEncryptionConfiguration);
  LIST_APPEND(call->arena, &ret_out->ServerSideEncryptionConfiguration->Rules, rule);
  return NULL;
}

OPERATION(DeleteBucketEncryption, delete_bucket_encryption, .txn = TXN_WRITE, .action = "s3:PutEncryptionConfiguration", .authorize = bucket_resource)
static Error *
delete_bucket_encryption(Call *call, const S3DeleteBucketEncryptionInput *in, S3DeleteBucketEncryptionOutput *ret_out)
{
  LOAD(bucket, in);
  bucket->Encryption = NULL;
  return bucket_put(call, bucket);
}

/* -- public access -- */

OPERATION(PutPublicAccessBlock, put_public_access_block, .txn = TXN_WRITE, .action = "s3:PutBucketPublicAccessBlock", .authorize = bucket_resource)
static Error *
put_public_access_block(Call *call, const S3PutPublicAccessBlockInput *in, S3PutPublicAccessBlockOutput *ret_out)
{
  LOAD(bucket, in);
  bucket->PublicAccess = in->PublicAccessBlockConfiguration;
  OptBool *all[] = {&bucket->PublicAccess->BlockPublicAcls, &bucket->PublicAccess->IgnorePublicAcls, &bucket->PublicAccess->BlockPublicPolicy,
                    &bucket->PublicAccess->RestrictPublicBuckets};
  for (guint i = 0; i < G_N_ELEMENTS(all); i++)
    all[i]->set = TRUE; /* absent is false */
  return bucket_put(call, bucket);
}

OPERATION(GetPublicAccessBlock, get_public_access_block, .action = "s3:GetBucketPublicAccessBlock", .authorize = bucket_resource)
static Error *
get_public_access_block(Call *call, const S3GetPublicAccessBlockInput *in, S3GetPublicAccessBlockOutput *ret_out)
{
  LOAD(bucket, in);
  if (!bucket->PublicAccess)
    return no_configuration("NoSuchPublicAccessBlockConfiguration", in->Bucket, "The public access block configuration was not found");
  ret_out->PublicAccessBlockConfiguration = bucket->PublicAccess;
  return NULL;
}

OPERATION(DeletePublicAccessBlock, delete_public_access_block, .txn = TXN_WRITE, .action = "s3:PutBucketPublicAccessBlock",
          .authorize = bucket_resource)
static Error *
delete_public_access_block(Call *call, const S3DeletePublicAccessBlockInput *in, S3DeletePublicAccessBlockOutput *ret_out)
{
  LOAD(bucket, in);
  bucket->PublicAccess = NULL;
  return bucket_put(call, bucket);
}

/* -- ownership and ACLs -- */

OPERATION(PutBucketOwnershipControls, put_ownership_controls, .txn = TXN_WRITE, .action = "s3:PutBucketOwnershipControls",
          .authorize = bucket_resource)
static Error *
put_ownership_controls(Call *call, const S3PutBucketOwnershipControlsInput *in, S3PutBucketOwnershipControlsOutput *ret_out)
{
  LOAD(bucket, in);
  if (in->OwnershipControls->Rules.n != 1)
    return malformed_xml();
  bucket->Ownership = in->OwnershipControls->Rules.v[0]->ObjectOwnership;
  return bucket_put(call, bucket);
}

OPERATION(GetBucketOwnershipControls, get_ownership_controls, .action = "s3:GetBucketOwnershipControls", .authorize = bucket_resource)
static Error *
get_ownership_controls(Call *call, const S3GetBucketOwnershipControlsInput *in, S3GetBucketOwnershipControlsOutput *ret_out)
{
  LOAD(bucket, in);
  if (!bucket->Ownership)
    return no_configuration("OwnershipControlsNotFoundError", in->Bucket, "The bucket ownership controls were not found");
  S3OwnershipControlsRule *rule = ARENA_NEW(call->arena, S3OwnershipControlsRule);
  rule->ObjectOwnership = bucket->Ownership;
  ret_out->OwnershipControls = ARENA_NEW(call->arena, S3OwnershipControls);
  LIST_APPEND(call->arena, &ret_out->OwnershipControls->Rules, rule);
  return NULL;
}

OPERATION(DeleteBucketOwnershipControls, delete_ownership_controls, .txn = TXN_WRITE, .action = "s3:PutBucketOwnershipControls",
          .authorize = bucket_resource)
static Error *
delete_ownership_controls(Call *call, const S3DeleteBucketOwnershipControlsInput *in, S3DeleteBucketOwnershipControlsOutput *ret_out)
{
  LOAD(bucket, in);
  bucket->Ownership = NULL;
  return bucket_put(call, bucket);
}

/* The one ACL that there is: the owner has all. */
static void
owner_grant(Call *call, const S3BucketRecord *bucket, S3Grants *grants, S3Owner **ret_owner)
{
  S3Grant *grant = ARENA_NEW(call->arena, S3Grant);
  *ret_owner = owner_of(call->arena, bucket->Account);
  grant->Permission = "FULL_CONTROL";
  grant->Grantee = ARENA_NEW(call->arena, S3Grantee);
  *grant->Grantee = (S3Grantee){.Type = "CanonicalUser", .ID = (*ret_owner)->ID, .DisplayName = (*ret_owner)->DisplayName};
  LIST_APPEND(call->arena, grants, grant);
}

OPERATION(GetBucketAcl, get_bucket_acl, .action = "s3:GetBucketAcl", .authorize = bucket_resource)
static Error *
get_bucket_acl(Call *call, const S3GetBucketAclInput *in, S3GetBucketAclOutput *ret_out)
{
  LOAD(bucket, in);
  owner_grant(call, bucket, &ret_out->Grants, &ret_out->Owner);
  return NULL;
}

OPERATION(GetObjectAcl, get_object_acl, .action = "s3:GetObjectAcl", .authorize = object_resource)
static Error *
get_object_acl(Call *call, const S3GetObjectAclInput *in, S3GetObjectAclOutput *ret_out)
{
  LOAD(bucket, in);
  S3ObjectRecord *object = NULL;
  TRY(object_for_read(call, in->Bucket, in->Key, in->VersionId, &object));
  owner_grant(call, bucket, &ret_out->Grants, &ret_out->Owner);
  return NULL;
}

static Error *
check_private(const char *acl, gboolean other_grants)
{
  if (other_grants || !acl || (strcmp(acl, "private") && strcmp(acl, "bucket-owner-full-control")))
    return error_answer_status(400, "AccessControlListNotSupported", "The bucket does not allow ACLs");
  return NULL;
}

OPERATION(PutBucketAcl, put_bucket_acl, .txn = TXN_WRITE, .action = "s3:PutBucketAcl", .authorize = bucket_resource)
static Error *
put_bucket_acl(Call *call, const S3PutBucketAclInput *in, S3PutBucketAclOutput *ret_out)
{
  LOAD(bucket, in);
  return check_private(in->ACL, in->GrantFullControl || in->GrantRead || in->GrantWrite || in->GrantReadACP || in->GrantWriteACP);
}

OPERATION(PutObjectAcl, put_object_acl, .txn = TXN_WRITE, .action = "s3:PutObjectAcl", .authorize = object_resource)
static Error *
put_object_acl(Call *call, const S3PutObjectAclInput *in, S3PutObjectAclOutput *ret_out)
{
  LOAD(bucket, in);
  return check_private(in->ACL, in->GrantFullControl || in->GrantRead || in->GrantWrite || in->GrantReadACP || in->GrantWriteACP);
}

/* -- policy -- */

static Error *
check_policy(Call *call, const S3BucketRecord *bucket, const char *policy)
{
  Error *error = iam_policy_check(call->arena, policy, TRUE);
  if (error && error->kind == ERROR_ANSWER) {
    Error *renamed = error_answer_status(400, "MalformedPolicy", "%s", error->message);
    error_free(error);
    return renamed;
  }
  TRY(error);
  gboolean blocked = bucket->PublicAccess && OPT_OR(bucket->PublicAccess->BlockPublicPolicy, FALSE);
  if (blocked && policy_is_public(call->arena, policy))
    return error_answer_status(403, "AccessDenied",
                               "User: %s is not authorized to perform: s3:PutBucketPolicy on resource: \"arn:aws:s3:::%s\" because public policies "
                               "are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
                               call->principal->arn, bucket->Name);
  return NULL;
}

OPERATION(PutBucketPolicy, put_bucket_policy, .txn = TXN_WRITE, .action = "s3:PutBucketPolicy", .authorize = bucket_resource)
static Error *
put_bucket_policy(Call *call, const S3PutBucketPolicyInput *in, S3PutBucketPolicyOutput *ret_out)
{
  LOAD(bucket, in);
  if (strlen(in->Policy) > 20 * 1024)
    return error_answer_status(400, "PolicyTooLarge", "The policy is larger than 20 KB");
  TRY(check_policy(call, bucket, in->Policy));
  bucket->Policy = in->Policy;
  return bucket_put(call, bucket);
}

OPERATION(GetBucketPolicy, get_bucket_policy, .action = "s3:GetBucketPolicy", .authorize = bucket_resource)
static Error *
get_bucket_policy(Call *call, const S3GetBucketPolicyInput *in, S3GetBucketPolicyOutput *ret_out)
{
  LOAD(bucket, in);
  if (!bucket->Policy)
    return no_configuration("NoSuchBucketPolicy", in->Bucket, "The bucket policy does not exist");
  ret_out->Policy = bucket->Policy;
  return NULL;
}

OPERATION(DeleteBucketPolicy, delete_bucket_policy, .txn = TXN_WRITE, .action = "s3:DeleteBucketPolicy", .authorize = bucket_resource)
static Error *
delete_bucket_policy(Call *call, const S3DeleteBucketPolicyInput *in, S3DeleteBucketPolicyOutput *ret_out)
{
  LOAD(bucket, in);
  bucket->Policy = NULL;
  return bucket_put(call, bucket);
}

OPERATION(GetBucketPolicyStatus, get_bucket_policy_status, .action = "s3:GetBucketPolicyStatus", .authorize = bucket_resource)
static Error *
get_bucket_policy_status(Call *call, const S3GetBucketPolicyStatusInput *in, S3GetBucketPolicyStatusOutput *ret_out)
{
  LOAD(bucket, in);
  if (!bucket->Policy)
    return no_configuration("NoSuchBucketPolicy", in->Bucket, "The bucket policy does not exist");
  ret_out->PolicyStatus = ARENA_NEW(call->arena, S3PolicyStatus);
  ret_out->PolicyStatus->IsPublic = OPT_BOOL(policy_is_public(call->arena, bucket->Policy));
  return NULL;
}

/* -- CORS -- */

OPERATION(PutBucketCors, put_bucket_cors, .txn = TXN_WRITE, .action = "s3:PutBucketCORS", .authorize = bucket_resource)
static Error *
put_bucket_cors(Call *call, const S3PutBucketCorsInput *in, S3PutBucketCorsOutput *ret_out)
{
  static const char *const methods[] = {"GET", "PUT", "HEAD", "POST", "DELETE", NULL};
  LOAD(bucket, in);
  const S3CORSRules *rules = &in->CORSConfiguration->CORSRules;
  if (!rules->n || rules->n > 100)
    return malformed_xml();
  for (gsize i = 0; i < rules->n; i++)
    for (gsize j = 0; j < rules->v[i]->AllowedMethods.n; j++)
      if (!g_strv_contains(methods, rules->v[i]->AllowedMethods.v[j]))
        return error_answer_status(400, "InvalidRequest", "Found unsupported HTTP method in CORS config. Unsupported method is %s",
                                   rules->v[i]->AllowedMethods.v[j]);
  bucket->Cors = *rules;
  return bucket_put(call, bucket);
}

OPERATION(GetBucketCors, get_bucket_cors, .action = "s3:GetBucketCORS", .authorize = bucket_resource)
static Error *
get_bucket_cors(Call *call, const S3GetBucketCorsInput *in, S3GetBucketCorsOutput *ret_out)
{
  LOAD(bucket, in);
  if (!bucket->Cors.n)
    return no_configuration("NoSuchCORSConfiguration", in->Bucket, "The CORS configuration does not exist");
  ret_out->CORSRules = bucket->Cors;
  return NULL;
}

OPERATION(DeleteBucketCors, delete_bucket_cors, .txn = TXN_WRITE, .action = "s3:PutBucketCORS", .authorize = bucket_resource)
static Error *
delete_bucket_cors(Call *call, const S3DeleteBucketCorsInput *in, S3DeleteBucketCorsOutput *ret_out)
{
  LOAD(bucket, in);
  bucket->Cors = (S3CORSRules){0};
  return bucket_put(call, bucket);
}

/* -- what is always as S3's default is -- */

OPERATION(GetBucketNotificationConfiguration, get_bucket_notification, .action = "s3:GetBucketNotification", .authorize = bucket_resource)
static Error *
get_bucket_notification(Call *call, const S3GetBucketNotificationConfigurationInput *in, S3GetBucketNotificationConfigurationOutput *ret_out)
{
  LOAD(bucket, in);
  return NULL;
}

OPERATION(GetBucketLogging, get_bucket_logging, .action = "s3:GetBucketLogging", .authorize = bucket_resource)
static Error *
get_bucket_logging(Call *call, const S3GetBucketLoggingInput *in, S3GetBucketLoggingOutput *ret_out)
{
  LOAD(bucket, in);
  return NULL;
}

OPERATION(GetBucketRequestPayment, get_bucket_request_payment, .action = "s3:GetBucketRequestPayment", .authorize = bucket_resource)
static Error *
get_bucket_request_payment(Call *call, const S3GetBucketRequestPaymentInput *in, S3GetBucketRequestPaymentOutput *ret_out)
{
  LOAD(bucket, in);
  ret_out->Payer = "BucketOwner";
  return NULL;
}

OPERATION(GetBucketAccelerateConfiguration, get_bucket_accelerate, .action = "s3:GetAccelerateConfiguration", .authorize = bucket_resource)
static Error *
get_bucket_accelerate(Call *call, const S3GetBucketAccelerateConfigurationInput *in, S3GetBucketAccelerateConfigurationOutput *ret_out)
{
  LOAD(bucket, in);
  return NULL;
}

OPERATION(GetBucketWebsite, get_bucket_website, .action = "s3:GetBucketWebsite", .authorize = bucket_resource)
static Error *
get_bucket_website(Call *call, const S3GetBucketWebsiteInput *in, S3GetBucketWebsiteOutput *ret_out)
{
  LOAD(bucket, in);
  return no_configuration("NoSuchWebsiteConfiguration", in->Bucket, "The specified bucket does not have a website configuration");
}

OPERATION(GetBucketReplication, get_bucket_replication, .action = "s3:GetReplicationConfiguration", .authorize = bucket_resource)
static Error *
get_bucket_replication(Call *call, const S3GetBucketReplicationInput *in, S3GetBucketReplicationOutput *ret_out)
{
  LOAD(bucket, in);
  return no_configuration("ReplicationConfigurationNotFoundError", in->Bucket, "The replication configuration was not found");
}

OPERATION(GetObjectLockConfiguration, get_object_lock_configuration, .action = "s3:GetBucketObjectLockConfiguration", .authorize = bucket_resource)
static Error *
get_object_lock_configuration(Call *call, const S3GetObjectLockConfigurationInput *in, S3GetObjectLockConfigurationOutput *ret_out)
{
  LOAD(bucket, in);
  return no_configuration("ObjectLockConfigurationNotFoundError", in->Bucket, "Object Lock configuration does not exist for this bucket");
}
