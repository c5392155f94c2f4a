#include "base/text.h"

#include <string.h>
#include <time.h>

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *
text_base64(Arena *arena, const void *data, gsize size)
{
  const guint8 *in = data;
  char *text = arena_alloc(arena, (size + 2) / 3 * 4 + 1), *out = text;
  for (; size >= 3; size -= 3, in += 3) {
    *out++ = base64_digits[in[0] >> 2];
    *out++ = base64_digits[(in[0] & 3) << 4 | in[1] >> 4];
    *out++ = base64_digits[(in[1] & 15) << 2 | in[2] >> 6];
    *out++ = base64_digits[in[2] & 63];
  }
  if (size > 0) {
    guint second = size > 1 ? in[1] : 0;
    *out++ = base64_digits[in[0] >> 2];
    *out++ = base64_digits[(in[0] & 3) << 4 | second >> 4];
    *out++ = size > 1 ? base64_digits[(second & 15) << 2] : '=';
    *out++ = '=';
  }
  return text;
}

static int
base64_value(char c)
{
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

guint8 *
text_unbase64(Arena *arena, const char *text, gsize *ret_size)
{
  gsize n = strlen(text);
  if (n % 4 != 0)
    return NULL;
  gsize padding = n && text[n - 1] == '=' ? (text[n - 2] == '=' ? 2 : 1) : 0;
  gsize size = n / 4 * 3 - padding, at = 0;
  guint8 *data = arena_alloc(arena, size + 3);
  for (gsize i = 0; i < n; i += 4) {
    guint32 group = 0;
    for (gsize j = i; j < i + 4; j++) {
      int value = j >= n - padding ? 0 : base64_value(text[j]);
      if (value < 0)
        return NULL;
      group = group << 6 | (guint32) value;
    }
    data[at++] = group >> 16;
    data[at++] = group >> 8 & 255;
    data[at++] = group & 255;
  }
  data[size] = 0;
  *ret_size = size;
  return data;
}

char *
text_hex(Arena *arena, const void *data, gsize size)
{
  const guint8 *in = data;
  char *text = arena_alloc(arena, size * 2 + 1);
  for (gsize i = 0; i < size; i++) {
    text[i * 2] = "0123456789abcdef"[in[i] >> 4];
    text[i * 2 + 1] = "0123456789abcdef"[in[i] & 15];
  }
  return text;
}

char *
text_uri_encode(Arena *arena, const char *text, gboolean keep_slash)
{
  char *encoded = arena_alloc(arena, strlen(text) * 3 + 1), *out = encoded;
  for (; *text; text++) {
    guchar c = *text;
    if (g_ascii_isalnum(c) || strchr("-._~", c) || (keep_slash && c == '/')) {
      *out++ = c;
    } else {
      *out++ = '%';
      *out++ = "0123456789ABCDEF"[c >> 4];
      *out++ = "0123456789ABCDEF"[c & 15];
    }
  }
  return encoded;
}

char *
text_uri_decode(Arena *arena, const char *text, gboolean plus)
{
  char *decoded = arena_alloc(arena, strlen(text) + 1), *out = decoded;
  for (; *text; text++) {
    if (*text == '%') {
      int high = g_ascii_xdigit_value(text[1]);
      int low = high < 0 ? -1 : g_ascii_xdigit_value(text[2]);
      if (low < 0)
        return NULL;
      *out++ = (char) (high << 4 | low);
      text += 2;
    } else {
      *out++ = plus && *text == '+' ? ' ' : *text;
    }
  }
  return decoded;
}

/* Only the last star is ever tried again: linear for one star, quadratic at worst. */
gboolean
text_glob(const char *pattern, const char *text)
{
  const char *star = NULL, *resume = NULL;
  while (*text) {
    if (*pattern == '*') {
      star = pattern++;
      resume = text;
    } else if (*pattern == '?' || *pattern == *text) {
      pattern++;
      text++;
    } else if (star) {
      pattern = star + 1;
      text = ++resume;
    } else {
      return FALSE;
    }
  }
  while (*pattern == '*')
    pattern++;
  return *pattern == '\0';
}

static struct tm
utc(gint64 ms, int *ret_ms)
{
  gint64 rest = ms % 1000;
  if (rest < 0)
    rest += 1000;
  time_t seconds = (time_t) ((ms - rest) / 1000);
  struct tm tm = { 0 };
  gmtime_r(&seconds, &tm);
  *ret_ms = (int) rest;
  return tm;
}

char *
text_iso8601(Arena *arena, gint64 ms, gboolean with_ms)
{
  int fraction;
  struct tm tm = utc(ms, &fraction);
  char *text = arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                            tm.tm_sec);
  return with_ms ? arena_printf(arena, "%s.%03dZ", text, fraction) : arena_printf(arena, "%sZ", text);
}

char *
text_http_date(Arena *arena, gint64 ms)
{
  static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
  static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
  int fraction;
  struct tm tm = utc(ms, &fraction);
  return arena_printf(arena, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
                      tm.tm_hour, tm.tm_min, tm.tm_sec);
}

char *
text_log_date(Arena *arena, gint64 ms)
{
  g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(ms / 1000);
  g_autofree char *text = g_date_time_format(time, "%d/%b/%Y:%H:%M:%S +0000");
  return arena_strdup(arena, text);
}

char *
text_join(Arena *arena, const char *separator, const char *const *parts, gsize n)
{
  gsize size = 1, between = strlen(separator);
  for (gsize i = 0; i < n; i++)
    size += strlen(parts[i]) + between;
  char *text = arena_alloc(arena, size), *out = text;
  for (gsize i = 0; i < n; i++) {
    if (i > 0)
      out = g_stpcpy(out, separator);
    out = g_stpcpy(out, parts[i]);
  }
  return text;
}
