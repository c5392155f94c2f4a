#include "stack/graph.h"
#include <string.h>

typedef struct Builder {
  Arena *arena;
  GHashTable *index;   /* name -> index + 1 */
  GArray *found;       /* guint: dependencies of the node at hand */
} Builder;

static void
add_dependency(Builder *b, const char *name)
{
  guint at = GPOINTER_TO_UINT(g_hash_table_lookup(b->index, name));
  if (!at)
    return;
  at--;
  for (guint i = 0; i < b->found->len; i++) {
    if (g_array_index(b->found, guint, i) == at)
      return;
  }
  g_array_append_val(b->found, at);
}

static Error *
note_reference(const Reference *reference, gpointer data)
{
  if (reference->kind == REFERENCE_REF || reference->kind == REFERENCE_GET_ATT)
    add_dependency(data, reference->name);
  return NULL;
}

static Error *
collect(Builder *b, const Json *resource, GraphNode *node)
{
  const Json *depends = json_get(resource, "DependsOn"), *properties = json_get(resource, "Properties");
  g_array_set_size(b->found, 0);
  if (properties)
    TRY(template_references(b->arena, properties, note_reference, b));
  if (depends && depends->type == JSON_STRING)
    add_dependency(b, depends->text);
  for (guint i = 0; depends && depends->type == JSON_ARRAY && i < depends->n; i++)
    add_dependency(b, depends->items[i]->text);
  node->n = b->found->len;
  node->dependencies = arena_memdup(b->arena, b->found->data, b->found->len * sizeof(guint));
  return NULL;
}

/* Orders the nodes; those that are left are on cycles or behind them. */
static guint
sort(Graph *graph)
{
  guint done = 0, before;
  do {
    before = done;
    for (guint i = 0; i < graph->n; i++) {
      GraphNode *node = &graph->nodes[i];
      gboolean ready = node->order == G_MAXUINT;
      for (guint j = 0; ready && j < node->n; j++)
        ready = graph->nodes[node->dependencies[j]].order != G_MAXUINT;
      if (!ready)
        continue;
      node->order = done;
      graph->sorted[done++] = i;
    }
  } while (done > before);
  return done;
}

/* Whether target is reached from node over nodes that are not ordered. */
static gboolean
reaches(const Graph *graph, guint from, guint target, gboolean *seen)
{
  const GraphNode *node = &graph->nodes[from];
  for (guint i = 0; i < node->n; i++) {
    guint next = node->dependencies[i];
    if (next == target)
      return TRUE;
    if (seen[next] || graph->nodes[next].order != G_MAXUINT)
      continue;
    seen[next] = TRUE;
    if (reaches(graph, next, target, seen))
      return TRUE;
  }
  return FALSE;
}

static Error *
circle(const Graph *graph)
{
  g_autoptr(GString) names = g_string_new(NULL);
  for (guint i = 0; i < graph->n; i++) {
    g_autofree gboolean *seen = g_new0(gboolean, graph->n);
    if (graph->nodes[i].order == G_MAXUINT && reaches(graph, i, i, seen))
      g_string_append_printf(names, "%s%s", names->len ? ", " : "", graph->nodes[i].name);
  }
  return error_answer("ValidationError", "Circular dependency between resources: [%s]", names->str);
}

Error *
graph_build(Arena *arena, const Json *resources, Graph *ret_graph)
{
  guint n = resources ? resources->n : 0;
  Graph graph = { n, ARENA_ARRAY(arena, GraphNode, n + 1), ARENA_ARRAY(arena, guint, n + 1) };
  g_autoptr(GHashTable) index = g_hash_table_new(g_str_hash, g_str_equal);
  g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(guint));
  Builder builder = { arena, index, found };
  for (guint i = 0; i < n; i++)
    g_hash_table_insert(index, (gpointer) resources->members[i].key, GUINT_TO_POINTER(i + 1));
  for (guint i = 0; i < n; i++) {
    graph.nodes[i].name = resources->members[i].key;
    graph.nodes[i].order = G_MAXUINT;
    TRY(collect(&builder, resources->members[i].value, &graph.nodes[i]));
  }
  if (sort(&graph) < n)
    return circle(&graph);
  *ret_graph = graph;
  return NULL;
}
