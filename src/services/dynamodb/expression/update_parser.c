#include "services/dynamodb/expression/parser.h"

#include <string.h>

#define ACTIONS_MAX 400

static const char *const sections[] = { [ACTION_SET] = "SET", [ACTION_REMOVE] = "REMOVE", [ACTION_ADD] = "ADD", [ACTION_DELETE] = "DELETE" };

/* As the messages about ADD and DELETE call the kinds. */
static const char *const long_names[] = { "", "STRING", "NUMBER", "BINARY", "STRING_SET", "NUMBER_SET", "BINARY_SET", "MAP", "LIST", "NULL", "BOOLEAN" };

static Error *
parse_set(Parser *parser, Action *action)
{
  Node *value;
  TRY(parser_expect(parser, TOKEN_EQ));
  TRY(parser_operand(parser, &value));
  gboolean plus = parser_take(parser, TOKEN_PLUS);
  if (plus || parser_take(parser, TOKEN_MINUS)) {
    Node *right;
    TRY(parser_operand(parser, &right));
    value = parser_node(parser, plus ? NODE_PLUS : NODE_MINUS, 2, value, right);
    for (guint i = 0; i < 2; i++)
      if (value->args[i]->type == NODE_VALUE && !value->args[i]->value->N)
        return parser_error(parser, "Incorrect operand type for operator or function; operator or function: %s, operand type: %s",
                            plus ? "+" : "-", value_type_name(value_type(value->args[i]->value)));
  }
  action->value = value;
  return NULL;
}

static Error *
parse_add_or_delete(Parser *parser, Action *action)
{
  if (parser_peek(parser)->type != TOKEN_VALUE)
    return parser_syntax(parser);
  TRY(parser_operand(parser, &action->value));
  ValueType type = value_type(action->value->value);
  gboolean set = type == VALUE_SS || type == VALUE_NS || type == VALUE_BS;
  if (set || (action->type == ACTION_ADD && type == VALUE_N))
    return NULL;
  const char *name = sections[action->type];
  return parser_error(parser, "Incorrect operand type for operator or function; operator: %s, operand type: %s, typeSet: ALLOWED_FOR_%s_OPERAND",
                      name, long_names[type], name);
}

static Error *
parse_section(Parser *parser, ActionType type, Update *update)
{
  do {
    if (update->n == ACTIONS_MAX)
      return parser_error(parser, "The expression has too many actions");
    Action *action = &update->actions[update->n++];
    action->type = type;
    TRY(parser_path(parser, &action->path));
    if (type == ACTION_SET)
      TRY(parse_set(parser, action));
    else if (type != ACTION_REMOVE)
      TRY(parse_add_or_delete(parser, action));
  } while (parser_take(parser, TOKEN_COMMA));
  return NULL;
}

static gboolean
same_step(const Step *a, const Step *b)
{
  return a->name ? b->name && g_str_equal(a->name, b->name) : !b->name && a->index == b->index;
}

/* "overlap", "conflict", or NULL. */
static const char *
clash(const Path *a, const Path *b)
{
  for (guint i = 0; i < MIN(a->n, b->n); i++)
    if (!same_step(&a->steps[i], &b->steps[i]))
      return !a->steps[i].name != !b->steps[i].name ? "conflict" : NULL;
  return "overlap";
}

static Error *
check_paths(const Parser *parser, const Update *update)
{
  for (guint i = 0; i < update->n; i++)
    for (guint j = 0; j < i; j++) {
      const char *how = clash(&update->actions[j].path, &update->actions[i].path);
      if (how)
        return parser_error(parser, "Two document paths %s with each other; must remove or rewrite one of these paths; path one: %s, path two: %s",
                            how, path_text(parser->arena, &update->actions[j].path), path_text(parser->arena, &update->actions[i].path));
    }
  return NULL;
}

Error *
update_parse(Scope *scope, const char *text, Update **ret_update)
{
  *ret_update = NULL;
  if (!text)
    return NULL;
  Parser parser;
  TRY(parser_init(&parser, scope, "UpdateExpression", text));
  Update *update = ARENA_NEW(scope->arena, Update);
  update->actions = ARENA_ARRAY(scope->arena, Action, MIN(parser.n, ACTIONS_MAX));
  gboolean seen[G_N_ELEMENTS(sections)] = { FALSE };
  do {
    guint i = 0;
    while (i < G_N_ELEMENTS(sections) && !parser_take_word(&parser, sections[i]))
      i++;
    if (i == G_N_ELEMENTS(sections))
      return parser_syntax(&parser);
    if (seen[i])
      return parser_error(&parser, "The \"%s\" section can only be used once in an update expression;", sections[i]);
    seen[i] = TRUE;
    TRY(parse_section(&parser, (ActionType) i, update));
  } while (!parser_take(&parser, TOKEN_END));
  *ret_update = update;
  return check_paths(&parser, update);
}
