/* yaml: a template's text as Json, each node with its line and column.
 *
 * YAML 1.1 as CloudFormation reads it: short-form tags (!Ref, !Sub, ...) become {"Ref": ..}, {"Fn::Sub": ..}; !GetAtt A.B becomes a list;
 * anchors, aliases and merge keys are followed up to LIMIT_TEMPLATE_NODES nodes; a key twice in a mapping is an error; dates stay text. */
#pragma once

#include "wire/json.h"

/* Wrong text: an answer ValidationError "Template format error: YAML not well-formed. (line 3, column 7) ...". arena. */
Error *yaml_parse(Arena *arena, const char *text, gsize size, Json **ret_json) ERROR_MUST_USE;
