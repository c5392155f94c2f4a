/* reading: what the readers of source texts share: a lexer of names, texts, numbers and signs that a language's table describes, the last tokens, the
 * variables that hold an SDK's client, and URLs. For python.c and javascript.c. */
#pragma once

#include "check/model.h"

typedef enum { TOKEN_END, TOKEN_NAME, TOKEN_TEXT, TOKEN_NUMBER, TOKEN_SIGN, TOKEN_LINE } TokenKind;

typedef struct Token {
  TokenKind kind;
  const char *at;            /* a name's, number's or sign's first byte; texts: behind the quote */
  gsize n;
  char sign;                 /* '>' with n 2: "=>" */
  guint line, indent;        /* indent: of TOKEN_LINE */
  gboolean first;            /* of its line */
} Token;

typedef struct Language {
  const char *name_bytes;    /* in names, besides letters, digits and _ */
  const char *comment;       /* begins one that ends with the line */
  gboolean block_comments;   /* as C's */
  gboolean triple_quotes;    /* texts over several lines, in three quotes */
  gboolean templates;        /* texts in `, with ${} in them */
  gboolean regular_expressions;
  gboolean prefixes;         /* r"...", letters before a text */
  gboolean arrows;           /* "=>" is one sign */
  gboolean lines;            /* a TOKEN_LINE begins each line that is outside of brackets, not empty and no comment */
} Language;

typedef struct Variable {
  const char *name;
  const Service *service;
} Variable;

enum { VARIABLES_MAX = 256, WINDOW = 8 };

typedef struct Reading {
  const Language *language;
  Arena *arena;
  const char *at, *end;
  const char *file;
  guint line, indent;        /* of the line that began last */
  guint brackets;            /* that are open */
  gboolean line_begins;
  Token window[WINDOW];      /* the last tokens, the newest last */
  guint n_variables;
  Variable variables[VARIABLES_MAX];
  const char *assigned;      /* "x" of "x = ...", or NULL */
  Code *code;
} Reading;

/* text must outlive it. first: the first line's number. */
void reading_begin(Reading *reading, const Language *language, Arena *arena, const char *text, gsize size, const char *file, guint first, Code *code);
/* The next token, which is put into the window. TOKEN_END: no more. */
Token reading_next(Reading *reading);
/* The token n before the newest. */
const Token *reading_back(const Reading *reading, guint n);

gboolean token_is_word(const Token *token, const char *word);
gboolean token_is_sign(const Token *token, char sign);
/* list: NULL at the end. */
gboolean token_is_one_of(const Token *token, const char *const *list);

/* The variable of this name that was assigned last; NULL: it holds no client. */
const Variable *reading_variable(const Reading *reading, const Token *name);
/* What is being assigned holds a client of this service, if it is not NULL. */
void reading_remember(Reading *reading, const Service *service);
/* A text that is the first argument of a function that opens URLs: the host is added to the code. text: the newest token. */
void reading_see_url(Reading *reading, const Token *text);
