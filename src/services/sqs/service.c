#include "services/sqs/sqs.h"

static Error *
start(Haar *haar)
{
  sqs_sweep_register(haar);
  sqs_move_register(haar);
  sqs_metrics_register(haar);
  return NULL;
}

const ServiceHooks sqs_hooks = {.start = start};
