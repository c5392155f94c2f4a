#include "stack/graph.h"

#include <string.h>

/* The order as "A B C", or the error's words. resources: YAML would need a template; so JSON. */
static const char *
order(Arena *arena, const char *resources)
{
  Json *json = NULL;
  Graph graph = { 0 };
  g_assert_null(json_parse(arena, resources, strlen(resources), &json));
  g_autoptr(Error) error = graph_build(arena, json, &graph);
  if (error)
    return arena_strdup(arena, error->message);
  const char *text = "";
  for (guint i = 0; i < graph.n; i++) {
    const GraphNode *node = &graph.nodes[graph.sorted[i]];
    g_assert_cmpuint(node->order, ==, i);
    for (guint j = 0; j < node->n; j++)
      g_assert_cmpuint(graph.nodes[node->dependencies[j]].order, <, i);
    text = arena_printf(arena, "%s%s%s", text, i ? " " : "", node->name);
  }
  return text;
}

static void
test_orders(void)
{
  static const char *const rows[][2] = {
    { "{}", "" },
    { "{\"A\":{\"Properties\":{\"X\":{\"Ref\":\"B\"}}},\"B\":{}}", "B A" },
    { "{\"A\":{\"DependsOn\":[\"B\",\"C\"]},\"B\":{\"DependsOn\":\"C\"},\"C\":{}}", "C B A" },
    { "{\"A\":{\"Properties\":{\"X\":{\"Fn::GetAtt\":[\"B\",\"Arn\"]}}},\"B\":{\"Properties\":[{\"Fn::Sub\":\"${C} ${D.Arn} ${!A}\"}]},\"C\":{},"
      "\"D\":{}}", "C D B A" },
    { "{\"A\":{\"DependsOn\":\"Gone\"},\"B\":{\"Properties\":{\"X\":{\"Ref\":\"Parameter\"}}}}", "A B" },
    { "{\"A\":{\"DependsOn\":\"B\"},\"B\":{\"DependsOn\":\"A\"},\"C\":{\"DependsOn\":\"A\"},\"D\":{}}",
      "Circular dependency between resources: [A, B]" },
    { "{\"A\":{\"Properties\":{\"X\":{\"Ref\":\"A\"}}}}", "Circular dependency between resources: [A]" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpstr(order(arena, rows[i][0]), ==, rows[i][1]);
}

/* 500 in a row, each on the next: recursion and passes must bear it. */
static void
test_chain(void)
{
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GString) chain = g_string_new("{");
  g_autoptr(GString) ring = g_string_new("{");
  for (guint i = 0; i < 500; i++) {
    g_string_append_printf(chain, "%s\"R%u\":{\"DependsOn\":\"R%u\"}", i ? "," : "", i, i + 1);
    g_string_append_printf(ring, "%s\"R%u\":{\"DependsOn\":\"R%u\"}", i ? "," : "", i, (i + 1) % 500);
  }
  g_string_append_c(chain, '}');
  g_string_append_c(ring, '}');
  g_assert_true(g_str_has_prefix(order(arena, chain->str), "R499 R498 "));
  g_assert_true(g_str_has_suffix(order(arena, ring->str), ", R499]"));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/stack/graph/orders", test_orders);
  g_test_add_func("/stack/graph/chain", test_chain);
  return g_test_run();
}
