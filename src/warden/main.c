/* main: the warden's loop: one request after the other, on its only thread. */
#include "warden/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

typedef Error *(*Handler)(WardenState *state, WardenInput *in, WardenOutput *out);

static const Handler handlers[WARDEN_REQUESTS] = {
#define REQUEST(id, function) [WARDEN_##id] = function,
#include "warden/protocol.def"
#undef REQUEST
};

static Error *handle(WardenState *state, const WardenMessage *message, WardenOutput *out) {
  if (message->header.type >= WARDEN_REQUESTS)
    return error_fault("request %u is unknown", message->header.type);
  WardenInput in = {message->data->data, message->data->data + message->data->len, message->fds, message->n_fds};
  return handlers[message->header.type](state, &in, out);
}

static Error *answer(WardenState *state, const WardenMessage *message) {
  g_autoptr(GByteArray) data = g_byte_array_new();
  WardenOutput out = {.data = data};
  g_autoptr(Error) error = handle(state, message, &out);
  Error *sent = error ? warden_send(state->socket, 1, error->message, strlen(error->message), NULL, 0)
                      : warden_send(state->socket, 0, data->data, data->len, out.fds, out.n_fds);
  for (guint i = 0; i < out.n_fds; i++)
    close(out.fds[i]);
  return sent;
}

static gboolean serve_one(WardenState *state) {
  g_auto(WardenMessage) message = {0};
  gboolean end = FALSE;
  g_autoptr(Error) error = warden_receive(state->socket, &message, &end);
  if (!error && !end)
    error = answer(state, &message);
  if (error)
    log_error("%s", error->message);
  return !end && !error;
}

static void no_signal(int signal) { (void) signal; }

/* Signals to the terminal's process group are haar's to act on. Handlers, unlike ignored signals, are not inherited by what is launched. */
static void outlive_signals(void) {
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
  struct sigaction action = {.sa_handler = no_signal, .sa_flags = SA_RESTART};
  for (gsize i = 0; i < G_N_ELEMENTS(signals); i++)
    sigaction(signals[i], &action, NULL);
}

/* Keeps the socket (as 3) and standard error; all else of haar's is closed. */
static int keep_socket_only(int socket) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(null, 0);
  dup2(2, 1);
  if (socket != 3)
    dup2(socket, 3);
  close_range(4, ~0U, 0);
  fcntl(3, F_SETFD, FD_CLOEXEC);
  return 3;
}

static void loop(WardenState *state) {
  int children = warden_children_start(state);
  for (;;) {
    struct pollfd polled[2] = {{state->socket, POLLIN, 0}, {children, POLLIN, 0}};
    if (poll(polled, children >= 0 ? 2 : 1, -1) < 0 && errno != EINTR)
      return;
    if (polled[1].revents)
      warden_children_reap(state);
    if (polled[0].revents && !serve_one(state))
      return;
  }
}

void warden_main(int socket, pid_t parent) {
  WardenState state = {.socket = keep_socket_only(socket)};
  prctl(PR_SET_NAME, "haar-warden");
  outlive_signals();
  g_autofree char *reason = NULL;
  if (!warden_isolate(&state, parent, &reason)) {
    g_autoptr(Error) error = warden_send(state.socket, 1, reason, strlen(reason), NULL, 0);
    _exit(1);
  }
  g_autoptr(Error) error = warden_send(state.socket, 0, state.root ? "r" : "u", 1, NULL, 0);
  if (!error)
    loop(&state);
  warden_children_stop(&state);
  _exit(0);
}
