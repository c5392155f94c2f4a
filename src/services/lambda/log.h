/* log: what one environment writes, to CloudWatch Logs: as its execution role, in order, on worker threads. */
#pragma once

#include "server/server.h"

typedef struct LogSink LogSink;

/* principal: of the execution role; copied. stream: the log stream's name. Returns: transfer full. */
LogSink *log_sink_new(Haar *haar, const char *region, const Principal *principal, const char *group, const char *stream);
/* Adds one line, with now as its time. Any thread. */
void log_sink_add(LogSink *sink, const char *line, gsize size);
/* Sends what is there; returns at once. */
void log_sink_flush(LogSink *sink);
/* Sends what is there; the rest goes when that is done. NULL is allowed. */
void log_sink_free(LogSink *sink);
