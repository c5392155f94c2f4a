#include "services/dynamodb/dynamodb.h"

#include <string.h>

#define TAGS_MAX 50

static Error *
find(Call *call, const char *arn, TableDef **ret_table)
{
  Arn parts;
  if (!arn_parse(call->arena, arn, &parts) || !g_str_has_prefix(parts.resource, "table/"))
    return error_answer("ValidationException", "Invalid TableArn: Invalid ResourceArn provided as input %s", arn);
  TRY(table_look(call, arn, ret_table));
  return *ret_table ? NULL : error_answer("ResourceNotFoundException", "Requested resource not found: ResourcArn: %s not found", arn);
}

static void
set_tag(Call *call, DynamodbTagList *tags, DynamodbTag *tag)
{
  for (gsize i = 0; i < tags->n; i++)
    if (g_str_equal(tags->v[i]->Key, tag->Key)) {
      tags->v[i] = tag;
      return;
    }
  LIST_APPEND(call->arena, tags, tag);
}

OPERATION(TagResource, tag_resource, .txn = TXN_WRITE, .authorize = authorize_arn)
static Error *
tag_resource(Call *call, const DynamodbTagResourceInput *in, DynamodbTagResourceOutput *ret_out)
{
  TableDef *table;
  TRY(find(call, in->ResourceArn, &table));
  DynamodbTableRecord *record = table_record(call, table);
  for (gsize i = 0; i < in->Tags.n; i++)
    set_tag(call, &record->Tags, in->Tags.v[i]);
  if (record->Tags.n > TAGS_MAX)
    return error_answer("ValidationException", "One or more parameter values were invalid: Too many tags: the limit is 50");
  return table_put(call, record);
}

OPERATION(UntagResource, untag_resource, .txn = TXN_WRITE, .authorize = authorize_arn)
static Error *
untag_resource(Call *call, const DynamodbUntagResourceInput *in, DynamodbUntagResourceOutput *ret_out)
{
  TableDef *table;
  TRY(find(call, in->ResourceArn, &table));
  DynamodbTableRecord *record = table_record(call, table);
  gsize kept = 0;
  for (gsize i = 0; i < record->Tags.n; i++)
    if (!string_list_has(&in->TagKeys, record->Tags.v[i]->Key))
      record->Tags.v[kept++] = record->Tags.v[i];
  record->Tags.n = kept;
  return table_put(call, record);
}

OPERATION(ListTagsOfResource, list_tags_of_resource, .authorize = authorize_arn)
static Error *
list_tags_of_resource(Call *call, const DynamodbListTagsOfResourceInput *in, DynamodbListTagsOfResourceOutput *ret_out)
{
  TableDef *table;
  TRY(find(call, in->ResourceArn, &table));
  ret_out->Tags = table->record->Tags;
  if (!ret_out->Tags.v)
    LIST_EMPTY(call->arena, &ret_out->Tags);
  return NULL;
}
