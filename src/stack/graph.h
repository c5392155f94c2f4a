/* graph: what depends on what. */
#pragma once

#include "stack/template.h"

typedef struct GraphNode {
  const char *name;
  guint n;
  guint *dependencies;   /* indexes of nodes; arena */
  guint order;           /* position in an order that respects the dependencies */
} GraphNode;

typedef struct Graph {
  guint n;
  GraphNode *nodes;      /* in the order of resources; arena */
  guint *sorted;         /* indexes, dependencies first; arena */
} Graph;

/* resources: object of resources whose conditions hold, pruned (eval_prune). A DependsOn on one that is not among them is left out.
 * A cycle: an answer ValidationError "Circular dependency between resources: [A, B]". arena. */
Error *graph_build(Arena *arena, const Json *resources, Graph *ret_graph) ERROR_MUST_USE;
