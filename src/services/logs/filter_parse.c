#include <math.h>
#include <string.h>

#include "services/logs/filter_tree.h"

typedef struct Parser {
  Arena *arena;
  const char *text, *at;
  Filter *filter;
  guint depth;
} Parser;

static const struct { const char *text; Compare compare; } comparisons[] = {
  {"!=", COMPARE_NE}, {"<=", COMPARE_LE}, {">=", COMPARE_GE}, {"=", COMPARE_EQ}, {"<", COMPARE_LT}, {">", COMPARE_GT},
};

static Error *
wrong(const Parser *parser, const char *expected)
{
  return error_answer("InvalidParameterException", "Invalid filter pattern: expected %s at character %d", expected,
                      (int) (parser->at - parser->text) + 1);
}

static void
skip(Parser *parser)
{
  while (g_ascii_isspace(*parser->at))
    parser->at++;
}

static gboolean
take(Parser *parser, const char *token)
{
  skip(parser);
  gsize n = strlen(token);
  if (strncmp(parser->at, token, n) != 0)
    return FALSE;
  parser->at += n;
  return TRUE;
}

/* A word of letters, in any case, that ends there. */
static gboolean
take_word(Parser *parser, const char *word)
{
  skip(parser);
  gsize n = strlen(word);
  if (g_ascii_strncasecmp(parser->at, word, n) != 0 || g_ascii_isalnum(parser->at[n]))
    return FALSE;
  parser->at += n;
  return TRUE;
}

static void
regex_free(gpointer code)
{
  pcre2_code_free(code);
}

/* %...%: at the opening sign. */
static Error *
parse_regex(Parser *parser, pcre2_code **ret)
{
  const char *end = strchr(parser->at + 1, '%');
  if (!end)
    return wrong(parser, "the closing % of a regular expression");
  int code;
  PCRE2_SIZE where;
  *ret = pcre2_compile((PCRE2_SPTR) parser->at + 1, (PCRE2_SIZE) (end - parser->at - 1), PCRE2_UTF, &code, &where, NULL);
  if (!*ret)
    return wrong(parser, "a regular expression");
  arena_own(parser->arena, *ret, regex_free);
  parser->at = end + 1;
  return NULL;
}

/* "...": at the opening quote; \" and \\ are escapes. */
static Error *
parse_quoted(Parser *parser, const char **ret)
{
  char *out = arena_alloc(parser->arena, strlen(parser->at) + 1);
  gsize n = 0;
  const char *p = parser->at + 1;
  for (; *p && *p != '"'; p++) {
    if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
      p++;
    out[n++] = *p;
  }
  if (*p != '"')
    return wrong(parser, "a closing quote");
  parser->at = p + 1;
  *ret = out;
  return NULL;
}

static const char *
bare(Parser *parser, const char *stops)
{
  const char *begin = parser->at;
  while (*parser->at && !g_ascii_isspace(*parser->at) && !strchr(stops, *parser->at))
    parser->at++;
  return arena_strndup(parser->arena, begin, (gsize) (parser->at - begin));
}

/* --- terms --- */

static Error *
parse_term(Parser *parser)
{
  Term term = {TERM_MUST};
  if (*parser->at == '?' || *parser->at == '-') {
    term.kind = *parser->at == '?' ? TERM_ANY : TERM_NOT;
    parser->at++;
  }
  if (*parser->at == '"')
    TRY(parse_quoted(parser, &term.text));
  else if (*parser->at == '%')
    TRY(parse_regex(parser, &term.regex));
  else
    term.text = bare(parser, "");
  if (!term.regex && !*term.text)
    return wrong(parser, "a term");
  Filter *filter = parser->filter;
  filter->has_must |= term.kind == TERM_MUST;
  filter->has_any |= term.kind == TERM_ANY;
  LIST_APPEND(parser->arena, &filter->terms, term);
  return NULL;
}

static Error *
parse_terms(Parser *parser)
{
  parser->filter->kind = FILTER_TERMS;
  for (skip(parser); *parser->at; skip(parser))
    TRY(parse_term(parser));
  return NULL;
}

/* --- comparisons --- */

static Error *
parse_comparison(Parser *parser, Compare *ret)
{
  for (gsize i = 0; i < G_N_ELEMENTS(comparisons); i++)
    if (take(parser, comparisons[i].text)) {
      *ret = comparisons[i].compare;
      return NULL;
    }
  return wrong(parser, "a comparison");
}

static Error *
parse_value(Parser *parser, Node *node, const char *stops)
{
  skip(parser);
  if (*parser->at == '%')
    return parse_regex(parser, &node->regex);
  if (*parser->at == '"')
    return parse_quoted(parser, &node->text);
  node->text = bare(parser, stops);
  if (!*node->text)
    return wrong(parser, "a value");
  char *end;
  node->number = g_ascii_strtod(node->text, &end);
  node->numeric = !*end && isfinite(node->number);
  return NULL;
}

static Error *
check_order(const Parser *parser, const Node *node)
{
  gboolean ordered = node->compare >= COMPARE_LT && node->compare <= COMPARE_GE;
  return ordered && !node->numeric ? wrong(parser, "a number") : NULL;
}

/* left (&& | ||) right, && binds closer; test reads one test. */
typedef Error *(*TestParser)(Parser *parser, Node **ret);
static Error *parse_or(Parser *parser, TestParser test, Node **ret);

static Node *
join(Parser *parser, NodeKind kind, Node *left, Node *right)
{
  Node *node = ARENA_NEW(parser->arena, Node);
  *node = (Node) {kind, left, right};
  return node;
}

static Error *
parse_primary(Parser *parser, TestParser test, Node **ret)
{
  if (!take(parser, "("))
    return test(parser, ret);
  if (++parser->depth > LIMIT_NESTING_MAX)
    return wrong(parser, "fewer parentheses");
  TRY(parse_or(parser, test, ret));
  parser->depth--;
  return take(parser, ")") ? NULL : wrong(parser, "\")\"");
}

static Error *
parse_and(Parser *parser, TestParser test, Node **ret)
{
  TRY(parse_primary(parser, test, ret));
  while (take(parser, "&&")) {
    Node *right;
    TRY(parse_primary(parser, test, &right));
    *ret = join(parser, NODE_AND, *ret, right);
  }
  return NULL;
}

static Error *
parse_or(Parser *parser, TestParser test, Node **ret)
{
  TRY(parse_and(parser, test, ret));
  while (take(parser, "||")) {
    Node *right;
    TRY(parse_and(parser, test, &right));
    *ret = join(parser, NODE_OR, *ret, right);
  }
  return NULL;
}

/* --- JSON --- */

typedef struct { gsize n; Step *v; } StepList;

static Error *
parse_bracket(Parser *parser, StepList *steps)
{
  Step step = {0};
  if (take(parser, "*"))
    step.all = TRUE;
  else if (*parser->at == '\'' || *parser->at == '"') {
    char quote = *parser->at++;
    const char *end = strchr(parser->at, quote);
    if (!end)
      return wrong(parser, "a closing quote");
    step.name = arena_strndup(parser->arena, parser->at, (gsize) (end - parser->at));
    parser->at = end + 1;
  } else if (g_ascii_isdigit(*parser->at)) {
    char *end;
    step.index = (gint64) MIN(g_ascii_strtoull(parser->at, &end, 10), (guint64) G_MAXINT32);
    parser->at = end;
  } else
    return wrong(parser, "an index, a name or *");
  LIST_APPEND(parser->arena, steps, step);
  return take(parser, "]") ? NULL : wrong(parser, "\"]\"");
}

/* $.a.b[0]['c'] */
static Error *
parse_selector(Parser *parser, Node *node)
{
  if (!take(parser, "$"))
    return wrong(parser, "a selector that begins with $");
  StepList steps = {0};
  for (;;) {
    if (*parser->at == '[') {
      parser->at++;
      TRY(parse_bracket(parser, &steps));
    } else if (*parser->at == '.') {
      parser->at++;
      if (*parser->at == '[')
        continue;
      Step step = {.name = bare(parser, ".[]()=!<>&|{}")};
      if (!*step.name)
        return wrong(parser, "a member's name");
      LIST_APPEND(parser->arena, &steps, step);
    } else
      break;
  }
  node->steps = steps.v;
  node->n_steps = steps.n;
  return NULL;
}

static Error *
parse_is(Parser *parser, Node *node)
{
  static const struct { const char *word; Compare compare; } states[] = {
    {"TRUE", COMPARE_TRUE}, {"FALSE", COMPARE_FALSE}, {"NULL", COMPARE_NULL}};
  for (gsize i = 0; i < G_N_ELEMENTS(states); i++)
    if (take_word(parser, states[i].word)) {
      node->compare = states[i].compare;
      return NULL;
    }
  return wrong(parser, "TRUE, FALSE or NULL");
}

static Error *
parse_json_test(Parser *parser, Node **ret)
{
  Node *node = *ret = ARENA_NEW(parser->arena, Node);
  node->kind = NODE_TEST;
  TRY(parse_selector(parser, node));
  if (take_word(parser, "IS"))
    return parse_is(parser, node);
  if (take_word(parser, "NOT")) {
    node->compare = COMPARE_NOT_EXISTS;
    return take_word(parser, "EXISTS") ? NULL : wrong(parser, "EXISTS");
  }
  if (take_word(parser, "EXISTS")) {
    node->compare = COMPARE_EXISTS;
    return NULL;
  }
  TRY(parse_comparison(parser, &node->compare));
  TRY(parse_value(parser, node, ")}&|"));
  return check_order(parser, node);
}

static Error *
parse_json(Parser *parser)
{
  parser->filter->kind = FILTER_JSON;
  TRY(parse_or(parser, parse_json_test, &parser->filter->root));
  return take(parser, "}") ? NULL : wrong(parser, "\"}\"");
}

/* --- fields --- */

static Error *
parse_field_test(Parser *parser, Node **ret)
{
  Filter *filter = parser->filter;
  Node *node = *ret = ARENA_NEW(parser->arena, Node);
  node->kind = NODE_TEST;
  node->field = (guint) filter->fields.n - 1;
  skip(parser);
  const char *name = bare(parser, ",]()=!<>&|");
  Field *field = &filter->fields.v[node->field];
  if (!field->name)
    field->name = name;
  else if (strcmp(name, field->name) != 0)
    return wrong(parser, "the name of the same field");
  skip(parser);
  if (!*parser->at || strchr(",]", *parser->at)) {
    *ret = NULL;
    return *name ? NULL : wrong(parser, "a field's name");
  }
  TRY(parse_comparison(parser, &node->compare));
  TRY(parse_value(parser, node, ",]&|)"));
  return check_order(parser, node);
}

static Error *
parse_field(Parser *parser)
{
  Filter *filter = parser->filter;
  LIST_APPEND(parser->arena, &filter->fields, ((Field) {0}));
  if (take(parser, "...")) {
    filter->fields.v[filter->fields.n - 1].rest = TRUE;
    return NULL;
  }
  Node *test;
  TRY(parse_field_test(parser, &test));
  while (test && (take(parser, "&&") || strncmp(parser->at, "||", 2) == 0)) {
    gboolean either = take(parser, "||");
    Node *right;
    TRY(parse_field_test(parser, &right));
    if (!right)
      return wrong(parser, "a comparison");
    test = join(parser, either ? NODE_OR : NODE_AND, test, right);
  }
  if (test)
    filter->root = filter->root ? join(parser, NODE_AND, filter->root, test) : test;
  return NULL;
}

static Error *
parse_fields(Parser *parser)
{
  parser->filter->kind = FILTER_FIELDS;
  guint rests = 0;
  do {
    TRY(parse_field(parser));
    rests += parser->filter->fields.v[parser->filter->fields.n - 1].rest;
  } while (take(parser, ","));
  if (rests > 1)
    return wrong(parser, "at most one \"...\"");
  return take(parser, "]") ? NULL : wrong(parser, "\",\" or \"]\"");
}

Error *
filter_parse(Arena *arena, const char *pattern, Filter **ret_filter)
{
  Parser parser = {.arena = arena, .text = pattern ? pattern : "", .filter = ARENA_NEW(arena, Filter)};
  parser.at = parser.text;
  *ret_filter = parser.filter;
  skip(&parser);
  if (!*parser.at)
    return NULL;
  if (take(&parser, "{"))
    TRY(parse_json(&parser));
  else if (take(&parser, "["))
    TRY(parse_fields(&parser));
  else
    return parse_terms(&parser);
  skip(&parser);
  return *parser.at ? wrong(&parser, "the end") : NULL;
}
