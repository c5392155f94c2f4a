/* What the parser refuses, in whose words. */
#include "iam/policy.h"

typedef struct Case {
  const char *name;
  gboolean resource_policy;
  const char *document;
  const char *message; /* NULL: good */
} Case;

#define ALLOW(rest) "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\"," rest "}]}"

static const Case cases[] = {
  { "plain", FALSE, ALLOW("\"Action\":\"s3:GetObject\",\"Resource\":\"*\""), NULL },
  { "one statement", FALSE, "{\"Statement\":{\"Effect\":\"Deny\",\"NotAction\":\"iam:*\",\"NotResource\":\"arn:aws:s3:::b\"}}", NULL },
  { "conditions", FALSE,
    ALLOW("\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"ForAllValues:StringEqualsIfExists\":{\"aws:TagKeys\":[\"a\"]},\"Bool\":{\"aws:SecureTransport\":false}}"), NULL },
  { "no json", FALSE, "{", "Syntax errors in policy." },
  { "no json, resource", TRUE, "{", "This policy contains invalid Json" },
  { "array", FALSE, "[]", "Syntax errors in policy." },
  { "no statement", FALSE, "{\"Version\":\"2012-10-17\"}", "Syntax errors in policy." },
  { "version", FALSE, "{\"Version\":\"2013-01-01\",\"Statement\":[]}", "Policy document must be version 2012-10-17 or greater." },
  { "unknown element", FALSE, ALLOW("\"Action\":\"s3:*\",\"Resource\":\"*\",\"Resources\":\"*\""), "Syntax errors in policy." },
  { "no action", FALSE, ALLOW("\"Resource\":\"*\""), "Policy statement must contain actions." },
  { "no resource", FALSE, ALLOW("\"Action\":\"s3:GetObject\""), "Policy statement must contain resources." },
  { "action without vendor", FALSE, ALLOW("\"Action\":\"GetObject\",\"Resource\":\"*\""),
    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc." },
  { "two colons", FALSE, ALLOW("\"Action\":\"s3:Get:Object\",\"Resource\":\"*\""), "Actions/Condition can contain only one colon." },
  { "bad vendor", FALSE, ALLOW("\"Action\":\"s 3:GetObject\",\"Resource\":\"*\""), "Vendor s 3 is not valid" },
  { "resource no arn", FALSE, ALLOW("\"Action\":\"s3:GetObject\",\"Resource\":\"bucket\""), "Resource bucket must be in ARN format or \"*\"." },
  { "partition", FALSE, ALLOW("\"Action\":\"s3:GetObject\",\"Resource\":\"arn:x:s3:::b\""),
    "Partition \"x\" is not valid for resource \"arn:x:s3:::b\"." },
  { "bucket with region", FALSE, ALLOW("\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:us-east-1::b\""),
    "Resource arn:aws:s3:us-east-1::b can not contain region information." },
  { "principal in identity policy", FALSE, ALLOW("\"Principal\":\"*\",\"Action\":\"s3:GetObject\",\"Resource\":\"*\""),
    "Policy document should not specify a principal." },
  { "no principal", TRUE, ALLOW("\"Action\":\"s3:GetObject\",\"Resource\":\"*\""), "Missing required field Principal" },
  { "principal text", TRUE, ALLOW("\"Principal\":\"bob\",\"Action\":\"s3:GetObject\",\"Resource\":\"*\""), "Invalid principal in policy: \"bob\"" },
  { "principal type", TRUE, ALLOW("\"Principal\":{\"Aws\":\"*\"},\"Action\":\"s3:GetObject\""), "Invalid principal in policy: \"Aws\"" },
  { "principals", TRUE, ALLOW("\"Principal\":{\"AWS\":[\"1\",\"*\"],\"Service\":\"lambda.amazonaws.com\"},\"Action\":\"sts:AssumeRole\""), NULL },
  { "same sid", FALSE,
    "{\"Statement\":[{\"Sid\":\"a\",\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},"
    "{\"Sid\":\"a\",\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}", "Statement IDs (SID) in a single policy must be unique." },
  { "unknown operator", FALSE, ALLOW("\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"StringMatches\":{\"aws:x\":\"y\"}}"), "Syntax errors in policy." },
  { "null with IfExists", FALSE, ALLOW("\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"NullIfExists\":{\"aws:x\":\"true\"}}"),
    "Syntax errors in policy." },
};

static void
test_check(gconstpointer data)
{
  const Case *c = data;
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(Error) error = iam_policy_check(arena, c->document, c->resource_policy);
  g_assert_cmpstr(error ? error->message : NULL, ==, c->message);
  if (error)
    g_assert_true(error_is(error, "MalformedPolicyDocument"));
}

static void
test_patterns(void)
{
  g_autoptr(Arena) arena = arena_new();
  StringMap given = { 0 };
  MAP_SET(arena, &given, "aws:username", "a*");
  ContextView context = { arena, &given, NULL };
  Policy policy = { .variables = TRUE };
  const char *home = pattern_expand(&policy, &context, "arn:aws:s3:::b/${AWS:UserName}/*", TRUE);
  g_assert_true(pattern_match(home, "arn:aws:s3:::b/a*/x", FALSE));
  g_assert_false(pattern_match(home, "arn:aws:s3:::b/ab/x", FALSE));
  g_assert_null(pattern_expand(&policy, &context, "${aws:PrincipalTag/team}", TRUE));
  g_assert_cmpstr(pattern_expand(&policy, &context, "${aws:PrincipalTag/team, 'none'}", TRUE), ==, "none");
  g_assert_true(pattern_match(pattern_expand(&policy, &context, "${*}?*", TRUE), "*bc", FALSE));
  g_assert_false(pattern_match(pattern_expand(&policy, &context, "${*}", TRUE), "abc", FALSE));
  policy.variables = FALSE;
  g_assert_cmpstr(pattern_expand(&policy, &context, "${aws:username}", FALSE), ==, "${aws:username}");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *path = g_strdup_printf("/iam/policy/%s", cases[i].name);
    g_test_add_data_func(path, &cases[i], test_check);
  }
  g_test_add_func("/iam/pattern", test_patterns);
  return g_test_run();
}
