/* The addresses look like AWS's: presigned URLs of buckets that CloudFormation owns. Here the bucket is this file. The last part of the path
 * is random and is what entitles to send. */
#include "services/cloudformation/signal.h"
#include <string.h>

static const Table signals = { "cloudformation.signals" };

enum { KEY_DIGITS = 40, MESSAGE_MAX = 4096 };

SignalAddress
signal_address(Call *call, const char *kind, const char *stack_id, const char *logical_id)
{
  SignalAddress address = { .key = id_hex(call->arena, KEY_DIGITS) };
  const char *id = text_uri_encode(call->arena, stack_id, FALSE);
  address.url = arena_printf(call->arena, "https://cloudformation-%s-%s.s3.%s.amazonaws.com/%s/%s/%s?X-Amz-Algorithm=AWS4-HMAC-SHA256&"
                             "X-Amz-Expires=86399&X-Amz-SignedHeaders=host&X-Amz-Signature=%s", kind, call->region, call->region, id,
                             logical_id, address.key, id_hex(call->arena, 64));
  return address;
}

const char *
signal_key(const char *url)
{
  static const char prefix[] = "https://cloudformation-";
  const char *query = url ? strchr(url, '?') : NULL;
  if (!query || !g_str_has_prefix(url, prefix) || query - url < KEY_DIGITS + 1)
    return NULL;
  return query - KEY_DIGITS;
}

const char *
signal_resource_key(Arena *arena, const char *stack_id, const char *logical_id)
{
  g_autofree char *name = g_strdup_printf("%s %s", stack_id, logical_id);
  g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, name, -1);
  return arena_strndup(arena, digest, KEY_DIGITS - 1); /* what arrives by an address has a digit more */
}

typedef struct Change {
  const char *key, *unique_id;
  const Json *message;
  Json *list;
  gboolean known;
} Change;

static void
make_key(Key *key, const char *text)
{
  g_autofree char *name = g_strndup(text, KEY_DIGITS);
  key_strings(key, name, NULL);
}

static Error *
open_in_txn(Call *call, gpointer data)
{
  Key key;
  make_key(&key, data);
  key_add(&key, "");
  return store_put(call->txn, &signals, &key, "null", 4);
}

Error *
signal_open(Call *call, const char *key)
{
  return call_write(call, open_in_txn, (gpointer) key);
}

static Error *
close_in_txn(Call *call, gpointer data)
{
  Key key;
  make_key(&key, data);
  return store_delete_prefix(call->txn, &signals, &key, NULL);
}

Error *
signal_close(Call *call, const char *key)
{
  return call_write(call, close_in_txn, (gpointer) key);
}

static Error *
add_in_txn(Call *call, gpointer data)
{
  Change *change = data;
  Key key;
  const void *found = NULL;
  gsize size = 0;
  make_key(&key, change->key);
  key_add(&key, "");
  TRY(store_get(call->txn, &signals, &key, &found, &size));
  change->known = found != NULL;
  if (!found)
    return NULL;
  const char *text = json_text(call->arena, change->message);
  make_key(&key, change->key);
  key_add(&key, change->unique_id);
  return store_put(call->txn, &signals, &key, text, strlen(text));
}

Error *
signal_add(Call *call, const char *key, const char *unique_id, const Json *message)
{
  Change change = { .key = key, .unique_id = unique_id, .message = message };
  TRY(call_write(call, add_in_txn, &change));
  return change.known ? NULL : error_answer_status(403, "AccessDenied", "Access Denied");
}

static Error *
list_in_txn(Call *call, gpointer data)
{
  Change *change = data;
  Key key;
  g_autoptr(Cursor) cursor = NULL;
  make_key(&key, change->key);
  CursorOptions options = { .prefix = &key };
  TRY(cursor_open(call->txn, &signals, &options, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    const guint8 *value = cursor_value(cursor, &size);
    Json *message = NULL;
    TRY(json_parse(call->arena, (const char *) value, size, &message));
    if (message->type == JSON_OBJECT)
      json_append(call->arena, change->list, message);
  }
  return NULL;
}

Error *
signal_list(Call *call, const char *key, Json **ret_list)
{
  Change change = { .key = key, .list = json_new_array(call->arena) };
  *ret_list = change.list;
  return call_read(call, list_in_txn, &change);
}

gboolean
signal_serves(Haar *haar, const HttpRequest *request)
{
  return g_str_has_prefix(request->host, "cloudformation-waitcondition-") ||
         g_str_has_prefix(request->host, "cloudformation-custom-resource-response-");
}

/* The policy of the VPC endpoint that a message came through must allow its way to the bucket, as on AWS.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-vpce-bucketnames.html */
static Error *
check_endpoint(Call *call, gpointer data)
{
  const HttpRequest *request = data;
  const char *policy = NULL, *dot = strchr(request->host, '.');
  Error *(*find)(Haar *, Txn *, Arena *, const char *, const char **) = NULL;
  StringMap context = { 0 };
  for (const Service *const *service = haar_services; *service && !find; service++)
    find = (*service)->hooks ? (*service)->hooks->endpoint_policy : NULL;
  if (!request->source->endpoint_id || !find || !dot)
    return NULL;
  TRY(find(call->haar, call->txn, call->arena, request->source->endpoint_id, &policy));
  MAP_SET(call->arena, &context, "aws:SourceVpce", request->source->endpoint_id);
  if (request->source->vpc_id)
    MAP_SET(call->arena, &context, "aws:SourceVpc", request->source->vpc_id);
  IamRequest question = {
    .principal = principal_root(call->arena, call->account), .action = "s3:PutObject", .resource_account = call->account, .context = &context,
    .resource = arena_printf(call->arena, "arn:aws:s3:::%.*s%s", (int) (dot - request->host), request->host, request->path),
    .endpoint_policy = policy };
  Error *denied = iam_authorize(call->txn, call->arena, &question);
  if (denied)
    denied->status = 403;
  return denied;
}

static Error *
receive(Haar *haar, HttpExchange *exchange)
{
  const HttpRequest *request = http_request(exchange);
  const guint8 *data = NULL;
  gsize size = 0;
  Json *message = NULL;
  const char *last = strrchr(request->path, '/');
  g_autoptr(Call) call = call_new(haar, "000000000000", haar->region, NULL);
  if (strcmp(request->method, "PUT") != 0)
    return error_answer_status(405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
  TRY(call_read(call, check_endpoint, (gpointer) request));
  http_body(exchange, &data, &size);
  if (size > MESSAGE_MAX)
    return error_answer_status(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
  g_autoptr(Error) broken = json_parse(call->arena, (const char *) data, size, &message);
  if (broken || message->type != JSON_OBJECT)
    return error_answer_status(400, "InvalidRequest", "The message is not a JSON object");
  if (!last || strlen(last + 1) != KEY_DIGITS)
    return error_answer_status(403, "AccessDenied", "Access Denied");
  const char *unique_id = json_string(json_get(message, "UniqueId"));
  return signal_add(call, last + 1, unique_id && *unique_id ? unique_id : "response", message);
}

void
signal_serve(Haar *haar, HttpExchange *exchange)
{
  g_autoptr(Error) error = receive(haar, exchange);
  if (!error) {
    http_answer(exchange, 200, NULL, "", 0);
    return;
  }
  g_autofree char *body = g_strdup_printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message><RequestId>%s"
                                          "</RequestId></Error>", error->code, error->kind == ERROR_ANSWER ? error->message : "", http_request_id(exchange));
  StringMapEntry entry = { "Content-Type", "application/xml" };
  StringMap headers = { 1, &entry };
  http_answer(exchange, error->status ? error->status : 500, &headers, body, strlen(body));
}

OPERATION(SignalResource, signal_resource, .txn = TXN_NONE, .authorize = cloudformation_stack_resource)
static Error *
signal_resource(Call *call, const CloudformationSignalResourceInput *in, CloudformationSignalResourceOutput *ret_out)
{
  Json *stack = NULL, *list = NULL, *record = NULL, *message = json_new_object(call->arena);
  TRY(stack_find(call, in->StackName, &stack));
  TRY(stack_resources(call, stack, &list));
  for (guint i = 0; i < list->n; i++) {
    if (strcmp(record_text(list->items[i], "LogicalResourceId"), in->LogicalResourceId) == 0)
      record = list->items[i];
  }
  if (!record)
    return error_answer("ValidationError", "Resource %s does not exist for stack %s", in->LogicalResourceId, in->StackName);
  if (strcmp(record_text(record, "ResourceType"), "AWS::CloudFormation::WaitConditionHandle") == 0)
    return error_answer("ValidationError", "Resource %s is of type AWS_CLOUDFORMATION_WAIT_CONDITION_HANDLE_V3 and cannot be signaled",
                        in->LogicalResourceId);
  if (strcmp(record_text(record, "ResourceStatus"), "CREATE_IN_PROGRESS") != 0 || !json_get(record, "_CreationPolicy"))
    return error_answer("ValidationError", "Resource %s is in %s state and has %s and cannot be signaled", in->LogicalResourceId,
                        record_text(record, "ResourceStatus"), json_get(record, "_CreationPolicy") ? "a CreationPolicy" : "no CreationPolicy");
  json_set(call->arena, message, "Status", json_new_string(call->arena, in->Status));
  json_set(call->arena, message, "UniqueId", json_new_string(call->arena, in->UniqueId));
  json_set(call->arena, message, "Reason", json_new_string(call->arena, "SignalResource"));
  const char *key = signal_resource_key(call->arena, record_text(stack, "StackId"), in->LogicalResourceId);
  TRY(signal_open(call, key)); /* the resource's own task may not have come to it yet */
  return signal_add(call, key, in->UniqueId, message);
}
