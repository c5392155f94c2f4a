/* network_interfaces: imaginary interfaces of what is in subnets, and what a network needs to be complete with them: groups of other stacks, prefix lists,
 * peers. */
#include "check/network.h"

#include <string.h>

/* A subnet outside the template: where it is does not matter, only that it is local. */
static const Subnet *
outside_subnet(Check *check, Vpc *vpc, const char *id)
{
  Subnet subnet = { .id = id, .cidr = vpc_imagine_range(vpc), .route_table = "?" };
  g_hash_table_add(vpc->permissive, (gpointer) "?");
  vpc_add_subnet(vpc, &subnet);
  return network_subnet(vpc->network, id);
}

const char *
vpc_add_eni(Check *check, Vpc *vpc, const char *owner, const char *subnet_id, EniKind kind, const StringList *groups)
{
  const Subnet *subnet = network_subnet(vpc->network, subnet_id);
  if (!subnet && item_find(check, subnet_id))
    return NULL; /* of another VPC */
  if (!subnet)
    subnet = outside_subnet(check, vpc, subnet_id);
  guint n = GPOINTER_TO_UINT(g_hash_table_lookup(vpc->used, subnet->id));
  g_hash_table_insert(vpc->used, (gpointer) subnet->id, GUINT_TO_POINTER(n + 1));
  guint32 size = cidr_size(&subnet->cidr);
  Eni eni = { .id = arena_printf(check->arena, "%s in %s", owner, subnet->id), .subnet = subnet->id, .kind = kind,
    .address = cidr_base(&subnet->cidr) + (4 + n) % MAX(size, 1), .owner = owner, .n_groups = groups->n, .groups = groups->v };
  g_array_append_val(vpc->enis, eni);
  return eni.id;
}

/* A group that an interface has and that is not in the template: what it says is not known. */
static void
know_groups(Vpc *vpc, const Eni *eni, gboolean *outside)
{
  for (gsize i = 0; i < eni->n_groups; i++) {
    if (network_group(vpc->network, eni->groups[i]))
      continue;
    g_autoptr(GArray) rules = g_array_new(FALSE, TRUE, sizeof(GroupRule));
    rules_add_open(rules, FALSE, eni->groups[i]);
    rules_add_open(rules, TRUE, eni->groups[i]);
    vpc_add_group(vpc, eni->groups[i], rules);
    g_hash_table_add(vpc->permissive, (gpointer) eni->groups[i]);
    *outside = TRUE;
  }
}

/* Interfaces have groups of other stacks: a rule that names such a group may well mean them. */
static void
open_outside_peers(Check *check, Vpc *vpc)
{
  for (gsize i = 0; i < vpc->network->n_groups; i++) {
    SecurityGroup *group = &vpc->network->groups[i];
    for (gsize j = 0; j < group->n_rules; j++) {
      GroupRule *rule = &group->rules[j];
      if (rule->peer != PEER_GROUP || item_find(check, rule->peer_id))
        continue;
      rule->peer = PEER_CIDR;
      rule->cidr = everywhere4();
    }
  }
}

static void
add_prefix_list(Check *check, Network *network, const char *id, const char *first, const char *second)
{
  Range *ranges = ARENA_ARRAY(network->arena, Range, 2);
  gsize n = 0;
  if (range_parse(first, &ranges[n]))
    n++;
  if (second && range_parse(second, &ranges[n]))
    n++;
  network->prefix_lists[network->n_prefix_lists++] = (PrefixList){ id, id, { n, ranges } };
}

static void
add_own_prefix_list(Check *check, Network *network, const Item *item)
{
  const Json *entries = item_property(item, "Entries");
  Range *ranges = ARENA_ARRAY(network->arena, Range, list_n(entries) + 1);
  gsize n = 0;
  for (guint i = 0; i < list_n(entries); i++) {
    if (!range_parse(json_text_at(list_at(entries, i), "Cidr"), &ranges[n++]))
      ranges[n - 1] = everywhere4();
  }
  network->prefix_lists[network->n_prefix_lists++] = (PrefixList){ item->id, item->id, { n, ranges } };
}

static void
add_peering(Vpc *vpc, const Vpc *other, const char *id)
{
  Network *network = vpc->network;
  const CidrList *cidrs = &other->network->cidrs;
  Range *ranges = ARENA_ARRAY(network->arena, Range, cidrs->n + 1);
  for (gsize i = 0; i < cidrs->n; i++)
    ranges[i] = range_of4(cidrs->v[i]);
  Peering *more = ARENA_ARRAY(network->arena, Peering, network->n_peerings + 1);
  if (network->n_peerings)
    memcpy(more, network->peerings, network->n_peerings * sizeof *more);
  more[network->n_peerings++] = (Peering){ .id = id, .peer_vpc = other->id, .active = TRUE, .cidrs = { cidrs->n, ranges } };
  network->peerings = more;
  network_add_peer(network, other->network);
}

static void
join_peers(Check *check)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::VPCPeeringConnection", &i)) != NULL;) {
    Vpc *vpc = vpc_find(check, item_text(item, "VpcId")), *other = vpc ? vpc_peer_of(check, vpc, item) : NULL;
    if (!other || !vpc->item)
      continue;
    add_peering(vpc, other, item->id);
    add_peering(other, vpc, item->id);
  }
}

void
network_finish(Check *check)
{
  guint n_lists = 0;
  for (guint i = 0; item_next(check, "AWS::EC2::PrefixList", &i);)
    n_lists++;
  for (guint i = 0; i < check->vpcs->len; i++) {
    Vpc *vpc = check->vpcs->pdata[i];
    Network *network = vpc->network;
    gboolean outside = FALSE;
    const Item *item;
    network->n_enis = vpc->enis->len;
    network->enis = (Eni *) (void *) vpc->enis->data;
    for (gsize j = 0; j < network->n_enis; j++)
      know_groups(vpc, &network->enis[j], &outside);
    if (outside)
      open_outside_peers(check, vpc);
    network->prefix_lists = ARENA_ARRAY(network->arena, PrefixList, 3 + n_lists);
    add_prefix_list(check, network, "pl-s3", REACH_S3, NULL);
    add_prefix_list(check, network, "pl-dynamodb", REACH_DYNAMODB, NULL);
    add_prefix_list(check, network, "pl-either", REACH_S3, REACH_DYNAMODB);
    for (guint j = 0; (item = item_next(check, "AWS::EC2::PrefixList", &j)) != NULL;)
      add_own_prefix_list(check, network, item);
  }
  join_peers(check);
}
