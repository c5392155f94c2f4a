/* Other services, by the names of their operations: what they answer is read as JSON. */
#include <stdarg.h>
#include <string.h>

#include "services/lambda/lambda.h"

static const gsize zip_max = 250 * 1024 * 1024;

static Error *
find(const char *service, const char *operation, const Operation **ret)
{
  *ret = haar_operation(service, operation);
  return *ret ? NULL : error_answer("ServiceException", "haar does not have %s:%s, which this needs.", service, operation);
}

Error *
lambda_other_call(Call *call, const char *service, const char *operation, const Principal *as, const Json *in, Json **ret_out)
{
  const Operation *row;
  TRY(find(service, operation, &row));
  void *input = arena_alloc(call->arena, MAX(row->input_size, 1)), *output = arena_alloc(call->arena, MAX(row->output_size, 1));
  TRY(shape_from_json(call->arena, row->model->input, in, TRUE, input));
  TRY(call_operation(call, row, as, "lambda", input, output));
  if (ret_out)
    *ret_out = shape_to_json(call->arena, row->model->output, output);
  return NULL;
}

Error *
lambda_other_get_object(Call *call, const char *bucket, const char *key, const char *version, Blob *ret)
{
  const Operation *row;
  TRY(find("s3", "GetObject", &row));
  void *input = arena_alloc(call->arena, row->input_size), *output = arena_alloc(call->arena, row->output_size);
  Json *in = lambda_json_strings(call->arena, "Bucket", bucket, "Key", key, "VersionId", version, NULL);
  TRY(shape_from_json(call->arena, row->model->input, in, TRUE, input));
  TRY(call_operation(call, row, NULL, "lambda", input, output));
  const Shape *shape = row->model->output;
  for (guint i = 0; i < shape->n_members; i++)
    if (strcmp(shape->members[i].name, "Body") == 0) {
      Body *body = *(Body **) (void *) ((char *) output + shape->members[i].offset);
      guint8 *data = NULL;
      Error *error = body ? body_read_all(body, call->arena, zip_max, &data, &ret->size) : NULL;
      if (body && body->free)
        body->free(body);
      ret->data = data ? data : (const guint8 *) "";
      return error;
    }
  return error_fault("GetObject has no Body");
}

Json *
lambda_json_strings(Arena *arena, ...)
{
  Json *object = json_new_object(arena);
  va_list args;
  va_start(args, arena);
  for (const char *name = va_arg(args, const char *); name; name = va_arg(args, const char *)) {
    const char *value = va_arg(args, const char *);
    if (value)
      json_set(arena, object, name, json_new_string(arena, value));
  }
  va_end(args);
  return object;
}
