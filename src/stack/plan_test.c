#include "stack/stack.h"

#include <glib/gstdio.h>
#include <string.h>

#define ASSERT_GOOD(expression)                    \
  do {                                             \
    g_autoptr(Error) assert_error_ = (expression); \
    if (assert_error_)                             \
      g_error("%s", assert_error_->message);       \
  } while (0)

static const PlanContext context = { "s", "arn:s", NULL };

/* Which resources and outputs there are, or the error's words. */
static const char *
plan(Arena *arena, const char *text)
{
  g_auto(Plan) plan = { 0 };
  Call call = { .arena = arena, .region = "us-east-1", .account = "000000000000" };
  g_autoptr(Error) error = plan_new(&call, text, strlen(text), NULL, NULL, &context, &plan);
  const char *names = "";
  if (error)
    return arena_strdup(arena, error->message);
  for (guint i = 0; i < plan.resources->n; i++)
    names = arena_printf(arena, "%s%s ", names, plan.resources->members[i].key);
  for (guint i = 0; i < plan.outputs->n; i++)
    names = arena_printf(arena, "%s/%s ", names, plan.outputs->members[i].key);
  return names;
}

#define PARAMETER "Type: 'AWS::SSM::Parameter', Properties: {Type: String, Value: x}"

static void
test_conditions(void)
{
  static const char *const rows[][2] = {
    { "Conditions: {C: !Equals [a, b]}\nResources: {A: {" PARAMETER "}, B: {" PARAMETER ", Condition: C}}\n"
      "Outputs: {O: {Value: !Ref B, Condition: C}, P: {Value: x}}", "A /P " },
    { "Conditions: {C: !Equals [a, b]}\nResources: {A: {" PARAMETER ", DependsOn: B}, B: {" PARAMETER ", Condition: C}}", "A " },
    { "Conditions: {C: !Equals [a, b]}\nResources: {A: {Type: 'AWS::SSM::Parameter', Properties: {Type: String, Value: !If [C, !Ref B, x]}}, "
      "B: {" PARAMETER ", Condition: C}}", "A " },
    { "Conditions: {C: !Equals [a, b]}\nResources: {A: {Type: 'AWS::SSM::Parameter', Properties: {Type: String, Value: !Ref B}}, "
      "B: {" PARAMETER ", Condition: C}}", "Template format error: Unresolved resource dependencies [B] in the Resources block of the template" },
    { "Conditions: {C: !Equals [a, b]}\nResources: {A: {" PARAMETER "}, B: {" PARAMETER ", Condition: C}}\nOutputs: {O: {Value: !Ref B}}",
      "Unresolved resource dependencies [B] in the Outputs block of the template" },
    { "Resources: {A: {" PARAMETER ", DependsOn: B}, B: {" PARAMETER ", DependsOn: A}}", "Circular dependency between resources: [A, B]" },
    { "Resources: {A: {Type: 'AWS::SSM::Parameter', Properties: {Type: String, Value: !FindInMap [M, a, !Ref 'AWS::Region']}}}\n"
      "Mappings: {M: {a: {x: y}}}", "Template error: Unable to get mapping for M::a::us-east-1 (line 1)" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(plan(arena, rows[i][0]), ==, rows[i][1]);
}

/* A rule that does not hold says so, also if references do not hold either because of it. */
static void
test_rules_come_first(void)
{
  g_autoptr(Arena) arena = arena_new();
  const char *words = plan(arena, "Conditions: {C: !Equals [a, b]}\n"
                                  "Rules: {R: {Assertions: [{Assert: !Equals [a, b], AssertDescription: B is needed}]}}\n"
                                  "Resources: {A: {Type: 'AWS::SSM::Parameter', Properties: {Type: String, Value: !Ref B}}, B: {" PARAMETER ", Condition: C}}");
  g_assert_nonnull(strstr(words, "Rule R failed: B is needed"));
  g_assert_null(strstr(words, "Unresolved"));
}

static void
test_capabilities(void)
{
  static const struct { const char *resources, *given, *expected; } rows[] = {
    { "A: {Type: 'AWS::IAM::Role'}", "[]", "Requires capabilities : [CAPABILITY_IAM]" },
    { "A: {Type: 'AWS::IAM::Role'}", "[\"CAPABILITY_NAMED_IAM\"]", "" },
    { "A: {Type: 'AWS::IAM::Role', Properties: {RoleName: x}}", "[\"CAPABILITY_IAM\"]", "Requires capabilities : [CAPABILITY_NAMED_IAM]" },
    { "A: {Type: 'AWS::SSM::Parameter'}", "[]", "" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    Template template = { 0 };
    Json *given = NULL;
    const char *text = arena_printf(arena, "Resources: {%s}", rows[i].resources);
    ASSERT_GOOD(template_parse(arena, text, strlen(text), &template));
    ASSERT_GOOD(json_parse(arena, rows[i].given, strlen(rows[i].given), &given));
    g_autoptr(Error) error = plan_check_capabilities(arena, &template, given);
    g_assert_cmpstr(error ? error->message : "", ==, rows[i].expected);
    g_assert_true(!error || error_is(error, "InsufficientCapabilitiesException"));
  }
}

typedef struct Fixture {
  char *directory;
  Haar haar;
  Call *call;
  Json *stack;
} Fixture;

static Error *
put_records(Txn *txn, gpointer data)
{
  static const char *const records[] = {
    "{\"LogicalResourceId\":\"Vpc\",\"PhysicalResourceId\":\"vpc-1\",\"ResourceType\":\"AWS::EC2::VPC\",\"ResourceStatus\":\"CREATE_COMPLETE\","
    "\"_Properties\":{\"CidrBlock\":\"10.0.0.0/16\"}}",
    "{\"LogicalResourceId\":\"Net\",\"PhysicalResourceId\":\"subnet-1\",\"ResourceType\":\"AWS::EC2::Subnet\",\"ResourceStatus\":"
    "\"CREATE_COMPLETE\",\"_Properties\":{\"CidrBlock\":\"10.0.0.0/24\",\"VpcId\":\"vpc-1\"}}",
    "{\"LogicalResourceId\":\"Old\",\"PhysicalResourceId\":\"/old\",\"ResourceType\":\"AWS::SSM::Parameter\",\"ResourceStatus\":"
    "\"CREATE_COMPLETE\",\"_Properties\":{\"Type\":\"String\",\"Value\":\"x\"}}",
    "{\"LogicalResourceId\":\"Gone\",\"ResourceType\":\"AWS::SSM::Parameter\",\"ResourceStatus\":\"DELETE_COMPLETE\"}",
  };
  Fixture *fixture = data;
  for (guint i = 0; i < G_N_ELEMENTS(records); i++) {
    Json *record = NULL;
    TRY(json_parse(fixture->call->arena, records[i], strlen(records[i]), &record));
    TRY(resource_record_put(txn, fixture->call->arena, "arn:s", record));
  }
  return NULL;
}

static void
set_up(Fixture *fixture, gconstpointer data)
{
  StoreOptions options = { 0 };
  fixture->directory = g_dir_make_tmp("haar-stack-XXXXXX", NULL);
  ASSERT_GOOD(store_open(fixture->directory, &options, &fixture->haar.store));
  fixture->call = call_new(&fixture->haar, "000000000000", "us-east-1", NULL);
  fixture->stack = json_new_object(fixture->call->arena);
  json_set(fixture->call->arena, fixture->stack, "StackId", json_new_string(fixture->call->arena, "arn:s"));
  ASSERT_GOOD(store_write(fixture->haar.store, put_records, fixture));
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
  g_clear_pointer(&fixture->call, call_free);
  store_close(fixture->haar.store);
  g_autofree char *command = g_strdup_printf("rm -rf '%s'", fixture->directory);
  g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL);
  g_free(fixture->directory);
}

/* "Modify Vpc TrueReplaceAndRetain [CidrBlock Always Static DirectModification]; " and so on. */
static const char *
changes(Fixture *fixture, const char *text)
{
  g_auto(Plan) plan = { 0 };
  Arena *arena = fixture->call->arena;
  Json *list = NULL;
  const char *out = "";
  ASSERT_GOOD(plan_new(fixture->call, text, strlen(text), NULL, NULL, &context, &plan));
  g_autoptr(Error) error = stack_changes(fixture->call, fixture->stack, &plan, NULL, &list);
  if (error)
    return arena_strdup(arena, error->message);
  for (guint i = 0; i < list->n; i++) {
    const Json *change = json_get(list->items[i], "ResourceChange"), *details = json_get(change, "Details");
    out = arena_printf(arena, "%s%s %s %s%s", out, record_text(change, "Action"), record_text(change, "LogicalResourceId"),
                       record_text(change, "Replacement"), record_text(change, "PolicyAction"));
    for (guint j = 0; j < details->n; j++) {
      const Json *target = json_get(details->items[j], "Target");
      out = arena_printf(arena, "%s [%s %s %s %s]", out, record_text(target, "Name"), record_text(target, "RequiresRecreation"),
                         record_text(details->items[j], "Evaluation"), record_text(details->items[j], "ChangeSource"));
    }
    out = arena_printf(arena, "%s; ", out);
  }
  return out;
}

static void
test_changes(Fixture *fixture, gconstpointer data)
{
  static const char *const rows[][2] = {
    { "Resources: {Vpc: {Type: 'AWS::EC2::VPC', Properties: {CidrBlock: 10.0.0.0/16}}, Net: {Type: 'AWS::EC2::Subnet', Properties: {CidrBlock: "
      "10.0.0.0/24, VpcId: !Ref Vpc}}, Old: {" PARAMETER "}}", "" },
    { "Resources: {Vpc: {Type: 'AWS::EC2::VPC', UpdateReplacePolicy: Retain, Properties: {CidrBlock: 10.1.0.0/16}}, Net: {Type: 'AWS::EC2::Subnet', Properties: {CidrBlock: "
      "10.0.0.0/24, VpcId: !Ref Vpc}}, New: {" PARAMETER "}}",
      "Modify Vpc TrueReplaceAndRetain [CidrBlock Always Static DirectModification]; Modify Net TrueReplaceAndDelete [VpcId Always Dynamic ResourceReference]; Add New ; "
      "Remove Old Delete; " },
    { "Resources: {Vpc: {Type: 'AWS::EC2::VPC', Properties: {CidrBlock: 10.0.0.0/16, EnableDnsSupport: true}}, Net: {Type: 'AWS::EC2::Subnet', "
      "Properties: {CidrBlock: 10.0.0.0/24, VpcId: !Ref Vpc}}, Old: {" PARAMETER "}}",
      "Modify Vpc False [EnableDnsSupport Never Static DirectModification]; " },
    { "Resources: {Vpc: {Type: 'AWS::EC2::VPC', Properties: {CidrBlok: 10.0.0.0/16}}}", "Properties validation failed for resource Vpc with "
      "message:\n#: extraneous key [CidrBlok] is not permitted; did you mean CidrBlock? (line 1)" },
  };
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(changes(fixture, rows[i][0]), ==, rows[i][1]);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/stack/plan/conditions", test_conditions);
  g_test_add_func("/stack/plan/rules-come-first", test_rules_come_first);
  g_test_add_func("/stack/plan/capabilities", test_capabilities);
  g_test_add("/stack/plan/changes", Fixture, NULL, set_up, test_changes, tear_down);
  return g_test_run();
}
