/* log_cut: a server's log as events. Most events are lines; the slow log's are entries of several. */
#include "services/rds/rds.h"

#include <string.h>

/* Where the slow log's next entry begins, behind its first line. Entries begin with their time, or, in the same second, with their user; a server
 * that started says so between them. */
static const char *
entry_end(const char *text, const char *end)
{
  gboolean timed = g_str_has_prefix(text, "# Time: ");
  for (const char *line = text; (line = memchr(line, '\n', (gsize) (end - line)));) {
    line++;
    if (g_str_has_prefix(line, "# Time: ") || g_str_has_prefix(line, "/usr/sbin/mariadbd, Version: ") || (g_str_has_prefix(line, "# User@Host: ") && !timed))
      return line;
    timed = FALSE;
    if (line == end)
      break;
  }
  return NULL;
}

/* A server writes an entry at once. Its last line ends with the statement's semicolon; those before the statement do too. */
static gboolean
entry_is_whole(const char *text, const char *end)
{
  if (end - text < 3 || end[-1] != '\n' || end[-2] != ';')
    return FALSE;
  const char *before = memrchr(text, '\n', (gsize) (end - 1 - text)), *last = before ? before + 1 : text;
  return !g_str_has_prefix(last, "SET timestamp=") && !g_str_has_prefix(last, "use `");
}

/* The end of the event that begins at text (zero-terminated at end), or NULL if it may not be whole yet. */
static const char *
event_end(gboolean entries, const char *text, const char *end)
{
  gboolean entry = entries && (g_str_has_prefix(text, "# Time: ") || g_str_has_prefix(text, "# User@Host: "));
  const char *line = entry ? NULL : memchr(text, '\n', (gsize) (end - text)), *next = entry ? entry_end(text, end) : line ? line + 1 : NULL;
  return next ? next : entry && entry_is_whole(text, end) ? end : NULL;
}

gsize
log_cut(const char *text, gsize size, const LogCut *how, GPtrArray *messages)
{
  const char *at = text, *end = text + size;
  while (at < end && messages->len < how->max) {
    const char *next = event_end(how->entries, at, end);
    if (!next && (how->final || (how->full && at == text)))
      next = end;
    if (!next)
      break;
    char *message = log_mask(g_strchomp(g_utf8_make_valid(at, next - at)));
    if (*message)
      g_ptr_array_add(messages, message);
    else
      g_free(message);
    at = next;
  }
  return (gsize) (at - text);
}
