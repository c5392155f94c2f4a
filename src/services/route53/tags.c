/* Tags of zones and health checks. https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeTagsForResource.html */
#include "services/route53/route53.h"

#include <string.h>

enum { TAGS_MAX = 50 };

/* The tags of a zone or check; put back with tagged_put. */
typedef struct Tagged {
  Route53ZoneRecord *zone;
  Route53HealthRecord *check;
  Route53TagList *tags;
} Tagged;

static Error *
tagged_get(Call *call, const char *type, const char *id, Tagged *ret_tagged)
{
  if (!strcmp(type, "hostedzone")) {
    TRY(zone_get(call, id, &ret_tagged->zone));
    ret_tagged->tags = &ret_tagged->zone->Tags;
    return NULL;
  }
  TRY(check_get(call, id, &ret_tagged->check));
  ret_tagged->tags = &ret_tagged->check->Tags;
  return NULL;
}

static Error *
tagged_resource(Call *call, const void *in, Authorization *auth)
{
  const char *id = call_input_text(call, in, "ResourceId");
  if (id)
    auth->resource = arena_printf(call->arena, "arn:aws:route53:::%s/%s", call_input_text(call, in, "ResourceType"), plain_id(id));
  return NULL;
}

static void
remove_tags(Route53TagList *tags, const StringList *keys)
{
  gsize kept = 0;
  for (gsize i = 0; i < tags->n; i++)
    if (!string_list_has(keys, tags->v[i]->Key))
      tags->v[kept++] = tags->v[i];
  tags->n = kept;
}

OPERATION(ChangeTagsForResource, change_tags, .txn = TXN_WRITE, .authorize = tagged_resource)
static Error *
change_tags(Call *call, const Route53ChangeTagsForResourceInput *in, Route53ChangeTagsForResourceOutput *ret_out)
{
  Tagged tagged = {0};
  if (!in->AddTags.n && !in->RemoveTagKeys.n)
    return error_answer("InvalidInput", "You must specify at least one of AddTags and RemoveTagKeys.");
  TRY(tagged_get(call, in->ResourceType, in->ResourceId, &tagged));
  remove_tags(tagged.tags, &in->RemoveTagKeys);
  for (gsize i = 0; i < in->AddTags.n; i++) {
    const StringList key = {1, &in->AddTags.v[i]->Key};
    if (!in->AddTags.v[i]->Key)
      return error_answer("InvalidInput", "A tag needs a Key.");
    remove_tags(tagged.tags, &key);
    LIST_APPEND(call->arena, tagged.tags, in->AddTags.v[i]);
  }
  if (tagged.tags->n > TAGS_MAX)
    return error_answer("InvalidInput", "A resource can have at most %d tags.", TAGS_MAX);
  return tagged.zone ? zone_put(call, tagged.zone) : check_put(call, tagged.check);
}

static Error *
tag_set(Call *call, const char *type, const char *id, Route53ResourceTagSet **ret_set)
{
  Tagged tagged = {0};
  TRY(tagged_get(call, type, id, &tagged));
  *ret_set = ARENA_NEW(call->arena, Route53ResourceTagSet);
  **ret_set = (Route53ResourceTagSet) {.ResourceType = type, .ResourceId = plain_id(id), .Tags = *tagged.tags};
  LIST_EMPTY(call->arena, &(*ret_set)->Tags);
  return NULL;
}

OPERATION(ListTagsForResource, list_tags, .txn = TXN_READ, .authorize = tagged_resource)
static Error *
list_tags(Call *call, const Route53ListTagsForResourceInput *in, Route53ListTagsForResourceOutput *ret_out)
{
  return tag_set(call, in->ResourceType, in->ResourceId, &ret_out->ResourceTagSet);
}

OPERATION(ListTagsForResources, list_tags_of_many, .txn = TXN_READ)
static Error *
list_tags_of_many(Call *call, const Route53ListTagsForResourcesInput *in, Route53ListTagsForResourcesOutput *ret_out)
{
  for (gsize i = 0; i < in->ResourceIds.n; i++) {
    Route53ResourceTagSet *set = NULL;
    TRY(tag_set(call, in->ResourceType, in->ResourceIds.v[i], &set));
    LIST_APPEND(call->arena, &ret_out->ResourceTagSets, set);
  }
  return NULL;
}
