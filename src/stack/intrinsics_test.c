#include "stack/intrinsics.h"

#include <string.h>

static const char head[] =
  "Parameters: {P: {Type: String}, L: {Type: CommaDelimitedList}}\n"
  "Mappings: {M: {a: {text: one, list: [x, y]}}}\n"
  "Conditions:\n"
  "  Is: !Equals [!Ref P, p]\n"
  "  Isnt: !Not [!Condition Is]\n"
  "  Both: !And [!Condition Is, !Condition Isnt]\n"
  "  Either: !Or [!Condition Isnt, !Condition Is]\n"
  "  Loop: !Not [!Condition Pool]\n"
  "  Pool: !Not [!Condition Loop]\n"
  "  Wrong: !Equals [a]\n"
  "  Text: hello\n"
  "Resources: {R: {Type: AWS::SSM::Parameter}}\n"
  "Outputs: {O: {Value: ";

static Error *
value_of(Eval *eval, const char *logical_id, const char *attribute, Json **ret_value)
{
  if (g_strcmp0(attribute, "None") == 0)
    return error_answer("ValidationError", "there is no None");
  *ret_value = json_new_string(eval->arena, arena_printf(eval->arena, "<%s%s%s>", logical_id, attribute ? "." : "", attribute ? attribute : ""));
  return NULL;
}

static Error *
import(Eval *eval, const char *name, Json **ret_value)
{
  *ret_value = json_new_string(eval->arena, arena_printf(eval->arena, "import of %s", name));
  return NULL;
}

/* What the value, as YAML, is worth: JSON, "nothing", or the error's words. */
static const char *
evaluate(Arena *arena, const char *yaml, gboolean prune)
{
  Template template = { 0 };
  Json *parameters = NULL, *value = NULL;
  const char *text = arena_printf(arena, "%s%s}}\n", head, yaml), *given = "{\"P\":\"p\",\"L\":[\"1\",\"2\",\"3\"]}";
  g_autoptr(Error) malformed = template_parse(arena, text, strlen(text), &template);
  if (malformed)
    return arena_strdup(arena, malformed->message);
  g_assert_null(json_parse(arena, given, strlen(given), &parameters));
  g_auto(Eval) eval = { .arena = arena, .template = &template, .parameters = parameters, .region = "eu-west-1", .account = "123456789012",
    .stack_name = "s", .stack_id = "arn:s", .resource = value_of, .import = import };
  eval_init(&eval);
  const Json *output = json_path(template.root, "Outputs.O.Value");
  g_autoptr(Error) error = prune ? eval_prune(&eval, output, &value) : eval_value(&eval, output, &value);
  return error ? arena_strdup(arena, error->message) : value ? json_text(arena, value) : "nothing";
}

static void
test_functions(void)
{
  static const char *const rows[][2] = {
    { "!Ref P", "\"p\"" }, { "!Ref L", "[\"1\",\"2\",\"3\"]" }, { "!Ref R", "\"<R>\"" }, { "!Ref AWS::Region", "\"eu-west-1\"" },
    { "!Ref AWS::NoValue", "nothing" }, { "[a, !Ref AWS::NoValue, b]", "[\"a\",\"b\"]" }, { "{a: !Ref AWS::NoValue, b: 1}", "{\"b\":1}" },
    { "!Ref AWS::NotificationARNs", "[]" }, { "!Sub '${AWS::Partition} ${AWS::AccountId} ${AWS::StackName} ${AWS::StackId} ${AWS::URLSuffix}'",
      "\"aws 123456789012 s arn:s amazonaws.com\"" },
    { "!GetAtt R.Value", "\"<R.Value>\"" }, { "{'Fn::GetAtt': [R, Value]}", "\"<R.Value>\"" },
    { "!Sub '${P}-${R}-${R.Value}-${!Kept}-$x-${L}'", "\"p-<R>-<R.Value>-${Kept}-$x-1,2,3\"" },
    { "!Sub ['${A}/${P}', {A: !Join ['+', !Ref L]}]", "\"1+2+3/p\"" },
    { "!Join ['', [a, 1, true]]", "\"a1true\"" }, { "!Select [1, !Ref L]", "\"2\"" }, { "!Select ['0', [x]]", "\"x\"" },
    { "!Split ['--', 'a--b--']", "[\"a\",\"b\",\"\"]" }, { "!Split [',', '']", "[\"\"]" },
    { "!FindInMap [M, a, text]", "\"one\"" }, { "!FindInMap [M, a, list]", "[\"x\",\"y\"]" },
    { "!FindInMap [M, b, c, {DefaultValue: d}]", "\"d\"" },
    { "!Base64 abc", "\"YWJj\"" }, { "!GetAZs ''", "[\"eu-west-1a\",\"eu-west-1b\",\"eu-west-1c\"]" },
    { "!Cidr [10.0.0.0/16, 2, 8]", "[\"10.0.0.0/24\",\"10.0.1.0/24\"]" }, { "!ImportValue x", "\"import of x\"" },
    { "!If [Is, a, b]", "\"a\"" }, { "!If [Isnt, a, !Ref AWS::NoValue]", "nothing" }, { "!If [Both, a, !If [Either, b, c]]", "\"b\"" },
    { "!Length [1, 2]", "2" }, { "!ToJsonString {a: [1, !Ref P]}", "\"{\\\"a\\\":[1,\\\"p\\\"]}\"" },
    { "{Ref: P, Other: x}", "{\"Ref\":\"P\",\"Other\":\"x\"}" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(evaluate(arena, rows[i][0], FALSE), ==, rows[i][1]);
}

static void
test_errors(void)
{
  static const char *const rows[][2] = {
    { "!FindInMap [M, b, c]", "Template error: Unable to get mapping for M::b::c" },
    { "!FindInMap [N, b, c]", "Template error: Mapping named 'N' is not present in the 'Mappings' section of template." },
    { "!FindInMap [M, a]", "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for "
      "return value" },
    { "!Select [3, !Ref L]", "Template error: Fn::Select cannot select nonexistent value at index 3" },
    { "!Select [x, [a]]", "Template error: Fn::Select requires a list argument with two elements: an integer index and a list" },
    { "!Join [a, b]", "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be "
      "joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined." },
    { "!Split ['', a]", "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a "
      "function that returns a string to be split." },
    { "!Sub '${P'", "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons "
      "(line 13: a ${ does not end)" },
    { "!Sub [a]", "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, "
      "and an optional second argument to specify a mapping of values to replace in the string" },
    { "!GetAtt R.None", "Template error: resource R does not support attribute type None in Fn::GetAtt (line 13)" },
    { "!If [Wrong, a, b]", "Template error: every Fn::Equals object requires a list of 2 string parameters." },
    { "!If [Loop, a, b]", "Circular dependencies for conditions: [Loop]" },
    { "!If [Text, a, b]", "Template format error: Conditions can only be boolean operations on parameters and other conditions (line 11)" },
    { "!If [Is, a]", "Template error: Fn::If requires a list argument with three elements: a condition, a value if it is true, a value if it is "
      "false (line 13)" },
    { "{'Fn::Nothing': x}", "Template error: there is no function Fn::Nothing here (line 13)" },
    { "!Length abc", "Template error: Fn::Length requires a list (line 13)" },
    { "!Cidr [10.0.0.0/24, 3, 7]", "Template error: Fn::Cidr: 10.0.0.0/24 has no room for 3 blocks of 7 bits" },
    { "{'Fn::Transform': {Name: 'AWS::Include'}}", "Template error: Fn::Transform: the transform AWS::Include is not here (line 13): expand the "
      "template before it is deployed" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(evaluate(arena, rows[i][0], FALSE), ==, rows[i][1]);
}

static void
test_pruning(void)
{
  static const char *const rows[][2] = {
    { "{a: !If [Isnt, x, !Ref AWS::NoValue], b: !If [Is, !Ref P, y], c: [!Ref AWS::NoValue]}", "{\"b\":{\"Ref\":\"P\"},\"c\":[]}" },
    { "!If [Isnt, a, !Ref AWS::NoValue]", "nothing" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(evaluate(arena, rows[i][0], TRUE), ==, rows[i][1]);
}

/* A short template whose values would fill the memory. */
static void
test_bomb(void)
{
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GString) value = g_string_new("a");
  const char *expected = "Template error: the template's values are too large when its functions are evaluated (line 13)";
  for (guint i = 0; i < 12; i++) {
    g_autofree char *inner = g_strdup(value->str);
    g_string_printf(value, "!Sub ['${A}${A}${A}${A}${A}${A}${A}${A}', {A: %s}]", inner);
  }
  g_assert_cmpstr(evaluate(arena, value->str, FALSE), ==, expected);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/stack/intrinsics/functions", test_functions);
  g_test_add_func("/stack/intrinsics/errors", test_errors);
  g_test_add_func("/stack/intrinsics/pruning", test_pruning);
  g_test_add_func("/stack/intrinsics/bomb", test_bomb);
  return g_test_run();
}
