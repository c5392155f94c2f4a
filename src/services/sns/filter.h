/* filter: filter policies of subscriptions. https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html */
#pragma once

#include "wire/wire.h"

/* Parses and checks a policy, for event_pattern_match. body: FilterPolicyScope MessageBody, where keys may nest. Wrong: an answer InvalidParameter
 * that says what. arena. */
Error *filter_policy_parse(Arena *arena, const char *text, gboolean body, Json **ret_policy) ERROR_MUST_USE;
