#include "base/error.h"

#include <stdarg.h>

Error *
error_make(ErrorKind kind, const char *file, int line, int status, const char *code, const char *format, ...)
{
  Error *error = g_new0(Error, 1);
  va_list args;
  va_start(args, format);
  error->message = g_strdup_vprintf(format, args);
  va_end(args);
  error->kind = kind;
  error->code = g_strdup(code);
  error->status = status;
  error->file = file;
  error->line = line;
  return error;
}

Error *
error_prefix(Error *error, const char *format, ...)
{
  if (!error)
    return NULL;
  va_list args;
  va_start(args, format);
  g_autofree char *prefix = g_strdup_vprintf(format, args);
  va_end(args);
  g_autofree char *message = error->message;
  error->message = g_strconcat(prefix, ": ", message, NULL);
  return error;
}

Error *
error_rename(Error *error, const char *const (*pairs)[2])
{
  for (; error && (*pairs)[0]; pairs++)
    if (error_is(error, (*pairs)[0])) {
      g_free(error->code);
      error->code = g_strdup((*pairs)[1]);
      error->status = 400;
      error->shape = NULL;
      break;
    }
  return error;
}

Error *
error_forgive(Error *error, const char *code)
{
  if (error_is(error, code))
    error_clear(&error);
  return error;
}

Error *
error_field(Error *error, const char *name, const char *value)
{
  if (!error)
    return NULL;
  if (!error->fields)
    error->fields = g_ptr_array_new_with_free_func(g_free);
  g_ptr_array_add(error->fields, g_strdup(name));
  g_ptr_array_add(error->fields, g_strdup(value));
  return error;
}

gboolean
error_is(const Error *error, const char *code)
{
  return error && error->kind == ERROR_ANSWER && g_str_equal(error->code, code);
}

void
error_free(Error *error)
{
  if (!error)
    return;
  g_free(error->code);
  g_free(error->message);
  g_free(error->denial);
  if (error->fields)
    g_ptr_array_unref(error->fields);
  g_free(error);
}

void
error_clear(Error **error)
{
  error_free(*error);
  *error = NULL;
}
