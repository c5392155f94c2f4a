#include "services/dynamodb/expression/expression.h"

typedef struct Fixture {
  Arena *arena;
  Item item, values;
  StringMap names;
  Scope scope;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
  f->arena = arena_new();
  Value *list = ARENA_NEW(f->arena, Value), *map = ARENA_NEW(f->arena, Value);
  for (int i = 0; i < 4; i++)
    LIST_APPEND(f->arena, &list->L, value_new_number(f->arena, arena_printf(f->arena, "%d", i)));
  item_set(f->arena, &map->M, "b", value_new_text(f->arena, "deep"));
  item_set(f->arena, &f->item, "n", value_new_number(f->arena, "5"));
  item_set(f->arena, &f->item, "l", list);
  item_set(f->arena, &f->item, "a", map);
  item_set(f->arena, &f->values, ":five", value_new_number(f->arena, "5"));
  item_set(f->arena, &f->values, ":six", value_new_number(f->arena, "6"));
  item_set(f->arena, &f->values, ":text", value_new_text(f->arena, "de"));
  MAP_SET(f->arena, &f->names, "#n", "n");
  Error *error = scope_init(&f->scope, f->arena, &f->names, &f->values, TRUE, "");
  g_assert_null(error);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
  arena_free(f->arena);
}

static gboolean
holds(Fixture *f, const char *text)
{
  Node *condition;
  g_autoptr(Error) error = condition_parse(&f->scope, "ConditionExpression", text, &condition);
  if (error)
    g_error("%s: %s", text, error->message);
  return expression_holds(f->arena, condition, &f->item);
}

static void
test_precedence(Fixture *f, gconstpointer data)
{
  g_assert_true(holds(f, "n = :five OR n = :six AND n = :six"));
  g_assert_false(holds(f, "(n = :five OR n = :six) AND n = :six"));
  g_assert_true(holds(f, "NOT n = :six AND n = :five"));
  g_assert_true(holds(f, "not not #n = :five"));
  g_assert_true(holds(f, "begins_with(a.b, :text) and n between :five and :six"));
  g_assert_true(holds(f, "l[3] < :five and attribute_not_exists(l[4]) and size(l) < :five"));
}

static void
test_refused(Fixture *f, gconstpointer data)
{
  static const char *const pairs[][2] = {
    { "", "Invalid ConditionExpression: The expression can not be empty;" },
    { "n = ", "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \"=\"" },
    { "n = :five :six", "Invalid ConditionExpression: Syntax error; token: \":six\", near: \":five :six\"" },
    { "size = :five", "Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: size" },
    { "#m = :five", "Invalid ConditionExpression: An expression attribute name used in the document path is not defined; attribute name: #m" },
    { "n = n", "Invalid ConditionExpression: The first operand must be distinct from the remaining operands for this operator or function; "
               "operator: =, first operand: [n]" },
    { "n BETWEEN :six AND :five", "Invalid ConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
                                  "lower bound operand: AttributeValue: {N:6}, upper bound operand: AttributeValue: {N:5}" },
    { "begins_with(n, :five)", "Invalid ConditionExpression: Incorrect operand type for operator or function; operator or function: begins_with, "
                               "operand type: N" },
    { "size(n, l) = :five", "Invalid ConditionExpression: Incorrect number of operands for operator or function; operator or function: size, "
                            "number of operands: 2" },
  };
  for (guint i = 0; i < G_N_ELEMENTS(pairs); i++) {
    Node *condition;
    g_autoptr(Error) error = condition_parse(&f->scope, "ConditionExpression", pairs[i][0], &condition);
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==, pairs[i][1]);
  }
}

static void
test_nesting_is_bounded(Fixture *f, gconstpointer data)
{
  g_autofree char *open = g_strnfill(2000, '(');
  Node *condition;
  g_autoptr(Error) error = condition_parse(&f->scope, "ConditionExpression", open, &condition);
  g_assert_true(error_is(error, "ValidationException"));
}

/* Indexes mean the list as it was. */
static void
test_update_of_a_list(Fixture *f, gconstpointer data)
{
  Update *update;
  Item changed;
  Error *error = update_parse(&f->scope, "REMOVE l[0], l[2] SET n = n + :six, l[1] = :text", &update);
  g_assert_null(error);
  item_copy(f->arena, &f->item, &changed);
  error = update_apply(f->arena, update, &f->item, &changed);
  g_assert_null(error);
  const DynamodbListAttributeValue *list = &item_get(&changed, "l")->L;
  g_assert_cmpuint(list->n, ==, 2);
  g_assert_cmpstr(list->v[0]->S, ==, "de");
  g_assert_cmpstr(list->v[1]->N, ==, "3");
  g_assert_cmpstr(item_get(&changed, "n")->N, ==, "11");
  g_assert_cmpstr(item_get(&f->item, "n")->N, ==, "5");
}

static void
test_stored_form(Fixture *f, gconstpointer data)
{
  g_autoptr(GByteArray) stored = g_byte_array_new();
  Item back;
  item_encode(&f->item, stored);
  for (guint size = 0; size < stored->len; size++) {
    g_autofree guint8 *cut = g_memdup2(stored->data, size + 1);
    g_autoptr(Error) error = item_decode(f->arena, cut, size, &back);
    g_assert_nonnull(error);
  }
  Error *error = item_decode(f->arena, stored->data, stored->len, &back);
  g_assert_null(error);
  Value a = { .M = f->item }, b = { .M = back };
  g_assert_true(value_equal(&a, &b));
}

static void
test_reserved(Fixture *f, gconstpointer data)
{
  g_assert_true(word_reserved("Status") && word_reserved("zone") && word_reserved("ABORT") && word_reserved("user"));
  g_assert_false(word_reserved("sessionId") || word_reserved("") || word_reserved("averyveryveryverylongattributename"));
}

#define ADD(name, function) g_test_add("/dynamodb/expression/" name, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  ADD("precedence", test_precedence);
  ADD("refused", test_refused);
  ADD("nesting-is-bounded", test_nesting_is_bounded);
  ADD("update-of-a-list", test_update_of_a_list);
  ADD("stored-form", test_stored_form);
  ADD("reserved", test_reserved);
  return g_test_run();
}
