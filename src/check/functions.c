/* functions: a template's functions, where they are, and what they will need to reach. */
#include "check/model.h"

#include <string.h>

/* -- functions --------------------------------------------------------------------------------------------------------------- */

static void
read_names(Check *check, const Json *list, gboolean groups, StringList *into)
{
  for (guint i = 0; i < list_n(list); i++) {
    const char *text = template_scalar(list_at(list, i));
    if (text)
      words_add(check->arena, into, groups ? group_name(check, text) : plain_name(check, text));
  }
}

static Vpc *
function_vpc(const Check *check, const Function *function)
{
  for (gsize i = 0; i < function->subnets.n; i++) {
    Vpc *vpc = vpc_of_subnet(check, function->subnets.v[i]);
    if (vpc)
      return vpc;
  }
  for (gsize i = 0; i < function->groups.n; i++) {
    const Item *group = item_find(check, function->groups.v[i]);
    if (group && item_text(group, "VpcId"))
      return vpc_find(check, item_text(group, "VpcId"));
  }
  return NULL;
}

static Function *
add_function(Check *check, const Item *item, const Json *subnets, const Json *groups)
{
  Function *function = ARENA_NEW(check->arena, Function);
  function->item = item;
  function->in_vpc = subnets != NULL;
  read_names(check, subnets, FALSE, &function->subnets);
  read_names(check, groups, TRUE, &function->groups);
  function->vpc = function->in_vpc ? function_vpc(check, function) : NULL;
  for (gsize i = 0; function->vpc && i < function->subnets.n; i++) {
    const char *eni = vpc_add_eni(check, function->vpc, item->id, function->subnets.v[i], ENI_ORDINARY, &function->groups);
    if (eni)
      words_add(check->arena, &function->enis, eni);
  }
  g_ptr_array_add(check->functions, function);
  return function;
}

/* The function that AWS makes for a rotation: comma-separated subnets and groups. */
static const Json *
split(Check *check, const Json *json)
{
  const char *text = template_scalar(json);
  Json *list = json_new_array(check->arena);
  if (!text)
    return json;
  g_auto(GStrv) parts = g_strsplit(text, ",", -1);
  for (char **part = parts; *part; part++)
    json_append(check->arena, list, json_new_string(check->arena, g_strstrip(*part)));
  return list;
}

/* -- needs ------------------------------------------------------------------------------------------------------------------- */

static Need *
need(Check *check, Function *function, NeedKind kind, gconstpointer target, Certainty certainty, const char *because, const Json *at)
{
  Need *found = NULL;
  for (gsize i = 0; i < function->n_needs; i++) {
    Need *other = &function->needs[i];
    gconstpointer of = kind == NEED_SERVICE ? (gconstpointer) other->service : kind == NEED_LISTENER ? (gconstpointer) other->listener : NULL;
    if (other->kind == kind && of == target && kind != NEED_INTERNET)
      found = other;
  }
  if (!found) {
    Need *more = ARENA_ARRAY(check->arena, Need, function->n_needs + 1);
    if (function->n_needs)
      memcpy(more, function->needs, function->n_needs * sizeof *more);
    found = &more[function->n_needs++];
    *found = (Need){ .kind = kind, .at = at };
    found->service = kind == NEED_SERVICE ? target : NULL;
    found->listener = kind == NEED_LISTENER ? target : NULL;
    function->needs = more;
  }
  found->certainty = MAX(found->certainty, certainty);
  gboolean of_role = g_str_has_prefix(because, "its role"), told = FALSE;
  for (gsize i = 0; of_role && i < found->because.n; i++)
    told = told || g_str_has_prefix(found->because.v[i], "its role"); /* one action of the role's is enough to name */
  if (!told)
    words_add(check->arena, &found->because, because);
  return found;
}

/* A database proxy connects to its databases as a function does. */
static void
add_proxy(Check *check, const Item *group)
{
  const Item *proxy = item_exactly(check, item_text(group, "DBProxyName"));
  static const char *const targets[] = { "DBClusterIdentifiers", "DBInstanceIdentifiers" };
  if (!proxy || strcmp(proxy->type, "AWS::RDS::DBProxy") != 0)
    return;
  Function *function = add_function(check, proxy, item_property(proxy, "VpcSubnetIds"), item_property(proxy, "VpcSecurityGroupIds"));
  for (guint t = 0; t < G_N_ELEMENTS(targets); t++) {
    const Json *list = item_property(group, targets[t]);
    for (guint i = 0; i < list_n(list); i++) {
      const Item *database = item_exactly(check, template_scalar(list_at(list, i)));
      if (database && listener_find(check, database))
        need(check, function, NEED_LISTENER, database, CERTAINTY_CERTAIN,
             arena_printf(check->arena, "%s says that it stands before %s", group->id, database->id), list_at(list, i));
    }
  }
}

/* Actions that the Lambda service itself, or a service behind another, takes with the role: not through the function's network. */
static gboolean
is_not_the_code(const char *action)
{
  static const char *const others[] = { "logs:", "xray:", "ec2:", "kms:", "sqs:receivemessage", "sqs:deletemessage", "sqs:getqueueattributes",
    "sqs:changemessagevisibility", "dynamodb:getrecords", "dynamodb:getsharditerator", "dynamodb:describestream", "dynamodb:liststreams",
    "kinesis:getrecords", "kinesis:getsharditerator", "kinesis:describestream", "kinesis:liststreams", "kinesis:listshards",
    "kinesis:subscribetoshard", "iam:", "cloudwatch:putmetricdata", NULL };
  g_autofree char *lower = g_ascii_strdown(action, -1);
  for (guint i = 0; others[i]; i++) {
    if (g_str_has_prefix(lower, others[i]))
      return TRUE;
  }
  return FALSE;
}

/* Destinations of failed events: Lambda sends to them, not the function. */
static gboolean
is_for_destinations(const Check *check, const Item *function, const char *action)
{
  guint i = 0;
  gboolean has = item_property(function, "DeadLetterConfig") || item_next(check, "AWS::Lambda::EventInvokeConfig", &i);
  return has && (g_str_has_prefix(action, "sqs:") || g_str_has_prefix(action, "sns:") || g_str_has_prefix(action, "events:") ||
                 g_str_has_prefix(action, "lambda:"));
}

static void
needs_of_role(Check *check, Function *function)
{
  Certainty certainty = function->code.read ? CERTAINTY_POSSIBLE : CERTAINTY_LIKELY;
  for (gsize i = 0; i < function->role.n; i++) {
    const Statement *statement = &function->role.v[i];
    for (gsize j = 0; statement->allow && !statement->not_action && j < statement->actions.n; j++) {
      const char *action = statement->actions.v[j], *colon = strchr(action, ':');
      const Service *service = colon ? service_of_iam(action, (gsize) (colon - action)) : NULL;
      if (!service || is_not_the_code(action) || is_for_destinations(check, function->item, action))
        continue;
      need(check, function, NEED_SERVICE, service, statement->managed ? CERTAINTY_POSSIBLE : certainty,
           arena_printf(check->arena, "its role allows %s", action), NULL);
    }
  }
}

static void
need_of_variable(Check *check, Function *function, const JsonMember *variable)
{
  const char *text = template_scalar(variable->value);
  const Item *item = item_of(check, text);
  Listener listener;
  const char *because = item ? arena_printf(check->arena, "its variable %s names %s", variable->key, item->id) : NULL;
  if (!item || item == function->item)
    return;
  const Service *service = strstr(text, ".MasterUserSecret") ? service_of_iam("secretsmanager", 14) : service_of_type(item->type);
  if (service)
    need(check, function, NEED_SERVICE, service, CERTAINTY_LIKELY, because, variable->value);
  else if (listener_of(check, item, &listener) && listener_find(check, listener.item))
    need(check, function, NEED_LISTENER, listener.item, CERTAINTY_LIKELY, because, variable->value);
}

static void
needs_of_environment(Check *check, Function *function)
{
  const Json *variables = item_property(function->item, "Environment.Variables");
  for (guint i = 0; variables && variables->type == JSON_OBJECT && i < variables->n; i++)
    need_of_variable(check, function, &variables->members[i]);
}

static gboolean
is_local_host(const char *host)
{
  return strcmp(host, "localhost") == 0 || g_str_has_prefix(host, "127.") || g_str_has_prefix(host, "10.") || g_str_has_prefix(host, "192.168.") ||
         g_str_has_prefix(host, "169.254.") || g_str_has_suffix(host, ".internal") || g_str_has_suffix(host, ".local") ||
         g_str_has_suffix(host, ".amazonaws.com") || g_str_has_suffix(host, ".example.com") || strcmp(host, "example.com") == 0 ||
         g_str_has_suffix(host, ".w3.org");
}

static void
needs_of_code(Check *check, Function *function)
{
  const Code *code = &function->code;
  for (gsize i = 0; i < code->n_clients; i++) {
    const CodeClient *client = &code->clients[i];
    need(check, function, NEED_SERVICE, client->service, CERTAINTY_CERTAIN,
         arena_printf(check->arena, "its code makes a client of %s (%s:%u)", client->service->title, client->file, client->line), NULL);
  }
  for (gsize i = 0; i < code->n_hosts; i++) {
    const CodeHost *host = &code->hosts[i];
    if (is_local_host(host->host))
      continue;
    Need *internet = need(check, function, NEED_INTERNET, NULL, CERTAINTY_LIKELY,
                          arena_printf(check->arena, "its code names https://%s (%s:%u)", host->host, host->file, host->line), NULL);
    internet->host = host->host;
  }
}

/* The function that a text (an ARN) refers to, or NULL. */
static Function *
function_named(const Check *check, const char *text)
{
  const Item *item = item_of(check, text);
  for (guint i = 0; item && i < check->functions->len; i++) {
    Function *function = check->functions->pdata[i];
    if (function->item == item)
      return function;
  }
  return NULL;
}

static void
needs_of_custom_resources(Check *check)
{
  for (guint i = 0; i < check->n_items; i++) {
    const Item *item = &check->items[i];
    gboolean custom = g_str_has_prefix(item->type, "Custom::") || strcmp(item->type, "AWS::CloudFormation::CustomResource") == 0;
    Function *function = custom ? function_named(check, item_text(item, "ServiceToken")) : NULL;
    if (!function)
      continue;
    Need *s3 = need(check, function, NEED_SERVICE, service_of_iam("s3", 2), CERTAINTY_CERTAIN,
                    arena_printf(check->arena, "it answers CloudFormation for %s through a presigned URL of S3", item->id), NULL);
    s3->answers_cloudformation = TRUE;
  }
}

/* The database that a secret is attached to, or NULL. */
static const Item *
database_of_secret(const Check *check, const Item *secret)
{
  const Item *item;
  for (guint i = 0; secret && (item = item_next(check, "AWS::SecretsManager::SecretTargetAttachment", &i)) != NULL;) {
    if (item_of(check, item_text(item, "SecretId")) == secret)
      return item_of(check, item_text(item, "TargetId"));
  }
  return NULL;
}

static void
needs_of_rotations(Check *check)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::SecretsManager::RotationSchedule", &i)) != NULL;) {
    Function *function = function_named(check, item_text(item, "RotationLambdaARN"));
    const Item *secret = item_of(check, item_text(item, "SecretId")), *database;
    for (guint j = 0; !function && j < check->functions->len; j++)
      function = ((Function *) check->functions->pdata[j])->item == item ? check->functions->pdata[j] : NULL;
    if (!function)
      continue;
    if (secret && strcmp(secret->type, "AWS::SecretsManager::SecretTargetAttachment") == 0) {
      database = item_of(check, item_text(secret, "TargetId"));
      secret = item_of(check, item_text(secret, "SecretId"));
    } else {
      database = database_of_secret(check, secret);
    }
    const char *of = secret ? secret->id : "a secret";
    need(check, function, NEED_SERVICE, service_of_iam("secretsmanager", 14), CERTAINTY_CERTAIN,
         arena_printf(check->arena, "it rotates %s", of), NULL);
    if (database && listener_find(check, database))
      need(check, function, NEED_LISTENER, database, CERTAINTY_CERTAIN,
           arena_printf(check->arena, "it sets the new password of %s when it rotates %s", database->id, of), NULL);
  }
}

/* A role and a variable, or the like, together are as good as sure. */
static void
weigh(Function *function)
{
  for (gsize i = 0; i < function->n_needs; i++) {
    Need *each = &function->needs[i];
    gboolean role = FALSE, variable = FALSE;
    for (gsize j = 0; j < each->because.n; j++) {
      role = role || g_str_has_prefix(each->because.v[j], "its role");
      variable = variable || g_str_has_prefix(each->because.v[j], "its variable");
    }
    if (role && variable)
      each->certainty = CERTAINTY_CERTAIN;
  }
}

void
needs_build(Check *check)
{
  for (guint i = 0; i < check->functions->len; i++) {
    Function *function = check->functions->pdata[i];
    needs_of_code(check, function);
    needs_of_environment(check, function);
    needs_of_role(check, function);
  }
  needs_of_custom_resources(check);
  needs_of_rotations(check);
  for (guint i = 0; i < check->functions->len; i++)
    weigh(check->functions->pdata[i]);
}

void
functions_build(Check *check)
{
  const Item *item;
  check->functions = g_ptr_array_new();
  for (guint i = 0; (item = item_next(check, "AWS::Lambda::Function", &i)) != NULL;) {
    Function *function = add_function(check, item, item_property(item, "VpcConfig.SubnetIds"), item_property(item, "VpcConfig.SecurityGroupIds"));
    function->role = role_statements(check, item_text(item, "Role"));
    code_read(check, item, &function->code);
  }
  for (guint i = 0; (item = item_next(check, "AWS::SecretsManager::RotationSchedule", &i)) != NULL;) {
    const Json *subnets = item_property(item, "HostedRotationLambda.VpcSubnetIds");
    if (subnets)
      add_function(check, item, split(check, subnets), split(check, item_property(item, "HostedRotationLambda.VpcSecurityGroupIds")));
  }
  for (guint i = 0; (item = item_next(check, "AWS::RDS::DBProxyTargetGroup", &i)) != NULL;)
    add_proxy(check, item);
}
