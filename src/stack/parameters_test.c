#include "stack/parameters.h"

#include <string.h>

static Json *
from_text(Arena *arena, const char *text)
{
  Json *json = NULL;
  if (text)
    g_assert_null(json_parse(arena, text, strlen(text), &json));
  return json;
}

static void
parse(Arena *arena, const char *declarations, Template *ret_template)
{
  const char *text = arena_printf(arena, "{\"Parameters\":{%s},\"Resources\":{\"R\":{\"Type\":\"AWS::SSM::Parameter\"}}}", declarations);
  g_assert_null(template_parse(arena, text, strlen(text), ret_template));
}

/* values as JSON, or the error's words. given: "key=value", "key" (UsePreviousValue), or NULL. */
static const char *
resolve(Arena *arena, const char *declarations, const char *given, const char *previous)
{
  Template template = { 0 };
  Json *list = json_new_array(arena), *texts = NULL, *values = NULL;
  Call call = { .arena = arena };
  parse(arena, declarations, &template);
  if (given) {
    const char *equals = strchr(given, '=');
    Json *item = json_new_object(arena);
    json_set(arena, item, "ParameterKey", json_new_string(arena, equals ? arena_strndup(arena, given, (gsize) (equals - given)) : given));
    json_set(arena, item, equals ? "ParameterValue" : "UsePreviousValue", equals ? json_new_string(arena, equals + 1) : json_new_bool(arena, TRUE));
    json_append(arena, list, item);
  }
  g_autoptr(Error) error = parameters_resolve(&call, &template, list, from_text(arena, previous), &texts, &values);
  return error ? arena_strdup(arena, error->message) : json_text(arena, values);
}

static void
test_values(void)
{
  static const char *const rows[][4] = {
    { "\"P\":{\"Type\":\"String\"}", "P=x", NULL, "{\"P\":\"x\"}" },
    { "\"P\":{\"Type\":\"String\",\"Default\":\"d\"}", NULL, NULL, "{\"P\":\"d\"}" },
    { "\"P\":{\"Type\":\"Number\",\"Default\":7}", NULL, NULL, "{\"P\":\"7\"}" },
    { "\"P\":{\"Type\":\"CommaDelimitedList\"}", "P=a, b ,c", NULL, "{\"P\":[\"a\",\"b\",\"c\"]}" },
    { "\"P\":{\"Type\":\"List<Number>\"}", "P=1,2", NULL, "{\"P\":[\"1\",\"2\"]}" },
    { "\"P\":{\"Type\":\"String\",\"Default\":\"d\"}", "P", "{\"P\":\"old\"}", "{\"P\":\"old\"}" },
    { "\"P\":{\"Type\":\"String\",\"Default\":\"d\"}", NULL, "{\"P\":\"old\"}", "{\"P\":\"d\"}" },
    { "\"P\":{\"Type\":\"String\"},\"Q\":{\"Type\":\"String\"}", NULL, NULL, "Parameters: [P, Q] must have values" },
    { "\"P\":{\"Type\":\"String\"}", "P", NULL, "Parameters: [P] must have values" },
    { "\"P\":{\"Type\":\"String\",\"Default\":\"\"}", "Q=1", NULL, "Parameters: [Q] do not exist in the template" },
    { "\"P\":{\"Type\":\"Strin\"}", "P=x", NULL, "Template format error: Unrecognized parameter type: Strin" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(resolve(arena, rows[i][0], rows[i][1], rows[i][2]), ==, rows[i][3]);
}

static void
test_constraints(void)
{
  static const char *const rows[][3] = {
    { "\"Type\":\"String\",\"AllowedValues\":[\"a\",\"b\"]", "P=c", "Parameter 'P' must be one of AllowedValues" },
    { "\"Type\":\"Number\"", "P=1x", "Parameter 'P' must be a number." },
    { "\"Type\":\"List<Number>\"", "P=1,x", "Parameter 'P' must be a list of numbers." },
    { "\"Type\":\"Number\",\"MinValue\":5", "P=4.9", "Parameter 'P' must be a number not less than 5" },
    { "\"Type\":\"Number\",\"MaxValue\":\"5\"", "P=5.1", "Parameter 'P' must be a number not greater than 5" },
    { "\"Type\":\"String\",\"MinLength\":\"3\"", "P=ab", "Parameter 'P' must contain at least 3 characters" },
    { "\"Type\":\"String\",\"MaxLength\":2", "P=abc", "Parameter 'P' must contain at most 2 characters" },
    { "\"Type\":\"String\",\"MaxLength\":2", "P=\303\251\303\251", "{\"P\":\"\303\251\303\251\"}" },
    { "\"Type\":\"String\",\"AllowedPattern\":\"[a-z]+\"", "P=ab1", "Parameter 'P' must match pattern [a-z]+" },
    { "\"Type\":\"String\",\"AllowedPattern\":\"a|b\"", "P=ab", "Parameter 'P' must match pattern a|b" },
    { "\"Type\":\"String\",\"AllowedPattern\":\"[a-z]+\"", "P=ab\n", "Parameter 'P' must match pattern [a-z]+" },
    { "\"Type\":\"String\",\"AllowedPattern\":\"[\"", "P=ab", "Template format error: Parameter 'P' has an AllowedPattern that is no regular "
      "expression: [" },
    { "\"Type\":\"String\",\"AllowedPattern\":\"[a-z]+\",\"ConstraintDescription\":\"lower case\"", "P=A",
      "Parameter 'P' failed to satisfy constraint: lower case" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(resolve(arena, arena_printf(arena, "\"P\":{%s}", rows[i][0]), rows[i][1], NULL), ==, rows[i][2]);
  const char *large = arena_printf(arena, "P=%0*d", 4097, 0);
  g_assert_cmpstr(resolve(arena, "\"P\":{\"Type\":\"String\"}", large, NULL), ==, "Parameter 'P' must contain at most 4096 characters");
}

/* A pattern that would try for hours is given up, not followed. */
static void
test_slow_pattern(void)
{
  g_autoptr(Arena) arena = arena_new();
  const char *answer = resolve(arena, "\"P\":{\"Type\":\"String\",\"AllowedPattern\":\"(a+)+b|(.*)*c|(?:x+x+)+y\"}",
                               "P=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", NULL);
  g_assert_cmpstr(answer, ==, "Parameter 'P' must match pattern (a+)+b|(.*)*c|(?:x+x+)+y");
}

static void
test_shown(void)
{
  Template template = { 0 };
  g_autoptr(Arena) arena = arena_new();
  parse(arena, "\"Seen\":{\"Type\":\"String\",\"Default\":\"a\",\"AllowedValues\":[\"a\"]},\"Hidden\":{\"Type\":\"String\",\"NoEcho\":true}", &template);
  Json *texts = from_text(arena, "{\"Seen\":\"a\",\"Hidden\":\"secret\"}");
  g_assert_cmpstr(json_text(arena, parameters_describe(arena, &template, texts, texts)), ==,
                  "[{\"ParameterKey\":\"Seen\",\"ParameterValue\":\"a\"},{\"ParameterKey\":\"Hidden\",\"ParameterValue\":\"****\"}]");
  g_assert_cmpstr(json_text(arena, parameters_declare(arena, &template)), ==,
                  "[{\"ParameterKey\":\"Seen\",\"DefaultValue\":\"a\",\"ParameterType\":\"String\",\"NoEcho\":false,\"ParameterConstraints\":"
                  "{\"AllowedValues\":[\"a\"]}},{\"ParameterKey\":\"Hidden\",\"ParameterType\":\"String\",\"NoEcho\":true,"
                  "\"ParameterConstraints\":{}}]");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/stack/parameters/values", test_values);
  g_test_add_func("/stack/parameters/constraints", test_constraints);
  g_test_add_func("/stack/parameters/slow_pattern", test_slow_pattern);
  g_test_add_func("/stack/parameters/shown", test_shown);
  return g_test_run();
}
