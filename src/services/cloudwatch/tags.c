/* Tags of alarms. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_TagResource.html */
#include <string.h>

#include "services/cloudwatch/alarm.h"

enum { TAGS_MAX = 50 };

static Error *
find(Call *call, const char *arn, CloudwatchAlarmRecord **ret)
{
  *ret = NULL;
  if (strstr(arn, ":alarm:"))
    TRY(alarm_look(call, rule_alarm_name(arn), ret));
  return *ret ? NULL : error_answer("ResourceNotFoundException", "%s does not exist.", arn);
}

static Error *
list_authorize(Call *call, const void *in, Authorization *auth)
{
  auth->resource = ((const CloudwatchListTagsForResourceInput *) in)->ResourceARN;
  return NULL;
}

OPERATION(ListTagsForResource, list_tags_for_resource, .action = "cloudwatch:ListTagsForResource", .authorize = list_authorize)
static Error *
list_tags_for_resource(Call *call, const CloudwatchListTagsForResourceInput *in, CloudwatchListTagsForResourceOutput *ret_out)
{
  CloudwatchAlarmRecord *record = NULL;
  TRY(find(call, in->ResourceARN, &record));
  ret_out->Tags = record->Tags;
  LIST_EMPTY(call->arena, &ret_out->Tags);
  return NULL;
}

static void
set_tag(Arena *arena, CloudwatchTagList *tags, CloudwatchTag *tag)
{
  for (gsize i = 0; i < tags->n; i++)
    if (strcmp(tags->v[i]->Key, tag->Key) == 0) {
      tags->v[i] = tag;
      return;
    }
  LIST_APPEND(arena, tags, tag);
}

static Error *
tag_authorize(Call *call, const void *in, Authorization *auth)
{
  auth->resource = ((const CloudwatchTagResourceInput *) in)->ResourceARN;
  return NULL;
}

OPERATION(TagResource, tag_resource, .txn = TXN_WRITE, .action = "cloudwatch:TagResource", .authorize = tag_authorize)
static Error *
tag_resource(Call *call, const CloudwatchTagResourceInput *in, CloudwatchTagResourceOutput *ret_out)
{
  CloudwatchAlarmRecord *record = NULL;
  TRY(find(call, in->ResourceARN, &record));
  for (gsize i = 0; i < in->Tags.n; i++)
    set_tag(call->arena, &record->Tags, in->Tags.v[i]);
  if (record->Tags.n > TAGS_MAX)
    return error_answer("InvalidParameterValue", "A resource can have at most %d tags.", TAGS_MAX);
  return alarm_put(call, record);
}

static Error *
untag_authorize(Call *call, const void *in, Authorization *auth)
{
  auth->resource = ((const CloudwatchUntagResourceInput *) in)->ResourceARN;
  return NULL;
}

OPERATION(UntagResource, untag_resource, .txn = TXN_WRITE, .action = "cloudwatch:UntagResource", .authorize = untag_authorize)
static Error *
untag_resource(Call *call, const CloudwatchUntagResourceInput *in, CloudwatchUntagResourceOutput *ret_out)
{
  CloudwatchAlarmRecord *record = NULL;
  CloudwatchTagList kept = {0};
  TRY(find(call, in->ResourceARN, &record));
  for (gsize i = 0; i < record->Tags.n; i++)
    if (!string_list_has(&in->TagKeys, record->Tags.v[i]->Key))
      LIST_APPEND(call->arena, &kept, record->Tags.v[i]);
  record->Tags = kept;
  return alarm_put(call, record);
}
