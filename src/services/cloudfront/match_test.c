#include "services/cloudfront/cloudfront.h"

#include <string.h>

static void
test_paths(void)
{
  g_assert_true(path_matches("/images/*.jpg", "/images/a/b.jpg"));
  g_assert_true(path_matches("images/*.jp?", "/images/x.jpg"));
  g_assert_true(path_matches("*", "/anything"));
  g_assert_false(path_matches("/Images/*", "/images/a"));
  g_assert_false(path_matches("/a", "/a/b"));
}

static void
test_selection(void)
{
  const char *names[] = {"a", "c*"};
  const StringList list = {2, names};
  g_autoptr(Arena) arena = arena_new();
  g_assert_cmpstr(query_select(arena, "b=1&a=2&a=3&&z", SELECT_LISTED, &list), ==, "a=2&a=3");
  g_assert_cmpstr(query_select(arena, "b=1&%61=2", SELECT_EXCEPT, &list), ==, "b=1");
  g_assert_cmpstr(query_select(arena, "b=1", SELECT_NONE, NULL), ==, "");
  g_assert_cmpstr(query_select(arena, "b=1&c", SELECT_ALL, NULL), ==, "b=1&c");
  g_assert_cmpstr(cookies_select(arena, "z=1; cat=2;a=3", SELECT_LISTED, &list), ==, "a=3; cat=2");
  g_assert_null(cookies_select(arena, "z=1", SELECT_LISTED, &list));
  g_assert_null(cookies_select(arena, NULL, SELECT_ALL, NULL));
}

static void
test_freshness(void)
{
  static const struct { const char *name, *value; gint64 min, normal, max, seconds; gboolean keep; } cases[] = {
    {"Cache-Control", "max-age=60", 0, 86400, 1000, 60, TRUE},      {"Cache-Control", "max-age=60", 100, 200, 1000, 100, TRUE},
    {"Cache-Control", "max-age=5000", 0, 10, 1000, 1000, TRUE},     {"cache-control", "Max-Age=5, S-MaxAge=50", 0, 10, 1000, 50, TRUE},
    {"Cache-Control", "no-store", 0, 10, 1000, 0, FALSE},           {"Cache-Control", "private, max-age=9", 7, 10, 1000, 7, TRUE},
    {"Cache-Control", "no-cache", 0, 10, 1000, 0, FALSE},           {"X", "y", 0, 10, 1000, 10, TRUE},
    {"X", "y", 0, 0, 0, 0, FALSE},                                  {"X", "y", 0, 0, 1000, 0, TRUE},
    {"Expires", "Thu, 01 Jan 1970 00:01:40 GMT", 0, 10, 1000, 90, TRUE}, {"Expires", "0", 0, 10, 1000, 0, TRUE},
    {"Cache-Control", "max-age=99999999999999999999", 0, 10, 1000, 1000, TRUE}, {"Cache-Control", "max-age=-5", 0, 10, 1000, 0, TRUE},
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    HeaderList headers = {0};
    const TtlRange range = {cases[i].min, cases[i].normal, cases[i].max};
    header_add(arena, &headers, cases[i].name, cases[i].value);
    Freshness freshness = freshness_of(&headers, &range, 10000);
    g_assert_cmpint(freshness.ttl_ms, ==, cases[i].seconds * 1000);
    g_assert_cmpint(freshness.keep, ==, cases[i].keep);
  }
}

static void
test_ranges(void)
{
  static const struct { const char *text; gboolean good, bad; gsize from, size; } cases[] = {
    {"bytes=0-4", TRUE, FALSE, 0, 5}, {"bytes=8-", TRUE, FALSE, 8, 2}, {"bytes=-3", TRUE, FALSE, 7, 3}, {"bytes=-30", TRUE, FALSE, 0, 10},
    {"bytes=5-500", TRUE, FALSE, 5, 5}, {"bytes=10-", TRUE, TRUE, 10, 0}, {"bytes=-0", TRUE, TRUE, 10, 0}, {"bytes=4-2", FALSE}, {"bytes=a-", FALSE},
    {"bytes=", FALSE}, {"bytes=-", FALSE}, {"bytes=0-1,3-4", FALSE}, {"lines=1-2", FALSE}, {NULL, FALSE},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    gsize from = 0, size = 0;
    gboolean bad = FALSE;
    g_assert_cmpint(byte_range(cases[i].text, 10, &from, &size, &bad), ==, cases[i].good);
    if (!cases[i].good)
      continue;
    g_assert_cmpint(bad, ==, cases[i].bad);
    g_assert_cmpuint(size, ==, cases[i].size);
    if (!bad)
      g_assert_cmpuint(from, ==, cases[i].from);
  }
}

static void
test_cache(void)
{
  Cache *cache = cache_new(64 * 1024);
  const guint8 body[20000] = {0};
  const Response response = {.status = 200, .body = body, .size = sizeof body};
  cache_put(cache, "a", "S", "/a", &response, 1000, 5000);
  cache_put(cache, "b", "S", "/img/b", &response, 1000, 5000);
  g_autoptr(CacheEntry) a = cache_get(cache, "a");
  g_assert_cmpint(a->until_ms, ==, 6000);
  cache_put(cache, "c", "T", "/img/c", &response, 1000, 5000);
  cache_put(cache, "d", "S", "/d", &response, 1000, 5000); /* no room: b was used least recently */
  g_assert_null(cache_get(cache, "b"));
  cache_invalidate(cache, "S", "/img/*");
  g_autoptr(CacheEntry) c = cache_get(cache, "c");
  g_assert_nonnull(c); /* another distribution's */
  cache_invalidate(cache, "S", "/a");
  g_assert_null(cache_get(cache, "a"));
  g_assert_cmpuint(a->response.size, ==, sizeof body); /* who holds it still has it */
  cache_free(cache);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/cloudfront/paths", test_paths);
  g_test_add_func("/cloudfront/selection", test_selection);
  g_test_add_func("/cloudfront/freshness", test_freshness);
  g_test_add_func("/cloudfront/ranges", test_ranges);
  g_test_add_func("/cloudfront/cache", test_cache);
  return g_test_run();
}
