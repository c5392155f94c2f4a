/* form: multipart/form-data bodies, as browsers send them to S3. https://www.rfc-editor.org/rfc/rfc7578 */
#pragma once

#include "base/base.h"

enum { FORM_FIELDS_MAX = 100, FORM_FIELDS_SIZE_MAX = 20 * 1024 };

typedef struct FormField {
  const char *name;          /* as written */
  const char *value;         /* NUL-terminated text; of a file: its bytes */
  gsize size;
} FormField;

typedef struct Form {
  gsize n;
  FormField *v;              /* those before the file, in their order; what follows the file is not looked at */
  gboolean has_file;
  const char *file_name;     /* its last part, without folders; "" if none was given */
  const char *file_type;     /* or NULL */
  const guint8 *file;        /* points into the body */
  gsize file_size;
} Form;

/* Reads a body. content_type: of the request. Wrong: S3's answers MalformedPOSTRequest, MaxPostPreDataLengthExceeded. The form points into body; all
 * else arena. */
Error *form_parse(Arena *arena, const char *content_type, const guint8 *body, gsize size, Form *ret_form) ERROR_MUST_USE;
/* The value of a field, its name in any case; NULL: it is not there. */
const char *form_value(const Form *form, const char *name);
