/* terminal: the near end of a pseudo-terminal.
 *
 * Keys that are signals (Ctrl-C, Ctrl-\\, Ctrl-Z) are held back while nobody there would take them as they are meant. bash loses an interrupt, or takes it for
 * the end of its input, between the end of a line and the start of what the line names: it has left its editor, and the program has not got the
 * terminal yet (with bash at a terminal of its own that is so too). So such a key waits until a program has the terminal, or the editor has it
 * and has read all that was typed, and that has been so for a moment; what neither becomes is a loop in the shell itself, which is interrupted a little
 * later. No key waits for more than a second. */
#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LOOK_MS = 4, PROGRAM_MS = 12, EDITOR_MS = 24, LINE_MS = 120, SHELL_MS = 500, HELD_MS = 1000 };

void
terminal_copy_size(const Terminal *terminal)
{
  struct winsize size;
  if (terminal->master >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
    ioctl(terminal->master, TIOCSWINSZ, &size);
}

/* The far end stays open here too: what is unread can be asked of it alone. */
static gboolean
open_pair(Terminal *terminal)
{
  char name[64];
  terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal->master < 0 || grantpt(terminal->master) != 0 || unlockpt(terminal->master) != 0 || ptsname_r(terminal->master, name, sizeof name) != 0)
    return FALSE;
  terminal->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  return terminal->slave >= 0;
}

static void
close_pair(Terminal *terminal)
{
  if (terminal->slave >= 0)
    close(terminal->slave);
  if (terminal->master >= 0)
    close(terminal->master);
  terminal->master = terminal->slave = -1;
}

Error *
terminal_open(Terminal *terminal, gboolean has_shell)
{
  *terminal = (Terminal) TERMINAL_NONE;
  terminal->has_shell = has_shell;
  if (!open_pair(terminal) || tcgetattr(STDIN_FILENO, &terminal->before) != 0) {
    Error *error = error_fault("no pseudo-terminal: %s", g_strerror(errno));
    close_pair(terminal);
    return error;
  }
  terminal_copy_size(terminal);
  struct termios raw = terminal->before;
  cfmakeraw(&raw);
  tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  return NULL;
}

void
terminal_clear(Terminal *terminal)
{
  if (terminal->master >= 0)
    tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
  close_pair(terminal);
}

static gboolean
write_all(int fd, const char *data, gsize size)
{
  while (size > 0) {
    ssize_t n = write(fd, data, size);
    if (n < 0 && errno != EINTR)
      return FALSE;
    data += MAX(n, 0);
    size -= (gsize) MAX(n, 0);
  }
  return TRUE;
}

/* FALSE: its end. */
static gboolean
show(const Terminal *terminal)
{
  char buffer[16 * 1024];
  ssize_t n = read(terminal->master, buffer, sizeof buffer);
  return n > 0 && write_all(STDOUT_FILENO, buffer, (gsize) n);
}

void
terminal_show(const Terminal *terminal)
{
  show(terminal);
}

void
terminal_drain(const Terminal *terminal)
{
  struct pollfd fd = {terminal->master, POLLIN, 0};
  while (terminal->master >= 0 && poll(&fd, 1, 0) > 0 && (fd.revents & POLLIN) && show(terminal))
    ;
}

/* --- what is typed --- */

gboolean
terminal_wants_input(const Terminal *terminal)
{
  return terminal->master >= 0 && !terminal->ended && terminal->n_typed == 0;
}

int
terminal_wait_ms(const Terminal *terminal)
{
  return terminal->n_typed ? LOOK_MS : -1;
}

void
terminal_read(Terminal *terminal)
{
  ssize_t n = read(STDIN_FILENO, terminal->typed, sizeof terminal->typed);
  terminal->ended = n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN);
  terminal->n_typed = (gsize) MAX(n, 0);
}

/* How many of the bytes come before the first key that is a signal; all: there is none. */
static gsize
before_signal(const Terminal *terminal, const struct termios *now)
{
  static const int keys[] = {VINTR, VQUIT, VSUSP};
  gsize n = terminal->n_typed;
  for (gsize i = 0; terminal->has_shell && (now->c_lflag & ISIG) && i < G_N_ELEMENTS(keys); i++) {
    const char *at = now->c_cc[keys[i]] ? memchr(terminal->typed, now->c_cc[keys[i]], n) : NULL;
    n = at ? (gsize) (at - terminal->typed) : n;
  }
  return n;
}

/* Looks who has the terminal, and since when. */
static void
look(Terminal *terminal, const struct termios *now)
{
  typeof(terminal->state) state = {0, 0, 0, !(now->c_lflag & ICANON)};
  if (ioctl(terminal->master, TIOCGPGRP, &state.group) != 0 || ioctl(terminal->master, TIOCGSID, &state.session) != 0)
    state.group = state.session = -1;
  if (ioctl(terminal->slave, FIONREAD, &state.unread) != 0)
    state.unread = 0;
  gboolean same = terminal->since_us && memcmp(&state, &terminal->state, sizeof state) == 0;
  if (terminal->since_us && (state.group != terminal->state.group || state.editing != terminal->state.editing))
    terminal->after_newline = FALSE;   /* the line has been taken */
  if (!same)
    terminal->since_us = clock_monotonic_us();
  terminal->state = state;
}

/* Whether a key that is a signal is taken as it is meant. */
static gboolean
is_settled(Terminal *terminal, const struct termios *now)
{
  look(terminal, now);
  gint64 now_us = clock_monotonic_us(), ms = (now_us - terminal->since_us) / 1000;
  if (terminal->held_us == 0)
    terminal->held_us = now_us;
  if (now_us - terminal->held_us >= HELD_MS * 1000)
    return TRUE;
  if (terminal->state.group != terminal->state.session)
    return ms >= PROGRAM_MS;
  if (terminal->state.editing && terminal->state.unread == 0)
    return ms >= (terminal->after_newline ? LINE_MS : EDITOR_MS);
  return ms >= SHELL_MS;
}

static gboolean
type(Terminal *terminal, gsize n)
{
  gboolean good = write_all(terminal->master, terminal->typed, n);
  char last = terminal->typed[n - 1];
  terminal->after_newline = last == '\r' || last == '\n';
  terminal->since_us = terminal->held_us = 0;
  terminal->n_typed -= n;
  memmove(terminal->typed, terminal->typed + n, terminal->n_typed);
  return good;
}

void
terminal_type(Terminal *terminal)
{
  struct termios now;
  while (terminal->n_typed && tcgetattr(terminal->master, &now) == 0) {
    gsize n = before_signal(terminal, &now);
    if (n == 0 && !is_settled(terminal, &now))
      return;
    if (!type(terminal, MAX(n, 1)))
      break;
  }
  if (terminal->n_typed) {   /* the far end is gone */
    terminal->n_typed = 0;
    terminal->ended = TRUE;
  }
}
