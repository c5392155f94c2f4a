#include "services/rds/rds.h"

const ServiceHooks rds_hooks = {
  .start = rds_start,
  .stop = rds_stop,
  .access_denied_code = "AccessDenied",
};
