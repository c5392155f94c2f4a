/* load: sends prepared HTTP requests over keep-alive connections from one thread and measures.
 *
 *   bench_load PORT FILE CONNECTIONS SECONDS
 *
 * FILE: requests, each preceded by its size as a line of decimal digits; they are sent in turn. A server that closes a connection after its answer,
 * and says so, gets a new one for the next request, as from any client. Prints one line of JSON. */
#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256, ANSWER_MAX = 256 * 1024, SAMPLES_MAX = 4 * 1000 * 1000 };

typedef struct Request {
  const char *bytes;
  gsize size;
} Request;

typedef struct Connection {
  int fd;
  const Request *request;
  gsize sent;
  char *answer;
  gsize got;
  gint64 began_us;
} Connection;

typedef struct Load {
  int port;
  GArray *requests; /* Request */
  guint next;
  GArray *samples; /* gint32, microseconds */
  guint64 errors;
} Load;

static GArray *
read_requests(const char *path)
{
  char *text = NULL;
  gsize size = 0;
  g_autoptr(GError) error = NULL;
  if (!g_file_get_contents(path, &text, &size, &error))
    g_error("%s", error->message);
  GArray *requests = g_array_new(FALSE, FALSE, sizeof(Request));
  for (char *at = text; at < text + size;) {
    char *end = NULL;
    gsize n = g_ascii_strtoull(at, &end, 10);
    Request request = {end + 1, n};
    g_array_append_val(requests, request);
    at = end + 1 + n;
  }
  return requests; /* text lives as long as the process */
}

static int
open_connection(int port)
{
  int one = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((guint16) port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *) (void *) &address, sizeof address) != 0)
    g_error("port %d: %s", port, g_strerror(errno));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

static void
begin(Load *load, Connection *c)
{
  if (c->fd < 0)
    c->fd = open_connection(load->port);
  c->request = &g_array_index(load->requests, Request, load->next++ % load->requests->len);
  c->sent = c->got = 0;
  c->began_us = g_get_monotonic_time();
  while (c->sent < c->request->size) {
    ssize_t n = write(c->fd, c->request->bytes + c->sent, c->request->size - c->sent);
    if (n <= 0)
      g_error("write: %s", g_strerror(errno));
    c->sent += (gsize) n;
  }
}

/* In an answer whose head is whole and ends at end: what follows begin in the line that begins so, in any case. Or NULL. */
static const char *
header(const char *answer, const char *end, const char *begin)
{
  gsize size = strlen(begin);
  for (const char *line = answer; line < end; line = strstr(line, "\r\n") + 2)
    if (g_ascii_strncasecmp(line, begin, size) == 0)
      return line + size;
  return NULL;
}

/* The size of a whole answer, or 0 if it is not all there. Answers without Content-Length are not for this tool. */
static gsize
answer_size(Connection *c)
{
  c->answer[c->got] = '\0';
  const char *end = strstr(c->answer, "\r\n\r\n");
  if (!end)
    return 0;
  const char *length = header(c->answer, end, "content-length:");
  gsize whole = (gsize) (end - c->answer) + 4 + (length ? g_ascii_strtoull(length, NULL, 10) : 0);
  return c->got >= whole ? whole : 0;
}

static gboolean
is_last(const char *answer)
{
  return header(answer, strstr(answer, "\r\n\r\n"), "connection: close") != NULL;
}

static void
take(Load *load, Connection *c)
{
  ssize_t n = read(c->fd, c->answer + c->got, ANSWER_MAX - c->got - 1);
  if (n <= 0)
    g_error("the connection was closed after: %.200s", c->answer);
  c->got += (gsize) n;
  if (!answer_size(c))
    return;
  gint32 us = (gint32) (g_get_monotonic_time() - c->began_us);
  if (load->samples->len < SAMPLES_MAX)
    g_array_append_val(load->samples, us);
  if (strncmp(c->answer, "HTTP/1.1 20", 11) != 0 && !load->errors++)
    fprintf(stderr, "first error: %.600s\n", c->answer);
  if (is_last(c->answer)) {
    close(c->fd);
    c->fd = -1;
  }
  begin(load, c);
}

static int
compare(const void *a, const void *b)
{
  return *(const gint32 *) a - *(const gint32 *) b;
}

static gint32
percentile(const Load *load, guint thousandths)
{
  guint n = load->samples->len;
  return n ? g_array_index(load->samples, gint32, MIN(n - 1, (guint) ((guint64) n * thousandths / 1000))) : 0;
}

int
main(int argc, char **argv)
{
  if (argc != 5)
    return fprintf(stderr, "usage: bench_load PORT FILE CONNECTIONS SECONDS\n"), 2;
  Load load = {(int) strtol(argv[1], NULL, 10), read_requests(argv[2]), 0, g_array_new(FALSE, FALSE, sizeof(gint32)), 0};
  guint n = CLAMP((guint) strtoul(argv[3], NULL, 10), 1, CONNECTIONS_MAX);
  double seconds = g_ascii_strtod(argv[4], NULL);
  Connection connections[CONNECTIONS_MAX] = {0};
  struct pollfd polls[CONNECTIONS_MAX];
  for (guint i = 0; i < n; i++) {
    connections[i].fd = -1;
    connections[i].answer = g_malloc(ANSWER_MAX);
    begin(&load, &connections[i]);
    polls[i] = (struct pollfd){.fd = connections[i].fd, .events = POLLIN};
  }
  gint64 start = g_get_monotonic_time(), until = start + (gint64) (seconds * 1e6);
  while (g_get_monotonic_time() < until) {
    if (poll(polls, n, 1000) < 0)
      break;
    for (guint i = 0; i < n; i++)
      if (polls[i].revents) {
        take(&load, &connections[i]);
        polls[i].fd = connections[i].fd;
      }
  }
  double took = (double) (g_get_monotonic_time() - start) / 1e6;
  qsort(load.samples->data, load.samples->len, sizeof(gint32), compare);
  printf("{\"per_second\": %.0f, \"p50_us\": %d, \"p99_us\": %d, \"errors\": %" G_GUINT64_FORMAT "}\n", load.samples->len / took,
         percentile(&load, 500), percentile(&load, 990), load.errors);
  return 0;
}
