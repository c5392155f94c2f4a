/* clock: the one time of all code. It can be moved (haar clock), so nothing else may ask the kernel what time it is.
 * Milliseconds since 1970-01-01T00:00:00Z. Any thread. Where it stands is the one process-wide variable outside the log. */
#pragma once

#include <glib.h>

/* Now, in ms, as haar's services see it. */
gint64 clock_now(void);
/* Now, in ms, as the machine sees it: for time-outs of real work only. */
gint64 clock_real(void);
/* Monotonic microseconds, for measuring. */
gint64 clock_monotonic_us(void);
/* Moves the clock: now becomes clock_real() + offset_ms, at the machine's speed. */
void clock_set_offset(gint64 offset_ms);
/* How far it is from the machine's, now. */
gint64 clock_offset(void);
/* At the machine's real_ms it was now_ms, and runs at speed times the machine's since (1 to CLOCK_SPEED_MAX). */
#define CLOCK_SPEED_MAX 100000
void clock_set(gint64 real_ms, gint64 now_ms, gint64 speed);
gint64 clock_speed(void);
