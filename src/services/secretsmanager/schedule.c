/* schedule: when a secret rotates.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html */
#include "services/secretsmanager/secretsmanager.h"

#include <string.h>

#define HOUR_MS (3600 * G_GINT64_CONSTANT(1000))
#define DAY_MS (24 * HOUR_MS)

/* The fields of cron(minutes hours day-of-month month day-of-week year): minutes are always 0. */
typedef struct Cron {
  guint64 hours, days, months, weekdays; /* bit sets; weekdays 1 = Sunday */
  gboolean any_day, any_weekday;
} Cron;

static Error *
wrong(const char *expression)
{
  return error_answer("InvalidParameterException", "Invalid ScheduleExpression: %s. Use rate(n hours), rate(n days) or cron(0 hours day month weekday *).",
                      expression);
}

static int
named(const char *text, const char *const *names, int first)
{
  for (int i = 0; names && names[i]; i++)
    if (!g_ascii_strcasecmp(text, names[i]))
      return first + i;
  gint64 value = -1;
  return g_ascii_string_to_signed(text, 10, 0, 9999, &value, NULL) ? (int) value : -1;
}

/* "*", "?", "1,5", "1-5", "MON-FRI", "0/6", "* /4" (without the space). */
static gboolean
parse_field(const char *text, int min, int max, const char *const *names, guint64 *ret_bits)
{
  guint64 bits = 0;
  g_auto(GStrv) parts = g_strsplit(text, ",", 32);
  for (char **part = parts; *part; part++) {
    g_auto(GStrv) step = g_strsplit(*part, "/", 2);
    g_auto(GStrv) range = g_strsplit(step[0] ? step[0] : "", "-", 2);
    int every = step[0] && step[1] ? named(step[1], NULL, 0) : 1;
    gboolean all = step[0] && (!strcmp(step[0], "*") || !strcmp(step[0], "?"));
    int from = all ? min : range[0] ? named(range[0], names, min) : -1;
    int to = all || every > 1 ? max : range[0] && range[1] ? named(range[1], names, min) : from;
    if (from < min || to > max || from > to || every < 1)
      return FALSE;
    for (int i = from; i <= to; i += every)
      bits |= G_GUINT64_CONSTANT(1) << i;
  }
  *ret_bits = bits;
  return bits != 0;
}

static gboolean
parse_cron(const char *inner, Cron *ret_cron)
{
  static const char *const months[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
  static const char *const weekdays[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};
  g_auto(GStrv) fields = g_strsplit(inner, " ", 7);
  if (g_strv_length(fields) != 6 || strcmp(fields[0], "0") || strcmp(fields[5], "*"))
    return FALSE;
  ret_cron->any_day = !strcmp(fields[2], "*") || !strcmp(fields[2], "?");
  ret_cron->any_weekday = !strcmp(fields[4], "*") || !strcmp(fields[4], "?");
  return parse_field(fields[1], 0, 23, NULL, &ret_cron->hours) && parse_field(fields[2], 1, 31, NULL, &ret_cron->days) &&
         parse_field(fields[3], 1, 12, months, &ret_cron->months) && parse_field(fields[4], 1, 7, weekdays, &ret_cron->weekdays);
}

/* The first full hour after `from` that the expression names; within four years, else 0. */
static gint64
cron_next(const Cron *cron, gint64 from)
{
  for (gint64 hour = (from / HOUR_MS + 1) * HOUR_MS, i = 0; i < 4 * 366 * 24; hour += HOUR_MS, i++) {
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(hour / 1000);
    int weekday = g_date_time_get_day_of_week(time) % 7 + 1;
    if ((cron->hours >> g_date_time_get_hour(time) & 1) && (cron->months >> g_date_time_get_month(time) & 1) &&
        (cron->any_day || (cron->days >> g_date_time_get_day_of_month(time) & 1)) && (cron->any_weekday || (cron->weekdays >> weekday & 1)))
      return hour;
  }
  return 0;
}

static Error *
rate_next(const char *expression, const char *inner, gint64 from, gint64 *ret_due)
{
  g_auto(GStrv) words = g_strsplit(inner, " ", 3);
  gint64 n = 0;
  if (g_strv_length(words) != 2 || !g_ascii_string_to_signed(words[0], 10, 1, 999, &n, NULL))
    return wrong(expression);
  gboolean hours = g_str_has_prefix(words[1], "hour");
  if ((!hours && !g_str_has_prefix(words[1], "day")) || (hours && n < 4))
    return wrong(expression);
  *ret_due = from + n * (hours ? HOUR_MS : DAY_MS);
  return NULL;
}

Error *
schedule_next(const SecretsmanagerRotationRulesType *rules, gint64 from, gint64 *ret_due)
{
  *ret_due = 0;
  if (!rules)
    return NULL;
  if (rules->AutomaticallyAfterDays.set && rules->ScheduleExpression)
    return error_answer("InvalidParameterException", "You can't specify both AutomaticallyAfterDays and ScheduleExpression.");
  if (rules->AutomaticallyAfterDays.set) {
    *ret_due = from + rules->AutomaticallyAfterDays.v * DAY_MS;
    return NULL;
  }
  const char *expression = rules->ScheduleExpression;
  if (!expression)
    return NULL;
  gsize n = strlen(expression);
  if (n < 7 || expression[n - 1] != ')')
    return wrong(expression);
  g_autofree char *inner = g_strndup(expression + 5, n - 6);
  if (g_str_has_prefix(expression, "rate("))
    return rate_next(expression, inner, from, ret_due);
  Cron cron = {0};
  if (!g_str_has_prefix(expression, "cron(") || !parse_cron(inner, &cron))
    return wrong(expression);
  *ret_due = cron_next(&cron, from);
  return NULL;
}
