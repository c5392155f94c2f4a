/* Invalidations: done when they are answered. https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Invalidation.html */
#include "services/cloudfront/cloudfront.h"

#include <string.h>

enum { PATHS_MAX = 3000 };

typedef struct Purge { Cache *cache; char *site_id; GPtrArray *paths; } Purge;

static void
purge(gpointer data)
{
  const Purge *work = data;
  for (guint i = 0; i < work->paths->len; i++)
    cache_invalidate(work->cache, work->site_id, work->paths->pdata[i]);
}

static void
purge_free(gpointer data)
{
  Purge *work = data;
  g_free(work->site_id);
  g_ptr_array_unref(work->paths);
  g_free(work);
}

static void
purge_on_commit(Call *call, const char *id, const StringList *paths)
{
  Purge *work = g_new0(Purge, 1);
  *work = (Purge) {cdn_of(call->haar)->cache, g_strdup(id), g_ptr_array_new_with_free_func(g_free)};
  for (gsize i = 0; i < paths->n; i++)
    g_ptr_array_add(work->paths, g_strdup(paths->v[i]));
  txn_on_commit(call->txn, purge, work, purge_free);
}

static Error *
check_paths(const CloudfrontInvalidationBatch *batch)
{
  TRY(quantities_check(&CloudfrontInvalidationBatch_shape, &batch));
  if (batch->Paths->Items.n > PATHS_MAX)
    return error_answer("BatchTooLarge", "Invalidation batch specified is too large.");
  for (gsize i = 0; i < batch->Paths->Items.n; i++) {
    const char *path = batch->Paths->Items.v[i], *star = strchr(path, '*');
    if (*path != '/' || (star && star[1]))
      return error_answer("InvalidArgument", "Your request contains one or more invalid invalidation paths.");
  }
  return batch->Paths->Items.n ? NULL : error_answer("InvalidArgument", "Your request contains no invalidation paths.");
}

static void
invalidation_key(Key *key, const char *distribution_id, const char *id)
{
  key_strings(key, distribution_id, NULL);
  if (id)
    key_add(key, id);
}

typedef struct Invalidations { gsize n; CloudfrontInvalidation **v; } Invalidations;

static Error *
invalidations_of(Call *call, const char *distribution_id, Invalidations *ret_list)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  invalidation_key(&prefix, distribution_id, NULL);
  TRY(cursor_open(call->txn, &cloudfront_invalidations, &(CursorOptions) {.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &CloudfrontInvalidationRecord_shape, data, size, &record));
    LIST_APPEND(call->arena, ret_list, ((CloudfrontInvalidationRecord *) record)->Invalidation);
  }
  return NULL;
}

OPERATION(CreateInvalidation, create_invalidation, .txn = TXN_WRITE, .authorize = distribution_resource)
static Error *
create_invalidation(Call *call, const CloudfrontCreateInvalidationInput *in, CloudfrontCreateInvalidationOutput *ret_out)
{
  CloudfrontDistributionRecord *distribution = NULL;
  Invalidations all = {0};
  Key key;
  TRY(distribution_get(call, in->DistributionId, &distribution));
  TRY(check_paths(in->InvalidationBatch));
  TRY(invalidations_of(call, in->DistributionId, &all));
  for (gsize i = 0; i < all.n && !ret_out->Invalidation; i++)
    if (!strcmp(all.v[i]->InvalidationBatch->CallerReference, in->InvalidationBatch->CallerReference))
      ret_out->Invalidation = all.v[i];
  gboolean fresh = !ret_out->Invalidation;
  if (fresh) {
    ret_out->Invalidation = ARENA_NEW(call->arena, CloudfrontInvalidation);
    *ret_out->Invalidation = (CloudfrontInvalidation) {
      .Id = arena_printf(call->arena, "I%s", id_alphabet(call->arena, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 13)), .Status = "Completed",
      .CreateTime = OPT_TIME(call->now), .InvalidationBatch = in->InvalidationBatch};
    invalidation_key(&key, in->DistributionId, ret_out->Invalidation->Id);
    TRY(record_put(call->txn, &cloudfront_invalidations, &key, &CloudfrontInvalidationRecord_shape,
                   &(CloudfrontInvalidationRecord) {ret_out->Invalidation, call->account}));
    purge_on_commit(call, in->DistributionId, &in->InvalidationBatch->Paths->Items);
    ret_out->Invalidation->Status = "InProgress";
  }
  ret_out->Location = arena_printf(call->arena, "https://cloudfront.amazonaws.com/2020-05-31/distribution/%s/invalidation/%s", in->DistributionId,
                                   ret_out->Invalidation->Id);
  return NULL;
}

OPERATION(GetInvalidation, get_invalidation, .txn = TXN_READ, .authorize = distribution_resource)
static Error *
get_invalidation(Call *call, const CloudfrontGetInvalidationInput *in, CloudfrontGetInvalidationOutput *ret_out)
{
  CloudfrontDistributionRecord *distribution = NULL;
  void *record = NULL;
  Key key;
  TRY(distribution_get(call, in->DistributionId, &distribution));
  invalidation_key(&key, in->DistributionId, in->Id);
  TRY(record_get(call->txn, &cloudfront_invalidations, &key, &CloudfrontInvalidationRecord_shape, call->arena, &record));
  if (!record)
    return error_answer("NoSuchInvalidation", "The specified invalidation does not exist.");
  ret_out->Invalidation = ((CloudfrontInvalidationRecord *) record)->Invalidation;
  return NULL;
}

OPERATION(ListInvalidations, list_invalidations, .txn = TXN_READ, .authorize = distribution_resource)
static Error *
list_invalidations(Call *call, const CloudfrontListInvalidationsInput *in, CloudfrontListInvalidationsOutput *ret_out)
{
  CloudfrontDistributionRecord *distribution = NULL;
  Invalidations all = {0};
  ListPage page;
  gsize from = 0;
  TRY(distribution_get(call, in->DistributionId, &distribution));
  TRY(invalidations_of(call, in->DistributionId, &all));
  while (in->Marker && from < all.n && strcmp(all.v[from]->Id, in->Marker) <= 0)
    from++;
  TRY(list_page(in->MaxItems, from, all.n, &page));
  CloudfrontInvalidationList *list = ret_out->InvalidationList = ARENA_NEW(call->arena, CloudfrontInvalidationList);
  for (gsize i = page.from; i < page.to; i++) {
    CloudfrontInvalidationSummary *summary = ARENA_NEW(call->arena, CloudfrontInvalidationSummary);
    *summary = (CloudfrontInvalidationSummary) {all.v[i]->Id, all.v[i]->CreateTime, all.v[i]->Status};
    LIST_APPEND(call->arena, &list->Items, summary);
  }
  LIST_FINISH(list, in->Marker, &page, all.v[page.to - 1]->Id);
  return NULL;
}
