#include "services/apigateway/apigateway.h"

/* Lambda has ended its functions by now: nothing waits for long. */
static void
stop(Haar *haar)
{
  g_thread_pool_free(haar_state(haar, "apigateway"), FALSE, TRUE);
}

const ServiceHooks apigateway_hooks = {
  .start = start_invoking,
  .stop = stop,
  .serves = apigateway_serves,
  .serve = apigateway_serve,
  .access_denied_code = "AccessDeniedException",
};
