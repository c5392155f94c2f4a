#include "wire/test_shapes.h"
#include <string.h>

static const char document[] = "{\"Name\":\"abc\",\"Count\":3,\"On\":true,\"Rate\":0.1,\"At\":1422776343.123,\"Data\":\"aGk=\",\"Tags\":[\"one\",\"two\"],"
                               "\"Labels\":{\"k\":\"v\"},\"Inner\":[{\"Name\":\"x\"}],\"ByName\":{\"y\":{\"Count\":-1}},\"Child\":{\"Tags\":[]},"
                               "\"Document\":{\"free\":[1,null,\"x\"]}}";

static TestItem *
item_from(Arena *arena, const char *text, gboolean lenient)
{
  Json *json = NULL;
  TestItem *item = ARENA_NEW(arena, TestItem);
  g_assert_null(json_parse(arena, text, strlen(text), &json));
  g_assert_null(shape_from_json(arena, &test_item_shape, json, lenient, item));
  return item;
}

static void
test_json(void)
{
  g_autoptr(Arena) arena = arena_new();
  TestItem *item = item_from(arena, document, FALSE);
  g_assert_cmpint(item->At.ms, ==, 1422776343123);
  g_assert_cmpuint(item->Tags.n, ==, 2);
  g_assert_nonnull(item->Child->Tags.v);
  g_assert_cmpstr(json_text(arena, shape_to_json(arena, &test_item_shape, item)), ==, document);
  TestItem *copy = shape_copy(arena, &test_item_shape, item);
  g_assert_cmpstr(json_text(arena, shape_to_json(arena, &test_item_shape, copy)), ==, document);
}

static void
test_record(void)
{
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  void *again = NULL;
  record_encode(arena, &test_item_shape, item_from(arena, document, FALSE), bytes);
  g_assert_null(record_decode(arena, &test_item_shape, bytes->data, bytes->len, &again));
  g_assert_cmpstr(json_text(arena, shape_to_json(arena, &test_item_shape, again)), ==, document);
  for (guint cut = 0; cut < bytes->len; cut++) {
    g_autofree guint8 *part = g_memdup2(bytes->data, cut);
    g_autoptr(Error) error = record_decode(arena, &test_item_shape, part, cut, &again);
    g_assert_nonnull(error);
    g_assert_cmpint(error->kind, ==, ERROR_FAULT);
  }
}

static void
test_lenient(void)
{
  g_autoptr(Arena) arena = arena_new();
  TestItem *item = item_from(arena, "{\"name\":12,\"Count\":\"7\",\"On\":\"true\",\"Rate\":\"1.5\",\"Unknown\":1,\"Child\":null}", TRUE);
  g_assert_cmpstr(item->Name, ==, "12");
  g_assert_cmpint(item->Count.v, ==, 7);
  g_assert_true(item->On.v);
  g_assert_null(item->Child);
}

static void
test_wrong_types(void)
{
  static const char *const rows[][2] = {
    {"{\"Name\":1}", "NUMBER_VALUE can not be converted to String"},
    {"{\"Count\":\"x\"}", "STRING_VALUE can not be converted to Integer"},
    {"{\"Count\":3000000000}", "NUMBER_VALUE can not be converted to Integer"},
    {"{\"Count\":1.5}", "NUMBER_VALUE can not be converted to Integer"},
    {"{\"Name\":{}}", "Start of structure or map found where not expected."},
    {"{\"Tags\":\"x\"}", "Unexpected field type"},
    {"{\"Data\":\"*\"}", "Invalid Base64 data"},
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    Json *json = NULL;
    TestItem item = {0};
    g_assert_null(json_parse(arena, rows[i][0], strlen(rows[i][0]), &json));
    g_autoptr(Error) error = shape_from_json(arena, &test_item_shape, json, FALSE, &item);
    g_assert_true(error_is(error, "SerializationException"));
    g_assert_cmpstr(error->message, ==, rows[i][1]);
  }
}

static void
test_times(void)
{
  static const struct {
    const char *text;
    gint64 ms;
  } rows[] = {
    {"2026-11-23T23:30:00Z", 1795476600000},   {"2026-11-23T23:30:00.123Z", 1795476600123}, {"2026-11-24T00:30:00+01:00", 1795476600000},
    {"20261123T233000Z", 1795476600000},       {"Mon, 23 Nov 2026 23:30:00 GMT", 1795476600000}, {"1795476600.123", 1795476600123},
    {"2026-11-23", 1795392000000},             {"1969-12-31T23:59:59Z", -1000},
  };
  gint64 ms = 0;
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_assert_true(timestamp_parse(rows[i].text, &ms));
    g_assert_cmpint(ms, ==, rows[i].ms);
  }
  g_assert_false(timestamp_parse("yesterday", &ms));
  g_assert_false(timestamp_parse("2026-13-01T00:00:00Z", &ms));
  g_assert_false(timestamp_parse("", &ms));
  g_assert_cmpstr(timestamp_format(arena, TIME_UNIX, 1795476600123), ==, "1795476600.123");
  g_assert_cmpstr(timestamp_format(arena, TIME_UNIX, -1500), ==, "-1.500");
}

static char *
validated(Arena *arena, const TestInput *input)
{
  g_autoptr(Error) error = shape_validate(&test_input_shape, input);
  return error ? arena_strdup(arena, error->message) : NULL;
}

static void
test_validate(void)
{
  g_autoptr(Arena) arena = arena_new();
  g_assert_null(validated(arena, &(TestInput){.TableName = "orders"}));
  g_assert_cmpstr(validated(arena, &(TestInput){.Mode = "odd"}), ==,
                  "2 validation errors detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null; "
                  "Value 'odd' at 'mode' failed to satisfy constraint: Member must satisfy enum value set: [FAST, SLOW]");
  g_assert_cmpstr(validated(arena, &(TestInput){.TableName = "x"}), ==,
                  "1 validation error detected: Value 'x' at 'tableName' failed to satisfy constraint: "
                  "Member must have length greater than or equal to 3");
  g_assert_cmpstr(validated(arena, &(TestInput){.TableName = "or ders", .Limit = OPT_INT(0)}), ==,
                  "2 validation errors detected: Value 'or ders' at 'tableName' failed to satisfy constraint: Member must satisfy regular "
                  "expression pattern: [a-zA-Z0-9_.-]+; Value '0' at 'limit' failed to satisfy constraint: Member must have value greater "
                  "than or equal to 1");
  TestInput nested = {.TableName = "orders"};
  TestItem item = {0};
  LIST_APPEND(arena, &nested.Items, &item);
  LIST_APPEND(arena, &nested.Flat, "a");
  g_assert_cmpstr(validated(arena, &nested), ==,
                  "2 validation errors detected: Value null at 'items.1.member.name' failed to satisfy constraint: Member must not be null; "
                  "Value '[a]' at 'flat' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or "
                  "equal to 255, Member must have length greater than or equal to 3, Member must satisfy regular expression pattern: "
                  "[a-zA-Z0-9_.-]+]");
}

static void
test_values(void)
{
  g_autoptr(Arena) arena = arena_new();
  StringMap map = {0};
  StringList list = {0};
  for (int i = 0; i < 100; i++) {
    MAP_SET(arena, &map, arena_printf(arena, "k%d", i % 50), arena_printf(arena, "v%d", i));
    LIST_APPEND(arena, &list, arena_printf(arena, "v%d", i));
  }
  g_assert_cmpuint(map.n, ==, 50);
  g_assert_cmpstr(string_map_get(&map, "k49"), ==, "v99");
  g_assert_cmpstr(*MAP_FIND(&map, "k0"), ==, "v50");
  g_assert_null(string_map_get(&map, "none"));
  g_assert_true(string_list_has(&list, "v99"));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/codec/json", test_json);
  g_test_add_func("/codec/record", test_record);
  g_test_add_func("/codec/lenient", test_lenient);
  g_test_add_func("/codec/wrong_types", test_wrong_types);
  g_test_add_func("/codec/times", test_times);
  g_test_add_func("/codec/validate", test_validate);
  g_test_add_func("/codec/values", test_values);
  return g_test_run();
}
