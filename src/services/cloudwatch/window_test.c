/* The tables of AWS's page on missing data: five periods of which three are evaluated, the newest right; 0 good, X breaching, - missing.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html#alarms-and-missing-data */
#include <string.h>

#include "services/cloudwatch/alarm.h"

static const char *const treatments[] = {"missing", "ignore", "breaching", "notBreaching"};

static const struct {
  const char *points;
  guint to_alarm;
  const char *states[4]; /* NULL: as it was */
} cases[] = {
    {"0-X-X", 3, {"OK", "OK", "OK", "OK"}},
    {"0----", 3, {"OK", "OK", "OK", "OK"}},
    {"-----", 3, {"INSUFFICIENT_DATA", NULL, "ALARM", "OK"}},
    {"0XX-X", 3, {"ALARM", "ALARM", "ALARM", "ALARM"}},
    {"--X--", 3, {"ALARM", NULL, "ALARM", "OK"}},
    {"----X", 3, {NULL, NULL, "ALARM", "OK"}},
    {"---X-", 3, {NULL, NULL, "ALARM", "OK"}},
    {"0-X-X", 2, {"ALARM", "ALARM", "ALARM", "ALARM"}},
    {"00X0X", 2, {"ALARM", "ALARM", "ALARM", "ALARM"}},
    {"0-X--", 2, {"OK", "OK", "ALARM", "OK"}},
    {"----0", 2, {"OK", "OK", "ALARM", "OK"}},
    {"---X-", 2, {"ALARM", NULL, "ALARM", "OK"}},
    {"XX000", 1, {"OK", "OK", "OK", "OK"}},
    {"XX00X", 1, {"ALARM", "ALARM", "ALARM", "ALARM"}},
};

static void
test_table(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    WindowPoint points[5] = {0};
    for (guint at = 0; at < 5; at++) {
      char c = cases[i].points[4 - at];
      points[at] = (WindowPoint){.there = c != '-', .breaching = c == 'X'};
    }
    for (gsize t = 0; t < G_N_ELEMENTS(treatments); t++) {
      Window window = {.n = 5, .v = points, .periods = 3, .to_alarm = cases[i].to_alarm, .missing = treatments[t]};
      Verdict verdict;
      window_judge(&window, &verdict);
      g_test_message("%s, %u of 3, %s", cases[i].points, cases[i].to_alarm, treatments[t]);
      g_assert_cmpstr(verdict.state, ==, cases[i].states[t]);
    }
  }
}

static void
test_thresholds(void)
{
  g_assert_true(threshold_breached("GreaterThanThreshold", 2, 1));
  g_assert_false(threshold_breached("GreaterThanThreshold", 1, 1));
  g_assert_true(threshold_breached("GreaterThanOrEqualToThreshold", 1, 1));
  g_assert_true(threshold_breached("LessThanThreshold", 0, 1));
  g_assert_false(threshold_breached("LessThanThreshold", 1, 1));
  g_assert_true(threshold_breached("LessThanOrEqualToThreshold", 1, 1));
}

static const char *
state(const char *alarm, gpointer data)
{
  return strcmp(alarm, "a") == 0 ? "ALARM" : strcmp(alarm, "b") == 0 ? "OK" : NULL;
}

static void
test_rules(void)
{
  static const struct {
    const char *rule;
    int is; /* -1: wrong */
  } rules[] = {
      {"ALARM(a)", 1},        {"ALARM(\"a\") AND OK('b')", 1}, {"NOT ALARM(a)", 0},    {"ALARM(b) OR (TRUE AND NOT FALSE)", 1}, {"ALARM(x)", 0},
      {"INSUFFICIENT_DATA(a)", 0}, {"ALARM(b) AND TRUE OR TRUE", 1}, {"ALARM( a )", 1}, {"", -1},   {"ALARM(", -1},
      {"ALARM()", -1},        {"ALARM(a) ALARM(b)", -1},       {"WHAT(a)", -1},        {"(TRUE", -1},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rules); i++) {
    g_autoptr(Arena) arena = arena_new();
    Rule *rule = NULL;
    g_autoptr(Error) error = rule_parse(arena, rules[i].rule, &rule);
    g_test_message("%s", rules[i].rule);
    g_assert_cmpint(error ? -1 : rule_evaluate(rule, state, NULL), ==, rules[i].is);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/cloudwatch/window/table", test_table);
  g_test_add_func("/cloudwatch/window/thresholds", test_thresholds);
  g_test_add_func("/cloudwatch/window/rules", test_rules);
  return g_test_run();
}
