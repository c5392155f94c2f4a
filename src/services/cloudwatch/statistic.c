#include <math.h>
#include <string.h>

#include "services/cloudwatch/cloudwatch.h"

static const struct {
  const char *name;
  StatisticKind kind;
} plain[] = {
    {"SampleCount", STATISTIC_COUNT},   {"Sum", STATISTIC_SUM},         {"Average", STATISTIC_AVERAGE},
    {"Minimum", STATISTIC_MINIMUM},     {"Maximum", STATISTIC_MAXIMUM},
};

static const struct {
  const char *prefix;
  StatisticKind kind;
} extended[] = {
    {"tm", STATISTIC_TRIMMED_MEAN}, {"wm", STATISTIC_WINSORIZED_MEAN}, {"tc", STATISTIC_TRIMMED_COUNT},
    {"ts", STATISTIC_TRIMMED_SUM},  {"pr", STATISTIC_RANK},            {"p", STATISTIC_PERCENTILE},
};

gboolean
statistic_is_plain(const char *text)
{
  for (gsize i = 0; i < G_N_ELEMENTS(plain); i++)
    if (strcmp(plain[i].name, text) == 0)
      return TRUE;
  return FALSE;
}

/* A number at *at; FALSE: there is none. */
static gboolean
read_number(const char **at, double *ret)
{
  char *end = NULL;
  if (!g_ascii_isdigit(**at) && **at != '.' && **at != '-')
    return FALSE;
  *ret = g_ascii_strtod(*at, &end);
  gboolean read = end != *at && isfinite(*ret);
  *at = end;
  return read;
}

/* "(10%:90%)", "(:300)", "(5%:)": one of the bounds may be missing. */
static gboolean
parse_range(const char *at, Statistic *ret)
{
  gboolean low = FALSE, high = FALSE, percent_low = FALSE, percent_high = FALSE;
  at++;
  low = read_number(&at, &ret->low);
  if (low && *at == '%')
    percent_low = TRUE, at++;
  if (*at++ != ':')
    return FALSE;
  high = read_number(&at, &ret->high);
  if (high && *at == '%')
    percent_high = TRUE, at++;
  if (strcmp(at, ")") != 0 || (!low && !high) || (low && high && percent_low != percent_high))
    return FALSE;
  ret->absolute = !(percent_low || percent_high);
  if (!low)
    ret->low = ret->absolute ? -HUGE_VAL : 0;
  if (!high)
    ret->high = ret->absolute ? HUGE_VAL : 100;
  return ret->low <= ret->high && (ret->absolute || (ret->low >= 0 && ret->high <= 100));
}

static gboolean
parse_extended(StatisticKind kind, const char *rest, Statistic *ret)
{
  *ret = (Statistic){.kind = kind};
  if (*rest == '(')
    return kind != STATISTIC_PERCENTILE && parse_range(rest, ret) && (kind != STATISTIC_RANK || ret->absolute);
  if (kind == STATISTIC_RANK || !read_number(&rest, &ret->high) || *rest)
    return FALSE;
  return ret->high >= 0 && ret->high <= 100;
}

gboolean
statistic_parse(const char *text, Statistic *ret)
{
  for (gsize i = 0; i < G_N_ELEMENTS(plain); i++)
    if (strcmp(plain[i].name, text) == 0) {
      *ret = (Statistic){.kind = plain[i].kind};
      return TRUE;
    }
  if (g_ascii_strcasecmp(text, "iqm") == 0) {
    *ret = (Statistic){.kind = STATISTIC_TRIMMED_MEAN, .low = 25, .high = 75};
    return TRUE;
  }
  for (gsize i = 0; i < G_N_ELEMENTS(extended); i++)
    if (g_ascii_strncasecmp(text, extended[i].prefix, strlen(extended[i].prefix)) == 0)
      return parse_extended(extended[i].kind, text + strlen(extended[i].prefix), ret);
  return FALSE;
}

/* What lies beyond the bounds counts as the values at the bounds. */
static double
winsorized(const Statistic *statistic, const Summary *summary, double count, double sum)
{
  double low = statistic->absolute ? MAX(statistic->low, summary->min) : summary_percentile(summary, statistic->low);
  double high = statistic->absolute ? MIN(statistic->high, summary->max) : summary_percentile(summary, statistic->high);
  double below = 0, above = 0, ignored = 0;
  if (statistic->absolute) {
    summary_between(summary, -HUGE_VAL, nextafter(low, -HUGE_VAL), &below, &ignored);
    above = summary->count - below - count;
  } else {
    below = summary->count * statistic->low / 100;
    above = summary->count * (100 - statistic->high) / 100;
  }
  return (sum + below * low + above * high) / summary->count;
}

static gboolean
trimmed(const Statistic *statistic, const Summary *summary, double *ret)
{
  double count = 0, sum = 0;
  if (statistic->absolute)
    summary_between(summary, statistic->low, statistic->high, &count, &sum);
  else
    summary_trim(summary, statistic->low, statistic->high, &count, &sum);
  if (statistic->kind == STATISTIC_TRIMMED_COUNT)
    *ret = count;
  else if (statistic->kind == STATISTIC_TRIMMED_SUM)
    *ret = sum;
  else if (statistic->kind == STATISTIC_WINSORIZED_MEAN)
    *ret = winsorized(statistic, summary, count, sum);
  else
    *ret = sum / count;
  return count > 0 || statistic->kind == STATISTIC_TRIMMED_COUNT || statistic->kind == STATISTIC_TRIMMED_SUM;
}

gboolean
statistic_of(const Statistic *statistic, const Summary *summary, double *ret)
{
  switch (statistic->kind) {
  case STATISTIC_COUNT:
    *ret = summary->count;
    return TRUE;
  case STATISTIC_SUM:
    *ret = summary->sum;
    return TRUE;
  case STATISTIC_AVERAGE:
    *ret = summary->sum / summary->count;
    return TRUE;
  case STATISTIC_MINIMUM:
    *ret = summary->min;
    return TRUE;
  case STATISTIC_MAXIMUM:
    *ret = summary->max;
    return TRUE;
  case STATISTIC_PERCENTILE:
    *ret = summary_percentile(summary, statistic->high);
    return !summary->opaque;
  case STATISTIC_RANK:
    *ret = summary_rank(summary, statistic->low, statistic->high);
    return !summary->opaque;
  case STATISTIC_TRIMMED_MEAN:
  case STATISTIC_WINSORIZED_MEAN:
  case STATISTIC_TRIMMED_COUNT:
  case STATISTIC_TRIMMED_SUM:
    return !summary->opaque && trimmed(statistic, summary, ret);
  }
  return FALSE;
}
