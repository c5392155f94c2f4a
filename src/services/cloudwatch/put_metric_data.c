/* PutMetricData: a value, a statistic set, or values and how often each was there; in standard (a minute) or high resolution (a second).
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html */
#include <math.h>
#include <string.h>

#include "services/cloudwatch/cloudwatch.h"

enum { DATA_MAX = 1000, VALUES_MAX = 150 };
static const gint64 oldest_ms = G_GINT64_CONSTANT(14) * 24 * 3600 * 1000, newest_ms = G_GINT64_CONSTANT(2) * 3600 * 1000;

typedef struct Datum {
  const CloudwatchMetricDatum *in;
  gsize number; /* from 1 */
} Datum;

static Error *
bad_value(const Datum *datum, const char *member, const char *what)
{
  return error_answer("InvalidParameterValue", "The value %s for parameter MetricData.member.%" G_GSIZE_FORMAT ".%s is invalid.", what, datum->number, member);
}

/* Values from 2^-360 to 2^360, and none that is not a number. */
static Error *
check_number(const Datum *datum, const char *member, double value)
{
  if (isnan(value))
    return bad_value(datum, member, "NaN");
  if (fabs(value) > ldexp(1, 360))
    return bad_value(datum, member, isinf(value) ? "Infinity" : "of more than 2^360");
  return NULL;
}

static Error *
check_statistics(const Datum *datum)
{
  const CloudwatchStatisticSet *set = datum->in->StatisticValues;
  TRY(check_number(datum, "StatisticValues.SampleCount", set->SampleCount.v));
  TRY(check_number(datum, "StatisticValues.Sum", set->Sum.v));
  TRY(check_number(datum, "StatisticValues.Minimum", set->Minimum.v));
  TRY(check_number(datum, "StatisticValues.Maximum", set->Maximum.v));
  if (set->SampleCount.v <= 0)
    return error_answer("InvalidParameterValue", "The parameter MetricData.member.%" G_GSIZE_FORMAT ".StatisticValues.SampleCount must be greater than 0.", datum->number);
  if (set->Maximum.v < set->Minimum.v)
    return error_answer("InvalidParameterValue", "The parameter MetricData.member.%" G_GSIZE_FORMAT ".StatisticValues.Maximum must be greater than or equal to Minimum.", datum->number);
  return NULL;
}

static Error *
check_values(const Datum *datum)
{
  const CloudwatchMetricDatum *in = datum->in;
  if (in->Values.n > VALUES_MAX)
    return error_answer("InvalidParameterValue", "The collection MetricData.member.%" G_GSIZE_FORMAT ".Values must not have a size greater than %d.", datum->number, VALUES_MAX);
  if (in->Counts.v && in->Counts.n != in->Values.n)
    return error_answer("InvalidParameterValue", "The parameters MetricData.member.%" G_GSIZE_FORMAT ".Values and MetricData.member.%" G_GSIZE_FORMAT
                                                 ".Counts must be of the same size.", datum->number, datum->number);
  for (gsize i = 0; i < in->Values.n; i++) {
    TRY(check_number(datum, "Values", in->Values.v[i].v));
    if (in->Counts.v)
      TRY(check_number(datum, "Counts", in->Counts.v[i].v));
    if (in->Counts.v && in->Counts.v[i].v < 0)
      return bad_value(datum, "Counts", "below 0");
  }
  return NULL;
}

static Error *
check_time(const Call *call, const Datum *datum)
{
  if (!datum->in->Timestamp.set)
    return NULL;
  gint64 ms = datum->in->Timestamp.ms;
  if (ms < call->now - oldest_ms)
    return error_answer("InvalidParameterValue", "The parameter MetricData.member.%" G_GSIZE_FORMAT ".Timestamp must specify a time no more than two weeks in the past.", datum->number);
  if (ms > call->now + newest_ms)
    return error_answer("InvalidParameterValue", "The parameter MetricData.member.%" G_GSIZE_FORMAT ".Timestamp must specify a time no more than two hours in the future.", datum->number);
  return NULL;
}

static Error *
check_datum(Call *call, const char *name_space, const Datum *datum)
{
  const CloudwatchMetricDatum *in = datum->in;
  guint forms = (guint) in->Value.set + (in->StatisticValues != NULL) + (in->Values.n > 0);
  TRY(cloudwatch_check_metric(call->arena, name_space, in->MetricName, &in->Dimensions));
  if (forms == 0)
    return error_answer("MissingParameter", "At least one of the parameters MetricData.member.%" G_GSIZE_FORMAT ".Value, MetricData.member.%" G_GSIZE_FORMAT
                                            ".Values or MetricData.member.%" G_GSIZE_FORMAT ".StatisticValues must be specified.", datum->number, datum->number, datum->number);
  if (forms > 1 && in->StatisticValues)
    return error_answer("InvalidParameterCombination", "The parameters MetricData.member.%" G_GSIZE_FORMAT ".Value and MetricData.member.%" G_GSIZE_FORMAT
                                                       ".StatisticValues are mutually exclusive and you have specified both.", datum->number, datum->number);
  if (forms > 1)
    return error_answer("InvalidParameterCombination", "The parameters MetricData.member.%" G_GSIZE_FORMAT ".Value and MetricData.member.%" G_GSIZE_FORMAT
                                                       ".Values are mutually exclusive and you have specified both.", datum->number, datum->number);
  if (in->StorageResolution.set && in->StorageResolution.v != 1 && in->StorageResolution.v != 60)
    return error_answer("InvalidParameterValue", "The value %" G_GINT64_FORMAT " for parameter MetricData.member.%" G_GSIZE_FORMAT
                                                 ".StorageResolution is invalid. It must be 1 or 60.", in->StorageResolution.v, datum->number);
  TRY(check_time(call, datum));
  if (in->StatisticValues)
    return check_statistics(datum);
  return in->Value.set ? check_number(datum, "Value", in->Value.v) : check_values(datum);
}

static void
summarize(const CloudwatchMetricDatum *in, Summary *summary)
{
  if (in->Value.set)
    summary_add(summary, in->Value.v, 1);
  if (in->StatisticValues)
    summary_add_statistics(summary, in->StatisticValues->SampleCount.v, in->StatisticValues->Sum.v, in->StatisticValues->Minimum.v, in->StatisticValues->Maximum.v);
  for (gsize i = 0; i < in->Values.n; i++) {
    double count = in->Counts.v ? in->Counts.v[i].v : 1;
    if (count > 0)
      summary_add(summary, in->Values.v[i].v, count);
  }
}

static Error *
namespace_authorize(Call *call, const void *input, Authorization *auth)
{
  const CloudwatchPutMetricDataInput *in = input;
  MAP_SET(call->arena, &auth->context, "cloudwatch:namespace", in->Namespace);
  return NULL;
}

OPERATION(PutMetricData, put_metric_data, .txn = TXN_WRITE, .action = "cloudwatch:PutMetricData", .authorize = namespace_authorize)
static Error *
put_metric_data(Call *call, const CloudwatchPutMetricDataInput *in, CloudwatchPutMetricDataOutput *ret_out)
{
  if (g_str_has_prefix(in->Namespace, "AWS/") && call->principal->type != PRINCIPAL_SERVICE)
    return error_answer("InvalidParameterValue", "The value AWS/ for parameter Namespace is invalid.");
  if (in->MetricData.n == 0)
    return error_answer("MissingParameter", "The parameter MetricData is required.");
  if (in->MetricData.n > DATA_MAX)
    return error_answer("InvalidParameterValue", "The collection MetricData must not have a size greater than %d.", DATA_MAX);
  for (gsize i = 0; i < in->MetricData.n; i++)
    TRY(check_datum(call, in->Namespace, &(Datum){in->MetricData.v[i], i + 1}));
  for (gsize i = 0; i < in->MetricData.n; i++) {
    const CloudwatchMetricDatum *datum = in->MetricData.v[i];
    g_auto(Summary) summary = {0};
    MetricId metric = {in->Namespace, datum->MetricName, &datum->Dimensions};
    gint64 ms = datum->Timestamp.set ? datum->Timestamp.ms : call->now;
    ms -= ms % (OPT_OR(datum->StorageResolution, 60) * 1000);
    summarize(datum, &summary);
    if (summary.count > 0)
      TRY(data_add(call->txn, call->arena, call->region, call->account, &metric, datum->Unit ? datum->Unit : "None", ms, &summary));
  }
  return NULL;
}
