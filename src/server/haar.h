/* haar: the process, handed down to every part of it. Made by main.c; const after start-up. */
#pragma once

#include "server/call.h"
#include "server/http.h"
#include "server/metrics.h"

typedef struct Jobs Jobs;
typedef struct Fabric Fabric;
typedef struct Sandboxes Sandboxes;
typedef struct Server Server;
typedef struct Warden Warden;

struct Haar {
  Store *store;
  Jobs *jobs;
  Warden *warden;        /* NULL: --network=off, or namespaces are forbidden; then fabric and sandboxes are NULL too */
  Fabric *fabric;
  Sandboxes *sandboxes;
  Server *server;
  Metrics *metrics;      /* what the parts measure: server/metrics.h */
  const char *data_directory;
  const char *region;    /* the default */
  int port;              /* 4566 */
  int dns_port;          /* of the host, for hosted zones. Before the services start: as asked; below 0: this one if it is free; 0: any */
  const char *network_off_reason; /* why warden is NULL, for messages; else NULL */
  GHashTable *states;    /* service name -> its state */
};

/* What a service brings besides operations: `const ServiceHooks <folder>_hooks` in its service.c. All may be NULL. */
typedef struct ServiceHooks {
  /* Called once at start, store open, no listener yet: make the service's state (haar_set_state), register jobs, restore data planes. */
  Error *(*start)(Haar *haar);
  /* Called at the end, while all is still there: ends what may take long or calls other services (stacks' operations, invocations). Jobs still run. */
  void (*halt)(Haar *haar);
  void (*stop)(Haar *haar);
  /* The clock was moved, forward or back: a job that comes each minute is due at once. A worker thread. */
  Error *(*clock_moved)(Haar *haar);
  /* Requests that are not API calls but the service's data plane (API Gateway's execute-api names, presigned answers): see server/http.h. */
  gboolean (*serves)(Haar *haar, const HttpRequest *request);
  void (*serve)(Haar *haar, HttpExchange *exchange);
  /* Headers of the answer, good or not, to a call with an Origin header (S3's CORS rules). path: with the bucket of a virtual-host name in it. It
   * must be quick; any thread. arena. */
  void (*cross_origin)(Haar *haar, Arena *arena, const HttpRequest *request, const char *path, StringMap *ret_headers);
  /* The policy (JSON) of a VPC endpoint, arena; NULL in *ret: it allows all. One service (ec2) has it. Any thread. */
  Error *(*endpoint_policy)(Haar *haar, Txn *txn, Arena *arena, const char *endpoint_id, const char **ret_policy);
  /* Called after each API call of the service that came over the network and could be decoded, authorised or not: for CloudWatch. error: NULL if
   * it went well, then out is what it answered. It must be quick; any thread. */
  void (*measure)(Call *call, const void *in, const void *out, const Error *error, gint64 took_us);
  /* Whether it wants to be shown a call that was authenticated and has ended; also asked of those that CloudFormation made. One service (cloudtrail)
   * has it and called. Any thread; must be quick, as it is asked of each. in: or NULL. */
  gboolean (*records)(Haar *haar, const Call *call, const void *in);
  /* Shows it, before its answer is encoded. out: or NULL. error: NULL = it was answered with out. kept, if not NULL, is to be called once, on any
   * thread, when what is kept of the call is stored, or cannot be: the answer waits for it. */
  void (*called)(Haar *haar, const Call *call, const void *in, const void *out, const Error *error, void (*kept)(gpointer data), gpointer data);
  /* The error code that this service answers for a denied call; NULL: "AccessDeniedException" (json), "AccessDenied" (query, xml). */
  const char *access_denied_code;
} ServiceHooks;

typedef struct Service {
  const ServiceModel *model;
  const Operation *const *operations; /* sorted by name, NULL-terminated */
  guint n_operations;
  const ServiceHooks *hooks;
} Service;

/* All services, from src/services/meson.build; NULL-terminated (generated). */
extern const Service *const haar_services[];

gpointer haar_state(const Haar *haar, const char *service);
void haar_set_state(Haar *haar, const char *service, gpointer state);
/* Which time of the machine it was when haar's clock showed ms: the clock's moves are remembered. Of a time that it jumped over: that of the
 * jump. Of one that it showed twice (it was reset): the later. Needs call->txn. */
Error *clock_machine_time(Call *call, gint64 ms, gint64 *ret_real_ms) ERROR_MUST_USE;
/* Any thread; ANY two are the same text for the life of the process. NULL if there is none. */
const Service *haar_service(const char *name);
const Operation *haar_operation(const char *service, const char *operation);
const Operation *service_operation(const Service *service, const char *name);
