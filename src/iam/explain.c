/* Why a request was denied, in AWS's own sentences, and what would mend it.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html */
#include "iam/evaluate.h"

#include <string.h>

static const struct { const char *name, *with_article; } kinds[] = {
  [KIND_IDENTITY] = { "identity-based policy", "an identity-based policy" },
  [KIND_BOUNDARY] = { "permissions boundary", "a permissions boundary" },
  [KIND_SESSION] = { "session policy", "a session policy" },
  [KIND_RESOURCE] = { "resource-based policy", "a resource-based policy" },
  [KIND_TRUST] = { "role trust policy", "a role trust policy" },
  [KIND_ENDPOINT] = { "VPC endpoint policy", "a VPC endpoint policy" },
};
G_STATIC_ASSERT(G_N_ELEMENTS(kinds) == KIND_ENDPOINT + 1);

/* Whom a resource policy's statement should name. */
static Json *
principal_json(Arena *arena, const Principal *principal)
{
  if (principal->type == PRINCIPAL_ANONYMOUS)
    return json_new_string(arena, "*");
  Json *object = json_new_object(arena);
  gboolean service = principal->type == PRINCIPAL_SERVICE;
  json_set(arena, object, service ? "Service" : "AWS", json_new_string(arena, principal->role_arn ? principal->role_arn : principal->arn));
  return object;
}

/* The statement that would allow the request, for a policy of this kind. */
static const char *
mend(Arena *arena, const IamRequest *request, const Outcome *outcome)
{
  if (outcome->allowed || outcome->explicit_deny)
    return NULL;
  Json *statement = json_new_object(arena);
  json_set(arena, statement, "Effect", json_new_string(arena, "Allow"));
  if (outcome->kind == KIND_RESOURCE || outcome->kind == KIND_TRUST)
    json_set(arena, statement, "Principal", principal_json(arena, request->principal));
  else if (outcome->kind == KIND_ENDPOINT)
    json_set(arena, statement, "Principal", json_new_string(arena, "*"));
  json_set(arena, statement, "Action", json_new_string(arena, request->action));
  if (outcome->kind != KIND_TRUST)
    json_set(arena, statement, "Resource", json_new_string(arena, request->resource));
  return json_text(arena, statement);
}

Error *
iam_decide(Txn *txn, Arena *arena, const IamRequest *request, Decision *ret_decision)
{
  Outcome outcome;
  TRY(evaluate_request(txn, arena, request, &outcome));
  *ret_decision = (Decision) {
    .allowed = outcome.allowed,
    .explicit_deny = outcome.explicit_deny,
    .policy_kind = kinds[outcome.kind].name,
    .policy_name = outcome.policy_name,
    .statement = outcome.statement,
    .mend = mend(arena, request, &outcome),
  };
  return NULL;
}

Error *
iam_authorize(Txn *txn, Arena *arena, const IamRequest *request)
{
  Outcome outcome;
  TRY(evaluate_request(txn, arena, request, &outcome));
  if (outcome.allowed)
    return NULL;
  const char *arn = request->principal->type == PRINCIPAL_ANONYMOUS ? "anonymous" : request->principal->arn;
  if (outcome.explicit_deny)
    return error_answer_status(403, "AccessDenied", "User: %s is not authorized to perform: %s on resource: %s with an explicit deny in %s",
                               arn, request->action, request->resource, kinds[outcome.kind].with_article);
  return error_answer_status(403, "AccessDenied", "User: %s is not authorized to perform: %s on resource: %s because no %s allows the %s action",
                             arn, request->action, request->resource, kinds[outcome.kind].name, request->action);
}

Error *
iam_pass_role(Txn *txn, Arena *arena, const Principal *principal, const char *role_arn, const char *service)
{
  StringMapEntry passed = { "iam:PassedToService", service };
  StringMap context = { 1, &passed };
  Arn arn;
  if (!arn_parse(arena, role_arn, &arn))
    return error_answer_status(400, "ValidationError", "%s is invalid", role_arn);
  IamRequest request = { .principal = principal, .action = "iam:PassRole", .resource = role_arn, .resource_account = arn.account, .context = &context };
  return iam_authorize(txn, arena, &request);
}
