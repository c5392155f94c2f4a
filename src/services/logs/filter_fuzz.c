/* Input: a pattern, a newline, a message. */
#include <stdint.h>
#include <string.h>

#include "services/logs/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(Arena) arena = arena_new();
  char *pattern = arena_strndup(arena, (const char *) data, size);
  char *message = strchr(pattern, '\n');
  if (message)
    *message++ = 0;
  Filter *filter;
  g_autoptr(Error) error = filter_parse(arena, pattern, &filter);
  if (!error) {
    StringMap values = {0};
    filter_match(filter, arena, message ? message : "");
    filter_values(filter, arena, message ? message : "", &values);
    filter_value(filter, arena, message ? message : "", pattern[0] ? pattern + 1 : pattern);
  }
  return 0;
}
