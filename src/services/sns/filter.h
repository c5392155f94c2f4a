/* filter: filter policies of subscriptions. https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html */
#pragma once

#include "wire/json.h"

/* Parses and checks a policy. body: FilterPolicyScope MessageBody, where keys may nest. Wrong: an answer InvalidParameter that says what.
 * arena. */
Error *filter_policy_parse(Arena *arena, const char *text, gboolean body, Json **ret_policy) ERROR_MUST_USE;
/* Whether an object satisfies a parsed policy. Attributes: an object of name to value, or to an array of values. */
gboolean filter_policy_match(const Json *policy, const Json *object);
