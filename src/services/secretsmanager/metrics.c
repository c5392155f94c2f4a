/* AWS/SecretsManager's ResourceCount: the secrets of an account in a region, once an hour; those that wait for their deletion count too.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-cloudwatch.html */
#include <string.h>

#include "services/secretsmanager/secretsmanager.h"

static const gint64 hour = 60 * 60 * 1000;

typedef struct Counter { gint64 measured_hour; } Counter;

typedef struct Count {
  Haar *haar;
  gint64 ms, n;
  char *region, *account;
} Count;

static void
publish(const Count *count)
{
  const char *const dimensions[] = {"Class", "None", "Resource", "SecretCount", "Service", "Secrets Manager", "Type", "Resource", NULL};
  if (count->n)
    metric_add_at(count->haar, &(MetricSeries) {count->account, count->region, "AWS/SecretsManager", "ResourceCount", "Count", dimensions}, count->ms,
                  (double) count->n, 1);
}

/* The secrets of one account and region follow each other. */
static Error *
count_all(Call *call, gpointer data)
{
  Count *count = data;
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &secretsmanager_secrets, &(CursorOptions) {0}, &cursor));
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    char *region = NULL, *account = NULL;
    gsize size;
    if (!key_read(&reader, call->arena, &region, &size) || !key_read(&reader, call->arena, &account, &size))
      continue;
    if (g_strcmp0(region, count->region) != 0 || g_strcmp0(account, count->account) != 0) {
      publish(count);
      count->n = 0;
      count->region = region;
      count->account = account;
    }
    count->n++;
  }
  publish(count);
  return NULL;
}

/* Called each minute; does something in the first of an hour. What it measures is of the hour's begin: it goes to haar's own. */
static void
sample(Haar *for_this_minute, gpointer data)
{
  Haar *haar = data;
  Counter *state = haar_state(haar, "secretsmanager");
  Count count = {.haar = haar, .ms = clock_now() / hour * hour};
  if (!state || count.ms == state->measured_hour)
    return;
  state->measured_hour = count.ms;
  g_autoptr(Call) call = call_new(haar, "000000000000", haar->region, NULL);
  g_autoptr(Error) error = call_read(call, count_all, &count);
  if (error)
    log_warning("the secrets could not be counted: %s", error->message);
}

void
secretsmanager_metrics_start(Haar *haar)
{
  Counter *state = g_new0(Counter, 1);
  state->measured_hour = clock_now() / hour * hour;
  haar_set_state(haar, "secretsmanager", state);
  if (haar->metrics)
    metrics_sampler(haar, sample, haar);
}

void
secretsmanager_metrics_stop(Haar *haar)
{
  g_free(haar_state(haar, "secretsmanager"));
}
