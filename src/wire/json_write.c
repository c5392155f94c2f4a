#include "wire/json.h"
#include <string.h>

static gboolean
is_plain(guchar c)
{
  return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

/* Eight bytes at once: the high bit of each byte of the result says that it is not plain, or that it may not be (UTF-8). */
static gsize
skip_plain(const char *text, gsize size)
{
  const guint64 ones = G_GUINT64_CONSTANT(0x0101010101010101), high = ones << 7;
  gsize at = 0;
  for (guint64 word; at + sizeof word <= size; at += sizeof word) {
    memcpy(&word, text + at, sizeof word);
    guint64 quote = word ^ (ones * '"'), back = word ^ (ones * '\\'), delete = word ^ (ones * 0x7f);
    if ((word | (word - ones * 0x20) | (quote - ones) | (back - ones) | (delete - ones)) & high)
      break;
  }
  while (at < size && is_plain((guchar) text[at]))
    at++;
  return at;
}

void
json_write_string(GString *out, const char *text)
{
  g_string_append_c(out, '"');
  const char *from = text, *end = text + strlen(text);
  for (const char *at = text;; at++) {
    at += skip_plain(at, (gsize) (end - at));
    guchar c = (guchar) *at;
    g_string_append_len(out, from, at - from);
    if (!c)
      break;
    from = at + 1;
    switch (c) {
    case '"':
      g_string_append(out, "\\\"");
      break;
    case '\\':
      g_string_append(out, "\\\\");
      break;
    case '\n':
      g_string_append(out, "\\n");
      break;
    case '\r':
      g_string_append(out, "\\r");
      break;
    case '\t':
      g_string_append(out, "\\t");
      break;
    default:
      g_string_append_printf(out, "\\u%04x", c);
    }
  }
  g_string_append_c(out, '"');
}

static void
new_line(GString *out, int indent)
{
  if (indent < 0)
    return;
  g_string_append_c(out, '\n');
  for (int i = 0; i < indent; i++)
    g_string_append(out, "  ");
}

/* indent < 0: compact. */
static void
write_value(GString *out, const Json *json, int indent)
{
  int inner = indent < 0 ? indent : indent + 1;
  switch (json->type) {
  case JSON_NULL:
    g_string_append(out, "null");
    break;
  case JSON_FALSE:
    g_string_append(out, "false");
    break;
  case JSON_TRUE:
    g_string_append(out, "true");
    break;
  case JSON_NUMBER:
    g_string_append_len(out, json->text, json->n);
    break;
  case JSON_STRING:
    json_write_string(out, json->text);
    break;
  case JSON_ARRAY:
    g_string_append_c(out, '[');
    for (guint32 i = 0; i < json->n; i++) {
      if (i)
        g_string_append_c(out, ',');
      new_line(out, inner);
      write_value(out, json->items[i], inner);
    }
    if (json->n)
      new_line(out, indent);
    g_string_append_c(out, ']');
    break;
  case JSON_OBJECT:
    g_string_append_c(out, '{');
    for (guint32 i = 0; i < json->n; i++) {
      if (i)
        g_string_append_c(out, ',');
      new_line(out, inner);
      json_write_string(out, json->members[i].key);
      g_string_append(out, indent < 0 ? ":" : ": ");
      write_value(out, json->members[i].value, inner);
    }
    if (json->n)
      new_line(out, indent);
    g_string_append_c(out, '}');
    break;
  }
}

void
json_write(GString *out, const Json *json)
{
  write_value(out, json, -1);
}

void
json_write_pretty(GString *out, const Json *json)
{
  write_value(out, json, 0);
}

char *
json_text(Arena *arena, const Json *json)
{
  g_autoptr(GString) out = g_string_new(NULL);
  json_write(out, json);
  return arena_memdup(arena, out->str, out->len);
}
