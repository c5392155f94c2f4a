/* Distributions. https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CreateDistribution.html */
#include "services/cloudfront/cloudfront.h"

#include <string.h>

enum { DISTRIBUTIONS_MAX = 200, TAGS_MAX = 50 };

/* What changed answers all requests from the commit on; "InProgress" is said once, in the answer of the change. */
static CloudfrontDistribution *
show(Call *call, const CloudfrontDistributionRecord *record, const char *status)
{
  CloudfrontDistribution *distribution = ARENA_NEW(call->arena, CloudfrontDistribution);
  *distribution = (CloudfrontDistribution) {
    .Id = record->Id, .ARN = distribution_arn(call->arena, record->Account, record->Id), .Status = status, .LastModifiedTime = record->Modified,
    .InProgressInvalidationBatches = OPT_INT(0), .DomainName = record->DomainName, .DistributionConfig = record->Config,
    .ActiveTrustedSigners = ARENA_NEW(call->arena, CloudfrontActiveTrustedSigners),
    .ActiveTrustedKeyGroups = ARENA_NEW(call->arena, CloudfrontActiveTrustedKeyGroups)};
  distribution->ActiveTrustedSigners->Enabled = distribution->ActiveTrustedKeyGroups->Enabled = OPT_BOOL(FALSE);
  distribution->ActiveTrustedSigners->Quantity = distribution->ActiveTrustedKeyGroups->Quantity = OPT_INT(0);
  return distribution;
}

static Error *
check_new(Call *call, const CloudfrontDistributionConfig *config)
{
  DistributionRecords all = {0};
  TRY(config_check(call, config, NULL));
  TRY(distributions_all(call->txn, call->arena, call->account, &all));
  for (gsize i = 0; i < all.n; i++)
    if (!strcmp(all.v[i]->Config->CallerReference, config->CallerReference))
      return error_answer("DistributionAlreadyExists", "The caller reference that you are using to create a distribution is associated with another "
                                                       "distribution. Already exists: %s", all.v[i]->Id);
  if (all.n >= DISTRIBUTIONS_MAX)
    return error_answer("TooManyDistributions", "Processing your request would cause you to exceed the maximum number of distributions allowed.");
  return NULL;
}

static Error *
create(Call *call, CloudfrontDistributionConfig *config, const CloudfrontTagList *tags, CloudfrontDistributionRecord *record)
{
  TRY(check_new(call, config));
  config_fill(call->arena, config);
  *record = (CloudfrontDistributionRecord) {
    .Id = arena_printf(call->arena, "E%s", id_alphabet(call->arena, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 13)), .Account = call->account,
    .DomainName = arena_printf(call->arena, "d%s.cloudfront.net", id_lower(call->arena, 13)), .Config = config};
  if (tags)
    record->Tags = *tags;
  return distribution_put(call, record);
}

static const char *
location(Call *call, const char *id)
{
  return arena_printf(call->arena, "https://cloudfront.amazonaws.com/2020-05-31/distribution/%s", id);
}

OPERATION(CreateDistribution, create_distribution, .txn = TXN_WRITE)
static Error *
create_distribution(Call *call, const CloudfrontCreateDistributionInput *in, CloudfrontCreateDistributionOutput *ret_out)
{
  CloudfrontDistributionRecord record;
  TRY(create(call, in->DistributionConfig, NULL, &record));
  ret_out->Distribution = show(call, &record, "InProgress");
  ret_out->ETag = record.ETag;
  ret_out->Location = location(call, record.Id);
  return NULL;
}

OPERATION(CreateDistributionWithTags, create_distribution_with_tags, .txn = TXN_WRITE)
static Error *
create_distribution_with_tags(Call *call, const CloudfrontCreateDistributionWithTagsInput *in, CloudfrontCreateDistributionWithTagsOutput *ret_out)
{
  CloudfrontDistributionRecord record;
  TRY(create(call, in->DistributionConfigWithTags->DistributionConfig, &in->DistributionConfigWithTags->Tags->Items, &record));
  ret_out->Distribution = show(call, &record, "InProgress");
  ret_out->ETag = record.ETag;
  ret_out->Location = location(call, record.Id);
  return NULL;
}

OPERATION(GetDistribution, get_distribution, .txn = TXN_READ, .authorize = distribution_resource)
static Error *
get_distribution(Call *call, const CloudfrontGetDistributionInput *in, CloudfrontGetDistributionOutput *ret_out)
{
  CloudfrontDistributionRecord *record = NULL;
  TRY(distribution_get(call, in->Id, &record));
  ret_out->Distribution = show(call, record, "Deployed");
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(GetDistributionConfig, get_distribution_config, .txn = TXN_READ, .authorize = distribution_resource)
static Error *
get_distribution_config(Call *call, const CloudfrontGetDistributionConfigInput *in, CloudfrontGetDistributionConfigOutput *ret_out)
{
  CloudfrontDistributionRecord *record = NULL;
  TRY(distribution_get(call, in->Id, &record));
  ret_out->DistributionConfig = record->Config;
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(UpdateDistribution, update_distribution, .txn = TXN_WRITE, .authorize = distribution_resource)
static Error *
update_distribution(Call *call, const CloudfrontUpdateDistributionInput *in, CloudfrontUpdateDistributionOutput *ret_out)
{
  CloudfrontDistributionRecord *record = NULL;
  TRY(distribution_get(call, in->Id, &record));
  TRY(etag_check(in->IfMatch, record->ETag));
  if (strcmp(in->DistributionConfig->CallerReference, record->Config->CallerReference))
    return error_answer("IllegalUpdate", "The update contains modifications that are not allowed.");
  TRY(config_check(call, in->DistributionConfig, record->Id));
  config_fill(call->arena, in->DistributionConfig);
  record->Config = in->DistributionConfig;
  TRY(distribution_put(call, record));
  ret_out->Distribution = show(call, record, "InProgress");
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(DeleteDistribution, delete_distribution, .txn = TXN_WRITE, .authorize = distribution_resource)
static Error *
delete_distribution(Call *call, const CloudfrontDeleteDistributionInput *in, CloudfrontDeleteDistributionOutput *ret_out)
{
  CloudfrontDistributionRecord *record = NULL;
  Key key;
  TRY(distribution_get(call, in->Id, &record));
  TRY(etag_check(in->IfMatch, record->ETag));
  if (OPT_OR(record->Config->Enabled, FALSE))
    return error_answer("DistributionNotDisabled", "The distribution you are trying to delete has not been disabled.");
  key_strings(&key, in->Id, NULL);
  TRY(store_delete_prefix(call->txn, &cloudfront_invalidations, &key, NULL));
  cdn_changed(call->haar, call->txn);
  return store_delete(call->txn, &cloudfront_distributions, &key, NULL);
}

static CloudfrontDistributionSummary *
summary_of(Call *call, const CloudfrontDistributionRecord *record)
{
  const CloudfrontDistributionConfig *config = record->Config;
  CloudfrontDistributionSummary *summary = ARENA_NEW(call->arena, CloudfrontDistributionSummary);
  *summary = (CloudfrontDistributionSummary) {
    .Id = record->Id, .ARN = distribution_arn(call->arena, record->Account, record->Id), .Status = "Deployed", .LastModifiedTime = record->Modified,
    .DomainName = record->DomainName, .Aliases = config->Aliases, .Origins = config->Origins, .OriginGroups = config->OriginGroups,
    .DefaultCacheBehavior = config->DefaultCacheBehavior, .CacheBehaviors = config->CacheBehaviors, .CustomErrorResponses = config->CustomErrorResponses,
    .Comment = config->Comment, .PriceClass = config->PriceClass, .Enabled = config->Enabled, .ViewerCertificate = config->ViewerCertificate,
    .Restrictions = config->Restrictions, .WebACLId = config->WebACLId, .HttpVersion = config->HttpVersion, .IsIPV6Enabled = config->IsIPV6Enabled,
    .Staging = OPT_BOOL(FALSE)};
  return summary;
}

OPERATION(ListDistributions, list_distributions, .txn = TXN_READ)
static Error *
list_distributions(Call *call, const CloudfrontListDistributionsInput *in, CloudfrontListDistributionsOutput *ret_out)
{
  DistributionRecords all = {0};
  ListPage page;
  gsize from = 0;
  TRY(distributions_all(call->txn, call->arena, call->account, &all));
  while (in->Marker && from < all.n && strcmp(all.v[from]->Id, in->Marker) <= 0)
    from++;
  TRY(list_page(in->MaxItems, from, all.n, &page));
  CloudfrontDistributionList *list = ret_out->DistributionList = ARENA_NEW(call->arena, CloudfrontDistributionList);
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &list->Items, summary_of(call, all.v[i]));
  LIST_FINISH(list, in->Marker, &page, all.v[page.to - 1]->Id);
  return NULL;
}

/* --- tags: of distributions --- */

static Error *
tagged(Call *call, const char *arn, CloudfrontDistributionRecord **ret_record)
{
  const char *marker = strstr(arn, ":distribution/");
  if (!g_str_has_prefix(arn, "arn:aws:cloudfront::") || !marker)
    return error_answer("InvalidArgument", "The resource %s is no distribution's ARN.", arn);
  g_autoptr(Error) error = distribution_get(call, marker + strlen(":distribution/"), ret_record);
  return error ? error_answer("NoSuchResource", "A resource that was specified is not valid.") : NULL;
}

static void
remove_tag(CloudfrontTagList *tags, const char *key)
{
  gsize kept = 0;
  for (gsize i = 0; i < tags->n; i++)
    if (strcmp(tags->v[i]->Key, key))
      tags->v[kept++] = tags->v[i];
  tags->n = kept;
}

/* A change of tags is none of the distribution: its ETag stays. */
static Error *
put_tags(Call *call, const CloudfrontDistributionRecord *record)
{
  Key key;
  key_strings(&key, record->Id, NULL);
  return record_put(call->txn, &cloudfront_distributions, &key, &CloudfrontDistributionRecord_shape, record);
}

OPERATION(TagResource, tag_resource, .txn = TXN_WRITE, .authorize = distribution_resource)
static Error *
tag_resource(Call *call, const CloudfrontTagResourceInput *in, CloudfrontTagResourceOutput *ret_out)
{
  CloudfrontDistributionRecord *record = NULL;
  TRY(tagged(call, in->Resource, &record));
  for (gsize i = 0; i < in->Tags->Items.n; i++) {
    remove_tag(&record->Tags, in->Tags->Items.v[i]->Key);
    LIST_APPEND(call->arena, &record->Tags, in->Tags->Items.v[i]);
  }
  if (record->Tags.n > TAGS_MAX)
    return error_answer("InvalidTagging", "A distribution can have at most %d tags.", TAGS_MAX);
  return put_tags(call, record);
}

OPERATION(UntagResource, untag_resource, .txn = TXN_WRITE, .authorize = distribution_resource)
static Error *
untag_resource(Call *call, const CloudfrontUntagResourceInput *in, CloudfrontUntagResourceOutput *ret_out)
{
  CloudfrontDistributionRecord *record = NULL;
  TRY(tagged(call, in->Resource, &record));
  for (gsize i = 0; i < in->TagKeys->Items.n; i++)
    remove_tag(&record->Tags, in->TagKeys->Items.v[i]);
  return put_tags(call, record);
}

OPERATION(ListTagsForResource, list_tags, .txn = TXN_READ, .authorize = distribution_resource)
static Error *
list_tags(Call *call, const CloudfrontListTagsForResourceInput *in, CloudfrontListTagsForResourceOutput *ret_out)
{
  CloudfrontDistributionRecord *record = NULL;
  TRY(tagged(call, in->Resource, &record));
  ret_out->Tags = ARENA_NEW(call->arena, CloudfrontTags);
  ret_out->Tags->Items = record->Tags;
  LIST_EMPTY(call->arena, &ret_out->Tags->Items);
  return NULL;
}
