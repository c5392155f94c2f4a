/* Input: the rule of a composite alarm. */
#include <stdint.h>

#include "services/cloudwatch/alarm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *
state(const char *alarm, gpointer data)
{
  return alarm[0] % 2 ? "ALARM" : "OK";
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(Arena) arena = arena_new();
  StringList names = {0};
  Rule *rule = NULL;
  g_autoptr(Error) error = rule_parse(arena, arena_strndup(arena, (const char *) data, size), &rule);
  if (!error) {
    rule_evaluate(rule, state, NULL);
    rule_names(arena, rule, &names);
  }
  return 0;
}
