#include "services/dynamodb/number.h"

#include <string.h>

static Number
parse(const char *text)
{
  Number number;
  Error *error = number_parse(text, &number);
  if (error)
    g_error("%s", error->message);
  return number;
}

static void
test_canonical_text(void)
{
  static const char *const pairs[][2] = {
    { "0", "0" }, { "-0.00", "0" }, { "007", "7" }, { "1.50", "1.5" }, { "-12.345e2", "-1234.5" }, { "1e3", "1000" },
    { "0.001", "0.001" }, { "1E-5", "0.00001" }, { ".5", "0.5" }, { "5.", "5" }, { "100", "100" }, { "+3", "3" },
    { "12345678901234567890123456789012345678", "12345678901234567890123456789012345678" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(pairs); i++) {
    Number number = parse(pairs[i][0]);
    g_assert_cmpstr(number_text(arena, &number), ==, pairs[i][1]);
  }
}

static void
test_refused(void)
{
  static const char *const pairs[][2] = {
    { "abc", "The parameter cannot be converted to a numeric value: abc" },
    { "", "The parameter cannot be converted to a numeric value: " },
    { "1e", "The parameter cannot be converted to a numeric value: 1e" },
    { "1 ", "The parameter cannot be converted to a numeric value: 1 " },
    { "NaN", "The parameter cannot be converted to a numeric value: NaN" },
    { "1e126", "Number overflow. Attempting to store a number with magnitude larger than supported range" },
    { "1e-131", "Number underflow. Attempting to store a number with magnitude smaller than supported range" },
    { "123456789012345678901234567890123456789", "Attempting to store more than 38 significant digits in a Number" },
  };
  for (guint i = 0; i < G_N_ELEMENTS(pairs); i++) {
    Number number;
    g_autoptr(Error) error = number_parse(pairs[i][0], &number);
    g_assert_true(error_is(error, "ValidationException"));
    g_assert_cmpstr(error->message, ==, pairs[i][1]);
  }
  parse("9.9999999999999999999999999999999999999E+125");
  parse("1E-130");
}

static void
test_sums(void)
{
  static const char *const sums[][3] = {
    { "1", "2", "3" }, { "0.1", "0.2", "0.3" }, { "5", "-5", "0" }, { "-1", "3", "2" }, { "999", "1", "1000" }, { "1", "-1000", "-999" },
    { "9007199254740993", "1", "9007199254740994" }, { "1e20", "0.001", "100000000000000000000.001" }, { "0", "-7", "-7" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(sums); i++) {
    Number a = parse(sums[i][0]), b = parse(sums[i][1]), sum, back;
    g_assert_null(number_add(&a, &b, FALSE, &sum));
    g_assert_cmpstr(number_text(arena, &sum), ==, sums[i][2]);
    g_assert_null(number_add(&sum, &b, TRUE, &back));
    g_assert_cmpint(number_compare(&back, &a), ==, 0);
  }
  Number large = parse("9e125"), little = parse("1"), sum;
  g_autoptr(Error) overflow = number_add(&large, &large, FALSE, &sum);
  g_assert_nonnull(overflow);
  g_autoptr(Error) digits = number_add(&large, &little, FALSE, &sum);
  g_assert_nonnull(digits);
}

/* The order of numbers, of their keys, and of the list agree. */
static void
test_order(void)
{
  static const char *const sorted[] = { "-9e125", "-1000", "-12", "-11.5", "-1.01", "-1", "-0.11", "-0.101", "-0.1", "-1e-130", "0",
                                        "1e-130", "0.1", "0.101", "0.11", "1", "1.01", "2", "9", "10", "11.5", "12", "99", "100", "9e125" };
  for (guint i = 0; i < G_N_ELEMENTS(sorted); i++)
    for (guint j = 0; j < G_N_ELEMENTS(sorted); j++) {
      Number a = parse(sorted[i]), b = parse(sorted[j]);
      guint8 ka[NUMBER_KEY_MAX], kb[NUMBER_KEY_MAX];
      gsize na = number_key(&a, ka), nb = number_key(&b, kb);
      int order = memcmp(ka, kb, MIN(na, nb));
      order = order ? order : (int) na - (int) nb;
      g_assert_cmpint((order > 0) - (order < 0), ==, (i > j) - (i < j));
      order = number_compare(&a, &b);
      g_assert_cmpint((order > 0) - (order < 0), ==, (i > j) - (i < j));
    }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/dynamodb/number/canonical-text", test_canonical_text);
  g_test_add_func("/dynamodb/number/refused", test_refused);
  g_test_add_func("/dynamodb/number/sums", test_sums);
  g_test_add_func("/dynamodb/number/order", test_order);
  return g_test_run();
}
