#include "server/activity.h"

#include <string.h>

#include "server/internal.h"

enum { KEPT = 2048 };

typedef struct Use {
  guint64 id;
  char eni_id[32], who[96];
  gint64 from, to;           /* clock_now(); to 0: still */
} Use;

struct Activities {
  GMutex lock;
  guint64 last;
  Use ring[KEPT];
};

Activities *
activities_new(void)
{
  Activities *activities = g_new0(Activities, 1);
  g_mutex_init(&activities->lock);
  return activities;
}

void
activities_free(Activities *activities)
{
  if (!activities)
    return;
  g_mutex_clear(&activities->lock);
  g_free(activities);
}

guint64
server_use_begin(Server *server, const char *eni_id, const char *who)
{
  Activities *activities = server->activities;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&activities->lock);
  guint64 id = ++activities->last;
  Use *use = &activities->ring[id % KEPT];
  *use = (Use){.id = id, .from = clock_now()};
  g_strlcpy(use->eni_id, eni_id, sizeof use->eni_id);
  g_strlcpy(use->who, who, sizeof use->who);
  return id;
}

void
server_use_end(Server *server, guint64 id)
{
  Activities *activities = server->activities;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&activities->lock);
  Use *use = &activities->ring[id % KEPT];
  if (use->id == id)
    use->to = clock_now();
}

StringList
server_used_by(Server *server, Arena *arena, const char *eni_id, gint64 at_ms)
{
  Activities *activities = server->activities;
  StringList found = {0};
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&activities->lock);
  guint64 first = activities->last > KEPT ? activities->last - KEPT : 0;
  for (guint64 id = activities->last; id > first; id--) {
    const Use *use = &activities->ring[id % KEPT];
    if (strcmp(use->eni_id, eni_id) != 0 || use->from > at_ms || (use->to && use->to < at_ms) || string_list_has(&found, use->who))
      continue;
    const char *who = arena_strdup(arena, use->who);
    LIST_APPEND(arena, &found, who);
  }
  return found;
}
