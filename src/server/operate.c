/* operate: POST /_haar/operation runs any operation that haar has, with its input and output as JSON by the API's member names. For haar's own
 * commands, which so need no client of each protocol. It is validated and authorised as every call: as the account's root. */
#include <string.h>

#include "server/internal.h"
#include "server/operate.h"
#include "server/server.h"

static Error *
find_operation(const Json *in, const Operation **ret_operation)
{
  const char *service = json_string(json_get(in, "service")), *name = json_string(json_get(in, "operation"));
  if (!service || !name)
    return error_answer("BadRequest", "service and operation must be given");
  *ret_operation = haar_operation(service, name);
  if (!*ret_operation)
    return error_answer("UnknownOperation", "haar does not implement the operation %s of the service %s", name, service);
  if ((*ret_operation)->model->input_streams || (*ret_operation)->model->output_streams)
    return error_answer("BadRequest", "%s streams its body: call it over the service's own protocol", name);
  return NULL;
}

static Error *
run_operation(Call *call, const Json *in, Json **ret_out)
{
  const Operation *operation = NULL;
  const Json *input = json_get(in, "input");
  const char *region = json_string(json_get(in, "region"));
  TRY(find_operation(in, &operation));
  const OperationModel *model = operation->model;
  void *value = arena_alloc(call->arena, operation->input_size), *out = arena_alloc(call->arena, operation->output_size);
  TRY(shape_from_json(call->arena, model->input, input ? input : json_new_object(call->arena), FALSE, value));
  TRY(shape_validate(model->input, value));
  Call inner = *call;
  inner.region = region ? region : call->region;
  TRY(call_operation(&inner, operation, NULL, NULL, value, out));
  *ret_out = shape_to_json(call->arena, model->output, out);
  return NULL;
}

void
operate_admin(Haar *haar)
{
  static const AdminRoute route = {"POST", "operation", run_operation};
  server_admin(haar, &route);
}
