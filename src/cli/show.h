/* show: what commands that explain print in the same way. */
#pragma once

#include "cli/cli.h"

/* A member's text ("" if it is not there), number (0), truth. */
const char *show_text(const Json *json, const char *key);
gint64 show_number(const Json *json, const char *key);
gboolean show_true(const Json *json, const char *key);
/* "    name      text", further lines of text below its first; nothing if it is empty. */
void show_pair(const char *name, const char *text);
/* why, what AWS shows, mend, command, template and page of an entry. */
void show_explanation(const Json *entry);
/* If the answer says that the network is off: so, on standard error, and why. */
void show_network(const char *command, const Json *answer);
