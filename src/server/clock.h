/* clock: moves the time of everything (haar clock), and remembers it over a restart. */
#pragma once

#include "server/haar.h"

/* Sets the clock as it was when haar last ran. */
Error *clock_restore(Store *store) ERROR_MUST_USE;
/* Registers GET and POST /_haar/clock: {"advance": "90d"}, {"set": "2027-01-31T00:00:00Z"}, {"speed": 60} or
 * {"reset": true}. What becomes due on the way to a later time runs in order, as if the time had passed (jobs_pass). */
void clock_admin(Haar *haar);
/* "90d", "1h30m", "45s", "2w" -> ms. FALSE if it is none, or not below 100 years. */
gboolean clock_parse_duration(const char *text, gint64 *ret_ms);
