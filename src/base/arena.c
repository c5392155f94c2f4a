/* Pieces are cut from blocks that double in size up to BLOCK_MAX; large pieces get a block of their own. With AddressSanitizer
 * every piece is a block, so that a red zone stands between any two. A thread keeps a few of the smallest blocks for its next arenas: most calls
 * need no more than these. */
#include "base/arena.h"

#include <stdio.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_SEPARATE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_SEPARATE 1
#endif
#endif
#ifndef ARENA_SEPARATE
#define ARENA_SEPARATE 0
#endif

#define BLOCK_MIN 8192
#define BLOCKS_KEPT 32
#define BLOCK_MAX (256 * 1024)
#define ALIGNMENT 16

typedef struct Block Block;
struct Block {
  Block *next;
  gsize size, used;
  guint64 padding;
  guint8 data[];
};

typedef struct Owned Owned;
struct Owned {
  Owned *next;
  gpointer data;
  GDestroyNotify destroy;
};

struct Arena {
  Block *blocks; /* the first one is being filled */
  Owned *owned;
  gsize used, next_size;
};

G_STATIC_ASSERT(sizeof(Block) % ALIGNMENT == 0);

/* --- blocks that a thread keeps --- */

typedef struct Kept {
  Block *blocks; /* of BLOCK_MIN each */
  guint n;
} Kept;

static void
kept_free(gpointer data)
{
  Kept *kept = data;
  for (Block *block = kept->blocks, *next; block; block = next) {
    next = block->next;
    g_free(block);
  }
  g_free(kept);
}

static Kept *
kept_get(void)
{
  static GPrivate mine = G_PRIVATE_INIT(kept_free);
  Kept *kept = g_private_get(&mine);
  if (!kept) {
    kept = g_new0(Kept, 1);
    g_private_set(&mine, kept);
  }
  return kept;
}

static void
block_free(Block *block)
{
  Kept *kept = block->size == BLOCK_MIN && !ARENA_SEPARATE ? kept_get() : NULL;
  if (!kept || kept->n == BLOCKS_KEPT) {
    g_free(block);
    return;
  }
  block->next = kept->blocks;
  kept->blocks = block;
  kept->n++;
}

static Block *
block_new(gsize size)
{
  Kept *kept = size == BLOCK_MIN && !ARENA_SEPARATE ? kept_get() : NULL;
  Block *block = kept ? kept->blocks : NULL;
  if (block) {
    kept->blocks = block->next;
    kept->n--;
  } else {
    block = g_malloc(sizeof(Block) + size);
  }
  block->size = size;
  block->used = 0;
  block->next = NULL;
  return block;
}

/* --- arenas --- */

Arena *
arena_new(void)
{
  Arena *arena = g_new0(Arena, 1);
  arena->next_size = BLOCK_MIN;
  return arena;
}

void
arena_free(Arena *arena)
{
  if (!arena)
    return;
  for (Owned *owned = arena->owned; owned; owned = owned->next)
    owned->destroy(owned->data);
  for (Block *block = arena->blocks, *next; block; block = next) {
    next = block->next;
    block_free(block);
  }
  g_free(arena);
}

/* A block for one piece goes behind the block that is being filled. */
static void *
alloc_separate(Arena *arena, gsize size)
{
  Block *block = block_new(size);
  block->used = size;
  if (arena->blocks && !ARENA_SEPARATE) {
    block->next = arena->blocks->next;
    arena->blocks->next = block;
  } else {
    block->next = arena->blocks;
    arena->blocks = block;
  }
  memset(block->data, 0, size);
  return block->data;
}

void *
arena_alloc(Arena *arena, gsize size)
{
  g_assert(size < G_MAXSSIZE);
  arena->used += size;
  if (ARENA_SEPARATE)
    return alloc_separate(arena, size);
  gsize rounded = (size + ALIGNMENT - 1) & ~(gsize) (ALIGNMENT - 1);
  Block *block = arena->blocks;
  if (!block || block->size - block->used < rounded) {
    if (rounded > arena->next_size / 4)
      return alloc_separate(arena, rounded);
    block = block_new(arena->next_size);
    block->next = arena->blocks;
    arena->blocks = block;
    arena->next_size = MIN(arena->next_size * 2, BLOCK_MAX);
  }
  void *piece = block->data + block->used;
  block->used += rounded;
  return memset(piece, 0, rounded);
}

void *
arena_memdup(Arena *arena, const void *data, gsize size)
{
  char *copy = arena_alloc(arena, size + 1);
  if (size)
    memcpy(copy, data, size);
  return copy;
}

char *
arena_strdup(Arena *arena, const char *text)
{
  return text ? arena_memdup(arena, text, strlen(text)) : NULL;
}

char *
arena_strndup(Arena *arena, const char *text, gsize size)
{
  return arena_memdup(arena, text, strnlen(text, size));
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

/* Most texts are short: they are written twice only if they are not. */
char *
arena_vprintf(Arena *arena, const char *format, va_list args)
{
  char buffer[256];
  va_list again;
  va_copy(again, args);
  int size = vsnprintf(buffer, sizeof buffer, format, args);
  g_assert(size >= 0);
  char *text;
  if ((gsize) size < sizeof buffer) {
    text = arena_memdup(arena, buffer, (gsize) size);
  } else {
    text = arena_alloc(arena, (gsize) size + 1);
    vsnprintf(text, (gsize) size + 1, format, again);
  }
  va_end(again);
  return text;
}

gsize
arena_used(const Arena *arena)
{
  return arena->used;
}

void
arena_own(Arena *arena, gpointer data, GDestroyNotify destroy)
{
  Owned *owned = ARENA_NEW(arena, Owned);
  *owned = (Owned){ arena->owned, data, destroy };
  arena->owned = owned;
}
