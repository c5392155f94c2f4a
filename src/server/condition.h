/* condition: the aws:* condition keys of a call.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html */
#pragma once

#include "server/call.h"

/* Adds what the call itself says to context (the service's own keys are there already). Keys of the principal and the time are iam's. */
void condition_fill(const Call *call, StringMap *context);
/* Adds aws:RequestTag/KEY and aws:TagKeys: the tags in an input of this shape. */
void condition_fill_tags(const Call *call, const Shape *shape, const void *in, StringMap *context);
