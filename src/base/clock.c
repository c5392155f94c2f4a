#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

/* Written rarely (one writer at a time: the writer's lock is the odd sequence number), read all the time without a lock. */
static struct {
  _Atomic guint sequence; /* odd: being written */
  _Atomic gint64 real_ms, now_ms, speed;
} standing = {.speed = 1};

gint64
clock_real(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (gint64) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
read_standing(gint64 *ret_real, gint64 *ret_now, gint64 *ret_speed)
{
  guint before, after;
  do {
    before = atomic_load(&standing.sequence);
    *ret_real = atomic_load(&standing.real_ms);
    *ret_now = atomic_load(&standing.now_ms);
    *ret_speed = atomic_load(&standing.speed);
    after = atomic_load(&standing.sequence);
  } while (before != after || (before & 1));
}

gint64
clock_now(void)
{
  gint64 real, now, speed;
  read_standing(&real, &now, &speed);
  return now + (clock_real() - real) * speed;
}

gint64
clock_monotonic_us(void)
{
  return g_get_monotonic_time();
}

void
clock_set(gint64 real_ms, gint64 now_ms, gint64 speed)
{
  guint even;
  do
    even = atomic_load(&standing.sequence) & ~1u;
  while (!atomic_compare_exchange_weak(&standing.sequence, &even, even + 1));
  atomic_store(&standing.real_ms, real_ms);
  atomic_store(&standing.now_ms, now_ms);
  atomic_store(&standing.speed, speed);
  atomic_store(&standing.sequence, even + 2);
}

void
clock_set_offset(gint64 offset_ms)
{
  clock_set(0, offset_ms, 1);
}

gint64
clock_speed(void)
{
  return atomic_load(&standing.speed);
}

gint64
clock_offset(void)
{
  return clock_now() - clock_real();
}
