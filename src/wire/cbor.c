/* Smithy RPC v2 CBOR. */
#include "wire/internal.h"

static Error *
decode(const ServiceModel *service, const OperationModel *operation, Arena *arena, const WireRequest *request, void *in)
{
  return request->body_size ? cbor_read(arena, operation->input, request->body, request->body_size, in) : NULL;
}

static void
answer_cbor_headers(WireAnswer *answer, Arena *arena)
{
  answer_header(answer, arena, "Content-Type", "application/cbor");
  answer_header(answer, arena, "smithy-protocol", "rpc-v2-cbor");
}

static Error *
encode(const ServiceModel *service, const OperationModel *operation, Arena *arena, const void *out, const char *request_id, WireAnswer *answer)
{
  answer->body = g_byte_array_new();
  cbor_write(arena, operation->output, out, answer->body);
  answer_cbor_headers(answer, arena);
  return NULL;
}

static void
encode_error(const ServiceModel *service, const OperationModel *operation, Arena *arena, const ErrorAnswer *error, const char *request_id,
             WireAnswer *answer)
{
  const guint8 map_of_two = 0xa2;
  answer->body = g_byte_array_new();
  g_byte_array_append(answer->body, &map_of_two, 1);
  cbor_write_text(answer->body, "__type");
  cbor_write_text(answer->body, error->shape ? error->shape->name : error->code);
  cbor_write_text(answer->body, "message");
  cbor_write_text(answer->body, error->message ? error->message : "");
  answer_cbor_headers(answer, arena);
  if (error->shape && error->shape->error_code)
    answer_header(answer, arena, "x-amzn-query-error",
                  arena_printf(arena, "%s;%s", error->shape->error_code, error->fault ? "Receiver" : "Sender"));
}

const ProtocolCodec cbor_codec = {.decode = decode, .encode = encode, .encode_error = encode_error};
