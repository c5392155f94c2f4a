#include "services/dynamodb/dynamodb.h"

#include <stddef.h>

static const char *
table_arn(Call *call, const char *name)
{
  return call_arn(call, "dynamodb", "table/%s", table_name_of(call, name));
}

/* The offset of the table's name in the input, by the model: operations name it in different places. */
Error *
authorize_table(Call *call, const void *in, Authorization *auth)
{
  const Shape *shape = call->operation->model->input;
  for (guint i = 0; i < shape->n_members; i++)
    if (g_str_equal(shape->members[i].name, "TableName") || g_str_equal(shape->members[i].name, "TargetTableName")) {
      const char *name = G_STRUCT_MEMBER(const char *, in, shape->members[i].offset);
      auth->resource = table_arn(call, name);
      return NULL;
    }
  return NULL;
}

static void
set_index(Call *call, Authorization *auth, const char *table, const char *index)
{
  auth->resource = index ? arena_printf(call->arena, "%s/index/%s", table_arn(call, table), index) : table_arn(call, table);
}

Error *
authorize_query(Call *call, const void *in, Authorization *auth)
{
  const DynamodbQueryInput *query = in;
  set_index(call, auth, query->TableName, query->IndexName);
  return NULL;
}

Error *
authorize_scan(Call *call, const void *in, Authorization *auth)
{
  const DynamodbScanInput *scan = in;
  set_index(call, auth, scan->TableName, scan->IndexName);
  return NULL;
}

/* Tagging: the ARN is the first member. */
Error *
authorize_arn(Call *call, const void *in, Authorization *auth)
{
  const Shape *shape = call->operation->model->input;
  for (guint i = 0; i < shape->n_members; i++)
    if (g_str_equal(shape->members[i].name, "ResourceArn"))
      auth->resource = G_STRUCT_MEMBER(const char *, in, shape->members[i].offset);
  return NULL;
}

void
authorize_also(Call *call, Authorization *auth, const char *action, const char *table, gboolean first)
{
  if (first) {
    auth->action = action;
    auth->resource = table_arn(call, table);
    return;
  }
  StringMapEntry pair = { action, table_arn(call, table) };
  LIST_APPEND(call->arena, &auth->further, pair);
}
