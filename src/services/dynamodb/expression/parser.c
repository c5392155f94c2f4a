/* Recursive descent: or, and, not, comparison, operand. Values are checked for their kind where the expression is parsed, as DynamoDB
 * does, so that a wrong expression fails whatever the item holds. */
#include "services/dynamodb/expression/parser.h"

#include <stdlib.h>
#include <string.h>

#define EXPRESSION_MAX 4096
#define DEPTH_MAX 64

Error *
parser_error(const Parser *parser, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  return error_answer("ValidationException", "Invalid %s: %s", parser->kind, text);
}

Error *
parser_init(Parser *parser, Scope *scope, const char *kind, const char *text)
{
  *parser = (Parser){ .scope = scope, .arena = scope->arena, .kind = kind, .text = text };
  if (!text[strspn(text, " \t\r\n")])
    return parser_error(parser, "The expression can not be empty;");
  if (strlen(text) > EXPRESSION_MAX)
    return parser_error(parser, "Expression size has exceeded the maximum allowed size; expression size: %zu", strlen(text));
  parser->tokens = lex(parser->arena, text, &parser->n);
  return NULL;
}

const Token *
parser_peek(const Parser *parser)
{
  return &parser->tokens[parser->at];
}

gboolean
parser_take(Parser *parser, TokenType type)
{
  if (parser_peek(parser)->type != type)
    return FALSE;
  if (type != TOKEN_END)
    parser->at++;
  return TRUE;
}

gboolean
parser_take_word(Parser *parser, const char *word)
{
  const Token *token = parser_peek(parser);
  if (token->type != TOKEN_WORD || g_ascii_strcasecmp(token->text, word) != 0)
    return FALSE;
  parser->at++;
  return TRUE;
}

Error *
parser_expect(Parser *parser, TokenType type)
{
  return parser_take(parser, type) ? NULL : parser_syntax(parser);
}

Error *
parser_syntax(const Parser *parser)
{
  const Token *token = parser_peek(parser);
  gsize begin = parser->at > 0 ? token[-1].begin : token->begin;
  gsize end = token->type != TOKEN_END ? (token[1].type != TOKEN_END ? token[1].end : token->end) : parser->at > 0 ? token[-1].end : token->end;
  return parser_error(parser, "Syntax error; token: \"%s\", near: \"%.*s\"", token->text, (int) (end - begin), parser->text + begin);
}

Node *
parser_node(Parser *parser, NodeType type, guint n, Node *a, Node *b)
{
  Node *node = ARENA_NEW(parser->arena, Node);
  node->type = type;
  node->n = n;
  node->args = ARENA_ARRAY(parser->arena, Node *, MAX(n, 2));
  node->args[0] = a;
  node->args[1] = b;
  return node;
}

/* --- paths and values --- */

static Error *
parse_name(Parser *parser, const char **ret_name)
{
  const Token *token = parser_peek(parser);
  Scope *scope = parser->scope;
  if (token->type == TOKEN_WORD) {
    if (word_reserved(token->text))
      return parser_error(parser, "Attribute name is a reserved keyword; reserved keyword: %s", token->text);
    *ret_name = token->text;
    parser->at++;
    return NULL;
  }
  if (token->type != TOKEN_NAME)
    return parser_syntax(parser);
  for (gsize i = 0; scope->names && i < scope->names->n; i++)
    if (g_str_equal(scope->names->v[i].key, token->text)) {
      scope->names_used[i] = TRUE;
      *ret_name = scope->names->v[i].value;
      parser->at++;
      return NULL;
    }
  return parser_error(parser, "An expression attribute name used in the document path is not defined; attribute name: %s", token->text);
}

static void
add_step(Parser *parser, Path *path, Step step)
{
  if ((path->n & (path->n - 1)) == 0) { /* the room is doubled at each power of two */
    Step *larger = ARENA_ARRAY(parser->arena, Step, path->n ? path->n * 2 : 1);
    if (path->n)
      memcpy(larger, path->steps, sizeof step * path->n);
    path->steps = larger;
  }
  path->steps[path->n++] = step;
}

static Error *
parse_index(Parser *parser, Step *ret_step)
{
  const Token *token = parser_peek(parser);
  TRY(parser_expect(parser, TOKEN_NUMBER));
  guint64 index = strtoull(token->text, NULL, 10);
  if (strlen(token->text) > 9)
    return parser_error(parser, "List index is not within the allowable range; index: [%s]", token->text);
  *ret_step = (Step){ NULL, (guint) index };
  return parser_expect(parser, TOKEN_CLOSE);
}

Error *
parser_path(Parser *parser, Path *ret_path)
{
  Path path = { 0 };
  Step step = { 0 };
  TRY(parse_name(parser, &step.name));
  add_step(parser, &path, step);
  for (;;) {
    if (parser_take(parser, TOKEN_DOT)) {
      step = (Step){ 0 };
      TRY(parse_name(parser, &step.name));
    } else if (parser_take(parser, TOKEN_OPEN)) {
      TRY(parse_index(parser, &step));
    } else {
      break;
    }
    add_step(parser, &path, step);
  }
  if (path.n > 32)
    return parser_error(parser, "The document path has too many nesting elements; nesting elements: %u", path.n);
  *ret_path = path;
  return NULL;
}

static Error *
parse_value(Parser *parser, Node **ret_node)
{
  const Token *token = parser_peek(parser);
  Scope *scope = parser->scope;
  for (gsize i = 0; scope->values && i < scope->values->n; i++)
    if (g_str_equal(scope->values->v[i].key, token->text)) {
      scope->values_used[i] = TRUE;
      *ret_node = parser_node(parser, NODE_VALUE, 0, NULL, NULL);
      (*ret_node)->value = scope->values->v[i].value;
      parser->at++;
      return NULL;
    }
  return parser_error(parser, "An expression attribute value used in expression is not defined; attribute value: %s", token->text);
}

gboolean
parser_at_function(const Parser *parser)
{
  const Token *token = parser_peek(parser);
  return token->type == TOKEN_WORD && token[1].type == TOKEN_LEFT;
}

Error *
parser_operand(Parser *parser, Node **ret_node)
{
  if (parser_peek(parser)->type == TOKEN_VALUE)
    return parse_value(parser, ret_node);
  if (parser_at_function(parser))
    return parser_function(parser, ret_node);
  Node *node = parser_node(parser, NODE_PATH, 0, NULL, NULL);
  TRY(parser_path(parser, &node->path));
  *ret_node = node;
  return NULL;
}

/* --- functions --- */

typedef struct Function {
  const char *name;
  NodeType type;
  guint n;
  gboolean condition, update; /* where it may stand */
  gboolean path_first;        /* its first operand must be a path */
} Function;

static const Function functions[] = {
  { "attribute_exists", NODE_EXISTS, 1, TRUE, FALSE, TRUE },
  { "attribute_not_exists", NODE_NOT_EXISTS, 1, TRUE, FALSE, TRUE },
  { "attribute_type", NODE_TYPE, 2, TRUE, FALSE, TRUE },
  { "begins_with", NODE_BEGINS, 2, TRUE, FALSE, FALSE },
  { "contains", NODE_CONTAINS, 2, TRUE, FALSE, FALSE },
  { "size", NODE_SIZE, 1, TRUE, FALSE, FALSE },
  { "if_not_exists", NODE_IF_NOT_EXISTS, 2, FALSE, TRUE, TRUE },
  { "list_append", NODE_LIST_APPEND, 2, FALSE, TRUE, FALSE },
};

static const Function *
function_named(const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS(functions); i++)
    if (g_str_equal(functions[i].name, name))
      return &functions[i];
  return NULL;
}

static Error *
operand_type(const Parser *parser, const char *function, const Value *value)
{
  return parser_error(parser, "Incorrect operand type for operator or function; operator or function: %s, operand type: %s", function,
                      value_type_name(value_type(value)));
}

static Error *
check_type_name(const Parser *parser, const Value *value)
{
  if (value_type(value) != VALUE_S)
    return operand_type(parser, "attribute_type", value);
  if (value_type_named(value->S) == VALUE_NONE)
    return parser_error(parser, "Invalid attribute type name found; type: %s, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}", value->S);
  return NULL;
}

/* Literal values of a kind that the function can never take. */
static Error *
check_literals(const Parser *parser, const Function *function, const Node *node)
{
  for (guint i = 0; i < node->n; i++) {
    const Value *value = node->args[i]->type == NODE_VALUE ? node->args[i]->value : NULL;
    ValueType type = value ? value_type(value) : VALUE_NONE;
    if (!value)
      continue;
    if (node->type == NODE_TYPE)
      TRY(check_type_name(parser, value));
    if (node->type == NODE_BEGINS && type != VALUE_S && type != VALUE_B)
      return operand_type(parser, function->name, value);
    if (node->type == NODE_SIZE && (type == VALUE_N || type == VALUE_BOOL || type == VALUE_NULL))
      return operand_type(parser, function->name, value);
    if (node->type == NODE_LIST_APPEND && type != VALUE_L)
      return operand_type(parser, function->name, value);
  }
  return NULL;
}

static Error *
check_function(const Parser *parser, const Function *function, const Node *node)
{
  if (node->n != function->n)
    return parser_error(parser, "Incorrect number of operands for operator or function; operator or function: %s, number of operands: %u",
                        function->name, node->n);
  if (function->path_first && node->args[0]->type != NODE_PATH)
    return parser_error(parser, "Operator or function requires a document path; operator or function: %s", function->name);
  if (node->type == NODE_CONTAINS && node->args[0]->type == NODE_PATH && node->args[1]->type == NODE_PATH &&
      path_equal(&node->args[0]->path, &node->args[1]->path))
    return parser_error(parser, "The first operand must be distinct from the remaining operands for this operator or function; operator: "
                        "contains, first operand: %s", path_text(parser->arena, &node->args[0]->path));
  return check_literals(parser, function, node);
}

Error *
parser_function(Parser *parser, Node **ret_node)
{
  const char *name = parser_peek(parser)->text;
  const Function *function = function_named(name);
  gboolean update = g_str_equal(parser->kind, "UpdateExpression");
  if (!function)
    return parser_error(parser, "Invalid function name; function: %s", name);
  if (!(update ? function->update : function->condition))
    return parser_error(parser, "The function is not allowed in %s expression; function: %s", update ? "an update" : "a condition", name);
  if (++parser->depth > DEPTH_MAX)
    return parser_error(parser, "The expression is nested too deep");
  parser->at += 2;
  Node *args[8];
  guint n = 0;
  do {
    if (n == G_N_ELEMENTS(args))
      return parser_syntax(parser);
    TRY(parser_operand(parser, &args[n++]));
  } while (parser_take(parser, TOKEN_COMMA));
  TRY(parser_expect(parser, TOKEN_RIGHT));
  parser->depth--;
  Node *node = parser_node(parser, function->type, n, NULL, NULL);
  memcpy(node->args, args, sizeof *args * n);
  *ret_node = node;
  return check_function(parser, function, node);
}
