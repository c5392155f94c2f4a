#include "wire/test_shapes.h"
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(Arena) arena = arena_new();
  TestItem item = {0};
  g_autoptr(Error) error = cbor_read(arena, &test_item_shape, data, size, &item);
  if (error)
    return 0;
  g_autoptr(GByteArray) out = g_byte_array_new();
  cbor_write(arena, &test_item_shape, &item, out);
  TestItem again = {0};
  g_autoptr(Error) second = cbor_read(arena, &test_item_shape, out->data, out->len, &again);
  g_assert_null(second);
  return 0;
}
