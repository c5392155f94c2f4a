/* dynamic: {{resolve:ssm:..}}, {{resolve:ssm-secure:..}}, {{resolve:secretsmanager:..}} in resolved properties.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html */
#pragma once

#include "stack/remote.h"

typedef enum {
  DYNAMIC_PLAIN, /* only ssm: its values are shown and stored */
  DYNAMIC_ALL,   /* secrets too: only in what is handed to a resource's functions, never stored */
} DynamicKind;

/* A copy of the value with its references replaced. arena of call. A reference to nothing: an answer ValidationError. */
Error *dynamic_resolve(Call *call, const Json *json, DynamicKind kind, Json **ret_json) ERROR_MUST_USE;
/* Parts of a secretsmanager reference ("id:SecretString:key:stage:version"; an ARN is an id). Absent ones are "". arena.
 * FALSE: the text has no such form. */
typedef struct SecretReference { const char *id, *json_key, *stage, *version; } SecretReference;
gboolean dynamic_parse_secret(Arena *arena, const char *text, SecretReference *ret_reference);
