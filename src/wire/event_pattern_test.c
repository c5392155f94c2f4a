#include "wire/event_pattern.h"

#include <string.h>

static const EventPatternRules body = {.nested = TRUE}, attributes = {.keys_max = 5, .combinations_max = 150, .size_max = 256 * 1024};

typedef struct Case {
  const char *policy, *object;
  gboolean match;
} Case;

/* https://docs.aws.amazon.com/sns/latest/dg/and-or-logic.html and the pages beside it. */
static const Case cases[] = {
    {"{\"a\":[\"x\"]}", "{\"a\":\"x\"}", TRUE},
    {"{\"a\":[\"x\"]}", "{\"a\":\"y\"}", FALSE},
    {"{\"a\":[\"x\"]}", "{}", FALSE},
    {"{\"a\":[\"x\",\"y\"],\"b\":[1]}", "{\"a\":\"y\",\"b\":1.0}", TRUE},
    {"{\"a\":[\"x\",\"y\"],\"b\":[1]}", "{\"a\":\"y\"}", FALSE},
    {"{\"a\":[\"x\"]}", "{\"a\":[\"w\",\"x\"]}", TRUE},
    {"{\"a\":[1]}", "{\"a\":\"1\"}", FALSE},
    {"{\"a\":[true,null]}", "{\"a\":null}", TRUE},
    {"{\"a\":[{\"prefix\":\"ba\"}]}", "{\"a\":\"bar\"}", TRUE},
    {"{\"a\":[{\"prefix\":\"ba\"}]}", "{\"a\":\"ab\"}", FALSE},
    {"{\"a\":[{\"suffix\":\".png\"}]}", "{\"a\":\"x.png\"}", TRUE},
    {"{\"a\":[{\"equals-ignore-case\":\"Red\"}]}", "{\"a\":\"rED\"}", TRUE},
    {"{\"a\":[{\"wildcard\":\"a*c\"}]}", "{\"a\":\"abbc\"}", TRUE},
    {"{\"a\":[{\"anything-but\":[\"x\",\"y\"]}]}", "{\"a\":\"z\"}", TRUE},
    {"{\"a\":[{\"anything-but\":[\"x\",\"y\"]}]}", "{\"a\":\"y\"}", FALSE},
    {"{\"a\":[{\"anything-but\":\"x\"}]}", "{}", FALSE},
    {"{\"a\":[{\"anything-but\":{\"prefix\":\"x\"}}]}", "{\"a\":\"xy\"}", FALSE},
    {"{\"a\":[{\"anything-but\":{\"prefix\":\"x\"}}]}", "{\"a\":\"yx\"}", TRUE},
    {"{\"a\":[{\"numeric\":[\"=\",3.0]}]}", "{\"a\":3}", TRUE},
    {"{\"a\":[{\"numeric\":[\">\",0,\"<=\",5]}]}", "{\"a\":5}", TRUE},
    {"{\"a\":[{\"numeric\":[\">\",0,\"<=\",5]}]}", "{\"a\":0}", FALSE},
    {"{\"a\":[{\"numeric\":[\">\",0]}]}", "{\"a\":\"1\"}", FALSE},
    {"{\"a\":[{\"exists\":true}]}", "{\"a\":\"\"}", TRUE},
    {"{\"a\":[{\"exists\":true}]}", "{\"b\":1}", FALSE},
    {"{\"a\":[{\"exists\":false}]}", "{\"b\":1}", TRUE},
    {"{\"a\":[{\"exists\":false}]}", "{\"a\":1}", FALSE},
    {"{\"a\":[{\"cidr\":\"10.0.0.0/24\"}]}", "{\"a\":\"10.0.0.255\"}", TRUE},
    {"{\"a\":[{\"cidr\":\"10.0.0.0/24\"}]}", "{\"a\":\"10.0.1.0\"}", FALSE},
    {"{\"a\":[{\"cidr\":\"2001:db8::/32\"}]}", "{\"a\":\"2001:db8:1::1\"}", TRUE},
    {"{\"o\":{\"i\":[\"x\"]}}", "{\"o\":{\"i\":\"x\"}}", TRUE},
    {"{\"o\":{\"i\":[\"x\"]}}", "{\"o\":[{\"i\":\"y\"},{\"i\":\"x\"}]}", TRUE},
    {"{\"o\":{\"i\":[{\"exists\":false}]}}", "{}", TRUE},
    {"{\"s\":[\"a\"],\"$or\":[{\"m\":[1]},{\"n\":[2]}]}", "{\"s\":\"a\",\"n\":2}", TRUE},
    {"{\"s\":[\"a\"],\"$or\":[{\"m\":[1]},{\"n\":[2]}]}", "{\"s\":\"a\",\"n\":1}", FALSE},
    {"{}", "{\"a\":1}", TRUE},
};

static void
test_match(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(Arena) arena = arena_new();
    Json *policy, *object;
    g_autoptr(Error) bad = event_pattern_parse(arena, cases[i].policy, &body, &policy);
    g_assert_null(bad);
    g_autoptr(Error) broken = json_parse(arena, cases[i].object, strlen(cases[i].object), &object);
    g_assert_null(broken);
    if (event_pattern_match(policy, object) != cases[i].match)
      g_error("%s with %s: not %d", cases[i].policy, cases[i].object, cases[i].match);
  }
}

static void
test_refusals(void)
{
  static const char *const refused[][2] = {
      {"x", "failed to parse JSON."},
      {"{\"a\":\"x\"}", "\"a\" must be an object or an array"},
      {"{\"a\":[]}", "Empty arrays are not allowed (a)"},
      {"{\"a\":[{\"pre\":\"x\"}]}", "Unrecognized match type pre"},
      {"{\"a\":[{\"numeric\":[\"!\",1]}]}", "Value of numeric is not valid"},
      {"{\"a\":[{\"cidr\":\"10.0.0.0/40\"}]}", "Value of cidr is not valid"},
      {"{\"o\":{\"i\":[\"x\"]}}", "Filter policy scope MessageAttributes does not support nested filter policy (o)"},
      {"{\"$or\":[{\"a\":[1]}]}", "\"$or\" must be an array of at least two objects"},
      {"{\"a\":[1],\"b\":[1],\"c\":[1],\"d\":[1],\"e\":[1],\"f\":[1]}", "Filter policy can not have more than 5 keys"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
    g_autoptr(Arena) arena = arena_new();
    Json *policy;
    g_autoptr(Error) bad = event_pattern_parse(arena, refused[i][0], &attributes, &policy);
    g_assert_nonnull(bad);
    g_assert_cmpstr(bad->message, ==, refused[i][1]);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/event-pattern/match", test_match);
  g_test_add_func("/event-pattern/refusals", test_refusals);
  return g_test_run();
}
