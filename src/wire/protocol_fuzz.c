/* The first byte chooses the protocol; the rest is the body. */
#include "wire/test_shapes.h"
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const Protocol protocols[] = {PROTOCOL_JSON, PROTOCOL_QUERY, PROTOCOL_EC2, PROTOCOL_REST_JSON, PROTOCOL_REST_XML, PROTOCOL_CBOR};
  g_autoptr(Arena) arena = arena_new();
  if (!size)
    return 0;
  Protocol protocol = protocols[data[0] % G_N_ELEMENTS(protocols)];
  WireRequest request = {.method = "POST", .path = "/", .query = "", .body = data + 1, .body_size = size - 1};
  TestInput in = {0};
  g_autoptr(Error) error = wire_decode(protocol, &test_service, &test_operation, arena, &request, &in);
  WireAnswer answer = {0};
  if (!error)
    error = shape_validate(&test_input_shape, &in);
  if (error)
    wire_encode_error(protocol, &test_service, &test_operation, arena, error, "id", &answer);
  wire_answer_clear(&answer);
  return 0;
}
