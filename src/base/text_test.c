#include "base/text.h"

#include "base/error.h"
#include "base/id.h"
#include "base/state.h"
#include <string.h>

static void
test_base64(void)
{
  static const char *const pairs[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foobar", "Zm9vYmFy" } };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(pairs); i++) {
    g_assert_cmpstr(text_base64(arena, pairs[i][0], strlen(pairs[i][0])), ==, pairs[i][1]);
    gsize size = 99;
    guint8 *data = text_unbase64(arena, pairs[i][1], &size);
    g_assert_cmpmem(data, size, pairs[i][0], strlen(pairs[i][0]));
  }
  gsize size = 99;
  g_assert_null(text_unbase64(arena, "Zg=", &size));
  g_assert_null(text_unbase64(arena, "Z===", &size));
  g_assert_null(text_unbase64(arena, "Zm9*", &size));
  g_assert_null(text_unbase64(arena, "Zg==Zg==", &size));
  g_assert_cmpuint(size, ==, 99);
}

static void
test_uri(void)
{
  g_autoptr(Arena) arena = arena_new();
  g_assert_cmpstr(text_uri_encode(arena, "a b/c~\xc3\xa9", FALSE), ==, "a%20b%2Fc~%C3%A9");
  g_assert_cmpstr(text_uri_encode(arena, "a b/c", TRUE), ==, "a%20b/c");
  g_assert_cmpstr(text_uri_decode(arena, "a%20b+c%2f", FALSE), ==, "a b+c/");
  g_assert_cmpstr(text_uri_decode(arena, "a+b", TRUE), ==, "a b");
  g_assert_null(text_uri_decode(arena, "a%2", FALSE));
  g_assert_null(text_uri_decode(arena, "a%zz", FALSE));
}

static void
test_glob(void)
{
  g_assert_true(text_glob("*", ""));
  g_assert_true(text_glob("arn:aws:s3:::b/*", "arn:aws:s3:::b/k/l"));
  g_assert_false(text_glob("arn:aws:s3:::b/*", "arn:aws:s3:::b"));
  g_assert_true(text_glob("a?c*e*", "abcde"));
  g_assert_true(text_glob("*ab*ab", "xabyabzab"));
  g_assert_false(text_glob("a?", "a"));
  g_assert_false(text_glob("", "a"));
}

static void
test_times(void)
{
  g_autoptr(Arena) arena = arena_new();
  g_assert_cmpstr(text_iso8601(arena, 1795563000123, TRUE), ==, "2026-11-24T23:30:00.123Z");
  g_assert_cmpstr(text_iso8601(arena, 1795563000123, FALSE), ==, "2026-11-24T23:30:00Z");
  g_assert_cmpstr(text_iso8601(arena, -1, TRUE), ==, "1969-12-31T23:59:59.999Z");
  g_assert_cmpstr(text_http_date(arena, 784111777000), ==, "Sun, 06 Nov 1994 08:49:37 GMT");
}

static void
test_join_and_hex(void)
{
  static const char *const parts[] = { "a", "", "c" };
  g_autoptr(Arena) arena = arena_new();
  g_assert_cmpstr(text_join(arena, ", ", parts, 3), ==, "a, , c");
  g_assert_cmpstr(text_join(arena, ", ", parts, 0), ==, "");
  g_assert_cmpstr(text_hex(arena, "\x00\xff\x1a", 3), ==, "00ff1a");
}

static void
test_ids(void)
{
  g_autoptr(Arena) arena = arena_new();
  g_assert_cmpuint(strlen(id_resource(arena, "vpc")), ==, 21);
  char *uuid = id_uuid(arena);
  g_assert_cmpuint(strlen(uuid), ==, 36);
  g_assert_cmpint(uuid[14], ==, '4');
  g_assert_cmpuint(strlen(id_unique(arena, "AROA")), ==, 20);
  g_assert_cmpuint(strspn(id_lower(arena, 100), "abcdefghijklmnopqrstuvwxyz0123456789"), ==, 100);
}

static Error *
fails(void)
{
  return error_answer("ResourceNotFoundException", "no %s", "table");
}

static Error *
forwards(void)
{
  TRY(fails());
  return NULL;
}

static void
test_errors(void)
{
  g_autoptr(Error) error = error_field(error_prefix(forwards(), "at %d", 7), "Key", "k");
  g_assert_true(error_is(error, "ResourceNotFoundException"));
  g_assert_cmpstr(error->message, ==, "at 7: no table");
  g_assert_cmpuint(error->fields->len, ==, 2);
  g_assert_null(error_prefix(NULL, "x"));
  g_autoptr(Error) fault = error_fault("disk");
  g_assert_false(error_is(fault, "InternalFailure"));
  g_assert_cmpint(fault->status, ==, 500);
  error_clear(&fault);
  g_assert_null(fault);
}

static void
test_states(void)
{
  static const State states[] = { { "CREATING", STATE_BIT(1) }, { "ACTIVE", 0 } };
  static const StateTable table = { "table", states, 2 };
  guint state = 0;
  g_assert_false(state_may(&table, 1, 0));
  state_move(&table, &state, 1);
  g_assert_cmpuint(state, ==, 1);
  g_assert_cmpint(state_named(&table, "ACTIVE"), ==, 1);
  g_assert_cmpint(state_named(&table, "GONE"), ==, -1);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/base/text/base64", test_base64);
  g_test_add_func("/base/text/uri", test_uri);
  g_test_add_func("/base/text/glob", test_glob);
  g_test_add_func("/base/text/times", test_times);
  g_test_add_func("/base/text/join-and-hex", test_join_and_hex);
  g_test_add_func("/base/id", test_ids);
  g_test_add_func("/base/error", test_errors);
  g_test_add_func("/base/state", test_states);
  return g_test_run();
}
