#include "services/logs/logs.h"

static Error *
start(Haar *haar)
{
  logs_retention_register(haar);
  logs_admin_register(haar);
  logs_subscriptions_register(haar);
  return NULL;
}

const ServiceHooks logs_hooks = {.start = start};
