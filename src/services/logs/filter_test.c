#include "services/logs/filter.h"

static const struct { const char *pattern, *message; gboolean match; } cases[] = {
  {"", "anything", TRUE},
  {"ERROR", "[ERROR 400] BAD REQUEST", TRUE},
  {"ERROR", "[error 400] BAD REQUEST", FALSE},
  {"ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", TRUE},
  {"ERROR ARGUMENTS", "[ERROR 400] BAD REQUEST", FALSE},
  {"\"BAD REQUEST\"", "[ERROR 400] BAD REQUEST", TRUE},
  {"\"say \\\"hi\\\"\"", "they say \"hi\"", TRUE},
  {"?ERROR ?ARGUMENTS", "UNAUTHORIZED ARGUMENTS", TRUE},
  {"?ERROR ?ARGUMENTS", "nothing", FALSE},
  {"ERROR -ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", FALSE},
  {"ERROR -ARGUMENTS", "[ERROR 400] BAD REQUEST", TRUE},
  {"%ERROR [45]\\d\\d%", "[ERROR 400] BAD REQUEST", TRUE},
  {"%ERROR [45]\\d\\d%", "[ERROR 300] BAD REQUEST", FALSE},
  {"{ $.eventType = \"UpdateTrail\" }", "{\"eventType\": \"UpdateTrail\"}", TRUE},
  {"{ $.eventType = \"Update*\" }", "{\"eventType\": \"UpdateTrail\"}", TRUE},
  {"{ $.eventType = \"UpdateTrail\" }", "not json", FALSE},
  {"{ $.a.b[0] = x }", "{\"a\": {\"b\": [\"x\", \"y\"]}}", TRUE},
  {"{ $.a.b[*] = y }", "{\"a\": {\"b\": [\"x\", \"y\"]}}", TRUE},
  {"{ $.a.b[2] = y }", "{\"a\": {\"b\": [\"x\", \"y\"]}}", FALSE},
  {"{ $.['a']['b c'] = 1 }", "{\"a\": {\"b c\": 1}}", TRUE},
  {"{ $.latency > 100 && $.status != 200 }", "{\"latency\": 101, \"status\": 500}", TRUE},
  {"{ $.latency > 100 && $.status != 200 }", "{\"latency\": 99, \"status\": 500}", FALSE},
  {"{ ($.a = 1 || $.b = 2) && $.c = 3 }", "{\"b\": 2, \"c\": 3}", TRUE},
  {"{ $.a = 1 || $.b = 2 && $.c = 3 }", "{\"a\": 1}", TRUE},
  {"{ $.ok IS TRUE }", "{\"ok\": true}", TRUE},
  {"{ $.ok IS FALSE }", "{\"ok\": true}", FALSE},
  {"{ $.none IS NULL }", "{\"none\": null}", TRUE},
  {"{ $.gone NOT EXISTS }", "{\"none\": null}", TRUE},
  {"{ $.m = %^ab+$% }", "{\"m\": \"abbb\"}", TRUE},
  {"[ip, id, user, timestamp, request, status_code, size]",
   "127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] \"GET /index.html HTTP/1.0\" 404 1534", TRUE},
  {"[ip, id, user, timestamp, request, status_code = 4*, size > 1000]",
   "127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] \"GET /index.html HTTP/1.0\" 404 1534", TRUE},
  {"[ip, ..., status_code = 5*, size]", "127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] \"GET /\" 404 1534", FALSE},
  {"[..., status_code = 4* || status_code = 5*, size]", "a b c 503 1534", TRUE},
  {"[..., request = *html*, status_code = 4*,]", "", FALSE},
  {"[a, b]", "one two three", FALSE},
};

static const char *const bad[] = {
  "{ $.a = }", "{ $.a > x }", "{ a = 1 }", "{ $.a = 1", "[a, b", "[..., ...]", "\"open", "%(%", "{ $.a = 1 } x", "?", "{ $.a[x] = 1 }",
  "{ $.a IS MAYBE }", "[a = 1 && b = 2]",
};

static void
test_cases(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(Arena) arena = arena_new();
    Filter *filter;
    g_autoptr(Error) error = filter_parse(arena, cases[i].pattern, &filter);
    gboolean match = !error && filter_match(filter, arena, cases[i].message);
    if (match != cases[i].match)
      g_test_message("%s on %s: %s", cases[i].pattern, cases[i].message, error ? error->message : match ? "matched" : "did not match");
    g_assert_cmpint(match, ==, cases[i].match);
  }
}

static void
test_bad(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(Arena) arena = arena_new();
    Filter *filter;
    g_autoptr(Error) error = filter_parse(arena, bad[i], &filter);
    if (!error_is(error, "InvalidParameterException"))
      g_test_message("taken: %s", bad[i]);
    g_assert_true(error_is(error, "InvalidParameterException"));
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/logs/filter/cases", test_cases);
  g_test_add_func("/logs/filter/bad", test_bad);
  return g_test_run();
}
