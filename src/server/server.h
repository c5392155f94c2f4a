/* server: listeners, TLS, HTTP, routing, and the call pipeline. What other parts may include of it. */
#pragma once

#include "server/call.h"
#include "server/haar.h"
#include "server/http.h"

typedef struct ListenerInfo {
  const char *vpc_id, *endpoint_id;  /* where its connections come from, or NULL */
  gboolean tls, plain;               /* what it speaks; both: told apart by the first byte */
  gboolean admin;                    /* the host's own listener: answers /_haar/ too */
} ListenerInfo;

/* Starts the loops. */
Error *server_new(Haar *haar, Server **ret_server) ERROR_MUST_USE;
/* Stops accepting and lets calls in flight end (5 s). server_unlisten may still be called. */
void server_stop(Server *server);
/* Frees a stopped server. NULL is allowed. */
void server_free(Server *server);
/* Serves a listening socket, made in whatever network namespace; takes the descriptor. Any thread. Returns an id for server_unlisten. */
guint server_listen(Server *server, int fd, const ListenerInfo *info);
void server_unlisten(Server *server, guint id);
/* The local CA's certificate (PEM), and its path in the data directory. */
const char *server_ca_pem(const Server *server);
const char *server_ca_path(const Server *server);
/* A certificate of the local CA for an RSA key (both PEM) under a name. Any thread. transfer full. */
Error *server_ca_sign(const Server *server, const char *name, const char *key_pem, char **ret_pem) ERROR_MUST_USE;

/* haar's own API for the CLI and the console: GET/POST /_haar/<path>. run has no transaction, runs on a worker thread, as root.
 * in: the body, or an object of the query's parameters. Register static const routes in a start hook. */
typedef struct AdminRoute {
  const char *method, *path; /* "GET", "status"; a path that ends in "/" takes all below it: in has "path" */
  Error *(*run)(Call *call, const Json *in, Json **ret_out);
} AdminRoute;
void server_admin(Haar *haar, const AdminRoute *route);

/* Who uses a network interface, for explanations of what was dropped there: services say it. who: "function pay". Any thread. */
guint64 server_use_begin(Server *server, const char *eni_id, const char *who);
void server_use_end(Server *server, guint64 id);
/* Who used it at that time (clock_now()), the newest first, each once. arena. */
StringList server_used_by(Server *server, Arena *arena, const char *eni_id, gint64 at_ms);
/* Temporary credentials (by their access key) are in use for something that has begun: a clock that jumps past their end does not end them until
 * they are released. Any thread. */
void server_session_hold(Server *server, const char *access_key);
void server_session_release(Server *server, const char *access_key);

/* A failure that is rehearsed (`haar fault`). */
typedef struct Fault {
  const char *name, *kind, *target;
  const char *text;          /* what it does, one line; set by prepare */
  const char *stack;         /* that it goes with, or NULL; set by prepare */
  const Json *settings;      /* what was asked for, and what prepare added */
  gint64 since_ms, until_ms; /* clock_now(); until 0: it has to be lifted */
} Fault;
typedef struct FaultKind {
  const char *kind;
  gboolean once;             /* prepare does it; nothing is left */
  /* Checks what was asked for, and resolves names, so that begin needs none: settings may be added to. arena. */
  Error *(*prepare)(Call *call, Json *settings, Fault *fault);
  /* Makes it so, also when haar starts again; undoes it. NULL: who asks server_fault_on does. */
  Error *(*begin)(Haar *haar, const Fault *fault);
  Error *(*end)(Haar *haar, const Fault *fault);
} FaultKind;
/* Register static const kinds in a start hook. */
void server_fault_kind(Haar *haar, const FaultKind *kind);
/* Who is told when a fault has begun (on), also at haar's start, or is lifted: on the thread that does it, so it hands over what takes long. To be
 * registered in a start hook. */
typedef void (*FaultWatch)(Haar *haar, const Fault *fault, gboolean on);
void server_fault_watch(Haar *haar, FaultWatch watch);
/* Whether a fault of this kind and target is on. Any thread; costs nothing while there is none. */
gboolean server_fault_on(Server *server, const char *kind, const char *target);
/* Begins what is stored: when the services have started. */
Error *server_faults_restore(Haar *haar) ERROR_MUST_USE;

/* The calls that were denied since (clock_now()), the newest first, at most limit: an array of JSON objects. arena. */
Error *server_denials(Server *server, Arena *arena, gint64 since_ms, gint64 limit, Json **ret_list) ERROR_MUST_USE;
