#include "services/route53/route53.h"

static void
test_names(void)
{
  static const struct { const char *text, *name; } cases[] = {
    {"Example.COM", "example.com."}, {"example.com.", "example.com."}, {"*.example.com", "\\052.example.com."}, {"\\052.x", "\\052.x."},
    {"a_b-c.x", "a_b-c.x."}, {"", NULL}, {".", NULL}, {"a..b", NULL}, {".a", NULL}, {"a b.x", NULL}, {"\\9", NULL}, {"\\05", NULL},
    {"a23456789012345678901234567890123456789012345678901234567890123.x", "a23456789012345678901234567890123456789012345678901234567890123.x."},
    {"a234567890123456789012345678901234567890123456789012345678901234.x", NULL},
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
    g_assert_cmpstr(domain_name(arena, cases[i].text), ==, cases[i].name);
}

static void
test_order(void)
{
  g_autoptr(Arena) arena = arena_new();
  g_assert_cmpstr(domain_reversed(arena, "www.example.com."), ==, "com.example.www.");
  g_assert_cmpstr(domain_reversed(arena, "com."), ==, "com.");
  g_assert_true(domain_within("a.example.com.", "example.com."));
  g_assert_true(domain_within("example.com.", "example.com."));
  g_assert_false(domain_within("badexample.com.", "example.com."));
  g_assert_false(domain_within("com.", "example.com."));
}

static void
test_data(void)
{
  static const struct { const char *type, *value; gboolean good; } cases[] = {
    {"A", "192.0.2.1", TRUE}, {"A", "192.0.2", FALSE}, {"A", "", FALSE}, {"AAAA", "::1", TRUE}, {"AAAA", "::g", FALSE},
    {"CNAME", "a.b", TRUE}, {"CNAME", "a..b", FALSE}, {"CNAME", "a b", FALSE}, {"MX", "10 a.b", TRUE}, {"MX", "70000 a.b", FALSE},
    {"TXT", "\"a\" \"b\"", TRUE}, {"TXT", "\"a", FALSE}, {"TXT", "\"\\\"\"", TRUE}, {"TXT", "\"\\", FALSE}, {"TXT", "", FALSE},
    {"SRV", "1 2 3 a.b", TRUE}, {"SRV", "1 2 3", FALSE}, {"SOA", "a.b c.d 1 2 3 4 5", TRUE}, {"SOA", "a.b c.d 1 2 3 4", FALSE},
    {"CAA", "0 issue \"ca\"", TRUE}, {"CAA", "0 issue ca", FALSE}, {"CAA", "300 issue \"ca\"", FALSE}, {"PTR", "host.", TRUE},
    {"NAPTR", "1 2 \"u\" \"s\" \"\" .", TRUE}, {"NAPTR", "1 2 u s . .", FALSE}, {"DS", "1 2 3 abcdef", TRUE}, {"DS", "1 2 3 xyz", FALSE},
    {"HINFO", "\"a\" \"b\"", FALSE},
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    const char *problem = rdata_problem(arena, cases[i].type, cases[i].value);
    if ((problem == NULL) != cases[i].good)
      g_error("%s %s: %s", cases[i].type, cases[i].value, problem ? problem : "good");
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/route53/names", test_names);
  g_test_add_func("/route53/order", test_order);
  g_test_add_func("/route53/data", test_data);
  return g_test_run();
}
