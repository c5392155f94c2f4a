/* The payment function. What it does is in payment.h; what it needs from the stack in config.h. */
#include "config.h"
#include "handler.h"

int
main(void)
{
  Config config = {0};
  const char *wrong = config_read(&config);
  if (wrong)
    return lambda_init_fail("Configuration", "the environment variable %s is missing or wrong", wrong);
  Handler *handler = handler_new(&config);
  if (!handler)
    return lambda_init_fail("Start", "no memory, or libcurl cannot start");
  int status = lambda_run(handler_run, handler);
  handler_free(handler);
  return status;
}
