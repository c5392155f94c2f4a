/* Input: a byte of options, then what came to a log. */
#include <stdint.h>

#include "services/rds/rds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (!size)
    return 0;
  LogCut how = {data[0] & 1, data[0] & 2, data[0] & 4, 1 + (data[0] >> 3)};
  g_autofree char *text = g_strndup("", size);
  memcpy(text, data + 1, size - 1);
  g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func(g_free);
  gsize used = log_cut(text, size - 1, &how, messages);
  g_assert_true(used <= size - 1 && messages->len <= how.max);
  g_assert_true(!how.final || messages->len == how.max || used == size - 1);
  g_assert_true(!how.full || used || size == 1);
  for (guint i = 0; i < messages->len; i++)
    g_assert_true(*(char *) messages->pdata[i] && g_utf8_validate(messages->pdata[i], -1, NULL));
  return 0;
}
