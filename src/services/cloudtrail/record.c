/* From finished calls to rows. The hook runs where the call ended, and must be quick: what kind an operation is, is looked up by its address, and
 * the row is written together with others, before the call is answered. */
#include <string.h>

#include "services/cloudtrail/cloudtrail.h"

const Table trail_events = {"cloudtrail.event"};

static const char sweep_kind[] = "cloudtrail.sweep";
static const gint64 hour = 3600 * 1000, day = 24 * 3600 * 1000;
enum { SWEEP_BATCH = 2000, SELECTORS_MAX = 500, PENDING_MAX = 20000 };

/* One thing that a trail wants data events of. */
typedef struct Selector {
  char *type, *value; /* the ARN has to begin with value */
} Selector;

struct Trails {
  GHashTable *kinds;   /* const Operation * -> EventKind + 1; const after the start */
  GRWLock lock;
  GPtrArray *selectors;
  gint any_data;       /* atomic: whether there are selectors */
  gint pending;        /* atomic: rows on their way */
};

static void
selector_free(gpointer data)
{
  Selector *selector = data;
  g_free(selector->type);
  g_free(selector->value);
  g_free(selector);
}

void
record_key(const Call *call, gint64 time, const char *id, Key *key)
{
  key_strings(key, call->region, call->account, NULL);
  key_add_int(key, time);
  key_add(key, id);
}

/* --- writing --- */

typedef struct Row {
  Trails *trails;
  Key key;
  GByteArray *bytes;
  void (*kept)(gpointer data); /* or NULL */
  gpointer data;
} Row;

static Error *
write_row(Txn *txn, gpointer data)
{
  Row *row = data;
  return store_put(txn, &trail_events, &row->key, row->bytes->data, row->bytes->len);
}

static void
row_done(Error *error, gpointer data)
{
  Row *row = data;
  if (error)
    log_error("a call could not be recorded: %s", error->message);
  error_free(error);
  if (row->kept)
    row->kept(row->data);
  g_atomic_int_add(&row->trails->pending, -1);
  g_byte_array_unref(row->bytes);
  g_free(row);
}

static gboolean
is_selected(Trails *trails, const char *type, const char *arn)
{
  gboolean found = FALSE;
  g_rw_lock_reader_lock(&trails->lock);
  for (guint i = 0; arn && i < trails->selectors->len && !found; i++) {
    const Selector *selector = trails->selectors->pdata[i];
    found = strcmp(selector->type, type) == 0 && g_str_has_prefix(arn, selector->value);
  }
  g_rw_lock_reader_unlock(&trails->lock);
  return found;
}

static gboolean
is_wanted(Trails *trails, const Call *call, const void *in)
{
  EventKind kind = (EventKind) (GPOINTER_TO_INT(g_hash_table_lookup(trails->kinds, call->operation)) - 1);
  const char *type = NULL;
  if (kind == EVENT_MANAGEMENT)
    return TRUE;
  if (kind != EVENT_DATA || !g_atomic_int_get(&trails->any_data))
    return FALSE;
  const char *arn = event_data_arn(call, in, &type);
  return is_selected(trails, type, arn);
}

gboolean
record_wants(Haar *haar, const Call *call, const void *in)
{
  Trails *trails = haar_state(haar, "cloudtrail");
  if (!trails || !call->principal || call->principal->type == PRINCIPAL_ANONYMOUS || !is_wanted(trails, call, in))
    return FALSE;
  return g_atomic_int_get(&trails->pending) <= PENDING_MAX; /* the disk does not keep up: the calls go first */
}

void
record_call(Haar *haar, const Call *call, const void *in, const void *out, const Error *error, void (*kept)(gpointer data), gpointer data)
{
  Trails *trails = haar_state(haar, "cloudtrail");
  if (!trails) { /* haar stops */
    if (kept)
      kept(data);
    return;
  }
  CloudtrailEventRecord *record = event_make(call, in, out, error);
  Row *row = g_new0(Row, 1);
  row->trails = trails;
  row->kept = kept;
  row->data = data;
  row->bytes = g_byte_array_new();
  record_key(call, clock_now(), record->id, &row->key);
  record_encode(call->arena, &CloudtrailEventRecord_shape, record, row->bytes);
  g_atomic_int_inc(&trails->pending);
  store_write_async(haar->store, write_row, row_done, row);
}

/* --- what trails ask for --- */

static void
add_selectors(GPtrArray *all, const CloudtrailEventSelectors *selectors)
{
  for (gsize i = 0; i < selectors->n; i++)
    for (gsize k = 0; k < selectors->v[i]->DataResources.n; k++) {
      const CloudtrailDataResource *resource = selectors->v[i]->DataResources.v[k];
      for (gsize v = 0; v < resource->Values.n && all->len < SELECTORS_MAX; v++) {
        Selector *selector = g_new0(Selector, 1);
        *selector = (Selector){g_strdup(resource->Type), g_strdup(resource->Values.v[v])};
        g_ptr_array_add(all, selector);
      }
    }
}

Error *
record_selectors(Call *call)
{
  Trails *trails = haar_state(call->haar, "cloudtrail");
  g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(selector_free);
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &trail_trails, &(CursorOptions){0}, &cursor));
  while (cursor_next(cursor)) {
    gsize size;
    void *value = NULL;
    const guint8 *bytes = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &CloudtrailTrailRecord_shape, bytes, size, &value));
    if (OPT_OR(((CloudtrailTrailRecord *) value)->logging, FALSE))
      add_selectors(all, &((CloudtrailTrailRecord *) value)->selectors);
  }
  g_rw_lock_writer_lock(&trails->lock);
  GPtrArray *old = trails->selectors;
  trails->selectors = g_steal_pointer(&all);
  g_atomic_int_set(&trails->any_data, trails->selectors->len > 0);
  g_rw_lock_writer_unlock(&trails->lock);
  g_ptr_array_unref(old);
  return NULL;
}

/* --- what is too old --- */

typedef struct Keys { gsize n; Key **v; } Keys;

/* The oldest rows of all regions and accounts that are over 90 days old, or too many. */
static Error *
find_old(Call *call, Keys *ret)
{
  g_autoptr(Cursor) cursor = NULL;
  gint64 now = clock_now();
  gsize rows = 0;
  TRY(cursor_open(call->txn, &trail_events, &(CursorOptions){.reverse = TRUE}, &cursor));
  while (ret->n < SWEEP_BATCH && cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    char *text;
    gsize size;
    gint64 time;
    if (!key_read(&reader, call->arena, &text, &size) || !key_read(&reader, call->arena, &text, &size) || !key_read_int(&reader, &time))
      continue;
    if (++rows <= TRAIL_EVENTS_MAX && time > now - TRAIL_KEPT_DAYS * day)
      continue;
    Key *key = ARENA_NEW(call->arena, Key);
    const guint8 *bytes = cursor_key(cursor, &size);
    key_init(key);
    key_add_raw(key, bytes, size);
    LIST_APPEND(call->arena, ret, key);
  }
  return NULL;
}

static Error *
sweep(Call *call, gpointer unused)
{
  Keys old = {0};
  TRY(find_old(call, &old));
  for (gsize i = 0; i < old.n; i++)
    TRY(store_delete(call->txn, &trail_events, old.v[i], NULL));
  return jobs_put(call->txn, call->haar->jobs, sweep_kind, "all", old.n == SWEEP_BATCH ? 0 : clock_now() + hour, "", 0);
}

static Error *
run_sweep(JobRun *job)
{
  g_autoptr(Call) call = call_new(job->context, "000000000000", "us-east-1", NULL);
  return call_write(call, sweep, NULL);
}

static Error *
arm(Call *call, gpointer unused)
{
  TRY(record_selectors(call));
  return jobs_put(call->txn, call->haar->jobs, sweep_kind, "all", clock_now() + hour, "", 0);
}

Error *
record_start(Haar *haar)
{
  Trails *trails = g_new0(Trails, 1);
  trails->kinds = g_hash_table_new(NULL, NULL);
  trails->selectors = g_ptr_array_new_with_free_func(selector_free);
  g_rw_lock_init(&trails->lock);
  for (const Service *const *service = haar_services; *service; service++)
    for (const Operation *const *operation = (*service)->operations; *operation; operation++)
      g_hash_table_insert(trails->kinds, (gpointer) *operation, GINT_TO_POINTER(event_kind(*operation) + 1));
  haar_set_state(haar, "cloudtrail", trails);
  jobs_register(haar->jobs, sweep_kind, run_sweep);
  jobs_catches_up(haar->jobs, sweep_kind);
  g_autoptr(Call) call = call_new(haar, "000000000000", haar->region, NULL);
  return call_write(call, arm, NULL);
}

void
record_stop(Haar *haar)
{
  Trails *trails = haar_state(haar, "cloudtrail");
  if (!trails || g_atomic_int_get(&trails->pending))
    return; /* rows on their way still count down: left to the end of the process */
  haar_set_state(haar, "cloudtrail", NULL);
  g_hash_table_unref(trails->kinds);
  g_ptr_array_unref(trails->selectors);
  g_rw_lock_clear(&trails->lock);
  g_free(trails);
}
