#include "services/secretsmanager/secretsmanager.h"

const ServiceHooks secretsmanager_hooks = {
  .start = secretsmanager_start,
  .stop = secretsmanager_metrics_stop,
  .access_denied_code = "AccessDeniedException",
};
