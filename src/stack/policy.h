/* policy: what a stack policy lets an update do.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html */
#pragma once

#include "wire/json.h"

/* Its form; wrong: an answer ValidationError "Error validating stack policy: ...". arena. */
Error *stack_policy_parse(Arena *arena, const char *text, Json **ret_policy) ERROR_MUST_USE;
/* NULL if the policy (NULL: there is none) allows action ("Update:Modify", "Update:Replace", "Update:Delete"), else why not, in AWS's words.
 * arena. */
const char *stack_policy_denial(Arena *arena, const Json *policy, const char *action, const char *logical_id, const char *type);
