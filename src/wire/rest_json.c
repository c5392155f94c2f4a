/* REST JSON: labels, query and headers outside, JSON or a payload inside. */
#include "wire/json_error.h"
#include <string.h>

static Error *
decode_payload(const JsonCodec *codec, const Member *payload, const WireRequest *request, void *value)
{
  Json *json = NULL;
  if (payload->shape->type == SHAPE_BLOB && payload->shape->flags & SHAPE_STREAMING) {
    *(Body **) value = request->stream ? request->stream : body_from_bytes(codec->arena, request->body, request->body_size);
    return NULL;
  }
  if (payload->shape->type == SHAPE_BLOB) {
    if (request->body_size)
      *(Blob *) value = (Blob){request->body, request->body_size};
    return NULL;
  }
  if (payload->shape->type == SHAPE_STRING) {
    if (request->body_size)
      *(const char **) value = arena_strndup(codec->arena, (const char *) request->body, request->body_size);
    return NULL;
  }
  if (!request->body_size)
    return NULL;
  TRY(json_parse(codec->arena, (const char *) request->body, request->body_size, &json));
  return json->type == JSON_NULL ? NULL : value_from_json(codec, payload->shape, json, value);
}

static Error *
decode(const ServiceModel *service, const OperationModel *operation, Arena *arena, const WireRequest *request, void *in)
{
  JsonCodec codec = {.arena = arena, .wire_names = TRUE};
  const Member *payload = payload_member(operation->input);
  Json *json = NULL;
  void *value = NULL;
  if (payload)
    TRY(decode_payload(&codec, payload, request, member_at(payload, in)));
  else if (request->body_size && has_body_members(operation->input)) {
    TRY(json_parse(arena, (const char *) request->body, request->body_size, &json));
    TRY(value_from_json(&codec, operation->input, json, &value));
    memcpy(in, value, operation->input->size);
  }
  return rest_decode(arena, operation->input, request, FALSE, in);
}

static void
encode_payload(const JsonCodec *codec, const Member *payload, const void *value, WireAnswer *answer)
{
  const Shape *shape = payload->shape;
  gboolean json = shape->type != SHAPE_BLOB && shape->type != SHAPE_STRING;
  if (!string_map_get(&answer->headers, "Content-Type"))
    answer_header(answer, codec->arena, "Content-Type", json ? "application/json" : "application/octet-stream");
  if (shape->type == SHAPE_BLOB && shape->flags & SHAPE_STREAMING)
    answer->stream = *(Body *const *) value;
  if (answer->stream)
    return;
  GString *text = g_string_new(NULL);
  if (json && value_present(shape, value))
    value_write_json(codec, shape, TIME_UNIX, value, text);
  else if (shape->type == SHAPE_STRING && *(const char *const *) value)
    g_string_append(text, *(const char *const *) value);
  else if (shape->type == SHAPE_BLOB && !(shape->flags & SHAPE_STREAMING) && ((const Blob *) value)->data)
    g_string_append_len(text, (const char *) ((const Blob *) value)->data, (gssize) ((const Blob *) value)->size);
  answer_body(answer, text);
}

static Error *
encode(const ServiceModel *service, const OperationModel *operation, Arena *arena, const void *out, const char *request_id, WireAnswer *answer)
{
  JsonCodec codec = {.arena = arena, .wire_names = TRUE};
  const Member *payload = payload_member(operation->output);
  rest_encode(arena, operation->output, out, answer);
  if (payload) {
    encode_payload(&codec, payload, member_at(payload, out), answer);
    return NULL;
  }
  GString *text = g_string_sized_new(256);
  if (answer->status != 204)
    value_write_json(&codec, operation->output, TIME_UNIX, &out, text);
  answer_header(answer, arena, "Content-Type", "application/json");
  answer_body(answer, text);
  return NULL;
}

static void
encode_error(const ServiceModel *service, const OperationModel *operation, Arena *arena, const ErrorAnswer *error, const char *request_id,
             WireAnswer *answer)
{
  if (error->shape && error->value)
    rest_encode(arena, error->shape, error->value, answer);
  answer_header(answer, arena, "Content-Type", "application/json");
  answer_header(answer, arena, "x-amzn-ErrorType", error->shape ? error->shape->name : error->code);
  answer_body(answer, json_error_body(arena, error, NULL));
}

const ProtocolCodec rest_json_codec = {.decode = decode, .encode = encode, .encode_error = encode_error};
