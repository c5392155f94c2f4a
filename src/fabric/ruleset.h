/* ruleset: the packet rules of a VPC as data, so that what is to be can be compared with what is. For fabric's own files. */
#pragma once

#include "reach/reach.h"

/* A table "inet vpc": sets and maps with elements, chains with rules. */
typedef struct Ruleset {
  GHashTable *sets;     /* name -> RuleSet * */
  GHashTable *chains;   /* name -> RuleChain * */
} Ruleset;

typedef struct RuleSet {
  char *kind;           /* "set" or "map" */
  char *head;           /* "type ipv4_addr; flags interval;" */
  GHashTable *elements; /* key -> value ("" in a set) */
} RuleSet;

typedef struct RuleChain {
  char *head;           /* of a base chain: "type filter hook ...;", else "" */
  GString *rules;       /* one a line */
} RuleChain;

Ruleset *ruleset_new(void);
void ruleset_free(Ruleset *ruleset);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ruleset, ruleset_free)
RuleSet *ruleset_set(Ruleset *ruleset, const char *name, const char *kind, const char *head);
RuleChain *ruleset_chain(Ruleset *ruleset, const char *name, const char *head);
/* Adds an element; key and value are formatted by the caller and taken. value NULL: "". */
void rule_element(RuleSet *set, char *key, char *value);
void rule_add(RuleChain *chain, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* A logged drop: two rules. record: "GO:sg-1". */
void rule_drop(RuleChain *chain, const char *match, ReachStage stage, const char *rule);
/* "sg-0a" as nft writes names: "sg_0a" (arena). */
char *rule_name(Arena *arena, const char *prefix, const char *id);

/* What matches packets to ("daddr") or from ("saddr") a range; and packets of a protocol and its ports, or ICMP type and code (arena). */
char *rule_range(Arena *arena, const char *side, const Range *range);
char *rule_service(Arena *arena, int protocol, int from_port, int to_port);

/* The nft commands that turn old (NULL: nothing) into new; empty if they are the same. */
char *ruleset_changes(const Ruleset *old, const Ruleset *new);

/* Numbers that the fabric gives to things of a VPC: device and group numbers. The same id gets the same number while the VPC lives. */
typedef struct Numbers { GHashTable *of; guint next; } Numbers;
guint numbers_get(Numbers *numbers, const char *id);

/* The rules of a network. cut: zones and interfaces that are cut off (set of names and ids), or NULL. */
Ruleset *ruleset_of(const Network *network, Numbers *numbers, GHashTable *cut);
/* Parts of it, by noun. */
void ruleset_add_groups(Ruleset *ruleset, const Network *network, Numbers *numbers, Arena *arena);
void ruleset_add_acls(Ruleset *ruleset, const Network *network, Numbers *numbers, Arena *arena);
