#include "server/session.h"

#include "server/internal.h"

/* How long after a jump a call may come that was signed before it, in time of the machine. */
static const gint64 grace_ms = 10 * 1000, second = 1000;

struct Sessions {
  GMutex lock;
  GHashTable *held;   /* access keys */
  gint64 from_ms;     /* what the clock showed before the last jump */
  gint64 moved_real;  /* when that was, of the machine */
};

Sessions *
sessions_new(void)
{
  Sessions *sessions = g_new0(Sessions, 1);
  g_mutex_init(&sessions->lock);
  sessions->held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  return sessions;
}

void
sessions_free(Sessions *sessions)
{
  if (!sessions)
    return;
  g_hash_table_unref(sessions->held);
  g_mutex_clear(&sessions->lock);
  g_free(sessions);
}

void
server_session_hold(Server *server, const char *access_key)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&server->sessions->lock);
  g_hash_table_add(server->sessions->held, g_strdup(access_key));
}

void
server_session_release(Server *server, const char *access_key)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&server->sessions->lock);
  g_hash_table_remove(server->sessions->held, access_key);
}

void
sessions_clock_moved(Sessions *sessions, gint64 from_ms)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&sessions->lock);
  sessions->from_ms = from_ms;
  sessions->moved_real = clock_real();
}

/* Signatures know only the second: one of the jump's own second counts as signed after it. */
static gboolean
was_signed_before(const Sessions *sessions, gint64 signed_ms)
{
  return signed_ms / second < sessions->moved_real / second && clock_real() <= sessions->moved_real + grace_ms;
}

gboolean
sessions_over(Sessions *sessions, const Credential *credential, gint64 signed_ms, gint64 now_ms)
{
  if (!credential->expires_ms || credential->expires_ms > now_ms)
    return FALSE;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&sessions->lock);
  if (g_hash_table_contains(sessions->held, credential->access_key))
    return FALSE;
  return !(credential->expires_ms > sessions->from_ms && was_signed_before(sessions, signed_ms));
}
