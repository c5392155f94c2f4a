/* pattern: the regular expressions of the models. */
#pragma once

#include <glib.h>

/* Whether the whole of text (valid UTF-8) matches; pattern is a const of a table, as the models write it (Java's notation). One that PCRE2
 * cannot compile matches all. Any thread. */
gboolean pattern_matches(const char *pattern, const char *text);
