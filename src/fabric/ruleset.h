/* ruleset: the packet rules of a VPC as data, in parts. Each part has an owner (an interface, a group, a route table, ...) and says all that is
 * there because of it, so that a change is one part put again. What two parts say alike is there once and goes with the last of them.
 * For fabric's own files. */
#pragma once

#include "fabric/fabric.h"

/* A part of the table "inet vpc": sets and maps with elements, chains with rules. */
typedef struct Ruleset {
  GHashTable *sets;     /* name -> RuleSet * */
  GHashTable *chains;   /* name -> RuleChain * */
} Ruleset;

typedef struct RuleSet {
  const char *kind;     /* "set" or "map"; static, like head */
  const char *head;     /* "type ipv4_addr; flags interval;" */
  GHashTable *elements; /* key -> value ("" in a set) */
} RuleSet;

typedef struct RuleChain {
  const char *head;     /* of a base chain: "type filter hook ...;", else ""; static */
  GString *rules;       /* one a line */
} RuleChain;

Ruleset *ruleset_new(void);
void ruleset_free(Ruleset *ruleset);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ruleset, ruleset_free)
/* Names them; they are there then, even if this part has nothing in them. kind and head: string literals. */
RuleSet *ruleset_set(Ruleset *ruleset, const char *name, const char *kind, const char *head);
RuleChain *ruleset_chain(Ruleset *ruleset, const char *name, const char *head);
/* Adds an element; key and value are formatted by the caller and taken. value NULL: "". */
void rule_element(RuleSet *set, char *key, char *value);
void rule_add(RuleChain *chain, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* A logged drop: rules for both families. record: "GO:sg-1". */
void rule_drop(RuleChain *chain, const char *match, ReachStage stage, const char *rule);
/* The rule of a record that is no drop: a NAT gateway took the packet. */
#define DROP_TRANSLATED "nat"
/* The record without the drop. */
void rule_log(RuleChain *chain, const char *match, ReachStage stage, const char *rule);
/* "sg-0a" as nft writes names: "sg_0a" (arena). */
char *rule_name(Arena *arena, const char *prefix, const char *id);
/* What matches packets to ("daddr") or from ("saddr") a range; and packets of a protocol and its ports, or ICMP type and code (arena). */
char *rule_range(Arena *arena, const char *side, const Range *range);
char *rule_service(Arena *arena, int protocol, int from_port, int to_port);

/* --- the sum of the parts: what is in the kernel --- */

typedef struct Rules Rules;
Rules *rules_new(void);
void rules_free(Rules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rules, rules_free)
/* The owner's part is to be this one (taken); NULL: it has none. */
void rules_put(Rules *rules, const char *owner, Ruleset *part);
/* Drops the parts of owners with this prefix that keep does not hold. */
void rules_keep(Rules *rules, const char *prefix, GHashTable *keep);
/* The nft commands for all that was put since the last call, as one transaction; empty: nothing is different. transfer full. */
char *rules_commands(Rules *rules);
/* The kernel has refused the commands: the next ones delete the table and begin from nothing. */
void rules_reset(Rules *rules);
/* All of it, sorted: two sums are the same if their texts are. transfer full. */
char *rules_text(const Rules *rules);

/* Numbers that the fabric gives to things of a VPC: device and group numbers. The same id gets the same number while it is not dropped; no
 * number is given twice. */
typedef struct Numbers { GHashTable *of; guint next; } Numbers;
guint numbers_get(Numbers *numbers, const char *id);
void numbers_drop(Numbers *numbers, const char *id);

/* --- the parts of a network --- */

/* Brings rules in line with network; old (may be NULL): what they are in line with, so that what is the same is not made again. */
void parts_put(Rules *rules, Numbers *numbers, const Network *old, const Network *network, GHashTable *faults);
/* The part of one interface; eni NULL: it is gone. */
void parts_put_eni(Rules *rules, Numbers *numbers, const char *id, const Eni *eni);
/* The part of the one group or ACL that is in part; route tables are no rules. */
void parts_put_part(Rules *rules, const Network *part);
/* The faults ("name target" -> FabricFault *, or NULL), and what the profile stateless-groups asks of replies. */
void parts_put_faults(Rules *rules, Numbers *numbers, const Network *network, GHashTable *faults);
/* An interface of a peered VPC, as a member of the groups of it that are named here; eni NULL: it is gone. */
void parts_put_foreign(Rules *rules, const char *id, const Eni *eni, GHashTable *groups);
/* The groups of other VPCs that rules name: ids (static as long as network is). transfer full. */
GHashTable *parts_foreign_groups(const Network *network);

#define GROUPS_OF "type ifname : mark;"
#define MARK_VERDICTS "type mark : verdict;"

Ruleset *part_base(const Network *network);
/* Of the edge: what is for public addresses that nothing has, and what functions without a VPC send to nowhere, is logged. */
Ruleset *part_edge(void);
Ruleset *part_subnet(const Subnet *subnet, Numbers *numbers);
Ruleset *part_route_table(const RouteTable *table, Numbers *numbers);
Ruleset *part_acl(const NetworkAcl *acl);
Ruleset *part_group(const SecurityGroup *group);
Ruleset *part_prefix_list(const PrefixList *list);
Ruleset *part_endpoint(const Endpoint *endpoint, Numbers *numbers);
Ruleset *part_peering(const Peering *peering, Numbers *numbers);
Ruleset *part_eni(const Eni *eni, Numbers *numbers);
/* What an interface's groups add to its part. */
void part_add_groups(Ruleset *part, const Eni *eni, const char *device, Numbers *numbers, Arena *arena);
void part_add_members(Ruleset *part, const Eni *eni, const char *group, Arena *arena);
/* Of groups: a rule for packets of this service ("tcp dport 443"). */
void part_add_rule(Ruleset *part, RuleChain *chain, Arena *arena, const GroupRule *rule, const char *service);
/* The chains of the groups' two stages. */
void part_add_group_stages(Ruleset *part, gboolean stateless);
