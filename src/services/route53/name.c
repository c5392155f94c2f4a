/* Domain names as Route 53 keeps them.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html */
#include "services/route53/route53.h"

#include <string.h>

enum { NAME_MAX_SIZE = 255, LABEL_MAX_SIZE = 63 };

static gboolean
is_octal(const char *at)
{
  return at[0] >= '0' && at[0] <= '3' && at[1] >= '0' && at[1] <= '7' && at[2] >= '0' && at[2] <= '7';
}

static gboolean
is_plain(guchar c)
{
  return g_ascii_isalnum(c) || c == '-' || c == '_';
}

/* One character, escaped or not; FALSE: a broken escape. */
static gboolean
take(const char **at, guchar *ret_c)
{
  const char *c = *at;
  if (*c == '\\') {
    if (!is_octal(c + 1))
      return FALSE;
    *ret_c = (guchar) ((c[1] - '0') * 64 + (c[2] - '0') * 8 + (c[3] - '0'));
    *at += 4;
    return TRUE;
  }
  *ret_c = (guchar) *c;
  *at += 1;
  return TRUE;
}

char *
domain_name(Arena *arena, const char *text)
{
  g_autoptr(GString) name = g_string_new(NULL);
  gsize label = 0, total = 1;
  for (const char *at = text; *at;) {
    guchar c = 0;
    gboolean dot = *at == '.';
    if (dot && label == 0)
      return NULL;
    if (!take(&at, &c) || (!dot && c <= ' '))
      return NULL;
    label = dot ? 0 : label + 1;
    total++;
    if (label > LABEL_MAX_SIZE || total > NAME_MAX_SIZE)
      return NULL;
    if (dot || is_plain(c))
      g_string_append_c(name, (char) g_ascii_tolower((char) c));
    else
      g_string_append_printf(name, "\\%03o", c);
  }
  if (name->len == 0)
    return NULL;
  if (label > 0)
    g_string_append_c(name, '.');
  return arena_strndup(arena, name->str, name->len);
}

char *
domain_reversed(Arena *arena, const char *name)
{
  gsize size = strlen(name);
  g_autoptr(GString) reversed = g_string_sized_new(size + 1);
  gsize end = size && name[size - 1] == '.' ? size - 1 : size;
  for (gsize i = end; i-- > 0;)
    if (name[i] == '.') {
      g_string_append_len(reversed, name + i + 1, (gssize) (end - i - 1));
      g_string_append_c(reversed, '.');
      end = i;
    }
  g_string_append_len(reversed, name, (gssize) end);
  g_string_append_c(reversed, '.');
  return arena_strndup(arena, reversed->str, reversed->len);
}

gboolean
domain_within(const char *name, const char *zone)
{
  gsize n = strlen(name), m = strlen(zone);
  return n >= m && !strcmp(name + n - m, zone) && (n == m || name[n - m - 1] == '.');
}
