#include "stack/template.h"

#include "stack/yaml.h"
#include <string.h>

/* The template's resources as compact JSON, or the error's words. */
static const char *
parse(Arena *arena, const char *text)
{
  Template template = { 0 };
  g_autoptr(Error) error = template_parse(arena, text, strlen(text), &template);
  if (!error)
    return json_text(arena, template.resources);
  g_assert_cmpint(error->kind, ==, ERROR_ANSWER);
  g_assert_cmpstr(error->code, ==, "ValidationError");
  return arena_strdup(arena, error->message);
}

static const char *
read_yaml(Arena *arena, const char *text)
{
  Json *json = NULL;
  g_autoptr(Error) error = yaml_parse(arena, text, strlen(text), &json);
  return error ? arena_strdup(arena, error->message) : json_text(arena, json);
}

static void
test_yaml(void)
{
  static const char *const rows[][2] = {
    { "a: [1, 0x1F, 017, 1_000, +5, -0.5e3, 1e]", "{\"a\":[1,31,15,1000,5,-0.5e3,\"1e\"]}" },
    { "[yes, No, on, true, 'true', ~, null, '', 2012-10-17, \"1\"]", "[true,false,true,true,\"true\",null,null,\"\",\"2012-10-17\",\"1\"]" },
    { "a: !Ref B\nc: !GetAtt D.E.F\ne: !Sub '${A}'\nf: !Condition G", "{\"a\":{\"Ref\":\"B\"},\"c\":{\"Fn::GetAtt\":[\"D\",\"E.F\"]},"
      "\"e\":{\"Fn::Sub\":\"${A}\"},\"f\":{\"Condition\":\"G\"}}" },
    { "!Join ['', [a, !Ref B]]", "{\"Fn::Join\":[\"\",[\"a\",{\"Ref\":\"B\"}]]}" },
    { "x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: *x", "{\"x\":{\"a\":1,\"b\":2},\"y\":{\"b\":3,\"a\":1},\"z\":{\"a\":1,\"b\":2}}" },
    { "a: |\n  one\n  two\nb: >\n  one\n  two\n", "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\\n\"}" },
    { "", "null" },
    { "a: 1\na: 2", "Template format error: YAML not well-formed. (line 2, column 1) The key \"a\" is there twice." },
    { "a: !Nothing b", "Template format error: YAML not well-formed. (line 1, column 4) There is no function with the short form !Nothing." },
    { "a: *b", "Template format error: YAML not well-formed. (line 1, column 4) An alias names an anchor that is not there." },
    { "[a]: b", "Template format error: YAML not well-formed. (line 1, column 1) A key must be a text." },
    { "<<: 1", "Template format error: YAML not well-formed. (line 1, column 1) A merge key (<<) takes a mapping or a list of mappings." },
    { "a\n---\nb", "Template format error: YAML not well-formed. (line 2, column 1) A template is one document." },
    { "a: \"\\0\"", "Template format error: YAML not well-formed. (line 1, column 4) The character NUL is not allowed." },
    { "a: [1", "Template format error: YAML not well-formed. (line 2, column 1) did not find expected ',' or ']'" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(read_yaml(arena, rows[i][0]), ==, rows[i][1]);
}

/* Nine levels of nine aliases each would be 387 million values. */
static void
test_bombs(void)
{
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GString) bomb = g_string_new("a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
  g_autoptr(GString) deep = g_string_new("a: ");
  g_autoptr(GString) wide = g_string_new("a:\n");
  for (guint i = 1; i < 9; i++) {
    g_string_append_printf(bomb, "a%u: &a%u [", i, i);
    for (guint j = 0; j < 9; j++)
      g_string_append_printf(bomb, "%s*a%u", j ? ", " : "", i - 1);
    g_string_append(bomb, "]\n");
  }
  g_assert_cmpstr(read_yaml(arena, bomb->str), ==, "Template format error: YAML not well-formed. (line 6, column 15) The template is too large "
                  "when its aliases are written out.");
  for (guint i = 0; i < 1000; i++)
    g_string_append_c(deep, '[');
  g_assert_cmpstr(read_yaml(arena, deep->str), ==, "Template format error: YAML not well-formed. (line 1, column 67) The template is nested too "
                  "deeply.");
  for (guint i = 0; i < 3000; i++)
    g_string_append_printf(wide, " k%u: 1\n", i);
  g_assert_cmpstr(read_yaml(arena, wide->str), ==, "Template format error: YAML not well-formed. (line 2002, column 2) The mapping has more than "
                  "2000 keys.");
}

#define ONE "Resources: {A: {Type: 'AWS::SSM::Parameter', Properties: {Type: String, Value: x}}}\n"

static void
test_forms(void)
{
  static const char *const rows[][2] = {
    { "", "Template format error: unsupported structure." },
    { "[]", "Template format error: unsupported structure." },
    { "{\"Resources\": {\"A\": ", "Template format error: JSON not well-formed. (line 1, column 21) Unexpected end of the document" },
    { "{\"Resources\": {}}", "Template format error: At least one Resources member must be defined." },
    { "Description: x", "Template format error: At least one Resources member must be defined." },
    { "Resources: []", "Template format error: [/Resources] must be an object. (line 1)" },
    { "Resource: {}", "Invalid template property or properties [Resource] (line 1; did you mean Resources?)" },
    { ONE "Zebra: 1", "Invalid template property or properties [Zebra] (line 2)" },
    { ONE "AWSTemplateFormatVersion: 2010-09-10", "Template format error: unsupported value for AWSTemplateFormatVersion." },
    { "Resources: {A-B: {Type: T}}", "Template format error: Resource name A-B is non alphanumeric." },
    { "Resources: {A: x}", "Template format error: Any Resources member must be an object." },
    { "Resources: {A: {Properties: {}}}", "Template format error: [/Resources/A] Every Resources object must contain a Type member." },
    { "Resources: {A: {Type: T, Propertys: {}}}", "Invalid template resource property 'Propertys' (line 1; did you mean Properties?)" },
    { "Resources: {A: {Type: T, DependsOn: {}}}", "Template format error: DependsOn must be a string or list of strings (line 1)" },
    { "Resources: {A: {Type: T, DeletionPolicy: Keep}}", "Template format error: Unrecognized DeletionPolicy Keep for resource A (line 1)" },
    { "Resources: {A: {Type: T, Properties: {B: null}}}", "[/Resources/A/Properties/B] 'null' values are not allowed in templates" },
    { ONE "Outputs: {O: {Description: x}}", "Template format error: Every Outputs member must contain a Value object" },
    { ONE "Outputs: {O-1: {Value: x}}", "Template format error: Output name O-1 is non alphanumeric." },
    { ONE "Parameters: {P-1: {Type: String}}", "Template format error: Parameter name P-1 is non alphanumeric." },
    { ONE "Parameters: {P: {}}", "Template format error: Every Parameters object must contain a Type member." },
    { ONE "Mappings: {M: {a: {b: {c: d}}}}", "Template format error: Every Mappings attribute must be a String or a List." },
    { ONE "Mappings: {M: x}", "Template format error: Every Mappings member M must be a map" },
    { ONE "Transform: AWS::Serverless-2016-10-31", "The transform AWS::Serverless-2016-10-31 is not here (line 2): haar expands "
      "AWS::LanguageExtensions. Expand the template first (sam package, cdk synth) and deploy the result." },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(parse(arena, rows[i][0]), ==, rows[i][1]);
}

static void
test_references(void)
{
  static const char *const rows[][2] = {
    { "Resources: {A: {Type: 'AWS::SSM::Parameter', Properties: {Type: !Ref B, Value: !Sub '${C}${!D}${AWS::Region}'}}}",
      "Template format error: Unresolved resource dependencies [B, C] in the Resources block of the template" },
    { "Resources: {A: {Type: 'AWS::SSM::Parameter', DependsOn: [B]}}",
      "Template format error: Unresolved resource dependencies [B] in the Resources block of the template" },
    { ONE "Outputs: {O: {Value: !Ref B}}", "Unresolved resource dependencies [B] in the Outputs block of the template" },
    { ONE "Outputs: {O: {Value: !GetAtt B.C}}", "Template error: instance of Fn::GetAtt references undefined resource B" },
    { ONE "Outputs: {O: {Value: !GetAtt A.Nothing}}",
      "Template error: resource A does not support attribute type Nothing in Fn::GetAtt (line 2)" },
    { ONE "Outputs: {O: {Value: !GetAtt A}}", "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name "
      "and the resource attribute" },
    { ONE "Outputs: {O: {Value: !If [C, a, b]}}", "Template error: unresolved condition dependency C in Fn::If" },
    { ONE "Conditions: {C: !Not [!Condition D]}", "Template error: unresolved condition dependency D in Fn::If" },
    { "Resources: {A: {Type: 'AWS::SSM::Parameter', Condition: C}}",
      "Template format error: Unresolved dependencies [C]. Cannot reference resources in the Conditions block of the template" },
    { ONE "Outputs: {O: {Value: !Sub '${A.Value} ${AWS::StackName}'}}",
      "{\"A\":{\"Type\":\"AWS::SSM::Parameter\",\"Properties\":{\"Type\":\"String\",\"Value\":\"x\"}}}" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(parse(arena, rows[i][0]), ==, rows[i][1]);
}

static void
test_limits(void)
{
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GString) resources = g_string_new("Resources:\n");
  g_autoptr(GString) outputs = g_string_new(ONE "Outputs:\n");
  g_autoptr(GString) parameters = g_string_new(ONE "Parameters:\n");
  for (guint i = 0; i < 501; i++)
    g_string_append_printf(resources, "  R%u: {Type: 'AWS::SSM::Parameter'}\n", i);
  for (guint i = 0; i < 201; i++) {
    g_string_append_printf(outputs, "  O%u: {Value: x}\n", i);
    g_string_append_printf(parameters, "  P%u: {Type: String}\n", i);
  }
  g_assert_cmpstr(parse(arena, resources->str), ==, "Template format error: Number of resources, 501, is greater than maximum allowed, 500");
  g_assert_cmpstr(parse(arena, outputs->str), ==, "Template format error: Number of outputs, 201, is greater than maximum allowed, 200");
  g_assert_cmpstr(parse(arena, parameters->str), ==, "Template format error: Number of parameters, 201, is greater than maximum allowed, 200");
}

static void
test_loops(void)
{
  g_autoptr(Arena) arena = arena_new();
  g_assert_cmpstr(parse(arena, "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::Each:\n    - X\n    - [a, b-c]\n    - Q&{X}:\n"
                               "        Type: AWS::SSM::Parameter\n        Properties: {Type: String, Value: !Sub '${X}!', Name: !Ref X}\n"), ==,
                  "{\"Qa\":{\"Type\":\"AWS::SSM::Parameter\",\"Properties\":{\"Type\":\"String\",\"Value\":{\"Fn::Sub\":\"a!\"},\"Name\":\"a\"}},"
                  "\"Qbc\":{\"Type\":\"AWS::SSM::Parameter\",\"Properties\":{\"Type\":\"String\",\"Value\":{\"Fn::Sub\":\"b-c!\"},\"Name\":\"b-c\"}}}");
  g_assert_cmpstr(parse(arena, "Transform: AWS::LanguageExtensions\nResources: {'Fn::ForEach::E': [X, [a]]}"), ==,
                  "Template error: Fn::ForEach::E takes a list of three: an identifier, a list of texts, and a map of what to repeat (line 2)");
}

static gboolean
has_ssm(const char *type)
{
  return strcmp(type, "AWS::SSM::Parameter") == 0;
}

static void
test_types(void)
{
  static const char *const rows[][2] = {
    { "Resources: {A: {Type: 'AWS::SSM::Paramter'}}", "Template format error: Unrecognized resource types: [AWS::SSM::Paramter]; did you mean "
      "AWS::SSM::Parameter?" },
    { "Resources:\n  A: {Type: 'AWS::No::A'}\n  B: {Type: 'AWS::No::B'}",
      "Template format error: Unrecognized resource types: [AWS::No::A, AWS::No::B]" },
    { "Resources:\n  A: {Type: 'AWS::EC2::Instance'}", "haar cannot create these resources yet: A is of type AWS::EC2::Instance (line 2). Put a "
      "Condition on them, or remove them, to deploy the rest." },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    Template template = { 0 };
    g_assert_null(template_parse(arena, rows[i][0], strlen(rows[i][0]), &template));
    g_autoptr(Error) error = template_check_types(arena, &template, has_ssm);
    g_assert_cmpstr(error ? error->message : "", ==, rows[i][1]);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/stack/template/yaml", test_yaml);
  g_test_add_func("/stack/template/bombs", test_bombs);
  g_test_add_func("/stack/template/forms", test_forms);
  g_test_add_func("/stack/template/references", test_references);
  g_test_add_func("/stack/template/limits", test_limits);
  g_test_add_func("/stack/template/loops", test_loops);
  g_test_add_func("/stack/template/types", test_types);
  return g_test_run();
}
