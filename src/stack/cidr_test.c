#include "stack/intrinsics.h"

static void
test_blocks(void)
{
  static const struct { const char *block; gint64 count, bits; const char *expected; } rows[] = {
    { "10.0.0.0/16", 2, 8, "[\"10.0.0.0/24\",\"10.0.1.0/24\"]" },
    { "10.0.7.9/16", 1, 0, "[\"10.0.0.0/24\"]" },
    { "192.168.0.0/24", 2, 7, "[\"192.168.0.0/25\",\"192.168.0.128/25\"]" },
    { "192.168.0.0/24", 1, 8, "[\"192.168.0.0/24\"]" },
    { "2001:db8::/56", 2, 64, "[\"2001:db8::/64\",\"2001:db8:0:1::/64\"]" },
    { "2001:db8::/56", 1, 0, "[\"2001:db8::/64\"]" },
    { "0.0.0.0/0", 2, 31, "[\"0.0.0.0/1\",\"128.0.0.0/1\"]" },
    { "192.168.0.0/24", 3, 7, "Template error: Fn::Cidr: 192.168.0.0/24 has no room for 3 blocks of 7 bits" },
    { "192.168.0.0/24", 1, 9, "Template error: Fn::Cidr: 9 bits do not fit in 192.168.0.0/24" },
    { "192.168.0.0/33", 1, 9, "Template error: Fn::Cidr: 192.168.0.0/33 is not a CIDR block" },
    { "192.168.0/24", 1, 8, "Template error: Fn::Cidr: 192.168.0/24 is not a CIDR block" },
    { "192.168.0.0", 1, 8, "Template error: Fn::Cidr: 192.168.0.0 is not a CIDR block" },
    { "10.0.0.0/8", 0, 8, "Template error: Fn::Cidr: count must be from 1 to 256" },
    { "10.0.0.0/8", 257, 8, "Template error: Fn::Cidr: count must be from 1 to 256" },
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    Json *list = NULL;
    g_autoptr(Error) error = cidr_blocks(arena, rows[i].block, rows[i].count, rows[i].bits, &list);
    g_assert_cmpstr(error ? error->message : json_text(arena, list), ==, rows[i].expected);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/stack/cidr/blocks", test_blocks);
  return g_test_run();
}
