/* children: nothing to reap yet but what a handler waits for itself. */
#include "warden/protocol.h"

int warden_children_start(WardenState *state) {
  (void) state;
  return -1;
}

void warden_children_reap(WardenState *state) { (void) state; }
