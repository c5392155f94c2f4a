/* What the codecs have in common, and the choice of one. */
#include "wire/internal.h"
#include <string.h>

static const ProtocolCodec *
codec_of(Protocol protocol)
{
  switch (protocol) {
  case PROTOCOL_JSON:
    return &json_codec;
  case PROTOCOL_QUERY:
    return &query_codec;
  case PROTOCOL_EC2:
    return &ec2_codec;
  case PROTOCOL_REST_JSON:
    return &rest_json_codec;
  case PROTOCOL_REST_XML:
    return &rest_xml_codec;
  case PROTOCOL_CBOR:
    return &cbor_codec;
  }
  return &json_codec;
}

void
wire_answer_clear(WireAnswer *answer)
{
  if (answer->body)
    g_byte_array_unref(answer->body);
  *answer = (WireAnswer){0};
}

void
answer_header(WireAnswer *answer, Arena *arena, const char *name, const char *value)
{
  if (value)
    MAP_SET(arena, &answer->headers, arena_strdup(arena, name), arena_strdup(arena, value));
}

/* Takes text. */
void
answer_body(WireAnswer *answer, GString *text)
{
  gsize size = text->len;
  answer->body = g_byte_array_new_take((guint8 *) g_string_free(text, FALSE), size);
}

Error *
wire_decode(Protocol protocol, const ServiceModel *service, const OperationModel *operation, Arena *arena, const WireRequest *request, void *in)
{
  TRY(codec_of(protocol)->decode(service, operation, arena, request, in));
  for (guint i = 0; i < operation->input->n_members; i++) {
    const Member *member = operation->input->members + i;
    const char **token = member_at(member, in);
    if (member->flags & MEMBER_IDEMPOTENCY_TOKEN && member->shape->type == SHAPE_STRING && !*token)
      *token = id_uuid(arena);
  }
  return NULL;
}

static gboolean
is_s3(const ServiceModel *service)
{
  return service && !strcmp(service->endpoint_prefix, "s3");
}

static void
answer_request_id(Protocol protocol, const ServiceModel *service, Arena *arena, const char *request_id, WireAnswer *answer)
{
  if (protocol == PROTOCOL_REST_XML && is_s3(service)) {
    answer_header(answer, arena, "x-amz-request-id", request_id);
    answer_header(answer, arena, "x-amz-id-2", text_base64(arena, request_id, strlen(request_id)));
  } else {
    answer_header(answer, arena, "x-amzn-RequestId", request_id);
  }
}

Error *
wire_encode(Protocol protocol, const ServiceModel *service, const OperationModel *operation, Arena *arena, const void *out,
            const char *request_id, WireAnswer *ret_answer)
{
  *ret_answer = (WireAnswer){.status = operation->status ? operation->status : 200};
  answer_request_id(protocol, service, arena, request_id, ret_answer);
  return codec_of(protocol)->encode(service, operation, arena, out, request_id, ret_answer);
}

static const Shape *
error_shape(const OperationModel *operation, const Error *error)
{
  if (error->shape)
    return error->shape;
  for (const Shape *const *shape = operation ? operation->errors : NULL; shape && *shape; shape++)
    if (!strcmp((*shape)->name, error->code) || !g_strcmp0((*shape)->error_code, error->code))
      return *shape;
  return NULL;
}

/* "tableName" of "... Value null at 'tableName' failed ...", with an upper-case first letter; NULL if it is not such a message. */
static char *
breached_parameter(Arena *arena, const char *message)
{
  const char *at = strstr(message, "at '"), *end = at ? strchr(at + 4, '\'') : NULL;
  if (!end)
    return NULL;
  char *name = arena_strndup(arena, at + 4, (gsize) (end - at - 4));
  *name = g_ascii_toupper(*name);
  return name;
}

/* Not all services answer a breached constraint with ValidationException. */
static void
adapt_validation(Protocol protocol, const ServiceModel *service, Arena *arena, ErrorAnswer *answer)
{
  if (!g_str_equal(answer->code, "ValidationException") || !strstr(answer->message, "failed to satisfy constraint"))
    return;
  char *parameter = breached_parameter(arena, answer->message);
  gboolean missing = strstr(answer->message, "Member must not be null") != NULL;
  if (protocol == PROTOCOL_QUERY) {
    answer->code = "ValidationError";
  } else if (protocol == PROTOCOL_EC2 && parameter) {
    answer->code = missing ? "MissingParameter" : "InvalidParameterValue";
    if (missing)
      answer->message = arena_printf(arena, "The request must contain the parameter %s", parameter);
  } else if (protocol == PROTOCOL_REST_XML && is_s3(service)) {
    answer->code = missing ? "MalformedXML" : "InvalidArgument";
    if (missing)
      answer->message = "The XML you provided was not well-formed or did not validate against our published schema";
  } else if (protocol == PROTOCOL_REST_XML) {
    answer->code = "InvalidInput";
  }
}

void
wire_encode_error(Protocol protocol, const ServiceModel *service, const OperationModel *operation, Arena *arena, const Error *error,
                  const char *request_id, WireAnswer *ret_answer)
{
  const Shape *shape = error_shape(operation, error);
  ErrorAnswer answer = {.code = error->code, .message = error->message, .status = error->status, .shape = shape, .value = error->value,
                        .fields = error->fields};
  gboolean fault = error->kind == ERROR_FAULT;
  if (fault) {
    answer = (ErrorAnswer){.message = "We encountered an internal error. Please try again.", .status = 500};
    answer.code = protocol == PROTOCOL_REST_XML || protocol == PROTOCOL_EC2 ? "InternalError" : "InternalFailure";
  }
  if (!fault)
    adapt_validation(protocol, service, arena, &answer);
  if (!answer.status && answer.shape)
    answer.status = answer.shape->status ? answer.shape->status : answer.shape->flags & SHAPE_FAULT ? 500 : 400;
  if (!answer.status)
    answer.status = 400;
  answer.fault = answer.status >= 500;
  *ret_answer = (WireAnswer){.status = answer.status};
  answer_request_id(protocol, service, arena, request_id, ret_answer);
  codec_of(protocol)->encode_error(service, operation, arena, &answer, request_id, ret_answer);
}
