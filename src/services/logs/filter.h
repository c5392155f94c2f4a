/* filter: CloudWatch Logs' filter pattern language.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 *
 *   ERROR "two words" -DEBUG          terms: all must be there, those with - must not
 *   ?ERROR ?WARN                      any of them
 *   %[45]\d\d%                        a regular expression
 *   { $.user.id = "u*" && $.n > 3 }   JSON events
 *   [ip, ..., status = 4*, bytes]     events of space-delimited fields */
#pragma once

#include "wire/wire.h"

typedef struct Filter Filter;

/* Reads a pattern (NULL or blank: matches everything). Wrong: an answer InvalidParameterException that says where. arena. */
Error *filter_parse(Arena *arena, const char *pattern, Filter **ret_filter) ERROR_MUST_USE;
/* Whether an event's message matches. scratch is used for what is decoded. */
gboolean filter_match(const Filter *filter, Arena *scratch, const char *message);
/* What a selector of metric values finds in a message that matches: "$.user.id" of a JSON event, "$ip" of a field that the pattern names. NULL:
 * nothing. arena. */
const char *filter_value(const Filter *filter, Arena *arena, const char *message, const char *selector);
/* All that the pattern names, by selector. arena. */
void filter_values(const Filter *filter, Arena *arena, const char *message, StringMap *ret);
