/* json: reads JSON text. Numbers stay text, so that an amount of money is never a binary fraction. */
#pragma once

#include "arena.h"

typedef enum { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } JsonType;

typedef struct Json Json;
struct Json {
  JsonType type;
  const char *text;  /* string: decoded; number: as written; boolean: "true" or "false" */
  const char *key;   /* of a member */
  Json *first, *next; /* first child; next sibling */
};

/* Returns NULL if text is not one JSON value (RFC 8259, at most 32 deep). U+0000 in strings is refused. arena. */
Json *json_parse(Arena *arena, const char *text, size_t size);
/* The last member of that name, or NULL (also if json is NULL or no object). */
const Json *json_get(const Json *json, const char *key);
/* Its text if it is a string, or NULL. */
const char *json_string(const Json *json);
