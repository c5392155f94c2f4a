#include "services/secretsmanager/secretsmanager.h"

typedef struct Case {
  const char *expression, *from, *next; /* next NULL: refused */
} Case;

static gint64
ms(const char *text)
{
  g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);
  return g_date_time_to_unix(time) * 1000;
}

static void
test_expressions(void)
{
  static const Case cases[] = {
    {"rate(10 days)", "2026-11-23T23:30:00Z", "2026-12-03T23:30:00Z"},
    {"rate(4 hours)", "2026-11-23T23:30:00Z", "2026-11-24T03:30:00Z"},
    {"rate(3 hours)", "2026-11-23T23:30:00Z", NULL},
    {"cron(0 16 1,15 * ? *)", "2026-11-23T23:30:00Z", "2026-12-01T16:00:00Z"},
    {"cron(0 8 ? * MON-FRI *)", "2026-11-28T12:00:00Z", "2026-11-30T08:00:00Z"},
    {"cron(0 0/6 * * ? *)", "2026-11-28T12:00:00Z", "2026-11-28T18:00:00Z"},
    {"cron(15 8 * * ? *)", "2026-11-28T12:00:00Z", NULL},
    {"cron(0 25 * * ? *)", "2026-11-28T12:00:00Z", NULL},
    {"rate(", "2026-11-28T12:00:00Z", NULL},
    {"daily", "2026-11-28T12:00:00Z", NULL},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    SecretsmanagerRotationRulesType rules = {.ScheduleExpression = cases[i].expression};
    gint64 due = 0;
    g_test_message("%s", cases[i].expression);
    g_autoptr(Error) error = schedule_next(&rules, ms(cases[i].from), &due);
    g_assert_cmpint(error == NULL, ==, cases[i].next != NULL);
    if (cases[i].next)
      g_assert_cmpint(due, ==, ms(cases[i].next));
  }
}

static void
test_days(void)
{
  SecretsmanagerRotationRulesType rules = {.AutomaticallyAfterDays = OPT_INT(30)};
  gint64 due = 0;
  g_autoptr(Error) error = schedule_next(&rules, 0, &due);
  g_assert_null(error);
  g_assert_cmpint(due, ==, 30 * 24 * 3600 * G_GINT64_CONSTANT(1000));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/secretsmanager/schedule/expressions", test_expressions);
  g_test_add_func("/secretsmanager/schedule/days", test_days);
  return g_test_run();
}
