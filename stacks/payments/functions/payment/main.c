/* The payment function. What it does is in payment.h; what it needs from the stack in config.h. */
#include "config.h"
#include "handler.h"

int
main(void)
{
  Config config = {0};
  config_read(&config);
  if (!config.region)
    return lambda_init_fail("Configuration", "the environment variable AWS_REGION is missing");
  Handler *handler = handler_new(&config);
  if (!handler)
    return lambda_init_fail("Start", "no memory, or libcurl cannot start");
  int status = lambda_run(handler_run, handler);
  handler_free(handler);
  return status;
}
