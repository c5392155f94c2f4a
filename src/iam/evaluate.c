/* Whether a request is allowed: the policies that apply, in AWS's order.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 *
 * Every policy is read to the end for denies first. Then: the endpoint's policy is a gate of its own; in one account the identity's
 * OR the resource's policy must allow, across accounts both; the boundary and the session's policy limit what the identity's
 * policies allow, and how far a resource's policy gets past them depends on whom it names (Grade). A KMS key and a role are only
 * reached through their own policy, which may hand the decision to the account by naming it. */
#include "iam/evaluate.h"

#include <string.h>

#include "iam/context.h"

/* Whom the allowing statement of a resource policy names; a higher one reaches further. */
typedef enum {
  GRADE_NONE,
  GRADE_ACCOUNT, /* the caller's account: it may allow by its own policies */
  GRADE_ROLE,    /* the caller's role, or everyone: no identity policy needed; boundary and session policy still limit */
  GRADE_DIRECT,  /* the user, the session, the service itself: nothing else is needed in one account */
} Grade;

typedef enum { EFFECT_NONE, EFFECT_ALLOW, EFFECT_DENY } Effect;

typedef struct Verdict {
  Effect effect;
  Grade grade;
  const char *policy_name;
  int statement;
} Verdict;

typedef struct Evaluation {
  const IamRequest *request;
  const Principal *principal;
  ContextView context;
  IdentityPolicies identity;
} Evaluation;

static Grade
grade_of_arn(const Principal *principal, const char *value)
{
  if (strcmp(value, "*") == 0)
    return principal->type == PRINCIPAL_ROLE_SESSION ? GRADE_ROLE : GRADE_DIRECT;
  if (principal->type == PRINCIPAL_ANONYMOUS || principal->type == PRINCIPAL_SERVICE)
    return GRADE_NONE;
  if (g_strcmp0(value, principal->arn) == 0)
    return GRADE_DIRECT;
  if (principal->role_arn && strcmp(value, principal->role_arn) == 0)
    return GRADE_ROLE;
  gsize id_size = principal->user_id ? strcspn(principal->user_id, ":") : 0;
  if (id_size > 12 && strlen(value) == id_size && strncmp(value, principal->user_id, id_size) == 0)
    return principal->role_arn ? GRADE_ROLE : GRADE_DIRECT;
  const char *account = principal->account;
  if (strcmp(value, account) == 0)
    return GRADE_ACCOUNT;
  if (g_str_has_prefix(value, "arn:aws:iam::") && g_str_has_prefix(value + 13, account) && strcmp(value + 13 + strlen(account), ":root") == 0)
    return GRADE_ACCOUNT;
  return GRADE_NONE;
}

/* "logs.amazonaws.com" is also named as "logs.us-east-1.amazonaws.com", and the other way round. */
static gboolean
same_service(const char *named, const char *service)
{
  gsize named_label = strcspn(named, "."), label = strcspn(service, ".");
  if (strcmp(named, service) == 0 || strcmp(named, "*") == 0)
    return TRUE;
  if (named_label != label || strncmp(named, service, label) != 0)
    return FALSE;
  const char *longer = strlen(named) > strlen(service) ? named : service, *shorter = longer == named ? service : named;
  const char *after_region = longer[label] ? strchr(longer + label + 1, '.') : NULL;
  return after_region && strcmp(after_region, shorter + label) == 0 && strchr(longer + label, '-');
}

static Grade
grade_of(const Principal *principal, const PolicyPrincipal *named)
{
  if (strcmp(named->type, "AWS") == 0)
    return grade_of_arn(principal, named->value);
  if (strcmp(named->type, "Service") == 0 && principal->type == PRINCIPAL_SERVICE)
    return same_service(named->value, principal->arn) ? GRADE_DIRECT : GRADE_NONE;
  if (strcmp(named->type, "CanonicalUser") == 0 && g_strcmp0(named->value, principal->user_id) == 0)
    return GRADE_DIRECT; /* CloudFront's origin access identities */
  if (strcmp(named->type, "CanonicalUser") == 0 && principal->account)
    return strcmp(named->value, principal->account) == 0 ? GRADE_ACCOUNT : GRADE_NONE;
  return GRADE_NONE;
}

/* How the statement names the caller; GRADE_NONE: not at all. */
static Grade
statement_grade(const Evaluation *evaluation, const PolicyStatement *statement)
{
  if (!statement->has_principal)
    return GRADE_DIRECT;
  Grade best = GRADE_NONE;
  for (gsize i = 0; i < statement->principals.n; i++)
    best = MAX(best, grade_of(evaluation->principal, &statement->principals.v[i]));
  if (!statement->not_principal)
    return best;
  return best == GRADE_NONE ? GRADE_ROLE : GRADE_NONE;
}

static gboolean
action_named(const Evaluation *evaluation, const Policy *policy, const PolicyStatement *statement)
{
  Policy plain = { .variables = FALSE };
  gboolean named = FALSE;
  for (gsize i = 0; i < statement->actions.n && !named; i++)
    named = pattern_match(pattern_expand(&plain, &evaluation->context, statement->actions.v[i], TRUE), evaluation->request->action, TRUE);
  return named != statement->not_action;
}

static gboolean
resource_named(const Evaluation *evaluation, const Policy *policy, const PolicyStatement *statement)
{
  if (!statement->has_resource)
    return TRUE;
  gboolean named = FALSE;
  for (gsize i = 0; i < statement->resources.n && !named; i++) {
    const char *pattern = pattern_expand(policy, &evaluation->context, statement->resources.v[i], TRUE);
    named = pattern && pattern_match(pattern, evaluation->request->resource, FALSE);
  }
  return named != statement->not_resource;
}

static gboolean
statement_applies(const Evaluation *evaluation, const Policy *policy, const PolicyStatement *statement)
{
  return action_named(evaluation, policy, statement) && resource_named(evaluation, policy, statement) &&
         conditions_hold(policy, statement, &evaluation->context);
}

/* Reads one document into *verdict: a deny wins, then the highest grade. */
static void
read_policy(const Evaluation *evaluation, const char *document, const char *name, Verdict *verdict)
{
  const Policy *policy = policy_cached(document);
  for (gsize i = 0; policy && i < policy->statements.n; i++) {
    const PolicyStatement *statement = &policy->statements.v[i];
    if (verdict->effect == EFFECT_DENY)
      return;
    Grade grade = statement_grade(evaluation, statement);
    if (grade == GRADE_NONE || !statement_applies(evaluation, policy, statement))
      continue;
    if (statement->allow && grade <= verdict->grade)
      continue;
    *verdict = (Verdict) { statement->allow ? EFFECT_ALLOW : EFFECT_DENY, grade, name, (int) i };
  }
}

static Verdict
read_one(const Evaluation *evaluation, const char *document)
{
  Verdict verdict = { .statement = -1 };
  if (document)
    read_policy(evaluation, document, NULL, &verdict);
  return verdict;
}

static Verdict
read_identity(const Evaluation *evaluation)
{
  const IdentityPolicies *identity = &evaluation->identity;
  Verdict verdict = { .statement = -1 };
  if (evaluation->principal->type == PRINCIPAL_ROOT)
    verdict.effect = EFFECT_ALLOW;
  for (gsize i = 0; i < identity->documents.n; i++)
    read_policy(evaluation, identity->documents.v[i], i < identity->names.n ? identity->names.v[i] : NULL, &verdict);
  return verdict;
}

/* All that was read; what is not there allows nothing and denies nothing. */
typedef struct Verdicts { Verdict identity, boundary, session, resource, endpoint; } Verdicts;

static Outcome
outcome(gboolean allowed, PolicyKind kind, const Verdict *verdict)
{
  gboolean deny = verdict->effect == EFFECT_DENY;
  return (Outcome) { allowed, deny, kind, verdict->policy_name, verdict->effect == EFFECT_NONE ? -1 : verdict->statement };
}

static PolicyKind
resource_kind(const Evaluation *evaluation)
{
  return g_str_has_prefix(evaluation->request->action, "sts:") ? KIND_TRUST : KIND_RESOURCE;
}

static gboolean
find_deny(const Evaluation *evaluation, const Verdicts *verdicts, Outcome *ret)
{
  const struct { PolicyKind kind; const Verdict *verdict; } rows[] = {
    { KIND_ENDPOINT, &verdicts->endpoint },
    { resource_kind(evaluation), &verdicts->resource },
    { KIND_IDENTITY, &verdicts->identity },
    { KIND_BOUNDARY, &verdicts->boundary },
    { KIND_SESSION, &verdicts->session },
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    if (rows[i].verdict->effect == EFFECT_DENY) {
      *ret = outcome(FALSE, rows[i].kind, rows[i].verdict);
      return TRUE;
    }
  }
  return FALSE;
}

/* The boundary and the session's policy, which only limit. */
static Outcome
limited(const Evaluation *evaluation, const Verdicts *verdicts, Outcome allowed)
{
  if (evaluation->identity.boundary && verdicts->boundary.effect != EFFECT_ALLOW)
    return outcome(FALSE, KIND_BOUNDARY, &verdicts->boundary);
  if (evaluation->principal->session_policy && verdicts->session.effect != EFFECT_ALLOW)
    return outcome(FALSE, KIND_SESSION, &verdicts->session);
  return allowed;
}

static Outcome
decide_service(const Evaluation *evaluation, const Verdicts *verdicts)
{
  const IamRequest *request = evaluation->request;
  gboolean own = g_strcmp0(evaluation->principal->account, request->resource_account) == 0;
  gboolean governed = request->resource_policy || request->resource_policy_required;
  gboolean allowed = verdicts->resource.effect == EFFECT_ALLOW || (own && !governed);
  return outcome(allowed, resource_kind(evaluation), &verdicts->resource);
}

static Outcome
decide_own_account(const Evaluation *evaluation, const Verdicts *verdicts)
{
  Grade grade = verdicts->resource.effect == EFFECT_ALLOW ? verdicts->resource.grade : GRADE_NONE;
  PolicyKind kind = resource_kind(evaluation);
  if (grade == GRADE_DIRECT)
    return outcome(TRUE, kind, &verdicts->resource);
  if (grade == GRADE_ROLE)
    return limited(evaluation, verdicts, outcome(TRUE, kind, &verdicts->resource));
  if (evaluation->request->resource_policy_required && grade == GRADE_NONE)
    return outcome(FALSE, kind, &verdicts->resource);
  if (verdicts->identity.effect != EFFECT_ALLOW)
    return outcome(FALSE, KIND_IDENTITY, &verdicts->identity);
  return limited(evaluation, verdicts, outcome(TRUE, KIND_IDENTITY, &verdicts->identity));
}

static Outcome
decide_across(const Evaluation *evaluation, const Verdicts *verdicts)
{
  PolicyKind kind = resource_kind(evaluation);
  if (evaluation->principal->type == PRINCIPAL_ANONYMOUS || verdicts->resource.effect != EFFECT_ALLOW)
    if (verdicts->identity.effect == EFFECT_ALLOW || evaluation->principal->type == PRINCIPAL_ANONYMOUS)
      return outcome(verdicts->resource.effect == EFFECT_ALLOW, kind, &verdicts->resource);
  if (verdicts->identity.effect != EFFECT_ALLOW)
    return outcome(FALSE, KIND_IDENTITY, &verdicts->identity);
  return limited(evaluation, verdicts, outcome(TRUE, kind, &verdicts->resource));
}

static Outcome
decide_by_principal(const Evaluation *evaluation, const Verdicts *verdicts)
{
  const Principal *principal = evaluation->principal;
  if (principal->type == PRINCIPAL_SERVICE)
    return decide_service(evaluation, verdicts);
  if (principal->type != PRINCIPAL_ANONYMOUS && g_strcmp0(principal->account, evaluation->request->resource_account) == 0)
    return decide_own_account(evaluation, verdicts);
  return decide_across(evaluation, verdicts);
}

static Outcome
decide(const Evaluation *evaluation, const Verdicts *verdicts)
{
  Outcome denied;
  if (find_deny(evaluation, verdicts, &denied))
    return denied;
  Outcome result = decide_by_principal(evaluation, verdicts);
  /* One policy's refusal is told: the caller's own before the endpoint's. */
  if (result.allowed && evaluation->request->endpoint_policy && verdicts->endpoint.effect != EFFECT_ALLOW)
    return outcome(FALSE, KIND_ENDPOINT, &verdicts->endpoint);
  return result;
}

static Error *
load_identity(Txn *txn, Arena *arena, Evaluation *evaluation)
{
  const Principal *principal = evaluation->principal;
  if (principal->type == PRINCIPAL_USER)
    return iam_identity_get(txn, arena, principal->arn, &evaluation->identity);
  if (principal->type == PRINCIPAL_ROLE_SESSION && principal->role_arn)
    return iam_identity_get(txn, arena, principal->role_arn, &evaluation->identity);
  return NULL;
}

/* The root of an account with its own resource, and no policy that could say otherwise: most calls of a local set-up. */
static gboolean
is_unlimited(const IamRequest *request)
{
  return request->principal->type == PRINCIPAL_ROOT && !request->resource_policy && !request->resource_policy_required &&
         !request->endpoint_policy && g_strcmp0(request->principal->account, request->resource_account) == 0;
}

Error *
evaluate_request(Txn *txn, Arena *arena, const IamRequest *request, Outcome *ret_outcome)
{
  Evaluation evaluation = { .request = request, .principal = request->principal };
  if (is_unlimited(request)) {
    *ret_outcome = (Outcome) { .allowed = TRUE, .kind = KIND_IDENTITY, .statement = -1 };
    return NULL;
  }
  policy_cache_trim();
  TRY(load_identity(txn, arena, &evaluation));
  StringMap derived = context_derive(arena, request, &evaluation.identity);
  evaluation.context = (ContextView) { arena, request->context, &derived };
  Verdicts verdicts = {
    .identity = read_identity(&evaluation),
    .boundary = read_one(&evaluation, evaluation.identity.boundary),
    .session = read_one(&evaluation, request->principal->session_policy),
    .resource = read_one(&evaluation, request->resource_policy),
    .endpoint = read_one(&evaluation, request->endpoint_policy),
  };
  *ret_outcome = decide(&evaluation, &verdicts);
  return NULL;
}
