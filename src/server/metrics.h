/* metrics: what haar's parts measure of themselves for CloudWatch, cheaply: kept in memory by series and by minute of the clock, and
 * taken from there by the service cloudwatch, each minute and before anything of it is read. What is read is complete; a kill -9 loses
 * at most the minute in flight. Any thread.
 *
 * One measurement costs about a tenth of a microsecond with a handle (metric_open), two to three tenths without. The namespace, name,
 * dimensions and unit must be those that AWS documents for the service. At most LIMIT_METRIC_SERIES_MAX series at a time; what is
 * measured beyond is dropped, and said once in the log. */
#pragma once

#include "base/base.h"

typedef struct Haar Haar;
typedef struct Metrics Metrics;
typedef struct Metric Metric;

/* What a series is. dimensions: name, value, name, value, ..., NULL; NULL: none. A value that is NULL ends them. unit: "Count",
 * "Milliseconds", "Bytes", "Percent", ... or NULL ("None"). All is copied where it is kept. */
typedef struct MetricSeries {
  const char *account, *region;
  const char *name_space, *name, *unit;
  const char *const *dimensions;
} MetricSeries;
/* METRIC_DIMENSIONS("TableName", table, "Operation", "PutItem") */
#define METRIC_DIMENSIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Measures once: value at clock_now(). */
void metric_add(const Haar *haar, const MetricSeries *series, double value);
/* The same, for what happened at another time (ms) or count times. */
void metric_add_at(const Haar *haar, const MetricSeries *series, gint64 ms, double value, double count);

/* A series to be kept where it is measured often. NULL if there are too many. transfer full: metric_close. It may outlive the
 * resource; close it when the resource goes. */
Metric *metric_open(const Haar *haar, const MetricSeries *series);
/* NULL does nothing. */
void metric_record(Metric *metric, double value);
void metric_close(Metric *metric);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Metric, metric_close)

/* Gauges: sample(haar, data) is called on a worker thread at the end of each minute of the clock; it measures what is (connections, memory)
 * and calls metric_add, with the haar that it is given (its metrics are for this sample only). It may block for a second. If the clock
 * jumps it is called once; the values count for each of the minutes between, a day of them at most. Register in a start hook. */
typedef void (*MetricSampler)(Haar *haar, gpointer data);
void metrics_sampler(Haar *haar, MetricSampler sample, gpointer data);

/* --- for main.c and the service cloudwatch --- */

Metrics *metrics_new(void);
void metrics_free(Metrics *metrics);

/* A series' measurements of one minute. Owned by who took it. */
typedef struct MetricMinute {
  MetricSeries series;
  gint64 minute; /* ms of its begin */
  Summary summary;
  char *text; /* what series points into */
} MetricMinute;
void metric_minute_free(MetricMinute *minute);
/* Takes all that was measured and not yet taken, of this minute too. transfer full: an array of MetricMinute, which frees them; NULL if
 * there is none. */
GPtrArray *metrics_take(const Haar *haar);
/* What all samplers measure now. transfer full: as metrics_take. */
GPtrArray *metrics_sample(const Haar *haar);
