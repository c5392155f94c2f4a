/* role: what a role may do, as far as the template says. */
#include "check/model.h"

#include <string.h>

static void
read_texts(Check *check, const Json *list, StringList *into)
{
  for (guint i = 0; i < list_n(list); i++) {
    const char *text = template_scalar(list_at(list, i));
    if (text)
      LIST_APPEND(check->arena, into, text);
  }
}

static void
add_statement(Check *check, Statements *into, const Statement *statement)
{
  Statement *more = ARENA_ARRAY(check->arena, Statement, into->n + 1);
  if (into->n)
    memcpy(more, into->v, into->n * sizeof *more);
  more[into->n++] = *statement;
  into->v = more;
}

static void
read_statement(Check *check, const Json *json, Statements *into)
{
  if (json->type != JSON_OBJECT) {
    into->complete = FALSE;
    return;
  }
  Statement statement = { .allow = g_strcmp0(json_string(json_get(json, "Effect")), "Allow") == 0, .principal = json_get(json, "Principal"),
    .condition = json_get(json, "Condition"), .at = json };
  statement.not_action = json_get(json, "NotAction") != NULL;
  statement.not_resource = json_get(json, "NotResource") != NULL;
  read_texts(check, json_get(json, statement.not_action ? "NotAction" : "Action"), &statement.actions);
  read_texts(check, json_get(json, statement.not_resource ? "NotResource" : "Resource"), &statement.resources);
  if (statement.actions.n && statement.actions.v[0] && json_get(json, "Action"))
    statement.at = json_get(json, "Action");
  add_statement(check, into, &statement);
}

void
statements_read(Check *check, const Json *document, Statements *into)
{
  const Json *list = json_get(document, "Statement");
  if (!document || document->type != JSON_OBJECT)
    into->complete = FALSE;
  for (guint i = 0; i < list_n(list); i++)
    read_statement(check, list_at(list, i), into);
}

/* -- policies of AWS's ------------------------------------------------------------------------------------------------------- */

typedef struct Managed {
  const char *name, *actions;   /* separated by blanks */
} Managed;

/* https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html; of the large ones what functions use. */
static const Managed managed_policies[] = {
  { "AWSLambdaBasicExecutionRole", "logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents" },
  { "AWSLambdaVPCAccessExecutionRole", "logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents ec2:CreateNetworkInterface "
    "ec2:DescribeNetworkInterfaces ec2:DescribeSubnets ec2:DeleteNetworkInterface ec2:AssignPrivateIpAddresses "
    "ec2:UnassignPrivateIpAddresses" },
  { "AWSLambdaENIManagementAccess", "ec2:CreateNetworkInterface ec2:DescribeNetworkInterfaces ec2:DeleteNetworkInterface "
    "ec2:AssignPrivateIpAddresses ec2:UnassignPrivateIpAddresses" },
  { "AWSLambdaSQSQueueExecutionRole", "sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes logs:*" },
  { "AWSLambdaDynamoDBExecutionRole", "dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator dynamodb:ListStreams logs:*" },
  { "AWSLambdaKinesisExecutionRole", "kinesis:DescribeStream kinesis:GetRecords kinesis:GetShardIterator kinesis:ListStreams logs:*" },
  { "AWSXRayDaemonWriteAccess", "xray:*" },
  { "AWSLambdaRole", "lambda:InvokeFunction" },
  { "AmazonS3FullAccess", "s3:* s3-object-lambda:*" },
  { "AmazonS3ReadOnlyAccess", "s3:Get* s3:List* s3:Describe*" },
  { "AmazonDynamoDBFullAccess", "dynamodb:*" },
  { "AmazonDynamoDBReadOnlyAccess", "dynamodb:Get* dynamodb:Query dynamodb:Scan dynamodb:BatchGetItem dynamodb:Describe* dynamodb:List*" },
  { "SecretsManagerReadWrite", "secretsmanager:*" },
  { "AmazonSQSFullAccess", "sqs:*" },
  { "AmazonSNSFullAccess", "sns:*" },
  { "AmazonSSMReadOnlyAccess", "ssm:Describe* ssm:Get* ssm:List*" },
  { "AmazonSSMFullAccess", "ssm:*" },
  { "AmazonRDSDataFullAccess", "rds-data:* secretsmanager:GetSecretValue" },
  { "CloudWatchLogsFullAccess", "logs:*" },
  { "CloudWatchLambdaInsightsExecutionRolePolicy", "logs:*" },
  { "AdministratorAccess", "*" },
  { "PowerUserAccess", "*" },
};

static gboolean
read_managed(Check *check, const char *arn, Statements *into)
{
  const char *slash = strrchr(arn, '/');
  for (guint i = 0; slash && strstr(arn, ":iam::aws:policy/") && i < G_N_ELEMENTS(managed_policies); i++) {
    if (strcmp(slash + 1, managed_policies[i].name) != 0)
      continue;
    Statement statement = { .allow = TRUE, .managed = TRUE };
    g_auto(GStrv) actions = g_strsplit(managed_policies[i].actions, " ", -1);
    for (char **action = actions; *action; action++)
      LIST_APPEND(check->arena, &statement.actions, arena_strdup(check->arena, *action));
    LIST_APPEND(check->arena, &statement.resources, "*");
    add_statement(check, into, &statement);
    return TRUE;
  }
  return FALSE;
}

/* -- the role ---------------------------------------------------------------------------------------------------------------- */

static gboolean
names_role(const Check *check, const Json *list, const Item *role)
{
  for (guint i = 0; i < list_n(list); i++) {
    const char *text = template_scalar(list_at(list, i)), *name = item_text(role, "RoleName");
    if (item_exactly(check, text) == role || (name && text && strcmp(name, text) == 0))
      return TRUE;
  }
  return FALSE;
}

static void
read_attached(Check *check, const Item *role, Statements *into)
{
  static const struct { const char *type, *property; } attached[] = {
    { "AWS::IAM::Policy", "Roles" }, { "AWS::IAM::ManagedPolicy", "Roles" }, { "AWS::IAM::RolePolicy", "RoleName" },
  };
  const Item *item;
  for (guint t = 0; t < G_N_ELEMENTS(attached); t++) {
    for (guint i = 0; (item = item_next(check, attached[t].type, &i)) != NULL;) {
      if (names_role(check, item_property(item, attached[t].property), role))
        statements_read(check, item_property(item, "PolicyDocument"), into);
    }
  }
}

Statements
role_statements(Check *check, const char *text)
{
  const Item *role = item_exactly(check, text);
  Statements statements = { .complete = TRUE };
  if (!role || strcmp(role->type, "AWS::IAM::Role") != 0)
    return (Statements){ 0 };
  const Json *policies = item_property(role, "Policies"), *arns = item_property(role, "ManagedPolicyArns");
  for (guint i = 0; i < list_n(policies); i++)
    statements_read(check, json_get(list_at(policies, i), "PolicyDocument"), &statements);
  for (guint i = 0; i < list_n(arns); i++) {
    const char *arn = template_scalar(list_at(arns, i));
    const Item *item = item_exactly(check, arn);
    if (item && strcmp(item->type, "AWS::IAM::ManagedPolicy") == 0)
      statements_read(check, item_property(item, "PolicyDocument"), &statements);
    else if (!arn || !read_managed(check, arn, &statements))
      statements.complete = FALSE;
  }
  read_attached(check, role, &statements);
  return statements;
}

/* -- patterns ---------------------------------------------------------------------------------------------------------------- */

const Statement *
statements_allow(const Statements *statements, const char *action)
{
  for (gsize i = 0; i < statements->n; i++) {
    const Statement *statement = &statements->v[i];
    gboolean named = FALSE;
    for (gsize j = 0; j < statement->actions.n && !named; j++)
      named = patterns_overlap(statement->actions.v[j], action, TRUE);
    if (statement->allow && named != statement->not_action)
      return statement;
  }
  return NULL;
}

enum { PATTERN_STEPS_MAX = 20000 };

static gboolean
overlap(const char *a, const char *b, gboolean nocase, guint *steps)
{
  if (++*steps > PATTERN_STEPS_MAX)
    return TRUE; /* too long to say: nothing is found because of it */
  if (*a == '*')
    return overlap(a + 1, b, nocase, steps) || (*b && *b != '*' && overlap(a, b + 1, nocase, steps)) ||
           (*b == '*' && overlap(a, b + 1, nocase, steps));
  if (*b == '*')
    return overlap(b, a, nocase, steps);
  if (!*a || !*b)
    return *a == *b;
  gboolean same = *a == '?' || *b == '?' || *a == *b || (nocase && g_ascii_tolower(*a) == g_ascii_tolower(*b));
  return same && overlap(a + 1, b + 1, nocase, steps);
}

gboolean
patterns_overlap(const char *a, const char *b, gboolean nocase)
{
  guint steps = 0;
  return overlap(a, b, nocase, &steps);
}

/* The name that a resource was given, or NULL. */
static const char *
given_name(const Item *item)
{
  static const struct { const char *type, *property; } names[] = {
    { "AWS::S3::Bucket", "BucketName" }, { "AWS::DynamoDB::Table", "TableName" }, { "AWS::SQS::Queue", "QueueName" },
    { "AWS::SecretsManager::Secret", "Name" }, { "AWS::Lambda::Function", "FunctionName" },
  };
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    if (strcmp(names[i].type, item->type) == 0)
      return item_text(item, names[i].property);
  }
  return NULL;
}

/* Bucket and table names are put in; what is not known, and ARNs that only AWS makes, match anything. */
const char *
resource_pattern(const Check *check, const char *text)
{
  g_autoptr(GString) out = g_string_new(NULL);
  const char *at = text, *dollar;
  while ((dollar = strstr(at, "${")) != NULL) {
    const char *end = strchr(dollar, '}');
    g_string_append_len(out, at, dollar - at);
    if (!end) {
      at = dollar + strlen(dollar);
      break;
    }
    g_autofree char *symbol = g_strndup(dollar, (gsize) (end - dollar) + 1);
    const Item *item = item_exactly(check, symbol);
    const char *name = item && !strchr(symbol, '.') ? given_name(item) : NULL;
    gboolean compares = item && !strchr(symbol, '.') && g_str_has_prefix(out->str, "arn:");
    g_string_append(out, name && !strstr(name, "${") ? name : compares ? symbol : "*");
    at = end + 1;
  }
  g_string_append(out, at);
  return arena_strdup(check->arena, out->str);
}

const char *
resource_shown(const Check *check, const char *text)
{
  const char *symbol = strstr(text, "${"), *end = symbol ? strchr(symbol, '}') : NULL;
  g_autofree char *table = g_strdup_printf("arn:aws:dynamodb:%s:%s:table/", check->eval.region, check->eval.account);
  gboolean canonical = symbol && end && !memchr(symbol, '.', (gsize) (end - symbol)) &&
    ((g_str_has_prefix(text, "arn:aws:s3:::") && symbol - text == (gssize) strlen("arn:aws:s3:::")) ||
     (g_str_has_prefix(text, table) && symbol - text == (gssize) strlen(table)));
  if (!canonical)
    return text;
  return arena_printf(check->arena, "%.*s.Arn%s", (int) (end - symbol), symbol, end);
}
