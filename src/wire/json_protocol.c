/* AWS JSON 1.0 and 1.1, and the errors that REST JSON shares with them. */
#include "wire/json_error.h"
#include <string.h>

/* A query service that is spoken to in JSON (SQS): locationName is a name of its XML, not of JSON.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-json-faqs.html */
static gboolean
wire_names(const ServiceModel *service)
{
  return service->protocol != PROTOCOL_QUERY && service->protocol != PROTOCOL_EC2;
}

static Error *
decode(const ServiceModel *service, const OperationModel *operation, Arena *arena, const WireRequest *request, void *in)
{
  Json *json = NULL;
  JsonCodec codec = {.arena = arena, .wire_names = wire_names(service)};
  if (!request->body_size)
    return NULL;
  TRY(json_parse(arena, (const char *) request->body, request->body_size, &json));
  if (json->type == JSON_NULL)
    return NULL;
  void *value = NULL;
  TRY(value_from_json(&codec, operation->input, json, &value));
  memcpy(in, value, operation->input->size);
  return NULL;
}

static const char *
content_type(const ServiceModel *service)
{
  return service && !g_strcmp0(service->json_version, "1.1") ? "application/x-amz-json-1.1" : "application/x-amz-json-1.0";
}

static Error *
encode(const ServiceModel *service, const OperationModel *operation, Arena *arena, const void *out, const char *request_id, WireAnswer *answer)
{
  GString *text = g_string_sized_new(256);
  JsonCodec codec = {.arena = arena, .wire_names = wire_names(service)};
  value_write_json(&codec, operation->output, TIME_UNIX, &out, text);
  answer_header(answer, arena, "Content-Type", content_type(service));
  answer_body(answer, text);
  return NULL;
}

static const Member *
message_member(const Shape *shape)
{
  for (guint i = 0; shape && i < shape->n_members; i++)
    if (!g_ascii_strcasecmp(shape->members[i].name, "message") && shape->members[i].shape->type == SHAPE_STRING)
      return shape->members + i;
  return NULL;
}

static void
write_field(GString *out, const char *name, const char *value)
{
  if (out->str[out->len - 1] != '{')
    g_string_append_c(out, ',');
  json_write_string(out, name);
  g_string_append_c(out, ':');
  json_write_string(out, value);
}

/* Members of the modelled error other than its message. */
static void
write_members(const JsonCodec *codec, const ErrorAnswer *error, GString *out)
{
  const Member *message = message_member(error->shape);
  for (guint i = 0; error->shape && i < error->shape->n_members; i++) {
    const Member *member = error->shape->members + i;
    if (member == message || member->location != LOCATION_BODY)
      continue;
    if (error->value && value_present(member->shape, member_at(member, error->value))) {
      g_string_append_c(out, ',');
      json_write_string(out, member->wire);
      g_string_append_c(out, ':');
      value_write_json(codec, member->shape, member_time(member, TIME_UNIX), member_at(member, error->value), out);
    } else if (!strcmp(member->name, "Type") && member->shape->type == SHAPE_STRING) {
      write_field(out, member->wire, error->fault ? "Service" : "User");
    }
  }
}

GString *
json_error_body(Arena *arena, const ErrorAnswer *error, const char *type)
{
  JsonCodec codec = {.arena = arena, .wire_names = TRUE};
  const Member *message = message_member(error->shape);
  GString *out = g_string_new("{");
  if (type)
    write_field(out, "__type", type);
  write_field(out, message ? message->wire : "message", error->message ? error->message : "");
  write_members(&codec, error, out);
  for (guint i = 0; error->fields && i + 1 < error->fields->len; i += 2)
    write_field(out, error->fields->pdata[i], error->fields->pdata[i + 1]);
  g_string_append_c(out, '}');
  return out;
}

/* DynamoDB's types are qualified, and some programs look for it. */
static const char *
type_of(const ServiceModel *service, Arena *arena, const ErrorAnswer *error)
{
  const char *name = error->shape ? error->shape->name : error->code;
  if (!service || !service->target_prefix || !g_str_has_prefix(service->target_prefix, "DynamoDB"))
    return name;
  if (error->shape)
    return arena_printf(arena, "com.amazonaws.dynamodb.v20120810#%s", name);
  return arena_printf(arena, "com.amazon.coral.%s#%s", strcmp(name, "ValidationException") ? "service" : "validate", name);
}

static void
encode_error(const ServiceModel *service, const OperationModel *operation, Arena *arena, const ErrorAnswer *error, const char *request_id,
             WireAnswer *answer)
{
  answer_header(answer, arena, "Content-Type", content_type(service));
  if (error->shape && error->shape->error_code && strcmp(error->shape->error_code, error->shape->name)) /* services that moved from query */
    answer_header(answer, arena, "x-amzn-query-error",
                  arena_printf(arena, "%s;%s", error->shape->error_code, error->fault ? "Receiver" : "Sender"));
  answer_body(answer, json_error_body(arena, error, type_of(service, arena, error)));
}

const ProtocolCodec json_codec = {.decode = decode, .encode = encode, .encode_error = encode_error};
