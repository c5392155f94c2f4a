/* A body is parts between lines "--boundary"; a part is header lines, an empty line, and bytes. Only Content-Disposition and Content-Type of a part are
 * looked at. */
#include "services/s3/form.h"

#include <string.h>

enum { BOUNDARY_MAX = 200, HEADER_MAX = 8 * 1024 };

typedef struct Part {
  const char *name, *file_name, *type;
} Part;

static Error *
malformed(void)
{
  return error_answer_status(400, "MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.");
}

/* The value of name="..." or name=... among the parameters of a header; NULL: there is none. In quotes \" stands for a quote. */
static const char *
parameter(Arena *arena, const char *text, const char *name)
{
  gsize size = strlen(name);
  const char *at = strchr(text, ';');
  while (at) {
    at += 1 + strspn(at + 1, " \t");
    gboolean found = g_ascii_strncasecmp(at, name, size) == 0 && at[size] == '=';
    at += strcspn(at, "=;");
    g_autoptr(GString) value = g_string_new(NULL);
    if (*at == '=' && at[1] == '"') {
      for (at += 2; *at && *at != '"'; at++) {
        at += *at == '\\' && at[1] == '"';
        g_string_append_c(value, *at);
      }
      if (!*at)
        return NULL;
    } else if (*at == '=') {
      gsize length = strcspn(at + 1, ";");
      g_string_append_len(value, at + 1, (gssize) length);
      g_strchomp(value->str);
    }
    if (found)
      return arena_strdup(arena, value->str);
    at = strchr(at, ';');
  }
  return NULL;
}

static const char *
find(const char *from, const char *end, const char *what, gsize size)
{
  return from <= end ? memmem(from, (gsize) (end - from), what, size) : NULL;
}

/* The header lines of a part, "\r\n" after each. */
static Error *
read_headers(Arena *arena, const char *text, gsize size, Part *ret)
{
  if (size > HEADER_MAX || memchr(text, 0, size))
    return malformed();
  g_auto(GStrv) lines = g_strsplit(arena_strndup(arena, text, size), "\r\n", -1);
  for (char **line = lines; *line; line++) {
    const char *colon = strchr(*line, ':');
    if (!colon)
      continue;
    const char *value = colon + 1 + strspn(colon + 1, " \t");
    if (g_ascii_strncasecmp(*line, "content-disposition:", strlen("content-disposition:")) == 0) {
      if (g_ascii_strncasecmp(value, "form-data", strlen("form-data")) != 0)
        return malformed();
      ret->name = parameter(arena, value, "name");
      ret->file_name = parameter(arena, value, "filename");
    } else if (g_ascii_strncasecmp(*line, "content-type:", strlen("content-type:")) == 0) {
      ret->type = arena_strdup(arena, value);
    }
  }
  return ret->name ? NULL : malformed();
}

/* "C:\\folder\\a.txt" and "folder/a.txt" are "a.txt". */
static const char *
last_part(const char *path)
{
  const char *last = path;
  for (; *path; path++)
    if (*path == '/' || *path == '\\')
      last = path + 1;
  return last;
}

static Error *
take(Arena *arena, Form *form, const Part *part, const char *bytes, gsize size, gsize *fields_size)
{
  if (g_ascii_strcasecmp(part->name, "file") == 0) {
    form->has_file = TRUE;
    form->file_name = last_part(part->file_name ? part->file_name : "");
    form->file_type = part->type;
    form->file = (const guint8 *) bytes;
    form->file_size = size;
    return NULL;
  }
  *fields_size += size + strlen(part->name);
  if (*fields_size > FORM_FIELDS_SIZE_MAX || form->n == FORM_FIELDS_MAX)
    return error_answer_status(400, "MaxPostPreDataLengthExceeded", "Your POST request fields preceding the upload file were too large.");
  if (memchr(bytes, 0, size))
    return malformed();
  form->v[form->n++] = (FormField) {part->name, arena_strndup(arena, bytes, size), size};
  return NULL;
}

/* "\r\n--boundary" (arena) */
static Error *
delimiter_of(Arena *arena, const char *content_type, const char **ret)
{
  const char *boundary = content_type ? parameter(arena, content_type, "boundary") : NULL;
  if (!boundary || !*boundary || strlen(boundary) > BOUNDARY_MAX)
    return malformed();
  *ret = arena_printf(arena, "\r\n--%s", boundary);
  return NULL;
}

Error *
form_parse(Arena *arena, const char *content_type, const guint8 *body, gsize size, Form *ret_form)
{
  const char *delimiter = NULL, *at = (const char *) body, *end = at + size;
  Form form = {.v = ARENA_ARRAY(arena, FormField, FORM_FIELDS_MAX)};
  gsize fields_size = 0;
  TRY(delimiter_of(arena, content_type, &delimiter));
  gsize length = strlen(delimiter);
  if (size < length || memcmp(at, delimiter + 2, length - 2) != 0)
    return malformed();
  at += length - 2;
  while (!form.has_file) {
    Part part = {0};
    if (end - at >= 2 && memcmp(at, "--", 2) == 0)
      break;
    if (end - at < 2 || memcmp(at, "\r\n", 2) != 0)
      return malformed();
    const char *headers = at + 2, *headers_end = find(headers, end, "\r\n\r\n", 4);
    const char *bytes = headers_end ? headers_end + 4 : end;
    const char *stop = find(bytes - 2, end, delimiter, length); /* an empty part's delimiter begins with the line end of its headers */
    if (!headers_end || !stop)
      return malformed();
    TRY(read_headers(arena, headers, (gsize) (headers_end - headers), &part));
    TRY(take(arena, &form, &part, bytes, stop > bytes ? (gsize) (stop - bytes) : 0, &fields_size));
    at = stop + length;
  }
  *ret_form = form;
  return NULL;
}

const char *
form_value(const Form *form, const char *name)
{
  for (gsize i = 0; i < form->n; i++)
    if (g_ascii_strcasecmp(form->v[i].name, name) == 0)
      return form->v[i].value;
  return NULL;
}
