/* relay: connections of a replica to its writer. On Aurora replication is the storage's own and passes no security group; here the replica
 * connects to 127.0.0.1 in its namespace, and the relay carries the bytes to the writer's unix socket. One thread a connection, of which
 * a replica has one or two. */
#include "services/rds/rds.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <fcntl.h>

struct Relay {
  int listen_fd, stop[2];
  char *(*path)(gpointer data);
  gpointer data;
  GDestroyNotify destroy;
  GThread *thread;
  gint references;
};

typedef struct Pump {
  Relay *relay;
  int client;
} Pump;

static void
relay_unref(Relay *relay)
{
  if (!g_atomic_int_dec_and_test(&relay->references))
    return;
  close(relay->listen_fd);
  close(relay->stop[0]);
  close(relay->stop[1]);
  if (relay->destroy)
    relay->destroy(relay->data);
  g_free(relay);
}

/* A path longer than a socket address may be is reached through its directory's descriptor. */
static int
connect_unix(const char *path)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  g_autofree char *directory = g_path_get_dirname(path), *name = g_path_get_basename(path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", dir, name);
  int result = dir < 0 ? -1 : connect(fd, (struct sockaddr *) &address, sizeof address);
  if (dir >= 0)
    close(dir);
  if (!result)
    return fd;
  close(fd);
  return -1;
}

/* Moves what is there from one side to the other; FALSE: a side ended. */
static gboolean
move(int from, int to)
{
  char buffer[65536];
  ssize_t n = read(from, buffer, sizeof buffer);
  for (ssize_t done = 0; done < n;) {
    ssize_t written = send(to, buffer + done, (size_t) (n - done), MSG_NOSIGNAL);
    if (written <= 0)
      return FALSE;
    done += written;
  }
  return n > 0;
}

static gpointer
pump(gpointer data)
{
  Pump *p = data;
  g_autofree char *path = p->relay->path(p->relay->data);
  int server = path ? connect_unix(path) : -1;
  struct pollfd fds[] = {{p->client, POLLIN, 0}, {server, POLLIN, 0}, {p->relay->stop[0], POLLIN, 0}};
  while (server >= 0 && poll(fds, 3, -1) > 0 && !fds[2].revents) {
    if (fds[0].revents && !move(p->client, server))
      break;
    if (fds[1].revents && !move(server, p->client))
      break;
  }
  close(p->client);
  if (server >= 0)
    close(server);
  relay_unref(p->relay);
  g_free(p);
  return NULL;
}

static gpointer
accept_loop(gpointer data)
{
  Relay *relay = data;
  struct pollfd fds[] = {{relay->listen_fd, POLLIN, 0}, {relay->stop[0], POLLIN, 0}};
  while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
    int client = accept4(relay->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0)
      continue;
    Pump *p = g_new0(Pump, 1);
    *p = (Pump) {relay, client};
    g_atomic_int_inc(&relay->references);
    g_thread_unref(g_thread_new("rds-relay", pump, p));
  }
  return NULL;
}

Relay *
relay_new(int listen_fd, char *(*path)(gpointer data), gpointer data, GDestroyNotify destroy)
{
  Relay *relay = g_new0(Relay, 1);
  *relay = (Relay) {.listen_fd = listen_fd, .path = path, .data = data, .destroy = destroy, .references = 1};
  g_assert(!pipe2(relay->stop, O_CLOEXEC));
  relay->thread = g_thread_new("rds-relay", accept_loop, relay);
  return relay;
}

void
relay_free(Relay *relay)
{
  if (!relay)
    return;
  ssize_t written = write(relay->stop[1], "x", 1); /* never read: all threads see it */
  (void) written;
  g_thread_join(relay->thread);
  relay_unref(relay);
}
