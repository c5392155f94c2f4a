/* Patterns of the policy language: wildcards and policy variables.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
 *
 * A made pattern writes the wildcards as the bytes 1 and 2, so that a '*' in a variable's value stays a '*'. Those two
 * bytes cannot be in a policy: control characters are refused by the parser. */
#include "iam/policy.h"

#include <string.h>

enum { ANY_TEXT = 1, ANY_CHARACTER = 2 };

gboolean
pattern_match(const char *pattern, const char *text, gboolean ignore_case)
{
  const char *star = NULL, *resume = NULL;
  while (*text) {
    if (*pattern == ANY_TEXT) {
      star = ++pattern;
      resume = text;
    } else if (*pattern == ANY_CHARACTER || *pattern == *text ||
               (ignore_case && g_ascii_tolower(*pattern) == g_ascii_tolower(*text))) {
      pattern++;
      text++;
    } else if (star) {
      pattern = star;
      text = ++resume;
    } else {
      return FALSE;
    }
  }
  while (*pattern == ANY_TEXT)
    pattern++;
  return *pattern == '\0';
}

/* The value of "key" or "key, 'otherwise'"; NULL: none. */
static const char *
variable_value(const ContextView *context, char *text)
{
  char *comma = strchr(text, ',');
  if (comma)
    *comma = '\0';
  const char *value = context_value(context, g_strstrip(text));
  if (value || !comma)
    return value;
  char *otherwise = g_strstrip(comma + 1);
  gsize size = strlen(otherwise);
  if (size < 2 || otherwise[0] != '\'' || otherwise[size - 1] != '\'')
    return NULL;
  return arena_strndup(context->arena, otherwise + 1, size - 2);
}

/* Appends what ${...} stands for. FALSE: it has no value. */
static gboolean
append_variable(GString *out, const ContextView *context, const char *name, gsize size)
{
  if (size == 1 && strchr("*?$", name[0])) {
    g_string_append_c(out, name[0]);
    return TRUE;
  }
  const char *value = variable_value(context, arena_strndup(context->arena, name, size));
  if (!value)
    return FALSE;
  g_string_append(out, value);
  return TRUE;
}

const char *
pattern_expand(const Policy *policy, const ContextView *context, const char *text, gboolean wildcards)
{
  if (!strpbrk(text, wildcards ? "*?$" : "$"))
    return text;
  g_autoptr(GString) out = g_string_new(NULL);
  for (const char *at = text; *at; at++) {
    const char *end = policy->variables && at[0] == '$' && at[1] == '{' ? strchr(at, '}') : NULL;
    if (end) {
      if (!append_variable(out, context, at + 2, end - at - 2))
        return NULL;
      at = end;
    } else if (wildcards && *at == '*') {
      g_string_append_c(out, ANY_TEXT);
    } else if (wildcards && *at == '?') {
      g_string_append_c(out, ANY_CHARACTER);
    } else {
      g_string_append_c(out, *at);
    }
  }
  return arena_strdup(context->arena, out->str);
}
