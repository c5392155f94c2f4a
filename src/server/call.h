/* call: one AWS API call, as its handler sees it; and operations, as rows.
 *
 * The pipeline (server/call.c): route, decode, validate, authenticate, authorise, begin, HANDLER, commit, encode.
 * A handler has typed, valid, permitted input, and answers with *ret_out or an Error. It does not begin transactions,
 * log, or know HTTP. */
#pragma once

#include "iam/iam.h"
#include "jobs/jobs.h"
#include "store/store.h"
#include "wire/wire.h"

typedef struct Haar Haar;
typedef struct Call Call;
typedef struct Operation Operation;

/* Where a call came from: true, because haar knows the device and address of the connection. */
typedef struct CallSource {
  const char *ip;            /* the peer's address as the service sees it */
  const char *vpc_id;        /* through a VPC endpoint: aws:SourceVpc, or NULL */
  const char *endpoint_id;   /* aws:SourceVpce, or NULL */
  const char *eni_id;        /* the network interface it left, or NULL */
  gboolean tls;
  const char *user_agent;
} CallSource;

struct Call {
  Haar *haar;                /* the process: store, jobs, fabric, services' state */
  Arena *arena;
  Txn *txn;                  /* as the operation's row asks; NULL with TXN_NONE */
  const Operation *operation;
  const char *request_id;
  const char *region;        /* "us-east-1" */
  const char *account;       /* of the caller: where its resources are */
  const Principal *principal;
  const CallSource *source;  /* never NULL */
  gint64 now;                /* clock_now() when the call began */
  const char *via_service;   /* set when a service calls on behalf of the principal: "secretsmanager" (kms:ViaService); else NULL */
  const char *source_arn;    /* aws:SourceArn: set it on a call that a service makes for a resource (call_new, principal_service); else NULL */
  const char *host;          /* Host header, or NULL; S3 and API Gateway need it */
  gpointer waiter;           /* the pipeline's own: call_wait */
};

typedef enum {
  TXN_READ,    /* a snapshot; runs on the connection's event thread: must be quick */
  TXN_WRITE,   /* a write transaction on the writer thread: must be quick, must not block */
  TXN_NONE,    /* no transaction; runs on a worker thread and may block (invoke, start a server). Use call_write and call_read inside */
} TxnKind;

/* A further resource of a call: what is done to it, and the condition keys that it brings. */
typedef struct AuthorizationAlso { const char *action, *resource; StringMap own; } AuthorizationAlso;
typedef struct { gsize n; AuthorizationAlso *v; } AuthorizationList;

/* What authorisation needs to know beyond the row; filled by the row's .authorize, everything arena. Defaults are set before it runs:
 * action from the row, resource "*", resource_account = call->account. */
typedef struct Authorization {
  const char *action;
  const char *resource;
  const char *resource_account;
  const char *resource_policy;
  gboolean resource_policy_required;
  gboolean skip;             /* no permission needed (sts:GetCallerIdentity) */
  StringMap context;         /* service condition keys; aws:* are added by the server */
  StringMap further;         /* more pairs of action (key) and resource (value), each checked too: batches. Append, do not set */
  StringMap own;             /* condition keys of resource alone: not of further and also */
  AuthorizationList also;    /* more resources, each checked with condition keys of its own */
  Error *permitted;          /* transfer full: answered instead of running the operation, once it is permitted (EC2's DryRun); or NULL */
} Authorization;

struct Operation {
  const char *name;                   /* "PutItem" */
  const ServiceModel *service;
  const OperationModel *model;
  TxnKind txn;
  const char *action;                 /* "dynamodb:PutItem"; NULL: signing name and operation name */
  /* The resource and its policy. call->txn is a transaction to read with. An error here (no such resource) is the answer. NULL: resource "*". */
  Error *(*authorize)(Call *call, const void *in, Authorization *auth);
  gboolean anonymous;                 /* may be called unsigned (AssumeRoleWithWebIdentity; S3 operations: the policy decides) */
  gsize input_size, output_size;
  Error *(*run)(Call *call, const void *in, void *ret_out);
};

/* OPERATION(PutItem, put_item, .txn = TXN_WRITE, .authorize = table_resource)
 * static Error *put_item(Call *call, const DynamodbPutItemInput *in, DynamodbPutItemOutput *ret_out) { ... }
 * The generated header of each service defines OPERATION with the service's prefix. No semicolon is needed after it. */
#define OPERATION_(prefix, Name, function, ...)                                                                 \
  static Error *function(Call *call, const prefix##Name##Input *in, prefix##Name##Output *ret_out);             \
  static Error *function##__run(Call *call, const void *in, void *ret_out) { return function(call, in, ret_out); } \
  const Operation prefix##Operation##Name = {                                                                   \
    .name = #Name, .service = &prefix##_service, .model = &prefix##Name##_model, .run = function##__run,        \
    .input_size = sizeof(prefix##Name##Input), .output_size = sizeof(prefix##Name##Output), __VA_ARGS__ };

/* Runs another operation as the same principal (or, with as != NULL, as that one), authorised like any call.
 * ret_out: zeroed struct of the operation's output. If call has a transaction the operation runs inside it (a TXN_READ call may not run
 * TXN_WRITE ones; TXN_NONE operations need a call without one). via: the calling service's name, for kms:ViaService, or NULL. */
Error *call_operation(Call *call, const Operation *operation, const Principal *as, const char *via, const void *in, void *ret_out) ERROR_MUST_USE;
/* A call of haar's own, on the calling (worker) thread: jobs, resources, data planes. Free with call_free. transfer full. */
Call *call_new(Haar *haar, const char *account, const char *region, const Principal *principal);
void call_free(Call *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Call, call_free)
/* For calls without a transaction: runs function with call->txn set, in a write (on the writer thread) or a read. */
typedef Error *(*CallFunction)(Call *call, gpointer data);
Error *call_write(Call *call, CallFunction function, gpointer data) ERROR_MUST_USE;
Error *call_read(Call *call, CallFunction function, gpointer data) ERROR_MUST_USE;
/* For a job whose key is "region account name": function with the name, in a write, as service's own principal there. A key of another form is done. */
Error *call_job(JobRun *job, const char *service, CallFunction function) ERROR_MUST_USE;

/* For a TXN_WRITE operation that came by HTTP (long polling): puts the call aside, without a thread. TRUE: the handler returns NULL, its writes
 * are kept, and nothing is answered: it is run again from its beginning after call_wake of key, at due_ms of the clock (0: none), when the
 * clock is moved, and at last when wait_ms of real time have passed since its first wait. FALSE: that time is over, or the call cannot wait: answer. */
gboolean call_wait(Call *call, const char *key, gint64 wait_ms, gint64 due_ms);
/* In a write transaction: once it has committed, up to n of the calls that wait for key run again, the oldest first. */
void call_wake(Call *call, const char *key, guint n);
/* For threads of haar's own that poll. call_pulse: how often key was woken since it was first asked for; call_pulse_wait: blocks until it is
 * woken again, the clock is moved, or max_ms of real time have passed. FALSE: haar ends, and *stop, if it is set while all are woken. */
guint64 call_pulse(Haar *haar, const char *key);
gboolean call_pulse_wait(Haar *haar, const char *key, guint64 seen, gint64 max_ms, const gboolean *stop);
/* Wakes all that block in call_pulse_wait, so that they look at *stop. */
void call_pulse_all(Haar *haar);

/* A text member of the operation's input, by its name: for .authorize functions that several operations share. NULL: the operation has no such
 * member, or it was not given. */
const char *call_input_text(const Call *call, const void *in, const char *member);
/* "arn:aws:<service>:<call's region>:<call's account>:..." (arena). */
char *call_arn(const Call *call, const char *service, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* The service's own account principal for calls on nobody's behalf: type SERVICE, arn "lambda.amazonaws.com" (arena). */
const Principal *principal_service(Arena *arena, const char *service, const char *account);
const Principal *principal_root(Arena *arena, const char *account);
/* Keys of stored things: region, account (key_init included). Global services give region "". */
void call_key(const Call *call, Key *key);
