/* arena: memory of one invocation, freed as a whole. Allocation never returns NULL: without memory the process ends, and Lambda starts
 * another. Also text that grows in it. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Arena Arena;

/* Makes an empty arena; freed with arena_free. */
Arena *arena_new(void);
/* Frees all pieces; the arena stays. */
void arena_reset(Arena *arena);
void arena_free(Arena *arena);
/* Zeroed, aligned to 16 bytes. */
void *arena_alloc(Arena *arena, size_t size);
char *arena_strndup(Arena *arena, const char *text, size_t size);
char *arena_strdup(Arena *arena, const char *text);
char *arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(Arena *arena, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* Text that grows; data is NUL-terminated from text_new on. */
typedef struct Text {
  Arena *arena;
  char *data;
  size_t size, capacity;
} Text;

Text text_new(Arena *arena);
void text_add(Text *text, const char *data, size_t size);
void text_printf(Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends a quoted and escaped JSON string; NULL gives null. */
void text_json(Text *text, const char *value);

/* Something went wrong, in words for the caller of the API. In the invocation's arena. */
typedef struct Failure {
  int status;          /* HTTP status of the answer */
  const char *code;    /* "InvalidAmount" */
  const char *message;
  bool retry;          /* the same request may succeed later */
} Failure;

const Failure *failure_new(Arena *arena, int status, bool retry, const char *code, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Returns from the calling function with the failure, if the expression gives one. */
#define TRY(expression)                         \
  do {                                          \
    const Failure *try_failure_ = (expression); \
    if (try_failure_)                           \
      return try_failure_;                      \
  } while (0)
