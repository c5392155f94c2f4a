/* reading: the lexer, and what is the same in all languages. What it does not understand it passes over. */
#include "check/reading.h"

#include <string.h>

/* -- tokens ------------------------------------------------------------------------------------------------------------------ */

gboolean
token_is_word(const Token *token, const char *word)
{
  return token->kind == TOKEN_NAME && token->n == strlen(word) && memcmp(token->at, word, token->n) == 0;
}

gboolean
token_is_sign(const Token *token, char sign)
{
  return token->kind == TOKEN_SIGN && token->sign == sign && token->n == 1;
}

gboolean
token_is_one_of(const Token *token, const char *const *list)
{
  for (; *list; list++) {
    if (token_is_word(token, *list))
      return TRUE;
  }
  return FALSE;
}

const Token *
reading_back(const Reading *r, guint n)
{
  return &r->window[WINDOW - 1 - n];
}

/* -- lexer ------------------------------------------------------------------------------------------------------------------- */

static gboolean
begins(const Reading *r, const char *text)
{
  gsize n = strlen(text);
  return (gsize) (r->end - r->at) >= n && memcmp(r->at, text, n) == 0;
}

static gboolean
is_name_byte(const Reading *r, char c)
{
  return g_ascii_isalnum(c) || c == '_' || (guchar) c >= 0x80 || (c && strchr(r->language->name_bytes, c));
}

static void
skip_line(Reading *r)
{
  while (r->at < r->end && *r->at != '\n')
    r->at++;
}

static void
skip_block(Reading *r)
{
  for (r->at += 2; r->at < r->end; r->at++) {
    if (begins(r, "*/")) {
      r->at += 2;
      return;
    }
    r->line += *r->at == '\n';
  }
}

/* Whether the text ends here: at its quote, or at three of them. */
static gboolean
closes(const Reading *r, char quote, gboolean triple)
{
  return *r->at == quote && (!triple || (r->end - r->at >= 3 && r->at[1] == quote && r->at[2] == quote));
}

/* A text, a template with what is in its ${}, or a regular expression: at its first quote. */
static Token
read_quoted(Reading *r)
{
  char quote = *r->at;
  gboolean triple = r->language->triple_quotes && r->end - r->at >= 3 && r->at[1] == quote && r->at[2] == quote, set = FALSE;
  gsize width = triple ? 3 : 1;
  guint depth = 0;
  Token token = { .kind = quote == '/' ? TOKEN_NUMBER : TOKEN_TEXT, .at = r->at + width, .line = r->line };
  for (r->at += width; r->at < r->end; r->at++) {
    if (*r->at == '\\' && r->at + 1 < r->end)
      r->at++;
    else if (quote == '/' && (*r->at == '[' || *r->at == ']'))
      set = *r->at == '[';
    else if (depth == 0 && !set && closes(r, quote, triple))
      break;
    else if (quote == '`' && begins(r, "${"))
      depth++;
    else if (quote == '`' && depth && *r->at == '}')
      depth--;
    else if (*r->at == '\n' && quote != '`' && !triple)
      break;
    r->line += *r->at == '\n';
  }
  token.n = (gsize) (MIN(r->at, r->end) - token.at);
  r->at = MIN(r->at, r->end);
  if (r->at < r->end && closes(r, quote, triple))
    r->at += width;
  return token;
}

static gboolean
is_quote(const Reading *r, char c)
{
  return c == '"' || c == '\'' || (c == '`' && r->language->templates);
}

static gboolean
regular_expression_may_begin(const Reading *r)
{
  static const char *const before[] = { "return", "typeof", "case", "in", "of", NULL };
  const Token *last = reading_back(r, 0);
  return last->kind == TOKEN_END || (last->kind == TOKEN_SIGN && !strchr(")]}", last->sign)) || token_is_one_of(last, before);
}

static Token
read_word(Reading *r)
{
  Token token = { .kind = g_ascii_isdigit(*r->at) ? TOKEN_NUMBER : TOKEN_NAME, .at = r->at, .line = r->line };
  while (r->at < r->end && (is_name_byte(r, *r->at) || (token.kind == TOKEN_NUMBER && *r->at == '.')))
    r->at++;
  token.n = (gsize) (r->at - token.at);
  gboolean prefix = r->language->prefixes && token.kind == TOKEN_NAME && token.n <= 2 && r->at < r->end && is_quote(r, *r->at);
  return prefix ? read_quoted(r) : token;
}

static Token
read_sign(Reading *r)
{
  gsize n = r->language->arrows && begins(r, "=>") ? 2 : 1;
  Token token = { .kind = TOKEN_SIGN, .at = r->at, .n = n, .sign = n == 2 ? '>' : *r->at, .line = r->line };
  if (strchr("([{", token.sign))
    r->brackets++;
  else if (strchr(")]}", token.sign) && r->brackets)
    r->brackets--;
  r->at += n;
  return token;
}

/* The indent of the line that begins. FALSE: it is empty or a comment. */
static gboolean
begin_line(Reading *r)
{
  r->indent = 0;
  for (; r->at < r->end && (*r->at == ' ' || *r->at == '\t'); r->at++)
    r->indent += *r->at == '\t' ? 8 - r->indent % 8 : 1;
  if (begins(r, r->language->comment))
    skip_line(r);
  return r->at < r->end && *r->at != '\n' && *r->at != '\r';
}

static Token
read_token(Reading *r)
{
  const Language *language = r->language;
  while (r->at < r->end) {
    if (language->lines && r->line_begins && r->brackets == 0 && begin_line(r))
      return (Token){ .kind = TOKEN_LINE, .line = r->line, .indent = r->indent };
    if (r->at >= r->end)
      break;
    char c = *r->at;
    if (c == '\n') {
      r->line++;
      r->at++;
      r->line_begins = TRUE;
    } else if (begins(r, language->comment)) {
      skip_line(r);
    } else if (language->block_comments && begins(r, "/*")) {
      skip_block(r);
    } else if (begins(r, "\\\n")) {
      r->line++;
      r->at += 2;
    } else if (g_ascii_isspace(c)) {
      r->at++;
    } else if (is_quote(r, c) || (c == '/' && language->regular_expressions && regular_expression_may_begin(r))) {
      return read_quoted(r);
    } else {
      return is_name_byte(r, c) ? read_word(r) : read_sign(r);
    }
  }
  return (Token){ .kind = TOKEN_END };
}

void
reading_begin(Reading *r, const Language *language, Arena *arena, const char *text, gsize size, const char *file, guint first, Code *code)
{
  *r = (Reading){ .language = language, .arena = arena, .at = text, .end = text + size, .file = file, .line = first, .line_begins = TRUE, .code = code };
}

Token
reading_next(Reading *r)
{
  Token token = read_token(r);
  token.first = r->line_begins;
  r->line_begins = FALSE;
  memmove(r->window, r->window + 1, sizeof r->window - sizeof r->window[0]);
  r->window[WINDOW - 1] = token;
  return token;
}

/* -- what it means ----------------------------------------------------------------------------------------------------------- */

const Variable *
reading_variable(const Reading *r, const Token *name)
{
  for (guint i = r->n_variables; i > 0; i--) {
    const Variable *found = &r->variables[i - 1];
    if (strlen(found->name) == name->n && memcmp(found->name, name->at, name->n) == 0)
      return found;
  }
  return NULL;
}

void
reading_remember(Reading *r, const Service *service)
{
  if (r->assigned && service && r->n_variables < VARIABLES_MAX)
    r->variables[r->n_variables++] = (Variable){ r->assigned, service };
}

/* Functions that open a URL, by their last name. */
static gboolean
opens_url(const Token *name)
{
  static const char *const openers[] = { "get", "post", "put", "patch", "delete", "head", "request", "urlopen", "urlretrieve", "Request", "fetch", "axios",
    "got", "ky", NULL };
  return token_is_one_of(name, openers);
}

void
reading_see_url(Reading *r, const Token *text)
{
  gsize scheme = text->n > 8 && memcmp(text->at, "https://", 8) == 0 ? 8 : text->n > 7 && memcmp(text->at, "http://", 7) == 0 ? 7 : 0;
  gsize n = 0;
  if (!scheme || !token_is_sign(reading_back(r, 1), '(') || !opens_url(reading_back(r, 2)))
    return;
  while (scheme + n < text->n && (g_ascii_isalnum(text->at[scheme + n]) || strchr(".-", text->at[scheme + n])))
    n++;
  CodeHost host = { arena_strndup(r->arena, text->at + scheme, n), r->file, text->line };
  if (n && memchr(host.host, '.', n))
    code_add_host(r->arena, r->code, &host);
}
