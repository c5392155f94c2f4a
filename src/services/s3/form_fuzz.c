/* Input: a Content-Type, a newline, a body; then the form's policy is read too, if it has one. */
#include <stdint.h>
#include <string.h>

#include "services/s3/post_policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(Arena) arena = arena_new();
  const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
  Form form = {0};
  if (!line)
    return 0;
  gsize head = (gsize) (line - data);
  g_autoptr(Error) bad = form_parse(arena, arena_strndup(arena, (const char *) data, head), line + 1, size - head - 1, &form);
  if (bad)
    return 0;
  const char *policy = form_value(&form, "policy");
  PostPolicyLimits limits;
  g_autoptr(Error) refused = policy ? post_policy_check(arena, policy, &form, "bucket", 0, &limits) : NULL;
  return 0;
}
