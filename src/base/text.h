/* text: small helpers for strings that GLib does not have. All results: arena, any thread. */
#pragma once

#include "base/arena.h"

char *text_base64(Arena *arena, const void *data, gsize size);
/* Returns NULL if text is not base64; ret_size is then untouched. */
guint8 *text_unbase64(Arena *arena, const char *text, gsize *ret_size);
char *text_hex(Arena *arena, const void *data, gsize size);
/* RFC 3986: keeps unreserved characters; also '/' if keep_slash. */
char *text_uri_encode(Arena *arena, const char *text, gboolean keep_slash);
/* Undoes %XX; '+' becomes a space if plus. Returns NULL for a broken escape. */
char *text_uri_decode(Arena *arena, const char *text, gboolean plus);
/* Glob with '*' and '?' as in IAM and S3: no classes, no escapes. */
gboolean text_glob(const char *pattern, const char *text);
/* "2026-11-23T23:30:00.123Z"; with_ms = FALSE: without the fraction. */
char *text_iso8601(Arena *arena, gint64 ms, gboolean with_ms);
/* "Mon, 23 Nov 2026 23:30:00 GMT" */
char *text_http_date(Arena *arena, gint64 ms);
/* "23/Nov/2026:23:30:00 +0000", as in access logs */
char *text_log_date(Arena *arena, gint64 ms);
/* Joins n strings with separator. */
char *text_join(Arena *arena, const char *separator, const char *const *parts, gsize n);
/* The strings one behind the other: what a format of nothing but %s gives, without its work. */
#define TEXT_CONCAT(arena, ...) text_join((arena), "", (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))
