/* condition: what a policy's condition says of a function's calls, as far as the template tells: who calls, through which endpoint, from which VPC,
 * in which region, encrypted or not. Other keys are not known, and a condition on them says nothing.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html */
#include "check/model.h"

#include <string.h>

/* -- the calls --------------------------------------------------------------------------------------------------------------- */

static gboolean
serves(const VpcEndpoint *endpoint, const Service *service)
{
  return service->endpoint && g_strcmp0(endpoint->service, service->endpoint) == 0;
}

/* A gateway endpoint serves the subnets whose tables it is in: all of the function's, or none, or it is not told. */
static void
through_gateway(const Function *function, const VpcEndpoint *endpoint, Calls *calls)
{
  guint served = 0;
  for (gsize i = 0; i < function->subnets.n; i++) {
    const Subnet *subnet = network_subnet(function->vpc->network, function->subnets.v[i]);
    served += subnet && string_list_has(&endpoint->tables, subnet->route_table);
  }
  calls->way_known = calls->way_known && endpoint->tables_known && (served == 0 || served == function->subnets.n);
  calls->endpoint = served ? endpoint : calls->endpoint;
}

Calls
calls_of(const Function *function, const Service *service, const char *action)
{
  Calls calls = { .function = function, .service = service, .action = action, .way_known = TRUE };
  const Vpc *vpc = function->vpc;
  if (action && action_is_polled(action)) { /* by Lambda itself, from outside */
    calls.way_known = FALSE;
    return calls;
  }
  if (!function->in_vpc)
    return calls;
  calls.way_known = vpc && vpc->item && !vpc->unknown_endpoints && strcmp(service->iam, "kms") != 0; /* other services call KMS for it */
  for (guint i = 0; vpc && i < vpc->n_endpoints; i++) {
    const VpcEndpoint *endpoint = &vpc->endpoints[i];
    if (!serves(endpoint, service))
      continue;
    if (endpoint->gateway && !calls.endpoint)
      through_gateway(function, endpoint, &calls);
    else if (!endpoint->gateway && endpoint->private_dns)
      calls.endpoint = endpoint;
  }
  return calls;
}

/* -- keys -------------------------------------------------------------------------------------------------------------------- */

/* A key as a call carries it. value NULL and known: it is not there. */
typedef struct KeyValue {
  gboolean known;
  const char *value;
} KeyValue;

static const Item *
role_of(const Check *check, const Calls *calls)
{
  return item_exactly(check, item_text(calls->function->item, "Role"));
}

static KeyValue
source_vpce(const Check *check, const Calls *calls)
{
  return (KeyValue){ calls->way_known, calls->endpoint ? arena_printf(check->arena, "${%s}", calls->endpoint->item->id) : NULL };
}

static KeyValue
source_vpc(const Check *check, const Calls *calls)
{
  return (KeyValue){ calls->way_known, calls->endpoint ? arena_printf(check->arena, "${%s}", calls->function->vpc->id) : NULL };
}

/* Through an endpoint there is no public address. */
static KeyValue
source_ip(const Check *check, const Calls *calls)
{
  (void) check;
  return (KeyValue){ calls->way_known && calls->endpoint, NULL };
}

static KeyValue
vpc_source_ip(const Check *check, const Calls *calls)
{
  (void) check;
  return (KeyValue){ calls->way_known && !calls->endpoint, NULL };
}

static KeyValue
principal_arn(const Check *check, const Calls *calls)
{
  const Item *role = role_of(check, calls);
  return (KeyValue){ role != NULL, role ? arena_printf(check->arena, "${%s.Arn}", role->id) : NULL };
}

/* The SDKs' endpoints are of HTTPS. */
static KeyValue
secure_transport(const Check *check, const Calls *calls)
{
  (void) check, (void) calls;
  return (KeyValue){ TRUE, "true" };
}

/* If it was said: a template goes to any region. */
static KeyValue
requested_region(const Check *check, const Calls *calls)
{
  (void) calls;
  return (KeyValue){ check->request->region != NULL, check->request->region };
}

static KeyValue
principal_account(const Check *check, const Calls *calls)
{
  (void) calls;
  return (KeyValue){ TRUE, check->eval.account };
}

static KeyValue
no_service(const Check *check, const Calls *calls)
{
  (void) check;
  return (KeyValue){ strcmp(calls->service->iam, "kms") != 0, "false" };
}

/* Of requests that list a bucket only. */
static KeyValue
listing(const Check *check, const Calls *calls)
{
  (void) check;
  gboolean may_list = !calls->action || patterns_overlap(calls->action, "s3:ListBucket", TRUE) || patterns_overlap(calls->action, "s3:ListBucketVersions", TRUE);
  return (KeyValue){ !may_list, NULL };
}

static const struct { const char *key; KeyValue (*value)(const Check *check, const Calls *calls); } keys[] = {
  { "aws:SourceVpce", source_vpce }, { "aws:SourceVpc", source_vpc }, { "aws:SourceIp", source_ip }, { "aws:VpcSourceIp", vpc_source_ip },
  { "aws:PrincipalArn", principal_arn }, { "aws:SecureTransport", secure_transport }, { "aws:RequestedRegion", requested_region },
  { "aws:PrincipalAccount", principal_account }, { "aws:ViaAWSService", no_service }, { "aws:PrincipalIsAWSService", no_service },
  { "s3:prefix", listing }, { "s3:delimiter", listing }, { "s3:max-keys", listing },
};

static KeyValue
value_of(const Check *check, const Calls *calls, const char *key)
{
  for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
    if (g_ascii_strcasecmp(keys[i].key, key) == 0)
      return keys[i].value(check, calls);
  }
  return (KeyValue){ FALSE, NULL };
}

/* -- comparing --------------------------------------------------------------------------------------------------------------- */

typedef enum { AS_TEXT, AS_PATTERN, AS_TRUTH, AS_ADDRESS, AS_NULL } Comparison;

static const struct { const char *name; Comparison how; gboolean negated; } operators[] = {
  { "StringEquals", AS_TEXT, FALSE }, { "StringNotEquals", AS_TEXT, TRUE }, { "StringEqualsIgnoreCase", AS_TEXT, FALSE },
  { "StringNotEqualsIgnoreCase", AS_TEXT, TRUE }, { "StringLike", AS_PATTERN, FALSE }, { "StringNotLike", AS_PATTERN, TRUE },
  { "ArnEquals", AS_PATTERN, FALSE }, { "ArnLike", AS_PATTERN, FALSE }, { "ArnNotEquals", AS_PATTERN, TRUE }, { "ArnNotLike", AS_PATTERN, TRUE },
  { "Bool", AS_TRUTH, FALSE }, { "IpAddress", AS_ADDRESS, FALSE }, { "NotIpAddress", AS_ADDRESS, TRUE }, { "Null", AS_NULL, FALSE },
};

/* "arn:aws:iam::123456789012:role/${Role}" is "${Role.Arn}" too. */
static gboolean
is_arn_of(const Check *check, const char *wanted, const char *value)
{
  const Item *item = item_of(check, wanted);
  g_autofree char *end = item ? g_strdup_printf("/${%s}", item->id) : NULL;
  g_autofree char *arn = item ? g_strdup_printf("${%s.Arn}", item->id) : NULL;
  return item && g_str_has_suffix(wanted, end) && strcmp(value, arn) == 0;
}

static Truth
compare(const Check *check, Comparison how, const char *wanted, const char *value)
{
  if (!wanted || how == AS_ADDRESS)
    return TRUTH_UNKNOWN;
  if (strcmp(wanted, value) == 0 || (how == AS_PATTERN && strcmp(wanted, "*") == 0) || is_arn_of(check, wanted, value))
    return TRUTH_TRUE;
  if (strstr(wanted, "${") || strstr(value, "${")) /* two resources of the template are not the same one; of others it cannot be told */
    return item_exactly(check, wanted) && item_exactly(check, value) ? TRUTH_FALSE : TRUTH_UNKNOWN;
  return (how == AS_PATTERN ? text_glob(wanted, value) : g_ascii_strcasecmp(wanted, value) == 0) ? TRUTH_TRUE : TRUTH_FALSE;
}

static Truth
opposite(Truth truth)
{
  return truth == TRUTH_TRUE ? TRUTH_FALSE : truth == TRUTH_FALSE ? TRUTH_TRUE : TRUTH_UNKNOWN;
}

/* One key: any of its values. */
static Truth
key_holds(const Check *check, guint operator, gboolean if_exists, KeyValue given, const Json *wanted)
{
  Truth any = TRUTH_FALSE;
  gboolean negated = operators[operator].negated;
  if (!given.known)
    return TRUTH_UNKNOWN;
  if (operators[operator].how == AS_NULL)
    return compare(check, AS_TRUTH, template_scalar(list_at(wanted, 0)), given.value ? "false" : "true");
  if (!given.value)
    return if_exists || negated ? TRUTH_TRUE : TRUTH_FALSE;
  for (guint i = 0; i < list_n(wanted); i++)
    any = MAX(any, compare(check, operators[operator].how, template_scalar(list_at(wanted, i)), given.value));
  return negated ? opposite(any) : any;
}

static Truth
operator_holds(const Check *check, const Calls *calls, const char *name, const Json *of_keys)
{
  Truth all = TRUTH_TRUE;
  gboolean if_exists = g_str_has_suffix(name, "IfExists");
  gsize size = strlen(name) - (if_exists ? strlen("IfExists") : 0);
  for (guint i = 0; of_keys->type == JSON_OBJECT && i < G_N_ELEMENTS(operators); i++) {
    if (strlen(operators[i].name) != size || strncmp(operators[i].name, name, size) != 0)
      continue;
    for (guint k = 0; k < of_keys->n; k++)
      all = MIN(all, key_holds(check, i, if_exists, value_of(check, calls, of_keys->members[k].key), of_keys->members[k].value));
    return all;
  }
  return TRUTH_UNKNOWN;
}

Truth
condition_truth(const Check *check, const Json *condition, const Calls *calls)
{
  Truth all = TRUTH_TRUE;
  if (condition && condition->type != JSON_OBJECT)
    return TRUTH_UNKNOWN;
  for (guint i = 0; condition && i < condition->n; i++)
    all = MIN(all, operator_holds(check, calls, condition->members[i].key, condition->members[i].value));
  return all;
}

/* "aws:SourceVpce is ${Endpoint}", "aws:SourceVpce is not there" */
const char *
condition_words(Check *check, const Json *condition, const Calls *calls)
{
  StringList list = { 0 };
  for (guint i = 0; condition && condition->type == JSON_OBJECT && i < condition->n; i++) {
    const Json *of_keys = condition->members[i].value;
    for (guint k = 0; of_keys->type == JSON_OBJECT && k < of_keys->n; k++) {
      const char *key = of_keys->members[k].key;
      KeyValue given = value_of(check, calls, key);
      if (given.known)
        words_add(check->arena, &list, given.value ? arena_printf(check->arena, "%s is %s", key, given.value) : arena_printf(check->arena, "%s is not there", key));
    }
  }
  return words(check->arena, &list);
}
