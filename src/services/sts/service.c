/* STS: who am I, and credentials for a while. Sessions are src/iam's; roles are asked of IAM. */
#include "services/sts.gen.h"

#include "server/haar.h"

const ServiceHooks sts_hooks = { 0 };

/* Anyone who signs may ask. */
static Error *
no_permission_needed(Call *call, const void *in, Authorization *auth)
{
  auth->skip = TRUE;
  return NULL;
}

OPERATION(GetCallerIdentity, get_caller_identity, .authorize = no_permission_needed)
static Error *
get_caller_identity(Call *call, const StsGetCallerIdentityInput *in, StsGetCallerIdentityOutput *ret_out)
{
  ret_out->UserId = call->principal->user_id;
  ret_out->Account = call->principal->account;
  ret_out->Arn = call->principal->arn;
  return NULL;
}

OPERATION(GetSessionToken, get_session_token, .txn = TXN_WRITE, .authorize = no_permission_needed)
static Error *
get_session_token(Call *call, const StsGetSessionTokenInput *in, StsGetSessionTokenOutput *ret_out)
{
  PrincipalType type = call->principal->type;
  if (type != PRINCIPAL_ROOT && type != PRINCIPAL_USER)
    return error_answer_status(403, "AccessDenied", "Cannot call GetSessionToken with session credentials");
  if (in->SerialNumber || in->TokenCode)
    return error_answer_status(403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. haar has no MFA devices.");
  Credential *credential = NULL;
  gint64 seconds = OPT_OR(in->DurationSeconds, type == PRINCIPAL_ROOT ? 3600 : 43200);
  if (type == PRINCIPAL_ROOT)
    seconds = MIN(seconds, 3600);
  TRY(iam_session_create(call->txn, call->arena, call->principal, seconds * 1000, &credential));
  ret_out->Credentials = ARENA_NEW(call->arena, StsCredentials);
  *ret_out->Credentials = (StsCredentials) { .AccessKeyId = credential->access_key, .SecretAccessKey = credential->secret_key,
                                             .SessionToken = credential->session_token, .Expiration = OPT_TIME(credential->expires_ms / 1000 * 1000) };
  return NULL;
}

OPERATION(GetAccessKeyInfo, get_access_key_info)
static Error *
get_access_key_info(Call *call, const StsGetAccessKeyInfoInput *in, StsGetAccessKeyInfoOutput *ret_out)
{
  Credential *credential = NULL;
  TRY(iam_credential_find(call->txn, call->arena, in->AccessKeyId, &credential));
  if (!credential)
    return error_answer_status(400, "ValidationError", "The access key %s does not exist.", in->AccessKeyId);
  ret_out->Account = credential->principal.account;
  return NULL;
}

OPERATION(DecodeAuthorizationMessage, decode_authorization_message)
static Error *
decode_authorization_message(Call *call, const StsDecodeAuthorizationMessageInput *in, StsDecodeAuthorizationMessageOutput *ret_out)
{
  return error_answer("InvalidAuthorizationMessageException", "Message is not valid: haar encodes no authorization messages, its denials say in plain "
                                                              "text which policy decided.");
}
