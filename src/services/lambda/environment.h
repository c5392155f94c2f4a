/* environment: one execution environment: a sandboxed runtime process, its Runtime API, its output. runtime.c serves all of them on one
 * thread; the thread that runs an invocation owns its environment meanwhile. Fields without a note are set once, before the process runs. */
#pragma once

#include "services/lambda/lambda.h"
#include "services/lambda/log.h"

typedef enum { READY, INIT_ERROR, ENDED, TIMED_OUT, HALTED } EnvironmentState; /* HALTED: haar ends */

struct Environment {
  Runtime *runtime;
  char *id, *key, *revision;         /* key: region/account/name/version */
  char *outside;                     /* fabric's key, or NULL: in an interface */
  char *interface;                   /* or NULL: outside */
  char *who;                         /* "function pay" */
  guint64 use;                       /* of the interface, or of outside (server_use_begin), 0: it is idle; by who runs the invocation */
  char *access_key;                  /* its credentials: they hold while it is at work, also if the clock jumps (server_session_hold) */
  gint64 expires;                    /* on clock_now(): a little before they are over it takes no more invocations */
  gint64 memory_size;
  gboolean made_late;                /* under the profile late-eni: one of the other kind does not stand in for it */
  gboolean late;                     /* its interface is held back; by who runs the invocation */
  Sandbox *sandbox;
  LogSink *log;

  /* under the runtime's lock */
  GCond changed;
  guint64 listener, output, waiting; /* sources; waiting: the connection that asks for the next event, 0 = none */
  gboolean ended, init_failed;
  SandboxExit exit;
  char *request_id;                  /* of the event that is out, or NULL */
  gboolean answered, answered_error;
  GByteArray *answer;
  char *error_type;
  GString *line;                     /* output without its newline yet */
  GString *tail;                     /* output of the invocation, or NULL */

  /* the pool's */
  GMutex freezing;
  gboolean frozen, idle;
  gint64 idle_since;                 /* monotonic us */
  gint64 peak, peak_at;              /* memory as last looked at, and when (monotonic us); by who runs the invocation */
};

struct Runtime {
  Haar *haar;
  GMutex lock;
  GThread *thread;
  int epoll, wake;
  GHashTable *sources;               /* id -> Source */
  guint64 last_source;
  guint last_port;
  gboolean stopping;
  GHashTable *environments;          /* Environment *: all that there are; under lock */
  gboolean halted;                   /* haar ends: nothing waits any more; under lock */
};

/* Starts the process of a new environment. lambda's configuration, credentials of the role. Blocks. */
Error *environment_new(Lambda *lambda, Call *call, const Invocation *invocation, guint turn, Environment **ret) ERROR_MUST_USE;
/* It is ready: its interface, if it was held back, comes up. */
void environment_attach(Environment *environment);
/* Says that its processes run, or do not: they may use its interface. */
void environment_use(Environment *environment, gboolean runs);
/* Says that it is at work, or idle: its credentials hold meanwhile. */
void environment_work(Environment *environment, gboolean works);
/* Ends it. NULL is allowed. */
void environment_free(Environment *environment);
/* Waits until it asks for an event; until: monotonic us. */
EnvironmentState environment_wait_ready(Environment *environment, gint64 until);
/* Hands it an event; it must be ready. */
Error *environment_send(Environment *environment, const Invocation *invocation, gint64 deadline_ms) ERROR_MUST_USE;
/* Waits for the answer to it. */
EnvironmentState environment_wait_answer(Environment *environment, gint64 until);
/* Writes a line of the platform's own (START, END, REPORT). */
void environment_platform_line(Environment *environment, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Takes what it has written so far. */
void environment_drain(Environment *environment);

/* runtime.c: sources of the thread; all under the runtime's lock. */
guint64 runtime_add(Runtime *runtime, Environment *environment, int kind, int fd);
void runtime_remove(Runtime *runtime, guint64 id);
/* All of an environment's; takes the lock. */
void runtime_remove_all(Runtime *runtime, Environment *environment);
int runtime_fd(Runtime *runtime, guint64 id);
enum { SOURCE_LISTENER, SOURCE_CONNECTION, SOURCE_OUTPUT };

/* pool.c: what an invocation takes and gives back. */

/* The newest idle environment of this version as it is now configured; others of the version end. NULL: none. */
Environment *pool_take(Pool *pool, const Invocation *invocation);
Error *pool_make(Pool *pool, Call *call, const Invocation *invocation, Environment **ret) ERROR_MUST_USE;
void pool_give_back(Pool *pool, Environment *environment);
