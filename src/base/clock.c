#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic gint64 offset_of_clock;

gint64
clock_real(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (gint64) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

gint64
clock_now(void)
{
  return clock_real() + clock_offset();
}

gint64
clock_monotonic_us(void)
{
  return g_get_monotonic_time();
}

void
clock_set_offset(gint64 offset_ms)
{
  atomic_store_explicit(&offset_of_clock, offset_ms, memory_order_relaxed);
}

gint64
clock_offset(void)
{
  return atomic_load_explicit(&offset_of_clock, memory_order_relaxed);
}
