/* What the server's own files share of the call pipeline. */
#pragma once

#include "server/activity.h"
#include "server/denials.h"
#include "server/exchange.h"
#include "server/fault.h"

typedef struct AdminRoutes AdminRoutes;
typedef struct Listeners Listeners;
typedef struct Sessions Sessions;
typedef struct Waits Waits;

struct Server {
  Haar *haar;
  Ca *ca;
  HttpServer *http;
  Listeners *listeners;
  GThreadPool *workers;      /* of ServerWork: calls that may block */
  AdminRoutes *admin;
  Denials *denials;
  Waits *waits;
  Activities *activities;
  Sessions *sessions;
  Faults *faults;
  gint64 started_us;
};

/* Work for a worker thread. */
typedef struct ServerWork {
  void (*run)(gpointer data);
  gpointer data;
} ServerWork;
void server_work(Server *server, void (*run)(gpointer data), gpointer data);

/* Whether the service that records calls wants to see this one. */
gboolean call_is_recorded(const Call *call, const void *in);
/* Shows it an ended call that it wants to see. kept(data) is called once, on any thread, when its record is stored or cannot be; NULL: nobody waits. */
void call_record(const Call *call, const void *in, const void *out, const Error *error, void (*kept)(gpointer data), gpointer data);
/* Whether the call's principal may do this; call->txn must be set. direct: the call came from outside (endpoint policies hold). */
Error *call_authorize(Call *call, const void *in, gboolean direct) ERROR_MUST_USE;
/* The status of an error of the caller's (signature, permission) in a protocol: 400 in json and cbor, else 403. */
int denial_status(Protocol protocol);

/* The account of calls that nobody signed. */
#define DEFAULT_ACCOUNT "000000000000"
