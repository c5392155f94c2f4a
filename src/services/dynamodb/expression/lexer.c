#include "services/dynamodb/expression/expression.h"

#include <string.h>

static gboolean
is_word(char c)
{
  return g_ascii_isalnum(c) || c == '_';
}

/* How far a name goes; behind "#" and ":" it may also have dashes. */
static gsize
word_length(const char *at, gboolean placeholder)
{
  gsize n = 0;
  while (is_word(at[n]) || (placeholder && at[n] == '-'))
    n++;
  return n;
}

typedef struct Punctuation {
  const char *text;
  TokenType type;
} Punctuation;

/* The longer ones first. */
static const Punctuation punctuation[] = {
  { "<>", TOKEN_NE }, { "<=", TOKEN_LE }, { ">=", TOKEN_GE }, { "<", TOKEN_LT }, { ">", TOKEN_GT },    { "=", TOKEN_EQ },    { "(", TOKEN_LEFT },
  { ")", TOKEN_RIGHT }, { "[", TOKEN_OPEN }, { "]", TOKEN_CLOSE }, { ".", TOKEN_DOT }, { ",", TOKEN_COMMA }, { "+", TOKEN_PLUS }, { "-", TOKEN_MINUS },
};

static TokenType
lex_one(const char *at, gsize *ret_size)
{
  *ret_size = 1;
  if ((*at == '#' || *at == ':') && word_length(at + 1, TRUE) > 0) {
    *ret_size = 1 + word_length(at + 1, TRUE);
    return *at == '#' ? TOKEN_NAME : TOKEN_VALUE;
  }
  if (is_word(*at)) {
    *ret_size = word_length(at, FALSE);
    return strspn(at, "0123456789") == *ret_size ? TOKEN_NUMBER : g_ascii_isdigit(*at) ? TOKEN_WRONG : TOKEN_WORD;
  }
  for (guint i = 0; i < G_N_ELEMENTS(punctuation); i++)
    if (g_str_has_prefix(at, punctuation[i].text)) {
      *ret_size = strlen(punctuation[i].text);
      return punctuation[i].type;
    }
  return TOKEN_WRONG;
}

Token *
lex(Arena *arena, const char *text, guint *ret_n)
{
  gsize length = strlen(text), at = 0;
  guint n = 0, room = 16;
  Token *tokens = ARENA_ARRAY(arena, Token, room);
  for (;;) {
    at += strspn(text + at, " \t\r\n");
    if (n == room) {
      Token *larger = ARENA_ARRAY(arena, Token, room * 2);
      memcpy(larger, tokens, sizeof *tokens * room);
      tokens = larger;
      room *= 2;
    }
    if (at == length)
      break;
    gsize size;
    TokenType type = lex_one(text + at, &size);
    tokens[n++] = (Token){ type, arena_strndup(arena, text + at, size), at, at + size };
    at += size;
  }
  tokens[n] = (Token){ TOKEN_END, "<EOF>", length, length };
  *ret_n = n;
  return tokens;
}
