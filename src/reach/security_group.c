/* security_group: what the groups of an interface allow. The rules of all its groups together; there are only allowing rules.
 * https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html */
#include "reach/rules.h"

#include <string.h>

static gboolean eni_has_group(const Eni *eni, const char *group) {
  for (gsize i = 0; eni && i < eni->n_groups; i++)
    if (strcmp(eni->groups[i], group) == 0)
      return TRUE;
  return FALSE;
}

/* Members of a group here, or behind an active peering. */
static gboolean group_has(const Network *network, const char *group, Ip address) {
  if (eni_has_group(network_eni_ip(network, address), group))
    return TRUE;
  for (gsize i = 0; i < network->n_peerings; i++) {
    const Network *peer = network_peer(network, &network->peerings[i]);
    if (peer && eni_has_group(network_eni_ip(peer, address), group))
      return TRUE;
  }
  return FALSE;
}

static gboolean list_has(const PrefixList *list, Ip address) {
  for (gsize i = 0; list && i < list->cidrs.n; i++)
    if (range_has(&list->cidrs.v[i], address))
      return TRUE;
  return FALSE;
}

static gboolean peer_matches(const Network *network, const GroupRule *rule, Ip address) {
  switch (rule->peer) {
  case PEER_CIDR: return range_has(&rule->cidr, address);
  case PEER_GROUP: return group_has(network, rule->peer_id, address);
  case PEER_PREFIX_LIST: return list_has(network_prefix_list(network, rule->peer_id), address);
  }
  return FALSE;
}

gboolean ports_match(int protocol, int from_port, int to_port, const Far *far) {
  if (protocol == -1)
    return TRUE;
  if (protocol != far->protocol)
    return FALSE;
  if (protocol == 1 || protocol == 58)
    return (from_port == -1 || far->port >> 8 == from_port) && (from_port == -1 || to_port == -1 || (far->port & 255) == to_port);
  return (protocol != 6 && protocol != 17) || from_port == -1 || (far->port >= from_port && far->port <= to_port);
}

const GroupRule *groups_allow(const Network *network, const Eni *eni, gboolean egress, const Far *far) {
  for (gsize i = 0; i < eni->n_groups; i++) {
    const SecurityGroup *group = network_group(network, eni->groups[i]);
    for (gsize j = 0; group && j < group->n_rules; j++) {
      const GroupRule *rule = &group->rules[j];
      if (rule->egress == egress && ports_match(rule->protocol, rule->from_port, rule->to_port, far) && peer_matches(network, rule, far->address))
        return rule;
    }
  }
  return NULL;
}

const char *groups_text(const Eni *eni, Arena *arena) { return text_join(arena, ",", eni->groups, eni->n_groups); }
