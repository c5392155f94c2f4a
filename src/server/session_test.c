#include "server/session.h"

#include "server/internal.h"

#define HOUR_MS (G_GINT64_CONSTANT(3600) * 1000)

typedef struct Fixture {
  Server server;
  Sessions *sessions;
  gint64 now; /* of the machine, and of haar before the jump */
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer unused)
{
  fixture->sessions = fixture->server.sessions = sessions_new();
  fixture->now = clock_real();
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
  sessions_free(fixture->sessions);
}

static gboolean
is_over(Fixture *fixture, gint64 expires_ms, gint64 signed_ms, gint64 now_ms)
{
  Credential credential = {.access_key = "ASIA1", .session_token = "t", .expires_ms = expires_ms};
  return sessions_over(fixture->sessions, &credential, signed_ms, now_ms);
}

static void
test_time(Fixture *fixture, gconstpointer unused)
{
  gint64 now = fixture->now;
  g_assert_false(is_over(fixture, 0, now, now + 1000 * HOUR_MS));
  g_assert_false(is_over(fixture, now + 1, now, now));
  g_assert_true(is_over(fixture, now, now, now));
  g_assert_true(is_over(fixture, now - 1, now - 60 * 1000, now)); /* without a jump an old signature helps nobody */
}

/* A day, in which credentials of an hour end. */
static void
test_jump(Fixture *fixture, gconstpointer unused)
{
  gint64 now = fixture->now, after = now + 24 * HOUR_MS;
  sessions_clock_moved(fixture->sessions, now);
  g_assert_false(is_over(fixture, now + HOUR_MS, now - 2000, after));
  g_assert_true(is_over(fixture, now + HOUR_MS, clock_real(), after)); /* signed after it */
  g_assert_true(is_over(fixture, now - HOUR_MS, now - 2000, after));   /* over before it */
}

static void
test_held(Fixture *fixture, gconstpointer unused)
{
  gint64 now = fixture->now, after = now + 24 * HOUR_MS;
  server_session_hold(&fixture->server, "ASIA1");
  g_assert_false(is_over(fixture, now + HOUR_MS, now, after));
  server_session_release(&fixture->server, "ASIA1");
  g_assert_true(is_over(fixture, now + HOUR_MS, now, after));
  server_session_release(&fixture->server, "ASIA1");
  server_session_hold(&fixture->server, "ASIA2");
  g_assert_true(is_over(fixture, now + HOUR_MS, now, after));
}

#define ADD(name, function) g_test_add("/session/" name, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  ADD("time", test_time);
  ADD("jump", test_jump);
  ADD("held", test_held);
  return g_test_run();
}
