/* Input: a pattern, a newline, a document. */
#include <stdint.h>
#include <string.h>

#include "wire/event_pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(Arena) arena = arena_new();
  char *policy = arena_strndup(arena, (const char *) data, size);
  char *document = strchr(policy, '\n');
  if (document)
    *document++ = 0;
  Json *parsed = NULL, *object = NULL;
  g_autoptr(Error) bad = event_pattern_parse(arena, policy, &(EventPatternRules) {.nested = TRUE, .combinations_max = 150}, &parsed);
  g_autoptr(Error) broken = document ? json_parse(arena, document, strlen(document), &object) : NULL;
  if (!bad && !broken && object)
    event_pattern_match(parsed, object);
  return 0;
}
