/* Route 53: what its files stand on. */
#include "services/route53/route53.h"

#include <string.h>

const Table route53_zones = {"route53.zones"};
const Table route53_records = {"route53.records"};
const Table route53_changes = {"route53.changes"};
const Table route53_checks = {"route53.checks"};
const Table route53_sets = {"route53.sets"};

enum { PAGE_MAX = 100 };

Edge *
edge_of(const Haar *haar)
{
  return haar_state(haar, "route53");
}

static Error *
start(Haar *haar)
{
  Edge *edge = g_new0(Edge, 1);
  haar_set_state(haar, "route53", edge);
  edge->view = view_new(haar);
  TRY(health_start(haar, &edge->health));
  return dns_server_start(haar, &edge->server);
}

static void
stop(Haar *haar)
{
  Edge *edge = edge_of(haar);
  if (!edge)
    return;
  dns_server_stop(edge->server);
  health_stop(edge->health);
  view_free(edge->view);
  g_free(edge);
}

const ServiceHooks route53_hooks = {.start = start, .stop = stop, .access_denied_code = "AccessDenied"};

const char *
plain_id(const char *id)
{
  const char *slash = id ? strrchr(id, '/') : NULL;
  return slash ? slash + 1 : id;
}

static Error *
named_resource(Call *call, const void *in, const char *kind, const char *const *members, Authorization *auth)
{
  for (guint i = 0; members[i]; i++) {
    const char *id = call_input_text(call, in, members[i]);
    if (id)
      auth->resource = arena_printf(call->arena, "arn:aws:route53:::%s/%s", kind, plain_id(id));
  }
  return NULL;
}

Error *
zone_resource(Call *call, const void *in, Authorization *auth)
{
  static const char *const members[] = {"Id", "HostedZoneId", NULL};
  return named_resource(call, in, "hostedzone", members, auth);
}

Error *
check_resource(Call *call, const void *in, Authorization *auth)
{
  static const char *const members[] = {"HealthCheckId", NULL};
  return named_resource(call, in, "healthcheck", members, auth);
}

Error *
zones_page(Call *call, const char *max_items, gsize from, gsize n, Page *ret_page)
{
  gint64 max = PAGE_MAX;
  if (max_items && !g_ascii_string_to_signed(max_items, 10, 1, G_MAXINT32, &max, NULL))
    return error_answer("InvalidInput", "Invalid value '%s' for maxItems: it has to be a positive integer", max_items);
  *ret_page = (Page) {.from = MIN(from, n), .max = arena_printf(call->arena, "%d", (int) max)};
  ret_page->to = MIN(ret_page->from + (gsize) MIN(max, 300), n);
  ret_page->truncated = ret_page->to < n;
  return NULL;
}
