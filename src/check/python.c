/* python: what a Python text shows of AWS: SDK clients, calls through them, hosts that it names; and whether it runs when the module is loaded.
 *
 * A lexer of names, texts, brackets and lines, and a list of the blocks that a line is in; no grammar. What it does not understand it passes over. */
#include "check/model.h"

#include <string.h>

enum { BLOCKS_MAX = 64, VARIABLES_MAX = 256 };

typedef enum { TOKEN_END, TOKEN_NAME, TOKEN_TEXT, TOKEN_NUMBER, TOKEN_SIGN, TOKEN_LINE } TokenKind;

typedef struct Token {
  TokenKind kind;
  const char *at;      /* a name's, number's or text's first byte; texts: behind the quote */
  gsize n;
  char sign;
  guint line, indent;  /* indent: of the first token of a line */
} Token;

typedef struct Variable {
  const char *name;
  const Service *service;
} Variable;

typedef struct Python {
  Arena *arena;
  const char *at, *end;
  const char *file;
  guint line;
  guint brackets;
  gboolean line_begins;
  guint indent;
  /* blocks that the line is in */
  struct { guint indent; gboolean function; } blocks[BLOCKS_MAX];
  guint n_blocks;
  gboolean line_in_function;
  guint n_variables;
  Variable variables[VARIABLES_MAX];
  Token window[6];     /* the last tokens, the newest last */
  const char *assigned;   /* "x" of a line "x = ...", or NULL */
  Code *code;
} Python;

/* -- lexer ------------------------------------------------------------------------------------------------------------------- */

static gboolean
is_name_byte(char c)
{
  return g_ascii_isalnum(c) || c == '_' || (guchar) c >= 0x80;
}

static void
skip_comment(Python *p)
{
  while (p->at < p->end && *p->at != '\n')
    p->at++;
}

/* At a quote; prefix letters are behind. */
static Token
read_string(Python *p)
{
  char quote = *p->at;
  gboolean triple = p->end - p->at >= 3 && p->at[1] == quote && p->at[2] == quote;
  gsize width = triple ? 3 : 1;
  Token token = { .kind = TOKEN_TEXT, .at = p->at + width, .line = p->line };
  for (p->at += width; p->at < p->end; p->at++) {
    if (*p->at == '\\' && p->at + 1 < p->end) {
      p->at++;
    } else if (*p->at == quote && (!triple || (p->end - p->at >= 3 && p->at[1] == quote && p->at[2] == quote))) {
      token.n = (gsize) (p->at - token.at);
      p->at += width;
      return token;
    } else if (*p->at == '\n' && !triple) {
      break;
    }
    if (*p->at == '\n')
      p->line++;
  }
  token.n = (gsize) (p->at - token.at);
  return token;
}

static Token
read_word(Python *p)
{
  Token token = { .kind = g_ascii_isdigit(*p->at) ? TOKEN_NUMBER : TOKEN_NAME, .at = p->at, .line = p->line };
  while (p->at < p->end && (is_name_byte(*p->at) || (token.kind == TOKEN_NUMBER && *p->at == '.')))
    p->at++;
  token.n = (gsize) (p->at - token.at);
  gboolean prefix = token.kind == TOKEN_NAME && token.n <= 2 && p->at < p->end && (*p->at == '"' || *p->at == '\'');
  return prefix ? read_string(p) : token;
}

/* The indent of the line that begins. FALSE: it is empty or a comment. */
static gboolean
begin_line(Python *p)
{
  p->indent = 0;
  for (; p->at < p->end && (*p->at == ' ' || *p->at == '\t'); p->at++)
    p->indent += *p->at == '\t' ? 8 - p->indent % 8 : 1;
  if (p->at < p->end && *p->at == '#')
    skip_comment(p);
  return p->at < p->end && *p->at != '\n' && *p->at != '\r';
}

static Token
next_token(Python *p)
{
  while (p->at < p->end) {
    if (p->line_begins && p->brackets == 0 && begin_line(p)) {
      p->line_begins = FALSE;
      return (Token){ .kind = TOKEN_LINE, .line = p->line, .indent = p->indent };
    }
    char c = p->at < p->end ? *p->at : 0;
    if (p->at >= p->end)
      break;
    if (c == '\n') {
      p->line++;
      p->at++;
      p->line_begins = TRUE;
    } else if (c == '#') {
      skip_comment(p);
    } else if (c == '\\' && p->at + 1 < p->end && p->at[1] == '\n') {
      p->line++;
      p->at += 2;
    } else if (c == '"' || c == '\'') {
      return read_string(p);
    } else if (is_name_byte(c)) {
      return read_word(p);
    } else if (g_ascii_isspace(c)) {
      p->at++;
    } else {
      if (strchr("([{", c))
        p->brackets++;
      else if (strchr(")]}", c) && p->brackets)
        p->brackets--;
      p->at++;
      return (Token){ .kind = TOKEN_SIGN, .sign = c, .line = p->line };
    }
  }
  return (Token){ .kind = TOKEN_END };
}

/* -- what it means ----------------------------------------------------------------------------------------------------------- */

static gboolean
is_word(const Token *token, const char *word)
{
  return token->kind == TOKEN_NAME && token->n == strlen(word) && memcmp(token->at, word, token->n) == 0;
}

static gboolean
is_sign(const Token *token, char sign)
{
  return token->kind == TOKEN_SIGN && token->sign == sign;
}

static const Token *
back(const Python *p, guint n)
{
  return &p->window[G_N_ELEMENTS(p->window) - 1 - n];
}

static Variable *
variable(Python *p, const Token *name)
{
  for (guint i = p->n_variables; i > 0; i--) {
    Variable *found = &p->variables[i - 1];
    if (strlen(found->name) == name->n && memcmp(found->name, name->at, name->n) == 0)
      return found;
  }
  return NULL;
}

static void
remember(Python *p, const Service *service)
{
  if (p->assigned && service && p->n_variables < VARIABLES_MAX)
    p->variables[p->n_variables++] = (Variable){ p->assigned, service };
}

static gboolean
in_function(const Python *p)
{
  if (p->line_in_function)
    return TRUE;
  for (guint i = 0; i < p->n_blocks; i++) {
    if (p->blocks[i].function)
      return TRUE;
  }
  return FALSE;
}

/* "get_secret_value" -> "GetSecretValue" (arena). */
static const char *
action_name(Python *p, const Token *method)
{
  g_autoptr(GString) name = g_string_new(NULL);
  gboolean upper = TRUE;
  for (gsize i = 0; i < method->n; i++) {
    if (method->at[i] != '_')
      g_string_append_c(name, upper ? g_ascii_toupper(method->at[i]) : method->at[i]);
    upper = method->at[i] == '_';
  }
  return arena_strdup(p->arena, name->str);
}

/* Methods of a client that send nothing. */
static gboolean
is_silent(const Token *method)
{
  static const char *const silent[] = { "get_paginator", "get_waiter", "generate_presigned_url", "generate_presigned_post", "close",
    "can_paginate", "meta", "exceptions", "client", "resource", "Table", "Bucket", "Object", "Queue", "Topic", "from_config", NULL };
  for (guint i = 0; silent[i]; i++) {
    if (is_word(method, silent[i]))
      return TRUE;
  }
  return FALSE;
}

static gboolean
is_database_module(const Token *name)
{
  static const char *const modules[] = { "pymysql", "psycopg2", "psycopg", "connector", "MySQLdb", "pg8000", "mariadb", "aiomysql", NULL };
  for (guint i = 0; modules[i]; i++) {
    if (is_word(name, modules[i]))
      return TRUE;
  }
  return FALSE;
}

/* x.client("svc" and x.resource("svc": at the text. */
static void
see_client(Python *p, const Token *text)
{
  const Token *bracket = back(p, 1), *method = back(p, 2), *dot = back(p, 3);
  if (!is_sign(bracket, '(') || !is_sign(dot, '.') || (!is_word(method, "client") && !is_word(method, "resource")))
    return;
  const Service *service = service_of_sdk(arena_strndup(p->arena, text->at, MIN(text->n, 64)));
  if (!service)
    return;
  CodeClient client = { service, p->file, text->line, !in_function(p) };
  code_add_client(p->arena, p->code, &client);
  remember(p, service);
}

/* x.method( : at the bracket. */
static void
see_call(Python *p, const Token *bracket)
{
  const Token *method = back(p, 1), *dot = back(p, 2), *object = back(p, 3);
  if (method->kind != TOKEN_NAME || !is_sign(dot, '.') || object->kind != TOKEN_NAME)
    return;
  if (is_word(method, "connect") && is_database_module(object)) {
    CodeCall call = { NULL, "connect", p->file, method->line, !in_function(p) };
    code_add_call(p->arena, p->code, &call);
    return;
  }
  const Variable *known = variable(p, object);
  if (!known || is_sign(back(p, 4), '.'))
    return;
  if (is_silent(method)) {
    remember(p, known->service);
    return;
  }
  CodeCall call = { known->service, action_name(p, method), p->file, method->line, !in_function(p) };
  code_add_call(p->arena, p->code, &call);
}

/* A text that is a URL, as the first argument of a call. */
/* Functions that open a URL, by their last name. */
static gboolean
opens_url(const Token *name)
{
  static const char *const openers[] = { "get", "post", "put", "patch", "delete", "head", "request", "urlopen", "urlretrieve", "Request", "fetch", "axios",
    "got", "ky", NULL };
  for (guint i = 0; openers[i]; i++) {
    if (is_word(name, openers[i]))
      return TRUE;
  }
  return FALSE;
}

static void
see_url(Python *p, const Token *text)
{
  gsize scheme = text->n > 8 && memcmp(text->at, "https://", 8) == 0 ? 8 : text->n > 7 && memcmp(text->at, "http://", 7) == 0 ? 7 : 0;
  gsize n = 0;
  if (!scheme || !is_sign(back(p, 1), '(') || !opens_url(back(p, 2)))
    return;
  while (scheme + n < text->n && (g_ascii_isalnum(text->at[scheme + n]) || strchr(".-", text->at[scheme + n])))
    n++;
  CodeHost host = { arena_strndup(p->arena, text->at + scheme, n), p->file, text->line };
  if (n && memchr(host.host, '.', n))
    code_add_host(p->arena, p->code, &host);
}

static void
begin_statement(Python *p, const Token *line)
{
  while (p->n_blocks && p->blocks[p->n_blocks - 1].indent >= line->indent)
    p->n_blocks--;
  p->line_in_function = FALSE;
  p->assigned = NULL;
}

/* def, async def and lambda make what follows run later; connect_timeout=5; x = ... */
static void
see_word(Python *p, const Token *token)
{
  if (is_word(token, "def") || is_word(token, "lambda")) {
    p->line_in_function = TRUE;
    if (is_word(token, "def") && p->n_blocks < BLOCKS_MAX) {
      p->blocks[p->n_blocks].indent = p->indent;
      p->blocks[p->n_blocks++].function = TRUE;
    }
  }
  if (is_word(token, "__name__") && is_word(back(p, 1), "if") && p->n_blocks < BLOCKS_MAX) { /* not when Lambda loads it */
    p->line_in_function = TRUE;
    p->blocks[p->n_blocks].indent = p->indent;
    p->blocks[p->n_blocks++].function = TRUE;
  }
  if (token->kind == TOKEN_NUMBER && is_sign(back(p, 1), '=') && is_word(back(p, 2), "connect_timeout"))
    p->code->connect_timeout = (gint64) g_ascii_strtoll(token->at, NULL, 10);
}

static void
see(Python *p, const Token *token)
{
  memmove(p->window, p->window + 1, sizeof p->window - sizeof p->window[0]);
  p->window[G_N_ELEMENTS(p->window) - 1] = *token;
  switch (token->kind) {
  case TOKEN_LINE: begin_statement(p, token); break;
  case TOKEN_NAME:
  case TOKEN_NUMBER: see_word(p, token); break;
  case TOKEN_TEXT:
    see_client(p, token);
    see_url(p, token);
    break;
  case TOKEN_SIGN:
    if (token->sign == '=' && p->brackets == 0 && back(p, 1)->kind == TOKEN_NAME && !p->assigned)
      p->assigned = arena_strndup(p->arena, back(p, 1)->at, back(p, 1)->n);
    if (token->sign == '(')
      see_call(p, token);
    break;
  case TOKEN_END: break;
  }
}

void
python_read(Arena *arena, const char *text, gsize size, const char *file, guint first, Code *code)
{
  g_autofree Python *p = g_new0(Python, 1);
  p->arena = arena;
  p->at = text;
  p->end = text + size;
  p->file = file;
  p->line = first;
  p->line_begins = TRUE;
  p->code = code;
  for (Token token = next_token(p); token.kind != TOKEN_END; token = next_token(p))
    see(p, &token);
}
