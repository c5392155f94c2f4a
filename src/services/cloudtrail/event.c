/* One call as an event. https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference.html */
#include <string.h>

#include "services/cloudtrail/cloudtrail.h"

/* --- kinds --- */

/* Operations of the data plane, by service; the others are management.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html */
static const char *const data_operations[][2] = {
    {"dynamodb", "|GetItem|PutItem|UpdateItem|DeleteItem|Query|Scan|BatchGetItem|BatchWriteItem|TransactGetItems|TransactWriteItems|"
                 "ExecuteStatement|BatchExecuteStatement|ExecuteTransaction|"},
    {"s3", "|GetObject|PutObject|DeleteObject|DeleteObjects|HeadObject|CopyObject|ListObjects|ListObjectsV2|ListObjectVersions|GetObjectAttributes|"
           "CreateMultipartUpload|UploadPart|UploadPartCopy|CompleteMultipartUpload|AbortMultipartUpload|ListParts|ListMultipartUploads|GetObjectTagging|"
           "PutObjectTagging|DeleteObjectTagging|GetObjectAcl|PutObjectAcl|RestoreObject|SelectObjectContent|HeadBucket|"},
    {"lambda", "|Invoke|InvokeAsync|InvokeWithResponseStream|"},
};

/* What CloudTrail leaves out here: no trail of haar can ask for it. */
static const char *const left_out[][2] = {
    {"sqs", "|SendMessage|SendMessageBatch|ReceiveMessage|DeleteMessage|DeleteMessageBatch|ChangeMessageVisibility|ChangeMessageVisibilityBatch|"},
    {"sns", "|Publish|PublishBatch|"},
    {"logs", "|PutLogEvents|GetLogEvents|FilterLogEvents|"},
    {"cloudwatch", "|PutMetricData|GetMetricData|GetMetricStatistics|"},
};

static gboolean
is_listed(const char *const rows[][2], gsize n, const Operation *operation)
{
  g_autofree char *name = g_strdup_printf("|%s|", operation->name);
  for (gsize i = 0; i < n; i++)
    if (strcmp(rows[i][0], operation->service->name) == 0 && strstr(rows[i][1], name))
      return TRUE;
  return FALSE;
}

EventKind
event_kind(const Operation *operation)
{
  if (is_listed(data_operations, G_N_ELEMENTS(data_operations), operation))
    return EVENT_DATA;
  return is_listed(left_out, G_N_ELEMENTS(left_out), operation) ? EVENT_NONE : EVENT_MANAGEMENT;
}

gboolean
event_reads(const Operation *operation)
{
  static const char *const begins[] = {"Get",  "List",  "Describe", "Lookup",   "Head",     "Query",    "Scan",   "BatchGet", "Check",  "Search", "Filter",
                                       "Test", "Estimate", "Validate", "Decrypt", "Encrypt", "ReEncrypt", "Generate", "Verify", "Sign", "Simulate", "AssumeRole",
                                       "TransactGet", "Select"};
  for (gsize i = 0; i < G_N_ELEMENTS(begins); i++)
    if (g_str_has_prefix(operation->name, begins[i]))
      return TRUE;
  return FALSE;
}

/* --- parts --- */

static void
set(Arena *arena, Json *object, const char *name, const char *value)
{
  if (value)
    json_set(arena, object, name, json_new_string(arena, value));
}

static const char *
last_part(const char *text, char separator)
{
  const char *at = text ? strrchr(text, separator) : NULL;
  return at ? at + 1 : text;
}

static Json *
session_context(Arena *arena, const Principal *principal)
{
  Json *context = json_new_object(arena), *issuer = json_new_object(arena), *attributes = json_new_object(arena);
  const char *colon = principal->user_id ? strchr(principal->user_id, ':') : NULL;
  set(arena, issuer, "type", "Role");
  set(arena, issuer, "principalId", colon ? arena_strndup(arena, principal->user_id, (gsize) (colon - principal->user_id)) : principal->user_id);
  set(arena, issuer, "arn", principal->role_arn);
  set(arena, issuer, "accountId", principal->account);
  set(arena, issuer, "userName", last_part(principal->role_arn, '/'));
  json_set(arena, context, "sessionIssuer", issuer);
  set(arena, attributes, "creationDate", text_iso8601(arena, principal->issued_ms, FALSE));
  set(arena, attributes, "mfaAuthenticated", "false");
  json_set(arena, context, "attributes", attributes);
  return context;
}

/* Indexed by PrincipalType. */
static const char *const identity_types[] = {"Unknown", "Root", "IAMUser", "AssumedRole", "AWSService"};

static Json *
identity(const Call *call)
{
  Arena *arena = call->arena;
  const Principal *principal = call->principal;
  Json *out = json_new_object(arena);
  set(arena, out, "type", identity_types[principal->type]);
  if (principal->type == PRINCIPAL_SERVICE) {
    set(arena, out, "invokedBy", principal->arn);
    return out;
  }
  set(arena, out, "principalId", principal->user_id);
  set(arena, out, "arn", principal->arn);
  set(arena, out, "accountId", principal->account);
  set(arena, out, "accessKeyId", principal->access_key);
  if (principal->type == PRINCIPAL_USER)
    set(arena, out, "userName", last_part(principal->arn, '/'));
  if (principal->type == PRINCIPAL_ROLE_SESSION)
    json_set(arena, out, "sessionContext", session_context(arena, principal));
  if (call->via_service)
    set(arena, out, "invokedBy", arena_printf(arena, "%s.amazonaws.com", call->via_service));
  return out;
}

static const char *
user_of(const Principal *principal)
{
  switch (principal->type) {
  case PRINCIPAL_ROOT:
    return "root";
  case PRINCIPAL_USER:
  case PRINCIPAL_ROLE_SESSION:
    return last_part(principal->arn, '/');
  case PRINCIPAL_SERVICE:
    return principal->arn;
  case PRINCIPAL_ANONYMOUS:
    break;
  }
  return "anonymous";
}

/* Members that name a resource, and its type. */
static const char *const resource_members[][2] = {
    {"TableName", "AWS::DynamoDB::Table"},           {"Bucket", "AWS::S3::Bucket"},
    {"FunctionName", "AWS::Lambda::Function"},       {"RoleName", "AWS::IAM::Role"},
    {"RoleArn", "AWS::IAM::Role"},                   {"UserName", "AWS::IAM::User"},
    {"PolicyArn", "AWS::IAM::Policy"},               {"KeyId", "AWS::KMS::Key"},
    {"SecretId", "AWS::SecretsManager::Secret"},     {"TopicArn", "AWS::SNS::Topic"},
    {"QueueUrl", "AWS::SQS::Queue"},                 {"QueueName", "AWS::SQS::Queue"},
    {"StackName", "AWS::CloudFormation::Stack"},     {"DBClusterIdentifier", "AWS::RDS::DBCluster"},
    {"DBInstanceIdentifier", "AWS::RDS::DBInstance"}, {"VpcId", "AWS::EC2::VPC"},
    {"SubnetId", "AWS::EC2::Subnet"},                {"GroupId", "AWS::EC2::SecurityGroup"},
    {"logGroupName", "AWS::Logs::LogGroup"},         {"restApiId", "AWS::ApiGateway::RestApi"},
};

static void
find_resources(const Call *call, const void *in, CloudtrailEventRecord *record)
{
  const Shape *shape = call->operation->model->input;
  for (guint i = 0; in && i < shape->n_members; i++) {
    const Member *member = &shape->members[i];
    for (gsize k = 0; member->shape->type == SHAPE_STRING && k < G_N_ELEMENTS(resource_members); k++) {
      const char *value = *(const char *const *) (const void *) ((const guint8 *) in + member->offset);
      if (!value || strcmp(member->name, resource_members[k][0]) != 0)
        continue;
      LIST_APPEND(call->arena, &record->types, resource_members[k][1]);
      LIST_APPEND(call->arena, &record->names, value);
    }
  }
}

/* S3's own names, where they are not the API's. */
static Json *
parameters(const Call *call, const void *in)
{
  if (!in)
    return json_new_null(call->arena);
  Json *out = event_value(call->arena, call->operation->model->input, &in), *bucket = json_get(out, "bucket");
  if (bucket && strcmp(call->operation->service->name, "s3") == 0) {
    json_remove(out, "bucket");
    json_set(call->arena, out, "bucketName", bucket);
  }
  return out->n ? out : json_new_null(call->arena);
}

static Json *
elements(const Call *call, const void *out, gboolean reads, const Error *error)
{
  if (error || !out || (reads && !g_str_has_prefix(call->operation->name, "AssumeRole")))
    return json_new_null(call->arena);
  Json *json = event_value(call->arena, call->operation->model->output, &out);
  return json->n ? json : json_new_null(call->arena);
}

static void
set_source(const Call *call, Json *event)
{
  const CallSource *source = call->source;
  const char *service = call->via_service ? arena_printf(call->arena, "%s.amazonaws.com", call->via_service)
                        : call->principal->type == PRINCIPAL_SERVICE ? call->principal->arn
                                                                     : NULL;
  set(call->arena, event, "sourceIPAddress", service ? service : source->ip);
  set(call->arena, event, "userAgent", service ? service : source->user_agent);
  if (source->endpoint_id && !service) {
    set(call->arena, event, "vpcEndpointId", source->endpoint_id);
    set(call->arena, event, "vpcEndpointAccountId", call->account);
  }
}

static const char *
event_json(const Call *call, const CloudtrailEventRecord *record, const void *in, const void *out, const Error *error)
{
  Arena *arena = call->arena;
  Json *event = json_new_object(arena);
  gboolean data = OPT_OR(record->data, FALSE), reads = OPT_OR(record->readOnly, FALSE), fault = error && error->kind == ERROR_FAULT;
  set(arena, event, "eventVersion", "1.09");
  json_set(arena, event, "userIdentity", identity(call));
  set(arena, event, "eventTime", text_iso8601(arena, call->now, FALSE));
  set(arena, event, "eventSource", record->source);
  set(arena, event, "eventName", record->name);
  set(arena, event, "awsRegion", call->region);
  set_source(call, event);
  set(arena, event, "errorCode", !error ? NULL : fault ? "InternalFailure" : error->code);
  set(arena, event, "errorMessage", !error ? NULL : fault ? "We encountered an internal error. Please try again." : error->message);
  json_set(arena, event, "requestParameters", parameters(call, in));
  json_set(arena, event, "responseElements", elements(call, out, reads, error));
  set(arena, event, "requestID", call->request_id);
  set(arena, event, "eventID", record->id);
  json_set(arena, event, "readOnly", json_new_bool(arena, reads));
  set(arena, event, "eventType", "AwsApiCall");
  json_set(arena, event, "managementEvent", json_new_bool(arena, !data));
  set(arena, event, "recipientAccountId", call->account);
  set(arena, event, "eventCategory", data ? "Data" : "Management");
  return json_text(arena, event);
}

CloudtrailEventRecord *
event_make(const Call *call, const void *in, const void *out, const Error *error)
{
  CloudtrailEventRecord *record = ARENA_NEW(call->arena, CloudtrailEventRecord);
  const Operation *operation = call->operation;
  record->id = id_uuid(call->arena);
  record->time = OPT_INT(call->now);
  record->name = operation->name;
  record->source = arena_printf(call->arena, "%s.amazonaws.com", operation->service->endpoint_prefix);
  record->user = user_of(call->principal);
  record->accessKey = call->principal->access_key;
  record->readOnly = OPT_BOOL(event_reads(operation));
  record->data = OPT_BOOL(event_kind(operation) == EVENT_DATA);
  find_resources(call, in, record);
  record->json = event_json(call, record, in, out, error);
  return record;
}

/* --- data events --- */

static const char *
text_member(const Call *call, const void *in, const char *name)
{
  const Shape *shape = call->operation->model->input;
  for (guint i = 0; in && i < shape->n_members; i++)
    if (shape->members[i].shape->type == SHAPE_STRING && strcmp(shape->members[i].name, name) == 0)
      return *(const char *const *) (const void *) ((const guint8 *) in + shape->members[i].offset);
  return NULL;
}

const char *
event_data_arn(const Call *call, const void *in, const char **ret_type)
{
  const char *service = call->operation->service->name;
  if (strcmp(service, "s3") == 0) {
    const char *bucket = text_member(call, in, "Bucket"), *key = text_member(call, in, "Key");
    *ret_type = "AWS::S3::Object";
    return bucket ? arena_printf(call->arena, "arn:aws:s3:::%s/%s", bucket, key ? key : "") : NULL;
  }
  if (strcmp(service, "dynamodb") == 0) {
    const char *table = text_member(call, in, "TableName");
    *ret_type = "AWS::DynamoDB::Table";
    return table && g_str_has_prefix(table, "arn:") ? table : call_arn(call, "dynamodb", "table/%s", table ? table : "");
  }
  const char *name = text_member(call, in, "FunctionName");
  *ret_type = "AWS::Lambda::Function";
  return name && g_str_has_prefix(name, "arn:") ? name : call_arn(call, "lambda", "function:%s", last_part(name ? name : "", ':'));
}
