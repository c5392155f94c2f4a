/* The Host header, from anyone. */
#include "server/host.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(Arena) arena = arena_new();
  HostName name = host_parse(arena, arena_strndup(arena, (const char *) data, size));
  g_assert_true(!name.prefix || name.service);
  g_assert_true(!name.service || *name.service || size);
  return 0;
}
