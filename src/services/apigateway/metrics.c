/* AWS/ApiGateway in CloudWatch: by API, by API and stage, and by method too where the stage asks for detailed metrics.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html */
#include "services/apigateway/apigateway.h"

#include <string.h>

typedef struct Measure {
  const char *name, *unit;
  double value;
} Measure;

/* The settings of a method, or of all: "~1pets/GET" or "*" "/" "*". */
static gboolean
is_detailed(const Passage *p)
{
  g_auto(GStrv) parts = g_strsplit(p->match.resource->path, "/", -1);
  g_autofree char *path = g_strjoinv("~1", parts), *key = g_strconcat(path, "/", p->request->method, NULL);
  ApigatewayMethodSetting **own = MAP_FIND(&p->stage->methodSettings, key), **all = MAP_FIND(&p->stage->methodSettings, "*/*");
  ApigatewayMethodSetting *setting = own ? *own : all ? *all : NULL;
  return setting && OPT_OR(setting->metricsEnabled, FALSE);
}

static void
add(Haar *haar, const Passage *p, const Measure *measure, gboolean detailed)
{
  MetricSeries series = {p->account, p->region, "AWS/ApiGateway", measure->name, measure->unit, METRIC_DIMENSIONS("ApiName", p->api->name)};
  metric_add(haar, &series, measure->value);
  series.dimensions = METRIC_DIMENSIONS("ApiName", p->api->name, "Stage", p->stage_name);
  metric_add(haar, &series, measure->value);
  if (!detailed)
    return;
  series.dimensions = METRIC_DIMENSIONS("ApiName", p->api->name, "Stage", p->stage_name, "Resource", p->match.resource->path, "Method", p->request->method);
  metric_add(haar, &series, measure->value);
}

void
measure_passage(Haar *haar, const Passage *p, gint64 took_us)
{
  int status = p->measures->status;
  gboolean detailed = p->match.resource && is_detailed(p);
  const Measure measures[] = {
      {"Count", "Count", 1},
      {"4XXError", "Count", status >= 400 && status < 500},
      {"5XXError", "Count", status >= 500},
      {"Latency", "Milliseconds", (double) took_us / 1000},
      {"IntegrationLatency", "Milliseconds", (double) p->measures->integration_us / 1000},
  };
  gsize n = G_N_ELEMENTS(measures) - (p->measures->integration_us < 0);
  for (gsize i = 0; i < n; i++)
    add(haar, p, &measures[i], detailed);
}
