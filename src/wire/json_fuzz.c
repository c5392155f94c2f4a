#include "wire/test_shapes.h"
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is accepted must read back as it was written; and never harm a structure that is filled from it. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(Arena) arena = arena_new();
  Json *json = NULL, *again = NULL;
  g_autoptr(Error) error = json_parse(arena, (const char *) data, size, &json);
  if (error)
    return 0;
  char *text = json_text(arena, json);
  g_autoptr(Error) second = json_parse(arena, text, strlen(text), &again);
  g_assert_true(!second && json_equal(json, again));
  TestItem item = {0};
  g_autoptr(Error) filled = shape_from_json(arena, &test_item_shape, json, size & 1, &item);
  if (!filled)
    json_text(arena, shape_to_json(arena, &test_item_shape, &item));
  return 0;
}
