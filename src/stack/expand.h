/* expand: the loops of AWS::LanguageExtensions (Fn::ForEach), written out before the template is checked.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html */
#pragma once

#include "wire/json.h"

/* Collections may be lists of texts or a Ref to a parameter with a Default. Wrong loops: answers ValidationError. arena. */
Error *template_expand(Arena *arena, const Json *root, Json **ret_root) ERROR_MUST_USE;
