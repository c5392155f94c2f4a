/* state: lifecycles as tables. A table names the states, in the enum's order, and which may follow which. */
#pragma once

#include <glib.h>

typedef struct State {
  const char *name;     /* AWS's name where the API shows it */
  guint64 next;         /* bit mask of the states that may follow: STATE_BIT(X) | ... */
} State;

typedef struct StateTable {
  const char *machine;  /* "stack", "function", ...: for messages */
  const State *states;
  guint n;
} StateTable;

#define STATE_BIT(state) (G_GUINT64_CONSTANT(1) << (state))

/* Whether the move is in the table. */
gboolean state_may(const StateTable *table, guint from, guint to);
/* Makes the move; a move that is not in the table is a bug and aborts with both names. */
void state_move(const StateTable *table, guint *state, guint to);
/* The state of this name, or -1. */
int state_named(const StateTable *table, const char *name);
