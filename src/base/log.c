#include "base/log.h"

#include "base/clock.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

static _Atomic int level_max = LOG_INFO;

static const char *const level_names[] = { [LOG_ERROR] = "error", [LOG_WARNING] = "warning", [LOG_INFO] = "info", [LOG_DEBUG] = "debug" };

/* A message may hold a client's text: what is not printable would forge or break lines. */
static void
append_clean(GString *line, const char *text)
{
  for (const char *at = text; *at; at++)
    if ((guchar) *at < 0x20 || *at == 0x7f)
      g_string_append_printf(line, "\\x%02x", (guchar) *at);
    else
      g_string_append_c(line, *at);
}

void
log_write(LogLevel level, const char *domain, const char *format, ...)
{
  if ((int) level > atomic_load_explicit(&level_max, memory_order_relaxed))
    return;
  va_list args;
  va_start(args, format);
  g_autofree char *message = g_strdup_vprintf(format, args);
  va_end(args);
  gint64 now = clock_real();
  time_t seconds = now / 1000;
  struct tm tm;
  gmtime_r(&seconds, &tm);
  g_autoptr(GString) line = g_string_sized_new(160);
  g_string_printf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %s %s: ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                  tm.tm_sec, (int) (now % 1000), level_names[level], domain);
  append_clean(line, message);
  g_string_append_c(line, '\n');
  /* One write a line, so that lines of several threads do not mix; there is nobody to tell if it fails. */
  if (write(STDERR_FILENO, line->str, line->len) < 0)
    return;
}

void
log_set_level(LogLevel level)
{
  atomic_store_explicit(&level_max, (int) level, memory_order_relaxed);
}
