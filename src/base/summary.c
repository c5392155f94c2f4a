#include "base/summary.h"

#include <math.h>
#include <string.h>

#include "base/search.h"

enum { BITS_FIRST = 7, MANTISSA_BITS = 52 };

void
summary_clear(Summary *summary)
{
  g_free(summary->values);
  memset(summary, 0, sizeof *summary);
}

/* value with only so many binary digits behind the first, rounded to the nearest. */
static double
round_to_bits(double value, guint bits)
{
  guint64 raw = 0;
  if (bits == 0)
    return value;
  memcpy(&raw, &value, sizeof raw);
  guint drop = MANTISSA_BITS - (bits == 1 ? 0 : bits);
  raw += G_GUINT64_CONSTANT(1) << (drop - 1);
  raw &= ~((G_GUINT64_CONSTANT(1) << drop) - 1);
  memcpy(&value, &raw, sizeof raw);
  return value;
}

typedef struct Wanted {
  const Summary *summary;
  double value;
} Wanted;

static gboolean
is_less(gsize at, gconstpointer data)
{
  const Wanted *wanted = data;
  return wanted->summary->values[at].value < wanted->value;
}

/* The place of value, or of the first greater one. */
static guint
find(const Summary *summary, double value)
{
  return (guint) search_first(summary->n_values, is_less, &(Wanted) {summary, value});
}

/* Keeps all values with fewer digits; equal ones become one. */
static void
coarsen(Summary *summary)
{
  guint n = 0;
  summary->bits = summary->bits == 0 ? BITS_FIRST : summary->bits - 1;
  for (guint i = 0; i < summary->n_values; i++) {
    SummaryValue kept = {round_to_bits(summary->values[i].value, summary->bits), summary->values[i].count};
    if (n > 0 && summary->values[n - 1].value >= kept.value)
      summary->values[n - 1].count += kept.count;
    else
      summary->values[n++] = kept;
  }
  summary->n_values = n;
}

static void
insert(Summary *summary, guint at, SummaryValue value)
{
  if (summary->n_values == summary->room) {
    summary->room = summary->room ? MIN(summary->room * 2, SUMMARY_VALUES_MAX) : 4;
    summary->values = g_renew(SummaryValue, summary->values, summary->room);
  }
  memmove(summary->values + at + 1, summary->values + at, (summary->n_values - at) * sizeof *summary->values);
  summary->values[at] = value;
  summary->n_values++;
}

static void
add_value(Summary *summary, double value, double count)
{
  for (;;) {
    double kept = round_to_bits(value, summary->bits);
    guint at = find(summary, kept);
    if (at < summary->n_values && summary->values[at].value <= kept) {
      summary->values[at].count += count;
      return;
    }
    if (summary->n_values < SUMMARY_VALUES_MAX) {
      insert(summary, at, (SummaryValue){kept, count});
      return;
    }
    if (summary->bits == 1) { /* powers of two, and still too many */
      summary->values[MIN(at, summary->n_values - 1)].count += count;
      return;
    }
    coarsen(summary);
  }
}

static void
add_totals(Summary *summary, double count, double sum, double min, double max)
{
  summary->min = summary->count > 0 ? MIN(summary->min, min) : min;
  summary->max = summary->count > 0 ? MAX(summary->max, max) : max;
  summary->count += count;
  summary->sum += sum;
}

void
summary_add(Summary *summary, double value, double count)
{
  add_totals(summary, count, value * count, value, value);
  add_value(summary, value, count);
}

void
summary_add_statistics(Summary *summary, double count, double sum, double min, double max)
{
  add_totals(summary, count, sum, min, max);
  if (count <= 1 || min >= max)
    add_value(summary, count <= 1 ? sum / count : min, count);
  else
    summary->opaque = TRUE;
}

void
summary_merge(Summary *summary, const Summary *other)
{
  if (other->count <= 0)
    return;
  add_totals(summary, other->count, other->sum, other->min, other->max);
  summary->opaque = summary->opaque || other->opaque;
  while (summary->bits != other->bits && other->bits != 0 && (summary->bits == 0 || summary->bits > other->bits))
    coarsen(summary);
  for (guint i = 0; i < other->n_values; i++)
    add_value(summary, other->values[i].value, other->values[i].count);
}

static double
counted(const Summary *summary)
{
  double all = 0;
  for (guint i = 0; i < summary->n_values; i++)
    all += summary->values[i].count;
  return all;
}

double
summary_percentile(const Summary *summary, double percent)
{
  double wanted = counted(summary) * percent / 100, seen = 0;
  for (guint i = 0; i < summary->n_values; i++) {
    seen += summary->values[i].count;
    if (seen >= wanted - 1e-9 && seen > 0)
      return CLAMP(summary->values[i].value, summary->min, summary->max);
  }
  return summary->count > 0 ? summary->max : 0;
}

double
summary_rank(const Summary *summary, double low, double high)
{
  double all = counted(summary), in = 0;
  for (guint i = 0; i < summary->n_values; i++)
    if (summary->values[i].value > low && summary->values[i].value <= high)
      in += summary->values[i].count;
  return all > 0 ? 100 * in / all : 0;
}

void
summary_trim(const Summary *summary, double low, double high, double *ret_count, double *ret_sum)
{
  double all = counted(summary), from = all * low / 100, to = all * high / 100, seen = 0, count = 0, sum = 0;
  for (guint i = 0; i < summary->n_values; i++) {
    double begin = MAX(seen, from), end = MIN(seen + summary->values[i].count, to);
    if (end > begin) {
      count += end - begin;
      sum += (end - begin) * summary->values[i].value;
    }
    seen += summary->values[i].count;
  }
  *ret_count = count;
  *ret_sum = sum;
}

void
summary_between(const Summary *summary, double low, double high, double *ret_count, double *ret_sum)
{
  double count = 0, sum = 0;
  for (guint i = 0; i < summary->n_values; i++)
    if (summary->values[i].value >= low && summary->values[i].value <= high) {
      count += summary->values[i].count;
      sum += summary->values[i].count * summary->values[i].value;
    }
  *ret_count = count;
  *ret_sum = sum;
}
