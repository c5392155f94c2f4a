/* faults: failures of the network that are rehearsed, as rules before all others: zones, interfaces and endpoints that are cut off, packets that are lost,
 * rates that are kept low, packets that are late, connections that are refused, and resolvers that fail. Each names itself in the drops that it causes. */
#include "fabric/line.h"
#include "wire/value.h"

#include <string.h>

static void own_free(gpointer data) {
  FabricFault *fault = data;
  g_free((char *) fault->name);
  g_free((char *) fault->target);
  g_free((char *) fault->other);
  g_free(fault);
}

GHashTable *faults_table_new(void) { return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, own_free); }

FabricFault *fault_copy(const FabricFault *fault) {
  FabricFault *copy = g_new0(FabricFault, 1);
  *copy = (FabricFault){g_strdup(fault->name), fault->kind, g_strdup(fault->target), g_strdup(fault->other), fault->value, fault->jitter, fault->slot, fault->shaped};
  return copy;
}

void fault_free(FabricFault *fault) {
  if (fault)
    own_free(fault);
}

/* The targets of a fault share its slot; else the first that is free. LINE_SLOTS: there is none. */
static guint slot_for(const Fabric *fabric, const char *name) {
  guint taken = 0, slot = 0;
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init(&iter, fabric->faults);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    const FabricFault *fault = value;
    if (fault->kind != FABRIC_LATENCY)
      continue;
    if (strcmp(fault->name, name) == 0)
      return fault->slot;
    taken |= 1U << fault->slot;
  }
  while (slot < LINE_SLOTS && (taken & 1U << slot))
    slot++;
  return slot;
}

/* Lock held. Takes fault. */
Error *faults_put(Fabric *fabric, FabricFault *fault) {
  if (fault->kind == FABRIC_LATENCY)
    fault->slot = slot_for(fabric, fault->name);
  if (fault->slot >= LINE_SLOTS) {
    fault_free(fault);
    return error_answer("LimitExceeded", "At most %d latencies can be on at a time", LINE_SLOTS);
  }
  g_hash_table_replace(fabric->faults, g_strdup_printf("%s %s", fault->name, fault->target), fault);
  return NULL;
}

static gboolean has_name(gpointer key, gpointer value, gpointer name) { return strcmp(((const FabricFault *) value)->name, name) == 0; }

/* Lock held. */
void faults_drop(Fabric *fabric, const char *name) { g_hash_table_foreach_remove(fabric->faults, has_name, (gpointer) name); }

const FabricFault *faults_dns(Fabric *fabric, const char *vpc_id) {
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init(&iter, fabric->faults);
  while (vpc_id && g_hash_table_iter_next(&iter, NULL, &value)) {
    const FabricFault *fault = value;
    if (fault->kind == FABRIC_DNS && strcmp(fault->target, vpc_id) == 0)
      return fault;
  }
  return NULL;
}

static gboolean is_of(const Eni *eni, const char *target) { return strcmp(eni->id, target) == 0 || g_strcmp0(eni->owner, target) == 0; }

/* A namespace of its own, whose loopback gets one and goes. */
static gboolean probe_bucket(Fabric *fabric) {
  Netns netns = 0;
  g_autoptr(GArray) ops = net_ops();
  net_shape(ops, "lo", 1 << 20);
  g_autoptr(Error) made = warden_netns_new(fabric->warden, &netns, NULL);
  g_autoptr(Error) error = made ? NULL : net_run(fabric, netns, ops);
  if (error)
    log_info("rates by policers, this kernel has no token bucket (tbf): %s", error->message);
  if (!made)
    error_free(warden_netns_free(fabric->warden, netns));
  return !made && !error;
}

gboolean fabric_shapes(Fabric *fabric) {
  gint known = g_atomic_int_get(&fabric->shapes);
  if (!known) {
    known = probe_bucket(fabric) ? 1 : -1;
    g_atomic_int_set(&fabric->shapes, known);
  }
  return known > 0;
}

guint64 faults_rate(const Fabric *fabric, const Eni *eni) {
  guint64 least = 0;
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init(&iter, fabric->faults);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    const FabricFault *fault = value;
    if (fault->shaped && is_of(eni, fault->target) && (!least || fault->value < least))
      least = fault->value;
  }
  return least;
}

/* --- rules --- */

/* What a part is made from. */
typedef struct Make {
  Ruleset *part;
  const Network *network;
  Numbers *numbers;
  Arena *arena;
} Make;

/* How packets from (in) or to (out) a zone, an interface or an endpoint are recognised: matches as nft writes them. */
static void add_matches(const Make *make, const char *target, gboolean out, StringList *ret) {
  const Network *network = make->network;
  const char *side = out ? "oif" : "iif";
  for (gsize i = 0; i < network->n_subnets; i++)
    if (strcmp(network->subnets[i].zone, target) == 0) {
      const char *match = arena_printf(make->arena, "meta %sgroup %u", side, numbers_get(make->numbers, network->subnets[i].id));
      LIST_APPEND(make->arena, ret, match);
    }
  for (gsize i = 0; i < network->n_enis; i++)
    if (is_of(&network->enis[i], target)) {
      const char *match = arena_printf(make->arena, "%sname \"e%u\"", side, numbers_get(make->numbers, network->enis[i].id));
      LIST_APPEND(make->arena, ret, match);
    }
  for (gsize i = 0; i < network->n_endpoints; i++)
    if (network->endpoints[i].gateway && strcmp(network->endpoints[i].id, target) == 0) {
      const char *match = arena_printf(make->arena, "%sname \"gw%u\"", side, numbers_get(make->numbers, network->endpoints[i].id));
      LIST_APPEND(make->arena, ret, match);
    }
}

/* Both directions of a target, or between two. */
static StringList matches_of(const Make *make, const FabricFault *fault) {
  StringList all = {0};
  if (!fault->other) {
    add_matches(make, fault->target, FALSE, &all);
    add_matches(make, fault->target, TRUE, &all);
    return all;
  }
  for (int turn = 0; turn < 2; turn++) {
    StringList from = {0}, to = {0};
    add_matches(make, turn ? fault->other : fault->target, FALSE, &from);
    add_matches(make, turn ? fault->target : fault->other, TRUE, &to);
    for (gsize i = 0; i < from.n; i++)
      for (gsize j = 0; j < to.n; j++) {
        const char *match = arena_printf(make->arena, "%s %s", from.v[i], to.v[j]);
        LIST_APPEND(make->arena, &all, match);
      }
  }
  return all;
}

static gboolean is_interface(const Network *network, const char *target) {
  for (gsize i = 0; i < network->n_enis; i++)
    if (is_of(&network->enis[i], target))
      return TRUE;
  return FALSE;
}

/* What is cut off hears nothing of the resolver either. */
static void cut_resolver(const Make *make, const FabricFault *fault, const char *name) {
  StringList from = {0};
  add_matches(make, fault->target, FALSE, &from);
  for (gsize i = 0; i < from.n; i++)
    rule_add(ruleset_chain(make->part, "faults_in", ""), "%s goto %s", from.v[i], name);
}

static void add_fault_rules(const Make *make, const FabricFault *fault) {
  enum { BURST_KIB = 64, ALL = 1000 };
  const char *name = rule_name(make->arena, "flt_", fault->name);
  RuleChain *chain = ruleset_chain(make->part, "faults", "");
  RuleChain *delayed = fault->kind == FABRIC_LATENCY ? ruleset_chain(make->part, "f7_line", "type filter hook forward priority 40; policy accept;") : NULL;
  StringList matches = matches_of(make, fault);
  if (fault->shaped && matches.n && is_interface(make->network, fault->target))
    return;   /* enis_shape */
  gboolean drops = fault->kind == FABRIC_CUT || fault->kind == FABRIC_LOSS, all = fault->kind == FABRIC_CUT || fault->value >= ALL;
  if (matches.n && drops && !g_hash_table_contains(make->part->chains, name))
    rule_drop(ruleset_chain(make->part, name, ""), "", STAGE_FAULT, fault->name);
  for (gsize i = 0; i < matches.n; i++)
    switch (fault->kind) {
    case FABRIC_CUT:
    case FABRIC_LOSS:
      if (all)
        rule_add(chain, "%s goto %s", matches.v[i], name);
      else
        rule_add(chain, "%s numgen random mod %d < %u goto %s", matches.v[i], ALL, (guint) fault->value, name);
      break;
    case FABRIC_BANDWIDTH:
      rule_add(chain, "%s limit rate over %" G_GUINT64_FORMAT " bytes/second burst %d kbytes counter drop", matches.v[i], fault->value, BURST_KIB);
      break;
    case FABRIC_LATENCY: rule_add(delayed, "%s meta mark set meta mark or 0x%08x", matches.v[i], LINE_MARK << fault->slot); break;
    case FABRIC_REFUSE: rule_add(chain, "%s ct direction original meta l4proto tcp reject with tcp reset", matches.v[i]); break;
    case FABRIC_DNS: break;
    }
  if (fault->kind == FABRIC_CUT && !fault->other)
    cut_resolver(make, fault, name);
}

/* --- latency: on the line --- */

/* What the line does in this VPC. FALSE: nothing. */
static gboolean slots_of(Vpc *vpc, LineSlot slots[LINE_SLOTS]) {
  g_autoptr(Arena) arena = arena_new();
  const Make make = {NULL, vpc->network, &vpc->numbers, arena};
  gboolean any = FALSE;
  GHashTableIter iter;
  gpointer value;
  memset(slots, 0, LINE_SLOTS * sizeof *slots);
  g_hash_table_iter_init(&iter, vpc->fabric->faults);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    const FabricFault *fault = value;
    if (fault->kind != FABRIC_LATENCY || matches_of(&make, fault).n == 0)
      continue;
    slots[fault->slot] = (LineSlot){(guint) fault->value, fault->jitter};
    any = TRUE;
  }
  return any;
}

/* Every device that packets leave by, with the address of its other end. */
static char *line_commands(Vpc *vpc) {
  GString *commands = g_string_new(NULL);
  const Network *network = vpc->network;
  char device[16];
  guint8 mac[6];
  line_begin(vpc->line, commands);
  for (gsize i = 0; i < network->n_enis; i++) {
    g_snprintf(device, sizeof device, "e%u", numbers_get(&vpc->numbers, network->enis[i].id));
    mac_of(network->enis[i].address, mac);
    line_device(vpc->line, commands, device, mac);
  }
  for (gsize i = 0; i < network->n_endpoints; i++) {
    g_snprintf(device, sizeof device, "gw%u", numbers_get(&vpc->numbers, network->endpoints[i].id));
    if (network->endpoints[i].gateway)
      line_device(vpc->line, commands, device, edge_mac);
  }
  for (gsize i = 0; i < network->n_peerings; i++) {
    g_snprintf(device, sizeof device, "x%u", numbers_get(&vpc->numbers, network->peerings[i].id));
    line_device(vpc->line, commands, device, router_mac);
  }
  line_device(vpc->line, commands, "igw", edge_mac);
  line_device(vpc->line, commands, "eigw", edge_mac);
  return g_string_free(commands, FALSE);
}

void delays_end(Vpc *vpc) {
  if (!vpc->line)
    return;
  line_free(g_steal_pointer(&vpc->line));
  g_clear_pointer(&vpc->line_rules, g_free);
}

void delays_lift(Vpc *vpc) {
  LineSlot slots[LINE_SLOTS];
  if (!vpc->line || !vpc->network)
    return;
  slots_of(vpc, slots);
  line_set(vpc->line, slots);
}

Error *delays_apply(Vpc *vpc) {
  LineSlot slots[LINE_SLOTS];
  if (!vpc->network || !slots_of(vpc, slots)) {
    if (vpc->line)
      TRY(warden_nft(vpc->fabric->warden, vpc->router, "add table netdev line\ndelete table netdev line\n"));
    delays_end(vpc);
    return NULL;
  }
  if (!vpc->line)
    TRY(line_new(vpc->fabric, vpc->router, &vpc->line));
  line_set(vpc->line, slots);
  g_autofree char *commands = line_commands(vpc);
  if (g_strcmp0(commands, vpc->line_rules) == 0)
    return NULL;
  Error *error = warden_nft(vpc->fabric->warden, vpc->router, commands);
  if (error)
    return error_prefix(error, "%s: this kernel cannot delay packets (netdev egress hook, nft_fwd)", vpc->id);
  g_free(vpc->line_rules);
  vpc->line_rules = g_steal_pointer(&commands);
  return NULL;
}

/* --- the profile stateless-groups ---
 *
 * As teams remember it: what an interface answers has to be allowed by an outbound rule of its groups to who asked, for the port that was asked (443), or for
 * the port that the answer goes to. AWS's groups are stateful: https://docs.aws.amazon.com/vpc/latest/userguide/security-group-connection-tracking.html
 * Gateways have no groups: their answers are not looked up. */

static void add_reply_group(const Make *make, const SecurityGroup *group) {
  RuleChain *chain = ruleset_chain(make->part, rule_name(make->arena, "sr_", group->id), "");
  for (gsize i = 0; i < group->n_rules; i++) {
    const GroupRule *rule = &group->rules[i];
    if (!rule->egress)
      continue;
    const char *service = rule_service(make->arena, rule->protocol, rule->from_port, rule->to_port);
    part_add_rule(make->part, chain, make->arena, rule, service);
    g_autoptr(GString) asked = g_string_new(service);
    if (g_string_replace(asked, " dport ", " sport ", 0))
      part_add_rule(make->part, chain, make->arena, rule, asked->str);
  }
}

static void add_reply_member(const Make *make, const Eni *eni) {
  const char *device = arena_printf(make->arena, "e%u", numbers_get(make->numbers, eni->id)), *name = arena_printf(make->arena, "cr_%s", device);
  RuleChain *chain = ruleset_chain(make->part, name, "");
  for (gsize i = 0; i < eni->n_groups; i++)
    if (network_group(make->network, eni->groups[i]))
      rule_add(chain, "jump %s", rule_name(make->arena, "sr_", eni->groups[i]));
  rule_drop(chain, "", STAGE_GROUP_OUT, text_join(make->arena, ",", eni->groups, eni->n_groups));
  rule_element(ruleset_set(make->part, "sg_reply", "map", "type ifname : verdict;"), g_strdup_printf("\"%s\"", device), g_strdup_printf("goto %s", name));
}

static void add_replies(const Make *make) {
  for (gsize i = 0; i < make->network->n_groups; i++)
    add_reply_group(make, &make->network->groups[i]);
  for (gsize i = 0; i < make->network->n_enis; i++)
    if (make->network->enis[i].kind != ENI_NAT)
      add_reply_member(make, &make->network->enis[i]);
}

void parts_put_faults(Rules *rules, Numbers *numbers, const Network *network, GHashTable *faults) {
  if ((!faults || g_hash_table_size(faults) == 0) && !network->stateless_groups) {
    rules_put(rules, "faults", NULL);
    return;
  }
  g_autoptr(Arena) arena = arena_new();
  Make make = {ruleset_new(), network, numbers, arena};
  g_autoptr(GList) keys = faults ? g_hash_table_get_keys(faults) : NULL;
  keys = g_list_sort(keys, (GCompareFunc) strcmp);
  for (const GList *at = keys; at; at = at->next)
    add_fault_rules(&make, g_hash_table_lookup(faults, at->data));
  if (network->stateless_groups)
    add_replies(&make);
  rules_put(rules, "faults", make.part);
}
