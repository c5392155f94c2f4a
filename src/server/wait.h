/* wait: calls that stand by without a thread until something happens, or their time is over: long polling. call_wait and call_wake (call.h)
 * are the services' side; this is the pipeline's. */
#pragma once

#include "server/haar.h"

typedef struct Waits Waits;

/* One call's place among those that wait. Plain data in the call's arena: the pipeline sets waits, again and data, the rest is wait.c's. */
typedef struct Waiter {
  Waits *waits;
  void (*again)(gpointer data); /* runs the call from its beginning; any thread */
  gpointer data;
  char *key;          /* while it is listed */
  gint64 until_us;    /* monotonic: the end of its time; 0: it has not waited yet */
  gint64 due_us;      /* monotonic: run again then */
  gboolean settled;   /* its transaction has ended */
  gboolean woken;     /* before that */
} Waiter;

Waits *waits_new(void);
/* Runs all waiting calls again, and lets none wait any more. */
void waits_stop(Waits *waits);
/* Runs all waiting calls again: the clock was moved. */
void waits_clock_moved(Waits *waits);
/* How many calls wait. */
guint waits_count(Waits *waits);
void waits_free(Waits *waits);
/* The call's transaction has ended. TRUE: the call stands by, or runs again already: nothing is to be answered now. failed: it does not wait. */
gboolean waits_settle(Waiter *waiter, gboolean failed);
