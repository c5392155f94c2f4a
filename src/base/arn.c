#include "base/arn.h"

#include "base/text.h"

#include <string.h>

gboolean
arn_parse(Arena *arena, const char *text, Arn *ret_arn)
{
  const char *parts[5];
  const char *at = text;
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
    const char *colon = strchr(at, ':');
    if (!colon)
      return FALSE;
    parts[i] = arena_strndup(arena, at, colon - at);
    at = colon + 1;
  }
  if (!g_str_equal(parts[0], "arn") || !*parts[1] || !*parts[2] || !*at)
    return FALSE;
  *ret_arn = (Arn){ parts[1], parts[2], parts[3], parts[4], arena_strdup(arena, at) };
  return TRUE;
}

char *
arn_join(Arena *arena, const char *service, const char *region, const char *account, const char *resource)
{
  const char *parts[] = { "arn:aws", service, region, account, resource };
  return text_join(arena, ":", parts, G_N_ELEMENTS(parts));
}

char *
arn_format(Arena *arena, const char *service, const char *region, const char *account, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  const char *resource = arena_vprintf(arena, format, args);
  va_end(args);
  return arn_join(arena, service, region, account, resource);
}
