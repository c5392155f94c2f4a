/* or:      and (("||" | "OR") and)*          and:     compare (("&&" | "AND") compare)*
 * compare: sum (("==" | "!=" | "<" | ">" | "<=" | ">=") sum)*
 * sum:     product (("+" | "-") product)*    product: unary (("*" | "/") unary)*
 * unary:   ("-" | "+" | "!" | "NOT") unary | power      power: primary ["^" unary]
 * primary: number | text | name | NAME "(" [or ("," or)*] ")" | "(" or ")" | "[" or ("," or)* "]" */
#include <string.h>

#include "services/cloudwatch/math.h"

enum { TEXT_MAX = 2048, DEPTH_MAX = 60, ARGUMENTS_MAX = 500 };

typedef struct Parser {
  Arena *arena;
  const char *text, *at;
  guint depth;
} Parser;

typedef Error *(*ParseLevel)(Parser *parser, MathNode **ret);
static Error *parse_or(Parser *parser, MathNode **ret);
static Error *parse_unary(Parser *parser, MathNode **ret);

static Error *
wrong(const Parser *parser)
{
  if (!*parser->at)
    return error_answer("ValidationError", "Error in expression: it ends where something more is expected");
  return error_answer("ValidationError", "Error in expression: unexpected '%.20s' at position %u", parser->at, (guint) (parser->at - parser->text) + 1);
}

static void
skip(Parser *parser)
{
  parser->at += strspn(parser->at, " \t\r\n");
}

static gboolean
is_word(char c)
{
  return g_ascii_isalnum(c) || c == '_';
}

/* Whether the token is next, and takes it. Words end where no letter follows. */
static gboolean
take(Parser *parser, const char *token)
{
  gsize size = strlen(token);
  skip(parser);
  if (strncmp(parser->at, token, size) != 0 || (is_word(token[0]) && is_word(parser->at[size])))
    return FALSE;
  parser->at += size;
  return TRUE;
}

static MathNode *
node_new(Parser *parser, MathKind kind)
{
  MathNode *node = ARENA_NEW(parser->arena, MathNode);
  node->kind = kind;
  return node;
}

typedef struct Token {
  const char *text;
  MathOperator op;
} Token;

/* A level of binary operators, from the left. */
static Error *
parse_binary(Parser *parser, const Token *tokens, gsize n_tokens, ParseLevel next, MathNode **ret)
{
  MathNode *left = NULL;
  TRY(next(parser, &left));
  for (gsize i = 0; i < n_tokens;) {
    if (!take(parser, tokens[i].text)) {
      i++;
      continue;
    }
    MathNode *node = node_new(parser, MATH_OPERATOR), *right = NULL;
    TRY(next(parser, &right));
    node->op = tokens[i].op;
    LIST_APPEND(parser->arena, node, left);
    LIST_APPEND(parser->arena, node, right);
    left = node;
    i = 0;
    if (++parser->depth > ARGUMENTS_MAX)
      return error_answer("ValidationError", "Error in expression: it has too many operators");
  }
  *ret = left;
  return NULL;
}

static Error *
parse_product(Parser *parser, MathNode **ret)
{
  static const Token tokens[] = {{"*", MATH_MULTIPLY}, {"/", MATH_DIVIDE}};
  return parse_binary(parser, tokens, G_N_ELEMENTS(tokens), parse_unary, ret);
}

static Error *
parse_sum(Parser *parser, MathNode **ret)
{
  static const Token tokens[] = {{"+", MATH_ADD}, {"-", MATH_SUBTRACT}};
  return parse_binary(parser, tokens, G_N_ELEMENTS(tokens), parse_product, ret);
}

static Error *
parse_compare(Parser *parser, MathNode **ret)
{
  static const Token tokens[] = {{"==", MATH_EQUAL},      {"!=", MATH_UNEQUAL}, {"<=", MATH_LESS_EQUAL},
                                 {">=", MATH_MORE_EQUAL}, {"<", MATH_LESS},     {">", MATH_MORE}};
  return parse_binary(parser, tokens, G_N_ELEMENTS(tokens), parse_sum, ret);
}

static Error *
parse_and(Parser *parser, MathNode **ret)
{
  static const Token tokens[] = {{"&&", MATH_AND}, {"AND", MATH_AND}};
  return parse_binary(parser, tokens, G_N_ELEMENTS(tokens), parse_compare, ret);
}

static Error *
parse_or(Parser *parser, MathNode **ret)
{
  static const Token tokens[] = {{"||", MATH_OR}, {"OR", MATH_OR}};
  return parse_binary(parser, tokens, G_N_ELEMENTS(tokens), parse_and, ret);
}

/* Up to the closing token: elements between commas. */
static Error *
parse_list(Parser *parser, const char *end, MathNode *node)
{
  if (take(parser, end))
    return NULL;
  do {
    MathNode *item = NULL;
    TRY(parse_or(parser, &item));
    LIST_APPEND(parser->arena, node, item);
    if (node->n > ARGUMENTS_MAX)
      return error_answer("ValidationError", "Error in expression: too many arguments");
  } while (take(parser, ","));
  return take(parser, end) ? NULL : wrong(parser);
}

static Error *
parse_text(Parser *parser, MathNode **ret)
{
  char quote = *parser->at;
  const char *end = strchr(parser->at + 1, quote);
  if (!end)
    return error_answer("ValidationError", "Error in expression: the text at position %u has no end", (guint) (parser->at - parser->text) + 1);
  *ret = node_new(parser, MATH_TEXT);
  (*ret)->text = arena_strndup(parser->arena, parser->at + 1, (gsize) (end - parser->at - 1));
  parser->at = end + 1;
  return NULL;
}

static Error *
parse_name(Parser *parser, MathNode **ret)
{
  const char *begin = parser->at;
  while (is_word(*parser->at))
    parser->at++;
  const char *name = arena_strndup(parser->arena, begin, (gsize) (parser->at - begin));
  *ret = node_new(parser, MATH_NAME);
  (*ret)->text = name;
  if (!take(parser, "("))
    return NULL;
  (*ret)->kind = MATH_CALL;
  if (!math_function_known(name))
    return error_answer("ValidationError", "Error in expression: unsupported function '%s'", name);
  return parse_list(parser, ")", *ret);
}

static Error *
parse_primary(Parser *parser, MathNode **ret)
{
  skip(parser);
  char c = *parser->at;
  if (g_ascii_isdigit(c) || c == '.') {
    char *end = NULL;
    *ret = node_new(parser, MATH_NUMBER);
    (*ret)->number = g_ascii_strtod(parser->at, &end);
    if (end == parser->at)
      return wrong(parser);
    parser->at = end;
    return NULL;
  }
  if (c == '"' || c == '\'')
    return parse_text(parser, ret);
  if (g_ascii_isalpha(c))
    return parse_name(parser, ret);
  if (take(parser, "[")) {
    *ret = node_new(parser, MATH_LIST);
    return parse_list(parser, "]", *ret);
  }
  if (!take(parser, "("))
    return wrong(parser);
  TRY(parse_or(parser, ret));
  return take(parser, ")") ? NULL : wrong(parser);
}

static Error *
parse_sign(Parser *parser, MathOperator op, MathNode **ret)
{
  MathNode *operand = NULL;
  TRY(parse_unary(parser, &operand));
  *ret = node_new(parser, MATH_OPERATOR);
  (*ret)->op = op;
  LIST_APPEND(parser->arena, *ret, operand);
  return NULL;
}

static Error *
parse_power(Parser *parser, MathNode **ret)
{
  MathNode *base = NULL, *power = NULL;
  TRY(parse_primary(parser, &base));
  *ret = base;
  if (!take(parser, "^"))
    return NULL;
  TRY(parse_unary(parser, &power));
  *ret = node_new(parser, MATH_OPERATOR);
  (*ret)->op = MATH_POWER;
  LIST_APPEND(parser->arena, *ret, base);
  LIST_APPEND(parser->arena, *ret, power);
  return NULL;
}

/* All recursion comes through here: it is what is bounded. */
static Error *
parse_unary(Parser *parser, MathNode **ret)
{
  Error *error = NULL;
  if (++parser->depth > DEPTH_MAX + ARGUMENTS_MAX)
    return error_answer("ValidationError", "Error in expression: it is nested too deeply");
  guint before = parser->depth;
  if (take(parser, "-"))
    error = parse_sign(parser, MATH_NEGATE, ret);
  else if (take(parser, "!") || take(parser, "NOT"))
    error = parse_sign(parser, MATH_NOT, ret);
  else if (take(parser, "+"))
    error = parse_unary(parser, ret);
  else
    error = parse_power(parser, ret);
  parser->depth = before - 1;
  return error;
}

Error *
math_parse(Arena *arena, const char *text, MathNode **ret)
{
  Parser parser = {.arena = arena, .text = text, .at = text};
  if (strlen(text) > TEXT_MAX)
    return error_answer("ValidationError", "Error in expression: it is longer than %d characters", TEXT_MAX);
  TRY(parse_or(&parser, ret));
  skip(&parser);
  return *parser.at ? wrong(&parser) : NULL;
}

void
math_names(const MathNode *node, void (*visit)(const char *name, gpointer data), gpointer data)
{
  if (node->kind == MATH_NAME)
    visit(node->text, data);
  for (gsize i = 0; i < node->n; i++)
    math_names(node->v[i], visit, data);
}

gboolean
math_calls(const MathNode *node, const char *function)
{
  gboolean found = node->kind == MATH_CALL && strcmp(node->text, function) == 0;
  for (gsize i = 0; i < node->n && !found; i++)
    found = math_calls(node->v[i], function);
  return found;
}
