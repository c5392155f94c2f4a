#include <string.h>

#include "services/cloudwatch/alarm.h"

gboolean
threshold_breached(const char *comparison, double value, double threshold)
{
  if (strcmp(comparison, "GreaterThanThreshold") == 0)
    return value > threshold;
  if (strcmp(comparison, "GreaterThanOrEqualToThreshold") == 0)
    return value >= threshold;
  if (strcmp(comparison, "LessThanThreshold") == 0)
    return value < threshold;
  return value <= threshold;
}

typedef struct Tally {
  guint real, breaching;
  guint oldest_breaching; /* its age in periods, from 1 */
} Tally;

/* The newest datapoints that are there, at most N of them, however far back in the range. */
static Tally
tally(const Window *window)
{
  Tally tally = {0};
  for (guint i = 0; i < window->n && tally.real < window->periods; i++) {
    if (!window->v[i].there)
      continue;
    tally.real++;
    if (window->v[i].breaching) {
      tally.breaching++;
      tally.oldest_breaching = i + 1;
    }
  }
  return tally;
}

static gboolean
treats(const Window *window, const char *how)
{
  return strcmp(window->missing, how) == 0;
}

static const char *
judge_none(const Window *window)
{
  if (treats(window, "breaching"))
    return "ALARM";
  if (treats(window, "notBreaching"))
    return "OK";
  return treats(window, "ignore") ? NULL : "INSUFFICIENT_DATA";
}

/* Fewer datapoints than N are there. All that are there breach, and they are fewer than M: with "missing" it is an alarm if the oldest of
 * them is M periods old; until then, and with "ignore", the state stays. */
static const char *
judge_some(const Window *window, const Tally *tally)
{
  guint absent = window->periods - tally->real;
  if (tally->breaching >= window->to_alarm)
    return "ALARM";
  if (treats(window, "breaching"))
    return tally->breaching + absent >= window->to_alarm ? "ALARM" : "OK";
  if (treats(window, "notBreaching") || tally->breaching < tally->real)
    return "OK";
  if (treats(window, "ignore"))
    return NULL;
  return tally->oldest_breaching >= window->to_alarm ? "ALARM" : NULL;
}

/* The points that tell the state: those that breach, or those that do not. */
static void
collect(const Window *window, const Tally *tally, Verdict *ret)
{
  gboolean breaching = ret->state && strcmp(ret->state, "ALARM") == 0;
  guint seen = 0;
  for (guint i = 0; i < window->n && seen < tally->real; i++) {
    if (!window->v[i].there)
      continue;
    seen++;
    if (window->v[i].breaching != breaching)
      continue;
    ret->counted++;
    if (ret->n_used < G_N_ELEMENTS(ret->used))
      ret->used[ret->n_used++] = i;
  }
}

void
window_judge(const Window *window, Verdict *ret)
{
  Tally found = tally(window);
  *ret = (Verdict){.real = found.real};
  if (found.real == 0)
    ret->state = judge_none(window);
  else if (found.real >= window->periods)
    ret->state = found.breaching >= window->to_alarm ? "ALARM" : "OK";
  else
    ret->state = judge_some(window, &found);
  if (found.real < window->periods && (treats(window, "breaching") || treats(window, "notBreaching")))
    ret->treated = window->periods - found.real;
  collect(window, &found, ret);
}
