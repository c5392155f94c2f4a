/* json: an arena reader and writer. Numbers stay text, members keep their order, duplicates: the last one wins.
 * Strict RFC 8259 with valid UTF-8; depth at most LIMIT_NESTING_MAX; \u0000 in a string is refused (strings are C strings). */
#pragma once

#include "base/base.h"

typedef enum { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } JsonType;

typedef struct Json Json;
typedef struct JsonMember { const char *key; Json *value; } JsonMember;
struct Json {
  JsonType type;
  guint32 n;            /* bytes of text, elements, or members */
  guint32 line, column; /* where it began in its text, from 1; 0 = made by code */
  union {
    const char *text;   /* string (decoded) or number (as written) */
    Json **items;
    JsonMember *members;
  };
};

/* Parses text (need not be NUL-terminated). Wrong text: an answer SerializationException with line and column. arena. */
Error *json_parse(Arena *arena, const char *text, gsize size, Json **ret_json) ERROR_MUST_USE;
/* Appends compact JSON. */
void json_write(GString *out, const Json *json);
/* Appends JSON with an indent of two. */
void json_write_pretty(GString *out, const Json *json);
/* Appends a quoted, escaped string. */
void json_write_string(GString *out, const char *text);
/* Compact JSON as text (arena). */
char *json_text(Arena *arena, const Json *json);

/* The member of an object, or NULL (also if json is NULL or no object). */
Json *json_get(const Json *json, const char *key);
/* Its text if it is a string, else NULL. */
const char *json_string(const Json *json);
/* The text of a string, a number as written, "true" or "false"; else NULL (also if json is NULL). */
const char *json_scalar(const Json *json);
/* Follows a path of keys "a.b.c". */
Json *json_path(const Json *json, const char *path);

/* Constructors (arena). Strings are copied. */
Json *json_new_null(Arena *arena);
Json *json_new_bool(Arena *arena, gboolean value);
Json *json_new_int(Arena *arena, gint64 value);
Json *json_new_double(Arena *arena, double value);
Json *json_new_string(Arena *arena, const char *text);
Json *json_new_array(Arena *arena);
Json *json_new_object(Arena *arena);
void json_append(Arena *arena, Json *array, Json *item);
void json_set(Arena *arena, Json *object, const char *key, Json *value);
void json_remove(Json *object, const char *key);
/* A deep copy (arena). */
Json *json_copy(Arena *arena, const Json *json);
/* Deep equality; objects compare without order; numbers by text. */
gboolean json_equal(const Json *a, const Json *b);
