#include "services/secretsmanager/secretsmanager.h"

const ServiceHooks secretsmanager_hooks = {
  .start = secretsmanager_start,
  .access_denied_code = "AccessDeniedException",
};
