/* Policy documents: JSON to statements, with IAM's own words for what is wrong.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html */
#include "iam/policy.h"

#include <string.h>

#define MALFORMED(...) error_answer("MalformedPolicyDocument", __VA_ARGS__)
#define SYNTAX MALFORMED("Syntax errors in policy.")

typedef struct Parser {
  Arena *arena;
  PolicyUse use;
  GHashTable *sids;
} Parser;

/* Text without control characters: they are the made patterns' wildcards. */
static gboolean
text_plain(const char *text)
{
  for (; *text; text++)
    if ((guchar) *text < 0x20 && !strchr("\t\r\n", *text))
      return FALSE;
  return TRUE;
}

/* A text or a list of texts; numbers and booleans count as texts where scalars is set (condition values). */
static Error *
text_or_list(Parser *parser, const Json *json, gboolean scalars, StringList *out)
{
  Json *one[1] = { (Json *) json };
  gboolean list = json->type == JSON_ARRAY;
  gsize n = list ? json->n : 1;
  Json **items = list ? json->items : one;
  LIST_EMPTY(parser->arena, out);
  for (gsize i = 0; i < n; i++) {
    const char *text = items[i]->type == JSON_STRING ? items[i]->text : NULL;
    if (!text && scalars && items[i]->type == JSON_NUMBER)
      text = items[i]->text;
    if (!text && scalars && (items[i]->type == JSON_TRUE || items[i]->type == JSON_FALSE))
      text = items[i]->type == JSON_TRUE ? "true" : "false";
    if (!text || !text_plain(text))
      return SYNTAX;
    LIST_APPEND(parser->arena, out, text);
  }
  return NULL;
}

static Error *
check_action(const char *action)
{
  if (strcmp(action, "*") == 0)
    return NULL;
  const char *colon = strchr(action, ':');
  if (!colon)
    return MALFORMED("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
  if (strchr(colon + 1, ':'))
    return MALFORMED("Actions/Condition can contain only one colon.");
  gsize vendor = colon - action;
  for (gsize i = 0; i < vendor; i++)
    if (!g_ascii_isalnum(action[i]) && action[i] != '-')
      return MALFORMED("Vendor %.*s is not valid", (int) vendor, action);
  return vendor > 0 ? NULL : MALFORMED("Vendor  is not valid");
}

static Error *
parse_actions(Parser *parser, const Json *json, PolicyStatement *statement)
{
  const Json *action = json_get(json, "Action"), *not_action = json_get(json, "NotAction");
  if (action && not_action)
    return SYNTAX;
  if (!action && !not_action)
    return MALFORMED(parser->use == POLICY_RESOURCE ? "Missing required field Action" : "Policy statement must contain actions.");
  statement->not_action = not_action != NULL;
  TRY(text_or_list(parser, action ? action : not_action, FALSE, &statement->actions));
  if (statement->actions.n == 0)
    return MALFORMED("Policy statement must contain actions.");
  for (gsize i = 0; i < statement->actions.n; i++)
    TRY(check_action(statement->actions.v[i]));
  return NULL;
}

static Error *
check_resource(Arena *arena, const char *resource)
{
  if (strcmp(resource, "*") == 0)
    return NULL;
  g_auto(GStrv) parts = g_strsplit(resource, ":", 6);
  guint n = g_strv_length(parts);
  if (strcmp(parts[0] ? parts[0] : "", "arn") != 0)
    return MALFORMED("Resource %s must be in ARN format or \"*\".", resource);
  if (n < 3 && !strchr(resource, '*'))
    return MALFORMED("Resource %s must be in ARN format or \"*\".", resource);
  if (n > 1 && !strchr(parts[1], '*') && !strchr(parts[1], '$') && !g_str_has_prefix(parts[1], "aws"))
    return MALFORMED("Partition \"%s\" is not valid for resource \"%s\".", parts[1], resource);
  if (n < 6 && !strchr(resource, '*'))
    return MALFORMED("The policy failed legacy parsing");
  if (n == 6 && strcmp(parts[2], "s3") == 0 && parts[3][0] && !strchr(parts[3], '*') && !strstr(parts[5], "accesspoint"))
    return MALFORMED("Resource %s can not contain region information.", resource);
  if (n == 6 && strcmp(parts[2], "iam") == 0 && parts[3][0])
    return MALFORMED("IAM resource %s cannot contain region information.", resource);
  return NULL;
}

static Error *
parse_resources(Parser *parser, const Json *json, PolicyStatement *statement)
{
  const Json *resource = json_get(json, "Resource"), *not_resource = json_get(json, "NotResource");
  if (resource && not_resource)
    return SYNTAX;
  if (!resource && !not_resource)
    return parser->use == POLICY_IDENTITY ? MALFORMED("Policy statement must contain resources.") : NULL;
  statement->has_resource = TRUE;
  statement->not_resource = not_resource != NULL;
  TRY(text_or_list(parser, resource ? resource : not_resource, FALSE, &statement->resources));
  if (statement->resources.n == 0)
    return MALFORMED("Policy statement must contain resources.");
  if (parser->use != POLICY_IDENTITY)
    return NULL;
  for (gsize i = 0; i < statement->resources.n; i++)
    TRY(check_resource(parser->arena, statement->resources.v[i]));
  return NULL;
}

static Error *
add_principals(Parser *parser, const char *type, const Json *json, PolicyStatement *statement)
{
  static const char *const types[] = { "AWS", "Service", "Federated", "CanonicalUser", NULL };
  if (!g_strv_contains(types, type))
    return MALFORMED("Invalid principal in policy: \"%s\"", type);
  StringList values = { 0 };
  TRY(text_or_list(parser, json, FALSE, &values));
  for (gsize i = 0; i < values.n; i++)
    LIST_APPEND(parser->arena, &statement->principals, ((PolicyPrincipal) { type, values.v[i] }));
  return NULL;
}

static Error *
parse_principals(Parser *parser, const Json *json, PolicyStatement *statement)
{
  const Json *principal = json_get(json, "Principal"), *not_principal = json_get(json, "NotPrincipal");
  if (!principal && !not_principal)
    return parser->use == POLICY_RESOURCE ? MALFORMED("Missing required field Principal") : NULL;
  if (principal && not_principal)
    return SYNTAX;
  if (parser->use == POLICY_IDENTITY)
    return MALFORMED("Policy document should not specify a principal.");
  const Json *value = principal ? principal : not_principal;
  statement->has_principal = TRUE;
  statement->not_principal = not_principal != NULL;
  if (value->type == JSON_STRING) {
    if (strcmp(value->text, "*") != 0)
      return MALFORMED("Invalid principal in policy: \"%s\"", value->text);
    return add_principals(parser, "AWS", value, statement);
  }
  if (value->type != JSON_OBJECT || value->n == 0)
    return SYNTAX;
  for (guint32 i = 0; i < value->n; i++)
    TRY(add_principals(parser, value->members[i].key, value->members[i].value, statement));
  return NULL;
}

/* The members of one operator's block: "StringEquals": {"aws:SourceVpce": [...]}. */
static Error *
parse_operator(Parser *parser, const char *name, const Json *json, PolicyStatement *statement)
{
  PolicyCondition base = { 0 };
  if (json->type != JSON_OBJECT || !condition_operator_parse(name, &base))
    return SYNTAX;
  for (guint32 i = 0; i < json->n; i++) {
    PolicyCondition condition = base;
    condition.key = json->members[i].key;
    if (!strchr(condition.key, ':'))
      return MALFORMED("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
    TRY(text_or_list(parser, json->members[i].value, TRUE, &condition.values));
    LIST_APPEND(parser->arena, &statement->conditions, condition);
  }
  return NULL;
}

static Error *
parse_conditions(Parser *parser, const Json *json, PolicyStatement *statement)
{
  const Json *conditions = json_get(json, "Condition");
  if (!conditions)
    return NULL;
  if (conditions->type != JSON_OBJECT)
    return SYNTAX;
  for (guint32 i = 0; i < conditions->n; i++)
    TRY(parse_operator(parser, conditions->members[i].key, conditions->members[i].value, statement));
  return NULL;
}

static Error *
parse_sid(Parser *parser, const Json *json, PolicyStatement *statement)
{
  const Json *sid = json_get(json, "Sid");
  if (!sid)
    return NULL;
  statement->sid = json_string(sid);
  if (!statement->sid)
    return SYNTAX;
  for (const char *at = statement->sid; parser->use == POLICY_IDENTITY && *at; at++)
    if (!g_ascii_isalnum(*at))
      return MALFORMED("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*");
  if (statement->sid[0] && !g_hash_table_add(parser->sids, (gpointer) statement->sid))
    return MALFORMED("Statement IDs (SID) in a single policy must be unique.");
  return NULL;
}

static Error *
check_members(const Json *json, const char *const *known)
{
  for (guint32 i = 0; i < json->n; i++)
    if (!g_strv_contains(known, json->members[i].key))
      return SYNTAX;
  return NULL;
}

static Error *
parse_statement(Parser *parser, const Json *json, PolicyStatement *statement)
{
  static const char *const known[] = { "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource",
                                       "Condition", NULL };
  if (json->type != JSON_OBJECT)
    return SYNTAX;
  TRY(check_members(json, known));
  TRY(parse_sid(parser, json, statement));
  const char *effect = json_string(json_get(json, "Effect"));
  if (!effect)
    return parser->use == POLICY_RESOURCE ? MALFORMED("Missing required field Effect") : SYNTAX;
  if (strcmp(effect, "Allow") != 0 && strcmp(effect, "Deny") != 0)
    return parser->use == POLICY_RESOURCE ? MALFORMED("Invalid effect: %s", effect) : SYNTAX;
  statement->allow = strcmp(effect, "Allow") == 0;
  TRY(parse_principals(parser, json, statement));
  TRY(parse_actions(parser, json, statement));
  TRY(parse_resources(parser, json, statement));
  return parse_conditions(parser, json, statement);
}

static Error *
parse_version(const Json *json, Policy *policy)
{
  const Json *version = json_get(json, "Version");
  if (!version)
    return NULL;
  const char *text = json_string(version);
  if (g_strcmp0(text, "2012-10-17") != 0 && g_strcmp0(text, "2008-10-17") != 0)
    return MALFORMED("Policy document must be version 2012-10-17 or greater.");
  policy->variables = strcmp(text, "2012-10-17") == 0;
  return NULL;
}

static Error *
parse_document(Parser *parser, const Json *json, Policy *policy)
{
  static const char *const known[] = { "Version", "Id", "Statement", NULL };
  if (json->type != JSON_OBJECT)
    return SYNTAX;
  TRY(check_members(json, known));
  TRY(parse_version(json, policy));
  const Json *statements = json_get(json, "Statement");
  if (!statements)
    return SYNTAX;
  Json *one[1] = { (Json *) statements };
  gboolean list = statements->type == JSON_ARRAY;
  gsize n = list ? statements->n : 1;
  if (n == 0)
    return MALFORMED("Syntax errors in policy.");
  for (gsize i = 0; i < n; i++) {
    PolicyStatement statement = { 0 };
    TRY(parse_statement(parser, list ? statements->items[i] : one[0], &statement));
    LIST_APPEND(parser->arena, &policy->statements, statement);
  }
  return NULL;
}

Error *
policy_parse(Arena *arena, const char *document, PolicyUse use, Policy **ret_policy)
{
  g_autoptr(GHashTable) sids = g_hash_table_new(g_str_hash, g_str_equal);
  Parser parser = { arena, use, sids };
  Json *json = NULL;
  g_autoptr(Error) bad = json_parse(arena, document, strlen(document), &json);
  if (bad && bad->kind == ERROR_FAULT)
    return g_steal_pointer(&bad);
  if (bad)
    return use == POLICY_RESOURCE ? MALFORMED("This policy contains invalid Json") : SYNTAX;
  Policy *policy = ARENA_NEW(arena, Policy);
  TRY(parse_document(&parser, json, policy));
  *ret_policy = policy;
  return NULL;
}

Error *
iam_policy_check(Arena *arena, const char *document, gboolean resource_policy)
{
  Policy *policy = NULL;
  return policy_parse(arena, document, resource_policy ? POLICY_RESOURCE : POLICY_IDENTITY, &policy);
}
