/* AssumeRole: the role's trust policy decides, the caller's own policies where it hands the decision to the account.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
#include "services/iam.gen.h"
#include "services/sts.gen.h"

#include <string.h>

#undef OPERATION
#define OPERATION(Name, function, ...) OPERATION_(Sts, Name, function, __VA_ARGS__)

/* The role of an ARN, in the role's account; *ret_role is NULL if there is none. */
static Error *
find_role(Call *call, const char *arn, IamRole **ret_role, const char **ret_account)
{
  Arn parts;
  *ret_role = NULL;
  if (!arn_parse(call->arena, arn, &parts) || strcmp(parts.service, "iam") != 0 || !g_str_has_prefix(parts.resource, "role/"))
    return error_answer_status(400, "ValidationError", "%s is invalid", arn);
  *ret_account = parts.account;
  IamGetRoleInput in = { .RoleName = strrchr(parts.resource, '/') + 1 };
  IamGetRoleOutput out = { 0 };
  Error *error = call_operation(call, &IamOperationGetRole, principal_root(call->arena, parts.account), NULL, &in, &out);
  if (error && error->kind == ERROR_ANSWER)
    error_clear(&error);
  if (error)
    return error;
  if (out.Role && strcmp(out.Role->Arn, arn) == 0)
    *ret_role = out.Role;
  return NULL;
}

static void
add_tags(Call *call, const StsAssumeRoleInput *in, StringMap *context)
{
  for (gsize i = 0; i < in->Tags.n; i++) {
    const StsTag *tag = in->Tags.v[i];
    MAP_SET(call->arena, context, arena_printf(call->arena, "aws:RequestTag/%s", tag->Key), tag->Value);
    LIST_APPEND(call->arena, context, ((StringMapEntry) { "aws:TagKeys", tag->Key }));
  }
  for (gsize i = 0; i < in->TransitiveTagKeys.n; i++)
    LIST_APPEND(call->arena, context, ((StringMapEntry) { "sts:TransitiveTagKeys", in->TransitiveTagKeys.v[i] }));
}

/* Tags and a source identity are permissions of their own. */
static Error *
also_authorize(Call *call, const char *action, const Authorization *auth)
{
  IamRequest request = { .principal = call->principal, .action = action, .resource = auth->resource, .resource_account = auth->resource_account,
                         .resource_policy = auth->resource_policy, .resource_policy_required = TRUE, .context = &auth->context };
  return iam_authorize(call->txn, call->arena, &request);
}

static Error *
assume_role_resource(Call *call, const void *input, Authorization *auth)
{
  const StsAssumeRoleInput *in = input;
  IamRole *role = NULL;
  TRY(find_role(call, in->RoleArn, &role, &auth->resource_account));
  auth->resource = in->RoleArn;
  auth->resource_policy_required = TRUE;
  if (role)
    auth->resource_policy = text_uri_decode(call->arena, role->AssumeRolePolicyDocument, FALSE);
  MAP_SET(call->arena, &auth->context, "sts:RoleSessionName", in->RoleSessionName);
  if (in->ExternalId)
    MAP_SET(call->arena, &auth->context, "sts:ExternalId", in->ExternalId);
  if (in->SourceIdentity)
    MAP_SET(call->arena, &auth->context, "sts:SourceIdentity", in->SourceIdentity);
  for (gsize i = 0; role && i < role->Tags.n; i++)
    MAP_SET(call->arena, &auth->context, arena_printf(call->arena, "aws:ResourceTag/%s", role->Tags.v[i]->Key), role->Tags.v[i]->Value);
  add_tags(call, in, &auth->context);
  if (in->Tags.n > 0)
    TRY(also_authorize(call, "sts:TagSession", auth));
  if (in->SourceIdentity)
    TRY(also_authorize(call, "sts:SetSourceIdentity", auth));
  return NULL;
}

/* The document of a managed policy's default version, in the role's account. */
static Error *
managed_document(Call *call, const char *account, const char *arn, const char **ret)
{
  const Principal *root = principal_root(call->arena, account);
  IamGetPolicyInput in = { .PolicyArn = arn };
  IamGetPolicyOutput out = { 0 };
  TRY(call_operation(call, &IamOperationGetPolicy, root, NULL, &in, &out));
  IamGetPolicyVersionInput version = { .PolicyArn = arn, .VersionId = out.Policy->DefaultVersionId };
  IamGetPolicyVersionOutput version_out = { 0 };
  TRY(call_operation(call, &IamOperationGetPolicyVersion, root, NULL, &version, &version_out));
  *ret = text_uri_decode(call->arena, version_out.PolicyVersion->Document, FALSE);
  return NULL;
}

static Error *
add_statements(Call *call, const char *document, Json *statements)
{
  Json *json = NULL;
  TRY(iam_policy_check(call->arena, document, FALSE));
  TRY(json_parse(call->arena, document, strlen(document), &json));
  Json *some = json_get(json, "Statement");
  for (guint32 i = 0; i < (some->type == JSON_ARRAY ? some->n : 1); i++) {
    Json *statement = some->type == JSON_ARRAY ? some->items[i] : some;
    json_remove(statement, "Sid"); /* unique in one document only */
    json_append(call->arena, statements, statement);
  }
  return NULL;
}

/* The session's policies as one document, or NULL if it has none. */
static Error *
session_policy(Call *call, const char *account, const StsAssumeRoleInput *in, const char **ret)
{
  *ret = NULL;
  if (!in->Policy && in->PolicyArns.n == 0)
    return NULL;
  if (in->PolicyArns.n > 10)
    return error_answer_status(400, "ValidationError", "The number of managed policies exceeds the limit of 10.");
  Json *document = json_new_object(call->arena), *statements = json_new_array(call->arena);
  json_set(call->arena, document, "Version", json_new_string(call->arena, "2012-10-17"));
  if (in->Policy)
    TRY(add_statements(call, in->Policy, statements));
  for (gsize i = 0; i < in->PolicyArns.n; i++) {
    const char *text = NULL;
    TRY(managed_document(call, account, in->PolicyArns.v[i]->arn, &text));
    TRY(add_statements(call, text, statements));
  }
  json_set(call->arena, document, "Statement", statements);
  *ret = json_text(call->arena, document);
  return NULL;
}

static Error *
check_duration(const Call *call, const IamRole *role, gint64 seconds)
{
  if (seconds > OPT_OR(role->MaxSessionDuration, 3600))
    return error_answer_status(400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  if (call->principal->type == PRINCIPAL_ROLE_SESSION && seconds > 3600)
    return error_answer_status(400, "ValidationError",
                               "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.");
  return NULL;
}

OPERATION(AssumeRole, assume_role, .txn = TXN_WRITE, .authorize = assume_role_resource)
static Error *
assume_role(Call *call, const StsAssumeRoleInput *in, StsAssumeRoleOutput *ret_out)
{
  IamRole *role = NULL;
  const char *account = NULL;
  gint64 seconds = OPT_OR(in->DurationSeconds, 3600);
  Credential *credential = NULL;
  TRY(find_role(call, in->RoleArn, &role, &account));
  TRY(check_duration(call, role, seconds));
  Principal principal = {
    .type = PRINCIPAL_ROLE_SESSION,
    .account = account,
    .arn = arena_printf(call->arena, "arn:aws:sts::%s:assumed-role/%s/%s", account, role->RoleName, in->RoleSessionName),
    .user_id = arena_printf(call->arena, "%s:%s", role->RoleId, in->RoleSessionName),
    .role_arn = role->Arn,
    .source_identity = in->SourceIdentity ? in->SourceIdentity : call->principal->source_identity,
  };
  for (gsize i = 0; i < in->Tags.n; i++)
    MAP_SET(call->arena, &principal.tags, in->Tags.v[i]->Key, in->Tags.v[i]->Value);
  TRY(session_policy(call, account, in, &principal.session_policy));
  TRY(iam_session_create(call->txn, call->arena, &principal, seconds * 1000, &credential));
  ret_out->Credentials = ARENA_NEW(call->arena, StsCredentials);
  *ret_out->Credentials = (StsCredentials) { .AccessKeyId = credential->access_key, .SecretAccessKey = credential->secret_key,
                                             .SessionToken = credential->session_token, .Expiration = OPT_TIME(credential->expires_ms / 1000 * 1000) };
  ret_out->AssumedRoleUser = ARENA_NEW(call->arena, StsAssumedRoleUser);
  *ret_out->AssumedRoleUser = (StsAssumedRoleUser) { .AssumedRoleId = principal.user_id, .Arn = principal.arn };
  ret_out->SourceIdentity = principal.source_identity;
  if (principal.session_policy)
    ret_out->PackedPolicySize = OPT_INT(MIN((gint64) strlen(principal.session_policy) * 100 / 4096 + 1, 100));
  return NULL;
}
