/* conditions: Fn::And, Fn::Equals, Fn::Not, Fn::Or and Condition. */
#pragma once

#include "stack/intrinsics.h"

/* Whether a condition's expression holds. Wrong ones: an answer ValidationError. */
Error *condition_holds(Eval *eval, const Json *json, gboolean *ret_holds) ERROR_MUST_USE;
