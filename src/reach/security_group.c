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

static gboolean peer_matches(const Network *network, const GroupRule *rule, guint32 address) {
  const PrefixList *list;
  switch (rule->peer) {
  case PEER_CIDR: return cidr_has(&rule->cidr, address);
  case PEER_GROUP: return eni_has_group(network_eni_at(network, address), rule->peer_id);
  case PEER_PREFIX_LIST:
    list = network_prefix_list(network, rule->peer_id);
    for (gsize i = 0; list && i < list->cidrs.n; i++)
      if (cidr_has(&list->cidrs.v[i], address))
        return TRUE;
    return FALSE;
  }
  return FALSE;
}

static gboolean service_matches(const GroupRule *rule, const Far *far) {
  if (rule->protocol == -1)
    return TRUE;
  if (rule->protocol != far->protocol)
    return FALSE;
  if (rule->protocol != 6 && rule->protocol != 17)
    return TRUE;
  return rule->from_port == -1 || (far->port >= rule->from_port && far->port <= rule->to_port);
}

const GroupRule *groups_allow(const Network *network, const Eni *eni, gboolean egress, const Far *far) {
  for (gsize i = 0; i < eni->n_groups; i++) {
    const SecurityGroup *group = network_group(network, eni->groups[i]);
    for (gsize j = 0; group && j < group->n_rules; j++) {
      const GroupRule *rule = &group->rules[j];
      if (rule->egress == egress && service_matches(rule, far) && peer_matches(network, rule, far->address))
        return rule;
    }
  }
  return NULL;
}

const char *groups_text(const Eni *eni, Arena *arena) { return text_join(arena, ",", eni->groups, eni->n_groups); }
