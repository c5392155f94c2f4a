/* context: the condition keys that follow from a request itself. Private to src/iam. */
#pragma once

#include "iam/policy.h"

/* aws:Principal*, aws:userid, aws:username, aws:CurrentTime, aws:ResourceAccount, ... (arena). */
StringMap context_derive(Arena *arena, const IamRequest *request, const IdentityPolicies *identity);
