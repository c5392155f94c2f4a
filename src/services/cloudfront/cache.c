/* The cache: responses by key, in memory, the least recently used go first. */
#include "services/cloudfront/cloudfront.h"

#include <string.h>

enum { ENTRY_OVERHEAD = 1024 };

struct Cache {
  GMutex lock;
  GHashTable *entries; /* key -> CacheEntry * */
  GQueue recent;       /* CacheEntry *, the most recently used first */
  gsize used, max;
};

static void
entry_clear(gpointer data)
{
  CacheEntry *entry = data;
  g_free(entry->key);
  g_free(entry->site_id);
  g_free(entry->path);
  arena_free(entry->arena);
}

void
cache_entry_release(CacheEntry *entry)
{
  if (entry)
    g_atomic_rc_box_release_full(entry, entry_clear);
}

Cache *
cache_new(gsize max_bytes)
{
  Cache *cache = g_new0(Cache, 1);
  g_mutex_init(&cache->lock);
  g_queue_init(&cache->recent);
  cache->entries = g_hash_table_new(g_str_hash, g_str_equal);
  cache->max = max_bytes;
  return cache;
}

/* Lock held. */
static void
drop(Cache *cache, CacheEntry *entry)
{
  g_hash_table_remove(cache->entries, entry->key);
  g_queue_delete_link(&cache->recent, entry->link);
  cache->used -= entry->cost;
  cache_entry_release(entry);
}

void
cache_free(Cache *cache)
{
  while (cache->recent.head)
    drop(cache, cache->recent.head->data);
  g_hash_table_unref(cache->entries);
  g_mutex_clear(&cache->lock);
  g_free(cache);
}

static CacheEntry *
entry_new(const char *key, const char *site_id, const char *path, const Response *response)
{
  CacheEntry *entry = g_atomic_rc_box_new0(CacheEntry);
  entry->key = g_strdup(key);
  entry->site_id = g_strdup(site_id);
  entry->path = g_strdup(path);
  entry->arena = arena_new();
  entry->response = (Response) {.status = response->status, .size = response->size};
  entry->response.body = arena_memdup(entry->arena, response->body, response->size);
  for (gsize i = 0; i < response->headers.n; i++)
    header_add(entry->arena, &entry->response.headers, arena_strdup(entry->arena, response->headers.v[i].key),
               arena_strdup(entry->arena, response->headers.v[i].value));
  entry->cost = arena_used(entry->arena) + strlen(key) + ENTRY_OVERHEAD;
  return entry;
}

void
cache_put(Cache *cache, const char *key, const char *site_id, const char *path, const Response *response, gint64 now_ms, gint64 ttl_ms)
{
  CacheEntry *entry = entry_new(key, site_id, path, response);
  entry->stored_ms = now_ms;
  entry->until_ms = now_ms + ttl_ms;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&cache->lock);
  CacheEntry *before = g_hash_table_lookup(cache->entries, key);
  if (before)
    drop(cache, before);
  if (entry->cost > cache->max) {
    cache_entry_release(entry);
    return;
  }
  while (cache->recent.tail && cache->used + entry->cost > cache->max)
    drop(cache, cache->recent.tail->data);
  g_queue_push_head(&cache->recent, entry);
  entry->link = cache->recent.head;
  cache->used += entry->cost;
  g_hash_table_insert(cache->entries, entry->key, entry);
}

CacheEntry *
cache_get(Cache *cache, const char *key)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&cache->lock);
  CacheEntry *entry = g_hash_table_lookup(cache->entries, key);
  if (!entry)
    return NULL;
  g_queue_unlink(&cache->recent, entry->link);
  g_queue_push_head_link(&cache->recent, entry->link);
  return g_atomic_rc_box_acquire(entry);
}

static gboolean
pattern_covers(const char *pattern, const char *path)
{
  gsize size = strlen(pattern);
  return size && pattern[size - 1] == '*' ? !strncmp(pattern, path, size - 1) : !strcmp(pattern, path);
}

void
cache_invalidate(Cache *cache, const char *site_id, const char *pattern)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&cache->lock);
  for (GList *at = cache->recent.head; at;) {
    CacheEntry *entry = at->data;
    at = at->next;
    if (!strcmp(entry->site_id, site_id) && pattern_covers(pattern, entry->path))
      drop(cache, entry);
  }
}
