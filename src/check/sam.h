/* sam: AWS SAM's templates as CloudFormation's. For check's own files. */
#pragma once

#include "wire/json.h"
#include "wire/value.h"

/* A template's root without its transform: functions with their roles, and tables, in the place of what SAM calls them. *ret_left: the logical ids of
 * resources whose meaning is not looked into. Lines stay. arena. */
Json *sam_expand(Arena *arena, const Json *root, StringList *ret_left);
