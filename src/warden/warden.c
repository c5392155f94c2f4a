/* warden: haar's side: starts the other process and asks it. */
#include "warden/protocol.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct Warden {
  GMutex lock;      /* one request at a time */
  int socket;
  pid_t pid;
  gboolean root;
};

static Error *read_greeting(int socket, char **ret_reason, gboolean *ret_root) {
  g_auto(WardenMessage) greeting = {0};
  gboolean end = FALSE;
  TRY(warden_receive(socket, &greeting, &end));
  if (end)
    return error_fault("the warden ended as it began");
  if (greeting.header.type != 0)
    *ret_reason = g_strndup((const char *) greeting.data->data, greeting.data->len);
  else
    *ret_root = greeting.data->len > 0 && greeting.data->data[0] == 'r';
  return NULL;
}

Error *warden_start(Warden **ret_warden, char **ret_reason) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return error_fault("socketpair: %s", g_strerror(errno));
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid == 0) {
    close(pair[0]);
    warden_main(pair[1], parent);
  }
  close(pair[1]);
  g_autofree Warden *warden = g_new0(Warden, 1);
  warden->socket = pair[0];
  warden->pid = pid;
  g_mutex_init(&warden->lock);
  g_autofree char *reason = NULL;
  Error *error = pid < 0 ? error_fault("fork: %s", g_strerror(errno)) : read_greeting(pair[0], &reason, &warden->root);
  if (!error)
    error = warden_confine_caller();
  if (error || reason) {
    close(pair[0]);
    if (pid > 0)
      waitpid(pid, NULL, 0);
    *ret_warden = NULL;
    if (reason && !error)
      *ret_reason = g_steal_pointer(&reason);
    return error;
  }
  *ret_warden = g_steal_pointer(&warden);
  return NULL;
}

void warden_free(Warden *warden) {
  if (!warden)
    return;
  close(warden->socket);
  waitpid(warden->pid, NULL, 0);
  g_mutex_clear(&warden->lock);
  g_free(warden);
}

gboolean warden_is_root(const Warden *warden) { return warden->root; }

static Error *exchange(Warden *warden, WardenRequestType type, const void *data, gsize size, const int *fds, guint n_fds,
                       WardenMessage *answer) {
  gboolean end = FALSE;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&warden->lock);
  TRY(warden_send(warden->socket, type, data, size, fds, n_fds));
  TRY(warden_receive(warden->socket, answer, &end));
  return end ? error_fault("the warden is gone") : NULL;
}

Error *warden_call(Warden *warden, WardenRequestType type, const void *data, gsize size, const int *fds, guint n_fds,
                   GByteArray *reply, int *ret_fds, guint n_ret_fds) {
  g_auto(WardenMessage) answer = {0};
  TRY(exchange(warden, type, data, size, fds, n_fds, &answer));
  if (answer.header.type != 0)
    return error_fault("%.*s", (int) answer.data->len, (const char *) answer.data->data);
  if (reply)
    g_byte_array_append(reply, answer.data->data, answer.data->len);
  for (guint i = 0; i < n_ret_fds; i++) {
    ret_fds[i] = i < answer.n_fds ? answer.fds[i] : -1;
    if (i < answer.n_fds)
      answer.fds[i] = -1;
  }
  return NULL;
}

Error *warden_netns_new(Warden *warden, Netns *ret_netns, int *ret_fd) {
  g_autoptr(GByteArray) reply = g_byte_array_new();
  int fd = -1;
  guint8 want_fd = ret_fd != NULL;
  TRY(warden_call(warden, WARDEN_NETNS_NEW, &want_fd, sizeof want_fd, NULL, 0, reply, &fd, 1));
  if (reply->len != sizeof *ret_netns)
    return error_fault("the warden's answer is malformed");
  memcpy(ret_netns, reply->data, sizeof *ret_netns);
  if (ret_fd)
    *ret_fd = fd;
  return NULL;
}

Error *warden_netns_free(Warden *warden, Netns netns) {
  return warden_call(warden, WARDEN_NETNS_FREE, &netns, sizeof netns, NULL, 0, NULL, NULL, 0);
}

/* A request that begins with a namespace. */
static Error *call_in(Warden *warden, WardenRequestType type, Netns netns, const void *data, gsize size, GByteArray *reply, int *ret_fd) {
  g_autoptr(GByteArray) request = g_byte_array_sized_new((guint) (sizeof netns + size));
  g_byte_array_append(request, (const guint8 *) &netns, sizeof netns);
  g_byte_array_append(request, data, (guint) size);
  return warden_call(warden, type, request->data, request->len, NULL, 0, reply, ret_fd, ret_fd ? 1 : 0);
}

Error *warden_socket(Warden *warden, Netns netns, const WardenSocket *socket, int *ret_fd) {
  int fd = -1;
  TRY(call_in(warden, WARDEN_SOCKET, netns, socket, sizeof *socket, NULL, &fd));
  if (fd < 0)
    return error_fault("the warden gave no socket");
  *ret_fd = fd;
  return NULL;
}

Error *warden_nft(Warden *warden, Netns netns, const char *commands) {
  return call_in(warden, WARDEN_NFT, netns, commands, strlen(commands), NULL, NULL);
}

Error *warden_nft_list(Warden *warden, Netns netns, const char *commands, char **ret_output) {
  g_autoptr(GByteArray) reply = g_byte_array_new();
  TRY(call_in(warden, WARDEN_NFT, netns, commands, strlen(commands), reply, NULL));
  *ret_output = g_strndup((const char *) reply->data, reply->len);
  return NULL;
}

Error *warden_net(Warden *warden, Netns netns, const NetOp *ops, gsize n_ops) {
  return n_ops ? call_in(warden, WARDEN_NET, netns, ops, n_ops * sizeof *ops, NULL, NULL) : NULL;
}
