#include "base/arn.h"

static void
test_parts(void)
{
  g_autoptr(Arena) arena = arena_new();
  Arn arn;
  g_assert_true(arn_parse(arena, "arn:aws:lambda:us-east-1:123456789012:function:pay:live", &arn));
  g_assert_cmpstr(arn.partition, ==, "aws");
  g_assert_cmpstr(arn.service, ==, "lambda");
  g_assert_cmpstr(arn.region, ==, "us-east-1");
  g_assert_cmpstr(arn.account, ==, "123456789012");
  g_assert_cmpstr(arn.resource, ==, "function:pay:live");
  g_assert_true(arn_parse(arena, "arn:aws:s3:::bucket/key", &arn));
  g_assert_cmpstr(arn.region, ==, "");
  g_assert_cmpstr(arn.account, ==, "");
}

static void
test_not_arns(void)
{
  static const char *const texts[] = { "", "arn", "arn:aws:s3::", "arn:aws:s3:::", "urn:aws:s3:::x", "arn::s3:::x", "arn:aws::::x" };
  g_autoptr(Arena) arena = arena_new();
  Arn arn;
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    g_assert_false(arn_parse(arena, texts[i], &arn));
}

static void
test_format(void)
{
  g_autoptr(Arena) arena = arena_new();
  g_assert_cmpstr(arn_format(arena, "dynamodb", "eu-west-1", "000000000000", "table/%s", "t"), ==,
                  "arn:aws:dynamodb:eu-west-1:000000000000:table/t");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/base/arn/parts", test_parts);
  g_test_add_func("/base/arn/not-arns", test_not_arns);
  g_test_add_func("/base/arn/format", test_format);
  return g_test_run();
}
