#include "server/clock.h"

static void
test_durations(void)
{
  static const struct {
    const char *text;
    gint64 ms;
  } good[] = {
      {"90d", G_GINT64_CONSTANT(7776000000)}, {"1h30m", 5400000}, {"45s", 45000}, {"2w", 1209600000}, {"250ms", 250}, {"0s", 0},
  };
  static const char *const bad[] = {"", "d", "90", "-1d", "1y", "9999999d", "99999999999999999999d", "1d ", "1 d"};
  gint64 ms = 0;
  for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
    g_assert_true(clock_parse_duration(good[i].text, &ms));
    g_assert_cmpint(ms, ==, good[i].ms);
  }
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_false(clock_parse_duration(bad[i], &ms));
}

/* A minute in a second; then the machine's own pace. */
static void
test_speed(void)
{
  gint64 real = clock_real();
  clock_set(real - 1000, 5000, 60);
  gint64 now = clock_now();
  g_assert_cmpint(now, >=, 5000 + 60 * 1000);
  g_assert_cmpint(now, <, 5000 + 60 * 20000);
  g_assert_cmpint(clock_speed(), ==, 60);
  clock_set_offset(0);
  g_assert_cmpint(clock_speed(), ==, 1);
  g_assert_cmpint(clock_offset(), ==, 0);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/server/clock/durations", test_durations);
  g_test_add_func("/server/clock/speed", test_speed);
  return g_test_run();
}
