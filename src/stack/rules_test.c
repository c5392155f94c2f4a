#include "stack/rules.h"

#include <string.h>

/* "" if the rule holds, else the error's words. */
static const char *
check(Arena *arena, const char *rule)
{
  Template template = { 0 };
  Json *parameters = NULL;
  Call call = { .arena = arena };
  const char *text = arena_printf(arena, "Parameters: {P: {Type: String}, L: {Type: CommaDelimitedList}}\nRules:\n  R: %s\n"
                                  "Resources: {A: {Type: AWS::SSM::Parameter}}\n", rule);
  const char *given = "{\"P\":\"p\",\"L\":[\"a\",\"b\"]}";
  g_autoptr(Error) malformed = template_parse(arena, text, strlen(text), &template);
  if (malformed)
    return arena_strdup(arena, malformed->message);
  g_assert_null(json_parse(arena, given, strlen(given), &parameters));
  g_auto(Eval) eval = { .arena = arena, .template = &template, .parameters = parameters };
  eval_init(&eval);
  g_autoptr(Error) error = rules_evaluate(&call, &eval);
  return error ? arena_strdup(arena, error->message) : "";
}

static void
test_rules(void)
{
  static const char *const rows[][2] = {
    { "{Assertions: [{Assert: !Equals [!Ref P, p]}]}", "" },
    { "{Assertions: [{Assert: !Equals [!Ref P, q], AssertDescription: P is q}]}", "Rule R failed: P is q (line 3)" },
    { "{Assertions: [{Assert: !Not [!Equals [!Ref P, p]]}]}", "Rule R failed: an assertion does not hold (line 3)" },
    { "{RuleCondition: !Equals [!Ref P, q], Assertions: [{Assert: !Equals [a, b]}]}", "" },
    { "{Assertions: [{Assert: !Contains [[x, p], !Ref P]}]}", "" },
    { "{Assertions: [{Assert: !Not [!Contains [['1', '2'], !Ref P]], AssertDescription: no}]}", "" },
    { "{Assertions: [{Assert: !EachMemberIn [!Ref L, [a, b, c]]}, {Assert: !EachMemberIn [!Ref L, [a]], AssertDescription: all of a}]}",
      "Rule R failed: all of a (line 3)" },
    { "{Assertions: [{Assert: !EachMemberEquals [[x, x], x]}, {Assert: !EachMemberEquals [!Ref L, a], AssertDescription: each}]}",
      "Rule R failed: each (line 3)" },
    { "{Assertions: [{Assert: !And [!Equals [a, a], !Or [!Equals [a, b], !Equals [b, b]]]}]}", "" },
    { "{Assertions: [{Assert: !Or [!Equals [a, b]]}]}", "Template error: every Fn::Or object requires a list of at least 2 and at most 10 boolean "
      "parameters." },
    { "{Assertions: [{Assert: !Ref P}]}", "Template error: a rule's condition or assertion is one of Fn::And, Fn::Contains, Fn::EachMemberEquals, "
      "Fn::EachMemberIn, Fn::Equals, Fn::Not and Fn::Or (line 3)" },
    { "{Assertions: [{Assert: !Contains [a, b]}]}", "Template error: every Fn::Contains object requires a list of texts (line 3)" },
    { "{Assertions: [{Assert: !Contains [!RefAll 'AWS::Route53::HostedZone::Id', b]}]}", "Template error: haar does not know the values of the "
      "type AWS::Route53::HostedZone::Id in Rules" },
    { "{Assertions: [{Assert: !Equals [!ValueOf [P], b]}]}", "Template error: every Fn::ValueOf object requires two parameters, the name of a "
      "parameter and an attribute (line 3)" },
    { "{Assertions: []}", "Template format error: [/Rules/R] Every Rules object must contain an Assertions list. (line 3)" },
    { "{Assertions: [{AssertDescription: x}]}", "Template format error: [/Rules/R/Assertions/0] Every assertion must contain an Assert. (line 3)" },
    { "{Assertion: [], Assertions: [{Assert: x}]}", "Template format error: [/Rules/R] Unexpected member 'Assertion' (line 3): a rule has "
      "RuleCondition and Assertions" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(check(arena, rows[i][0]), ==, rows[i][1]);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/stack/rules/rules", test_rules);
  return g_test_run();
}
