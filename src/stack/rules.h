/* rules: the template's Rules, which hold parameters against each other before anything is made.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html */
#pragma once

#include "stack/intrinsics.h"
#include "stack/remote.h"

/* The form of the section; NULL is fine. Wrong: an answer ValidationError. */
Error *rules_check_form(const Json *rules) ERROR_MUST_USE;
/* Evaluates the rules; eval: with parameters and without resources. The first assertion that does not hold: an answer ValidationError with
 * its description. Fn::RefAll, Fn::ValueOf and Fn::ValueOfAll ask ec2 as the caller. */
Error *rules_evaluate(Call *call, Eval *eval) ERROR_MUST_USE;
