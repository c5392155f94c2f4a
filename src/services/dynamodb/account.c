#include "services/dynamodb/dynamodb.h"

OPERATION(DescribeLimits, describe_limits)
static Error *
describe_limits(Call *call, const DynamodbDescribeLimitsInput *in, DynamodbDescribeLimitsOutput *ret_out)
{
  ret_out->AccountMaxReadCapacityUnits = ret_out->AccountMaxWriteCapacityUnits = OPT_INT(80000);
  ret_out->TableMaxReadCapacityUnits = ret_out->TableMaxWriteCapacityUnits = OPT_INT(40000);
  return NULL;
}

OPERATION(DescribeEndpoints, describe_endpoints)
static Error *
describe_endpoints(Call *call, const DynamodbDescribeEndpointsInput *in, DynamodbDescribeEndpointsOutput *ret_out)
{
  DynamodbEndpoint *endpoint = ARENA_NEW(call->arena, DynamodbEndpoint);
  endpoint->Address = arena_printf(call->arena, "dynamodb.%s.amazonaws.com", call->region);
  endpoint->CachePeriodInMinutes = OPT_INT(1440);
  LIST_APPEND(call->arena, &ret_out->Endpoints, endpoint);
  return NULL;
}
