/* json_error: the body of an error in JSON; for wire's own files. */
#pragma once

#include "wire/internal.h"

/* {"__type":...,"message":...,...}; type may be NULL. transfer full. */
GString *json_error_body(Arena *arena, const ErrorAnswer *error, const char *type);
