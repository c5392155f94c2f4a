#include "wire/json.h"
#include <string.h>

static char *
round_trip(Arena *arena, const char *text)
{
  Json *json = NULL;
  g_autoptr(Error) error = json_parse(arena, text, strlen(text), &json);
  return error ? arena_strdup(arena, error->message) : json_text(arena, json);
}

static void
test_texts(void)
{
  static const char *const rows[][2] = {
    {"{}", "{}"},
    {" [ 1 , -0.50e+10, true,false,null,\"a\\u00e9\\ud83d\\ude00\\n\\/\" ] ", "[1,-0.50e+10,true,false,null,\"a\303\251\360\237\230\200\\n/\"]"},
    {"{\"a\":1,\"b\":{\"c\":[]},\"a\":2}", "{\"b\":{\"c\":[]},\"a\":2}"},
    {"123456789012345678901234567890.10", "123456789012345678901234567890.10"},
    {"", "Unexpected end of the document at line 1, column 1"},
    {"{\"a\":\n 01}", "Leading zero in a number at line 2, column 2"},
    {"[1,]", "Unexpected character at line 1, column 4"},
    {"{\"a\":1,}", "A member's name expected at line 1, column 8"},
    {"\"\\u0000\"", "The character \\u0000 is not supported at line 1, column 8"},
    {"\"\\ud800x\"", "Unpaired surrogate in a string at line 1, column 8"},
    {"\"a\tb\"", "Control character in a string at line 1, column 3"},
    {"\"abc", "A string does not end at line 1, column 5"},
    {"[1] x", "Unexpected text after the document at line 1, column 5"},
    {"\n\"\xff\"", "Invalid UTF-8 at line 2, column 2"},
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(round_trip(arena, rows[i][0]), ==, rows[i][1]);
}

/* A zero or a lone byte above ASCII is seen wherever it stands. */
static void
test_invalid_bytes(void)
{
  static const char bytes[] = {'\0', '\x80', '\xff'};
  for (gsize i = 1; i < 40; i++)
    for (gsize j = 0; j < sizeof bytes; j++) {
      g_autoptr(Arena) arena = arena_new();
      char text[] = "\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst\"";
      Json *json = NULL;
      g_assert_null(json_parse(arena, text, strlen(text), &json));
      text[i] = bytes[j];
      g_autoptr(Error) error = json_parse(arena, text, sizeof text - 1, &json);
      g_assert_nonnull(error);
      g_assert_nonnull(strstr(error->message, "Invalid UTF-8"));
    }
}

static void
test_depth(void)
{
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GString) deep = g_string_new(NULL);
  for (int i = 0; i <= LIMIT_NESTING_MAX; i++)
    g_string_append_c(deep, '[');
  g_assert_true(g_str_has_prefix(round_trip(arena, deep->str), "The document is nested too deeply"));
}

static void
test_building(void)
{
  g_autoptr(Arena) arena = arena_new();
  Json *object = json_new_object(arena), *array = json_new_array(arena);
  for (int i = 0; i < 40; i++)
    json_append(arena, array, json_new_int(arena, i));
  g_assert_cmpuint(array->n, ==, 40);
  for (int i = 0; i < 20; i++)
    json_set(arena, object, arena_printf(arena, "k%d", i), json_new_double(arena, 0.1 * i));
  json_set(arena, object, "k3", array);
  json_remove(object, "k0");
  g_assert_cmpuint(object->n, ==, 19);
  g_assert_true(json_get(object, "k3") == array);
  g_assert_null(json_get(object, "k0"));
  Json *copy = json_copy(arena, object);
  g_assert_true(json_equal(copy, object));
  json_set(arena, copy, "k1", json_new_null(arena));
  g_assert_false(json_equal(copy, object));
  Json *top = json_new_object(arena);
  json_set(arena, top, "a", object);
  g_assert_cmpstr(json_path(top, "a.k1")->text, ==, "0.1");
  g_assert_null(json_path(top, "a.b.c"));
  g_autoptr(GString) pretty = g_string_new(NULL);
  Json *small = NULL;
  g_assert_null(json_parse(arena, "{\"a\":[1,{}],\"b\":[]}", 19, &small));
  json_write_pretty(pretty, small);
  g_assert_cmpstr(pretty->str, ==, "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
}

static void
random_document(GRand *rand, GString *out, int depth)
{
  static const char *const scalars[] = {"1", "-2.5", "1e3", "true", "false", "null", "\"\"", "\"a\\nb\"", "\"\\u20ac\"", "0", "x", "\"\\q\""};
  int kind = g_rand_int_range(rand, 0, depth > 5 ? 1 : 4);
  int n = g_rand_int_range(rand, 0, 4);
  if (kind < 2) {
    g_string_append(out, scalars[g_rand_int_range(rand, 0, g_rand_int_range(rand, 0, 20) ? 10 : 12)]);
    return;
  }
  g_string_append_c(out, kind == 2 ? '[' : '{');
  for (int i = 0; i < n; i++) {
    if (i)
      g_string_append(out, " ,");
    if (kind == 3)
      g_string_append_printf(out, "\"k%d\" : ", g_rand_int_range(rand, 0, 9));
    random_document(rand, out, depth + 1);
  }
  g_string_append_c(out, kind == 2 ? ']' : '}');
}

/* What is written reads back as the same value. */
static void
test_round_trips(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(7);
  guint good = 0;
  for (int i = 0; i < 3000; i++) {
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(GString) text = g_string_new(NULL);
    random_document(rand, text, 0);
    Json *json = NULL, *again = NULL;
    g_autoptr(Error) error = json_parse(arena, text->str, text->len, &json);
    if (error)
      continue;
    good++;
    char *written = json_text(arena, json);
    g_assert_null(json_parse(arena, written, strlen(written), &again));
    g_assert_true(json_equal(json, again));
    g_assert_cmpstr(json_text(arena, again), ==, written);
  }
  g_assert_cmpuint(good, >, 1000);
}

/* Each byte at each place of words of eight, against one that looks at bytes alone: the other bytes are the plainest and the highest. */
static void
test_strings(void)
{
  static const char around[] = {' ', '!', '[', '~'};
  for (guint byte = 1; byte < 128; byte++)
    for (guint size = 1; size < 20; size++)
      for (guint at = 0; at < size; at++) {
        char text[20];
        memset(text, around[(byte + at) % G_N_ELEMENTS(around)], size);
        text[at] = (char) byte;
        text[size] = 0;
        g_autoptr(GString) wanted = g_string_new("\""), written = g_string_new(NULL);
        for (guint i = 0; i < size; i++) {
          const char *escaped = text[i] == '"' ? "\\\"" : text[i] == '\\' ? "\\\\" : text[i] == '\n' ? "\\n" : text[i] == '\r' ? "\\r" : text[i] == '\t' ? "\\t" : NULL;
          if (escaped)
            g_string_append(wanted, escaped);
          else if (text[i] < ' ' || text[i] == 0x7f)
            g_string_append_printf(wanted, "\\u%04x", text[i]);
          else
            g_string_append_c(wanted, text[i]);
        }
        g_string_append_c(wanted, '"');
        json_write_string(written, text);
        g_assert_cmpstr(written->str, ==, wanted->str);
      }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/json/texts", test_texts);
  g_test_add_func("/json/invalid-bytes", test_invalid_bytes);
  g_test_add_func("/json/depth", test_depth);
  g_test_add_func("/json/building", test_building);
  g_test_add_func("/json/round_trips", test_round_trips);
  g_test_add_func("/json/strings", test_strings);
  return g_test_run();
}
