/* SEARCH's language: "{Namespace,Dimension,...}" and words, which must all be found: Name="exact", "exact", a part of a token; OR, NOT and
 * parentheses between them.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html */
#include <string.h>

#include "services/cloudwatch/cloudwatch.h"

enum { SEARCH_MAX = 1024, DEPTH_MAX = 40 };

/* With record NULL it is only checked. */
typedef struct Search {
  const char *at;
  const CloudwatchMetricRecord *record;
  guint depth;
  const char *problem;
} Search;

static gboolean search_or(Search *search);

static void
skip(Search *search)
{
  search->at += strspn(search->at, " \t\r\n");
}

/* A word or a quoted text, up to one of the ends; cut to the buffer. */
static gboolean
read_text(Search *search, const char *ends, char *text, gsize size, gboolean *ret_quoted)
{
  skip(search);
  *ret_quoted = *search->at == '"';
  if (*ret_quoted)
    search->at++;
  gsize n = *ret_quoted ? strcspn(search->at, "\"") : strcspn(search->at, ends);
  g_strlcpy(text, search->at, MIN(n + 1, size));
  search->at += n;
  if (*ret_quoted && *search->at != '"') {
    search->problem = "a text has no end";
    return FALSE;
  }
  if (*ret_quoted)
    search->at++;
  return n > 0;
}

static const char *
value_of(const CloudwatchMetricRecord *record, const char *name)
{
  if (g_ascii_strcasecmp(name, "MetricName") == 0)
    return record->MetricName;
  if (g_ascii_strcasecmp(name, "Namespace") == 0)
    return record->Namespace;
  for (gsize i = 0; i < record->Dimensions.n; i++)
    if (strcmp(record->Dimensions.v[i]->Name, name) == 0)
      return record->Dimensions.v[i]->Value;
  return NULL;
}

static gboolean
contains(const char *text, const char *part)
{
  g_autofree char *low = g_ascii_strdown(text, -1), *low_part = g_ascii_strdown(part, -1);
  return strstr(low, low_part) != NULL;
}

static gboolean
text_matches(const char *text, const char *word, gboolean exact)
{
  return text && (exact ? strcmp(text, word) == 0 : contains(text, word));
}

static gboolean
anything_matches(const CloudwatchMetricRecord *record, const char *word, gboolean exact)
{
  if (text_matches(record->MetricName, word, exact) || text_matches(record->Namespace, word, exact))
    return TRUE;
  for (gsize i = 0; i < record->Dimensions.n; i++)
    if (text_matches(record->Dimensions.v[i]->Name, word, exact) || text_matches(record->Dimensions.v[i]->Value, word, exact))
      return TRUE;
  return FALSE;
}

/* {Namespace, Dimension, ...}: of this namespace, with exactly these dimensions. */
static gboolean
search_schema(Search *search)
{
  char text[1100];
  gboolean quoted = FALSE, good = TRUE;
  gsize n = 0;
  search->at++;
  do {
    if (!read_text(search, ",}", text, sizeof text, &quoted)) {
      search->problem = search->problem ? search->problem : "a name is missing between { and }";
      return FALSE;
    }
    g_strstrip(text);
    if (search->record)
      good = good && (n == 0 ? strcmp(search->record->Namespace, text) == 0 : value_of(search->record, text) != NULL);
    n++;
    skip(search);
  } while (*search->at == ',' && search->at++);
  if (*search->at != '}') {
    search->problem = "} is missing";
    return FALSE;
  }
  search->at++;
  return good && (!search->record || search->record->Dimensions.n == n - 1);
}

static gboolean
search_word(Search *search)
{
  char word[1100], value[1100];
  gboolean quoted = FALSE, value_quoted = FALSE;
  if (!read_text(search, " \t\r\n=(){}", word, sizeof word, &quoted)) {
    search->problem = search->problem ? search->problem : "a word is missing";
    return FALSE;
  }
  skip(search);
  if (*search->at != '=')
    return search->record && anything_matches(search->record, word, quoted);
  search->at++;
  skip(search);
  if (*search->at == '(') {
    search->problem = "haar knows Name=\"value\", not Name=( ... )";
    return FALSE;
  }
  if (!read_text(search, " \t\r\n(){}", value, sizeof value, &value_quoted)) {
    search->problem = search->problem ? search->problem : "a value is missing after =";
    return FALSE;
  }
  return search->record && text_matches(value_of(search->record, word), value, value_quoted);
}

static gboolean
take(Search *search, const char *word)
{
  gsize size = strlen(word);
  skip(search);
  if (strncmp(search->at, word, size) != 0 || g_ascii_isalnum(search->at[size]) || search->at[size] == '=')
    return FALSE;
  search->at += size;
  return TRUE;
}

static gboolean
search_one(Search *search)
{
  gboolean found = FALSE;
  if (++search->depth > DEPTH_MAX) {
    search->problem = "it is nested too deeply";
    return FALSE;
  }
  skip(search);
  if (take(search, "NOT")) {
    found = !search_one(search);
  } else if (*search->at == '{') {
    found = search_schema(search);
  } else if (*search->at == '(') {
    search->at++;
    found = search_or(search);
    skip(search);
    if (*search->at == ')')
      search->at++;
    else
      search->problem = search->problem ? search->problem : ") is missing";
  } else {
    found = search_word(search);
  }
  search->depth--;
  return found;
}

static gboolean
search_and(Search *search)
{
  gboolean found = TRUE;
  do {
    take(search, "AND");
    found = search_one(search) && found;
    skip(search);
  } while (!search->problem && *search->at && *search->at != ')' && !g_str_has_prefix(search->at, "OR "));
  return found;
}

static gboolean
search_or(Search *search)
{
  gboolean found = search_and(search);
  while (!search->problem && take(search, "OR"))
    found = search_and(search) || found;
  return found;
}

Error *
search_check(const char *text)
{
  Search search = {.at = text};
  if (strlen(text) > SEARCH_MAX)
    return error_answer("ValidationError", "A search is at most %d characters", SEARCH_MAX);
  search_or(&search);
  if (!search.problem && *search.at)
    search.problem = "there is a ) too many";
  return search.problem ? error_answer("ValidationError", "Invalid SEARCH expression '%s': %s", text, search.problem) : NULL;
}

gboolean
search_finds(const char *text, const CloudwatchMetricRecord *record)
{
  Search search = {.at = text, .record = record};
  return search_or(&search) && !search.problem;
}
