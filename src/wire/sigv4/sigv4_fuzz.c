/* The bytes as an Authorization header, as a query, and as an aws-chunked body. */
#include "wire/sigv4/internal.h"
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
parse(Arena *arena, const char *header, const char *query)
{
  StringMap headers = {0};
  Sigv4 found;
  MAP_SET(arena, &headers, "x-amz-date", "20150830T123600Z");
  if (header)
    MAP_SET(arena, &headers, "authorization", header);
  WireRequest request = {.method = "GET", .path = query, .query = query, .headers = &headers};
  g_autoptr(Error) error = sigv4_parse(arena, &request, header != NULL, &found);
  if (error || found.kind == SIGV4_NONE)
    return;
  g_autoptr(Error) verified = sigv4_verify(arena, &request, &found, "secret", 1440938160000, header != NULL, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(Arena) arena = arena_new();
  const char *text = arena_strndup(arena, (const char *) data, size);
  parse(arena, text, "");
  parse(arena, NULL, text);
  Sigv4 signature = {.payload_hash = "STREAMING-UNSIGNED-PAYLOAD-TRAILER", .chunked = TRUE, .trailer = TRUE};
  g_autoptr(ChunkedDecoder) decoder = chunked_new(&signature, NULL);
  g_autoptr(GByteArray) out = g_byte_array_new();
  g_autoptr(Error) error = chunked_feed(decoder, data, size, out);
  StringMap trailers = {0};
  g_autoptr(Error) finished = error ? NULL : chunked_finish(decoder, arena, &trailers);
  return 0;
}
