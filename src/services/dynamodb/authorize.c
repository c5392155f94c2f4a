#include "services/dynamodb/dynamodb.h"

#include <stddef.h>

static const char *
table_arn(Call *call, const char *name)
{
  return call_arn(call, "dynamodb", "table/%s", table_name_of(call, name));
}

gboolean
authorize_matters(const Call *call)
{
  return call->principal->type != PRINCIPAL_ROOT && call->principal->type != PRINCIPAL_SERVICE;
}

void
authorize_leading_value(Call *call, Authorization *auth, const Value *value)
{
  const char *text = !value ? NULL : value->S ? value->S : value->N ? value->N : value->B.data ? text_base64(call->arena, value->B.data, value->B.size) : NULL;
  if (text)
    LIST_APPEND(call->arena, &auth->context, ((StringMapEntry) { "dynamodb:LeadingKeys", text }));
}

Error *
authorize_leading(Call *call, Authorization *auth, const char *table_name, const Item *item)
{
  TableDef *table = NULL;
  if (!authorize_matters(call) || !item->v)
    return NULL;
  TRY(table_look(call, table_name, &table));
  Value *const *value = table ? MAP_FIND(item, table->primary.hash) : NULL;
  authorize_leading_value(call, auth, value ? *value : NULL);
  return NULL;
}

static const void *
member_of(const Call *call, const void *in, const char *const *names)
{
  const Shape *shape = call->operation->model->input;
  for (guint i = 0; i < shape->n_members; i++)
    if (g_strv_contains(names, shape->members[i].name))
      return G_STRUCT_MEMBER_P(in, shape->members[i].offset);
  return NULL;
}

/* The table's name, and the key or item if there is one, by the model: operations name them in different places. */
Error *
authorize_table(Call *call, const void *in, Authorization *auth)
{
  static const char *const names[] = { "TableName", "TargetTableName", NULL }, *const items[] = { "Key", "Item", NULL };
  const char *const *name = member_of(call, in, names);
  const Item *item = member_of(call, in, items);
  if (name && *name)
    auth->resource = table_arn(call, *name);
  return name && *name && item ? authorize_leading(call, auth, *name, item) : NULL;
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
  const Value *hash = NULL;
  set_index(call, auth, query->TableName, query->IndexName);
  if (authorize_matters(call))
    TRY(query_hash(call, query, &hash));
  authorize_leading_value(call, auth, hash);
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
