/* terminal: what `haar shell` has of the caller's terminal: a pseudo-terminal whose far end the process gets, and what is typed into it. */
#pragma once

#include <glib.h>
#include <termios.h>

#include "base/base.h"

typedef struct Terminal {
  int master, slave;         /* -1: there is none */
  struct termios before;     /* the caller's, to be restored */
  gboolean has_shell;        /* a shell with line editing reads from it */
  gboolean ended;            /* nothing more is typed */
  /* What was read and not yet typed; the first of it may be a key that is a signal and waits. */
  char typed[4096];
  gsize n_typed;
  gboolean after_newline;    /* the last that was typed ends a line */
  struct { int group, session, unread; gboolean editing; } state;
  gint64 since_us, held_us;  /* since when it is so, and a key waits; 0: not looked at */
} Terminal;

#define TERMINAL_NONE {.master = -1, .slave = -1}

/* Makes the caller's terminal (standard input and output) raw. has_shell: it is for a shell, not for a program of its own. */
Error *terminal_open(Terminal *terminal, gboolean has_shell) ERROR_MUST_USE;
/* Restores the caller's terminal; of TERMINAL_NONE: nothing. */
void terminal_clear(Terminal *terminal);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Terminal, terminal_clear)
/* The far end gets the size of the caller's terminal. */
void terminal_copy_size(const Terminal *terminal);
/* Whether standard input is to be read, and how long to poll at most before terminal_type is called again (-1: for ever). */
gboolean terminal_wants_input(const Terminal *terminal);
int terminal_wait_ms(const Terminal *terminal);
/* Reads standard input; types what may be typed now. */
void terminal_read(Terminal *terminal);
void terminal_type(Terminal *terminal);
/* Copies what the process wrote to standard output: once; all that there is. */
void terminal_show(const Terminal *terminal);
void terminal_drain(const Terminal *terminal);
