/* owners: what people call the things that packets come from and go to: functions, databases, endpoints, AWS services. For explanations. */
#pragma once

#include "fabric/fabric.h"
#include "services/ec2/ec2.h"

/* Someone at an end of a connection. Texts live as long as the Owners. */
typedef struct Party {
  const char *kind;          /* "function", "database", "endpoint", "nat-gateway", "interface", "service", "resolver", "address" */
  const char *name;          /* "pay", "payments-writer", "vpce-0a1", "secretsmanager" */
  const char *label;         /* "function pay": for sentences */
  const char *eni, *address, *subnet, *vpc; /* or NULL */
  const char *host;          /* the name that led here, or NULL */
  gint64 timeout_s;          /* of a function; 0: none */
  const char *runtime;       /* of a function, or NULL */
} Party;

/* A function, a database: what other services tell of theirs. */
typedef struct OwnedFunction { const char *name, *runtime, *role; gint64 timeout_s; StringList subnets, groups; } OwnedFunction;
typedef struct OwnedDatabase { const char *name, *host, *address, *vpc; gboolean cluster; } OwnedDatabase;

/* One account and region, read at once. */
typedef struct Owners {
  Call *call;                /* root's, there; its arena holds everything */
  struct { gsize n; OwnedFunction **v; } functions;
  struct { gsize n; OwnedDatabase **v; } databases;
  struct { gsize n; Ec2NetworkInterface **v; } interfaces;
  GHashTable *logical;       /* id -> logical id in its stack */
  GHashTable *stacks;        /* id -> name of its stack */
} Owners;

Error *owners_load(Haar *haar, const char *account, const char *region, Owners **ret_owners) ERROR_MUST_USE;
void owners_free(Owners *owners);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Owners, owners_free)

/* Runs another service's operation as root, there; a service that is not there tells nothing ({}). arena of the owners. */
Error *owners_ask(Owners *owners, const char *service, const char *operation, const Json *in, Json **ret_out) ERROR_MUST_USE;

/* Who has an address of a VPC (network: of it), or what service or name is there. at_ms: when (an interface may be shared), 0: any time.
 * eni_id: the interface that had the address then, if it may be gone; or NULL. */
Party owners_party(Owners *owners, const Network *network, const char *address, const char *eni_id, gint64 at_ms);
/* The interfaces of a function, database, endpoint, or the one with this id or address. network: of the VPC. Ids; arena of the owners. */
StringList owners_interfaces(Owners *owners, const Network *network, const char *name);
const OwnedFunction *owners_function(const Owners *owners, const char *name);
/* A snippet with !Ref where it has ids of resources of a stack. arena. */
const char *owners_references(const Owners *owners, Arena *arena, const char *snippet);
/* "sg-0a1 (PaymentGroup)": with the logical id, if it has one. arena. */
const char *owners_named(const Owners *owners, Arena *arena, const char *id);
