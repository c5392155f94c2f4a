/* health: one look at what a health check watches. */
#pragma once

#include "services/route53/route53.h"

typedef struct Probe {
  gboolean good;
  gboolean at_once;      /* it counts by itself, without a threshold (alarms) */
  const char *status;    /* "Success: HTTP Status Code 200, OK"; arena */
} Probe;

/* Looks once, from the region's internet; blocks for some seconds at most. */
void probe_run(Haar *haar, Arena *arena, const char *id, const char *account, const Route53HealthCheckConfig *config, Probe *ret_probe);
