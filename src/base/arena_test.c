#include "base/arena.h"

#include <string.h>

static void
test_zeroed_and_aligned(void)
{
  g_autoptr(Arena) arena = arena_new();
  for (gsize size = 0; size < 9000; size += 13) {
    guint8 *piece = arena_alloc(arena, size);
    g_assert_cmpuint((gsize) piece % 16, ==, 0);
    for (gsize i = 0; i < size; i++)
      g_assert_cmpuint(piece[i], ==, 0);
    memset(piece, 0xaa, size);
  }
}

static void
test_pieces_keep(void)
{
  g_autoptr(Arena) arena = arena_new();
  char *texts[2000];
  for (int i = 0; i < 2000; i++)
    texts[i] = arena_printf(arena, "piece %d %*s", i, i, "");
  for (int i = 0; i < 2000; i++) {
    g_autofree char *expected = g_strdup_printf("piece %d %*s", i, i, "");
    g_assert_cmpstr(texts[i], ==, expected);
  }
}

static void
test_copies(void)
{
  g_autoptr(Arena) arena = arena_new();
  g_assert_null(arena_strdup(arena, NULL));
  g_assert_cmpstr(arena_strdup(arena, ""), ==, "");
  g_assert_cmpstr(arena_strndup(arena, "abcdef", 3), ==, "abc");
  g_assert_cmpstr(arena_strndup(arena, "ab", 9), ==, "ab");
  char *copy = arena_memdup(arena, "a\0b", 3);
  g_assert_cmpmem(copy, 4, "a\0b\0", 4);
  g_assert_cmpuint(arena_used(arena), >, 0);
}

static void
append_digit(gpointer data)
{
  char *text = data;
  text[strlen(text)] = (char) ('1' + strlen(text));
}

static void
append_x(gpointer data)
{
  char *text = data;
  text[strlen(text)] = 'x';
}

static void
test_owned_last_first(void)
{
  char text[8] = "";
  Arena *arena = arena_new();
  arena_own(arena, text, append_digit);
  arena_own(arena, text, append_x);
  arena_free(arena);
  g_assert_cmpstr(text, ==, "x2");
  arena_free(NULL);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/base/arena/zeroed-and-aligned", test_zeroed_and_aligned);
  g_test_add_func("/base/arena/pieces-keep", test_pieces_keep);
  g_test_add_func("/base/arena/copies", test_copies);
  g_test_add_func("/base/arena/owned-last-first", test_owned_last_first);
  return g_test_run();
}
