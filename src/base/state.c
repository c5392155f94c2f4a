#include "base/state.h"

gboolean
state_may(const StateTable *table, guint from, guint to)
{
  g_assert(from < table->n && to < table->n && table->n <= 64);
  return (table->states[from].next & STATE_BIT(to)) != 0;
}

void
state_move(const StateTable *table, guint *state, guint to)
{
  if (!state_may(table, *state, to))
    g_error("%s: from %s to %s is not a move", table->machine, table->states[*state].name, table->states[to].name);
  *state = to;
}

int
state_named(const StateTable *table, const char *name)
{
  for (guint i = 0; i < table->n; i++)
    if (g_strcmp0(table->states[i].name, name) == 0)
      return (int) i;
  return -1;
}
