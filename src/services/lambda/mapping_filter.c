/* Which events a mapping wants. https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html */
#include <string.h>

#include "services/lambda/mapping.h"

enum { FILTERS_MAX = 5 };

static Error *
parse(Arena *arena, const LambdaFilter *filter, Json **ret)
{
  g_autoptr(Error) wrong = event_pattern_parse(arena, filter->Pattern ? filter->Pattern : "", &(EventPatternRules) {.nested = TRUE}, ret);
  return !wrong || wrong->kind == ERROR_FAULT ? g_steal_pointer(&wrong) : mapping_wrong("Invalid filter pattern definition.");
}

Error *
filters_check(Arena *arena, const LambdaFilterCriteria *criteria)
{
  Json *pattern;
  if (criteria && criteria->Filters.n > FILTERS_MAX)
    return mapping_wrong("A mapping has at most %d filters.", FILTERS_MAX);
  for (gsize i = 0; criteria && i < criteria->Filters.n; i++)
    TRY(parse(arena, criteria->Filters.v[i], &pattern));
  return NULL;
}

static gboolean
want(Arena *arena, const LambdaFilterCriteria *criteria, const Json *record, const Json *(*view)(Arena *, const Json *pattern, const Json *record))
{
  if (!criteria || !criteria->Filters.n)
    return TRUE;
  for (gsize i = 0; i < criteria->Filters.n; i++) {
    Json *pattern = NULL;
    g_autoptr(Error) wrong = parse(arena, criteria->Filters.v[i], &pattern);
    const Json *seen = wrong ? NULL : view ? view(arena, pattern, record) : record;
    if (seen && event_pattern_match(pattern, seen))
      return TRUE;
  }
  return FALSE;
}

gboolean
filters_want(Arena *arena, const LambdaFilterCriteria *criteria, const Json *record)
{
  return want(arena, criteria, record, NULL);
}

/* A pattern for keys of the body meets bodies that are JSON objects, one for its text those that are not. NULL: the two do not fit, and the message
 * is not wanted. */
static const Json *
view_message(Arena *arena, const Json *pattern, const Json *record)
{
  const Json *body_pattern = json_get(pattern, "body");
  const char *text = json_string(json_get(record, "body"));
  Json *body = NULL;
  if (!body_pattern || !text)
    return record;
  g_autoptr(Error) plain = json_parse(arena, text, strlen(text), &body);
  gboolean is_object = !plain && body->type == JSON_OBJECT;
  if (is_object != (body_pattern->type == JSON_OBJECT))
    return NULL;
  if (!is_object)
    return record;
  Json *view = json_copy(arena, record);
  json_set(arena, view, "body", body);
  return view;
}

gboolean
filters_want_message(Arena *arena, const LambdaFilterCriteria *criteria, const Json *record)
{
  return want(arena, criteria, record, view_message);
}
