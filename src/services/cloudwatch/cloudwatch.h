/* What the files of CloudWatch share. All results arena, unless said otherwise. */
#pragma once

#include "services/cloudwatch.gen.h"

enum { CLOUDWATCH_MINUTE_MS = 60000, CLOUDWATCH_HIGH_MS = 10000 };

typedef struct CloudwatchState {
  GMutex drain;
  gint64 sampled; /* gauges: the end of the last minute that has them; of the evaluation's job */
} CloudwatchState;

/* --- measurements (data.c) --- */

/* A metric: which of an account's series. dimensions in any order. */
typedef struct MetricId {
  const char *name_space, *name;
  const CloudwatchDimensions *dimensions; /* or NULL */
} MetricId;

/* Merges measurements into the datapoint at ms (a multiple of 1 s), and remembers the metric. Write transaction. */
Error *data_add(Txn *txn, Arena *arena, const char *region, const char *account, const MetricId *metric, const char *unit, gint64 ms,
                const Summary *summary) ERROR_MUST_USE;
/* Puts what haar's parts have measured into the store (server/metrics.h), and waits for whoever is at it. Not on the writer thread. */
Error *data_drain(Haar *haar) ERROR_MUST_USE;
/* Measures the gauges and puts them into the minutes that ended up to now and have none. */
Error *data_sample(Haar *haar, gint64 now) ERROR_MUST_USE;

/* A datapoint of a period. */
typedef struct DataPoint {
  gint64 ms; /* of its begin */
  Summary *summary;
} DataPoint;
typedef struct DataPoints {
  gsize n;
  DataPoint *v;
} DataPoints;
/* The datapoints of [from, to), those of one period in one, in order; unit NULL: all units. period_ms: a multiple of 1 s. Periods begin at
 * from. Summaries are freed with the arena. call->txn is set. */
Error *data_fetch(Call *call, const MetricId *metric, const char *unit, gint64 from, gint64 to, gint64 period_ms, DataPoints *ret) ERROR_MUST_USE;
/* Of raw datapoints, those of one period in one. */
void data_periods(Arena *arena, const DataPoints *raw, gint64 from, gint64 period_ms, DataPoints *ret);
/* An empty summary that is cleared with the arena. */
Summary *data_summary(Arena *arena);
/* As stored, without putting periods together. */
Error *data_fetch_raw(Call *call, const MetricId *metric, const char *unit, gint64 from, gint64 to, DataPoints *ret) ERROR_MUST_USE;
/* The metric as it is remembered; NULL in *ret: nothing was ever measured. */
Error *data_metric(Call *call, const MetricId *metric, CloudwatchMetricRecord **ret) ERROR_MUST_USE;
typedef struct MetricRecords {
  gsize n;
  CloudwatchMetricRecord **v;
} MetricRecords;
/* All of the account and region, of a namespace if it is not NULL, in the order of namespace and name. */
Error *data_metrics(Call *call, const char *name_space, MetricRecords *ret) ERROR_MUST_USE;
/* A time as AWS rounds the begin of a query: by its age, to the minute, five minutes or the hour. period_ms below a minute: to that.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html */
gint64 data_round_start(gint64 start, gint64 now, gint64 period_ms);
/* Registers the job that makes old datapoints coarser and drops the oldest (retention.c). */
void cloudwatch_retention_register(Haar *haar);
Error *cloudwatch_retention_schedule(Txn *txn, Haar *haar, gint64 due) ERROR_MUST_USE;
extern const Table cloudwatch_metric_table, cloudwatch_data_table;
Error *data_decode(const guint8 *data, gsize size, Summary *ret) ERROR_MUST_USE;
GByteArray *data_encode(const Summary *summary);

/* --- statistics (statistic.c) --- */

typedef enum { STATISTIC_COUNT, STATISTIC_SUM, STATISTIC_AVERAGE, STATISTIC_MINIMUM, STATISTIC_MAXIMUM, STATISTIC_PERCENTILE,
               STATISTIC_TRIMMED_MEAN, STATISTIC_WINSORIZED_MEAN, STATISTIC_TRIMMED_COUNT, STATISTIC_TRIMMED_SUM, STATISTIC_RANK } StatisticKind;

typedef struct Statistic {
  StatisticKind kind;
  double low, high;
  gboolean absolute; /* low and high are values, not percent */
} Statistic;
/* "Sum", "p99.9", "TM(10%:90%)", "tc90", "PR(:300)", "IQM". FALSE: it is none.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html */
gboolean statistic_parse(const char *text, Statistic *ret);
gboolean statistic_is_plain(const char *text);
/* FALSE: it cannot be told (percentiles of statistic sets). */
gboolean statistic_of(const Statistic *statistic, const Summary *summary, double *ret);

/* --- checks (check.c) --- */

Error *cloudwatch_check_metric(Arena *arena, const char *name_space, const char *name, const CloudwatchDimensions *dimensions) ERROR_MUST_USE;
/* n things from a token of ours ("" or NULL: the begin); *ret_token NULL: no more. */
typedef struct CloudwatchPage {
  gsize from, to;
  const char *token;
} CloudwatchPage;
Error *cloudwatch_page(Arena *arena, gsize n, const char *token, gsize most, CloudwatchPage *ret) ERROR_MUST_USE;
/* "5.0", "0.25": a double as AWS writes it in reasons and messages. */
char *cloudwatch_number(Arena *arena, double value);
/* The same as JSON: AWS writes 1.0, not 1. */
Json *cloudwatch_json_number(Arena *arena, double value);

/* --- metric data queries (query.c) --- */

#include "services/cloudwatch/math.h"

/* A set of queries that may name each other, over [from, to). */
typedef struct Queries {
  Call *call;
  const CloudwatchMetricDataQueries *in;
  gint64 from, to;
  struct QueryResult *results; /* query.c's */
  MathWorld world;
} Queries;
/* AWS's checks of ids, forms, periods, statistics and expressions. path: "MetricDataQueries" or "Metrics", for messages. */
Error *queries_check(Arena *arena, const CloudwatchMetricDataQueries *in, const char *path) ERROR_MUST_USE;
/* call->txn is set when queries are evaluated. */
void queries_init(Queries *queries, Call *call, const CloudwatchMetricDataQueries *in, gint64 from, gint64 to);
Error *queries_evaluate(Queries *queries, gsize at, MathValue *ret) ERROR_MUST_USE;
/* The greatest period of the metrics among them, ms; at least a minute if there is none. */
gint64 queries_period(const CloudwatchMetricDataQueries *in);
/* A series of datapoints by a statistic. */
MathSeries *query_series(Arena *arena, const DataPoints *points, const Statistic *statistic, gint64 period_ms);

/* Whether SEARCH's words find a metric (search.c). Wrong: an answer ValidationError. */
Error *search_check(const char *search) ERROR_MUST_USE;
gboolean search_finds(const char *search, const CloudwatchMetricRecord *record);
