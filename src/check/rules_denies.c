/* rules_denies: what a role allows and something forbids all the same: a Deny statement of its own policies, of a bucket's, queue's, topic's, secret's
 * or table's policy, of an endpoint's; or a condition that the function's calls do not meet.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html */
#include "check/model.h"

#include <string.h>

/* A policy that has a say: its statements and where they are. */
typedef struct Policy {
  const Item *item;
  const char *kind;            /* "identity-based policy": as AWS's message has it */
  Statements statements;
} Policy;

/* What a statement of a role allows. */
typedef struct Allowed {
  const Function *function;
  const Service *service;
  const Statement *statement;
  const char *action, *resource;
} Allowed;

/* -- covering ---------------------------------------------------------------------------------------------------------------- */

/* Whether every text of the one pattern is one of the other: wildcards of inner are taken as letters. */
static gboolean
covers(const char *outer, const char *inner)
{
  g_autofree char *a = g_ascii_strdown(outer, -1), *b = g_ascii_strdown(inner, -1);
  return strcmp(a, "*") == 0 || strcmp(a, b) == 0 || (!strchr(a, '?') && text_glob(a, b));
}

static gboolean
any_covers(const StringList *patterns, const char *text)
{
  for (gsize i = 0; i < patterns->n; i++) {
    if (covers(patterns->v[i], text))
      return TRUE;
  }
  return FALSE;
}

static gboolean
any_overlaps(const StringList *patterns, const char *text)
{
  for (gsize i = 0; i < patterns->n; i++) {
    if (patterns_overlap(patterns->v[i], text, TRUE))
      return TRUE;
  }
  return FALSE;
}

/* "${Bucket.Arn}/x", also of arn:aws:s3:::${Bucket}/x and of the bucket's own name. */
static StringList
shown_resources(const Check *check, const StringList *resources)
{
  StringList list = { 0 };
  for (gsize i = 0; i < resources->n; i++)
    LIST_APPEND(check->arena, &list, resource_shown(check, resources->v[i]));
  return list;
}

static gboolean
is_known(const Check *check, const StringList *texts)
{
  for (gsize i = 0; i < texts->n; i++) {
    if (is_unknown(check, texts->v[i]))
      return FALSE;
  }
  return TRUE;
}

/* Whether the statement speaks of all that is allowed. */
static gboolean
speaks_of(const Check *check, const Statement *statement, const Allowed *allowed)
{
  StringList resources = shown_resources(check, &statement->resources);
  const char *resource = resource_shown(check, allowed->resource);
  if (!is_known(check, &statement->actions) || !is_known(check, &resources) || is_unknown(check, resource))
    return FALSE;
  gboolean action = statement->not_action ? !any_overlaps(&statement->actions, allowed->action) : any_covers(&statement->actions, allowed->action);
  return action && (statement->not_resource ? !any_overlaps(&resources, resource) : any_covers(&resources, resource));
}

/* Whether a resource's policy speaks of the role for certain. */
static gboolean
speaks_to(const Check *check, const Statement *statement, const Item *role)
{
  const Json *list = json_string(statement->principal) ? statement->principal : json_get(statement->principal, "AWS");
  g_autofree char *root = g_strdup_printf(":%s:root", check->eval.account);
  for (guint i = 0; statement->principal && i < list_n(list); i++) {
    const char *text = template_scalar(list_at(list, i));
    if (text && (strcmp(text, "*") == 0 || item_exactly(check, text) == role || g_str_has_suffix(text, root)))
      return TRUE;
  }
  return FALSE;
}

/* -- telling ----------------------------------------------------------------------------------------------------------------- */

static void
tell_denied(Check *check, const Allowed *allowed, const Policy *policy, const Statement *deny, const Calls *calls, const Item *role)
{
  const char *holds = condition_words(check, deny->condition, calls);
  const char *resource = resource_shown(check, allowed->resource);
  gboolean own = policy->item == role;
  tell(check, &(Telling){ RULE_EXPLICIT_DENY, CERTAINTY_CERTAIN, { policy->item, deny->at },
    arena_printf(check->arena, "%s of %s is denied: AccessDenied, with an explicit deny in %s %s", allowed->action, allowed->function->item->id,
                 strchr("aeiou", policy->kind[0]) ? "an" : "a", policy->kind),
    arena_printf(check->arena, "%s -> %s allows it on %s -> a statement of %s denies it%s%s", allowed->function->item->id, role->id, resource,
                 own ? "the same role" : policy->item->id, *holds ? ", as " : "", holds),
    "a Deny goes before every Allow",
    own ? NULL : arena_printf(check->arena, "{\"Condition\": {\"ArnNotEquals\": {\"aws:PrincipalArn\": {\"Fn::GetAtt\": [\"%s\", \"Arn\"]}}}}", role->id),
    arena_printf(check->arena, "%s %s %s %u", policy->item->id, role->id, allowed->action, deny->at ? deny->at->line : 0),
    allowed->function->item->id });
}

static void
look_for_denies(Check *check, const Allowed *allowed, const Policy *policy, const Item *role)
{
  Calls calls = calls_of(allowed->function, allowed->service, allowed->action);
  for (gsize i = 0; i < policy->statements.n; i++) {
    const Statement *statement = &policy->statements.v[i];
    gboolean own = policy->item == role;
    if (statement->allow || (!own && !speaks_to(check, statement, role)) || !speaks_of(check, statement, allowed) ||
        condition_truth(check, statement->condition, &calls) != TRUTH_TRUE)
      continue;
    tell_denied(check, allowed, policy, statement, &calls, role);
    return;
  }
}

/* -- policies of resources --------------------------------------------------------------------------------------------------- */

static const struct { const char *type, *target, *document; } of_resources[] = {
  { "AWS::S3::BucketPolicy", "Bucket", "PolicyDocument" }, { "AWS::SQS::QueuePolicy", "Queues", "PolicyDocument" },
  { "AWS::SNS::TopicPolicy", "Topics", "PolicyDocument" }, { "AWS::SecretsManager::ResourcePolicy", "SecretId", "ResourcePolicy" },
  { "AWS::DynamoDB::Table", NULL, "ResourcePolicy.PolicyDocument" },
};

static gboolean
is_target(const Check *check, const Item *policy, const char *property, const Item *resource)
{
  const Json *list = property ? item_property(policy, property) : NULL;
  for (guint i = 0; i < list_n(list); i++) {
    if (item_of(check, template_scalar(list_at(list, i))) == resource)
      return TRUE;
  }
  return !property && policy == resource;
}

static void
look_at_resource(Check *check, const Allowed *allowed, const Item *role)
{
  const Item *resource = item_of(check, allowed->resource), *item;
  for (guint t = 0; resource && t < G_N_ELEMENTS(of_resources); t++) {
    for (guint i = 0; (item = item_next(check, of_resources[t].type, &i)) != NULL;) {
      Policy policy = { item, "resource-based policy", { .complete = TRUE } };
      if (!is_target(check, item, of_resources[t].target, resource) || !item_property(item, of_resources[t].document))
        continue;
      statements_read(check, item_property(item, of_resources[t].document), &policy.statements);
      look_for_denies(check, allowed, &policy, role);
    }
  }
}

static void
look_at_endpoint(Check *check, const Allowed *allowed, const Item *role)
{
  Calls calls = calls_of(allowed->function, allowed->service, allowed->action);
  const Json *document = calls.endpoint ? item_property(calls.endpoint->item, "PolicyDocument") : NULL;
  if (!document || document->type != JSON_OBJECT || !calls.way_known)
    return;
  Policy policy = { calls.endpoint->item, "VPC endpoint policy", { .complete = TRUE } };
  statements_read(check, document, &policy.statements);
  look_for_denies(check, allowed, &policy, role);
}

/* -- conditions that are not met --------------------------------------------------------------------------------------------- */

const Statement *
statements_allow_calls(const Check *check, const Statements *statements, const char *action, const Calls *calls)
{
  for (gsize i = 0; i < statements->n; i++) {
    const Statement *statement = &statements->v[i];
    if (statement->allow && any_overlaps(&statement->actions, action) != statement->not_action &&
        condition_truth(check, statement->condition, calls) != TRUTH_FALSE)
      return statement;
  }
  return NULL;
}

static void
check_condition(Check *check, const Allowed *allowed, const Item *role)
{
  Calls calls = calls_of(allowed->function, allowed->service, allowed->action);
  const Statement *statement = allowed->statement;
  if (!statement->condition || !allowed->function->role.complete || condition_truth(check, statement->condition, &calls) != TRUTH_FALSE ||
      statements_allow_calls(check, &allowed->function->role, allowed->action, &calls))
    return;
  tell(check, &(Telling){ RULE_CONDITION_UNMET, CERTAINTY_LIKELY, { role, statement->at },
    arena_printf(check->arena, "%s of %s is denied: AccessDenied, because no identity-based policy allows the %s action", allowed->action,
                 allowed->function->item->id, allowed->action),
    arena_printf(check->arena, "%s -> %s allows it under a condition only, which its calls do not meet: %s", allowed->function->item->id, role->id,
                 condition_words(check, statement->condition, &calls)),
    "the way of the function's calls is in the template; all policies of its role too",
    arena_printf(check->arena, "{\"Effect\": \"Allow\", \"Action\": \"%s\", \"Resource\": %s}", allowed->action, resource_json_of(check, allowed->resource)),
    arena_printf(check->arena, "%s %s", role->id, allowed->action), allowed->function->item->id });
}

/* -- all that a role allows -------------------------------------------------------------------------------------------------- */

static void
check_allowed(Check *check, const Allowed *allowed, const Item *role)
{
  Policy own = { role, "identity-based policy", allowed->function->role };
  check_condition(check, allowed, role);
  look_for_denies(check, allowed, &own, role);
  look_at_resource(check, allowed, role);
  look_at_endpoint(check, allowed, role);
}

/* A statement with more pairs of actions and resources than a policy holds is not looked into. */
static void
check_statement(Check *check, const Function *function, const Statement *statement, const Item *role)
{
  enum { PAIRS_MAX = 10000 };
  if (statement->actions.n * statement->resources.n > PAIRS_MAX)
    return;
  for (gsize i = 0; i < statement->actions.n; i++) {
    const char *action = statement->actions.v[i], *colon = strchr(action, ':');
    const Service *service = colon ? service_of_iam(action, (gsize) (colon - action)) : NULL;
    for (gsize j = 0; service && j < statement->resources.n; j++)
      check_allowed(check, &(Allowed){ function, service, statement, action, statement->resources.v[j] }, role);
  }
}

void
rules_denies(Check *check)
{
  for (guint i = 0; i < check->functions->len; i++) {
    const Function *function = check->functions->pdata[i];
    const Item *role = item_exactly(check, item_text(function->item, "Role"));
    for (gsize j = 0; role && j < function->role.n; j++) {
      const Statement *statement = &function->role.v[j];
      if (statement->allow && !statement->managed && !statement->not_action && !statement->not_resource)
        check_statement(check, function, statement, role);
    }
  }
}
