/* The patterns of the models, compiled once, when first needed, and kept for the life of the process. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "wire/pattern.h"
#include <pcre2.h>
#include <string.h>

typedef struct Cache {
  GRWLock lock;
  GHashTable *compiled; /* pattern (pointer of a const table) -> pcre2_code *; NULL value: PCRE2 refuses it */
} Cache;

static Cache *
cache(void)
{
  static gsize once = 0;
  if (g_once_init_enter(&once)) {
    Cache *made = g_new0(Cache, 1);
    g_rw_lock_init(&made->lock);
    made->compiled = g_hash_table_new(g_str_hash, g_str_equal);
    g_once_init_leave(&once, (gsize) made);
  }
  return (Cache *) once;
}

/* Models are written for Java: \p{Print} is its word for a class that PCRE2 has under another name; surrogates are UTF-16's. */
static char *
java_pattern(const char *pattern)
{
  g_autoptr(GString) text = g_string_new(pattern);
  g_string_replace(text, "\\p{Print}", "[:print:]", 0);
  g_string_replace(text, "\\uD800\\uDC00-\\uDBFF\\uDFFF", "\\x{10000}-\\x{10FFFF}", 0);
  g_string_replace(text, "\\ud800\\udc00-\\udbff\\udfff", "\\x{10000}-\\x{10FFFF}", 0);
  return g_strdup_printf("^(?:%s)$", text->str);
}

static pcre2_code *
compile(const char *pattern)
{
  int code = 0;
  PCRE2_SIZE offset = 0;
  g_autofree char *text = java_pattern(pattern);
  pcre2_code *compiled = pcre2_compile((PCRE2_SPTR) text, PCRE2_ZERO_TERMINATED, PCRE2_ALT_BSUX | PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_DOTALL,
                                       &code, &offset, NULL);
  if (compiled)
    pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
  return compiled;
}

static pcre2_code *
compiled_pattern(const char *pattern)
{
  Cache *all = cache();
  gpointer code = NULL;
  g_rw_lock_reader_lock(&all->lock);
  gboolean known = g_hash_table_lookup_extended(all->compiled, pattern, NULL, &code);
  g_rw_lock_reader_unlock(&all->lock);
  if (known)
    return code;
  g_rw_lock_writer_lock(&all->lock);
  if (!g_hash_table_lookup_extended(all->compiled, pattern, NULL, &code)) {
    code = compile(pattern);
    g_hash_table_insert(all->compiled, g_strdup(pattern), code);
  }
  g_rw_lock_writer_unlock(&all->lock);
  return code;
}

/* What a match needs, kept a thread. */
typedef struct Matcher {
  pcre2_match_data *match;
  pcre2_match_context *context;
} Matcher;

static void
matcher_free(gpointer data)
{
  Matcher *matcher = data;
  pcre2_match_context_free(matcher->context);
  pcre2_match_data_free(matcher->match);
  g_free(matcher);
}

static const Matcher *
matcher(void)
{
  static GPrivate mine = G_PRIVATE_INIT(matcher_free);
  Matcher *matcher = g_private_get(&mine);
  if (matcher)
    return matcher;
  matcher = g_new0(Matcher, 1);
  matcher->match = pcre2_match_data_create(1, NULL);
  matcher->context = pcre2_match_context_create(NULL);
  pcre2_set_match_limit(matcher->context, 1000000);
  g_private_set(&mine, matcher);
  return matcher;
}

gboolean
pattern_matches(const char *pattern, const char *text)
{
  pcre2_code *code = compiled_pattern(pattern);
  if (!code)
    return TRUE;
  const Matcher *mine = matcher();
  return pcre2_match(code, (PCRE2_SPTR) text, strlen(text), 0, PCRE2_NO_UTF_CHECK, mine->match, mine->context) >= 0;
}
