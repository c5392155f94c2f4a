#include "services/apigateway/apigateway.h"

const ServiceHooks apigateway_hooks = {
  .serves = serves,
  .serve = serve,
  .access_denied_code = "AccessDeniedException",
};
