/* Any text as Python and as JavaScript: what is found lies within it, and the same text shows the same. */
#include <stdint.h>
#include <string.h>

#include "check/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static guint
lines_of(const char *text, gsize size)
{
  guint n = 1;
  for (gsize i = 0; i < size; i++)
    n += text[i] == '\n';
  return n;
}

static void
look_at(const Code *code, guint lines)
{
  for (gsize i = 0; i < code->n_clients; i++)
    g_assert_true(code->clients[i].service && code->clients[i].line >= 1 && code->clients[i].line <= lines);
  for (gsize i = 0; i < code->n_calls; i++)
    g_assert_true(*code->calls[i].action && code->calls[i].line >= 1 && code->calls[i].line <= lines);
  for (gsize i = 0; i < code->n_hosts; i++)
    g_assert_true(strchr(code->hosts[i].host, '.') && code->hosts[i].line >= 1 && code->hosts[i].line <= lines);
}

static void
read_both(Arena *arena, const char *text, gsize size, Code *ret_python, Code *ret_script)
{
  python_read(arena, text, size, "f", 1, ret_python);
  javascript_read(arena, text, size, "f", 1, ret_script);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(Arena) arena = arena_new();
  const char *text = arena_memdup(arena, data, size);
  Code python = { 0 }, script = { 0 }, again_python = { 0 }, again_script = { 0 };
  read_both(arena, text, size, &python, &script);
  read_both(arena, text, size, &again_python, &again_script);
  look_at(&python, lines_of(text, size));
  look_at(&script, lines_of(text, size));
  g_assert_cmpuint(python.n_clients + python.n_calls + python.n_hosts, ==, again_python.n_clients + again_python.n_calls + again_python.n_hosts);
  g_assert_cmpuint(script.n_clients + script.n_calls + script.n_hosts, ==, again_script.n_clients + again_script.n_calls + again_script.n_hosts);
  return 0;
}
