#include "services/apigateway/apigateway.h"

typedef struct Case {
  const char *method, *path, *expected, *parameter, *value;
} Case;

static ApigatewayListOfResource
make_resources(Arena *arena)
{
  static const char *const rows[][2] = {
    {"/", "GET"}, {"/payment", "POST"}, {"/payment/{id}", "GET"}, {"/payment/latest", "GET"}, {"/files/{proxy+}", "ANY"}, {"/payment/{id}/refunds", "PUT"},
  };
  ApigatewayListOfResource list = {0};
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    ApigatewayResource *resource = ARENA_NEW(arena, ApigatewayResource);
    ApigatewayMethod *method = ARENA_NEW(arena, ApigatewayMethod);
    method->httpMethod = rows[i][1];
    resource->path = rows[i][0];
    MAP_SET(arena, &resource->resourceMethods, rows[i][1], method);
    LIST_APPEND(arena, &list, resource);
  }
  return list;
}

static void
test_routes(void)
{
  static const Case cases[] = {
    {"GET", "/", "/", NULL, NULL},
    {"POST", "/payment", "/payment", NULL, NULL},
    {"POST", "/payment/", "/payment", NULL, NULL},
    {"GET", "/payment", NULL, NULL, NULL},
    {"GET", "/payment/latest", "/payment/latest", NULL, NULL},
    {"GET", "/payment/a%20b", "/payment/{id}", "id", "a b"},
    {"PUT", "/payment/7/refunds", "/payment/{id}/refunds", "id", "7"},
    {"DELETE", "/files/a/b/c.txt", "/files/{proxy+}", "proxy", "a/b/c.txt"},
    {"GET", "/files", NULL, NULL, NULL},
    {"GET", "/nowhere", NULL, NULL, NULL},
  };
  g_autoptr(Arena) arena = arena_new();
  ApigatewayListOfResource resources = make_resources(arena);
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    Match match = {0};
    gboolean found = match_route(arena, &resources, cases[i].method, cases[i].path, &match);
    g_test_message("%s %s", cases[i].method, cases[i].path);
    g_assert_cmpint(found, ==, cases[i].expected != NULL);
    g_assert_cmpstr(found ? match.resource->path : NULL, ==, cases[i].expected);
    if (cases[i].parameter)
      g_assert_cmpstr(string_map_get(&match.parameters, cases[i].parameter), ==, cases[i].value);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/apigateway/match/routes", test_routes);
  return g_test_run();
}
