#include "services/logs/logs.h"

static Error *
set_tags(Call *call, const char *name, const StringMap *tags)
{
  LogsGroupRecord *group;
  TRY(logs_group_get(call, name, &group));
  for (gsize i = 0; i < tags->n; i++)
    MAP_SET(call->arena, &group->tags, tags->v[i].key, tags->v[i].value);
  if (group->tags.n > 50)
    return error_answer("TooManyTagsException", "A resource can have at most 50 tags.");
  return logs_group_put(call, group);
}

static Error *
remove_tags(Call *call, const char *name, const StringList *keys)
{
  LogsGroupRecord *group;
  TRY(logs_group_get(call, name, &group));
  gsize kept = 0;
  for (gsize i = 0; i < group->tags.n; i++)
    if (!string_list_has(keys, group->tags.v[i].key))
      group->tags.v[kept++] = group->tags.v[i];
  group->tags.n = kept;
  return logs_group_put(call, group);
}

#define BY_ARN(Name)                                                                          \
  static Error *authorize_##Name(Call *call, const void *in, Authorization *auth)             \
  {                                                                                           \
    return logs_authorize(call, ((const Logs##Name##Input *) in)->resourceArn, NULL, auth);   \
  }

BY_ARN(TagResource)

OPERATION(TagResource, tag_resource, .txn = TXN_WRITE, .authorize = authorize_TagResource)
static Error *
tag_resource(Call *call, const LogsTagResourceInput *in, LogsTagResourceOutput *ret_out)
{
  return set_tags(call, in->resourceArn, &in->tags);
}

BY_ARN(UntagResource)

OPERATION(UntagResource, untag_resource, .txn = TXN_WRITE, .authorize = authorize_UntagResource)
static Error *
untag_resource(Call *call, const LogsUntagResourceInput *in, LogsUntagResourceOutput *ret_out)
{
  return remove_tags(call, in->resourceArn, &in->tagKeys);
}

BY_ARN(ListTagsForResource)

OPERATION(ListTagsForResource, list_tags_for_resource, .txn = TXN_READ, .authorize = authorize_ListTagsForResource)
static Error *
list_tags_for_resource(Call *call, const LogsListTagsForResourceInput *in, LogsListTagsForResourceOutput *ret_out)
{
  LogsGroupRecord *group;
  TRY(logs_group_get(call, in->resourceArn, &group));
  ret_out->tags = group->tags;
  LIST_EMPTY(call->arena, &ret_out->tags);
  return NULL;
}

LOGS_RESOURCE(TagLogGroup)

OPERATION(TagLogGroup, tag_log_group, .txn = TXN_WRITE, .authorize = authorize_TagLogGroup)
static Error *
tag_log_group(Call *call, const LogsTagLogGroupInput *in, LogsTagLogGroupOutput *ret_out)
{
  return set_tags(call, in->logGroupName, &in->tags);
}

LOGS_RESOURCE(UntagLogGroup)

OPERATION(UntagLogGroup, untag_log_group, .txn = TXN_WRITE, .authorize = authorize_UntagLogGroup)
static Error *
untag_log_group(Call *call, const LogsUntagLogGroupInput *in, LogsUntagLogGroupOutput *ret_out)
{
  return remove_tags(call, in->logGroupName, &in->tags);
}

LOGS_RESOURCE(ListTagsLogGroup)

OPERATION(ListTagsLogGroup, list_tags_log_group, .txn = TXN_READ, .authorize = authorize_ListTagsLogGroup)
static Error *
list_tags_log_group(Call *call, const LogsListTagsLogGroupInput *in, LogsListTagsLogGroupOutput *ret_out)
{
  LogsGroupRecord *group;
  TRY(logs_group_get(call, in->logGroupName, &group));
  ret_out->tags = group->tags;
  LIST_EMPTY(call->arena, &ret_out->tags);
  return NULL;
}
