/* rules_endpoints: interface endpoints by themselves: DNS, subnets, zones; and groups whose replies have no rule. */
#include "check/model.h"

#include <string.h>

static gboolean
is_used(const Check *check, const Vpc *vpc, const VpcEndpoint *endpoint, const Function **ret_function)
{
  for (guint i = 0; i < check->functions->len; i++) {
    const Function *function = check->functions->pdata[i];
    for (gsize j = 0; function->vpc == vpc && j < function->n_needs; j++) {
      const Service *service = function->needs[j].service;
      if (service && service->endpoint && g_strcmp0(service->endpoint, endpoint->service) == 0) {
        *ret_function = function;
        return TRUE;
      }
    }
  }
  return FALSE;
}

/* https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html#interface-endpoint-prerequisites */
static void
check_private_dns(Check *check, const Vpc *vpc, const VpcEndpoint *endpoint)
{
  gboolean support = vpc->network->dns_support, names = vpc->network->dns_hostnames;
  if (!endpoint->private_dns || !vpc->item || (support && names))
    return;
  tell(check, &(Telling){ RULE_ENDPOINT_VPC_DNS, CERTAINTY_CERTAIN, { vpc->item, item_property(vpc->item, names ? "EnableDnsSupport" : "EnableDnsHostnames") },
    arena_printf(check->arena, "AWS refuses %s: Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true",
                 endpoint->item->id),
    arena_printf(check->arena, "%s has PrivateDnsEnabled, and %s has %s", endpoint->item->id, vpc->id,
                 !support ? "EnableDnsSupport false" : "no EnableDnsHostnames, which is false by default"),
    "AWS documents both as prerequisites",
    arena_printf(check->arena, "{\"%s\": {\"Properties\": {\"EnableDnsSupport\": true, \"EnableDnsHostnames\": true}}}", vpc->id) });
}

static void
check_zones(Check *check, const Vpc *vpc, const VpcEndpoint *endpoint)
{
  const Function *function = NULL;
  StringList subnets = endpoint->subnets, zones = { 0 }, without = { 0 };
  if (!endpoint->subnets_known || endpoint->subnets.n == 0 || !is_used(check, vpc, endpoint, &function))
    return;
  for (gsize i = 0; i < endpoint->subnets.n; i++) {
    const Subnet *subnet = network_subnet(vpc->network, endpoint->subnets.v[i]);
    if (!subnet || !subnet->zone || is_unknown(check, subnet->zone))
      return;
    words_add(check->arena, &zones, subnet->zone);
  }
  for (gsize i = 0; i < function->subnets.n; i++) {
    const Subnet *subnet = network_subnet(vpc->network, function->subnets.v[i]);
    if (!subnet || !subnet->zone || is_unknown(check, subnet->zone) || string_list_has(&zones, subnet->zone))
      continue;
    words_add(check->arena, &without, subnet->zone);
    words_add(check->arena, &subnets, subnet->id);
  }
  if (!without.n)
    return;
  tell(check, &(Telling){ RULE_ENDPOINT_ZONE, CERTAINTY_LIKELY, { endpoint->item, item_property(endpoint->item, "SubnetIds") },
    arena_printf(check->arena, "when %s fails, %s in %s loses the service too; until then its calls cross zones, and are charged for it",
                 words(check->arena, &zones), function->item->id, words(check->arena, &without)),
    arena_printf(check->arena, "%s runs in %s -> %s has interfaces in %s only", function->item->id, words(check->arena, &function->subnets),
                 endpoint->item->id, words(check->arena, &endpoint->subnets)), "the zones are in the template",
    arena_printf(check->arena, "{\"%s\": {\"Properties\": {\"SubnetIds\": %s}}}", endpoint->item->id, references_json(check, &subnets)) });
}

static void
check_no_subnet(Check *check, const Vpc *vpc, const VpcEndpoint *endpoint)
{
  const char *type = item_text(endpoint->item, "VpcEndpointType");
  const Function *function = NULL;
  if (endpoint->subnets.n || g_strcmp0(type, "Interface") != 0 || !is_used(check, vpc, endpoint, &function))
    return;
  tell(check, &(Telling){ RULE_ENDPOINT_NO_SUBNET, CERTAINTY_CERTAIN, { endpoint->item, NULL },
    arena_printf(check->arena, "%s has no interface in the VPC: %s does not reach %s through it", endpoint->item->id, function->item->id, endpoint->service),
    arena_printf(check->arena, "%s -> %s names no SubnetIds, so that there is no address to connect to", function->item->id, endpoint->item->id),
    "an interface endpoint has one interface in each subnet that it names",
    arena_printf(check->arena, "{\"%s\": {\"Properties\": {\"SubnetIds\": %s}}}", endpoint->item->id, references_json(check, &function->subnets)) });
}

/* -- replies ----------------------------------------------------------------------------------------------------------------- */

static gboolean
rule_means(const Network *network, const GroupRule *rule, const Eni *to)
{
  const PrefixList *list;
  if (!rule->egress || (rule->protocol != -1 && rule->protocol != 6))
    return FALSE;
  switch (rule->peer) {
  case PEER_CIDR: return range_has(&rule->cidr, ip_of4(to->address));
  case PEER_GROUP:
    for (gsize i = 0; i < to->n_groups; i++) {
      if (strcmp(to->groups[i], rule->peer_id) == 0)
        return TRUE;
    }
    return FALSE;
  case PEER_PREFIX_LIST:
    list = network_prefix_list(network, rule->peer_id);
    for (gsize i = 0; list && i < list->cidrs.n; i++) {
      if (range_has(&list->cidrs.v[i], ip_of4(to->address)))
        return TRUE;
    }
    return FALSE;
  }
  return FALSE;
}

/* Whether some egress rule of the interface's groups speaks of the other one: with any port, since a reply's is not known. */
static gboolean
may_reply(const Network *network, const Eni *from, const Eni *to)
{
  for (gsize i = 0; i < from->n_groups; i++) {
    const SecurityGroup *group = network_group(network, from->groups[i]);
    for (gsize j = 0; group && j < group->n_rules; j++) {
      if (rule_means(network, &group->rules[j], to))
        return TRUE;
    }
  }
  return FALSE;
}

static void
check_reply(Check *check, const Function *function, const char *owner, const StringList *enis, StringList *told)
{
  const Network *network = function->vpc->network;
  const Eni *from = enis->n ? network_eni(network, enis->v[0]) : NULL;
  const Eni *to = function->enis.n ? network_eni(network, function->enis.v[0]) : NULL;
  if (!from || !to || !from->n_groups || string_list_has(told, owner) || may_reply(network, from, to))
    return;
  const Item *group = item_find(check, from->groups[0]);
  if (!group || !function->groups.n)
    return;
  words_add(check->arena, told, owner);
  tell(check, &(Telling){ RULE_STATELESS_REPLY, CERTAINTY_POSSIBLE, { group, item_property(group, "SecurityGroupEgress") },
    arena_printf(check->arena, "nothing: on AWS the answers of %s reach %s. Under haar's fault profile stateless-groups they do not", owner, function->item->id),
    arena_printf(check->arena, "%s -> %s -> no egress rule of %s speaks of %s", function->item->id, owner, from->groups[0],
                 words(check->arena, &function->groups)),
    "AWS documents security groups as stateful: the answer to what was let in may leave, whatever the egress rules say. Harmless on AWS",
    arena_printf(check->arena, "{\"%s\": {\"Type\": \"AWS::EC2::SecurityGroupEgress\", \"Properties\": {\"GroupId\": {\"Ref\": \"%s\"}, \"IpProtocol\": "
      "\"tcp\", \"FromPort\": 1024, \"ToPort\": 65535, \"DestinationSecurityGroupId\": %s}}}", free_id(check, arena_printf(check->arena, "%sReplies", owner)),
      group->id, reference_json(check, function->groups.v[0])) });
}

static void
check_replies(Check *check)
{
  StringList told = { 0 };
  for (guint i = 0; i < check->functions->len; i++) {
    const Function *function = check->functions->pdata[i];
    for (gsize j = 0; function->vpc && j < function->n_needs; j++) {
      const Need *need = &function->needs[j];
      const Listener *listener = need->listener ? listener_find(check, need->listener) : NULL;
      if (listener && listener->vpc == function->vpc)
        check_reply(check, function, listener->item->id, &listener->enis, &told);
      for (guint k = 0; need->service && need->service->endpoint && k < function->vpc->n_endpoints; k++) {
        const VpcEndpoint *endpoint = &function->vpc->endpoints[k];
        if (!endpoint->gateway && g_strcmp0(endpoint->service, need->service->endpoint) == 0)
          check_reply(check, function, endpoint->item->id, &endpoint->enis, &told);
      }
    }
  }
}

void
rules_endpoints(Check *check)
{
  for (guint i = 0; i < check->vpcs->len; i++) {
    const Vpc *vpc = check->vpcs->pdata[i];
    for (guint j = 0; j < vpc->n_endpoints; j++) {
      if (vpc->endpoints[j].gateway)
        continue;
      check_private_dns(check, vpc, &vpc->endpoints[j]);
      check_zones(check, vpc, &vpc->endpoints[j]);
      check_no_subnet(check, vpc, &vpc->endpoints[j]);
    }
  }
  check_replies(check);
}
