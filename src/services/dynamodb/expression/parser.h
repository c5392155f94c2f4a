/* parser: what the parsers of the expressions share. */
#pragma once

#include "services/dynamodb/expression/expression.h"

typedef struct Parser {
  Scope *scope;
  Arena *arena;
  const char *kind, *text;
  Token *tokens;
  guint n, at, depth;
} Parser;

/* Checks length and emptiness, and lexes. */
Error *parser_init(Parser *parser, Scope *scope, const char *kind, const char *text) ERROR_MUST_USE;
const Token *parser_peek(const Parser *parser);
/* Takes the next token if it is of this type. */
gboolean parser_take(Parser *parser, TokenType type);
/* Takes the next token if it is this keyword, in any case. */
gboolean parser_take_word(Parser *parser, const char *word);
Error *parser_expect(Parser *parser, TokenType type) ERROR_MUST_USE;
/* The next token is not what the grammar wants. */
Error *parser_syntax(const Parser *parser) ERROR_MUST_USE;
/* "Invalid <kind>: ..." */
Error *parser_error(const Parser *parser, const char *format, ...) G_GNUC_PRINTF(2, 3) ERROR_MUST_USE;
Error *parser_path(Parser *parser, Path *ret_path) ERROR_MUST_USE;
/* A path, a value, or a function that gives a value; functions: the names that are allowed, NULL-terminated. */
Error *parser_operand(Parser *parser, Node **ret_node) ERROR_MUST_USE;
/* name(...): the next two tokens are the name and a parenthesis. */
Error *parser_function(Parser *parser, Node **ret_node) ERROR_MUST_USE;
gboolean parser_at_function(const Parser *parser);
Node *parser_node(Parser *parser, NodeType type, guint n, Node *a, Node *b);
