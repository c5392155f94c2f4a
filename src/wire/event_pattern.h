/* event_pattern: patterns over JSON documents: SNS's filter policies, the filters of Lambda's event source mappings.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 * https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html */
#pragma once

#include "wire/json.h"

/* What one service permits. 0: no limit of that kind. */
typedef struct EventPatternRules {
  gboolean nested;           /* keys may hold objects */
  guint keys_max;
  guint64 combinations_max;
  gsize size_max;            /* bytes */
} EventPatternRules;

/* Parses and checks a pattern. Wrong: an answer InvalidPattern whose text is the reason alone; the service says it in its own words. arena. */
Error *event_pattern_parse(Arena *arena, const char *text, const EventPatternRules *rules, Json **ret_pattern) ERROR_MUST_USE;
/* Whether an object satisfies a parsed pattern. Values that are arrays count each for itself. */
gboolean event_pattern_match(const Json *pattern, const Json *object);
