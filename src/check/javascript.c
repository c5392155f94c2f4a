/* javascript: what a JavaScript text shows of AWS: SDK clients (version 2 and 3), calls through them, hosts that it names; and whether it runs
 * when the module is loaded.
 *
 * The tokens of reading.c, and a list of the brackets that a token is in, each with whether it holds a function's body; no grammar. What it does not
 * understand it passes over. */
#include "check/reading.h"

#include <string.h>

enum { BRACKETS_MAX = 256, ARROW = 'a' };

static const Language language = { .name_bytes = "$", .comment = "//", .block_comments = TRUE, .templates = TRUE, .regular_expressions = TRUE, .arrows = TRUE };

typedef struct Bracket {
  char sign;
  gboolean function, control;   /* control: of if (...), for (...) */
} Bracket;

typedef struct Script {
  Reading r;
  Bracket brackets[BRACKETS_MAX];
  guint n_brackets, too_deep;
  gboolean closed_control;      /* the bracket that was closed last was a control's */
  const Service *sending;       /* of client.send( */
  Token sending_at;
} Script;

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
  const Token *before = reading_back(&s->r, 1);
  gboolean body = token->sign == '{' && ((before->kind == TOKEN_SIGN && before->n == 2) || (token_is_sign(before, ')') && !s->closed_control));
  if (body && in_arrow(s) && before->n == 2)
    s->n_brackets--; /* the arrow's body is this block */
  push(s, token->sign, body, token->sign == '(' && token_is_one_of(before, controls));
}

/* -- what it means ----------------------------------------------------------------------------------------------------------- */

static const Service *
client_service(Script *s, const Token *name)
{
  const char *text = arena_strndup(s->r.arena, name->at, MIN(name->n, 64));
  if (g_str_has_suffix(text, "Client"))
    return service_of_js(arena_strndup(s->r.arena, text, strlen(text) - strlen("Client")));
  return service_of_js(text);
}

static void
add_call(Script *s, const Service *service, const char *action, guint line)
{
  CodeCall call = { service, action, s->r.file, line, !in_function(s) };
  code_add_call(s->r.arena, s->r.code, &call);
}

/* new S3Client(, new AWS.S3(, new AWS.DynamoDB.DocumentClient(, new GetItemCommand( : at the bracket. */
static void
see_new(Script *s)
{
  guint at = 1;
  const Service *service = NULL;
  const Token *last = reading_back(&s->r, 1);
  for (; at + 2 < WINDOW && reading_back(&s->r, at)->kind == TOKEN_NAME; at += 2) {
    service = service ? service : client_service(s, reading_back(&s->r, at));
    if (!token_is_sign(reading_back(&s->r, at + 1), '.'))
      break;
  }
  if (!token_is_word(reading_back(&s->r, at + 1), "new") || last->kind != TOKEN_NAME)
    return;
  const char *name = arena_strndup(s->r.arena, last->at, MIN(last->n, 96));
  if (service) {
    CodeClient client = { service, s->r.file, last->line, !in_function(s) };
    code_add_client(s->r.arena, s->r.code, &client);
    reading_remember(&s->r, service);
  } else if (s->sending && g_str_has_suffix(name, "Command")) {
    add_call(s, s->sending, arena_strndup(s->r.arena, name, strlen(name) - strlen("Command")), last->line);
    s->sending = NULL;
  }
}

/* x.method( : at the bracket. */
static void
see_call(Script *s)
{
  static const char *const silent[] = { "destroy", "on", "promise", "use", "from", "makeUnauthenticatedRequest", NULL };
  const Token *method = reading_back(&s->r, 1), *object = reading_back(&s->r, 3);
  if (method->kind != TOKEN_NAME || !token_is_sign(reading_back(&s->r, 2), '.') || object->kind != TOKEN_NAME)
    return;
  if (token_is_word(method, "from") && (token_is_word(object, "DynamoDBDocumentClient") || token_is_word(object, "DynamoDBDocument"))) {
    reading_remember(&s->r, service_of_js("DynamoDB"));
    return;
  }
  if (token_is_word(method, "createConnection")) {
    if (token_is_word(reading_back(&s->r, 4), "await"))
      add_call(s, NULL, "createConnection", method->line);
    return;
  }
  const Variable *known = reading_variable(&s->r, object);
  if (!known || token_is_one_of(method, silent))
    return;
  if (token_is_word(method, "send")) {
    s->sending = known->service;
    s->sending_at = *method;
    return;
  }
  char *action = arena_strndup(s->r.arena, method->at, MIN(method->n, 64));
  action[0] = g_ascii_toupper(action[0]);
  add_call(s, known->service, action, method->line);
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
    s->r.assigned = token->sign == ';' ? NULL : s->r.assigned;
  } else if (token->sign == '=' && reading_back(&s->r, 1)->kind == TOKEN_NAME) {
    s->r.assigned = arena_strndup(s->r.arena, reading_back(&s->r, 1)->at, reading_back(&s->r, 1)->n);
  }
}

static void
see(Script *s, const Token *token)
{
  static const char *const statements[] = { "const", "let", "var", "export", "function", "class", "async", "module", "exports", "if", "for",
    "return", "import", NULL };
  if (token->kind == TOKEN_NAME && token->first && token_is_one_of(token, statements) && !(reading_back(&s->r, 1)->kind == TOKEN_SIGN && reading_back(&s->r, 1)->n == 2)) {
    while (in_arrow(s))
      s->n_brackets--;
  }
  if (s->sending && token_is_sign(reading_back(&s->r, 1), '(') && !token_is_word(token, "new")) {
    add_call(s, s->sending, "send", s->sending_at.line);
    s->sending = NULL;
  }
  if (token->kind == TOKEN_TEXT)
    reading_see_url(&s->r, token);
  if (token->kind == TOKEN_NUMBER && token_is_word(reading_back(&s->r, 2), "connectionTimeout"))
    s->r.code->connect_timeout = MAX(g_ascii_strtoll(token->at, NULL, 10) / 1000, 1);
  if (token->kind == TOKEN_SIGN)
    see_sign(s, token);
}

void
javascript_read(Arena *arena, const char *text, gsize size, const char *file, guint first, Code *code)
{
  g_autofree Script *s = g_new0(Script, 1);
  reading_begin(&s->r, &language, arena, text, size, file, first, code);
  for (Token token = reading_next(&s->r); token.kind != TOKEN_END; token = reading_next(&s->r))
    see(s, &token);
}
