/* What jobs.c and pass.c share. */
#pragma once

#include "jobs/jobs.h"

/* Something that goes on: jobs_hold. */
typedef struct Hold {
  guint64 number;
  gint64 until; /* monotonic, us */
} Hold;

struct Jobs {
  Store *store;
  gpointer context;
  GHashTable *kinds;       /* kind -> JobFunction; const once started */
  GHashTable *catching_up; /* kinds that jobs_pass does not stop for; const once started */
  GMutex mutex;
  GCond cond;
  gboolean stopping, started, changed;
  GHashTable *running; /* "kind\nkey" */
  GArray *holds;       /* Hold */
  guint64 last_hold;
  gint passing;        /* how many jobs_pass are on their way */
  GThread *timer;
  GThreadPool *workers;
};

/* The fixed head of a row; the payload follows. */
typedef struct Row {
  gint64 due_ms;
  guint64 number; /* random: another one after each put */
  guint32 attempt;
} Row;

/* (due time, kind, key), without a value. */
extern const Table jobs_due_table;

/* *ret_row is zero if there is none; ret_payload may be NULL, with ret_size. */
Error *jobs_row_read(Txn *txn, const char *kind, const char *name, Row *ret_row, const guint8 **ret_payload, gsize *ret_size) ERROR_MUST_USE;
/* The timer looks at the table again. */
void jobs_wake(gpointer jobs);
