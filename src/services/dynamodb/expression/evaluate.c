#include "services/dynamodb/expression/expression.h"

#include <string.h>

typedef struct Context {
  Arena *arena;
  const Item *item;
} Context;

static gsize
count_of(const Value *value)
{
  switch (value_type(value)) {
  case VALUE_S:
    return (gsize) g_utf8_strlen(value->S, -1);
  case VALUE_B:
    return value->B.size;
  case VALUE_SS:
    return value->SS.n;
  case VALUE_NS:
    return value->NS.n;
  case VALUE_BS:
    return value->BS.n;
  case VALUE_M:
    return value->M.n;
  case VALUE_L:
    return value->L.n;
  case VALUE_N:
  case VALUE_NULL:
  case VALUE_BOOL:
  case VALUE_NONE:
    break;
  }
  return G_MAXSIZE;
}

/* The value of an operand, or NULL: there is none. */
static const Value *
operand(const Context *context, const Node *node)
{
  if (node->type == NODE_VALUE)
    return node->value;
  if (node->type == NODE_PATH)
    return path_value(&node->path, context->item);
  const Value *value = node->type == NODE_SIZE ? operand(context, node->args[0]) : NULL; /* a condition has no value */
  gsize n = value ? count_of(value) : G_MAXSIZE;
  return n == G_MAXSIZE ? NULL : value_new_number(context->arena, arena_printf(context->arena, "%zu", n));
}

static gboolean
compare(NodeType type, const Value *a, const Value *b)
{
  if (type == NODE_EQ)
    return a && b && value_equal(a, b);
  if (type == NODE_NE)
    return !a || !b || !value_equal(a, b);
  int order;
  if (!a || !b || !value_compare(a, b, &order))
    return FALSE;
  return type == NODE_LT ? order < 0 : type == NODE_LE ? order <= 0 : type == NODE_GT ? order > 0 : order >= 0;
}

static gboolean
begins(const Value *value, const Value *prefix)
{
  if (!value || !prefix)
    return FALSE;
  if (value->S && prefix->S)
    return g_str_has_prefix(value->S, prefix->S);
  return value->B.data && prefix->B.data && value->B.size >= prefix->B.size && memcmp(value->B.data, prefix->B.data, prefix->B.size) == 0;
}

static gboolean
blob_contains(const Blob *blob, const Blob *part)
{
  return part->size == 0 || memmem(blob->data, blob->size, part->data, part->size);
}

static gboolean
contains(const Value *value, const Value *part)
{
  if (!value || !part)
    return FALSE;
  if (value->S && part->S)
    return strstr(value->S, part->S) != NULL;
  if (value->B.data && part->B.data)
    return blob_contains(&value->B, &part->B);
  if (value->SS.v && part->S)
    return string_list_has(&value->SS, part->S);
  if (value->NS.v && part->N)
    return string_list_has(&value->NS, part->N);
  for (gsize i = 0; i < value->BS.n && part->B.data; i++)
    if (value->BS.v[i].size == part->B.size && memcmp(value->BS.v[i].data, part->B.data, part->B.size) == 0)
      return TRUE;
  for (gsize i = 0; i < value->L.n; i++)
    if (value_equal(value->L.v[i], part))
      return TRUE;
  return FALSE;
}

static gboolean
is_in(const Context *context, const Node *node)
{
  const Value *value = operand(context, node->args[0]);
  for (guint i = 1; i < node->n; i++)
    if (compare(NODE_EQ, value, operand(context, node->args[i])))
      return TRUE;
  return FALSE;
}

static gboolean
holds(const Context *context, const Node *node)
{
  const Value *first = node->n ? operand(context, node->args[0]) : NULL;
  switch (node->type) {
  case NODE_AND:
    return holds(context, node->args[0]) && holds(context, node->args[1]);
  case NODE_OR:
    return holds(context, node->args[0]) || holds(context, node->args[1]);
  case NODE_NOT:
    return !holds(context, node->args[0]);
  case NODE_EQ:
  case NODE_NE:
  case NODE_LT:
  case NODE_LE:
  case NODE_GT:
  case NODE_GE:
    return compare(node->type, first, operand(context, node->args[1]));
  case NODE_BETWEEN:
    return compare(NODE_GE, first, operand(context, node->args[1])) && compare(NODE_LE, first, operand(context, node->args[2]));
  case NODE_IN:
    return is_in(context, node);
  case NODE_EXISTS:
    return first != NULL;
  case NODE_NOT_EXISTS:
    return first == NULL;
  case NODE_TYPE: {
    const Value *name = operand(context, node->args[1]);
    return first && name && name->S && value_type(first) == value_type_named(name->S);
  }
  case NODE_BEGINS:
    return begins(first, operand(context, node->args[1]));
  case NODE_CONTAINS:
    return contains(first, operand(context, node->args[1]));
  case NODE_PATH:
  case NODE_VALUE:
  case NODE_SIZE:
  case NODE_IF_NOT_EXISTS:
  case NODE_LIST_APPEND:
  case NODE_PLUS:
  case NODE_MINUS:
    break;
  }
  return FALSE;
}

gboolean
expression_holds(Arena *arena, const Node *condition, const Item *item)
{
  Context context = { arena, item };
  return !condition || holds(&context, condition);
}
