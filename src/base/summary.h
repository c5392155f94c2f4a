/* summary: what is remembered of many measurements: how many, their sum, least and greatest, and how often each value was there, so
 * that percentiles can be told.
 *
 * Count, sum, minimum and maximum are exact. Up to SUMMARY_VALUES_MAX different values are exact too; from then on values are kept
 * with seven binary digits behind the first (an error below 0.4 %), and with fewer if that is still too many. Not thread-safe. */
#pragma once

#include <glib.h>

enum { SUMMARY_VALUES_MAX = 400 };

typedef struct SummaryValue {
  double value, count;
} SummaryValue;

typedef struct Summary {
  double count, sum, min, max; /* count 0: nothing was measured, and min and max mean nothing */
  SummaryValue *values;        /* sorted; heap */
  guint n_values, room;
  guint bits;                  /* binary digits that values are kept with; 0: all */
  gboolean opaque;             /* a part of the counts came without values (statistic sets): percentiles cannot be told */
} Summary;

/* Frees what it holds and empties it. */
void summary_clear(Summary *summary);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Summary, summary_clear)
/* count > 0 measurements of one value. */
void summary_add(Summary *summary, double value, double count);
/* Measurements of which only these are known. count > 0. Where min = max or count is 1 their values are known all the same. */
void summary_add_statistics(Summary *summary, double count, double sum, double min, double max);
void summary_merge(Summary *summary, const Summary *other);

/* The smallest value that percent (0 to 100) of the measurements do not exceed, interpolated to nothing: a measured value. 0 if empty. */
double summary_percentile(const Summary *summary, double percent);
/* The part of the measurements, in percent, that lie in (low, high]; low may be -HUGE_VAL, high HUGE_VAL. */
double summary_rank(const Summary *summary, double low, double high);
/* Of the measurements from the share low to the share high (percent, by rank): count, and sum. For trimmed means and their like. */
void summary_trim(const Summary *summary, double low, double high, double *ret_count, double *ret_sum);
/* Of the measurements with values from low to high. */
void summary_between(const Summary *summary, double low, double high, double *ret_count, double *ret_sum);
