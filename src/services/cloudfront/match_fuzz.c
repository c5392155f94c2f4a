/* Any text as path, query, cookies, Range, Cache-Control and Expires: no crash, and results within their bounds. */
#include <stdint.h>
#include <string.h>

#include "services/cloudfront/cloudfront.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(Arena) arena = arena_new();
  const char *text = arena_strndup(arena, (const char *) data, size), *names[] = {"a", "b*"};
  const StringList list = {G_N_ELEMENTS(names), names};
  const TtlRange range = {1, 2, 1000};
  HeaderList headers = {0};
  gsize from = 0, length = 0;
  gboolean bad = FALSE;
  for (Selection selection = SELECT_NONE; selection <= SELECT_EXCEPT; selection++) {
    const char *cookies = cookies_select(arena, text, selection, &list);
    g_assert_cmpuint(strlen(query_select(arena, text, selection, &list)), <=, size);
    g_assert_true(!cookies || strlen(cookies) <= 2 * size + 2);
  }
  header_add(arena, &headers, "Cache-Control", text);
  header_add(arena, &headers, "Expires", text);
  Freshness freshness = freshness_of(&headers, &range, 0);
  g_assert_true(freshness.ttl_ms >= 1000 && freshness.ttl_ms <= 1000000);
  if (byte_range(text, 100, &from, &length, &bad) && !bad)
    g_assert_true(length > 0 && from + length <= 100);
  path_matches("/a*b?c*", text);
  return 0;
}
