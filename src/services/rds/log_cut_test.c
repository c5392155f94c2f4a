#include "services/rds/rds.h"

#include <string.h>

static char *
cut(const char *text, const LogCut *how, gsize *ret_used)
{
  g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func(g_free);
  *ret_used = log_cut(text, strlen(text), how, messages);
  g_ptr_array_add(messages, NULL);
  return g_strjoinv("|", (char **) messages->pdata);
}

#define CHECK(text, how, expected, left)                        \
  do {                                                          \
    gsize used_ = 0;                                            \
    g_autofree char *got_ = cut(text, &(LogCut) how, &used_);   \
    g_assert_cmpstr(got_, ==, expected);                        \
    g_assert_cmpuint(strlen(text) - used_, ==, strlen(left));   \
  } while (0)
#define HOW(...) {__VA_ARGS__, .max = 100}

static void
test_lines(void)
{
  CHECK("a\n\n b \nc", HOW(.final = FALSE), "a| b", "c");
  CHECK("a\nc", HOW(.final = TRUE), "a|c", "");
  CHECK("endless", HOW(.full = TRUE), "endless", "");
  CHECK("a\nendless", HOW(.full = TRUE), "a", "endless");
  CHECK("\xff\n", HOW(.final = FALSE), "\xef\xbf\xbd", "");
  CHECK("a\nb\nc\n", {.max = 2}, "a|b", "c\n");
}

#define HEAD "# User@Host: a[a] @ []\n# Query_time: 1\nuse `x`;\nSET timestamp=1;\n"

static void
test_entries(void)
{
  CHECK("# Time: 1\n" HEAD "SELECT 1;\n", HOW(.entries = TRUE), "# Time: 1\n" HEAD "SELECT 1;", "");
  /* Two in one second; the second is not whole. */
  CHECK("# Time: 1\n" HEAD "SELECT 1,\n2;\n" HEAD, HOW(.entries = TRUE), "# Time: 1\n" HEAD "SELECT 1,\n2;", HEAD);
  CHECK(HEAD "SELECT 1;\n# Time: 2\n" HEAD "SELECT", HOW(.entries = TRUE), HEAD "SELECT 1;", "# Time: 2\n" HEAD "SELECT");
  CHECK(HEAD "SELECT 1", HOW(.entries = TRUE, .final = TRUE), HEAD "SELECT 1", "");
  /* A server that starts writes three lines of its own. */
  CHECK(HEAD "SELECT 1;\n/usr/sbin/mariadbd, Version: 10. started with:\nTcp port: 1\n", HOW(.entries = TRUE),
        HEAD "SELECT 1;|/usr/sbin/mariadbd, Version: 10. started with:|Tcp port: 1", "");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/rds/log-cut/lines", test_lines);
  g_test_add_func("/rds/log-cut/entries", test_entries);
  return g_test_run();
}
