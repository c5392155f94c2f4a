/* CloudFront: its state, and what its operations stand on. */
#include "services/cloudfront/cloudfront.h"

#include <curl/curl.h>
#include <string.h>

enum { CACHE_BYTES = 128 * 1024 * 1024, PAGE_MAX = 100 };

Cdn *
cdn_of(const Haar *haar)
{
  return haar_state(haar, "cloudfront");
}

static Error *
start(Haar *haar)
{
  Cdn *cdn = g_new0(Cdn, 1);
  cdn->haar = haar;
  g_mutex_init(&cdn->lock);
  g_mutex_init(&cdn->clients_lock);
  g_queue_init(&cdn->clients);
  cdn->hosts = g_hash_table_new(g_str_hash, g_str_equal);
  cdn->stale = TRUE;
  cdn->cache = cache_new(CACHE_BYTES);
  logs_start(cdn);
  haar_set_state(haar, "cloudfront", cdn);
  return NULL;
}

static void
stop(Haar *haar)
{
  Cdn *cdn = cdn_of(haar);
  if (!cdn)
    return;
  for (CURL *curl = g_queue_pop_head(&cdn->clients); curl; curl = g_queue_pop_head(&cdn->clients))
    curl_easy_cleanup(curl);
  g_hash_table_unref(cdn->hosts);
  g_hash_table_unref(cdn->logs);
  cache_free(cdn->cache);
  g_mutex_clear(&cdn->lock);
  g_mutex_clear(&cdn->clients_lock);
  g_free(cdn);
}

const ServiceHooks cloudfront_hooks = {
  .start = start, .stop = stop, .serves = cloudfront_serves, .serve = cloudfront_serve, .access_denied_code = "AccessDenied",
};

char *
etag_new(Arena *arena)
{
  return arena_printf(arena, "E%s", id_alphabet(arena, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 13));
}

Error *
etag_check(const char *if_match, const char *etag)
{
  if (!if_match || !*if_match)
    return error_answer("InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource.");
  if (strcmp(if_match, etag))
    return error_answer("PreconditionFailed", "The request failed because it didn't meet the preconditions in one or more request-header fields.");
  return NULL;
}

Error *
list_page(const char *max_items, gsize from, gsize n, ListPage *ret_page)
{
  gint64 max = PAGE_MAX;
  if (max_items && !g_ascii_string_to_signed(max_items, 10, 1, G_MAXINT32, &max, NULL))
    return error_answer("InvalidArgument", "The parameter MaxItems has to be a positive number.");
  *ret_page = (ListPage) {.from = MIN(from, n), .max = MIN(max, PAGE_MAX)};
  ret_page->to = MIN(ret_page->from + (gsize) ret_page->max, n);
  ret_page->truncated = ret_page->to < n;
  return NULL;
}

/* --- quantities --- */

static const Member *
find_member(const Shape *shape, const char *name)
{
  for (guint i = 0; i < shape->n_members; i++)
    if (!strcmp(shape->members[i].name, name))
      return &shape->members[i];
  return NULL;
}

static Error *
check_struct(const Shape *shape, const void *value)
{
  const Member *quantity = find_member(shape, "Quantity"), *items = find_member(shape, "Items");
  if (quantity && items && items->shape->type == SHAPE_LIST) {
    const OptInt *n = (const OptInt *) ((const guint8 *) value + quantity->offset);
    const AnyList *list = (const AnyList *) ((const guint8 *) value + items->offset);
    if (n->set && n->v != (gint64) list->n)
      return error_answer("InconsistentQuantities", "The value of Quantity and the size of Items don't match.");
  }
  for (guint i = 0; i < shape->n_members; i++)
    TRY(quantities_check(shape->members[i].shape, (const guint8 *) value + shape->members[i].offset));
  return NULL;
}

/* value: where a member of the shape is. */
Error *
quantities_check(const Shape *shape, const void *value)
{
  if (shape->type == SHAPE_STRUCTURE)
    return *(const void *const *) value ? check_struct(shape, *(const void *const *) value) : NULL;
  if (shape->type != SHAPE_LIST || shape->element->type != SHAPE_STRUCTURE)
    return NULL;
  const AnyList *list = value;
  for (gsize i = 0; i < list->n; i++)
    TRY(quantities_check(shape->element, (const guint8 *) list->v + i * shape->entry_size));
  return NULL;
}

/* --- authorisation --- */

Error *
distribution_resource(Call *call, const void *in, Authorization *auth)
{
  const char *id = call_input_text(call, in, "Id"), *arn = call_input_text(call, in, "Resource");
  if (!id)
    id = call_input_text(call, in, "DistributionId");
  if (id || arn)
    auth->resource = arn ? arn : distribution_arn(call->arena, call->account, id);
  return NULL;
}

static Error *
of_kind(Call *call, PolicyKind kind, const void *in, Authorization *auth)
{
  const char *id = call_input_text(call, in, "Id");
  if (id)
    auth->resource = policy_arn(call->arena, call->account, kind, id);
  return NULL;
}

Error *
cache_policy_resource(Call *call, const void *in, Authorization *auth)
{
  return of_kind(call, KIND_CACHE, in, auth);
}

Error *
request_policy_resource(Call *call, const void *in, Authorization *auth)
{
  return of_kind(call, KIND_REQUEST, in, auth);
}

Error *
response_policy_resource(Call *call, const void *in, Authorization *auth)
{
  return of_kind(call, KIND_RESPONSE, in, auth);
}

Error *
identity_resource(Call *call, const void *in, Authorization *auth)
{
  return of_kind(call, KIND_IDENTITY, in, auth);
}

Error *
control_resource(Call *call, const void *in, Authorization *auth)
{
  return of_kind(call, KIND_CONTROL, in, auth);
}
