/* dhcp_options: sets of DHCP options, one for each VPC. They do not change: a VPC is given another one.
 * https://docs.aws.amazon.com/vpc/latest/userguide/VPC_DHCP_Options.html */
#include "services/ec2/ec2.h"

#include <string.h>

enum { SERVERS_MAX = 4, SETS_MAX = 100 };

static const Ec2Path filters[] = {
  {"dhcp-options-id", "DhcpOptionsId"}, {"key", "DhcpConfigurations.Key"}, {"value", "DhcpConfigurations.Values.Value"}, {"owner-id", "OwnerId"}, {NULL, NULL},
};
const Ec2Kind ec2_dhcp_options = {.type = "dhcp-options", .prefix = "dopt", .table = {"ec2.dhcp_options"}, EC2_KIND(DhcpOptions, DhcpOptionsId, Tags),
  .malformed = "InvalidDhcpOptionsId.Malformed", .not_found = "InvalidDhcpOptionID.NotFound",
  .not_found_text = "The dhcpOption ID '%s' does not exist", .filters = filters};

static void add_value(Call *call, Ec2DhcpConfiguration *configuration, const char *text) {
  Ec2AttributeValue *value = ARENA_NEW(call->arena, Ec2AttributeValue);
  value->Value = text;
  LIST_APPEND(call->arena, &configuration->Values, value);
}

static void add_option(Call *call, Ec2DhcpOptions *options, const char *key, const char *value) {
  Ec2DhcpConfiguration *configuration = ARENA_NEW(call->arena, Ec2DhcpConfiguration);
  configuration->Key = key;
  add_value(call, configuration, value);
  LIST_APPEND(call->arena, &options->DhcpConfigurations, configuration);
}

/* Every account has a default set in each region, always the same one; it is stored with the first VPC. */
Error *ec2_dhcp_default(Call *call, const char **ret_id) {
  Ec2DhcpOptions *options = NULL;
  g_autofree char *place = g_strdup_printf("%s.%s", call->account, call->region);
  const char *id = arena_printf(call->arena, "dopt-%08x", g_str_hash(place));
  *ret_id = id;
  TRY(ec2_find(call, &ec2_dhcp_options, id, &options));
  if (options)
    return NULL;
  options = ARENA_NEW(call->arena, Ec2DhcpOptions);
  *options = (Ec2DhcpOptions){.DhcpOptionsId = id, .OwnerId = call->account};
  add_option(call, options, "domain-name", ec2_internal_domain(call));
  add_option(call, options, "domain-name-servers", "AmazonProvidedDNS");
  return ec2_put(call, &ec2_dhcp_options, options);
}

static Error *bad_value(const char *key, const char *value) {
  return error_answer("InvalidParameterValue", "Value (%s) for parameter %s is invalid.", value, key);
}

static Error *check_servers(const char *key, const StringList *values) {
  gboolean names = strcmp(key, "domain-name-servers") == 0;
  Ip ip;
  if (values->n > SERVERS_MAX)
    return error_answer("InvalidParameterValue", "Number of values for parameter %s exceeds the maximum of %d.", key, SERVERS_MAX);
  for (gsize i = 0; i < values->n; i++)
    if (!(names && strcmp(values->v[i], "AmazonProvidedDNS") == 0) && !ip_parse(values->v[i], &ip))
      return bad_value(key, values->v[i]);
  return NULL;
}

static Error *check_option(const Ec2NewDhcpConfiguration *given) {
  static const char *const servers[] = {"domain-name-servers", "ntp-servers", "netbios-name-servers", NULL};
  const char *key = given->Key ? given->Key : "";
  if (given->Values.n == 0)
    return error_answer("MissingParameter", "The request must contain the parameter values of the DHCP option %s", key);
  if (g_strv_contains(servers, key))
    return check_servers(key, &given->Values);
  if (strcmp(key, "domain-name") == 0)
    return given->Values.n == 1 && strlen(given->Values.v[0]) < 254 ? NULL : bad_value(key, given->Values.v[0]);
  if (strcmp(key, "netbios-node-type") == 0)
    return given->Values.n == 1 && strspn(given->Values.v[0], "1248") == 1 && !given->Values.v[0][1] ? NULL : bad_value(key, given->Values.v[0]);
  return error_answer("InvalidParameterValue", "Value (%s) for parameter key is invalid. Unknown DHCP option", key);
}

OPERATION(CreateDhcpOptions, create_dhcp_options, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_dhcp_options(Call *call, const Ec2CreateDhcpOptionsInput *in, Ec2CreateDhcpOptionsOutput *ret_out) {
  Ec2Records records = {0};
  Ec2DhcpOptions *options = ARENA_NEW(call->arena, Ec2DhcpOptions);
  *options = (Ec2DhcpOptions){.DhcpOptionsId = id_resource(call->arena, "dopt"), .OwnerId = call->account, .Tags = ec2_tags(call, &in->TagSpecifications, "dhcp-options")};
  TRY(ec2_all(call, &ec2_dhcp_options, &records));
  if (records.n >= SETS_MAX)
    return error_answer("DhcpOptionsLimitExceeded", "The maximum number of DHCP options sets has been reached.");
  for (gsize i = 0; i < in->DhcpConfigurations.n; i++) {
    const Ec2NewDhcpConfiguration *given = in->DhcpConfigurations.v[i];
    TRY(check_option(given));
    add_option(call, options, given->Key, given->Values.v[0]);
    for (gsize j = 1; j < given->Values.n; j++)
      add_value(call, options->DhcpConfigurations.v[i], given->Values.v[j]);
  }
  if (in->DhcpConfigurations.n == 0)
    return error_answer("MissingParameter", "The request must contain the parameter dhcpConfigurations");
  ret_out->DhcpOptions = options;
  return ec2_put(call, &ec2_dhcp_options, options);
}

OPERATION(DeleteDhcpOptions, delete_dhcp_options, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_dhcp_options(Call *call, const Ec2DeleteDhcpOptionsInput *in, Ec2DeleteDhcpOptionsOutput *ret_out) {
  const Ec2DhcpOptions *options = NULL;
  Ec2Records vpcs = {0};
  TRY(ec2_get(call, &ec2_dhcp_options, in->DhcpOptionsId, &options));
  TRY(ec2_all(call, &ec2_vpcs, &vpcs));
  for (gsize i = 0; i < vpcs.n; i++)
    if (g_strcmp0(((const Ec2Vpc *) vpcs.v[i])->DhcpOptionsId, in->DhcpOptionsId) == 0)
      return error_answer("DependencyViolation", "The dhcpOptions '%s' has dependencies and cannot be deleted.", in->DhcpOptionsId);
  return ec2_delete(call, &ec2_dhcp_options, in->DhcpOptionsId);
}

OPERATION(DescribeDhcpOptions, describe_dhcp_options, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_dhcp_options(Call *call, const Ec2DescribeDhcpOptionsInput *in, Ec2DescribeDhcpOptionsOutput *ret_out) {
  return ec2_describe(call, &(Ec2Describe){&ec2_dhcp_options, &in->DhcpOptionsIds, &in->Filters, in->MaxResults, in->NextToken, "dhcpOptionsIds", NULL},
                      &ret_out->DhcpOptions, &ret_out->NextToken);
}

OPERATION(AssociateDhcpOptions, associate_dhcp_options, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *associate_dhcp_options(Call *call, const Ec2AssociateDhcpOptionsInput *in, Ec2AssociateDhcpOptionsOutput *ret_out) {
  Ec2Vpc *vpc = NULL;
  const Ec2DhcpOptions *options = NULL;
  const char *id = in->DhcpOptionsId;
  TRY(ec2_get(call, &ec2_vpcs, in->VpcId, &vpc));
  if (strcmp(id, "default") == 0)
    TRY(ec2_dhcp_default(call, &id));
  else
    TRY(ec2_get(call, &ec2_dhcp_options, id, &options));
  vpc->DhcpOptionsId = id;
  TRY(ec2_put(call, &ec2_vpcs, vpc));
  ec2_changed_now(call, in->VpcId);
  return NULL;
}
