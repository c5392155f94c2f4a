#include <math.h>
#include <string.h>

#include "services/logs/filter_tree.h"

/* Steps of backtracking that one expression may take on one event. */
enum { MATCH_LIMIT = 100000, FIELDS_MAX = 1024 };

static gboolean
regex_match(const pcre2_code *code, const char *text)
{
  pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
  pcre2_match_context *context = pcre2_match_context_create(NULL);
  pcre2_set_match_limit(context, MATCH_LIMIT);
  int found = pcre2_match(code, (PCRE2_SPTR) text, PCRE2_ZERO_TERMINATED, 0, 0, data, context);
  pcre2_match_context_free(context);
  pcre2_match_data_free(data);
  return found >= 0;
}

static gboolean
term_found(const Term *term, const char *message)
{
  return term->regex ? regex_match(term->regex, message) : strstr(message, term->text) != NULL;
}

/* Terms with ? count only where no plain term stands beside them. */
static gboolean
match_terms(const Filter *filter, const char *message)
{
  gboolean any = FALSE;
  for (gsize i = 0; i < filter->terms.n; i++) {
    const Term *term = &filter->terms.v[i];
    gboolean found = term_found(term, message);
    if ((term->kind == TERM_MUST && !found) || (term->kind == TERM_NOT && found))
      return FALSE;
    any |= term->kind == TERM_ANY && found;
  }
  return filter->has_must || !filter->has_any || any;
}

static gboolean
ordered(Compare compare, double left, double right)
{
  return (compare == COMPARE_LT && left < right) || (compare == COMPARE_GT && left > right) || (compare == COMPARE_LE && left <= right) ||
         (compare == COMPARE_GE && left >= right);
}

/* A text against a test: numbers by value where both are, else by the pattern with '*'. */
static gboolean
text_passes(const Node *node, const char *text)
{
  if (node->regex)
    return regex_match(node->regex, text) == (node->compare == COMPARE_EQ);
  char *end = NULL;
  double number = g_ascii_strtod(text, &end);
  gboolean numeric = node->numeric && end != text && !*end;
  if (node->compare != COMPARE_EQ && node->compare != COMPARE_NE)
    return numeric && ordered(node->compare, number, node->number);
  gboolean equal = (numeric && number == node->number) || text_glob(node->text, text);
  return equal == (node->compare == COMPARE_EQ);
}

static gboolean
json_passes(const Node *node, const Json *json)
{
  if (node->compare == COMPARE_NOT_EXISTS || node->compare == COMPARE_EXISTS)
    return (json != NULL) == (node->compare == COMPARE_EXISTS);
  if (!json)
    return FALSE;
  if (node->compare == COMPARE_TRUE || node->compare == COMPARE_FALSE)
    return json->type == (node->compare == COMPARE_TRUE ? JSON_TRUE : JSON_FALSE);
  if (node->compare == COMPARE_NULL)
    return json->type == JSON_NULL;
  if (json->type == JSON_TRUE || json->type == JSON_FALSE)
    return text_passes(node, json->type == JSON_TRUE ? "true" : "false");
  return (json->type == JSON_STRING || json->type == JSON_NUMBER) && text_passes(node, json->text);
}

static gboolean
json_test(const Node *node, const Json *json, gsize step)
{
  if (step == node->n_steps || !json)
    return json_passes(node, json);
  const Step *at = &node->steps[step];
  if (at->name)
    return json_test(node, json_get(json, at->name), step + 1);
  if (json->type != JSON_ARRAY)
    return json_passes(node, NULL);
  if (!at->all)
    return json_test(node, at->index < json->n ? json->items[at->index] : NULL, step + 1);
  for (guint i = 0; i < json->n; i++)
    if (json_test(node, json->items[i], step + 1))
      return TRUE;
  return FALSE;
}

typedef struct { gsize n; const char **v; } Words;

/* What a tree is asked about: a JSON event or the fields of a line. */
typedef struct Subject { const Json *json; const Words *words; } Subject;

static gboolean
evaluate(const Node *node, const Subject *subject)
{
  if (node->kind == NODE_AND)
    return evaluate(node->left, subject) && evaluate(node->right, subject);
  if (node->kind == NODE_OR)
    return evaluate(node->left, subject) || evaluate(node->right, subject);
  return subject->json ? json_test(node, subject->json, 0) : text_passes(node, subject->words->v[node->field]);
}

static gboolean
match_json(const Filter *filter, Arena *scratch, const char *message)
{
  Json *json;
  g_autoptr(Error) error = json_parse(scratch, message, strlen(message), &json);
  return !error && json->type == JSON_OBJECT && evaluate(filter->root, &(Subject) {.json = json});
}

/* Words of a line; what stands in "..." or [...] is one. */
static Words
split(Arena *scratch, const char *line)
{
  Words words = {0};
  while (words.n < FIELDS_MAX) {
    while (g_ascii_isspace(*line))
      line++;
    if (!*line)
      break;
    char close = *line == '"' ? '"' : *line == '[' ? ']' : 0;
    const char *end = close ? strchr(line + 1, close) : NULL;
    const char *begin = end ? line + 1 : line;
    if (!end)
      for (end = line; *end && !g_ascii_isspace(*end); end++)
        ;
    LIST_APPEND(scratch, &words, (const char *) arena_strndup(scratch, begin, (gsize) (end - begin)));
    line = *end && close && *end == close ? end + 1 : end;
  }
  return words;
}

/* Lines up words with the pattern's fields; "..." takes what is over. FALSE: their number does not fit. */
static gboolean
align(const Filter *filter, Arena *scratch, const Words *words, Words *ret)
{
  gsize named = 0;
  gboolean rest = FALSE;
  for (gsize i = 0; i < filter->fields.n; i++) {
    rest |= filter->fields.v[i].rest;
    named += !filter->fields.v[i].rest;
  }
  if (rest ? words->n < named : words->n != named)
    return FALSE;
  gsize at = 0;
  for (gsize i = 0; i < filter->fields.n; i++) {
    gboolean skips = filter->fields.v[i].rest;
    LIST_APPEND(scratch, ret, skips ? "" : words->v[at]);
    at += skips ? words->n - named : 1;
  }
  return TRUE;
}

static gboolean
match_fields(const Filter *filter, Arena *scratch, const char *message)
{
  Words words = split(scratch, message), aligned = {0};
  if (!align(filter, scratch, &words, &aligned))
    return FALSE;
  return !filter->root || evaluate(filter->root, &(Subject) {.words = &aligned});
}

gboolean
filter_match(const Filter *filter, Arena *scratch, const char *message)
{
  switch (filter->kind) {
  case FILTER_ALL:
    return TRUE;
  case FILTER_TERMS:
    return match_terms(filter, message);
  case FILTER_JSON:
    return match_json(filter, scratch, message);
  case FILTER_FIELDS:
    return match_fields(filter, scratch, message);
  }
  return FALSE;
}

/* --- values --- */

static const char *
scalar_text(Arena *arena, const Json *json)
{
  if (!json)
    return NULL;
  if (json->type == JSON_STRING || json->type == JSON_NUMBER)
    return arena_strndup(arena, json->text, json->n);
  return json->type == JSON_TRUE ? "true" : json->type == JSON_FALSE ? "false" : NULL;
}

/* "$.a.b[0]" or "$.['a b']" */
static const char *
json_value(Arena *arena, const char *message, const char *selector)
{
  Json *json = NULL;
  g_autoptr(Error) error = json_parse(arena, message, strlen(message), &json);
  const Json *at = error ? NULL : json;
  for (selector++; at && *selector;) {
    if (*selector == '.') {
      gsize size = strcspn(++selector, ".[");
      if (size)
        at = json_get(at, arena_strndup(arena, selector, size));
      selector += size;
    } else if (selector[0] == '[' && (selector[1] == '\'' || selector[1] == '"')) {
      const char *end = strchr(selector + 2, selector[1]);
      if (!end || end[1] != ']')
        return NULL;
      at = json_get(at, arena_strndup(arena, selector + 2, (gsize) (end - selector - 2)));
      selector = end + 2;
    } else if (*selector == '[') {
      char *end = NULL;
      guint64 index = g_ascii_strtoull(selector + 1, &end, 10);
      at = at->type == JSON_ARRAY && index < at->n && *end == ']' ? at->items[index] : NULL;
      selector = *end ? end + 1 : end;
    } else {
      return NULL;
    }
  }
  return scalar_text(arena, at);
}

const char *
filter_value(const Filter *filter, Arena *arena, const char *message, const char *selector)
{
  Words words = {0}, aligned = {0};
  if (selector[0] != '$')
    return NULL;
  if (filter->kind != FILTER_FIELDS)
    return json_value(arena, message, selector);
  words = split(arena, message);
  if (!align(filter, arena, &words, &aligned))
    return NULL;
  for (gsize i = 0; i < filter->fields.n; i++)
    if (filter->fields.v[i].name && strcmp(filter->fields.v[i].name, selector + 1) == 0)
      return aligned.v[i];
  return NULL;
}

static void
node_values(const Node *node, Arena *arena, const char *message, StringMap *ret)
{
  g_autoptr(GString) selector = g_string_new("$");
  if (node->kind != NODE_TEST) {
    node_values(node->left, arena, message, ret);
    node_values(node->right, arena, message, ret);
    return;
  }
  for (gsize i = 0; i < node->n_steps; i++) {
    if (node->steps[i].name)
      g_string_append_printf(selector, ".%s", node->steps[i].name);
    else
      g_string_append_printf(selector, "[%" G_GINT64_FORMAT "]", node->steps[i].index);
  }
  const char *value = json_value(arena, message, selector->str);
  if (value)
    MAP_SET(arena, ret, arena_strdup(arena, selector->str), value);
}

void
filter_values(const Filter *filter, Arena *arena, const char *message, StringMap *ret)
{
  if (filter->kind == FILTER_JSON && filter->root)
    node_values(filter->root, arena, message, ret);
  for (gsize i = 0; filter->kind == FILTER_FIELDS && i < filter->fields.n; i++) {
    const char *name = filter->fields.v[i].name;
    const char *selector = name ? arena_printf(arena, "$%s", name) : NULL;
    const char *value = name && *name ? filter_value(filter, arena, message, selector) : NULL;
    if (value)
      MAP_SET(arena, ret, selector, value);
  }
}
