/* Tags of REST APIs and stages, by their ARN. */
#include "services/apigateway/apigateway.h"

#include <string.h>

enum { TAGS_MAX = 50 };

/* What an ARN names: an API's tags, or a stage's. */
typedef struct Tagged {
  const char *api_id;
  ApigatewayApiRecord *api;
  ApigatewayStage *stage;   /* or NULL */
  StringMap *tags;
} Tagged;

/* arn:aws:apigateway:region::/restapis/ID and .../restapis/ID/stages/NAME */
static Error *
find(Call *call, const char *text, Tagged *ret_tagged)
{
  Arn arn;
  gboolean good = arn_parse(call->arena, text, &arn) && !strcmp(arn.service, "apigateway");
  g_auto(GStrv) parts = g_strsplit(good ? arn.resource : "", "/", -1);
  guint n = g_strv_length(parts);
  if ((n != 3 && n != 5) || strcmp(parts[1], "restapis") || (n == 5 && strcmp(parts[3], "stages")))
    return error_answer("BadRequestException", "Invalid resource ARN %s: haar has tags of REST APIs and of their stages", text);
  Tagged tagged = {.api_id = arena_strdup(call->arena, parts[2])};
  TRY(api_get(call, tagged.api_id, &tagged.api));
  if (n == 5)
    TRY(stage_get(call, tagged.api_id, parts[4], &tagged.stage));
  tagged.tags = (StringMap *) (void *) (tagged.stage ? &tagged.stage->tags : &tagged.api->api->tags);
  *ret_tagged = tagged;
  return NULL;
}

static Error *
put(Call *call, const Tagged *tagged)
{
  return tagged->stage ? stage_put(call, tagged->api_id, tagged->stage) : api_put(call, tagged->api);
}

OPERATION(TagResource, tag_resource, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
tag_resource(Call *call, const ApigatewayTagResourceInput *in, ApigatewayTagResourceOutput *ret_out)
{
  Tagged tagged = {0};
  TRY(find(call, in->resourceArn, &tagged));
  for (gsize i = 0; i < in->tags.n; i++)
    MAP_SET(call->arena, tagged.tags, in->tags.v[i].key, in->tags.v[i].value);
  if (tagged.tags->n > TAGS_MAX)
    return error_answer("BadRequestException", "The number of tags is larger than %d", TAGS_MAX);
  return put(call, &tagged);
}

OPERATION(UntagResource, untag_resource, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
untag_resource(Call *call, const ApigatewayUntagResourceInput *in, ApigatewayUntagResourceOutput *ret_out)
{
  Tagged tagged = {0};
  StringMap kept = {0};
  TRY(find(call, in->resourceArn, &tagged));
  for (gsize i = 0; i < tagged.tags->n; i++)
    if (!string_list_has((const StringList *) (const void *) &in->tagKeys, tagged.tags->v[i].key))
      MAP_SET(call->arena, &kept, tagged.tags->v[i].key, tagged.tags->v[i].value);
  *tagged.tags = kept;
  return put(call, &tagged);
}

OPERATION(GetTags, get_tags, .authorize = authorize_path)
static Error *
get_tags(Call *call, const ApigatewayGetTagsInput *in, ApigatewayGetTagsOutput *ret_out)
{
  Tagged tagged = {0};
  TRY(find(call, in->resourceArn, &tagged));
  *(StringMap *) (void *) &ret_out->tags = *tagged.tags;
  return NULL;
}
