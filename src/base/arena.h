/* arena: memory that lives as long as one call, freed as a whole.
 *
 * Pieces are zeroed and aligned to 16 bytes. Allocation never returns NULL: what a client sizes is
 * checked against a limit before it is allocated (limits.def), and out of memory aborts.
 * With AddressSanitizer each piece is a block of its own, so that overruns inside an arena are seen.
 * An arena belongs to one thread at a time. */
#pragma once

#include <glib.h>

typedef struct Arena Arena;

/* Makes an empty arena. Returns: transfer full. */
Arena *arena_new(void);
/* Frees the arena and all its pieces; NULL is allowed. */
void arena_free(Arena *arena);
/* Returns size zeroed bytes (arena). */
void *arena_alloc(Arena *arena, gsize size) G_GNUC_MALLOC;
/* Returns a copy of size bytes, followed by a NUL that is not counted (arena). */
void *arena_memdup(Arena *arena, const void *data, gsize size);
/* Returns a copy of a string; NULL gives NULL (arena). */
char *arena_strdup(Arena *arena, const char *text);
/* Returns a copy of the first size bytes of text, NUL-terminated (arena). */
char *arena_strndup(Arena *arena, const char *text, gsize size);
/* Returns formatted text (arena). */
char *arena_printf(Arena *arena, const char *format, ...) G_GNUC_PRINTF(2, 3);
char *arena_vprintf(Arena *arena, const char *format, va_list args) G_GNUC_PRINTF(2, 0);
/* Bytes handed out so far. */
gsize arena_used(const Arena *arena);
/* Has the arena free something when it is freed: destroy(data) is called then, last added first. */
void arena_own(Arena *arena, gpointer data, GDestroyNotify destroy);

#define ARENA_NEW(arena, Type) ((Type *) arena_alloc((arena), sizeof(Type)))
#define ARENA_ARRAY(arena, Type, n) ((Type *) arena_alloc((arena), sizeof(Type) * (n)))

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Arena, arena_free)
