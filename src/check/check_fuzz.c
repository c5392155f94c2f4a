/* Any text as a template: it is refused or told, and every report of it is well-formed. */
#include <stdint.h>
#include <string.h>

#include "check/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect_json(Arena *arena, const GString *text)
{
  Json *json = NULL;
  g_autoptr(Error) error = json_parse(arena, text->str, text->len, &json);
  g_assert_true(error == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(Arena) arena = arena_new();
  CheckRequest request = { .path = "no-folder/t.yaml", .text = arena_memdup(arena, data, size), .size = size };
  CheckResult result = { 0 };
  g_autoptr(Error) error = check_template(arena, &request, &result);
  if (error)
    return 0;
  g_autoptr(GString) human = g_string_new(NULL), json = g_string_new(NULL), sarif = g_string_new(NULL), github = g_string_new(NULL);
  check_report_human(human, &result, TRUE);
  check_report_json(json, &result, 1);
  check_report_sarif(sarif, &result, 1);
  check_report_github(github, &result);
  expect_json(arena, json);
  expect_json(arena, sarif);
  for (gsize i = 0; i < result.n; i++)
    g_assert_true(result.findings[i].line >= 1 && result.findings[i].column >= 1 && *result.findings[i].why && *result.findings[i].what);
  return 0;
}
