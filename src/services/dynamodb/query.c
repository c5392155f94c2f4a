#include "services/dynamodb/dynamodb.h"

#include <string.h>

static Error *
invalid(const char *format, const char *what)
{
  return error_answer("ValidationException", format, what);
}

/* The two conditions of a key condition. */
typedef struct KeyConditions {
  const Node *hash, *range;
} KeyConditions;

static Error *
place(const IndexDef *index, const Node *node, KeyConditions *conditions)
{
  const Node *left = node->n ? node->args[0] : node;
  if (left->type != NODE_PATH || left->path.n != 1)
    return invalid("%s", "Invalid KeyConditionExpression: KeyConditionExpressions cannot have conditions on nested attributes");
  const char *name = left->path.steps[0].name;
  for (guint i = 1; i < node->n; i++)
    if (node->args[i]->type != NODE_VALUE)
      return invalid("%s", "Invalid KeyConditionExpression: KeyConditionExpressions must compare a key attribute with a value");
  const Node **slot = g_strcmp0(name, index->hash) == 0 ? &conditions->hash : g_strcmp0(name, index->range) == 0 ? &conditions->range : NULL;
  if (!slot)
    return invalid("Query condition missed key schema element: %s", index->range && conditions->hash ? index->range : index->hash);
  if (*slot)
    return invalid("%s", "KeyConditionExpressions must only contain one condition per key");
  *slot = node;
  return NULL;
}

static Error *
split(const IndexDef *index, const Node *node, KeyConditions *conditions)
{
  switch (node->type) {
  case NODE_AND:
    TRY(split(index, node->args[0], conditions));
    return split(index, node->args[1], conditions);
  case NODE_EQ:
  case NODE_LT:
  case NODE_LE:
  case NODE_GT:
  case NODE_GE:
  case NODE_BETWEEN:
  case NODE_BEGINS:
    return place(index, node, conditions);
  case NODE_OR:
  case NODE_NOT:
  case NODE_NE:
  case NODE_IN:
  case NODE_EXISTS:
  case NODE_NOT_EXISTS:
  case NODE_TYPE:
  case NODE_CONTAINS:
  case NODE_SIZE:
  case NODE_PATH:
  case NODE_VALUE:
  case NODE_IF_NOT_EXISTS:
  case NODE_LIST_APPEND:
  case NODE_PLUS:
  case NODE_MINUS:
    break;
  }
  static const char *const names[] = { [NODE_OR] = "OR", [NODE_NOT] = "NOT", [NODE_NE] = "<>", [NODE_IN] = "IN", [NODE_EXISTS] = "attribute_exists",
                                       [NODE_NOT_EXISTS] = "attribute_not_exists", [NODE_TYPE] = "attribute_type", [NODE_CONTAINS] = "contains",
                                       [NODE_SIZE] = "size" };
  const char *name = node->type < G_N_ELEMENTS(names) && names[node->type] ? names[node->type] : "?";
  return invalid("Invalid operator used in KeyConditionExpression: %s", name);
}

static Error *
check_types(const IndexDef *index, const KeyConditions *conditions)
{
  if (!conditions->hash)
    return invalid("Query condition missed key schema element: %s", index->hash);
  if (conditions->hash->type != NODE_EQ)
    return invalid("%s", "Query key condition not supported");
  const struct {
    const Node *node;
    ValueType type;
  } parts[] = { { conditions->hash, index->hash_type }, { conditions->range, index->range_type } };
  for (guint p = 0; p < G_N_ELEMENTS(parts); p++)
    for (guint i = 1; parts[p].node && i < parts[p].node->n; i++) {
      const Value *value = parts[p].node->args[i]->value;
      if (value_type(value) != parts[p].type)
        return invalid("%s", "One or more parameter values were invalid: Condition parameter type does not match schema type");
      if (value->S && !*value->S)
        return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: %s",
                       p == 0 ? index->hash : index->range);
    }
  return NULL;
}

/* Where rows with this sort key begin; behind: where those behind all of them do. The end of a part is a zero byte, and a part that goes
 * on does so with at least a one. */
static void
bound(const Rows *rows, const Key *prefix, const Value *value, gboolean behind, Key *ret_key)
{
  Blob bytes = value_key(rows->call->arena, value);
  *ret_key = *prefix;
  key_add_raw(ret_key, bytes.data, bytes.size);
  if (behind && ret_key->size < (gsize) LIMIT_KEY_MAX)
    ret_key->data[ret_key->size++] = 1;
}

static void
set_range(const Rows *rows, const IndexDef *index, const KeyConditions *conditions, Range *range)
{
  row_prefix(rows, index, conditions->hash->args[1]->value, &range->prefix);
  const Node *node = conditions->range;
  if (!node)
    return;
  const Key prefix = range->prefix;
  const Value *value = node->args[1]->value, *upper = node->n > 2 ? node->args[2]->value : value;
  if (node->type == NODE_BEGINS) {
    bound(rows, &prefix, value, FALSE, &range->prefix);
    return;
  }
  range->has_low = node->type != NODE_LT && node->type != NODE_LE;
  range->has_high = node->type != NODE_GT && node->type != NODE_GE;
  if (range->has_low)
    bound(rows, &prefix, value, node->type == NODE_GT, &range->low);
  if (range->has_high)
    bound(rows, &prefix, upper, node->type != NODE_LT, &range->high);
}

typedef struct FilterCheck {
  const IndexDef *index;
  const char *found;
} FilterCheck;

static void
note_key(const Path *path, gpointer data)
{
  FilterCheck *check = data;
  const char *name = path->steps[0].name;
  if (g_strcmp0(name, check->index->hash) == 0 || g_strcmp0(name, check->index->range) == 0)
    check->found = name;
}

static Error *
check_filter(const IndexDef *index, const Node *filter)
{
  FilterCheck check = { index, NULL };
  node_paths(filter, note_key, &check);
  return check.found ? invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", check.found) : NULL;
}

static Error *
parse(Call *call, const DynamodbQueryInput *in, Node **ret_key, Node **ret_filter, Projection **ret_projection)
{
  Scope scope;
  TRY(check_legacy(in->KeyConditions.v != NULL, "KeyConditions", "KeyConditionExpression"));
  TRY(check_legacy(in->QueryFilter.v || in->ConditionalOperator, "QueryFilter", "FilterExpression"));
  TRY(check_legacy(in->AttributesToGet.v != NULL, "AttributesToGet", "ProjectionExpression"));
  if (!in->KeyConditionExpression)
    return invalid("%s", "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.");
  TRY(scope_init(&scope, call->arena, &in->ExpressionAttributeNames, (Item *) &in->ExpressionAttributeValues, TRUE, ""));
  TRY(condition_parse(&scope, "KeyConditionExpression", in->KeyConditionExpression, ret_key));
  TRY(condition_parse(&scope, "FilterExpression", in->FilterExpression, ret_filter));
  TRY(projection_parse(&scope, in->ProjectionExpression, ret_projection));
  return scope_finish(&scope);
}

/* Parsing what is wrong is the operation's to say: here it only has no hash value. */
static Error *
find_hash(Call *call, const DynamodbQueryInput *in, const TableDef *table, const Value **ret)
{
  Node *key, *filter;
  Projection *projection;
  KeyConditions conditions = { 0 };
  const IndexDef *index = in->IndexName ? table_index(table, in->IndexName) : &table->primary;
  TRY(parse(call, in, &key, &filter, &projection));
  if (index)
    TRY(split(index, key, &conditions));
  if (conditions.hash && conditions.hash->type == NODE_EQ)
    *ret = conditions.hash->args[1]->value;
  return NULL;
}

Error *
query_hash(Call *call, const DynamodbQueryInput *in, const Value **ret)
{
  TableDef *table = NULL;
  *ret = NULL;
  TRY(table_look(call, in->TableName, &table));
  g_autoptr(Error) wrong = table ? find_hash(call, in, table, ret) : NULL;
  return wrong && wrong->kind == ERROR_FAULT ? g_steal_pointer(&wrong) : NULL;
}

OPERATION(Query, query, .authorize = authorize_query)
static Error *
query(Call *call, const DynamodbQueryInput *in, DynamodbQueryOutput *ret_out)
{
  Node *key, *filter;
  Projection *projection;
  Rows rows;
  KeyConditions conditions = { 0 };
  PageRequest request = { in->IndexName, in->Select, OPT_OR(in->ConsistentRead, FALSE), in->ProjectionExpression != NULL, OPT_OR(in->Limit, 0) };
  TRY(parse(call, in, &key, &filter, &projection));
  TRY(rows_open(call, in->TableName, &rows));
  Page *page = ARENA_NEW(call->arena, Page);
  page->start = &in->ExclusiveStartKey;
  page->filter = filter;
  page->projection = projection;
  page->range.reverse = !OPT_OR(in->ScanIndexForward, TRUE);
  TRY(page_prepare(page, &rows, &request));
  TRY(split(page->index, key, &conditions));
  TRY(check_types(page->index, &conditions));
  TRY(check_filter(page->index, filter));
  set_range(&rows, page->index, &conditions, &page->range);
  TRY(page_collect(page));
  ret_out->Items = page->items;
  ret_out->Count = OPT_INT(page->count);
  ret_out->ScannedCount = OPT_INT(page->scanned);
  ret_out->LastEvaluatedKey = page->last;
  measure_units(call, rows.table, page->index, FALSE, read_units(page->size, request.consistent));
  ret_out->ConsumedCapacity = capacity(call, rows.table, page->index, in->ReturnConsumedCapacity, read_units(page->size, request.consistent));
  return NULL;
}
