/* post_policy: what a browser's upload may be: the policy document in its form.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html */
#pragma once

#include "services/s3/form.h"

/* content-length-range; max -1: none was given. */
typedef struct PostPolicyLimits {
  gint64 min, max;
} PostPolicyLimits;

/* Checks a form against its policy (base64) at a time. Refused: S3's answers InvalidPolicyDocument, AccessDenied, which name the condition. The size of
 * the file is the caller's to check against *ret_limits. */
Error *post_policy_check(Arena *arena, const char *policy, const Form *form, const char *bucket, gint64 now_ms, PostPolicyLimits *ret_limits) ERROR_MUST_USE;
