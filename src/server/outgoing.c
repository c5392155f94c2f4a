#include "server/outgoing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fabric/fabric.h"
#include "server/server.h"

static gboolean
is_address(const char *host)
{
  guint8 bytes[16];
  return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static gboolean
is_ours(const char *host)
{
  return g_str_has_suffix(host, ".amazonaws.com") || g_str_has_suffix(host, ".cloudfront.net") || g_str_has_suffix(host, ".on.aws");
}

static Error *
no_such_name(const char *host)
{
  return error_answer("NoSuchName", "the name %s leads to no address", host);
}

static Error *
resolve_on_host(const char *host, OutgoingRoute *route)
{
  struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
  if (getaddrinfo(host, NULL, &hints, &found) != 0)
    return no_such_name(host);
  const struct sockaddr_in *address = (const struct sockaddr_in *) (const void *) found->ai_addr;
  inet_ntop(AF_INET, &address->sin_addr, route->address, sizeof route->address);
  freeaddrinfo(found);
  return NULL;
}

static Error *
resolve(Haar *haar, const char *host, OutgoingRoute *route)
{
  if (is_address(host)) {
    g_strlcpy(route->address, host, sizeof route->address);
    return NULL;
  }
  if (!haar->fabric && is_ours(host)) {
    g_strlcpy(route->address, "127.0.0.1", sizeof route->address);
    route->port = (guint16) haar->port;
    return NULL;
  }
  if (!haar->fabric)
    return resolve_on_host(host, route);
  g_auto(GStrv) addresses = fabric_resolve(haar->fabric, NULL, host);
  for (guint i = 0; addresses && addresses[i]; i++) {
    if (strchr(addresses[i], ':')) /* sockets in the edge are of IPv4 */
      continue;
    g_strlcpy(route->address, addresses[i], sizeof route->address);
    return NULL;
  }
  return no_such_name(host);
}

Error *
outgoing_route(Haar *haar, const char *host, guint16 port, OutgoingRoute *ret_route)
{
  *ret_route = (OutgoingRoute){.haar = haar, .port = port};
  TRY(resolve(haar, host, ret_route));
  gboolean v6 = strchr(ret_route->address, ':') != NULL;
  g_autofree char *entry = g_strdup_printf(v6 ? "::[%s]:%u" : "::%s:%u", ret_route->address, ret_route->port);
  ret_route->connect_to = curl_slist_append(NULL, entry);
  return NULL;
}

void
outgoing_clear(OutgoingRoute *route)
{
  curl_slist_free_all(route->connect_to);
  route->connect_to = NULL;
}

/* -1: there is none. */
static int
open_socket(const OutgoingRoute *route)
{
  int fd = -1;
  if (!route->haar->fabric)
    return socket(strchr(route->address, ':') ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_autoptr(Error) error = fabric_socket_edge(route->haar->fabric, &fd);
  if (error)
    log_warning("no socket on the region's internet: %s", error->message);
  return error ? -1 : fd;
}

static curl_socket_t
on_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
  int fd = open_socket(data);
  return fd < 0 ? CURL_SOCKET_BAD : fd;
}

void
outgoing_prepare(CURL *curl, OutgoingRoute *route)
{
  curl_easy_setopt(curl, CURLOPT_CONNECT_TO, route->connect_to);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, route);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_IPRESOLVE, (long) CURL_IPRESOLVE_V4);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(curl, CURLOPT_CAINFO, server_ca_path(route->haar->server));
}

void
outgoing_try(const OutgoingRoute *route, guint timeout_ms, const char **ret_problem)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(route->port)};
  int problem = 0, fd = open_socket(route);
  socklen_t size = sizeof problem;
  struct pollfd polled = {.fd = fd, .events = POLLOUT};
  *ret_problem = "no socket could be made";
  if (fd < 0)
    return;
  fcntl(fd, F_SETFL, O_NONBLOCK);
  *ret_problem = "the address is no IPv4 address";
  if (inet_pton(AF_INET, route->address, &address.sin_addr) == 1) {
    int result = connect(fd, (const struct sockaddr *) (const void *) &address, sizeof address);
    if (result != 0 && errno != EINPROGRESS)
      problem = errno;
    else if (result != 0 && poll(&polled, 1, (int) timeout_ms) == 0)
      problem = ETIMEDOUT;
    else if (result != 0)
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size);
    *ret_problem = problem ? g_strerror(problem) : NULL;
  }
  close(fd);
}
