#include "arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE 16384

typedef struct Chunk Chunk;
struct Chunk {
  Chunk *next;
  size_t used, size;
  _Alignas(16) char data[];
};

struct Arena {
  Chunk *chunks;
};

static void *
must(void *memory)
{
  if (!memory) {
    fputs("out of memory\n", stderr);
    abort();
  }
  return memory;
}

Arena *
arena_new(void)
{
  return must(calloc(1, sizeof(Arena)));
}

void
arena_reset(Arena *arena)
{
  while (arena->chunks) {
    Chunk *chunk = arena->chunks;
    arena->chunks = chunk->next;
    free(chunk);
  }
}

void
arena_free(Arena *arena)
{
  if (!arena)
    return;
  arena_reset(arena);
  free(arena);
}

void *
arena_alloc(Arena *arena, size_t size)
{
  size = (size + 15) & ~(size_t) 15;
  Chunk *chunk = arena->chunks;
  if (!chunk || chunk->size - chunk->used < size) {
    size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
    chunk = must(malloc(sizeof(Chunk) + room));
    *chunk = (Chunk){.next = arena->chunks, .size = room};
    arena->chunks = chunk;
  }
  void *piece = chunk->data + chunk->used;
  chunk->used += size;
  return memset(piece, 0, size);
}

char *
arena_strndup(Arena *arena, const char *text, size_t size)
{
  char *copy = arena_alloc(arena, size + 1);
  memcpy(copy, text, size);
  return copy;
}

char *
arena_strdup(Arena *arena, const char *text)
{
  return arena_strndup(arena, text, strlen(text));
}

char *
arena_vprintf(Arena *arena, const char *format, va_list args)
{
  va_list again;
  va_copy(again, args);
  int size = vsnprintf(NULL, 0, format, again);
  va_end(again);
  char *text = arena_alloc(arena, (size_t) (size < 0 ? 0 : size) + 1);
  vsnprintf(text, (size_t) (size < 0 ? 0 : size) + 1, format, args);
  return text;
}

char *
arena_printf(Arena *arena, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  char *text = arena_vprintf(arena, format, args);
  va_end(args);
  return text;
}

Text
text_new(Arena *arena)
{
  return (Text){.arena = arena, .data = arena_alloc(arena, 256), .capacity = 256};
}

void
text_add(Text *text, const char *data, size_t size)
{
  if (text->size + size + 1 > text->capacity) {
    size_t capacity = (text->size + size + 1) * 2;
    char *grown = arena_alloc(text->arena, capacity);
    memcpy(grown, text->data, text->size);
    text->data = grown;
    text->capacity = capacity;
  }
  memcpy(text->data + text->size, data, size);
  text->size += size;
  text->data[text->size] = '\0';
}

void
text_printf(Text *text, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  const char *piece = arena_vprintf(text->arena, format, args);
  va_end(args);
  text_add(text, piece, strlen(piece));
}

void
text_json(Text *text, const char *value)
{
  if (!value) {
    text_add(text, "null", 4);
    return;
  }
  text_add(text, "\"", 1);
  for (const char *at = value; *at; at++) {
    if ((unsigned char) *at < 0x20)
      text_printf(text, "\\u%04x", (unsigned) (unsigned char) *at);
    else if (*at == '"' || *at == '\\')
      text_printf(text, "\\%c", *at);
    else
      text_add(text, at, 1);
  }
  text_add(text, "\"", 1);
}

const Failure *
failure_new(Arena *arena, int status, bool retry, const char *code, const char *format, ...)
{
  Failure *failure = arena_alloc(arena, sizeof *failure);
  va_list args;
  va_start(args, format);
  *failure = (Failure){status, code, arena_vprintf(arena, format, args), retry};
  va_end(args);
  return failure;
}
