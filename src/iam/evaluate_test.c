/* Who may do what: one row a case, evaluated against a store. */
#include "iam/iam.h"

#include <glib/gstdio.h>

#include "iam/policy.h"

#define ACCOUNT "111122223333"
#define USER "arn:aws:iam::" ACCOUNT ":user/alice"
#define ROLE "arn:aws:iam::" ACCOUNT ":role/app"
#define SESSION "arn:aws:sts::" ACCOUNT ":assumed-role/app/s1"
#define TABLE "arn:aws:dynamodb:us-east-1:" ACCOUNT ":table/t"
#define KMS_KEY "arn:aws:kms:us-east-1:" ACCOUNT ":key/k"

#define STATEMENT(effect, rest) "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"" effect "\"," rest "}]}"
#define GET "\"Action\":\"dynamodb:GetItem\",\"Resource\":\"" TABLE "\""
#define ANY "\"Action\":\"*\",\"Resource\":\"*\""
#define BY(principal) "\"Principal\":{\"AWS\":\"" principal "\"},"
#define NOT_ALLOWED(who, kind) \
  "User: " who " is not authorized to perform: dynamodb:GetItem on resource: " TABLE " because no " kind " allows the dynamodb:GetItem action"
#define DENIED(who, kind) \
  "User: " who " is not authorized to perform: dynamodb:GetItem on resource: " TABLE " with an explicit deny in " kind

typedef struct Case {
  const char *name;
  PrincipalType type;
  const char *identity, *boundary, *session, *resource, *endpoint;
  const char *owner;    /* of the resource; NULL: the caller's account */
  gboolean required;
  const char *message;  /* NULL: allowed */
} Case;

#define OTHER "444455556666"

static const Case cases[] = {
  { "no policy", PRINCIPAL_USER, .message = NOT_ALLOWED(USER, "identity-based policy") },
  { "identity allows", PRINCIPAL_USER, .identity = STATEMENT("Allow", GET) },
  { "role's policy allows its session", PRINCIPAL_ROLE_SESSION, .identity = STATEMENT("Allow", GET) },
  { "other action", PRINCIPAL_USER, .identity = STATEMENT("Allow", "\"Action\":\"dynamodb:PutItem\",\"Resource\":\"*\""),
    .message = NOT_ALLOWED(USER, "identity-based policy") },
  { "action ignores case, wildcards", PRINCIPAL_USER, .identity = STATEMENT("Allow", "\"Action\":\"DynamoDB:get*\",\"Resource\":\"arn:aws:dynamodb:*:*:table/?\"") },
  { "NotAction", PRINCIPAL_USER, .identity = STATEMENT("Allow", "\"NotAction\":\"s3:*\",\"Resource\":\"*\"") },
  { "NotResource", PRINCIPAL_USER, .identity = STATEMENT("Allow", "\"Action\":\"*\",\"NotResource\":\"" TABLE "\""),
    .message = NOT_ALLOWED(USER, "identity-based policy") },
  { "deny wins", PRINCIPAL_USER,
    .identity = "{\"Statement\":[{\"Effect\":\"Allow\"," ANY "},{\"Effect\":\"Deny\"," GET "}]}", .message = DENIED(USER, "an identity-based policy") },
  { "root", PRINCIPAL_ROOT },
  { "root, denied by resource", PRINCIPAL_ROOT, .resource = STATEMENT("Deny", "\"Principal\":\"*\"," GET),
    .message = DENIED("arn:aws:iam::" ACCOUNT ":root", "a resource-based policy") },
  { "anonymous", PRINCIPAL_ANONYMOUS, .message = NOT_ALLOWED("anonymous", "resource-based policy") },
  { "anonymous, public", PRINCIPAL_ANONYMOUS, .resource = STATEMENT("Allow", "\"Principal\":\"*\"," GET) },
  { "boundary without it", PRINCIPAL_USER, .identity = STATEMENT("Allow", ANY), .boundary = STATEMENT("Allow", "\"Action\":\"s3:*\",\"Resource\":\"*\""),
    .message = NOT_ALLOWED(USER, "permissions boundary") },
  { "boundary denies", PRINCIPAL_USER, .identity = STATEMENT("Allow", ANY), .boundary = STATEMENT("Deny", GET), .message = DENIED(USER, "a permissions boundary") },
  { "session policy without it", PRINCIPAL_ROLE_SESSION, .identity = STATEMENT("Allow", ANY),
    .session = STATEMENT("Allow", "\"Action\":\"s3:*\",\"Resource\":\"*\""), .message = NOT_ALLOWED(SESSION, "session policy") },
  { "session policy allows", PRINCIPAL_ROLE_SESSION, .identity = STATEMENT("Allow", ANY), .session = STATEMENT("Allow", GET) },
  { "resource names user: boundary does not limit", PRINCIPAL_USER, .boundary = STATEMENT("Allow", "\"Action\":\"s3:*\",\"Resource\":\"*\""),
    .resource = STATEMENT("Allow", BY(USER) GET) },
  { "resource names role", PRINCIPAL_ROLE_SESSION, .resource = STATEMENT("Allow", BY(ROLE) GET) },
  { "resource names role: session policy limits", PRINCIPAL_ROLE_SESSION, .session = STATEMENT("Allow", "\"Action\":\"s3:*\",\"Resource\":\"*\""),
    .resource = STATEMENT("Allow", BY(ROLE) GET), .message = NOT_ALLOWED(SESSION, "session policy") },
  { "resource names session: session policy does not limit", PRINCIPAL_ROLE_SESSION,
    .session = STATEMENT("Allow", "\"Action\":\"s3:*\",\"Resource\":\"*\""), .resource = STATEMENT("Allow", BY(SESSION) GET) },
  { "resource names account", PRINCIPAL_USER, .resource = STATEMENT("Allow", BY("arn:aws:iam::" ACCOUNT ":root") GET),
    .message = NOT_ALLOWED(USER, "identity-based policy") },
  { "resource denies role", PRINCIPAL_ROLE_SESSION, .identity = STATEMENT("Allow", ANY), .resource = STATEMENT("Deny", BY(ROLE) GET),
    .message = DENIED(SESSION, "a resource-based policy") },
  { "endpoint policy without it", PRINCIPAL_USER, .identity = STATEMENT("Allow", ANY),
    .endpoint = STATEMENT("Allow", "\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"*\""), .message = NOT_ALLOWED(USER, "VPC endpoint policy") },
  { "neither endpoint nor identity", PRINCIPAL_USER, .endpoint = STATEMENT("Allow", "\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"*\""),
    .message = NOT_ALLOWED(USER, "identity-based policy") },
  { "endpoint policy for everyone", PRINCIPAL_ROLE_SESSION, .identity = STATEMENT("Allow", ANY), .endpoint = STATEMENT("Allow", "\"Principal\":\"*\"," ANY) },
  { "endpoint policy denies root", PRINCIPAL_ROOT, .endpoint = STATEMENT("Deny", "\"Principal\":\"*\"," ANY),
    .message = DENIED("arn:aws:iam::" ACCOUNT ":root", "a VPC endpoint policy") },
  { "across: identity only", PRINCIPAL_USER, .owner = OTHER, .identity = STATEMENT("Allow", ANY), .message = NOT_ALLOWED(USER, "resource-based policy") },
  { "across: resource only", PRINCIPAL_USER, .owner = OTHER, .resource = STATEMENT("Allow", BY(USER) GET), .message = NOT_ALLOWED(USER, "identity-based policy") },
  { "across: both", PRINCIPAL_USER, .owner = OTHER, .identity = STATEMENT("Allow", ANY), .resource = STATEMENT("Allow", BY(ACCOUNT) GET) },
  { "across: root, no resource policy", PRINCIPAL_ROOT, .owner = OTHER, .message = NOT_ALLOWED("arn:aws:iam::" ACCOUNT ":root", "resource-based policy") },
  { "key: identity alone", PRINCIPAL_USER, .required = TRUE, .identity = STATEMENT("Allow", ANY), .resource = STATEMENT("Allow", BY(ROLE) GET),
    .message = NOT_ALLOWED(USER, "resource-based policy") },
  { "key: delegated", PRINCIPAL_USER, .required = TRUE, .identity = STATEMENT("Allow", ANY), .resource = STATEMENT("Allow", BY(ACCOUNT) ANY) },
  { "key: delegated, no identity policy", PRINCIPAL_USER, .required = TRUE, .resource = STATEMENT("Allow", BY(ACCOUNT) ANY),
    .message = NOT_ALLOWED(USER, "identity-based policy") },
  { "key: named", PRINCIPAL_ROLE_SESSION, .required = TRUE, .resource = STATEMENT("Allow", BY(ROLE) ANY) },
  { "service, no resource policy", PRINCIPAL_SERVICE },
  { "service, resource policy without it", PRINCIPAL_SERVICE, .resource = STATEMENT("Allow", BY(ROLE) ANY),
    .message = NOT_ALLOWED("lambda.amazonaws.com", "resource-based policy") },
  { "service, named", PRINCIPAL_SERVICE, .owner = OTHER, .resource = STATEMENT("Allow", "\"Principal\":{\"Service\":\"lambda.amazonaws.com\"}," GET) },
  { "service, named with its region", PRINCIPAL_SERVICE, .owner = OTHER,
    .resource = STATEMENT("Allow", "\"Principal\":{\"Service\":\"lambda.us-east-1.amazonaws.com\"}," GET) },
  { "service, another named", PRINCIPAL_SERVICE, .resource = STATEMENT("Allow", "\"Principal\":{\"Service\":\"edgelambda.amazonaws.com\"}," GET),
    .message = NOT_ALLOWED("lambda.amazonaws.com", "resource-based policy") },
  { "service, other account", PRINCIPAL_SERVICE, .owner = OTHER, .message = NOT_ALLOWED("lambda.amazonaws.com", "resource-based policy") },
  { "NotPrincipal spares the role", PRINCIPAL_ROLE_SESSION, .identity = STATEMENT("Allow", ANY),
    .resource = STATEMENT("Deny", "\"NotPrincipal\":{\"AWS\":\"" ROLE "\"}," GET) },
  { "NotPrincipal hits others", PRINCIPAL_USER, .identity = STATEMENT("Allow", ANY), .resource = STATEMENT("Deny", "\"NotPrincipal\":{\"AWS\":\"" ROLE "\"}," GET),
    .message = DENIED(USER, "a resource-based policy") },
};

static Principal
principal_of(const Case *c)
{
  Principal principal = { .type = c->type, .account = ACCOUNT, .session_policy = c->session };
  static const char *const arns[] = { [PRINCIPAL_ANONYMOUS] = NULL, [PRINCIPAL_ROOT] = "arn:aws:iam::" ACCOUNT ":root", [PRINCIPAL_USER] = USER,
                                      [PRINCIPAL_ROLE_SESSION] = SESSION, [PRINCIPAL_SERVICE] = "lambda.amazonaws.com" };
  principal.arn = arns[c->type];
  principal.role_arn = c->type == PRINCIPAL_ROLE_SESSION ? ROLE : NULL;
  return principal;
}

typedef struct Fixture { Store *store; char *directory; } Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
  StoreOptions options = { DURABILITY_PROCESS };
  fixture->directory = g_dir_make_tmp("haar-iam-XXXXXX", NULL);
  g_autoptr(Error) error = store_open(fixture->directory, &options, &fixture->store);
  g_assert_null(error);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
  store_close(fixture->store);
  const char *argv[] = { "rm", "-rf", fixture->directory, NULL };
  g_spawn_sync(NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
  g_free(fixture->directory);
}

static Error *
put_identity(Txn *txn, gpointer data)
{
  const Case *c = data;
  const char *documents[] = { c->identity }, *names[] = { "p" };
  IdentityPolicies policies = { { c->identity ? 1 : 0, documents }, { c->identity ? 1 : 0, names }, c->boundary };
  return iam_identity_put(txn, c->type == PRINCIPAL_USER ? USER : ROLE, &policies);
}

static void
test_case(Fixture *fixture, gconstpointer data)
{
  const Case *c = data;
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(Error) written = store_write(fixture->store, put_identity, (gpointer) c);
  g_assert_null(written);
  Principal principal = principal_of(c);
  IamRequest request = { .principal = &principal, .action = "dynamodb:GetItem", .resource = TABLE, .resource_account = c->owner ? c->owner : ACCOUNT,
                         .resource_policy = c->resource, .endpoint_policy = c->endpoint, .resource_policy_required = c->required };
  g_autoptr(Txn) txn = NULL;
  g_autoptr(Error) begun = store_begin_read(fixture->store, &txn);
  g_assert_null(begun);
  g_autoptr(Error) error = iam_authorize(txn, arena, &request);
  g_assert_cmpstr(error ? error->message : NULL, ==, c->message);
  Decision decision;
  g_autoptr(Error) undecided = iam_decide(txn, arena, &request, &decision);
  g_assert_null(undecided);
  g_assert_cmpint(decision.allowed, ==, c->message == NULL);
  g_assert_cmpint(decision.mend != NULL, ==, !decision.allowed && !decision.explicit_deny);
}

typedef struct ConditionCase { const char *condition; gboolean holds; } ConditionCase;

/* Against: aws:SourceIp 10.0.1.5, aws:SecureTransport true, s3:prefix home/alice, s3:max-keys 10, aws:TagKeys [a, b],
 * aws:SourceArn arn:aws:s3:::bucket, aws:CurrentTime 2026-11-23T00:00:00Z, aws:username alice. */
static const ConditionCase condition_cases[] = {
  { "{\"StringEquals\":{\"s3:prefix\":\"home/alice\"}}", TRUE },
  { "{\"StringEquals\":{\"s3:prefix\":[\"x\",\"home/alice\"]}}", TRUE },
  { "{\"StringEquals\":{\"s3:prefix\":\"home/*\"}}", FALSE },
  { "{\"StringEquals\":{\"S3:Prefix\":\"home/${aws:username}\"}}", TRUE },
  { "{\"StringLike\":{\"s3:prefix\":\"home/*\"}}", TRUE },
  { "{\"StringNotLike\":{\"s3:prefix\":[\"home/*\",\"x\"]}}", FALSE },
  { "{\"StringNotEquals\":{\"s3:prefix\":\"x\"}}", TRUE },
  { "{\"StringNotEquals\":{\"s3:none\":\"x\"}}", TRUE },
  { "{\"StringEquals\":{\"s3:none\":\"x\"}}", FALSE },
  { "{\"StringEqualsIfExists\":{\"s3:none\":\"x\"}}", TRUE },
  { "{\"StringEqualsIfExists\":{\"s3:prefix\":\"x\"}}", FALSE },
  { "{\"StringEqualsIgnoreCase\":{\"s3:prefix\":\"HOME/alice\"}}", TRUE },
  { "{\"StringNotEqualsIgnoreCase\":{\"s3:prefix\":\"HOME/alice\"}}", FALSE },
  { "{\"NumericLessThan\":{\"s3:max-keys\":11}}", TRUE },
  { "{\"NumericLessThanEquals\":{\"s3:max-keys\":\"10\"}}", TRUE },
  { "{\"NumericGreaterThan\":{\"s3:max-keys\":10}}", FALSE },
  { "{\"NumericEquals\":{\"s3:max-keys\":\"1e1\"}}", TRUE },
  { "{\"NumericNotEquals\":{\"s3:max-keys\":[1,2]}}", TRUE },
  { "{\"NumericEquals\":{\"s3:prefix\":10}}", FALSE },
  { "{\"DateLessThan\":{\"aws:CurrentTime\":\"2026-11-24\"}}", TRUE },
  { "{\"DateGreaterThan\":{\"aws:CurrentTime\":\"2026-11-23T00:00:00Z\"}}", FALSE },
  { "{\"DateGreaterThanEquals\":{\"aws:CurrentTime\":\"2026-11-23T00:00:00Z\"}}", TRUE },
  { "{\"DateEquals\":{\"aws:CurrentTime\":\"1795392000\"}}", TRUE },
  { "{\"Bool\":{\"aws:SecureTransport\":true}}", TRUE },
  { "{\"Bool\":{\"aws:SecureTransport\":\"false\"}}", FALSE },
  { "{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/16\"}}", TRUE },
  { "{\"IpAddress\":{\"aws:SourceIp\":[\"10.0.1.4/31\"]}}", TRUE },
  { "{\"IpAddress\":{\"aws:SourceIp\":\"10.0.1.6/31\"}}", FALSE },
  { "{\"NotIpAddress\":{\"aws:SourceIp\":\"10.0.0.0/16\"}}", FALSE },
  { "{\"IpAddress\":{\"aws:SourceIp\":\"0.0.0.0/0\"}}", TRUE },
  { "{\"IpAddress\":{\"aws:SourceIp\":\"::/0\"}}", FALSE },
  { "{\"ArnEquals\":{\"aws:SourceArn\":\"arn:aws:s3:::bucket\"}}", TRUE },
  { "{\"ArnLike\":{\"aws:SourceArn\":\"arn:aws:s3:*:*:buck?t\"}}", TRUE },
  { "{\"ArnLike\":{\"aws:SourceArn\":\"arn:*\"}}", FALSE },
  { "{\"ArnNotLike\":{\"aws:SourceArn\":\"arn:aws:s3:::b*\"}}", FALSE },
  { "{\"Null\":{\"s3:none\":\"true\"}}", TRUE },
  { "{\"Null\":{\"s3:prefix\":true}}", FALSE },
  { "{\"Null\":{\"s3:prefix\":\"false\"}}", TRUE },
  { "{\"ForAnyValue:StringEquals\":{\"aws:TagKeys\":[\"b\",\"c\"]}}", TRUE },
  { "{\"ForAnyValue:StringEquals\":{\"aws:TagKeys\":[\"c\"]}}", FALSE },
  { "{\"ForAnyValue:StringEquals\":{\"s3:none\":[\"c\"]}}", FALSE },
  { "{\"ForAllValues:StringEquals\":{\"aws:TagKeys\":[\"a\",\"b\",\"c\"]}}", TRUE },
  { "{\"ForAllValues:StringEquals\":{\"aws:TagKeys\":[\"a\"]}}", FALSE },
  { "{\"ForAllValues:StringEquals\":{\"s3:none\":[\"a\"]}}", TRUE },
  { "{\"ForAllValues:StringNotEquals\":{\"aws:TagKeys\":[\"a\"]}}", FALSE },
  { "{\"ForAnyValue:StringNotEquals\":{\"aws:TagKeys\":[\"a\"]}}", TRUE },
  { "{\"BinaryEquals\":{\"s3:bin\":\"QmluYXJ5\"}}", TRUE },
  { "{\"StringEquals\":{\"s3:prefix\":\"home/alice\"},\"Bool\":{\"aws:SecureTransport\":\"false\"}}", FALSE },
};

static void
test_conditions(void)
{
  g_autoptr(Arena) arena = arena_new();
  StringMapEntry entries[] = {
    { "aws:SourceIp", "10.0.1.5" }, { "aws:SecureTransport", "true" }, { "s3:prefix", "home/alice" }, { "s3:max-keys", "10" }, { "aws:TagKeys", "a" },
    { "aws:TagKeys", "b" }, { "aws:SourceArn", "arn:aws:s3:::bucket" }, { "s3:bin", "QmluYXJ5" },
  };
  StringMapEntry derived[] = { { "aws:CurrentTime", "2026-11-23T00:00:00Z" }, { "aws:username", "alice" }, { "s3:prefix", "never" } };
  StringMap given = { G_N_ELEMENTS(entries), entries }, late = { G_N_ELEMENTS(derived), derived };
  ContextView context = { arena, &given, &late };
  for (gsize i = 0; i < G_N_ELEMENTS(condition_cases); i++) {
    const char *document = arena_printf(arena, "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":%s}}",
                                        condition_cases[i].condition);
    Policy *policy = NULL;
    g_autoptr(Error) bad = policy_parse(arena, document, POLICY_IDENTITY, &policy);
    g_assert_null(bad);
    if (conditions_hold(policy, &policy->statements.v[0], &context) != condition_cases[i].holds)
      g_error("%s", condition_cases[i].condition);
  }
}

static Error *
make_session(Txn *txn, gpointer data)
{
  g_autoptr(Arena) arena = arena_new();
  StringMapEntry tag = { "team", "pay" };
  Principal principal = { .type = PRINCIPAL_ROLE_SESSION, .account = ACCOUNT, .arn = SESSION, .role_arn = ROLE, .user_id = "AROAX:s1", .tags = { 1, &tag } };
  Credential *credential = NULL;
  TRY(iam_session_create(txn, arena, &principal, 3600 * 1000, &credential));
  g_strlcpy(data, credential->access_key, 64);
  return NULL;
}

static void
test_credentials(Fixture *fixture, gconstpointer data)
{
  g_autoptr(Arena) arena = arena_new();
  char access_key[64];
  g_autoptr(Error) made = store_write(fixture->store, make_session, access_key);
  g_assert_null(made);
  g_autoptr(Txn) txn = NULL;
  g_autoptr(Error) begun = store_begin_read(fixture->store, &txn);
  g_assert_null(begun);
  const char *keys[] = { access_key, "test", "123456789012", "nobody" };
  Credential *found[4];
  for (int i = 0; i < 4; i++) {
    g_autoptr(Error) error = iam_credential_find(txn, arena, keys[i], &found[i]);
    g_assert_null(error);
  }
  g_assert_cmpstr(found[0]->principal.arn, ==, SESSION);
  g_assert_cmpstr(found[0]->principal.role_arn, ==, ROLE);
  g_assert_cmpstr(string_map_get(&found[0]->principal.tags, "team"), ==, "pay");
  g_assert_nonnull(found[0]->session_token);
  g_assert_cmpint(found[0]->expires_ms, >, clock_now());
  g_assert_cmpstr(found[1]->principal.arn, ==, "arn:aws:iam::000000000000:root");
  g_assert_cmpstr(found[2]->principal.account, ==, "123456789012");
  g_assert_cmpstr(found[2]->secret_key, ==, "test");
  g_assert_null(found[3]);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *path = g_strdup_printf("/iam/evaluate/%s", cases[i].name);
    g_test_add(path, Fixture, &cases[i], set_up, test_case, tear_down);
  }
  g_test_add_func("/iam/conditions", test_conditions);
  g_test_add("/iam/credentials", Fixture, NULL, set_up, test_credentials, tear_down);
  return g_test_run();
}
