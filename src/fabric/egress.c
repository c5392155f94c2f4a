/* egress: a way out to the host's real network for what leaves by an internet gateway (NAT gateways included), an egress-only gateway, or is
 * outside of VPCs. Off unless `haar serve --egress=host`.
 *
 * The host's network is not touched: in the edge, packets to global addresses that are not the region's own are handed to listeners that
 * take any destination (TPROXY); haar, which lives in the host's network namespace, dials the destination and passes bytes on. TCP and
 * UDP. What is not global (private, loopback, link-local, ...) is refused as an internet gateway does, and so are the host's own addresses. */
#include "fabric/egress.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <ifaddrs.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  EGRESS_PORT = 15001, EGRESS_MARK = 1, EGRESS_TABLE = 800, CONNECTIONS_MAX = 4096, FLOWS_MAX = 1024, BUFFER = 64 * 1024, DATAGRAM_MAX = 65536,
  FLOW_IDLE_MS = 60 * 1000, ASK_MS = 4000, ASKS_MAX = 256,
};

struct Egress {
  Fabric *fabric;
  GMainContext *context;
  GMainLoop *loop;
  GThread *thread;
  GPtrArray *listeners;   /* Listener * */
  GHashTable *pairs;      /* Pair * */
  GHashTable *streams;      /* key -> Stream * */
  EgressDial dial;
  GMutex lock;            /* of questions: the resolver's thread adds to them */
  GHashTable *questions;  /* Ask * */
};

/* --- where to --- */

static void drop_source(GSource *source) {
  g_source_destroy(source);
  g_source_unref(source);
}

static gboolean is_own(Ip address) {
  struct ifaddrs *all = NULL;
  gboolean own = FALSE;
  guint16 port = 0;
  if (getifaddrs(&all) < 0)
    return TRUE;
  for (const struct ifaddrs *at = all; at && !own; at = at->ifa_next)
    own = at->ifa_addr && (at->ifa_addr->sa_family == AF_INET || at->ifa_addr->sa_family == AF_INET6) && ip_equal(ip_of_sockaddr(at->ifa_addr, &port), address);
  freeifaddrs(all);
  return own;
}

gboolean egress_allows(Ip address) { return reach_is_global(address) && !is_own(address); }

static socklen_t sockaddr_of(Ip address, guint16 port, struct sockaddr_storage *ret) {
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  guint8 bytes[16];
  ip_bytes(address, bytes);
  memcpy(&v4.sin_addr, bytes, sizeof v4.sin_addr);
  memcpy(&v6.sin6_addr, bytes, sizeof v6.sin6_addr);
  memset(ret, 0, sizeof *ret);
  if (ip_is4(address))
    memcpy(ret, &v4, sizeof v4);
  else
    memcpy(ret, &v6, sizeof v6);
  return ip_is4(address) ? sizeof v4 : sizeof v6;
}

/* A connecting socket in the host's namespace, or -1. */
static int dial_host(int type, Ip address, guint16 port) {
  struct sockaddr_storage to;
  socklen_t size = sockaddr_of(address, port, &to);
  int fd = socket(ip_is4(address) ? AF_INET : AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *) &to, size) < 0 && errno != EINPROGRESS) {
    close(fd);
    return -1;
  }
  return fd;
}

/* --- TCP --- */

typedef struct Pair Pair;

/* One direction: what was read of one end and not yet written to the other. */
typedef struct Way {
  int from, to;
  gsize start, end;
  gboolean finished;      /* from has ended; shut: to knows */
  gboolean shut;
  guint8 *bytes;          /* BUFFER */
} Way;

struct Pair {
  Egress *egress;
  int near, far;          /* the client's, the host's */
  gboolean connected;
  Way out, back;
  GSource *source;
  gpointer near_tag, far_tag;
};

static void pair_free(gpointer data) {
  Pair *pair = data;
  drop_source(pair->source);
  close(pair->near);
  close(pair->far);
  g_free(pair->out.bytes);
  g_free(pair->back.bytes);
  g_free(pair);
}

/* FALSE: an end is broken. */
static gboolean way_read(Way *way) {
  while (!way->finished && way->end < BUFFER) {
    ssize_t n = recv(way->from, way->bytes + way->end, BUFFER - way->end, MSG_DONTWAIT);
    if (n == 0)
      way->finished = TRUE;
    if (n < 0)
      return errno == EAGAIN || errno == EINTR;
    way->end += (gsize) n;
  }
  return TRUE;
}

static gboolean way_write(Way *way) {
  while (way->start < way->end) {
    ssize_t n = send(way->to, way->bytes + way->start, way->end - way->start, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0)
      return errno == EAGAIN || errno == EINTR;
    way->start += (gsize) n;
  }
  way->start = way->end = 0;
  if (way->finished && !way->shut) {
    shutdown(way->to, SHUT_WR);
    way->shut = TRUE;
  }
  return TRUE;
}

static gboolean way_pass(Way *way) { return way_read(way) && way_write(way); }

/* What to wait for at one end: room to read into, something to write. */
static GIOCondition wanted(const Way *in, const Way *out) {
  GIOCondition condition = G_IO_ERR;
  if (!in->finished && in->end < BUFFER)
    condition |= G_IO_IN;
  if (out->start < out->end)
    condition |= G_IO_OUT;
  return condition;
}

/* The client learns of a destination that refuses by a reset. */
static void reset(const Pair *pair) {
  struct linger now = {1, 0};
  setsockopt(pair->near, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static gboolean pair_pass(Pair *pair) {
  int error = 0;
  socklen_t size = sizeof error;
  if (!pair->connected) {
    getsockopt(pair->far, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
      reset(pair);
      return FALSE;
    }
    pair->connected = TRUE;
  }
  if (!way_pass(&pair->out) || !way_pass(&pair->back)) {
    reset(pair);
    return FALSE;
  }
  return !(pair->out.shut && pair->back.shut);
}

static gboolean pair_ready(gpointer data) {
  Pair *pair = data;
  GIOCondition near = g_source_query_unix_fd(pair->source, pair->near_tag), far = g_source_query_unix_fd(pair->source, pair->far_tag);
  gboolean waits = !pair->connected && !(far & (G_IO_OUT | G_IO_ERR | G_IO_HUP));
  if (waits && !(near & (G_IO_ERR | G_IO_HUP)))
    return G_SOURCE_CONTINUE;
  if (waits || !pair_pass(pair)) {
    g_hash_table_remove(pair->egress->pairs, pair);
    return G_SOURCE_REMOVE;
  }
  g_source_modify_unix_fd(pair->source, pair->near_tag, wanted(&pair->out, &pair->back));
  g_source_modify_unix_fd(pair->source, pair->far_tag, wanted(&pair->back, &pair->out));
  return G_SOURCE_CONTINUE;
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data) {
  (void) source;
  return callback(data);
}

/* A source of two descriptors. */
static GSourceFuncs pair_functions = {NULL, NULL, dispatch, NULL, NULL, NULL};

static void pair_new(Egress *egress, int near, int far) {
  Pair *pair = g_new0(Pair, 1);
  int on = 1;
  *pair = (Pair){.egress = egress, .near = near, .far = far, .out = {.from = near, .to = far, .bytes = g_malloc(BUFFER)},
                 .back = {.from = far, .to = near, .bytes = g_malloc(BUFFER)}, .source = g_source_new(&pair_functions, sizeof(GSource))};
  setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  pair->near_tag = g_source_add_unix_fd(pair->source, near, G_IO_ERR);
  pair->far_tag = g_source_add_unix_fd(pair->source, far, G_IO_OUT | G_IO_ERR | G_IO_HUP);
  g_source_set_callback(pair->source, pair_ready, pair, NULL);
  g_source_attach(pair->source, egress->context);
  g_hash_table_add(egress->pairs, pair);
}

static gboolean accept_ready(gint fd, GIOCondition condition, gpointer data) {
  Egress *egress = data;
  struct sockaddr_storage to;
  socklen_t size = sizeof to;
  guint16 port = 0;
  int far = -1, near = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  (void) condition;
  if (near < 0)
    return G_SOURCE_CONTINUE;
  if (getsockname(near, (struct sockaddr *) &to, &size) == 0 && g_hash_table_size(egress->pairs) < CONNECTIONS_MAX) {
    Ip address = ip_of_sockaddr((struct sockaddr *) &to, &port);
    far = egress_allows(address) ? egress->dial(SOCK_STREAM, address, port) : -1;
  }
  if (far >= 0) {
    pair_new(egress, near, far);
    return G_SOURCE_CONTINUE;
  }
  reset(&(Pair){.near = near});
  close(near);
  return G_SOURCE_CONTINUE;
}

/* --- UDP: a socket a flow on either side --- */

typedef struct Stream {
  Egress *egress;
  char *key;
  int near, far;          /* near: bound to the destination's address, connected to the client */
  GSource *source, *near_source, *idle;
  gint64 used_us;
} Stream;

static void stream_free(gpointer data) {
  Stream *flow = data;
  drop_source(flow->source);
  drop_source(flow->near_source);
  drop_source(flow->idle);
  close(flow->near);
  close(flow->far);
  g_free(flow->key);
  g_free(flow);
}

/* From one side to the other. The kernel gives later datagrams of a client to the flow's own socket. */
static gboolean stream_ready(gint fd, GIOCondition condition, gpointer data) {
  Stream *flow = data;
  g_autofree guint8 *bytes = g_malloc(DATAGRAM_MAX);
  ssize_t n;
  (void) condition;
  flow->used_us = clock_monotonic_us();
  while ((n = recv(fd, bytes, DATAGRAM_MAX, MSG_DONTWAIT)) >= 0)
    if (send(fd == flow->far ? flow->near : flow->far, bytes, (gsize) n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
      break;
  return G_SOURCE_CONTINUE;
}

static gboolean stream_idle(gpointer data) {
  Stream *flow = data;
  if (clock_monotonic_us() - flow->used_us < (gint64) FLOW_IDLE_MS * 1000)
    return G_SOURCE_CONTINUE;
  g_hash_table_remove(flow->egress->streams, flow->key);
  return G_SOURCE_REMOVE;
}

static Stream *stream_new(Egress *egress, const char *key, const struct sockaddr *client, socklen_t client_size, Ip address, guint16 port) {
  WardenSocket spec = {.kind = WARDEN_SOCKET_UDP, .ipv6 = !ip_is4(address), .port = port, .transparent = TRUE};
  int near = -1, far = g_hash_table_size(egress->streams) < FLOWS_MAX && egress_allows(address) ? egress->dial(SOCK_DGRAM, address, port) : -1;
  ip_bytes(address, spec.address);
  if (far < 0)
    return NULL;
  g_autoptr(Error) error = warden_socket(egress->fabric->warden, egress->fabric->edge, &spec, &near);
  if (error || connect(near, client, client_size) < 0) {
    if (near >= 0)
      close(near);
    close(far);
    return NULL;
  }
  Stream *flow = g_new0(Stream, 1);
  *flow = (Stream){egress, g_strdup(key), near, far, g_unix_fd_source_new(far, G_IO_IN), g_unix_fd_source_new(near, G_IO_IN), g_timeout_source_new(FLOW_IDLE_MS / 4),
                 clock_monotonic_us()};
  g_source_set_callback(flow->source, G_SOURCE_FUNC(stream_ready), flow, NULL);
  g_source_attach(flow->source, egress->context);
  g_source_set_callback(flow->near_source, G_SOURCE_FUNC(stream_ready), flow, NULL);
  g_source_attach(flow->near_source, egress->context);
  g_source_set_callback(flow->idle, stream_idle, flow, NULL);
  g_source_attach(flow->idle, egress->context);
  g_hash_table_insert(egress->streams, flow->key, flow);
  return flow;
}

/* The address that a datagram was sent to. */
static gboolean original_destination(struct msghdr *message, struct sockaddr_storage *ret_to) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
    if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_ORIGDSTADDR) || (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_ORIGDSTADDR)) {
      memcpy(ret_to, CMSG_DATA(c), c->cmsg_level == IPPROTO_IP ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
      return TRUE;
    }
  return FALSE;
}

static void pass_datagram(Egress *egress, struct msghdr *message, const guint8 *bytes, gsize size) {
  struct sockaddr_storage to = {0};
  guint16 port = 0, client_port = 0;
  if (!original_destination(message, &to))
    return;
  Ip address = ip_of_sockaddr((struct sockaddr *) &to, &port), client = ip_of_sockaddr(message->msg_name, &client_port);
  g_autofree char *key = g_strdup_printf("%" G_GINT64_MODIFIER "x.%" G_GINT64_MODIFIER "x:%u %" G_GINT64_MODIFIER "x.%" G_GINT64_MODIFIER "x:%u",
                                         client.high, client.low, client_port, address.high, address.low, port);
  Stream *flow = g_hash_table_lookup(egress->streams, key);
  if (!flow)
    flow = stream_new(egress, key, message->msg_name, message->msg_namelen, address, port);
  if (!flow)
    return;
  flow->used_us = clock_monotonic_us();
  if (send(flow->far, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    log_debug("egress: %s", g_strerror(errno));
}

static gboolean datagram_ready(gint fd, GIOCondition condition, gpointer data) {
  g_autofree guint8 *bytes = g_malloc(DATAGRAM_MAX);
  (void) condition;
  for (;;) {
    struct sockaddr_storage from;
    char control[256];
    struct iovec part = {bytes, DATAGRAM_MAX};
    struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
    if (n < 0)
      return G_SOURCE_CONTINUE;
    pass_datagram(data, &message, bytes, (gsize) n);
  }
}

/* --- names: the host's resolver is asked --- */

typedef struct Ask {
  Egress *egress;
  char *vpc_id;
  Ip from;
  int fd, reply_fd;       /* reply_fd: a copy of the resolver's socket */
  gboolean tcp;
  struct sockaddr_storage client;
  socklen_t client_size;
  GSource *source, *late;
} Ask;

static void ask_free(gpointer data) {
  Ask *ask = data;
  drop_source(ask->source);
  drop_source(ask->late);
  close(ask->fd);
  close(ask->reply_fd);
  g_free(ask->vpc_id);
  g_free(ask);
}

static void ask_end(Ask *ask) {
  Egress *egress = ask->egress;
  g_mutex_lock(&egress->lock);
  g_hash_table_remove(egress->questions, ask);
  g_mutex_unlock(&egress->lock);
}

static void ask_reply(const Ask *ask, const guint8 *bytes, gsize size) {
  guint8 head[2] = {(guint8) (size >> 8), (guint8) size};
  struct iovec parts[2] = {{head, 2}, {(void *) bytes, size}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  ssize_t n = ask->tcp ? sendmsg(ask->reply_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL)
                       : sendto(ask->reply_fd, bytes, size, MSG_DONTWAIT, (const struct sockaddr *) &ask->client, ask->client_size);
  if (n < 0)
    log_debug("egress: a name's answer: %s", g_strerror(errno));
}

static gboolean ask_answered(gint fd, GIOCondition condition, gpointer data) {
  Ask *ask = data;
  guint8 bytes[4096];
  (void) condition;
  ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (n > 0) {
    resolver_note(ask->egress->fabric, ask->vpc_id, ask->from, bytes, (gsize) n);
    ask_reply(ask, bytes, (gsize) n);
  }
  ask_end(ask);
  return G_SOURCE_REMOVE;
}

static gboolean ask_late(gpointer data) {
  ask_end(data);
  return G_SOURCE_REMOVE;
}

/* The first name server of the host, as /etc/resolv.conf has it now. */
static gboolean host_resolver(Ip *ret_address) {
  g_autofree char *text = NULL;
  if (!g_file_get_contents("/etc/resolv.conf", &text, NULL, NULL))
    return FALSE;
  g_auto(GStrv) lines = g_strsplit(text, "\n", 64);
  for (char **line = lines; *line; line++) {
    if (!g_str_has_prefix(*line, "nameserver"))
      continue;
    char *address = g_strstrip(*line + strlen("nameserver"));
    if (ip_parse(address, ret_address))
      return TRUE;
  }
  return FALSE;
}

gboolean egress_ask(Egress *egress, const EgressQuestion *question) {
  Ip server = {0};
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&egress->lock);
  if (g_hash_table_size(egress->questions) >= ASKS_MAX || !host_resolver(&server))
    return FALSE;
  int fd = egress->dial(SOCK_DGRAM, server, 53);
  if (fd < 0)
    return FALSE;
  if (send(fd, question->query, question->size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    close(fd);
    return FALSE;
  }
  Ask *ask = g_new0(Ask, 1);
  *ask = (Ask){egress, g_strdup(question->vpc_id), question->from, fd, fcntl(question->reply_fd, F_DUPFD_CLOEXEC, 3), question->tcp, {0}, question->client_size, g_unix_fd_source_new(fd, G_IO_IN),
               g_timeout_source_new(ASK_MS)};
  if (question->client)
    memcpy(&ask->client, question->client, question->client_size);
  g_source_set_callback(ask->source, G_SOURCE_FUNC(ask_answered), ask, NULL);
  g_source_set_callback(ask->late, ask_late, ask, NULL);
  g_source_attach(ask->late, egress->context);
  g_source_attach(ask->source, egress->context);
  g_hash_table_add(egress->questions, ask);
  return TRUE;
}

/* --- the whole --- */

static gpointer run(gpointer data) {
  Egress *egress = data;
  g_main_context_push_thread_default(egress->context);
  g_main_loop_run(egress->loop);
  g_main_context_pop_thread_default(egress->context);
  return NULL;
}

typedef struct Listener { int fd; GSource *source; } Listener;

static void listener_free(gpointer data) {
  Listener *listener = data;
  drop_source(listener->source);
  close(listener->fd);
  g_free(listener);
}

static Error *open_listener(Egress *egress, WardenSocketKind kind, gboolean ipv6, GUnixFDSourceFunc function) {
  WardenSocket spec = {.kind = kind, .ipv6 = ipv6, .port = EGRESS_PORT, .transparent = TRUE};
  int fd = -1;
  TRY(warden_socket(egress->fabric->warden, egress->fabric->edge, &spec, &fd));
  Listener *listener = g_new0(Listener, 1);
  *listener = (Listener){fd, g_unix_fd_source_new(fd, G_IO_IN)};
  g_source_set_callback(listener->source, G_SOURCE_FUNC(function), egress, NULL);
  g_source_attach(listener->source, egress->context);
  g_ptr_array_add(egress->listeners, listener);
  return NULL;
}

/* What is not global goes on to the region's own, or to nowhere: silence, as behind an internet gateway. */
static void add_refused(GString *out, gboolean ipv6) {
  const char *separator = "";
  g_string_append_printf(out, "add rule inet egress pre %s daddr { ", ipv6 ? "ip6" : "ip");
  for (const char *const *range = reach_not_global; *range; range++)
    if ((strchr(*range, ':') != NULL) == ipv6) {
      g_string_append_printf(out, "%s%s", separator, *range);
      separator = ", ";
    }
  g_string_append(out, " } accept\n");
}

/* In the edge: what comes from gateways (i, q) or functions without a VPC (o) and is not for the region itself goes to the listeners. */
static char *rules_of(gboolean ipv6) {
  static const char *const devices[] = {"i*", "q*", "o*"};
  GString *out = g_string_new("add table inet egress\nadd chain inet egress pre { type filter hook prerouting priority mangle; policy accept; }\n");
  add_refused(out, FALSE);
  add_refused(out, TRUE);
  for (gsize i = 0; i < G_N_ELEMENTS(devices); i++)
    for (int v6 = 0; v6 <= (ipv6 ? 1 : 0); v6++)
      g_string_append_printf(out, "add rule inet egress pre iifname \"%s\" meta nfproto %s meta l4proto { tcp, udp } tproxy %s to :%d meta mark set %d accept\n",
                             devices[i], v6 ? "ipv6" : "ipv4", v6 ? "ip6" : "ip", EGRESS_PORT, EGRESS_MARK);
  return g_string_free(out, FALSE);
}

static Error *open_family(Egress *egress, gboolean ipv6) {
  g_autoptr(GArray) ops = net_ops();
  net_rule(ops, NET_RULE, ipv6, 50, EGRESS_MARK, EGRESS_TABLE);
  net_route(ops, NET_ROUTE_LOCAL, "lo", ipv6 ? &any6 : &any4, no_ip, EGRESS_TABLE, 0);
  TRY(net_run(egress->fabric, egress->fabric->edge, ops));
  TRY(open_listener(egress, WARDEN_SOCKET_TCP, ipv6, accept_ready));
  return open_listener(egress, WARDEN_SOCKET_UDP, ipv6, datagram_ready);
}

static Error *open_all(Egress *egress) {
  Fabric *fabric = egress->fabric;
  g_autofree char *rules = rules_of(fabric->ipv6);
  TRY(open_family(egress, FALSE));
  if (fabric->ipv6)
    TRY(open_family(egress, TRUE));
  return warden_nft(fabric->warden, fabric->edge, rules);
}

Error *egress_new(Fabric *fabric, Egress **ret_egress) {
  Egress *egress = g_new0(Egress, 1);
  egress->fabric = fabric;
  egress->dial = dial_host;
  egress->context = g_main_context_new();
  egress->loop = g_main_loop_new(egress->context, FALSE);
  egress->listeners = g_ptr_array_new_with_free_func(listener_free);
  egress->pairs = g_hash_table_new_full(NULL, NULL, pair_free, NULL);
  egress->streams = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, stream_free);
  egress->questions = g_hash_table_new_full(NULL, NULL, ask_free, NULL);
  g_mutex_init(&egress->lock);
  Error *error = open_all(egress);
  egress->thread = g_thread_new("fabric-egress", run, egress);
  if (error) {
    egress_free(egress);
    return error;
  }
  *ret_egress = egress;
  return NULL;
}

void egress_set_dial(Egress *egress, EgressDial dial) { egress->dial = dial; }

void egress_free(Egress *egress) {
  if (!egress)
    return;
  while (!g_main_loop_is_running(egress->loop))
    g_thread_yield();
  g_main_loop_quit(egress->loop);
  g_main_context_wakeup(egress->context);
  g_thread_join(egress->thread);
  g_ptr_array_unref(egress->listeners);
  g_hash_table_unref(egress->pairs);
  g_hash_table_unref(egress->streams);
  g_hash_table_unref(egress->questions);
  g_main_loop_unref(egress->loop);
  g_main_context_unref(egress->context);
  g_mutex_clear(&egress->lock);
  g_free(egress);
}
