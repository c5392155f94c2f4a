#include "stack/remote.h"

Error *
remote_call(Call *call, const char *service, const char *operation, const Json *in, Json **ret_out)
{
  const Operation *found = haar_operation(service, operation);
  if (!found)
    return error_answer("ValidationError", "%s:%s is needed here, and haar does not have it", service, operation);
  gpointer input = arena_alloc(call->arena, found->input_size), output = arena_alloc(call->arena, found->output_size);
  TRY(shape_from_json(call->arena, found->model->input, in, TRUE, input));
  TRY(call_operation(call, found, NULL, "cloudformation", input, output));
  *ret_out = shape_to_json(call->arena, found->model->output, output);
  return NULL;
}
