/* model: a template as the rules see it. For check's own files.
 *
 * Symbols: a reference to a resource is the text "${LogicalId}" or "${LogicalId.Attribute}", a parameter without a value "${Name}", what
 * cannot be evaluated "${?}"; they stay inside longer texts ("arn:aws:s3:::${Bucket}/x"). */
#pragma once

#include "check/check.h"
#include "reach/reach.h"
#include "stack/intrinsics.h"
#include "stack/template.h"
#include "wire/value.h"

typedef struct Item {
  const char *id, *type;
  const Json *resource;      /* as written */
  Json *properties;          /* evaluated; an object */
  guint line, column;        /* of the logical id */
  gboolean maybe;            /* its condition cannot be decided */
} Item;

typedef struct Vpc Vpc;
typedef struct Function Function;

typedef struct Check {
  Arena *arena;
  const CheckRequest *request;
  const char *directory;     /* of the template */
  gboolean is_json;
  Template template;
  Eval eval;
  GHashTable *unknown;       /* names of conditions that cannot be decided */
  GHashTable *by_id;
  guint n_items;
  Item *items;
  GPtrArray *vpcs;           /* Vpc * */
  GPtrArray *functions;      /* Function * */
  GHashTable *listeners;     /* id -> Listener * */
  GArray *findings;          /* Finding */
  GHashTable *turns;         /* mend_turn */
  guint n_suppressed;
} Check;

/* -- values ------------------------------------------------------------------------------------------------------------------ */

/* A property by its path "A.B.C", evaluated; NULL: not there. */
const Json *item_property(const Item *item, const char *path);
/* Its text, or NULL. */
const char *item_text(const Item *item, const char *path);
/* Its text as a truth; otherwise if it is not there or not known. */
gboolean item_bool(const Item *item, const char *path, gboolean otherwise);
/* A number of at least 0; otherwise if it is none. */
gint64 json_number(const Json *json, gint64 otherwise);
/* A list, or one value in a list's place. */
guint list_n(const Json *json);
const Json *list_at(const Json *json, guint i);
/* Whether text holds something that is known only on AWS: a symbol of no resource of the template. NULL: FALSE. */
gboolean is_unknown(const Check *check, const char *text);
/* The first resource that text refers to, or NULL. */
const Item *item_of(const Check *check, const char *text);
/* text as a reference to one resource and nothing else, else NULL. */
const Item *item_exactly(const Check *check, const char *text);
const Item *item_find(const Check *check, const char *id);
/* The items of a type, one after the other: *i from 0. NULL: no more. */
const Item *item_next(const Check *check, const char *type, guint *i);

/* Reads the template into check->items. */
Error *model_read(Check *check) ERROR_MUST_USE;

/* A value with a symbol in the place of every Fn::If that cannot be decided. */
const Json *model_decided(Check *check, const Json *json);

/* -- findings ---------------------------------------------------------------------------------------------------------------- */

/* Where a finding is. at: a value with its line, or NULL: the item itself. */
typedef struct Place {
  const Item *item;          /* or NULL */
  const Json *at;
  const char *file;          /* with line: instead of the template */
  guint line;
} Place;

typedef struct Telling {
  RuleId rule;
  Certainty certainty;
  Place place;
  const char *what, *why, *reason;
  const char *mend;          /* JSON, or NULL */
  const char *key, *who;     /* a finding of this rule with the same key is there: only "the same for who" is added to it. NULL: always new */
} Telling;
/* Adds a finding, unless its rule is off or its resource's Metadata ignores it. A certainty above what a `maybe` item allows is lowered. */
void tell(Check *check, const Telling *telling);
/* A snippet of JSON as the template writes it: YAML with short functions, or JSON. arena. */
const char *snippet(Check *check, const char *json);
/* How many mends were made of this before: several go into one template without taking each other's names and numbers. */
guint mend_turn(Check *check, const char *of);
/* How a snippet names a group or subnet: {"Ref": "Subnet"}, or what stands for it (arena). */
const char *reference_json(const Check *check, const char *name);
/* The same of a list, with brackets. */
const char *references_json(const Check *check, const StringList *names);
/* A logical id that the template does not have yet: text, or text2, ... (arena). */
const char *free_id(const Check *check, const char *text);
/* "A", "A and B", "A, B and C" (arena). */
const char *words(Arena *arena, const StringList *list);
void words_add(Arena *arena, StringList *list, const char *text);

/* -- services ---------------------------------------------------------------------------------------------------------------- */

typedef struct Service {
  const char *iam;           /* prefix of its actions: "dynamodb" */
  const char *sdk;           /* boto3's name */
  const char *js;            /* the JavaScript SDK's client: "DynamoDB" */
  const char *endpoint;      /* com.amazonaws.<region>.X; NULL: it has none */
  const char *title;         /* "DynamoDB" */
  const char *host;          /* before ".<region>.amazonaws.com" */
} Service;
const Service *service_of_iam(const char *prefix, gsize n);
const Service *service_of_sdk(const char *name);
const Service *service_of_js(const char *name);
/* That a reference to this type of resource, in a function's environment, is for; NULL: none. */
const Service *service_of_type(const char *type);
/* Whether there is a gateway endpoint for it. */
gboolean service_has_gateway(const Service *service);

/* -- the network ------------------------------------------------------------------------------------------------------------- */

typedef struct VpcEndpoint {
  const Item *item;
  const char *service;       /* "s3"; NULL: not known */
  gboolean gateway, private_dns;
  StringList tables, subnets, groups;
  StringList enis;           /* of an interface endpoint */
  gboolean tables_known, subnets_known;
} VpcEndpoint;

struct Vpc {
  const char *id;            /* logical id, or the symbol of one outside the template */
  const Item *item;          /* NULL: outside the template */
  Network *network;
  gboolean ranges_known;
  gboolean unknown_endpoints;/* one whose service cannot be told */
  guint n_endpoints;
  VpcEndpoint *endpoints;
  GHashTable *used;          /* subnet -> addresses that it gave out */
  GArray *enis;              /* Eni, until the network is complete */
  GHashTable *permissive;    /* groups and tables of which not all is known */
};

/* Builds check->vpcs, with interfaces of endpoints and NAT gateways. */
void network_build(Check *check);
/* By its logical id or symbol; NULL: none. */
Vpc *vpc_find(const Check *check, const char *id);
/* The VPC that a subnet (logical id or symbol) is in, or NULL. */
Vpc *vpc_of_subnet(const Check *check, const char *subnet);
/* The peering connection of the template between two VPCs of it, or NULL. */
const Item *peering_between(const Check *check, const Vpc *a, const Vpc *b);
/* A subnet of the template that leads to an internet gateway, or "PublicSubnet". */
const char *public_subnet(const Check *check, const Vpc *vpc);
gboolean subnet_is_public(const Network *network, const Subnet *subnet);
/* Adds an imaginary interface; returns its id "Owner in Subnet" (arena). groups: logical ids or symbols. */
const char *vpc_add_eni(Check *check, Vpc *vpc, const char *owner, const char *subnet, EniKind kind, const StringList *groups);
/* After the last interface. */
void network_finish(Check *check);
/* A group's name as the network has it: logical id, "default of Vpc", or the symbol. */
const char *group_name(const Check *check, const char *text);
/* "${Subnet}" -> "Subnet"; others as they are. */
const char *plain_name(const Check *check, const char *text);

/* Something that listens in a VPC: a database, a cache, a proxy. */
typedef struct Listener {
  const Item *item;
  Vpc *vpc;
  const char *title;         /* "the database cluster DatabaseCluster" */
  int port;
  StringList subnets, groups, enis;
} Listener;
/* The listener that an item (or the cluster that it belongs to) is; FALSE: none. */
gboolean listener_of(Check *check, const Item *item, Listener *ret_listener);
/* Adds the interfaces of all listeners. */
void listeners_build(Check *check);
/* A listener that was built; NULL: none. */
const Listener *listener_find(const Check *check, const Item *item);

/* -- roles and policies ------------------------------------------------------------------------------------------------------ */

typedef struct Statement {
  gboolean allow, not_action, not_resource;
  StringList actions, resources;
  const Json *principal, *condition, *at;
  gboolean managed;          /* out of a policy of AWS's */
} Statement;

typedef struct Statements {
  gsize n;
  Statement *v;
  gboolean complete;         /* FALSE: there are others, outside the template */
} Statements;
/* The statements of a policy document. */
void statements_read(Check *check, const Json *document, Statements *into);
/* What a role may do; role: a text that refers to it. Unknown ones: not complete. */
Statements role_statements(Check *check, const char *role);
/* Whether an Allow statement speaks of the action (on any resource). */
const Statement *statements_allow(const Statements *statements, const char *action);
/* Whether two patterns with * and ? have a text in common, without regard to case if nocase. */
gboolean patterns_overlap(const char *a, const char *b, gboolean nocase);
/* A resource as a template would write it: "${Bucket.Arn}/x". */
const char *resource_shown(const Check *check, const char *text);
/* A resource pattern with symbols replaced by the names that resources were given. */
const char *resource_pattern(const Check *check, const char *text);

/* -- code -------------------------------------------------------------------------------------------------------------------- */

typedef struct CodeClient { const Service *service; const char *file; guint line; gboolean module_level; } CodeClient;
/* service NULL: a database. action: "GetSecretValue", or the function's name. */
typedef struct CodeCall { const Service *service; const char *action; const char *file; guint line; gboolean module_level; } CodeCall;
typedef struct CodeHost { const char *host; const char *file; guint line; } CodeHost;

typedef struct Code {
  gboolean read;             /* its text was there, in a language that is read */
  gboolean inline_text;      /* lines are the template's */
  gsize n_clients, n_calls, n_hosts;
  CodeClient *clients;
  CodeCall *calls;
  CodeHost *hosts;
  gint64 connect_timeout;    /* seconds, 0: not set */
} Code;
/* Appends what a source text shows. file: as findings show it; first: its first line's number. */
void python_read(Arena *arena, const char *text, gsize size, const char *file, guint first, Code *code);
void javascript_read(Arena *arena, const char *text, gsize size, const char *file, guint first, Code *code);
/* The code of a function item: inline, or a local folder or file beside the template. */
void code_read(Check *check, const Item *function, Code *ret_code);
void code_add_client(Arena *arena, Code *code, const CodeClient *client);
void code_add_call(Arena *arena, Code *code, const CodeCall *call);
void code_add_host(Arena *arena, Code *code, const CodeHost *host);

/* -- functions and what they need -------------------------------------------------------------------------------------------- */

typedef enum { NEED_SERVICE, NEED_LISTENER, NEED_INTERNET } NeedKind;
typedef struct Need {
  NeedKind kind;
  const Service *service;
  const Item *listener;
  const char *host;
  gboolean answers_cloudformation;   /* S3, to answer CloudFormation through a presigned URL */
  Certainty certainty;
  StringList because;        /* clauses */
  const Json *at;            /* what shows it, or NULL */
} Need;

struct Function {
  const Item *item;
  Vpc *vpc;                  /* NULL: in none, or not known */
  gboolean in_vpc;           /* whether it has a VpcConfig */
  StringList subnets, groups, enis;
  Statements role;
  Code code;
  gsize n_needs;
  Need *needs;
};
/* Finds all functions, their interfaces, code and roles. */
void functions_build(Check *check);
/* What they need. After functions_build. */
void needs_build(Check *check);

/* -- conditions of policies --------------------------------------------------------------------------------------------------- */

typedef enum { TRUTH_FALSE, TRUTH_UNKNOWN, TRUTH_TRUE } Truth;   /* in the order of MIN and MAX: and, or */

/* A function's calls of a service. */
typedef struct Calls {
  const Function *function;
  const Service *service;
  const VpcEndpoint *endpoint; /* that they go through, or NULL */
  gboolean way_known;        /* FALSE: it cannot be told whether they go through one */
  const char *action;        /* a pattern, or NULL: any */
} Calls;
Calls calls_of(const Function *function, const Service *service, const char *action);
/* condition: a statement's, or NULL. */
Truth condition_truth(const Check *check, const Json *condition, const Calls *calls);
/* What is known of the keys that it names: "aws:SourceVpce is not there" (arena). */
const char *condition_words(Check *check, const Json *condition, const Calls *calls);
/* Whether Lambda itself makes the call, for a function's event source. */
gboolean action_is_polled(const char *action);
/* As statements_allow, of statements whose conditions these calls may meet. */
const Statement *statements_allow_calls(const Check *check, const Statements *statements, const char *action, const Calls *calls);
/* A resource of a policy as a snippet has it (arena). */
const char *resource_json_of(const Check *check, const char *text);

/* -- rules, one file a family ------------------------------------------------------------------------------------------------ */

void rules_specification(Check *check);
void rules_network(Check *check);
void rules_groups(Check *check);
void rules_paths(Check *check);
void rules_endpoints(Check *check);
void rules_policies(Check *check);
void rules_denies(Check *check);
void rules_code(Check *check);
