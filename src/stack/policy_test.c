#include "stack/policy.h"

#include <string.h>

#define ALLOW "{\"Effect\":\"Allow\",\"Action\":\"Update:*\",\"Principal\":\"*\",\"Resource\":\"*\"}"

/* What the policy says to replacing Db (an AWS::RDS::DBCluster): "" if it may be. */
static const char *
replace(Arena *arena, const char *text)
{
  Json *policy = NULL;
  g_autoptr(Error) error = stack_policy_parse(arena, text, &policy);
  if (error)
    return arena_strdup(arena, error->message);
  const char *denial = stack_policy_denial(arena, policy, "Update:Replace", "Db", "AWS::RDS::DBCluster");
  return denial ? denial : "";
}

static void
test_decisions(void)
{
  static const char *const rows[][2] = {
    { "{\"Statement\":[" ALLOW "]}", "" },
    { "{\"Statement\":" ALLOW "}", "" },
    { "{\"Statement\":[]}", "Action not allowed by stack policy: no statement allows [Update:Replace] for resource [LogicalResourceId/Db];" },
    { "{\"Statement\":[" ALLOW ",{\"Effect\":\"Deny\",\"Action\":[\"Update:Replace\",\"Update:Delete\"],\"Principal\":\"*\",\"Resource\":"
      "\"LogicalResourceId/D*\"}]}", "Action denied by stack policy: Statement [#2] does not allow [Update:Replace] for resource "
      "[LogicalResourceId/Db];" },
    { "{\"Statement\":[" ALLOW ",{\"Effect\":\"Deny\",\"Action\":\"Update:Modify\",\"Principal\":\"*\",\"Resource\":\"*\"}]}", "" },
    { "{\"Statement\":[" ALLOW ",{\"Effect\":\"Deny\",\"NotAction\":\"Update:Modify\",\"Principal\":\"*\",\"NotResource\":"
      "\"LogicalResourceId/Other\"}]}", "Action denied by stack policy: Statement [#2] does not allow [Update:Replace] for resource "
      "[LogicalResourceId/Db];" },
    { "{\"Statement\":[" ALLOW ",{\"Effect\":\"Deny\",\"Action\":\"Update:*\",\"Principal\":\"*\",\"Resource\":\"*\",\"Condition\":{\"StringLike\":"
      "{\"ResourceType\":[\"AWS::EC2::*\"]}}}]}", "" },
    { "{\"Statement\":[" ALLOW ",{\"Effect\":\"Deny\",\"Action\":\"Update:*\",\"Principal\":\"*\",\"Resource\":\"*\",\"Condition\":"
      "{\"StringEquals\":{\"ResourceType\":\"AWS::RDS::DBCluster\"}}}]}", "Action denied by stack policy: Statement [#2] does not allow "
      "[Update:Replace] for resource [LogicalResourceId/Db];" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(replace(arena, rows[i][0]), ==, rows[i][1]);
  g_assert_null(stack_policy_denial(arena, NULL, "Update:Delete", "Db", "T"));
}

static void
test_forms(void)
{
  static const char *const rows[][2] = {
    { "", "Error validating stack policy: Invalid stack policy" },
    { "[]", "Error validating stack policy: Invalid stack policy" },
    { "{\"Statement\":\"x\"}", "Error validating stack policy: Invalid stack policy" },
    { "{\"Statement\":[{\"Effect\":\"Maybe\"}]}", "Error validating stack policy: Invalid stack policy" },
    { "{\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":\"me\"}]}", "Error validating stack policy: Principal must be \"*\"" },
    { "{\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"*\"}]}",
      "Error validating stack policy: Unknown action s3:*" },
    { "{\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"Update:*\"}]}", "Error validating stack policy: Invalid stack policy" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(replace(arena, rows[i][0]), ==, rows[i][1]);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/stack/policy/decisions", test_decisions);
  g_test_add_func("/stack/policy/forms", test_forms);
  return g_test_run();
}
