/* Parsed policies, kept by each thread: the same few documents are asked for on every call, and parsing them would be most of
 * the work of a permission check. Keyed by the document's text, so nothing is ever stale; no lock, as no thread sees another's. */
#include "iam/policy.h"

enum { CACHE_MAX = 256 };

typedef struct CachedPolicy {
  Arena *arena;
  Policy *policy; /* NULL: the document does not parse */
} CachedPolicy;

static void
cached_policy_free(gpointer data)
{
  CachedPolicy *cached = data;
  arena_free(cached->arena);
  g_free(cached);
}

static void
cache_free(gpointer cache)
{
  g_hash_table_unref(cache);
}

static GPrivate thread_cache = G_PRIVATE_INIT(cache_free);

static GHashTable *
cache_get(void)
{
  GHashTable *cache = g_private_get(&thread_cache);
  if (!cache) {
    cache = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, cached_policy_free);
    g_private_set(&thread_cache, cache);
  }
  return cache;
}

void
policy_cache_trim(void)
{
  GHashTable *cache = cache_get();
  if (g_hash_table_size(cache) > CACHE_MAX)
    g_hash_table_remove_all(cache);
}

const Policy *
policy_cached(const char *document)
{
  GHashTable *cache = cache_get();
  CachedPolicy *cached = g_hash_table_lookup(cache, document);
  if (!cached) {
    cached = g_new0(CachedPolicy, 1);
    cached->arena = arena_new();
    g_autoptr(Error) bad = policy_parse(cached->arena, document, POLICY_ANY, &cached->policy);
    if (bad)
      cached->policy = NULL;
    g_hash_table_insert(cache, g_strdup(document), cached);
  }
  return cached->policy;
}
