/* log: structured lines on standard error. One domain a folder (LOG_DOMAIN is set by Meson).
 * Only server, jobs, warden, fabric, sandbox, services and cli log; base, store, wire, iam and reach return errors. */
#pragma once

#include <glib.h>

typedef enum { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG } LogLevel;

#ifndef LOG_DOMAIN
#define LOG_DOMAIN "haar"
#endif

#define log_error(...) log_write(LOG_ERROR, LOG_DOMAIN, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, LOG_DOMAIN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, LOG_DOMAIN, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, LOG_DOMAIN, __VA_ARGS__)

/* Writes one line: time, level, domain, message. Any thread. */
void log_write(LogLevel level, const char *domain, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Lines above this level are dropped. Default LOG_INFO. */
void log_set_level(LogLevel level);
