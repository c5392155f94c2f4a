/* The name servers: UDP and TCP on a port of the host, one thread; and the hook of the VPCs' resolvers. */
#include "services/route53/route53.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fabric/fabric.h"

enum { QUERY_MAX = 4096, CLIENTS_MAX = 64, TRIES = 20 };

struct DnsServer {
  Haar *haar;
  int port;
  int udp, tcp;
  guint clients;
  GMainContext *context;
  GMainLoop *loop;
  GThread *thread;
};

/* --- datagrams --- */

static gboolean
udp_readable(gint fd, GIOCondition condition, gpointer data)
{
  const DnsServer *server = data;
  guint8 query[QUERY_MAX];
  struct sockaddr_in from;
  for (;;) {
    socklen_t size = sizeof from;
    ssize_t n = recvfrom(fd, query, sizeof query, MSG_DONTWAIT, (struct sockaddr *) (void *) &from, &size);
    if (n < 0)
      return G_SOURCE_CONTINUE;
    g_autoptr(GByteArray) out = g_byte_array_new();
    if (dns_datagram(server->haar, TRUE, query, (gsize) n, out) &&
        sendto(fd, out->data, out->len, MSG_DONTWAIT, (struct sockaddr *) (void *) &from, size) < 0)
      log_debug("DNS: %s", g_strerror(errno));
  }
}

/* --- connections --- */

typedef struct Client { DnsServer *server; int fd; GByteArray *in; } Client;

static void
client_free(gpointer data)
{
  Client *client = data;
  client->server->clients--;
  close(client->fd);
  g_byte_array_unref(client->in);
  g_free(client);
}

static void
client_answer(Client *client, gsize size)
{
  g_autoptr(GByteArray) out = g_byte_array_new();
  if (!dns_datagram(client->server->haar, FALSE, client->in->data + 2, size, out))
    return;
  const guint8 head[2] = {(guint8) (out->len >> 8), (guint8) out->len};
  g_byte_array_prepend(out, head, sizeof head);
  if (send(client->fd, out->data, out->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    log_debug("DNS: %s", g_strerror(errno));
}

static gboolean
client_readable(gint fd, GIOCondition condition, gpointer data)
{
  Client *client = data;
  guint8 bytes[QUERY_MAX + 2];
  ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN)
    return G_SOURCE_CONTINUE;
  if (n <= 0 || client->in->len + (gsize) n > 2 * (QUERY_MAX + 2))
    return G_SOURCE_REMOVE;
  g_byte_array_append(client->in, bytes, (guint) n);
  while (client->in->len >= 2) {
    gsize size = (gsize) (client->in->data[0] << 8 | client->in->data[1]);
    if (size > QUERY_MAX)
      return G_SOURCE_REMOVE;
    if (client->in->len < size + 2)
      break;
    client_answer(client, size);
    g_byte_array_remove_range(client->in, 0, (guint) size + 2);
  }
  return G_SOURCE_CONTINUE;
}

static gboolean
tcp_readable(gint fd, GIOCondition condition, gpointer data)
{
  DnsServer *server = data;
  int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (accepted < 0)
    return G_SOURCE_CONTINUE;
  if (server->clients >= CLIENTS_MAX) {
    close(accepted);
    return G_SOURCE_CONTINUE;
  }
  Client *client = g_new0(Client, 1);
  *client = (Client) {server, accepted, g_byte_array_new()};
  server->clients++;
  g_autoptr(GSource) source = g_unix_fd_source_new(accepted, G_IO_IN | G_IO_HUP);
  g_source_set_callback(source, G_SOURCE_FUNC(client_readable), client, client_free);
  g_source_attach(source, server->context);
  return G_SOURCE_CONTINUE;
}

/* --- the port --- */

static gboolean
bind_both(DnsServer *server, int port)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((guint16) port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const struct sockaddr *plain = (const struct sockaddr *) (const void *) &address;
  socklen_t size = sizeof address;
  int one = 1;
  server->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  server->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  setsockopt(server->tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  gboolean good = bind(server->udp, plain, sizeof address) == 0 && getsockname(server->udp, (struct sockaddr *) (void *) &address, &size) == 0 &&
                  bind(server->tcp, plain, sizeof address) == 0 && listen(server->tcp, CLIENTS_MAX) == 0;
  server->port = ntohs(address.sin_port);
  if (!good) {
    close(server->udp);
    close(server->tcp);
    server->udp = server->tcp = -1;
  }
  return good;
}

/* A port that was asked for has to be free; the usual one gives way to any other. */
static Error *
open_port(DnsServer *server)
{
  int wanted = server->haar->dns_port;
  if (wanted > 0)
    return bind_both(server, wanted) ? NULL : error_fault("the DNS port %d is in use; choose one with --dns-port", wanted);
  if (wanted < 0 && bind_both(server, -wanted))
    return NULL;
  for (int i = 0; i < TRIES; i++)
    if (bind_both(server, 0))
      return NULL;
  return error_fault("no port is free for DNS: %s", g_strerror(errno));
}

static void
add_source(DnsServer *server, int fd, GUnixFDSourceFunc function)
{
  g_autoptr(GSource) source = g_unix_fd_source_new(fd, G_IO_IN);
  g_source_set_callback(source, G_SOURCE_FUNC(function), server, NULL);
  g_source_attach(source, server->context);
}

static gpointer
run(gpointer data)
{
  DnsServer *server = data;
  g_main_loop_run(server->loop);
  return NULL;
}

/* --- the VPCs' resolvers --- */

static gboolean
resolver_message(gpointer data, const char *vpc_id, gboolean own, const guint8 *query, gsize size, GByteArray *out)
{
  return dns_message(data, vpc_id, own, TRUE, query, size, out);
}

static gboolean
check_good(gpointer data, const char *check_id)
{
  return health_is_good(data, check_id);
}

static char **
resolver_addresses(gpointer data, const char *vpc_id, gboolean own, const char *host)
{
  Haar *haar = data;
  Edge *edge = edge_of(haar);
  g_autoptr(Arena) arena = arena_new();
  const char *name = domain_name(arena, host);
  g_autoptr(DnsZone) zone = name ? view_find(edge->view, vpc_id, own, name) : NULL;
  DnsAnswer answer = {0};
  if (!zone)
    return NULL;
  const DnsQuestion q = {.haar = haar, .arena = arena, .vpc_id = vpc_id, .private_zones = own, .recursive = TRUE, .name = name, .type = "A",
                         .region = haar->region, .healthy = check_good, .data = edge->health};
  dns_answer(&q, zone, &answer);
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
  for (gsize i = 0; i < answer.answer.n; i++)
    if (!strcmp(answer.answer.v[i].type, "A"))
      g_strv_builder_add(builder, answer.answer.v[i].text);
  return g_strv_builder_end(builder);
}

static gsize
resolver_own_zone(gpointer data, const char *vpc_id, const char *host)
{
  g_autoptr(Arena) arena = arena_new();
  const char *name = domain_name(arena, host);
  g_autoptr(DnsZone) zone = name ? view_find(edge_of(data)->view, vpc_id, TRUE, name) : NULL;
  return zone ? strlen(zone->name) - 1 : 0;
}

/* --- life --- */

Error *
dns_server_start(Haar *haar, DnsServer **ret_server)
{
  DnsServer *server = g_new0(DnsServer, 1);
  server->haar = haar;
  server->udp = server->tcp = -1;
  *ret_server = server;
  TRY(open_port(server));
  haar->dns_port = server->port;
  server->context = g_main_context_new();
  server->loop = g_main_loop_new(server->context, FALSE);
  add_source(server, server->udp, udp_readable);
  add_source(server, server->tcp, tcp_readable);
  server->thread = g_thread_new("dns", run, server);
  if (haar->fabric)
    fabric_set_zones(haar->fabric, &(FabricZones) {haar, resolver_message, resolver_addresses, resolver_own_zone});
  return NULL;
}

void
dns_server_stop(DnsServer *server)
{
  if (!server)
    return;
  if (server->haar->fabric)
    fabric_set_zones(server->haar->fabric, &(FabricZones) {0});
  if (server->thread) {
    g_main_loop_quit(server->loop);
    g_thread_join(server->thread);
    g_main_loop_unref(server->loop);
    g_main_context_unref(server->context);
  }
  if (server->udp >= 0)
    close(server->udp);
  if (server->tcp >= 0)
    close(server->tcp);
  g_free(server);
}
