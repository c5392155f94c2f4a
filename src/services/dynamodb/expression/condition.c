#include "services/dynamodb/expression/parser.h"

#include <string.h>

#define DEPTH_MAX 64
#define IN_MAX 100

static Error *parse_or(Parser *parser, Node **ret_node);

static const struct {
  TokenType token;
  NodeType node;
  const char *text;
} comparisons[] = {
  { TOKEN_EQ, NODE_EQ, "=" }, { TOKEN_NE, NODE_NE, "<>" }, { TOKEN_LT, NODE_LT, "<" }, { TOKEN_LE, NODE_LE, "<=" }, { TOKEN_GT, NODE_GT, ">" },
  { TOKEN_GE, NODE_GE, ">=" },
};

static Error *
check_order_type(const Parser *parser, const char *operator, const Node *node)
{
  if (node->type != NODE_VALUE)
    return NULL;
  ValueType type = value_type(node->value);
  if (type == VALUE_S || type == VALUE_N || type == VALUE_B)
    return NULL;
  return parser_error(parser, "Incorrect operand type for operator or function; operator or function: %s, operand type: %s", operator,
                      value_type_name(type));
}

static Error *
check_distinct(const Parser *parser, const char *operator, const Node *a, const Node *b)
{
  if (a->type != NODE_PATH || b->type != NODE_PATH || !path_equal(&a->path, &b->path))
    return NULL;
  return parser_error(parser, "The first operand must be distinct from the remaining operands for this operator or function; operator: %s, "
                      "first operand: %s", operator, path_text(parser->arena, &a->path));
}

static Error *
parse_comparison(Parser *parser, Node *left, Node **ret_node)
{
  for (guint i = 0; i < G_N_ELEMENTS(comparisons); i++) {
    if (!parser_take(parser, comparisons[i].token))
      continue;
    Node *right;
    TRY(parser_operand(parser, &right));
    TRY(check_distinct(parser, comparisons[i].text, left, right));
    if (comparisons[i].node != NODE_EQ && comparisons[i].node != NODE_NE) {
      TRY(check_order_type(parser, comparisons[i].text, left));
      TRY(check_order_type(parser, comparisons[i].text, right));
    }
    *ret_node = parser_node(parser, comparisons[i].node, 2, left, right);
    return NULL;
  }
  return parser_syntax(parser);
}

static const char *
value_text(Arena *arena, const Value *value)
{
  const char *text = value->S ? value->S : value->N ? value->N : "...";
  return arena_printf(arena, "AttributeValue: {%s:%s}", value_type_name(value_type(value)), text);
}

static Error *
check_bounds(const Parser *parser, const Node *low, const Node *high)
{
  int order;
  TRY(check_order_type(parser, "BETWEEN", low));
  TRY(check_order_type(parser, "BETWEEN", high));
  if (low->type != NODE_VALUE || high->type != NODE_VALUE)
    return NULL;
  if (value_type(low->value) != value_type(high->value))
    return parser_error(parser, "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: %s, upper bound "
                        "operand: %s", value_text(parser->arena, low->value), value_text(parser->arena, high->value));
  if (value_compare(low->value, high->value, &order) && order > 0)
    return parser_error(parser, "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: "
                        "%s, upper bound operand: %s", value_text(parser->arena, low->value), value_text(parser->arena, high->value));
  return NULL;
}

static Error *
parse_between(Parser *parser, Node *left, Node **ret_node)
{
  Node *low, *high;
  TRY(parser_operand(parser, &low));
  if (!parser_take_word(parser, "AND"))
    return parser_syntax(parser);
  TRY(parser_operand(parser, &high));
  TRY(check_bounds(parser, low, high));
  Node *node = parser_node(parser, NODE_BETWEEN, 3, left, low);
  node->args[2] = high;
  *ret_node = node;
  return NULL;
}

static Error *
parse_in(Parser *parser, Node *left, Node **ret_node)
{
  Node *args[IN_MAX + 1] = { left };
  guint n = 1;
  TRY(parser_expect(parser, TOKEN_LEFT));
  do {
    if (n > IN_MAX)
      return parser_error(parser, "The IN operator is provided with too many operands; number of operands: %u", n);
    TRY(parser_operand(parser, &args[n++]));
  } while (parser_take(parser, TOKEN_COMMA));
  TRY(parser_expect(parser, TOKEN_RIGHT));
  Node *node = parser_node(parser, NODE_IN, n, NULL, NULL);
  memcpy(node->args, args, sizeof *args * n);
  *ret_node = node;
  return NULL;
}

static gboolean
is_boolean(NodeType type)
{
  return type == NODE_EXISTS || type == NODE_NOT_EXISTS || type == NODE_TYPE || type == NODE_BEGINS || type == NODE_CONTAINS;
}

static Error *
parse_primary(Parser *parser, Node **ret_node)
{
  if (parser_take(parser, TOKEN_LEFT)) {
    if (++parser->depth > DEPTH_MAX)
      return parser_error(parser, "The expression is nested too deep");
    TRY(parse_or(parser, ret_node));
    parser->depth--;
    return parser_expect(parser, TOKEN_RIGHT);
  }
  Node *left;
  TRY(parser_operand(parser, &left));
  if (is_boolean(left->type)) {
    *ret_node = left;
    return NULL;
  }
  if (parser_take_word(parser, "BETWEEN"))
    return parse_between(parser, left, ret_node);
  if (parser_take_word(parser, "IN"))
    return parse_in(parser, left, ret_node);
  return parse_comparison(parser, left, ret_node);
}

static Error *
parse_not(Parser *parser, Node **ret_node)
{
  guint n = 0;
  while (parser_take_word(parser, "NOT"))
    n++;
  Node *node;
  TRY(parse_primary(parser, &node));
  *ret_node = n % 2 ? parser_node(parser, NODE_NOT, 1, node, NULL) : node;
  return NULL;
}

static Error *
parse_and(Parser *parser, Node **ret_node)
{
  Node *node, *right;
  TRY(parse_not(parser, &node));
  while (parser_take_word(parser, "AND")) {
    TRY(parse_not(parser, &right));
    node = parser_node(parser, NODE_AND, 2, node, right);
  }
  *ret_node = node;
  return NULL;
}

static Error *
parse_or(Parser *parser, Node **ret_node)
{
  Node *node, *right;
  TRY(parse_and(parser, &node));
  while (parser_take_word(parser, "OR")) {
    TRY(parse_and(parser, &right));
    node = parser_node(parser, NODE_OR, 2, node, right);
  }
  *ret_node = node;
  return NULL;
}

Error *
condition_parse(Scope *scope, const char *kind, const char *text, Node **ret_condition)
{
  *ret_condition = NULL;
  if (!text)
    return NULL;
  Parser parser;
  TRY(parser_init(&parser, scope, kind, text));
  TRY(parse_or(&parser, ret_condition));
  return parser_expect(&parser, TOKEN_END);
}

void
node_paths(const Node *node, void (*visit)(const Path *path, gpointer data), gpointer data)
{
  if (!node)
    return;
  if (node->type == NODE_PATH)
    visit(&node->path, data);
  for (guint i = 0; i < node->n; i++)
    node_paths(node->args[i], visit, data);
}
