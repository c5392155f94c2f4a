#include "wire/internal.h"
#include <string.h>

/* Points of the score: the more a template says, the better. */
enum { SCORE_BASE = 10000, SCORE_LITERAL = 3, SCORE_LABEL = 2, SCORE_GREEDY = 1, SCORE_QUERY = 100, SCORE_MISSING = -1000 };

typedef struct Segment {
  const char *at;
  gsize size;
} Segment;

/* The next segment of a path; at: behind the slash before it. FALSE: the end. */
static gboolean
next_segment(const char **at, const char *end, Segment *ret)
{
  if (*at >= end || **at != '/')
    return FALSE;
  const char *from = *at + 1, *stop = memchr(from, '/', (gsize) (end - from));
  *ret = (Segment){from, (gsize) ((stop ? stop : end) - from)};
  *at = stop ? stop : end;
  return TRUE;
}

static gboolean
add_label(Arena *arena, const Segment *label, const char *raw, gsize size, StringMap *labels)
{
  gboolean greedy = label->at[label->size - 2] == '+';
  char *value = text_uri_decode(arena, arena_strndup(arena, raw, size), FALSE);
  if (!value || !g_utf8_validate(value, -1, NULL))
    return FALSE;
  MAP_SET(arena, labels, arena_strndup(arena, label->at + 1, label->size - 2 - greedy), value);
  return TRUE;
}

static gboolean
is_label(const Segment *segment)
{
  return segment->size > 2 && segment->at[0] == '{' && segment->at[segment->size - 1] == '}';
}

/* Points of the path, or -1. */
static int
match_path(const char *template, const char *template_end, const char *path, Arena *arena, StringMap *labels)
{
  const char *end = path + strlen(path);
  Segment want, have;
  int score = 0;
  while (next_segment(&template, template_end, &want)) {
    const char *from = path;
    if (!next_segment(&path, end, &have))
      return want.size ? -1 : score;
    if (is_label(&want)) {
      gboolean greedy = want.at[want.size - 2] == '+';
      gsize size = greedy ? (gsize) (end - from - 1) : have.size;
      if (!size || !add_label(arena, &want, have.at, size, labels))
        return -1;
      if (greedy)
        path = end;
      score += greedy ? SCORE_GREEDY : SCORE_LABEL;
    } else if (want.size != have.size || memcmp(want.at, have.at, want.size)) {
      return -1;
    } else {
      score += SCORE_LITERAL;
    }
  }
  return path == end || !strcmp(path, "/") ? score : -1;
}

/* Whether a raw query has key, with value if that is not NULL. */
static gboolean
query_has(const char *query, const char *key, gsize key_size, const char *value, gsize value_size)
{
  for (const char *at = query; at && *at;) {
    const char *end = strchrnul(at, '&');
    const char *equals = memchr(at, '=', (gsize) (end - at));
    gsize size = (gsize) ((equals ? equals : end) - at);
    if (size == key_size && !memcmp(at, key, size)) {
      gsize have = equals ? (gsize) (end - equals - 1) : 0;
      if (!value || (have == value_size && !memcmp(equals + 1, value, have)))
        return TRUE;
    }
    at = *end ? end + 1 : end;
  }
  return FALSE;
}

/* The constants behind a template's '?': points, or -1 if one is missing. */
static int
match_constants(const char *constants, const char *query)
{
  int score = 0;
  for (const char *at = constants; at && *at;) {
    const char *end = strchrnul(at, '&');
    const char *equals = memchr(at, '=', (gsize) (end - at));
    gsize size = (gsize) ((equals ? equals : end) - at);
    if (!(size == 4 && !memcmp(at, "x-id", 4))) {
      if (!query_has(query, at, size, equals ? equals + 1 : NULL, equals ? (gsize) (end - equals - 1) : 0))
        return -1;
      score += SCORE_QUERY;
    }
    at = *end ? end + 1 : end;
  }
  return score;
}

static gboolean
has_header(const StringMap *headers, const char *name)
{
  for (gsize i = 0; headers && i < headers->n; i++)
    if (!g_ascii_strcasecmp(headers->v[i].key, name))
      return TRUE;
  return FALSE;
}

/* Required members outside of the body tell operations of one template apart. */
static int
match_required(const OperationModel *operation, const WireRequest *request)
{
  int score = 0;
  for (guint i = 0; i < operation->input->n_members; i++) {
    const Member *member = operation->input->members + i;
    if (!(member->flags & MEMBER_REQUIRED))
      continue;
    if (member->location == LOCATION_QUERY)
      score += query_has(request->query, member->wire, strlen(member->wire), NULL, 0) ? SCORE_QUERY : SCORE_MISSING;
    else if (member->location == LOCATION_HEADER && request->headers)
      score += has_header(request->headers, member->wire) ? SCORE_QUERY : SCORE_MISSING;
  }
  return score;
}

int
wire_uri_match(const OperationModel *operation, const WireRequest *request, Arena *arena, StringMap *ret_labels)
{
  if (strcmp(operation->method, request->method))
    return -1;
  const char *template_end = strchrnul(operation->uri, '?');
  const char *query = request->query ? request->query : "";
  int constants = *template_end ? match_constants(template_end + 1, query) : 0;
  if (constants < 0)
    return -1;
  StringMap labels = {0};
  int path = match_path(operation->uri, template_end, request->path, arena, &labels);
  if (path < 0)
    return -1;
  *ret_labels = labels;
  return SCORE_BASE + path + constants + match_required(operation, request);
}
