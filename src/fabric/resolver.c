/* resolver: the sockets of a VPC's resolver, and the messages on them. */
#include "fabric/egress.h"

#include <errno.h>
#include <glib-unix.h>
#include <ldns/ldns.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUERY_MAX = 4096 };

/* --- messages --- */

static void add_record(ldns_pkt *packet, const ldns_rdf *owner, ldns_rr_type type, guint ttl, ldns_rdf *data) {
  ldns_rr *record = ldns_rr_new();
  ldns_rr_set_owner(record, ldns_rdf_clone(owner));
  ldns_rr_set_type(record, type);
  ldns_rr_set_class(record, LDNS_RR_CLASS_IN);
  ldns_rr_set_ttl(record, ttl);
  ldns_rr_push_rdf(record, data);
  ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, record);
}

/* The addresses of the family that was asked for. */
static void add_addresses(ldns_pkt *packet, const ldns_rdf *owner, ldns_rr_type type, guint ttl, const GArray *addresses) {
  gboolean v4 = type == LDNS_RR_TYPE_A;
  for (guint i = 0; (v4 || type == LDNS_RR_TYPE_AAAA) && i < addresses->len; i++) {
    Ip address = g_array_index(addresses, Ip, i);
    guint8 wire[16];
    ip_bytes(address, wire);
    if (ip_is4(address) == v4)
      add_record(packet, owner, type, ttl, ldns_rdf_new_frm_data(v4 ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA, v4 ? 4 : 16, wire));
  }
}

/* Fills in the answer section. FALSE: there is no such name. */
static gboolean fill(Fabric *fabric, const char *vpc_id, const Network *network, Arena *arena, const char *name, const ldns_rr *question, ldns_pkt *packet) {
  g_autoptr(GArray) addresses = g_array_new(FALSE, FALSE, sizeof(Ip));
  ldns_rdf *owner = ldns_rr_owner(question), *alias = NULL;
  ldns_rr_type type = ldns_rr_get_type(question);
  const char *target = NULL, *pointer = type == LDNS_RR_TYPE_PTR ? name_of_address(fabric, network, arena, name) : NULL;
  guint ttl = 0;
  if (pointer) {
    add_record(packet, owner, LDNS_RR_TYPE_PTR, 60, ldns_dname_new_frm_str(pointer));
    return TRUE;
  }
  if (!name_find(fabric, network, arena, name, addresses, &target, &ttl))
    return FALSE;
  if (target && (alias = ldns_dname_new_frm_str(target)))
    add_record(packet, owner, LDNS_RR_TYPE_CNAME, ttl, ldns_rdf_clone(alias));
  add_addresses(packet, alias ? alias : owner, type, ttl, addresses);
  ldns_rdf_deep_free(alias);
  asked_note(fabric, vpc_id, name, addresses);
  return TRUE;
}

static char *question_name(Arena *arena, const ldns_rr *question) {
  char *text = ldns_rdf2str(ldns_rr_owner(question));
  char *name = arena_strdup(arena, text);
  LDNS_FREE(text);
  gsize size = strlen(name);
  if (size > 1 && name[size - 1] == '.')
    name[size - 1] = 0;
  for (char *at = name; *at; at++)
    *at = g_ascii_tolower(*at);
  return name;
}

/* FALSE: there is no such name. */
static gboolean fill_for(Fabric *fabric, const char *vpc_id, const ldns_rr *question, ldns_pkt *packet) {
  g_autoptr(Arena) arena = arena_new();
  const char *name = question_name(arena, question);
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  const Vpc *vpc = vpc_id ? g_hash_table_lookup(fabric->vpcs, vpc_id) : NULL;
  return fill(fabric, vpc_id, vpc ? vpc->network : NULL, arena, name, question, packet);
}

/* The VPC's attributes may switch its resolver off. */
static gboolean is_silent(Fabric *fabric, const char *vpc_id, Ip from, const ldns_rr *question) {
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  const Vpc *vpc = vpc_id ? g_hash_table_lookup(fabric->vpcs, vpc_id) : NULL;
  if (!vpc_id || !vpc || !vpc->network || vpc->network->dns_support)
    return vpc_id && (!vpc || !vpc->network);
  asked_refuse(fabric, vpc_id, question_name(arena, question), from, NAME_DNS_OFF);
  return TRUE;
}

/* A fault of the VPC's resolver, or NULL; that it failed is noted. *ret_silent: it says nothing, else SERVFAIL. */
static gboolean is_failing(Fabric *fabric, const char *vpc_id, Ip from, const ldns_rr *question, gboolean *ret_silent) {
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  const FabricFault *fault = faults_dns(fabric, vpc_id);
  if (!fault)
    return FALSE;
  asked_refuse(fabric, vpc_id, question_name(arena, question), from, NAME_FAULT);
  *ret_silent = fault->value != 0;
  return TRUE;
}

static void refuse(Fabric *fabric, const char *vpc_id, Ip from, const ldns_rr *question) {
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  asked_refuse(fabric, vpc_id, question_name(arena, question), from, NAME_UNKNOWN);
}

/* Of all records, whatever they are the addresses of: what a name led to behind aliases is its own. */
static void note_addresses(Fabric *fabric, const char *vpc_id, const char *name, const ldns_rr_list *answers) {
  g_autoptr(GArray) addresses = g_array_new(FALSE, FALSE, sizeof(Ip));
  for (size_t i = 0; i < ldns_rr_list_rr_count(answers); i++) {
    const ldns_rr *record = ldns_rr_list_rr(answers, i);
    const ldns_rdf *data = ldns_rr_rd_count(record) ? ldns_rr_rdf(record, 0) : NULL;
    const guint8 *wire = data ? ldns_rdf_data(data) : NULL;
    Ip address = {0};
    if (wire && ldns_rr_get_type(record) == LDNS_RR_TYPE_A && ldns_rdf_size(data) == 4)
      address = ip_of4((guint32) wire[0] << 24 | (guint32) wire[1] << 16 | (guint32) wire[2] << 8 | wire[3]);
    if (wire && ldns_rr_get_type(record) == LDNS_RR_TYPE_AAAA && ldns_rdf_size(data) == 16)
      address = ip_of_bytes(wire);
    if (!ip_none(address))
      g_array_append_val(addresses, address);
  }
  asked_note(fabric, vpc_id, name, addresses);
}

void resolver_note(Fabric *fabric, const char *vpc_id, Ip from, const guint8 *answer, gsize size) {
  g_autoptr(Arena) arena = arena_new();
  ldns_pkt *packet = NULL;
  if (ldns_wire2pkt(&packet, answer, size) != LDNS_STATUS_OK)
    return;
  const ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(packet), 0);
  g_mutex_lock(&fabric->lock);
  if (question && ldns_pkt_get_rcode(packet) == LDNS_RCODE_NXDOMAIN)
    asked_refuse(fabric, vpc_id, question_name(arena, question), from, NAME_UNKNOWN);
  else if (question)
    note_addresses(fabric, vpc_id, question_name(arena, question), ldns_pkt_answer(packet));
  g_mutex_unlock(&fabric->lock);
  ldns_pkt_free(packet);
}

/* Who asks: vpc_id, from. own: see FabricZones. */
static gboolean zones_answer(Fabric *fabric, const char *vpc_id, Ip from, gboolean own, const guint8 *query, gsize size, GByteArray *out) {
  g_rw_lock_reader_lock(&fabric->zones_lock);
  gboolean answered = fabric->zones.message && fabric->zones.message(fabric->zones.data, vpc_id, own, query, size, out);
  g_rw_lock_reader_unlock(&fabric->zones_lock);
  if (answered && out->len)
    resolver_note(fabric, vpc_id, from, out->data, out->len);
  return answered;
}

static gboolean is_zoned(Fabric *fabric, const char *vpc_id, const ldns_rr *question) {
  g_autoptr(Arena) arena = arena_new();
  return zone_is_first(fabric, vpc_id, question_name(arena, question));
}

/* Private zones first, then what the fabric knows, then public zones. */
gboolean resolver_answer(Fabric *fabric, const char *vpc_id, Ip from, const guint8 *query, gsize size, GByteArray *out) {
  ldns_pkt *asked = NULL;
  if (size > QUERY_MAX || ldns_wire2pkt(&asked, query, size) != LDNS_STATUS_OK)
    return FALSE;
  const ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(asked), 0);
  gboolean good = !ldns_pkt_qr(asked) && question && !is_silent(fabric, vpc_id, from, question), silent = FALSE;
  gboolean failing = good && is_failing(fabric, vpc_id, from, question, &silent);
  good = good && !silent;
  gboolean elsewhere = FALSE, zoned = good && !failing && is_zoned(fabric, vpc_id, question) && zones_answer(fabric, vpc_id, from, TRUE, query, size, out);
  ldns_pkt *packet = ldns_pkt_new();
  ldns_pkt_set_id(packet, ldns_pkt_id(asked));
  ldns_pkt_set_qr(packet, TRUE);
  ldns_pkt_set_rd(packet, ldns_pkt_rd(asked));
  ldns_pkt_set_ra(packet, TRUE);
  if (good && !zoned) {
    ldns_pkt_push_rr(packet, LDNS_SECTION_QUESTION, ldns_rr_clone(question));
    if (failing) {
      ldns_pkt_set_rcode(packet, LDNS_RCODE_SERVFAIL);
    } else if (!fill_for(fabric, vpc_id, question, packet)) {
      zoned = zones_answer(fabric, vpc_id, from, FALSE, query, size, out);
      ldns_pkt_set_rcode(packet, LDNS_RCODE_NXDOMAIN);
      elsewhere = !zoned && fabric->egress;
      if (!zoned && !elsewhere)
        refuse(fabric, vpc_id, from, question);
    }
  }
  guint8 *wire = NULL;
  size_t wire_size = 0;
  if (good && !zoned && !elsewhere && ldns_pkt2wire(&wire, packet, &wire_size) == LDNS_STATUS_OK)
    g_byte_array_append(out, wire, (guint) wire_size);
  LDNS_FREE(wire);
  ldns_pkt_free(packet);
  ldns_pkt_free(asked);
  return good && (out->len > 0 || elsewhere);
}

/* --- sockets --- */

typedef struct Resolver { Fabric *fabric; char *vpc_id; int fd; } Resolver;

static void resolver_free(gpointer data) {
  Resolver *resolver = data;
  close(resolver->fd);
  g_free(resolver->vpc_id);
  g_free(resolver);
}

static gboolean udp_readable(gint fd, GIOCondition condition, gpointer data) {
  const Resolver *resolver = data;
  guint8 query[QUERY_MAX];
  struct sockaddr_storage from;
  guint16 port = 0;
  (void) condition;
  for (;;) {
    socklen_t size = sizeof from;
    ssize_t n = recvfrom(fd, query, sizeof query, MSG_DONTWAIT, (struct sockaddr *) &from, &size);
    if (n < 0)
      return G_SOURCE_CONTINUE;
    g_autoptr(GByteArray) out = g_byte_array_new();
    Ip asker = ip_of_sockaddr((struct sockaddr *) &from, &port);
    EgressQuestion elsewhere = {query, (gsize) n, resolver->vpc_id, asker, fd, FALSE, (struct sockaddr *) &from, size};
    if (!resolver_answer(resolver->fabric, resolver->vpc_id, asker, query, (gsize) n, out))
      continue;
    if (out->len)
      sendto(fd, out->data, out->len, MSG_DONTWAIT, (struct sockaddr *) &from, size);
    else
      egress_ask(resolver->fabric->egress, &elsewhere);
  }
}

typedef struct Client { Resolver resolver; Ip from; GByteArray *in; } Client;

static void client_free(gpointer data) {
  Client *client = data;
  close(client->resolver.fd);
  g_free(client->resolver.vpc_id);
  g_byte_array_unref(client->in);
  g_free(client);
}

static void client_answer(Client *client, gsize size) {
  g_autoptr(GByteArray) out = g_byte_array_new();
  if (!resolver_answer(client->resolver.fabric, client->resolver.vpc_id, client->from, client->in->data + 2, size, out))
    return;
  if (out->len == 0) {
    egress_ask(client->resolver.fabric->egress, &(EgressQuestion){client->in->data + 2, size, client->resolver.vpc_id, client->from, client->resolver.fd, TRUE, NULL, 0});
    return;
  }
  guint8 head[2] = {(guint8) (out->len >> 8), (guint8) out->len};
  g_byte_array_prepend(out, head, sizeof head);
  if (send(client->resolver.fd, out->data, out->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    log_debug("a resolver's client: %s", g_strerror(errno));
}

static gboolean client_readable(gint fd, GIOCondition condition, gpointer data) {
  Client *client = data;
  guint8 bytes[QUERY_MAX + 2];
  (void) condition;
  ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN)
    return G_SOURCE_CONTINUE;
  if (n <= 0 || client->in->len + (gsize) n > QUERY_MAX + 2)
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

static gboolean tcp_readable(gint fd, GIOCondition condition, gpointer data) {
  const Resolver *resolver = data;
  (void) condition;
  struct sockaddr_storage from = {0};
  socklen_t size = sizeof from;
  guint16 port = 0;
  int accepted = accept4(fd, (struct sockaddr *) &from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (accepted < 0)
    return G_SOURCE_CONTINUE;
  Client *client = g_new0(Client, 1);
  client->resolver = (Resolver){resolver->fabric, g_strdup(resolver->vpc_id), accepted};
  client->from = ip_of_sockaddr((struct sockaddr *) &from, &port);
  client->in = g_byte_array_new();
  g_autoptr(GSource) source = g_unix_fd_source_new(accepted, G_IO_IN | G_IO_HUP);
  g_source_set_callback(source, G_SOURCE_FUNC(client_readable), client, client_free);
  g_source_attach(source, resolver->fabric->context);
  return G_SOURCE_CONTINUE;
}

static Error *open_one(Fabric *fabric, Netns netns, const char *vpc_id, const WardenSocket *spec, GUnixFDSourceFunc function, GSource **ret_source) {
  int fd = -1;
  TRY(warden_socket(fabric->warden, netns, spec, &fd));
  Resolver *resolver = g_new0(Resolver, 1);
  *resolver = (Resolver){fabric, g_strdup(vpc_id), fd};
  *ret_source = g_unix_fd_source_new(fd, G_IO_IN);
  g_source_set_callback(*ret_source, G_SOURCE_FUNC(function), resolver, resolver_free);
  g_source_attach(*ret_source, fabric->context);
  return NULL;
}

Error *resolver_open(Fabric *fabric, Netns netns, const char *vpc_id, Ip address, GSource **ret_udp, GSource **ret_tcp) {
  WardenSocket spec = {.kind = WARDEN_SOCKET_UDP, .port = 53, .ipv6 = !ip_is4(address)};
  ip_bytes(address, spec.address);
  TRY(open_one(fabric, netns, vpc_id, &spec, udp_readable, ret_udp));
  spec.kind = WARDEN_SOCKET_TCP;
  spec.backlog = 16;
  return open_one(fabric, netns, vpc_id, &spec, tcp_readable, ret_tcp);
}
