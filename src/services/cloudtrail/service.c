#include "services/cloudtrail/cloudtrail.h"

static Error *
start(Haar *haar)
{
  trail_register(haar);
  trail_admin(haar);
  return record_start(haar);
}

const ServiceHooks cloudtrail_hooks = {.start = start, .stop = record_stop, .records = record_wants, .called = record_call};
