/* sam: what AWS SAM's transform makes of a template, as far as reachability and permissions go: functions with their roles, tables. Values stay
 * where they were written, so that findings name the user's own lines.
 * https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html */
#include "check/sam.h"

#include "stack/template.h"

#include <string.h>

typedef struct Sam {
  Arena *arena;
  const Json *globals;       /* Globals.Function, or NULL */
  Json *resources;           /* being made */
  StringList *left;
} Sam;

/* -- making values ----------------------------------------------------------------------------------------------------------- */

static Json *
at(Json *json, const Json *from)
{
  json->line = from->line;
  json->column = from->column;
  return json;
}

static Json *
text(const Sam *sam, const char *value, const Json *from)
{
  return at(json_new_string(sam->arena, value), from);
}

static Json *
object(const Sam *sam, const Json *from)
{
  return at(json_new_object(sam->arena), from);
}

static void
set(const Sam *sam, Json *into, const char *key, const Json *value)
{
  if (value)
    json_set(sam->arena, into, key, (Json *) value);
}

/* {function: value}, as {"Ref": "Orders"}. */
static Json *
call(const Sam *sam, const char *function, const Json *value, const Json *from)
{
  Json *json = object(sam, from);
  set(sam, json, function, value);
  return json;
}

static void
add_resource(const Sam *sam, const char *id, const char *type, const Json *properties, const Json *old)
{
  Json *resource = object(sam, old);
  static const char *const kept[] = { "Condition", "DependsOn", "Metadata", "DeletionPolicy", "UpdateReplacePolicy" };
  const Json *type_at = json_get(old, "Type");
  set(sam, resource, "Type", text(sam, type, type_at ? type_at : old));
  set(sam, resource, "Properties", properties);
  for (guint i = 0; i < G_N_ELEMENTS(kept); i++)
    set(sam, resource, kept[i], json_get(old, kept[i]));
  json_set(sam->arena, sam->resources, id, resource);
}

/* -- functions --------------------------------------------------------------------------------------------------------------- */

/* A function's own property, or that of Globals; of two maps both. */
static const Json *
function_property(const Sam *sam, const Json *properties, const char *name)
{
  const Json *own = json_get(properties, name), *common = json_get(sam->globals, name);
  if (!own || !common || own->type != JSON_OBJECT || common->type != JSON_OBJECT)
    return own ? own : common;
  Json *both = object(sam, own);
  for (guint i = 0; i < common->n; i++)
    json_set(sam->arena, both, common->members[i].key, common->members[i].value);
  for (guint i = 0; i < own->n; i++) {
    const Json *other = json_get(both, own->members[i].key);
    Json *value = own->members[i].value;
    if (other && other->type == JSON_OBJECT && value->type == JSON_OBJECT) { /* Environment.Variables */
      Json *merged = json_copy(sam->arena, other);
      for (guint j = 0; j < value->n; j++)
        json_set(sam->arena, merged, value->members[j].key, value->members[j].value);
      value = merged;
    }
    json_set(sam->arena, both, own->members[i].key, value);
  }
  return both;
}

/* Policy templates: the parameter that names the resource, how its ARN is made, the actions.
 * https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-policy-template-list.html */
static const struct { const char *name, *parameter, *arn, *actions; } policy_templates[] = {
  { "DynamoDBCrudPolicy", "TableName", "dynamodb:${AWS::Region}:${AWS::AccountId}:table/${name}", "dynamodb:GetItem dynamodb:DeleteItem dynamodb:PutItem "
    "dynamodb:Scan dynamodb:Query dynamodb:UpdateItem dynamodb:BatchWriteItem dynamodb:BatchGetItem dynamodb:DescribeTable "
    "dynamodb:ConditionCheckItem" },
  { "DynamoDBReadPolicy", "TableName", "dynamodb:${AWS::Region}:${AWS::AccountId}:table/${name}", "dynamodb:GetItem dynamodb:Scan dynamodb:Query "
    "dynamodb:BatchGetItem dynamodb:DescribeTable" },
  { "DynamoDBWritePolicy", "TableName", "dynamodb:${AWS::Region}:${AWS::AccountId}:table/${name}", "dynamodb:PutItem dynamodb:UpdateItem "
    "dynamodb:BatchWriteItem" },
  { "S3ReadPolicy", "BucketName", "s3:::${name}/*", "s3:GetObject s3:ListBucket s3:GetBucketLocation s3:GetObjectVersion s3:GetLifecycleConfiguration" },
  { "S3WritePolicy", "BucketName", "s3:::${name}/*", "s3:PutObject s3:PutObjectAcl s3:PutLifecycleConfiguration" },
  { "S3CrudPolicy", "BucketName", "s3:::${name}/*", "s3:GetObject s3:ListBucket s3:GetBucketLocation s3:GetObjectVersion s3:PutObject s3:PutObjectAcl "
    "s3:GetLifecycleConfiguration s3:PutLifecycleConfiguration s3:DeleteObject" },
  { "SQSSendMessagePolicy", "QueueName", "sqs:${AWS::Region}:${AWS::AccountId}:${name}", "sqs:SendMessage*" },
  { "SQSPollerPolicy", "QueueName", "sqs:${AWS::Region}:${AWS::AccountId}:${name}", "sqs:ChangeMessageVisibility sqs:DeleteMessage "
    "sqs:GetQueueAttributes sqs:ReceiveMessage" },
  { "SNSPublishMessagePolicy", "TopicName", "sns:${AWS::Region}:${AWS::AccountId}:${name}", "sns:Publish" },
  { "LambdaInvokePolicy", "FunctionName", "lambda:${AWS::Region}:${AWS::AccountId}:function:${name}*", "lambda:InvokeFunction" },
  { "AWSSecretsManagerGetSecretValuePolicy", "SecretArn", NULL, "secretsmanager:GetSecretValue" },
  { "SSMParameterReadPolicy", "ParameterName", "ssm:${AWS::Region}:${AWS::AccountId}:parameter/${name}", "ssm:DescribeParameters ssm:GetParameters "
    "ssm:GetParameter ssm:GetParametersByPath" },
  { "KMSDecryptPolicy", "KeyId", "kms:${AWS::Region}:${AWS::AccountId}:key/${name}", "kms:Decrypt" },
  { "EventBridgePutEventsPolicy", "EventBusName", "events:${AWS::Region}:${AWS::AccountId}:event-bus/${name}", "events:PutEvents" },
  { "StepFunctionsExecutionPolicy", "StateMachineName", "states:${AWS::Region}:${AWS::AccountId}:stateMachine:${name}", "states:StartExecution" },
  { "VPCAccessPolicy", NULL, NULL, "ec2:CreateNetworkInterface ec2:DeleteNetworkInterface ec2:DescribeNetworkInterfaces ec2:DetachNetworkInterface" },
};

/* The document of {"DynamoDBCrudPolicy": {"TableName": ...}}; NULL: no such template is known. */
static Json *
template_document(const Sam *sam, const JsonMember *policy)
{
  for (guint i = 0; i < G_N_ELEMENTS(policy_templates); i++) {
    if (strcmp(policy_templates[i].name, policy->key) != 0)
      continue;
    Json *document = object(sam, policy->value), *statement = object(sam, policy->value), *actions = json_new_array(sam->arena);
    const Json *name = policy_templates[i].parameter ? json_get(policy->value, policy_templates[i].parameter) : NULL;
    const Json *resource = name ? name : text(sam, "*", policy->value);
    if (name && policy_templates[i].arn) {
      Json *list = json_new_array(sam->arena), *variables = object(sam, name);
      set(sam, variables, "name", name);
      json_append(sam->arena, list, text(sam, arena_printf(sam->arena, "arn:aws:%s", policy_templates[i].arn), name));
      json_append(sam->arena, list, variables);
      resource = call(sam, "Fn::Sub", list, name);
    }
    g_auto(GStrv) parts = g_strsplit(policy_templates[i].actions, " ", -1);
    for (char **part = parts; *part; part++)
      json_append(sam->arena, actions, text(sam, *part, policy->value));
    set(sam, statement, "Effect", text(sam, "Allow", policy->value));
    set(sam, statement, "Action", actions);
    set(sam, statement, "Resource", resource);
    set(sam, document, "Statement", statement);
    return document;
  }
  return NULL;
}

static void
add_inline(const Sam *sam, Json *policies, const Json *document)
{
  Json *policy = object(sam, document);
  set(sam, policy, "PolicyName", text(sam, "sam", document));
  set(sam, policy, "PolicyDocument", document);
  json_append(sam->arena, policies, policy);
}

static void
add_policy(const Sam *sam, const Json *policy, Json *arns, Json *policies)
{
  const char *name = json_string(policy);
  if (name && !strchr(name, ':'))
    json_append(sam->arena, arns, text(sam, arena_printf(sam->arena, "arn:aws:iam::aws:policy/%s", name), policy));
  else if (json_get(policy, "Statement"))
    add_inline(sam, policies, policy);
  else if (policy->type == JSON_OBJECT && policy->n == 1 && g_str_has_suffix(policy->members[0].key, "Policy")) {
    const Json *document = template_document(sam, &policy->members[0]);
    if (document)
      add_inline(sam, policies, document);
    else /* allows what is not known here */
      json_append(sam->arena, arns, text(sam, "${?}", policy));
  } else {
    json_append(sam->arena, arns, (Json *) policy);
  }
}

static Json *
trust(const Sam *sam, const Json *from)
{
  static const char document[] = "{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Principal\": {\"Service\": "
                                 "\"lambda.amazonaws.com\"}, \"Action\": \"sts:AssumeRole\"}]}";
  Json *json = NULL;
  g_autoptr(Error) error = json_parse(sam->arena, document, strlen(document), &json);
  return error ? object(sam, from) : at(json, from);
}

static void
add_role(const Sam *sam, const char *id, const Json *old, const Json *given, gboolean in_vpc)
{
  Json *role = object(sam, old), *arns = json_new_array(sam->arena), *policies = json_new_array(sam->arena);
  json_append(sam->arena, arns, text(sam, "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole", old));
  if (in_vpc)
    json_append(sam->arena, arns, text(sam, "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole", old));
  gboolean is_list = given && given->type == JSON_ARRAY;
  for (guint i = 0; given && i < (is_list ? given->n : 1); i++)
    add_policy(sam, is_list ? given->items[i] : given, arns, policies);
  set(sam, role, "AssumeRolePolicyDocument", trust(sam, old));
  set(sam, role, "ManagedPolicyArns", arns);
  set(sam, role, "Policies", policies);
  add_resource(sam, id, "AWS::IAM::Role", role, old);
}

static const Json *
function_code(const Sam *sam, const Json *properties, const Json *old)
{
  const Json *uri = function_property(sam, properties, "CodeUri"), *inside = json_get(properties, "InlineCode"), *image = json_get(properties, "ImageUri");
  Json *code = object(sam, uri ? uri : old);
  if (json_string(uri) && !g_str_has_prefix(uri->text, "s3://"))
    return uri;
  if (inside) {
    set(sam, code, "ZipFile", inside);
  } else if (image) {
    set(sam, code, "ImageUri", image);
  } else {
    set(sam, code, "S3Bucket", uri && json_get(uri, "Bucket") ? json_get(uri, "Bucket") : text(sam, "bucket", old));
    set(sam, code, "S3Key", uri && json_get(uri, "Key") ? json_get(uri, "Key") : text(sam, "key", old));
  }
  return code;
}

static void
expand_function(const Sam *sam, const char *id, const Json *old)
{
  static const char *const same[] = { "FunctionName", "Description", "Runtime", "Handler", "Timeout", "MemorySize", "VpcConfig", "Environment", "Layers",
    "KmsKeyArn", "ReservedConcurrentExecutions", "Architectures", "PackageType", "EphemeralStorage" };
  const Json *properties = json_get(old, "Properties"), *role = function_property(sam, properties, "Role");
  const Json *dead = function_property(sam, properties, "DeadLetterQueue"), *vpc = function_property(sam, properties, "VpcConfig");
  Json *made = object(sam, properties ? properties : old);
  for (guint i = 0; i < G_N_ELEMENTS(same); i++)
    set(sam, made, same[i], function_property(sam, properties, same[i]));
  set(sam, made, "Code", function_code(sam, properties, old));
  if (dead)
    set(sam, made, "DeadLetterConfig", call(sam, "TargetArn", json_get(dead, "TargetArn"), dead));
  if (!role) {
    const char *role_id = arena_printf(sam->arena, "%sRole", id);
    Json *list = json_new_array(sam->arena);
    json_append(sam->arena, list, text(sam, role_id, old));
    json_append(sam->arena, list, text(sam, "Arn", old));
    role = call(sam, "Fn::GetAtt", list, old);
    add_role(sam, role_id, old, function_property(sam, properties, "Policies"), vpc != NULL);
  }
  set(sam, made, "Role", role);
  add_resource(sam, id, "AWS::Lambda::Function", made, old);
}

/* -- the rest ---------------------------------------------------------------------------------------------------------------- */

static void
expand_table(const Sam *sam, const char *id, const Json *old)
{
  static const char plain[] = "{\"BillingMode\": \"PAY_PER_REQUEST\", \"AttributeDefinitions\": [{\"AttributeName\": \"id\", \"AttributeType\": \"S\"}], "
                              "\"KeySchema\": [{\"AttributeName\": \"id\", \"KeyType\": \"HASH\"}]}";
  Json *properties = NULL;
  g_autoptr(Error) error = json_parse(sam->arena, plain, strlen(plain), &properties);
  if (error)
    return;
  set(sam, properties, "TableName", json_path(old, "Properties.TableName"));
  add_resource(sam, id, "AWS::DynamoDB::Table", at(properties, old), old);
}

/* Something of which only its name and attributes matter here. */
static void
add_opaque(const Sam *sam, const char *id, const Json *old)
{
  Json *properties = object(sam, old);
  set(sam, properties, "ServiceToken", text(sam, "sam", old));
  add_resource(sam, id, "Custom::Serverless", properties, old);
}

static void
expand_resource(const Sam *sam, const JsonMember *member)
{
  static const char *const quiet[] = { "AWS::Serverless::Api", "AWS::Serverless::HttpApi", "AWS::Serverless::LayerVersion", NULL };
  const char *type = json_string(json_get(member->value, "Type"));
  if (g_strcmp0(type, "AWS::Serverless::Function") == 0) {
    expand_function(sam, member->key, member->value);
  } else if (g_strcmp0(type, "AWS::Serverless::SimpleTable") == 0) {
    expand_table(sam, member->key, member->value);
  } else if (type && g_str_has_prefix(type, "AWS::Serverless::")) {
    add_opaque(sam, member->key, member->value);
    if (!g_strv_contains(quiet, type))
      LIST_APPEND(sam->arena, sam->left, member->key);
  } else {
    json_set(sam->arena, sam->resources, member->key, member->value);
  }
}

/* What the transform makes by itself, for references to it. */
static void
add_implicit(const Sam *sam, const Json *root)
{
  static const char *const implicit[] = { "ServerlessRestApi", "ServerlessHttpApi", "ServerlessRestApiProdStage", "ServerlessHttpApiApiGatewayDefaultStage" };
  for (guint i = 0; i < G_N_ELEMENTS(implicit); i++) {
    if (!json_get(sam->resources, implicit[i]))
      add_opaque(sam, implicit[i], root);
  }
}

Json *
sam_expand(Arena *arena, const Json *root, StringList *ret_left)
{
  const Json *resources = json_get(root, "Resources");
  Sam sam = { .arena = arena, .globals = json_path(root, "Globals.Function"), .left = ret_left };
  Json *made = object(&sam, root);
  sam.resources = resources ? object(&sam, resources) : json_new_object(arena);
  for (guint i = 0; resources && resources->type == JSON_OBJECT && i < resources->n; i++)
    expand_resource(&sam, &resources->members[i]);
  add_implicit(&sam, root);
  for (guint i = 0; i < root->n; i++) {
    const char *key = root->members[i].key;
    if (strcmp(key, "Transform") != 0 && strcmp(key, "Globals") != 0)
      json_set(arena, made, key, strcmp(key, "Resources") == 0 ? sam.resources : root->members[i].value);
  }
  return made;
}
