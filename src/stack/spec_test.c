#include "stack/spec.h"

#include <string.h>

static Json *
from_text(Arena *arena, const char *text)
{
  Json *json = NULL;
  g_assert_null(json_parse(arena, text, strlen(text), &json));
  return json;
}

static void
test_types(void)
{
  g_assert_nonnull(spec_find("AWS::DynamoDB::Table"));
  g_assert_null(spec_find("AWS::DynamoDB::Tabl"));
  g_assert_true(spec_is_open(spec_find("Custom::Anything")));
  g_assert_false(spec_is_open(spec_find("AWS::S3::Bucket")));
  g_assert_cmpstr(spec_nearest_type("AWS::DynamoDB::Tabel"), ==, "AWS::DynamoDB::Table");
  g_assert_null(spec_nearest_type("Something::Else::Entirely"));
  g_assert_true(spec_has_attribute(spec_find("AWS::RDS::DBCluster"), "Endpoint.Address"));
  g_assert_true(spec_has_attribute(spec_find("AWS::CloudFormation::Stack"), "Outputs.Any"));
  g_assert_false(spec_has_attribute(spec_find("AWS::RDS::DBCluster"), "Endpoint.Colour"));
  g_assert_cmpstr(spec_name_property(spec_find("AWS::DynamoDB::Table")), ==, "TableName");
}

static void
test_checks(void)
{
  static const char *const rows[][3] = {
    { "AWS::SSM::Parameter", "{\"Type\":\"String\",\"Value\":\"x\"}", "" },
    { "AWS::SSM::Parameter", "{\"Type\":\"String\",\n\"Valeu\":\"x\"}", "Properties validation failed for resource R with message:\n#: "
      "extraneous key [Valeu] is not permitted; did you mean Value? (line 2)\n#: required key [Value] not found (line 1)" },
    { "AWS::SSM::Parameter", "{\"Type\":\"String\",\"Value\":[\"x\"]}", "Properties validation failed for resource R with message:\n#/Value: "
      "expected type: String, found: JSONArray (line 1)" },
    { "AWS::Lambda::Function", "{\"Code\":{\"ZipFile\":\"x\"},\"Role\":{\"Fn::GetAtt\":[\"R\",\"Arn\"]},\"MemorySize\":\"many\"}",
      "Properties validation failed for resource R with message:\n#/MemorySize: expected type: Integer, found: String (line 1)" },
    { "AWS::Lambda::Function", "{\"Code\":{\"ZipFil\":\"x\"},\"Role\":\"r\",\"MemorySize\":\"512\"}", "Properties validation failed for resource "
      "R with message:\n#/Code: extraneous key [ZipFil] is not permitted; did you mean ZipFile? (line 1)" },
    { "AWS::S3::Bucket", "{\"VersioningConfiguration\":{\"Status\":\"Enabled\"},\"Tags\":{\"a\":\"b\"}}",
      "Properties validation failed for resource R with message:\n#/Tags: expected type: JSONArray, found: JSONObject (line 1)" },
    { "AWS::EC2::VPC", "{\"CidrBlock\":\"10.0.0.0/16\",\"EnableDnsSupport\":\"maybe\"}",
      "Properties validation failed for resource R with message:\n#/EnableDnsSupport: expected type: Boolean, found: String (line 1)" },
    { "Custom::X", "{\"A\":1}", "Properties validation failed for resource R with message:\n#: required key [ServiceToken] not found (line 9)" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(Error) error = spec_check(arena, spec_find(rows[i][0]), "R", from_text(arena, rows[i][1]), 9);
    g_assert_cmpstr(error ? error->message : "", ==, rows[i][2]);
  }
}

static void
test_comparisons(void)
{
  static const char *const rows[][4] = {
    { "AWS::DynamoDB::Table", "{\"TableName\":\"a\",\"BillingMode\":\"X\"}", "{\"TableName\":\"b\",\"BillingMode\":\"Y\"}", "TableName=2 BillingMode=0 " },
    { "AWS::DynamoDB::Table", "{\"KeySchema\":[1]}", "{}", "KeySchema=2 " },
    { "AWS::Lambda::Function", "{\"Timeout\":3}", "{\"Timeout\":4,\"FunctionName\":\"f\"}", "Timeout=0 FunctionName=2 " },
    { "AWS::EC2::VPC", "{\"CidrBlock\":\"a\"}", "{\"CidrBlock\":\"b\"}", "CidrBlock=2 " },
    { "AWS::S3::Bucket", "{\"Tags\":[{\"Key\":\"a\",\"Value\":\"b\"}]}", "{\"Tags\":[{\"Value\":\"b\",\"Key\":\"a\"}]}", "" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    SpecChange *changes = NULL;
    gsize n = spec_compare(arena, spec_find(rows[i][0]), from_text(arena, rows[i][1]), from_text(arena, rows[i][2]), &changes);
    const char *text = "";
    for (gsize j = 0; j < n; j++)
      text = arena_printf(arena, "%s%s=%d ", text, changes[j].name, (int) changes[j].replacement);
    g_assert_cmpstr(text, ==, rows[i][3]);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/stack/spec/types", test_types);
  g_test_add_func("/stack/spec/checks", test_checks);
  g_test_add_func("/stack/spec/comparisons", test_comparisons);
  return g_test_run();
}
