/* https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html */
#include "services/sns/filter.h"

enum { KEYS_MAX = 5, COMBINATIONS_MAX = 150, POLICY_MAX = 256 * 1024 };

Error *
filter_policy_parse(Arena *arena, const char *text, gboolean body, Json **ret_policy)
{
  const EventPatternRules rules = {.nested = body, .keys_max = KEYS_MAX, .combinations_max = COMBINATIONS_MAX, .size_max = POLICY_MAX};
  g_autoptr(Error) wrong = event_pattern_parse(arena, text, &rules, ret_policy);
  if (!wrong || wrong->kind == ERROR_FAULT)
    return g_steal_pointer(&wrong);
  return error_answer("InvalidParameterException", "Invalid parameter: FilterPolicy: %s", wrong->message);
}
