/* or: and ("OR" and)*   and: not ("AND" not)*   not: "NOT" not | one
 * one: "TRUE" | "FALSE" | "(" or ")" | ("ALARM" | "OK" | "INSUFFICIENT_DATA") "(" name ")", the name with or without quotes.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html */
#include <string.h>

#include "services/cloudwatch/alarm.h"

enum { RULE_LENGTH_MAX = 10240, ELEMENTS_MAX = 500, DEPTH_MAX = 64 };

typedef enum { RULE_OR, RULE_AND, RULE_NOT, RULE_CONSTANT, RULE_STATE } RuleKind;

struct Rule {
  gsize n; /* n and v first: it is a list too */
  Rule **v;
  RuleKind kind;
  gboolean constant;
  const char *state, *alarm;
};

typedef struct Parser {
  Arena *arena;
  const char *text, *at;
  guint depth, elements;
} Parser;

static Error *parse_or(Parser *parser, Rule **ret);

static Error *
wrong(const Parser *parser)
{
  if (!*parser->at)
    return error_answer("ValidationError", "AlarmRule must not end where something more is expected");
  return error_answer("ValidationError", "AlarmRule is invalid: unexpected '%.20s' at position %u", parser->at, (guint) (parser->at - parser->text) + 1);
}

static gboolean
take(Parser *parser, const char *word)
{
  gsize size = strlen(word);
  parser->at += strspn(parser->at, " \t\r\n");
  if (strncmp(parser->at, word, size) != 0 || (g_ascii_isalpha(word[0]) && (g_ascii_isalnum(parser->at[size]) || parser->at[size] == '_')))
    return FALSE;
  parser->at += size;
  return TRUE;
}

static Rule *
rule_new(Parser *parser, RuleKind kind)
{
  Rule *rule = ARENA_NEW(parser->arena, Rule);
  rule->kind = kind;
  return rule;
}

static Error *
parse_state(Parser *parser, const char *state, Rule **ret)
{
  if (!take(parser, "("))
    return wrong(parser);
  parser->at += strspn(parser->at, " \t\r\n");
  gboolean quoted = *parser->at == '"' || *parser->at == '\'';
  char quote[2] = {*parser->at, 0};
  if (quoted)
    parser->at++;
  gsize size = strcspn(parser->at, quoted ? quote : ")");
  char *name = arena_strndup(parser->arena, parser->at, size);
  if (!parser->at[size] || size == 0)
    return wrong(parser);
  parser->at += size + (quoted ? 1 : 0);
  *ret = rule_new(parser, RULE_STATE);
  (*ret)->state = state;
  (*ret)->alarm = quoted ? name : g_strchomp(name);
  return take(parser, ")") ? NULL : wrong(parser);
}

static Error *
parse_one(Parser *parser, Rule **ret)
{
  static const char *const states[] = {"ALARM", "OK", "INSUFFICIENT_DATA"};
  if (++parser->elements > ELEMENTS_MAX)
    return error_answer("ValidationError", "AlarmRule must not have more than %d elements", ELEMENTS_MAX);
  for (gsize i = 0; i < G_N_ELEMENTS(states); i++)
    if (take(parser, states[i]))
      return parse_state(parser, states[i], ret);
  if (take(parser, "TRUE") || take(parser, "FALSE")) {
    *ret = rule_new(parser, RULE_CONSTANT);
    (*ret)->constant = parser->at[-2] == 'U';
    return NULL;
  }
  if (!take(parser, "("))
    return wrong(parser);
  TRY(parse_or(parser, ret));
  return take(parser, ")") ? NULL : wrong(parser);
}

/* All recursion comes through here. */
static Error *
parse_not(Parser *parser, Rule **ret)
{
  if (++parser->depth > DEPTH_MAX)
    return error_answer("ValidationError", "AlarmRule is nested too deeply");
  if (take(parser, "NOT")) {
    Rule *operand = NULL;
    TRY(parse_not(parser, &operand));
    *ret = rule_new(parser, RULE_NOT);
    LIST_APPEND(parser->arena, *ret, operand);
  } else {
    TRY(parse_one(parser, ret));
  }
  parser->depth--;
  return NULL;
}

static Error *
parse_chain(Parser *parser, RuleKind kind, const char *word, Error *(*next)(Parser *, Rule **), Rule **ret)
{
  Rule *chain = rule_new(parser, kind);
  do {
    Rule *item = NULL;
    TRY(next(parser, &item));
    LIST_APPEND(parser->arena, chain, item);
  } while (take(parser, word));
  *ret = chain->n == 1 ? chain->v[0] : chain;
  return NULL;
}

static Error *
parse_and(Parser *parser, Rule **ret)
{
  return parse_chain(parser, RULE_AND, "AND", parse_not, ret);
}

static Error *
parse_or(Parser *parser, Rule **ret)
{
  return parse_chain(parser, RULE_OR, "OR", parse_and, ret);
}

Error *
rule_parse(Arena *arena, const char *text, Rule **ret)
{
  Parser parser = {.arena = arena, .text = text, .at = text};
  if (strlen(text) > RULE_LENGTH_MAX)
    return error_answer("ValidationError", "AlarmRule must not be longer than %d characters", RULE_LENGTH_MAX);
  TRY(parse_or(&parser, ret));
  parser.at += strspn(parser.at, " \t\r\n");
  return *parser.at ? wrong(&parser) : NULL;
}

gboolean
rule_evaluate(const Rule *rule, RuleState state, gpointer data)
{
  const char *is = NULL;
  switch (rule->kind) {
  case RULE_CONSTANT:
    return rule->constant;
  case RULE_STATE:
    is = state(rule->alarm, data);
    return is && strcmp(is, rule->state) == 0;
  case RULE_NOT:
    return !rule_evaluate(rule->v[0], state, data);
  case RULE_AND:
  case RULE_OR:
    break;
  }
  for (gsize i = 0; i < rule->n; i++)
    if (rule_evaluate(rule->v[i], state, data) == (rule->kind == RULE_OR))
      return rule->kind == RULE_OR;
  return rule->kind == RULE_AND;
}

void
rule_names(Arena *arena, const Rule *rule, StringList *ret)
{
  if (rule->kind == RULE_STATE && !string_list_has(ret, rule->alarm))
    LIST_APPEND(arena, ret, rule->alarm);
  for (gsize i = 0; i < rule->n; i++)
    rule_names(arena, rule->v[i], ret);
}

const char *
rule_alarm_name(const char *name_or_arn)
{
  const char *at = g_str_has_prefix(name_or_arn, "arn:") ? strstr(name_or_arn, ":alarm:") : NULL;
  return at ? at + strlen(":alarm:") : name_or_arn;
}
