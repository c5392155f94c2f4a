/* Why an alarm is in its state, in AWS's words. */
#include <math.h>
#include <string.h>

#include "services/cloudwatch/alarm.h"

enum { NAMED_MAX = 5 };

/* "27/11/26 17:10:00" */
static char *
short_time(Arena *arena, gint64 ms)
{
  g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(ms / 1000);
  g_autofree char *text = g_date_time_format(time, "%d/%m/%y %H:%M:%S");
  return arena_strdup(arena, text);
}

char *
offset_time(Arena *arena, gint64 ms)
{
  g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(ms / 1000);
  g_autofree char *text = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S");
  return arena_printf(arena, "%s.%03d+0000", text, (int) (ms % 1000));
}

static const char *
comparison_words(const char *comparison)
{
  static const char *const words[][2] = {
      {"GreaterThanThreshold", "greater than"},
      {"GreaterThanOrEqualToThreshold", "greater than or equal to"},
      {"LessThanThreshold", "less than"},
      {"LessThanOrEqualToThreshold", "less than or equal to"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
    if (strcmp(words[i][0], comparison) == 0)
      return words[i][1];
  return comparison;
}

static const char *
plural(guint n)
{
  return n == 1 ? "" : "s";
}

static const char *
points_text(Arena *arena, const Window *window, const Verdict *verdict)
{
  g_autoptr(GString) text = g_string_new(NULL);
  for (guint i = 0; i < verdict->n_used && i < NAMED_MAX; i++) {
    const WindowPoint *point = &window->v[verdict->used[i]];
    g_string_append_printf(text, "%s%s (%s)", i ? ", " : "", cloudwatch_number(arena, point->value), short_time(arena, point->ms));
  }
  return arena_strdup(arena, text->str);
}

static const char *
treated_text(Arena *arena, const Window *window, const Verdict *verdict)
{
  return arena_printf(arena, "%u missing datapoint%s %s treated as [%s]", verdict->treated, plural(verdict->treated), verdict->treated == 1 ? "was" : "were",
                      strcmp(window->missing, "breaching") == 0 ? "Breaching" : "NonBreaching");
}

const char *
reason_text(Arena *arena, const CloudwatchMetricAlarm *alarm, const Window *window, const Verdict *verdict)
{
  guint periods = window->periods, unknown = periods - verdict->real;
  if (strcmp(verdict->state, "INSUFFICIENT_DATA") == 0)
    return arena_printf(arena, "Insufficient Data: %u datapoint%s %s unknown.", unknown, plural(unknown), unknown == 1 ? "was" : "were");
  if (verdict->real == 0)
    return arena_printf(arena, "Threshold Crossed: no datapoints were received for %u period%s and %s.", periods, plural(periods), treated_text(arena, window, verdict));
  gboolean alarming = strcmp(verdict->state, "ALARM") == 0;
  guint least = alarming ? window->to_alarm : periods - window->to_alarm + 1;
  const char *treated = verdict->treated ? arena_printf(arena, " and %s", treated_text(arena, window, verdict)) : "";
  if (verdict->counted == 0)
    return arena_printf(arena, "Threshold Crossed: %s (minimum %u datapoint%s for %s transition).", treated_text(arena, window, verdict), least, plural(least),
                        alarming ? "OK -> ALARM" : "ALARM -> OK");
  return arena_printf(arena, "Threshold Crossed: %u out of the last %u datapoints [%s] %s %s%s the threshold (%s)%s (minimum %u datapoint%s for %s transition).",
                      verdict->counted, periods, points_text(arena, window, verdict), verdict->counted == 1 ? "was" : "were", alarming ? "" : "not ",
                      comparison_words(alarm->ComparisonOperator), cloudwatch_number(arena, alarm->Threshold.v), treated, least, plural(least),
                      alarming ? "OK -> ALARM" : "ALARM -> OK");
}

static gint64
period_of(const CloudwatchMetricAlarm *alarm)
{
  return alarm->Period.set ? alarm->Period.v : queries_period(&alarm->Metrics) / 1000;
}

const char *
reason_data(Arena *arena, const CloudwatchMetricAlarm *alarm, const Window *window, gint64 ms)
{
  Json *data = json_new_object(arena), *recent = json_new_array(arena), *evaluated = json_new_array(arena);
  gint64 period = period_of(alarm);
  json_set(arena, data, "version", json_new_string(arena, "1.0"));
  json_set(arena, data, "queryDate", json_new_string(arena, offset_time(arena, ms)));
  json_set(arena, data, "startDate", json_new_string(arena, offset_time(arena, ms - period * 1000 * window->periods)));
  if (alarm->Unit)
    json_set(arena, data, "unit", json_new_string(arena, alarm->Unit));
  if (alarm->Statistic || alarm->ExtendedStatistic)
    json_set(arena, data, "statistic", json_new_string(arena, alarm->Statistic ? alarm->Statistic : alarm->ExtendedStatistic));
  json_set(arena, data, "period", json_new_int(arena, period));
  for (guint i = MIN(window->n, window->periods); i > 0; i--) {
    const WindowPoint *point = &window->v[i - 1];
    Json *item = json_new_object(arena);
    json_set(arena, item, "timestamp", json_new_string(arena, offset_time(arena, point->ms)));
    if (point->there) {
      if (point->count > 0)
        json_set(arena, item, "sampleCount", cloudwatch_json_number(arena, point->count));
      json_set(arena, item, "value", cloudwatch_json_number(arena, point->value));
      json_append(arena, recent, cloudwatch_json_number(arena, point->value));
    }
    json_append(arena, evaluated, item);
  }
  json_set(arena, data, "recentDatapoints", recent);
  json_set(arena, data, "threshold", cloudwatch_json_number(arena, alarm->Threshold.v));
  json_set(arena, data, "evaluatedDatapoints", evaluated);
  return json_text(arena, data);
}
