/* parts: which parts of the rules a new network makes different from an old one. What is equal is not looked at again. */
#include "fabric/ruleset.h"

#include <string.h>

/* A kind of thing in a network: where it is, what makes two of them the same, and the part that it is in the rules. */
typedef struct PartKind {
  const char *owner;      /* "group " */
  gsize array, count, size;
  gboolean (*equal)(const void *a, const void *b);
  Ruleset *(*make)(const void *thing, Numbers *numbers);
} PartKind;

static gboolean range_same(const Range *a, const Range *b) { return a->prefix == b->prefix && ip_equal(a->address, b->address); }

static gboolean subnet_equal(const void *x, const void *y) {
  const Subnet *a = x, *b = y;
  return g_strcmp0(a->route_table, b->route_table) == 0 && g_strcmp0(a->acl, b->acl) == 0;
}

static gboolean table_equal(const void *a, const void *b) {
  (void) a, (void) b;
  return TRUE;
}

static gboolean rule_equal(const GroupRule *a, const GroupRule *b) {
  return a->egress == b->egress && a->protocol == b->protocol && a->from_port == b->from_port && a->to_port == b->to_port && a->peer == b->peer &&
         range_same(&a->cidr, &b->cidr) && g_strcmp0(a->peer_id, b->peer_id) == 0 && strcmp(a->id, b->id) == 0;
}

static gboolean group_equal(const void *x, const void *y) {
  const SecurityGroup *a = x, *b = y;
  gboolean equal = a->n_rules == b->n_rules;
  for (gsize i = 0; equal && i < a->n_rules; i++)
    equal = rule_equal(&a->rules[i], &b->rules[i]);
  return equal;
}

static gboolean entry_equal(const AclEntry *a, const AclEntry *b) {
  return a->number == b->number && a->egress == b->egress && a->allow == b->allow && a->protocol == b->protocol && a->from_port == b->from_port &&
         a->to_port == b->to_port && range_same(&a->cidr, &b->cidr);
}

static gboolean acl_equal(const void *x, const void *y) {
  const NetworkAcl *a = x, *b = y;
  gboolean equal = a->n_entries == b->n_entries;
  for (gsize i = 0; equal && i < a->n_entries; i++)
    equal = entry_equal(&a->entries[i], &b->entries[i]);
  return equal;
}

static gboolean list_equal(const void *x, const void *y) {
  const PrefixList *a = x, *b = y;
  gboolean equal = a->cidrs.n == b->cidrs.n;
  for (gsize i = 0; equal && i < a->cidrs.n; i++)
    equal = range_same(&a->cidrs.v[i], &b->cidrs.v[i]);
  return equal;
}

static gboolean endpoint_equal(const void *a, const void *b) { return ((const Endpoint *) a)->gateway == ((const Endpoint *) b)->gateway; }

static Ruleset *make_subnet(const void *thing, Numbers *numbers) { return part_subnet(thing, numbers); }
static Ruleset *make_table(const void *thing, Numbers *numbers) { return part_route_table(thing, numbers); }
static Ruleset *make_endpoint(const void *thing, Numbers *numbers) { return part_endpoint(thing, numbers); }
static Ruleset *make_peering(const void *thing, Numbers *numbers) { return part_peering(thing, numbers); }
static Ruleset *make_eni(const void *thing, Numbers *numbers) { return part_eni(thing, numbers); }
static gboolean eni_same(const void *a, const void *b) { return eni_equal(a, b); }

static Ruleset *make_acl(const void *thing, Numbers *numbers) {
  (void) numbers;
  return part_acl(thing);
}

static Ruleset *make_group(const void *thing, Numbers *numbers) {
  (void) numbers;
  return part_group(thing);
}

static Ruleset *make_list(const void *thing, Numbers *numbers) {
  (void) numbers;
  return part_prefix_list(thing);
}

#define IN_NETWORK(member, Type) G_STRUCT_OFFSET(Network, member), G_STRUCT_OFFSET(Network, n_##member), sizeof(Type)

static const PartKind kinds[] = {
  {"acl ", IN_NETWORK(acls, NetworkAcl), acl_equal, make_acl},
  {"table ", IN_NETWORK(route_tables, RouteTable), table_equal, make_table},
  {"subnet ", IN_NETWORK(subnets, Subnet), subnet_equal, make_subnet},
  {"list ", IN_NETWORK(prefix_lists, PrefixList), list_equal, make_list},
  {"group ", IN_NETWORK(groups, SecurityGroup), group_equal, make_group},
  {"endpoint ", IN_NETWORK(endpoints, Endpoint), endpoint_equal, make_endpoint},
  {"peering ", IN_NETWORK(peerings, Peering), table_equal, make_peering},
  {"eni ", IN_NETWORK(enis, Eni), eni_same, make_eni},
};

/* Things of all kinds begin with their id. */
static const char *thing_id(const void *thing) { return *(const char *const *) thing; }

static const char *thing_at(const Network *network, const PartKind *kind, gsize i) {
  return (const char *) G_STRUCT_MEMBER(void *, network, kind->array) + i * kind->size;
}

static gsize thing_count(const Network *network, const PartKind *kind) { return network ? G_STRUCT_MEMBER(gsize, network, kind->count) : 0; }

static void put_kind(Rules *rules, Numbers *numbers, const PartKind *kind, const Network *old, const Network *network) {
  g_autoptr(GHashTable) before = g_hash_table_new(g_str_hash, g_str_equal), now = g_hash_table_new(g_str_hash, g_str_equal);
  for (gsize i = 0; i < thing_count(old, kind); i++)
    g_hash_table_insert(before, (gpointer) thing_id(thing_at(old, kind, i)), (gpointer) thing_at(old, kind, i));
  for (gsize i = 0; i < thing_count(network, kind); i++)
    g_hash_table_add(now, (gpointer) thing_id(thing_at(network, kind, i)));
  rules_keep(rules, kind->owner, now);
  for (gsize i = 0; i < thing_count(network, kind); i++) {
    const void *thing = thing_at(network, kind, i), *was = g_hash_table_lookup(before, thing_id(thing));
    if (was && kind->equal(was, thing))
      continue;
    g_autofree char *owner = g_strconcat(kind->owner, thing_id(thing), NULL);
    rules_put(rules, owner, kind->make(thing, numbers));
  }
}

void parts_put(Rules *rules, Numbers *numbers, const Network *old, const Network *network, GHashTable *faults) {
  rules_put(rules, "base", part_base(network));
  for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
    put_kind(rules, numbers, &kinds[i], old, network);
  parts_put_faults(rules, numbers, network, faults);
}

void parts_put_part(Rules *rules, const Network *part) {
  for (gsize i = 0; i < part->n_groups; i++) {
    g_autofree char *owner = g_strconcat("group ", part->groups[i].id, NULL);
    rules_put(rules, owner, part_group(&part->groups[i]));
  }
  for (gsize i = 0; i < part->n_acls; i++) {
    g_autofree char *owner = g_strconcat("acl ", part->acls[i].id, NULL);
    rules_put(rules, owner, part_acl(&part->acls[i]));
  }
}

GHashTable *parts_foreign_groups(const Network *network) {
  GHashTable *foreign = g_hash_table_new(g_str_hash, g_str_equal);
  for (gsize i = 0; network->n_peerings && i < network->n_groups; i++)
    for (gsize j = 0; j < network->groups[i].n_rules; j++) {
      const GroupRule *rule = &network->groups[i].rules[j];
      if (rule->peer == PEER_GROUP && !network_group(network, rule->peer_id))
        g_hash_table_add(foreign, (gpointer) rule->peer_id);
    }
  return foreign;
}
