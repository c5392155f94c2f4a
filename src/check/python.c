/* python: what a Python text shows of AWS: SDK clients, calls through them, hosts that it names; and whether it runs when the module is loaded.
 *
 * The tokens of reading.c, and a list of the blocks that a line is in; no grammar. What it does not understand it passes over. */
#include "check/reading.h"

enum { BLOCKS_MAX = 64 };

static const Language language = { .name_bytes = "", .comment = "#", .triple_quotes = TRUE, .prefixes = TRUE, .lines = TRUE };

typedef struct Python {
  Reading r;
  /* blocks that the line is in */
  struct { guint indent; gboolean function; } blocks[BLOCKS_MAX];
  guint n_blocks;
  gboolean line_in_function;
} Python;

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
  return arena_strdup(p->r.arena, name->str);
}

/* Methods of a client that send nothing. */
static gboolean
is_silent(const Token *method)
{
  static const char *const silent[] = { "get_paginator", "get_waiter", "generate_presigned_url", "generate_presigned_post", "close",
    "can_paginate", "meta", "exceptions", "client", "resource", "Table", "Bucket", "Object", "Queue", "Topic", "from_config", NULL };
  return token_is_one_of(method, silent);
}

static gboolean
is_database_module(const Token *name)
{
  static const char *const modules[] = { "pymysql", "psycopg2", "psycopg", "connector", "MySQLdb", "pg8000", "mariadb", "aiomysql", NULL };
  return token_is_one_of(name, modules);
}

/* x.client("svc" and x.resource("svc": at the text. */
static void
see_client(Python *p, const Token *text)
{
  const Token *bracket = reading_back(&p->r, 1), *method = reading_back(&p->r, 2), *dot = reading_back(&p->r, 3);
  if (!token_is_sign(bracket, '(') || !token_is_sign(dot, '.') || (!token_is_word(method, "client") && !token_is_word(method, "resource")))
    return;
  const Service *service = service_of_sdk(arena_strndup(p->r.arena, text->at, MIN(text->n, 64)));
  if (!service)
    return;
  CodeClient client = { service, p->r.file, text->line, !in_function(p) };
  code_add_client(p->r.arena, p->r.code, &client);
  reading_remember(&p->r, service);
}

/* x.method( : at the bracket. */
static void
see_call(Python *p, const Token *bracket)
{
  const Token *method = reading_back(&p->r, 1), *dot = reading_back(&p->r, 2), *object = reading_back(&p->r, 3);
  if (method->kind != TOKEN_NAME || !token_is_sign(dot, '.') || object->kind != TOKEN_NAME)
    return;
  if (token_is_word(method, "connect") && is_database_module(object)) {
    CodeCall call = { NULL, "connect", p->r.file, method->line, !in_function(p) };
    code_add_call(p->r.arena, p->r.code, &call);
    return;
  }
  const Variable *known = reading_variable(&p->r, object);
  if (!known || token_is_sign(reading_back(&p->r, 4), '.'))
    return;
  if (is_silent(method)) {
    reading_remember(&p->r, known->service);
    return;
  }
  CodeCall call = { known->service, action_name(p, method), p->r.file, method->line, !in_function(p) };
  code_add_call(p->r.arena, p->r.code, &call);
}

static void
begin_statement(Python *p, const Token *line)
{
  while (p->n_blocks && p->blocks[p->n_blocks - 1].indent >= line->indent)
    p->n_blocks--;
  p->line_in_function = FALSE;
  p->r.assigned = NULL;
}

/* def, async def and lambda make what follows run later; connect_timeout=5; x = ... */
static void
see_word(Python *p, const Token *token)
{
  if (token_is_word(token, "def") || token_is_word(token, "lambda")) {
    p->line_in_function = TRUE;
    if (token_is_word(token, "def") && p->n_blocks < BLOCKS_MAX) {
      p->blocks[p->n_blocks].indent = p->r.indent;
      p->blocks[p->n_blocks++].function = TRUE;
    }
  }
  if (token_is_word(token, "__name__") && token_is_word(reading_back(&p->r, 1), "if") && p->n_blocks < BLOCKS_MAX) { /* not when Lambda loads it */
    p->line_in_function = TRUE;
    p->blocks[p->n_blocks].indent = p->r.indent;
    p->blocks[p->n_blocks++].function = TRUE;
  }
  if (token->kind == TOKEN_NUMBER && token_is_sign(reading_back(&p->r, 1), '=') && token_is_word(reading_back(&p->r, 2), "connect_timeout"))
    p->r.code->connect_timeout = (gint64) g_ascii_strtoll(token->at, NULL, 10);
}

static void
see(Python *p, const Token *token)
{
  switch (token->kind) {
  case TOKEN_LINE: begin_statement(p, token); break;
  case TOKEN_NAME:
  case TOKEN_NUMBER: see_word(p, token); break;
  case TOKEN_TEXT:
    see_client(p, token);
    reading_see_url(&p->r, token);
    break;
  case TOKEN_SIGN:
    if (token->sign == '=' && p->r.brackets == 0 && reading_back(&p->r, 1)->kind == TOKEN_NAME && !p->r.assigned)
      p->r.assigned = arena_strndup(p->r.arena, reading_back(&p->r, 1)->at, reading_back(&p->r, 1)->n);
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
  reading_begin(&p->r, &language, arena, text, size, file, first, code);
  for (Token token = reading_next(&p->r); token.kind != TOKEN_END; token = reading_next(&p->r))
    see(p, &token);
}
