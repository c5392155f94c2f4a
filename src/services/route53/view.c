/* The zones in memory, for DNS. A change marks its zone; the next query reads it again from a snapshot, so that what a call was answered for
 * is what DNS answers. */
#include "services/route53/route53.h"

#include <string.h>

struct DnsView {
  Haar *haar;
  GMutex lock;
  GHashTable *zones; /* id -> DnsZone * */
  GHashTable *dirty; /* ids */
  gboolean loaded;
};

static void
zone_clear(gpointer data)
{
  DnsZone *zone = data;
  g_hash_table_unref(zone->names);
  arena_free(zone->arena);
}

void
view_release(DnsZone *zone)
{
  if (zone)
    g_atomic_rc_box_release_full(zone, zone_clear);
}

static void
release(gpointer zone)
{
  view_release(zone);
}

DnsView *
view_new(Haar *haar)
{
  DnsView *view = g_new0(DnsView, 1);
  view->haar = haar;
  view->loaded = !haar->store;
  g_mutex_init(&view->lock);
  view->zones = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, release);
  view->dirty = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  return view;
}

void
view_free(DnsView *view)
{
  if (!view)
    return;
  g_hash_table_unref(view->zones);
  g_hash_table_unref(view->dirty);
  g_mutex_clear(&view->lock);
  g_free(view);
}

/* --- changes --- */

typedef struct Mark { DnsView *view; char *zone_id; } Mark;

static void
mark(gpointer data)
{
  const Mark *change = data;
  g_mutex_lock(&change->view->lock);
  g_hash_table_add(change->view->dirty, g_strdup(change->zone_id));
  g_mutex_unlock(&change->view->lock);
}

static void
mark_free(gpointer data)
{
  Mark *change = data;
  g_free(change->zone_id);
  g_free(change);
}

void
view_changed(DnsView *view, Txn *txn, const char *zone_id)
{
  Mark *change = g_new0(Mark, 1);
  *change = (Mark) {view, g_strdup(zone_id)};
  txn_on_commit(txn, mark, change, mark_free);
}

/* --- reading --- */

static GPtrArray *
node(DnsZone *zone, const char *name)
{
  GPtrArray *sets = g_hash_table_lookup(zone->names, name);
  if (!sets) {
    sets = g_ptr_array_new();
    g_hash_table_insert(zone->names, (gpointer) name, sets);
  }
  return sets;
}

/* "a.b.example.com." has "b.example.com." exist too. */
void
zone_add(DnsZone *zone, Route53ResourceRecordSet *set)
{
  g_ptr_array_add(node(zone, set->Name), set);
  for (const char *dot = strchr(set->Name, '.'); dot && dot[1] && domain_within(dot + 1, zone->name); dot = strchr(dot + 1, '.'))
    node(zone, dot + 1);
}

static Error *
read_sets(Txn *txn, DnsZone *zone)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  record_set_key(zone->arena, &prefix, zone->id, NULL, NULL, NULL);
  TRY(cursor_open(txn, &route53_records, &(CursorOptions) {.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *set = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(zone->arena, &Route53ResourceRecordSet_shape, data, size, &set));
    zone_add(zone, set);
  }
  return NULL;
}

static void
unref_sets(gpointer sets)
{
  g_ptr_array_unref(sets);
}

DnsZone *
zone_new(const char *id, const char *name)
{
  DnsZone *zone = g_atomic_rc_box_new0(DnsZone);
  zone->arena = arena_new();
  zone->names = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, unref_sets);
  zone->id = arena_strdup(zone->arena, id);
  zone->name = arena_strdup(zone->arena, name);
  node(zone, zone->name);
  return zone;
}

void
view_insert(DnsView *view, DnsZone *zone)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&view->lock);
  g_hash_table_replace(view->zones, g_strdup(zone->id), zone);
}

/* *ret_zone is NULL if it is gone. */
static Error *
read_zone(Txn *txn, const char *id, DnsZone **ret_zone)
{
  Key key;
  void *found = NULL;
  g_autoptr(Arena) arena = arena_new();
  key_strings(&key, id, NULL);
  TRY(record_get(txn, &route53_zones, &key, &Route53ZoneRecord_shape, arena, &found));
  *ret_zone = NULL;
  if (!found)
    return NULL;
  const Route53ZoneRecord *record = found;
  g_autoptr(DnsZone) zone = zone_new(id, record->Zone->Name);
  zone->account = arena_strdup(zone->arena, record->Account);
  zone->private_zone = record->Vpcs.n > 0;
  for (gsize i = 0; i < record->Vpcs.n; i++)
    LIST_APPEND(zone->arena, &zone->vpcs, arena_strdup(zone->arena, record->Vpcs.v[i]->VPCId));
  TRY(read_sets(txn, zone));
  *ret_zone = g_steal_pointer(&zone);
  return NULL;
}

static Error *
mark_all(DnsView *view, Txn *txn)
{
  g_autoptr(Cursor) cursor = NULL;
  g_autoptr(Arena) arena = arena_new();
  TRY(cursor_open(txn, &route53_zones, &(CursorOptions) {0}, &cursor));
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    char *id = NULL;
    gsize size = 0;
    if (key_read(&reader, arena, &id, &size))
      g_hash_table_add(view->dirty, g_strdup(id));
  }
  view->loaded = TRUE;
  return NULL;
}

/* Lock held. */
static Error *
read_dirty(DnsView *view)
{
  g_autoptr(Txn) txn = NULL;
  GHashTableIter each;
  gpointer id = NULL;
  TRY(store_begin_read(view->haar->store, &txn));
  if (!view->loaded)
    TRY(mark_all(view, txn));
  g_hash_table_iter_init(&each, view->dirty);
  while (g_hash_table_iter_next(&each, &id, NULL)) {
    DnsZone *zone = NULL;
    TRY(read_zone(txn, id, &zone));
    if (zone)
      g_hash_table_replace(view->zones, g_strdup(id), zone);
    else
      g_hash_table_remove(view->zones, id);
    g_hash_table_iter_remove(&each);
  }
  return NULL;
}

static void
refresh(DnsView *view)
{
  if (view->loaded && g_hash_table_size(view->dirty) == 0)
    return;
  g_autoptr(Error) error = read_dirty(view);
  if (error)
    log_error("the hosted zones cannot be read: %s", error->message);
}

static gboolean
visible(const DnsZone *zone, const char *vpc_id, gboolean private_zones)
{
  if (zone->private_zone != private_zones)
    return FALSE;
  return !private_zones || (vpc_id && string_list_has(&zone->vpcs, vpc_id));
}

DnsZone *
view_find(DnsView *view, const char *vpc_id, gboolean private_zones, const char *name)
{
  DnsZone *best = NULL;
  GHashTableIter each;
  gpointer value = NULL;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&view->lock);
  refresh(view);
  g_hash_table_iter_init(&each, view->zones);
  while (g_hash_table_iter_next(&each, NULL, &value)) {
    DnsZone *zone = value;
    gsize size = strlen(zone->name);
    if (!visible(zone, vpc_id, private_zones) || !domain_within(name, zone->name) || (best && strlen(best->name) > size))
      continue;
    /* Public zones of one name: the world asks those that a registrar names; here, the first by id. */
    if (!best || strlen(best->name) < size || strcmp(zone->id, best->id) < 0)
      best = zone;
  }
  return best ? g_atomic_rc_box_acquire(best) : NULL;
}

DnsZone *
view_zone(DnsView *view, const char *zone_id)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&view->lock);
  refresh(view);
  DnsZone *zone = g_hash_table_lookup(view->zones, zone_id);
  return zone ? g_atomic_rc_box_acquire(zone) : NULL;
}
