#include "services/lambda/request.h"

#include <string.h>

enum { HEAD_MAX = 32 * 1024 };

static gboolean
copy(char *to, gsize size, const char *from, gsize n)
{
  if (n >= size)
    return FALSE;
  memcpy(to, from, n);
  to[n] = 0;
  return TRUE;
}

/* "POST /path HTTP/1.1" */
static gboolean
first_line(const char *line, gsize n, RuntimeRequest *ret)
{
  const char *space = memchr(line, ' ', n);
  const char *second = space ? memchr(space + 1, ' ', n - (gsize) (space + 1 - line)) : NULL;
  return second && copy(ret->method, sizeof ret->method, line, (gsize) (space - line)) &&
         copy(ret->path, sizeof ret->path, space + 1, (gsize) (second - space - 1));
}

static gboolean
header(const char *line, gsize n, const char *name, const char **ret_value, gsize *ret_size)
{
  gsize length = strlen(name);
  if (n <= length || g_ascii_strncasecmp(line, name, length) != 0 || line[length] != ':')
    return FALSE;
  const char *value = line + length + 1, *end = line + n;
  while (value < end && (*value == ' ' || *value == '\t'))
    value++;
  while (end > value && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
    end--;
  *ret_value = value;
  *ret_size = (gsize) (end - value);
  return TRUE;
}

static gboolean
read_length(const char *value, gsize n, gsize max, gsize *ret)
{
  gsize length = 0;
  if (!n || n > 12)
    return FALSE;
  for (gsize i = 0; i < n; i++) {
    if (!g_ascii_isdigit(value[i]))
      return FALSE;
    length = length * 10 + (gsize) (value[i] - '0');
  }
  *ret = length;
  return length <= max;
}

static gboolean
header_line(const char *line, gsize n, gsize body_max, RuntimeRequest *ret)
{
  const char *value;
  gsize size;
  if (header(line, n, "Content-Length", &value, &size))
    return read_length(value, size, body_max, &ret->body_size);
  if (header(line, n, "Transfer-Encoding", &value, &size))
    return FALSE;
  if (header(line, n, "Expect", &value, &size))
    ret->expects_continue = size == 12 && g_ascii_strncasecmp(value, "100-continue", 12) == 0;
  if (header(line, n, "Lambda-Runtime-Function-Error-Type", &value, &size))
    return copy(ret->error_type, sizeof ret->error_type, value, size);
  return TRUE;
}

gssize
runtime_request_parse(const guint8 *data, gsize size, gsize body_max, RuntimeRequest *ret)
{
  memset(ret, 0, sizeof *ret);
  const char *text = (const char *) data;
  if (!data)
    return 0;
  const char *head_end = size ? memmem(text, MIN(size, HEAD_MAX), "\r\n\r\n", 4) : NULL;
  if (!head_end)
    return size >= HEAD_MAX ? -1 : 0;
  gboolean first = TRUE;
  for (const char *line = text; line < head_end + 2;) {
    const char *end = memmem(line, (gsize) (head_end + 2 - line), "\r\n", 2);
    if (!end)
      return -1;
    gsize n = (gsize) (end - line);
    if (first ? !first_line(line, n, ret) : !header_line(line, n, body_max, ret))
      return -1;
    first = FALSE;
    line = end + 2;
  }
  gsize head = (gsize) (head_end + 4 - text);
  ret->body = data + head;
  return size - head < ret->body_size ? 0 : (gssize) (head + ret->body_size);
}
