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

/* Whether the profile lets an answer of this rule pass: it names the port that was asked, or all that the asker may have chosen. The fabric looks at the
 * same two (src/fabric/faults.c). */
static gboolean
covers_reply(const GroupRule *rule, int port)
{
  enum { FIRST = 32768, LAST = 60999 }; /* Linux's own: net.ipv4.ip_local_port_range */
  if (rule->protocol == -1 || rule->from_port == -1)
    return TRUE;
  return (port >= rule->from_port && port <= rule->to_port) || (rule->from_port <= FIRST && rule->to_port >= LAST);
}

static gboolean
may_reply(const Network *network, const Eni *from, const Eni *to, int port)
{
  for (gsize i = 0; i < from->n_groups; i++) {
    const SecurityGroup *group = network_group(network, from->groups[i]);
    for (gsize j = 0; group && j < group->n_rules; j++) {
      if (rule_means(network, &group->rules[j], to) && covers_reply(&group->rules[j], port))
        return TRUE;
    }
  }
  return FALSE;
}

/* What answers: an endpoint, a database. */
typedef struct Answerer { const char *id; const Network *network; const StringList *enis; int port; } Answerer;

/* Whether every interface of the one may answer every one of the other; *ret_from: one that may not. */
static gboolean
all_may_reply(const Function *function, const Answerer *answerer, const Eni **ret_from)
{
  for (gsize i = 0; i < answerer->enis->n; i++) {
    const Eni *from = network_eni(answerer->network, answerer->enis->v[i]);
    for (gsize j = 0; from && from->n_groups && j < function->enis.n; j++) {
      const Eni *to = network_eni(function->vpc->network, function->enis.v[j]);
      if (!to || may_reply(answerer->network, from, to, answerer->port))
        continue;
      *ret_from = from;
      return FALSE;
    }
  }
  return TRUE;
}

static void
check_reply(Check *check, const Function *function, const Answerer *answerer, StringList *told)
{
  const Eni *from = NULL;
  const char *pair = arena_printf(check->arena, "%s %s", answerer->id, words(check->arena, &function->groups));
  if (!function->groups.n || string_list_has(told, pair) || all_may_reply(function, answerer, &from))
    return;
  const Item *group = item_find(check, from->groups[0]);
  if (!group)
    return;
  words_add(check->arena, told, pair);
  guint turn = mend_turn(check, arena_printf(check->arena, "replies of %s", answerer->id));
  const char *id = turn ? arena_printf(check->arena, "%sReplies%u", answerer->id, turn + 1) : arena_printf(check->arena, "%sReplies", answerer->id);
  tell(check, &(Telling){ RULE_STATELESS_REPLY, CERTAINTY_POSSIBLE, { group, item_property(group, "SecurityGroupEgress") },
    arena_printf(check->arena, "nothing: on AWS the answers of %s reach %s. Under haar's fault profile stateless-groups they do not", answerer->id,
                 function->item->id),
    arena_printf(check->arena, "%s -> %s -> no egress rule of %s speaks of %s, for the port that was asked (%d) or the ports of clients (32768 to 60999)",
                 function->item->id, answerer->id, from->groups[0], words(check->arena, &function->groups), answerer->port),
    "AWS documents security groups as stateful: the answer to what was let in may leave, whatever the egress rules say. Harmless on AWS",
    arena_printf(check->arena, "{\"%s\": {\"Type\": \"AWS::EC2::SecurityGroupEgress\", \"Properties\": {\"GroupId\": {\"Ref\": \"%s\"}, \"IpProtocol\": "
      "\"tcp\", \"FromPort\": 1024, \"ToPort\": 65535, \"DestinationSecurityGroupId\": %s}}}", free_id(check, id),
      group->id, reference_json(check, function->groups.v[0])) });
}

static void
check_replies(Check *check)
{
  enum { HTTPS = 443 };
  StringList told = { 0 };
  for (guint i = 0; i < check->functions->len; i++) {
    const Function *function = check->functions->pdata[i];
    for (gsize j = 0; function->vpc && j < function->n_needs; j++) {
      const Need *need = &function->needs[j];
      const Listener *listener = need->listener ? listener_find(check, need->listener) : NULL;
      gboolean near = listener && listener->vpc && listener->port && (listener->vpc == function->vpc || peering_between(check, function->vpc, listener->vpc));
      if (near)
        check_reply(check, function, &(Answerer){ listener->item->id, listener->vpc->network, &listener->enis, listener->port }, &told);
      for (guint k = 0; need->service && need->service->endpoint && k < function->vpc->n_endpoints; k++) {
        const VpcEndpoint *endpoint = &function->vpc->endpoints[k];
        if (!endpoint->gateway && g_strcmp0(endpoint->service, need->service->endpoint) == 0)
          check_reply(check, function, &(Answerer){ endpoint->item->id, function->vpc->network, &endpoint->enis, HTTPS }, &told);
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
