#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
buffer_append(Buffer *buffer, const void *data, size_t size)
{
  size_t need = buffer->size + size + 1;
  if (need > buffer->capacity) {
    size_t capacity = buffer->capacity ? buffer->capacity : 1024;
    while (capacity < need)
      capacity *= 2;
    char *grown = realloc(buffer->data, capacity);
    if (!grown)
      return false;
    buffer->data = grown;
    buffer->capacity = capacity;
  }
  if (size)
    memcpy(buffer->data + buffer->size, data, size);
  buffer->size += size;
  buffer->data[buffer->size] = '\0';
  return true;
}

bool
buffer_append_text(Buffer *buffer, const char *text)
{
  return buffer_append(buffer, text, strlen(text));
}

void
buffer_reset(Buffer *buffer)
{
  buffer->size = 0;
  if (buffer->data)
    buffer->data[0] = '\0';
}

void
buffer_clear(Buffer *buffer)
{
  free(buffer->data);
  *buffer = (Buffer){0};
}

/* Bytes of the UTF-8 sequence at text, or 0 if it is none. */
static size_t
utf8_length(const unsigned char *text)
{
  size_t n = text[0] < 0x80 ? 1 : text[0] >= 0xc2 && text[0] < 0xe0 ? 2 : (text[0] & 0xf0) == 0xe0 ? 3 : text[0] >= 0xf0 && text[0] < 0xf5 ? 4 : 0;
  for (size_t i = 1; i < n; i++)
    if ((text[i] & 0xc0) != 0x80)
      return 0;
  bool overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
  bool outside = (text[0] == 0xed && text[1] > 0x9f) || (text[0] == 0xf4 && text[1] > 0x8f);
  return overlong || outside ? 0 : n;
}

static bool
append_json_control(Buffer *buffer, unsigned char c)
{
  static const char *const short_forms[32] = {['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r"};
  if (short_forms[c])
    return buffer_append_text(buffer, short_forms[c]);
  char escaped[8];
  snprintf(escaped, sizeof escaped, "\\u%04x", c);
  return buffer_append_text(buffer, escaped);
}

bool
buffer_append_json(Buffer *buffer, const char *text)
{
  const unsigned char *at = (const unsigned char *) text;
  bool ok = buffer_append(buffer, "\"", 1);
  while (ok && *at) {
    size_t n = utf8_length(at);
    if (*at < 0x20)
      ok = append_json_control(buffer, *at);
    else if (*at == '"' || *at == '\\')
      ok = buffer_append(buffer, "\\", 1) && buffer_append(buffer, at, 1);
    else
      ok = n ? buffer_append(buffer, at, n) : buffer_append_text(buffer, "\xef\xbf\xbd");
    at += n ? n : 1;
  }
  return ok && buffer_append(buffer, "\"", 1);
}
