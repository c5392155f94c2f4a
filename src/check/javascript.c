/* javascript: what a JavaScript text shows of AWS: SDK clients (version 2 and 3), calls through them, hosts that it names; and whether it runs
 * when the module is loaded.
 *
 * A lexer of names, texts and signs, and a list of the brackets that a token is in, each with whether it holds a function's body; no grammar. What it
 * does not understand it passes over. */
#include "check/model.h"

#include <string.h>

enum { BRACKETS_MAX = 256, VARIABLES_MAX = 256, ARROW = 'a' };

typedef enum { TOKEN_END, TOKEN_NAME, TOKEN_TEXT, TOKEN_NUMBER, TOKEN_SIGN } TokenKind;

typedef struct Token {
  TokenKind kind;
  const char *at;
  gsize n;
  char sign;            /* '>' with n 2: "=>" */
  guint line;
  gboolean first;       /* of its line */
} Token;

typedef struct Variable {
  const char *name;
  const Service *service;
} Variable;

typedef struct Bracket {
  char sign;
  gboolean function, control;   /* control: of if (...), for (...) */
} Bracket;

typedef struct Script {
  Arena *arena;
  const char *at, *end;
  const char *file;
  guint line;
  gboolean line_begins;
  Bracket brackets[BRACKETS_MAX];
  guint n_brackets, too_deep;
  gboolean closed_control;      /* the bracket that was closed last was a control's */
  guint n_variables;
  Variable variables[VARIABLES_MAX];
  Token window[8];
  const char *assigned;
  const Service *sending;       /* of client.send( */
  Token sending_at;
  Code *code;
} Script;

static const Token *
back(const Script *s, guint n)
{
  return &s->window[G_N_ELEMENTS(s->window) - 1 - n];
}

static gboolean
is_word(const Token *token, const char *word)
{
  return token->kind == TOKEN_NAME && token->n == strlen(word) && memcmp(token->at, word, token->n) == 0;
}

static gboolean
is_sign(const Token *token, char sign)
{
  return token->kind == TOKEN_SIGN && token->sign == sign && token->n == 1;
}

static gboolean
is_one_of(const Token *token, const char *const *list)
{
  for (; *list; list++) {
    if (is_word(token, *list))
      return TRUE;
  }
  return FALSE;
}

/* -- lexer ------------------------------------------------------------------------------------------------------------------- */

static gboolean
is_name_byte(char c)
{
  return g_ascii_isalnum(c) || c == '_' || c == '$' || (guchar) c >= 0x80;
}

static void
skip_comment(Script *s, gboolean block)
{
  for (s->at += 2; s->at < s->end; s->at++) {
    if (!block && *s->at == '\n')
      return;
    if (block && s->end - s->at >= 2 && s->at[0] == '*' && s->at[1] == '/') {
      s->at += 2;
      return;
    }
    if (*s->at == '\n')
      s->line++;
  }
}

/* A text in quotes, a template with what is in its ${}, or a regular expression. */
static Token
read_quoted(Script *s)
{
  char quote = *s->at;
  guint depth = 0;
  gboolean set = FALSE;
  Token token = { .kind = quote == '/' ? TOKEN_NUMBER : TOKEN_TEXT, .at = s->at + 1, .line = s->line };
  for (s->at++; s->at < s->end; s->at++) {
    if (*s->at == '\\' && s->at + 1 < s->end)
      s->at++;
    else if (quote == '/' && (*s->at == '[' || *s->at == ']'))
      set = *s->at == '[';
    else if (*s->at == quote && depth == 0 && !set)
      break;
    else if (quote == '`' && *s->at == '$' && s->at + 1 < s->end && s->at[1] == '{')
      depth++;
    else if (quote == '`' && depth && *s->at == '}')
      depth--;
    else if (*s->at == '\n' && quote != '`')
      break;
    if (s->at < s->end && *s->at == '\n')
      s->line++;
  }
  token.n = (gsize) (MIN(s->at, s->end) - token.at);
  if (s->at < s->end && *s->at == quote)
    s->at++;
  s->at = MIN(s->at, s->end);
  return token;
}

static gboolean
regular_expression_may_begin(const Script *s)
{
  static const char *const before[] = { "return", "typeof", "case", "in", "of", NULL };
  const Token *last = back(s, 0);
  return last->kind == TOKEN_END || (last->kind == TOKEN_SIGN && !strchr(")]}", last->sign)) || is_one_of(last, before);
}

static Token
read_word(Script *s)
{
  Token token = { .kind = g_ascii_isdigit(*s->at) ? TOKEN_NUMBER : TOKEN_NAME, .at = s->at, .line = s->line };
  while (s->at < s->end && is_name_byte(*s->at))
    s->at++;
  token.n = (gsize) (s->at - token.at);
  return token;
}

static Token
read_token(Script *s)
{
  while (s->at < s->end) {
    char c = *s->at, next = s->at + 1 < s->end ? s->at[1] : 0;
    if (c == '\n') {
      s->line++;
      s->line_begins = TRUE;
      s->at++;
    } else if (g_ascii_isspace(c)) {
      s->at++;
    } else if (c == '/' && (next == '/' || next == '*')) {
      skip_comment(s, next == '*');
    } else if (c == '"' || c == '\'' || c == '`' || (c == '/' && regular_expression_may_begin(s))) {
      return read_quoted(s);
    } else if (is_name_byte(c)) {
      return read_word(s);
    } else {
      gsize n = c == '=' && next == '>' ? 2 : 1;
      Token token = { .kind = TOKEN_SIGN, .at = s->at, .n = n, .sign = n == 2 ? '>' : c, .line = s->line };
      s->at += n;
      return token;
    }
  }
  return (Token){ .kind = TOKEN_END };
}

/* -- brackets ---------------------------------------------------------------------------------------------------------------- */

static void
push(Script *s, char sign, gboolean function, gboolean control)
{
  if (s->n_brackets == BRACKETS_MAX)
    s->too_deep++;
  else
    s->brackets[s->n_brackets++] = (Bracket){ sign, function, control };
}

static gboolean
in_arrow(const Script *s)
{
  return s->n_brackets && s->brackets[s->n_brackets - 1].sign == ARROW;
}

static void
pop(Script *s)
{
  if (s->too_deep) {
    s->too_deep--;
    return;
  }
  while (in_arrow(s))
    s->n_brackets--;
  if (s->n_brackets)
    s->closed_control = s->brackets[--s->n_brackets].control;
}

static gboolean
in_function(const Script *s)
{
  for (guint i = 0; i < s->n_brackets; i++) {
    if (s->brackets[i].function)
      return TRUE;
  }
  return FALSE;
}

static void
open_bracket(Script *s, const Token *token)
{
  static const char *const controls[] = { "if", "for", "while", "switch", "catch", "with", "await", NULL };
  const Token *before = back(s, 1);
  gboolean body = token->sign == '{' && ((before->kind == TOKEN_SIGN && before->n == 2) || (is_sign(before, ')') && !s->closed_control));
  if (body && in_arrow(s) && before->n == 2)
    s->n_brackets--; /* the arrow's body is this block */
  push(s, token->sign, body, token->sign == '(' && is_one_of(before, controls));
}

/* -- what it means ----------------------------------------------------------------------------------------------------------- */

static const Variable *
variable(const Script *s, const Token *name)
{
  for (guint i = s->n_variables; i > 0; i--) {
    const Variable *found = &s->variables[i - 1];
    if (strlen(found->name) == name->n && memcmp(found->name, name->at, name->n) == 0)
      return found;
  }
  return NULL;
}

static void
remember(Script *s, const Service *service)
{
  if (s->assigned && service && s->n_variables < VARIABLES_MAX)
    s->variables[s->n_variables++] = (Variable){ s->assigned, service };
}

static const Service *
client_service(Script *s, const Token *name)
{
  const char *text = arena_strndup(s->arena, name->at, MIN(name->n, 64));
  if (g_str_has_suffix(text, "Client"))
    return service_of_js(arena_strndup(s->arena, text, strlen(text) - strlen("Client")));
  return service_of_js(text);
}

static void
add_call(Script *s, const Service *service, const char *action, guint line)
{
  CodeCall call = { service, action, s->file, line, !in_function(s) };
  code_add_call(s->arena, s->code, &call);
}

/* new S3Client(, new AWS.S3(, new AWS.DynamoDB.DocumentClient(, new GetItemCommand( : at the bracket. */
static void
see_new(Script *s)
{
  guint at = 1;
  const Service *service = NULL;
  const Token *last = back(s, 1);
  for (; at + 2 < G_N_ELEMENTS(s->window) && back(s, at)->kind == TOKEN_NAME; at += 2) {
    service = service ? service : client_service(s, back(s, at));
    if (!is_sign(back(s, at + 1), '.'))
      break;
  }
  if (!is_word(back(s, at + 1), "new") || last->kind != TOKEN_NAME)
    return;
  const char *name = arena_strndup(s->arena, last->at, MIN(last->n, 96));
  if (service) {
    CodeClient client = { service, s->file, last->line, !in_function(s) };
    code_add_client(s->arena, s->code, &client);
    remember(s, service);
  } else if (s->sending && g_str_has_suffix(name, "Command")) {
    add_call(s, s->sending, arena_strndup(s->arena, name, strlen(name) - strlen("Command")), last->line);
    s->sending = NULL;
  }
}

/* x.method( : at the bracket. */
static void
see_call(Script *s)
{
  static const char *const silent[] = { "destroy", "on", "promise", "use", "from", "makeUnauthenticatedRequest", NULL };
  const Token *method = back(s, 1), *object = back(s, 3);
  if (method->kind != TOKEN_NAME || !is_sign(back(s, 2), '.') || object->kind != TOKEN_NAME)
    return;
  if (is_word(method, "from") && (is_word(object, "DynamoDBDocumentClient") || is_word(object, "DynamoDBDocument"))) {
    remember(s, service_of_js("DynamoDB"));
    return;
  }
  if (is_word(method, "createConnection")) {
    if (is_word(back(s, 4), "await"))
      add_call(s, NULL, "createConnection", method->line);
    return;
  }
  const Variable *known = variable(s, object);
  if (!known || is_one_of(method, silent))
    return;
  if (is_word(method, "send")) {
    s->sending = known->service;
    s->sending_at = *method;
    return;
  }
  char *action = arena_strndup(s->arena, method->at, MIN(method->n, 64));
  action[0] = g_ascii_toupper(action[0]);
  add_call(s, known->service, action, method->line);
}

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
see_url(Script *s, const Token *text)
{
  gsize scheme = text->n > 8 && memcmp(text->at, "https://", 8) == 0 ? 8 : text->n > 7 && memcmp(text->at, "http://", 7) == 0 ? 7 : 0;
  gsize n = 0;
  if (!scheme || !is_sign(back(s, 1), '(') || !opens_url(back(s, 2)))
    return;
  while (scheme + n < text->n && (g_ascii_isalnum(text->at[scheme + n]) || strchr(".-", text->at[scheme + n])))
    n++;
  CodeHost host = { arena_strndup(s->arena, text->at + scheme, n), s->file, text->line };
  if (n && memchr(host.host, '.', n))
    code_add_host(s->arena, s->code, &host);
}

static void
see_sign(Script *s, const Token *token)
{
  if (token->n == 2) {
    push(s, ARROW, TRUE, FALSE);
  } else if (strchr("([{", token->sign)) {
    if (token->sign == '(') {
      see_new(s);
      see_call(s);
    }
    open_bracket(s, token);
  } else if (strchr(")]}", token->sign)) {
    pop(s);
  } else if (token->sign == ';' || token->sign == ',') {
    while (in_arrow(s))
      s->n_brackets--;
    s->assigned = token->sign == ';' ? NULL : s->assigned;
  } else if (token->sign == '=' && back(s, 1)->kind == TOKEN_NAME) {
    s->assigned = arena_strndup(s->arena, back(s, 1)->at, back(s, 1)->n);
  }
}

static void
see(Script *s, const Token *token)
{
  static const char *const statements[] = { "const", "let", "var", "export", "function", "class", "async", "module", "exports", "if", "for",
    "return", "import", NULL };
  memmove(s->window, s->window + 1, sizeof s->window - sizeof s->window[0]);
  s->window[G_N_ELEMENTS(s->window) - 1] = *token;
  if (token->kind == TOKEN_NAME && token->first && is_one_of(token, statements) && !(back(s, 1)->kind == TOKEN_SIGN && back(s, 1)->n == 2)) {
    while (in_arrow(s))
      s->n_brackets--;
  }
  if (s->sending && is_sign(back(s, 1), '(') && !is_word(token, "new")) {
    add_call(s, s->sending, "send", s->sending_at.line);
    s->sending = NULL;
  }
  if (token->kind == TOKEN_TEXT)
    see_url(s, token);
  if (token->kind == TOKEN_NUMBER && is_word(back(s, 2), "connectionTimeout"))
    s->code->connect_timeout = MAX(g_ascii_strtoll(token->at, NULL, 10) / 1000, 1);
  if (token->kind == TOKEN_SIGN)
    see_sign(s, token);
}

void
javascript_read(Arena *arena, const char *text, gsize size, const char *file, guint first, Code *code)
{
  g_autofree Script *s = g_new0(Script, 1);
  s->arena = arena;
  s->at = text;
  s->end = text + size;
  s->file = file;
  s->line = first;
  s->line_begins = TRUE;
  s->code = code;
  for (Token token = read_token(s); token.kind != TOKEN_END; token = read_token(s)) {
    token.first = s->line_begins;
    s->line_begins = FALSE;
    see(s, &token);
  }
}
