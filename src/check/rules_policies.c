/* rules_policies: policies in the way: of endpoints, of keys, of the role itself. */
#include "check/model.h"

#include <string.h>

/* -- endpoint policies ------------------------------------------------------------------------------------------------------- */

static gboolean
resources_overlap(const Check *check, const Statement *a, const Statement *b)
{
  if (a->not_resource || b->not_resource)
    return TRUE;
  for (gsize i = 0; i < a->resources.n; i++) {
    for (gsize j = 0; j < b->resources.n; j++) {
      if (patterns_overlap(resource_pattern(check, a->resources.v[i]), resource_pattern(check, b->resources.v[j]), FALSE))
        return TRUE;
    }
  }
  return FALSE;
}

/* Whether an endpoint's policy lets this action of a role's statement pass. */
static gboolean
policy_lets(const Check *check, const Statements *policy, const Statement *role, const Calls *calls, gboolean *ret_named)
{
  const char *action = calls->action;
  for (gsize i = 0; i < policy->n; i++) {
    const Statement *statement = &policy->v[i];
    gboolean named = FALSE;
    for (gsize j = 0; j < statement->actions.n && !named; j++)
      named = patterns_overlap(statement->actions.v[j], action, TRUE);
    if (!statement->allow || named == statement->not_action || condition_truth(check, statement->condition, calls) == TRUTH_FALSE)
      continue;
    *ret_named = TRUE;
    if (resources_overlap(check, statement, role))
      return TRUE;
  }
  return FALSE;
}

static void
resource_json(const Check *check, const char *text, GString *out)
{
  const Item *item = item_exactly(check, text);
  const char *dot = strchr(text, '.');
  if (item && dot) {
    g_string_append_printf(out, "{\"Fn::GetAtt\": [\"%s\", \"%.*s\"]}", item->id, (int) strcspn(dot + 1, "}"), dot + 1);
  } else if (item) {
    g_string_append_printf(out, "{\"Ref\": \"%s\"}", item->id);
  } else {
    gboolean symbol = strstr(text, "${") != NULL;
    g_string_append(out, symbol ? "{\"Fn::Sub\": " : "");
    json_write_string(out, text);
    g_string_append(out, symbol ? "}" : "");
  }
}

const char *
resource_json_of(const Check *check, const char *text)
{
  g_autoptr(GString) out = g_string_new(NULL);
  resource_json(check, resource_shown(check, text), out);
  return arena_strdup(check->arena, out->str);
}

static void
resources_json(const Check *check, const Statement *statement, GString *out, StringList *ret_shown)
{
  g_string_append_c(out, '[');
  for (gsize i = 0; i < statement->resources.n; i++) {
    const char *shown = resource_shown(check, statement->resources.v[i]);
    g_string_append(out, i ? ", " : "");
    resource_json(check, shown, out);
    words_add(check->arena, ret_shown, shown);
  }
  g_string_append_c(out, ']');
}

static void
tell_policy(Check *check, const Function *function, const VpcEndpoint *endpoint, const Statement *statement, const StringList *denied, gboolean named)
{
  g_autoptr(GString) resources = g_string_new(NULL), actions = g_string_new(NULL);
  StringList shown = { 0 };
  resources_json(check, statement, resources, &shown);
  for (gsize i = 0; i < denied->n; i++)
    g_string_append_printf(actions, "%s\"%s\"", i ? ", " : "", denied->v[i]);
  tell(check, &(Telling){ RULE_ENDPOINT_POLICY, CERTAINTY_CERTAIN, { endpoint->item, item_property(endpoint->item, "PolicyDocument") },
    arena_printf(check->arena, "%s of %s is denied: AccessDenied, because no VPC endpoint policy allows the %s action", words(check->arena, denied),
                 function->item->id, denied->v[0]),
    arena_printf(check->arena, "%s in %s -> %s -> %s; its role allows it on %s", function->item->id, words(check->arena, &function->subnets),
                 endpoint->item->id, named ? "its policy allows the action on other resources only" : "its policy does not name the action",
                 words(check->arena, &shown)),
    "an endpoint's policy must allow what passes it, besides the role's",
    arena_printf(check->arena, "{\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": [%s], \"Resource\": %s}", actions->str, resources->str) });
}

/* Actions of a role that the Lambda service takes from outside the VPC. */
gboolean
action_is_polled(const char *action)
{
  static const char *const polled[] = { "getrecords", "getsharditerator", "describestream", "liststreams", "receivemessage", "deletemessage",
    "getqueueattributes", "listshards" };
  const char *colon = strchr(action, ':');
  for (guint i = 0; colon && i < G_N_ELEMENTS(polled); i++) {
    if (g_ascii_strcasecmp(colon + 1, polled[i]) == 0)
      return TRUE;
  }
  return FALSE;
}

static void
check_role_through(Check *check, const Function *function, const VpcEndpoint *endpoint, const Service *service, const Statements *policy)
{
  for (gsize i = 0; i < function->role.n; i++) {
    const Statement *statement = &function->role.v[i];
    StringList denied = { 0 };
    gboolean named = FALSE;
    for (gsize j = 0; statement->allow && !statement->managed && !statement->not_action && j < statement->actions.n; j++) {
      const char *action = statement->actions.v[j], *colon = strchr(action, ':');
      gboolean its = colon && strlen(service->iam) == (gsize) (colon - action) && g_ascii_strncasecmp(action, service->iam, strlen(service->iam)) == 0;
      const Calls calls = { function, service, endpoint, TRUE, action };
      if (its && !action_is_polled(action) && !policy_lets(check, policy, statement, &calls, &named))
        words_add(check->arena, &denied, action);
    }
    if (denied.n)
      tell_policy(check, function, endpoint, statement, &denied, named);
  }
}

/* CloudFormation's bucket for answers, in the same region.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-vpce-bucketnames.html */
static void
check_answers(Check *check, const Function *function, const VpcEndpoint *endpoint, const Need *need, const Statements *policy)
{
  Statement put = { .allow = TRUE };
  gboolean named = FALSE;
  LIST_APPEND(check->arena, &put.resources, "arn:aws:s3:::cloudformation-custom-resource-response-*");
  const Calls calls = { function, need->service, endpoint, TRUE, "s3:PutObject" };
  if (policy_lets(check, policy, &put, &calls, &named))
    return;
  tell(check, &(Telling){ RULE_CUSTOM_RESOURCE_S3, CERTAINTY_CERTAIN, { endpoint->item, item_property(endpoint->item, "PolicyDocument") },
    arena_printf(check->arena, "%s cannot answer CloudFormation: the stack waits for an hour, then fails and rolls back", function->item->id),
    arena_printf(check->arena, "%s in %s -> %s -> its policy does not allow s3:PutObject on CloudFormation's own bucket", function->item->id,
                 words(check->arena, &function->subnets), endpoint->item->id),
    words(check->arena, &need->because),
    "{\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"s3:PutObject\", \"Resource\": "
    "{\"Fn::Sub\": \"arn:${AWS::Partition}:s3:::cloudformation-custom-resource-response-*\"}}" });
}

/* The endpoint that a function's calls of a service go through; NULL: none. */
static const VpcEndpoint *
endpoint_used(const Function *function, const Service *service)
{
  const Vpc *vpc = function->vpc;
  for (guint i = 0; i < vpc->n_endpoints; i++) {
    const VpcEndpoint *endpoint = &vpc->endpoints[i];
    if (!service->endpoint || g_strcmp0(endpoint->service, service->endpoint) != 0)
      continue;
    if (!endpoint->gateway && endpoint->private_dns)
      return endpoint;
    for (gsize j = 0; endpoint->gateway && j < function->subnets.n; j++) {
      const Subnet *subnet = network_subnet(vpc->network, function->subnets.v[j]);
      if (subnet && string_list_has(&endpoint->tables, subnet->route_table))
        return endpoint;
    }
  }
  return NULL;
}

static void
check_endpoint_policies(Check *check, const Function *function)
{
  for (gsize i = 0; function->vpc && i < function->n_needs; i++) {
    const Need *need = &function->needs[i];
    const VpcEndpoint *endpoint = need->kind == NEED_SERVICE ? endpoint_used(function, need->service) : NULL;
    const Json *document = endpoint ? item_property(endpoint->item, "PolicyDocument") : NULL;
    Statements policy = { .complete = TRUE };
    if (!document || document->type != JSON_OBJECT)
      continue;
    statements_read(check, document, &policy);
    if (!policy.complete)
      continue;
    check_role_through(check, function, endpoint, need->service, &policy);
    if (need->answers_cloudformation)
      check_answers(check, function, endpoint, need, &policy);
  }
}

/* -- keys -------------------------------------------------------------------------------------------------------------------- */

/* Where a type keeps the key that encrypts it, and the service that asks for it. */
static const struct { const char *type, *path, *host; } encrypted[] = {
  { "AWS::SecretsManager::Secret", "KmsKeyId", "secretsmanager" },
  { "AWS::DynamoDB::Table", "SSESpecification.KMSMasterKeyId", "dynamodb" },
  { "AWS::SQS::Queue", "KmsMasterKeyId", "sqs" },
  { "AWS::SNS::Topic", "KmsMasterKeyId", "sns" },
  { "AWS::S3::Bucket", NULL, "s3" },
};

static const Item *
key_of(const Check *check, const Item *item, const char **ret_host)
{
  for (guint i = 0; i < G_N_ELEMENTS(encrypted); i++) {
    if (strcmp(encrypted[i].type, item->type) != 0)
      continue;
    const Json *rules = item_property(item, "BucketEncryption.ServerSideEncryptionConfiguration");
    const char *text = encrypted[i].path ? item_text(item, encrypted[i].path) : !list_n(rules) ? NULL :
      template_scalar(json_path(list_at(rules, 0), "ServerSideEncryptionByDefault.KMSMasterKeyID"));
    const Item *key = item_of(check, text);
    if (key && strcmp(key->type, "AWS::KMS::Alias") == 0)
      key = item_of(check, item_text(key, "TargetKeyId"));
    *ret_host = encrypted[i].host;
    return key && strcmp(key->type, "AWS::KMS::Key") == 0 ? key : NULL;
  }
  return NULL;
}

/* Whether a condition on kms:ViaService, if there is one, names the service. */
static gboolean
via_lets(const Json *condition, const char *host)
{
  for (guint i = 0; condition && condition->type == JSON_OBJECT && i < condition->n; i++) {
    const Json *keys = condition->members[i].value;
    for (guint k = 0; keys->type == JSON_OBJECT && k < keys->n; k++) {
      gboolean found = FALSE;
      if (g_ascii_strcasecmp(keys->members[k].key, "kms:ViaService") != 0)
        continue;
      for (guint v = 0; v < list_n(keys->members[k].value) && !found; v++) {
        const char *value = template_scalar(list_at(keys->members[k].value, v));
        found = !value || value[0] == '*' || strstr(value, "${") || (g_str_has_prefix(value, host) && value[strlen(host)] == '.');
      }
      if (!found && !strstr(condition->members[i].key, "Not"))
        return FALSE;
    }
  }
  return TRUE;
}

/* Whether a pattern of actions lets a caller use the key for the service: to read, or, where there is writing without reading, to write. */
static gboolean
action_uses_key(const char *action, const char *host)
{
  return patterns_overlap(action, "kms:Decrypt", TRUE) ||
         (strcmp(host, "secretsmanager") != 0 && patterns_overlap(action, "kms:GenerateDataKey", TRUE));
}

typedef enum { KEY_NOBODY, KEY_DELEGATES, KEY_LETS } KeyAnswer;

static gboolean
principal_is(const Check *check, const Json *principal, const Item *role, gboolean *ret_account)
{
  const Json *list = json_string(principal) ? principal : json_get(principal, "AWS");
  for (guint i = 0; i < list_n(list); i++) {
    const char *text = template_scalar(list_at(list, i));
    if (!text)
      continue;
    if (g_str_has_suffix(text, ":root") || strlen(text) == 12)
      *ret_account = TRUE;
    if (strcmp(text, "*") == 0 || is_unknown(check, text) || (role && item_of(check, text) == role))
      return TRUE;
  }
  return FALSE;
}

static KeyAnswer
key_answer(const Check *check, const Statements *policy, const Item *role, const char *host, const Calls *calls)
{
  KeyAnswer answer = KEY_NOBODY;
  for (gsize i = 0; i < policy->n; i++) {
    const Statement *statement = &policy->v[i];
    gboolean named = FALSE, account = FALSE;
    for (gsize j = 0; j < statement->actions.n && !named; j++)
      named = action_uses_key(statement->actions.v[j], host);
    if (!statement->allow || named == statement->not_action || !via_lets(statement->condition, host) ||
        condition_truth(check, statement->condition, calls) == TRUTH_FALSE)
      continue;
    if (principal_is(check, statement->principal, role, &account))
      return KEY_LETS;
    if (account)
      answer = KEY_DELEGATES;
  }
  return answer;
}

static gboolean
role_may_decrypt(const Check *check, const Function *function, const char *host, const Calls *calls)
{
  for (gsize i = 0; i < function->role.n; i++) {
    const Statement *statement = &function->role.v[i];
    for (gsize j = 0; statement->allow && j < statement->actions.n; j++) {
      if (action_uses_key(statement->actions.v[j], host) != statement->not_action && via_lets(statement->condition, host) &&
          condition_truth(check, statement->condition, calls) != TRUTH_FALSE)
        return TRUE;
    }
  }
  return !function->role.complete;
}

static void
tell_key(Check *check, const Function *function, const Item *item, const Item *key, const char *host, gboolean delegates)
{
  const Item *role = item_exactly(check, item_text(function->item, "Role"));
  const char *what = arena_printf(check->arena, "%s cannot use %s: AccessDenied, %s", function->item->id, item->id,
                                  delegates ? "because no identity-based policy allows the kms:Decrypt action"
                                            : "because no resource-based policy allows the kms:Decrypt action");
  if (delegates)
    tell(check, &(Telling){ RULE_KEY_POLICY, CERTAINTY_LIKELY, { role, NULL }, what,
      arena_printf(check->arena, "%s -> %s is encrypted with %s -> its policy leaves it to the account's own policies -> %s does not allow kms:Decrypt",
                   function->item->id, item->id, key->id, role->id),
      "the function names it, and its role's policies are all in the template",
      arena_printf(check->arena, "{\"Effect\": \"Allow\", \"Action\": [\"kms:Decrypt\", \"kms:GenerateDataKey\"], \"Resource\": {\"Fn::GetAtt\": [\"%s\", "
        "\"Arn\"]}}", key->id) });
  else
    tell(check, &(Telling){ RULE_KEY_POLICY, CERTAINTY_LIKELY, { key, item_property(key, "KeyPolicy") }, what,
      arena_printf(check->arena, "%s -> %s is encrypted with %s -> no statement of its policy lets %s decrypt, nor leaves it to the account", function->item->id,
                   item->id, key->id, role->id),
      "a key's policy decides first: what it does not allow or delegate is denied, whatever the role says",
      arena_printf(check->arena, "{\"Effect\": \"Allow\", \"Principal\": {\"AWS\": \"*\"}, \"Action\": [\"kms:Decrypt\", \"kms:GenerateDataKey*\"], "
        "\"Resource\": \"*\", \"Condition\": {\"StringEquals\": {\"kms:CallerAccount\": {\"Ref\": \"AWS::AccountId\"}, \"kms:ViaService\": "
        "{\"Fn::Sub\": \"%s.${AWS::Region}.amazonaws.com\"}}}}", host) });
}

/* What a function names: in its variables and in its role's resources. */
static void
names_of(Check *check, const Function *function, StringList *ret_ids)
{
  const Json *variables = item_property(function->item, "Environment.Variables");
  for (guint i = 0; variables && variables->type == JSON_OBJECT && i < variables->n; i++) {
    const Item *item = item_of(check, template_scalar(variables->members[i].value));
    if (item)
      words_add(check->arena, ret_ids, item->id);
  }
  for (gsize i = 0; i < function->role.n; i++) {
    const Statement *statement = &function->role.v[i];
    for (gsize j = 0; statement->allow && j < statement->resources.n; j++) {
      const Item *item = item_of(check, statement->resources.v[j]);
      if (item)
        words_add(check->arena, ret_ids, item->id);
    }
  }
}

static void
check_keys(Check *check, const Function *function, StringList *told)
{
  const Item *role = item_exactly(check, item_text(function->item, "Role"));
  StringList ids = { 0 };
  const char *host = NULL;
  names_of(check, function, &ids);
  for (gsize i = 0; role && i < ids.n; i++) {
    const Item *item = item_find(check, ids.v[i]), *key = item ? key_of(check, item, &host) : NULL;
    const Json *document = key ? item_property(key, "KeyPolicy") : NULL;
    const char *pair = key ? arena_printf(check->arena, "%s %s", role->id, key->id) : NULL;
    Statements policy = { .complete = TRUE };
    if (!key || string_list_has(told, pair))
      continue;
    if (document)
      statements_read(check, document, &policy);
    const Calls calls = calls_of(function, service_of_iam("kms", 3), "kms:Decrypt");
    KeyAnswer answer = document ? key_answer(check, &policy, role, host, &calls) : KEY_DELEGATES;
    if (!policy.complete || answer == KEY_LETS || (answer == KEY_DELEGATES && role_may_decrypt(check, function, host, &calls)))
      continue;
    words_add(check->arena, told, pair);
    tell_key(check, function, item, key, host, answer == KEY_DELEGATES);
  }
}

/* -- the role ---------------------------------------------------------------------------------------------------------------- */

static void
check_interface_permission(Check *check, const Function *function)
{
  const Item *role = item_exactly(check, item_text(function->item, "Role"));
  if (!role || !function->in_vpc || !function->role.complete || statements_allow(&function->role, "ec2:CreateNetworkInterface"))
    return;
  tell(check, &(Telling){ RULE_ROLE_NETWORK_INTERFACE, CERTAINTY_CERTAIN, { role, NULL },
    arena_printf(check->arena, "AWS refuses %s: The provided execution role does not have permissions to call CreateNetworkInterface on EC2", function->item->id),
    arena_printf(check->arena, "%s has a VpcConfig -> Lambda makes its interface with %s -> none of its policies allows ec2:CreateNetworkInterface",
                 function->item->id, role->id),
    "all policies of the role are in the template",
    arena_printf(check->arena, "{\"%s\": {\"Properties\": {\"ManagedPolicyArns\": [{\"Fn::Sub\": "
      "\"arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole\"}]}}}", role->id) });
}

/* The action that a method of an SDK asks for; NULL: not told by the method's name. */
static const char *
iam_action(Check *check, const CodeCall *call)
{
  static const struct { const char *iam, *method, *action; } others[] = {
    { "s3", "ListObjects", "ListBucket" }, { "s3", "ListObjectsV2", "ListBucket" }, { "s3", "HeadBucket", "ListBucket" },
    { "s3", "HeadObject", "GetObject" }, { "s3", "DownloadFile", "GetObject" }, { "s3", "DownloadFileobj", "GetObject" },
    { "s3", "UploadFile", "PutObject" }, { "s3", "UploadFileobj", "PutObject" }, { "s3", "DeleteObjects", "DeleteObject" },
    { "s3", "ListBuckets", "ListAllMyBuckets" }, { "lambda", "Invoke", "InvokeFunction" },
  };
  static const char *const plain[] = { "dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query",
    "dynamodb:Scan", "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "secretsmanager:GetSecretValue",
    "secretsmanager:DescribeSecret", "secretsmanager:PutSecretValue", "sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sns:Publish",
    "ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "ssm:PutParameter", "kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey",
    "events:PutEvents", "states:StartExecution", "kinesis:PutRecord", "kinesis:PutRecords", "firehose:PutRecord", "firehose:PutRecordBatch" };
  if (!call->service)
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
    if (strcmp(others[i].iam, call->service->iam) == 0 && strcmp(others[i].method, call->action) == 0)
      return arena_printf(check->arena, "%s:%s", others[i].iam, others[i].action);
  }
  const char *action = arena_printf(check->arena, "%s:%s", call->service->iam, call->action);
  for (guint i = 0; i < G_N_ELEMENTS(plain); i++) {
    if (strcmp(plain[i], action) == 0)
      return action;
  }
  return NULL;
}

static void
check_actions(Check *check, const Function *function)
{
  const Item *role = item_exactly(check, item_text(function->item, "Role"));
  StringList told = { 0 };
  for (gsize i = 0; role && function->role.complete && i < function->code.n_calls; i++) {
    const CodeCall *call = &function->code.calls[i];
    const char *action = iam_action(check, call);
    const Calls calls = action ? calls_of(function, call->service, action) : (Calls){ 0 };
    if (!action || string_list_has(&told, action) || statements_allow_calls(check, &function->role, action, &calls))
      continue;
    words_add(check->arena, &told, action);
    tell(check, &(Telling){ RULE_ROLE_LACKS_ACTION, CERTAINTY_LIKELY, { function->item, NULL, call->file, call->line },
      arena_printf(check->arena, "the call is denied: AccessDenied, because no identity-based policy allows the %s action", action),
      arena_printf(check->arena, "%s calls it as %s -> none of the role's policies allows it", function->item->id, role->id),
      "all policies of the role are in the template; that the call is ever made is read off the code",
      arena_printf(check->arena, "{\"Effect\": \"Allow\", \"Action\": \"%s\", \"Resource\": \"*\"}", action) });
  }
}

void
rules_policies(Check *check)
{
  StringList told = { 0 };
  for (guint i = 0; i < check->functions->len; i++) {
    const Function *function = check->functions->pdata[i];
    check_interface_permission(check, function);
    check_endpoint_policies(check, function);
    check_keys(check, function, &told);
    check_actions(check, function);
  }
}
