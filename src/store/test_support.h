/* test_support: a store in a temporary directory, for the store's own tests. */
#pragma once

#include "store/store.h"
#include <glib/gstdio.h>
#include <string.h>

#define ASSERT_GOOD(expression)                       \
  do {                                                \
    g_autoptr(Error) assert_error_ = (expression);    \
    if (assert_error_)                                \
      g_error("%s", assert_error_->message);          \
  } while (0)

static inline char *
test_directory(void)
{
  g_autofree char *name = g_dir_make_tmp("haar-store-XXXXXX", NULL);
  g_assert_nonnull(name);
  return g_steal_pointer(&name);
}

static inline void
test_remove(const char *path)
{
  if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir));) {
      g_autofree char *below = g_build_filename(path, name, NULL);
      test_remove(below);
    }
  }
  g_remove(path);
}

/* How many files are below a folder, in all depths. */
static inline guint
count_files(const char *path)
{
  if (!g_file_test(path, G_FILE_TEST_IS_DIR))
    return 1;
  guint n = 0;
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  for (const char *name; (name = g_dir_read_name(dir));) {
    g_autofree char *below = g_build_filename(path, name, NULL);
    n += count_files(below);
  }
  return n;
}
