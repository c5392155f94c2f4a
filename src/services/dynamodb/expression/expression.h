/* expression: DynamoDB's expressions: conditions and filters, updates, projections, key conditions.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html */
#pragma once

#include "services/dynamodb/value.h"

/* One step of a document path: an attribute name, or an index. */
typedef struct Step {
  const char *name; /* NULL: index */
  guint index;
} Step;

typedef struct Path {
  Step *steps;
  guint n;
} Path;

typedef enum {
  NODE_PATH, NODE_VALUE, NODE_AND, NODE_OR, NODE_NOT, NODE_EQ, NODE_NE, NODE_LT, NODE_LE, NODE_GT, NODE_GE, NODE_BETWEEN, NODE_IN,
  NODE_EXISTS, NODE_NOT_EXISTS, NODE_TYPE, NODE_BEGINS, NODE_CONTAINS, NODE_SIZE,
  NODE_IF_NOT_EXISTS, NODE_LIST_APPEND, NODE_PLUS, NODE_MINUS,
} NodeType;

typedef struct Node Node;
struct Node {
  NodeType type;
  guint n;
  Node **args;
  Path path;          /* NODE_PATH */
  const Value *value; /* NODE_VALUE */
};

typedef enum { ACTION_SET, ACTION_REMOVE, ACTION_ADD, ACTION_DELETE } ActionType;

typedef struct Action {
  ActionType type;
  Path path;
  Node *value; /* NULL: REMOVE */
} Action;

typedef struct Update {
  Action *actions;
  guint n;
} Update;

typedef struct Projection {
  Path *paths;
  guint n;
} Projection;

/* What a request brings for its expressions, and which of it they use. Arena; for one request. */
typedef struct Scope {
  Arena *arena;
  const StringMap *names;
  Item *values;
  gboolean *names_used, *values_used;
} Scope;

/* Begins: checks the maps' keys and values. expressions: what may use them ("ConditionExpression", ..., NULL-terminated, as it stands in
 * AWS's messages "X is null"), any: whether one of them is given. */
Error *scope_init(Scope *scope, Arena *arena, const StringMap *names, Item *values, gboolean any, const char *expressions) ERROR_MUST_USE;
/* Ends: what nobody used is an error. */
Error *scope_finish(const Scope *scope) ERROR_MUST_USE;

/* kind: "ConditionExpression", "FilterExpression" or "KeyConditionExpression". NULL text gives NULL. */
Error *condition_parse(Scope *scope, const char *kind, const char *text, Node **ret_condition) ERROR_MUST_USE;
Error *update_parse(Scope *scope, const char *text, Update **ret_update) ERROR_MUST_USE;
Error *projection_parse(Scope *scope, const char *text, Projection **ret_projection) ERROR_MUST_USE;

/* Whether the item (empty map: there is none) meets the condition. NULL condition: yes. */
gboolean expression_holds(Arena *arena, const Node *condition, const Item *item);
/* Applies an update to item, which may be changed freely; before: the item as it was. */
Error *update_apply(Arena *arena, const Update *update, const Item *before, Item *item) ERROR_MUST_USE;
/* The parts of item that the projection names; NULL: all. */
void projection_apply(Arena *arena, const Projection *projection, const Item *item, Item *ret_item);

/* The value at a path, or NULL. */
const Value *path_value(const Path *path, const Item *item);
gboolean path_equal(const Path *a, const Path *b);
/* "[a, b, [0]]" as in AWS's messages (arena). */
char *path_text(Arena *arena, const Path *path);
/* Calls visit for each path in a condition. */
void node_paths(const Node *node, void (*visit)(const Path *path, gpointer data), gpointer data);

/* reserved.c: whether a word may not be an attribute name in an expression. */
gboolean word_reserved(const char *word);

/* lexer.c */
typedef enum {
  TOKEN_END, TOKEN_WORD, TOKEN_NAME /* #n */, TOKEN_VALUE /* :v */, TOKEN_NUMBER, TOKEN_LEFT, TOKEN_RIGHT, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_DOT,
  TOKEN_COMMA, TOKEN_EQ, TOKEN_NE, TOKEN_LT, TOKEN_LE, TOKEN_GT, TOKEN_GE, TOKEN_PLUS, TOKEN_MINUS, TOKEN_WRONG,
} TokenType;

typedef struct Token {
  TokenType type;
  const char *text;    /* as written (arena) */
  gsize begin, end;    /* in the expression */
} Token;

/* All tokens, TOKEN_END last (arena). */
Token *lex(Arena *arena, const char *text, guint *ret_n);
