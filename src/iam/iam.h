/* iam: who calls, what they may do, and why not.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html */
#pragma once

#include "store/store.h"
#include "wire/json.h"
#include "wire/value.h"

typedef enum { PRINCIPAL_ANONYMOUS, PRINCIPAL_ROOT, PRINCIPAL_USER, PRINCIPAL_ROLE_SESSION, PRINCIPAL_SERVICE } PrincipalType;

/* A caller. Plain data, in the call's arena. */
typedef struct Principal {
  PrincipalType type;
  const char *account;        /* 12 digits */
  const char *arn;            /* arn:aws:iam::A:root, arn:aws:iam::A:user/N, arn:aws:sts::A:assumed-role/R/S; service: "lambda.amazonaws.com" */
  const char *user_id;        /* AIDA..., AROA...:session, account of root */
  const char *role_arn;       /* of a role session: arn:aws:iam::A:role/path/R */
  const char *access_key;
  const char *session_policy; /* JSON or NULL */
  const char *source_identity;
  gint64 issued_ms;
  StringMap tags;             /* of the session (AssumeRole): aws:PrincipalTag/... , before those of the user or role */
} Principal;

/* What a signature is checked against. */
typedef struct Credential {
  const char *access_key, *secret_key;
  const char *session_token;  /* NULL: long-lived */
  gint64 expires_ms;          /* 0: never */
  Principal principal;
} Credential;

/* Finds the credential of an access key id: root keys ("test", or any 12 digits: secret is "test"), users' keys, sessions.
 * *ret_credential is NULL if it is unknown. Any thread. arena. */
Error *iam_credential_find(Txn *txn, Arena *arena, const char *access_key, Credential **ret_credential) ERROR_MUST_USE;
Error *iam_credential_put(Txn *txn, const Credential *credential) ERROR_MUST_USE;
Error *iam_credential_delete(Txn *txn, const char *access_key) ERROR_MUST_USE;
/* Makes a role session's credential (ASIA...) that lasts duration_ms from now, and stores it. arena. */
Error *iam_session_create(Txn *txn, Arena *arena, const Principal *principal, gint64 duration_ms, Credential **ret_credential) ERROR_MUST_USE;

/* The identity policies of a user or role (by its iam ARN), kept by the IAM service. policies: JSON documents. boundary: or NULL.
 * tags: of the user or role, for aws:PrincipalTag/... */
typedef struct IdentityPolicies { StringList documents; StringList names; const char *boundary; StringMap tags; } IdentityPolicies;
Error *iam_identity_put(Txn *txn, const char *principal_arn, const IdentityPolicies *policies) ERROR_MUST_USE;
Error *iam_identity_delete(Txn *txn, const char *principal_arn) ERROR_MUST_USE;
Error *iam_identity_get(Txn *txn, Arena *arena, const char *principal_arn, IdentityPolicies *ret_policies) ERROR_MUST_USE;

/* Parses and checks a policy document. Bad ones: an answer MalformedPolicyDocument in IAM's wording. resource_policy: needs Principal. */
Error *iam_policy_check(Arena *arena, const char *document, gboolean resource_policy) ERROR_MUST_USE;

/* One question. */
typedef struct IamRequest {
  const Principal *principal;
  const char *action;              /* "dynamodb:PutItem" */
  const char *resource;            /* ARN or "*" */
  const char *resource_account;    /* owner of the resource */
  const char *resource_policy;     /* JSON, or NULL */
  const char *endpoint_policy;     /* of the VPC endpoint that the call came through, or NULL */
  gboolean resource_policy_required; /* KMS keys, role trust: identity policies alone do not suffice unless the policy delegates to the account */
  const StringMap *context;        /* condition keys: "aws:SourceVpce", "kms:ViaService", ...; a key of several values stands there once for each
                                      (LIST_APPEND). Those of the principal and the time are added if they are not there */
} IamRequest;

/* Whether the principal may. Denied: an answer AccessDenied (each service's own code is put in by the server) with AWS's sentence:
 * "User: ARN is not authorized to perform: A on resource: R because no identity-based policy allows the A action". */
Error *iam_authorize(Txn *txn, Arena *arena, const IamRequest *request) ERROR_MUST_USE;

/* Whether the principal may hand a role to a service ("lambda.amazonaws.com"): iam:PassRole on the role, with iam:PassedToService.
 * Denied: AccessDenied in AWS's words. */
Error *iam_pass_role(Txn *txn, Arena *arena, const Principal *principal, const char *role_arn, const char *service) ERROR_MUST_USE;

/* The same rules for a service principal: where there is no resource policy it may do what it does in its own account, as with the
 * service-linked role that AWS makes for it; a resource policy, where there is one, must name it. */

/* The same as an explanation: allowed or not, and which statement of which policy decided. For `haar why` and messages. */
typedef struct Decision {
  gboolean allowed, explicit_deny;
  const char *policy_kind;   /* "identity-based policy", "resource-based policy", "VPC endpoint policy", ... */
  const char *policy_name;   /* or NULL */
  int statement;             /* index, or -1 */
  const char *mend;          /* a statement (JSON) that would allow it, or NULL */
} Decision;
Error *iam_decide(Txn *txn, Arena *arena, const IamRequest *request, Decision *ret_decision) ERROR_MUST_USE;
