/* flows: what passed a VPC's router, counted by connection, and what it dropped.
 *
 * The kernel counts (nf_conntrack_acct). A connection that ends tells its last counts; those that live are asked for at each look, and their
 * counters begin again at zero, so that no packet is told twice. A packet that a rule drops has no entry: it is counted from the log of drops.
 * Nothing is listened to unless somebody watches the VPC. */
#include "fabric/vpc.h"

#include <errno.h>
#include <glib-unix.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FLOWS_MAX = 200000, READ_SECONDS = 5 };

enum { FLAG_FIN = 1, FLAG_SYN = 2, FLAG_RST = 4, FLAG_SYN_ACK = 18 };

/* What names a connection: no padding, so that its bytes are its identity. */
typedef struct FlowKey {
  Ip source, destination;
  guint16 source_port, destination_port;
  guint8 protocol, accepted, stage, reply;
} FlowKey;

struct FlowWatch {
  GHashTable *flows;    /* FlowKey -> Flow */
  gint64 since_ms;
  guint64 lost;         /* more than FLOWS_MAX at once */
};

static guint key_hash(gconstpointer data) {
  const guint32 *words = data;
  guint hash = 17;
  for (gsize i = 0; i < sizeof(FlowKey) / sizeof *words; i++)
    hash = hash * 31 + words[i];
  return hash;
}

static gboolean key_equal(gconstpointer a, gconstpointer b) { return memcmp(a, b, sizeof(FlowKey)) == 0; }

static void watch_free(gpointer data) {
  FlowWatch *watch = data;
  g_hash_table_unref(watch->flows);
  g_free(watch);
}

GHashTable *flows_new(void) { return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, watch_free); }

/* --- reading the kernel's messages --- */

static gboolean read_address(const struct nlattr *attribute, gsize size, Ip *ret_ip) {
  guint8 bytes[16] = {0};
  if (mnl_attr_get_payload_len(attribute) != size)
    return FALSE;
  memcpy(bytes, mnl_attr_get_payload(attribute), size);
  *ret_ip = size == 4 ? ip_of4((guint32) bytes[0] << 24 | (guint32) bytes[1] << 16 | (guint32) bytes[2] << 8 | bytes[3]) : ip_of_bytes(bytes);
  return TRUE;
}

static guint16 read_u16(const struct nlattr *attribute) {
  const guint8 *at = mnl_attr_get_payload(attribute);
  return mnl_attr_get_payload_len(attribute) >= 2 ? (guint16) (at[0] << 8 | at[1]) : 0;
}

static guint8 read_u8(const struct nlattr *attribute) {
  return mnl_attr_get_payload_len(attribute) >= 1 ? *(const guint8 *) mnl_attr_get_payload(attribute) : 0;
}

static guint64 read_u64(const struct nlattr *attribute) {
  const guint8 *at = mnl_attr_get_payload(attribute);
  guint64 value = 0;
  for (gsize i = 0; mnl_attr_get_payload_len(attribute) >= 8 && i < 8; i++)
    value = value << 8 | at[i];
  return value;
}

typedef struct Tuple { Ip source, destination; guint16 source_port, destination_port; guint8 protocol; } Tuple;

static void read_proto(const struct nlattr *nest, Tuple *tuple) {
  const struct nlattr *attribute;
  mnl_attr_for_each_nested(attribute, nest) {
    switch (mnl_attr_get_type(attribute)) {
    case CTA_PROTO_NUM: tuple->protocol = read_u8(attribute); break;
    case CTA_PROTO_SRC_PORT: tuple->source_port = read_u16(attribute); break;
    case CTA_PROTO_DST_PORT: tuple->destination_port = read_u16(attribute); break;
    default: break;
    }
  }
}

/* FALSE: an address is not one. */
static gboolean read_ips(const struct nlattr *nest, Tuple *tuple) {
  const struct nlattr *attribute;
  gboolean good = TRUE;
  mnl_attr_for_each_nested(attribute, nest) {
    switch (mnl_attr_get_type(attribute)) {
    case CTA_IP_V4_SRC: good = good && read_address(attribute, 4, &tuple->source); break;
    case CTA_IP_V4_DST: good = good && read_address(attribute, 4, &tuple->destination); break;
    case CTA_IP_V6_SRC: good = good && read_address(attribute, 16, &tuple->source); break;
    case CTA_IP_V6_DST: good = good && read_address(attribute, 16, &tuple->destination); break;
    default: break;
    }
  }
  return good;
}

static gboolean read_tuple(const struct nlattr *nest, Tuple *ret_tuple) {
  const struct nlattr *attribute;
  gboolean good = TRUE;
  mnl_attr_for_each_nested(attribute, nest) {
    if (mnl_attr_get_type(attribute) == CTA_TUPLE_IP)
      good = good && read_ips(attribute, ret_tuple);
    else if (mnl_attr_get_type(attribute) == CTA_TUPLE_PROTO)
      read_proto(attribute, ret_tuple);
  }
  return good;
}

static void read_counters(const struct nlattr *nest, guint64 *packets, guint64 *bytes) {
  const struct nlattr *attribute;
  mnl_attr_for_each_nested(attribute, nest) {
    if (mnl_attr_get_type(attribute) == CTA_COUNTERS_PACKETS)
      *packets = read_u64(attribute);
    else if (mnl_attr_get_type(attribute) == CTA_COUNTERS_BYTES)
      *bytes = read_u64(attribute);
  }
}

/* TCP's state, or -1. */
static int read_state(const struct nlattr *nest) {
  const struct nlattr *protocol, *attribute;
  mnl_attr_for_each_nested(protocol, nest)
    if (mnl_attr_get_type(protocol) == CTA_PROTOINFO_TCP)
      mnl_attr_for_each_nested(attribute, protocol)
        if (mnl_attr_get_type(attribute) == CTA_PROTOINFO_TCP_STATE)
          return read_u8(attribute);
  return -1;
}

/* What the peers must have sent for the connection to be in this state, as far as the state tells. */
static void set_flags(Flow *flow, int state, gboolean opened) {
  if (opened && state >= 0)
    flow->tcp_flags[0] |= FLAG_SYN;
  if (opened && state >= TCP_CONNTRACK_SYN_RECV && state < TCP_CONNTRACK_CLOSE)
    flow->tcp_flags[1] |= FLAG_SYN_ACK;
  if (state == TCP_CONNTRACK_SYN_RECV)
    flow->tcp_flags[1] |= FLAG_SYN_ACK;
  if (state == TCP_CONNTRACK_FIN_WAIT)
    flow->tcp_flags[0] |= FLAG_FIN;
  if (state == TCP_CONNTRACK_CLOSE_WAIT || state == TCP_CONNTRACK_LAST_ACK || state == TCP_CONNTRACK_TIME_WAIT) {
    flow->tcp_flags[0] |= FLAG_FIN;
    flow->tcp_flags[1] |= FLAG_FIN;
  }
  if (state == TCP_CONNTRACK_CLOSE)
    flow->tcp_flags[1] |= FLAG_RST;
}

gboolean flow_parse(const void *data, gsize size, Flow *ret_flow) {
  const struct nlmsghdr *message = data;
  const struct nlattr *attribute;
  Tuple tuples[2] = {0};
  Flow flow = {.accepted = TRUE};
  int state = -1;
  gboolean good = TRUE, named = FALSE;
  if (size < sizeof *message || !mnl_nlmsg_ok(message, (int) MIN(size, G_MAXINT)) || message->nlmsg_type >> 8 != NFNL_SUBSYS_CTNETLINK ||
      message->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg))
    return FALSE;
  mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg)) {
    switch (mnl_attr_get_type(attribute)) {
    case CTA_TUPLE_ORIG: good = good && (named = read_tuple(attribute, &tuples[0])); break;
    case CTA_TUPLE_REPLY: good = good && read_tuple(attribute, &tuples[1]); break;
    case CTA_COUNTERS_ORIG: read_counters(attribute, &flow.packets[0], &flow.bytes[0]); break;
    case CTA_COUNTERS_REPLY: read_counters(attribute, &flow.packets[1], &flow.bytes[1]); break;
    case CTA_PROTOINFO: state = read_state(attribute); break;
    default: break;
    }
  }
  if (!good || !named)
    return FALSE;
  flow.protocol = tuples[0].protocol;
  flow.source = tuples[0].source;
  flow.destination = tuples[0].destination;
  flow.source_port = tuples[0].source_port;
  flow.destination_port = tuples[0].destination_port;
  flow.reply_source = tuples[1].source;
  flow.reply_destination = tuples[1].destination;
  set_flags(&flow, state, (message->nlmsg_type & 0xff) == IPCTNL_MSG_CT_NEW && (message->nlmsg_flags & NLM_F_CREATE) != 0 && (message->nlmsg_flags & NLM_F_MULTI) == 0);
  *ret_flow = flow;
  return TRUE;
}

/* --- counting; lock held --- */

static void count(FlowWatch *watch, const Flow *seen, gint64 start_ms) {
  FlowKey key;
  memset(&key, 0, sizeof key);
  key.source = seen->source;
  key.destination = seen->destination;
  key.source_port = seen->source_port;
  key.destination_port = seen->destination_port;
  key.protocol = seen->protocol;
  key.accepted = seen->accepted != 0;
  key.stage = seen->accepted ? 0 : (guint8) seen->stage;
  key.reply = seen->reply != 0;
  Flow *flow = g_hash_table_lookup(watch->flows, &key);
  if (!flow && g_hash_table_size(watch->flows) >= FLOWS_MAX) {
    watch->lost++;
    return;
  }
  if (!flow) {
    flow = g_memdup2(seen, sizeof *seen);
    flow->start_ms = start_ms;
    flow->end_ms = clock_now();
    g_hash_table_insert(watch->flows, g_memdup2(&key, sizeof key), flow);
    return;
  }
  for (gsize i = 0; i < 2; i++) {
    flow->packets[i] += seen->packets[i];
    flow->bytes[i] += seen->bytes[i];
    flow->tcp_flags[i] |= seen->tcp_flags[i];
  }
  flow->end_ms = clock_now();
}

/* Each message of one read. opened: events, of which a first one tells when the connection began. */
static void count_messages(Fabric *fabric, const char *vpc_id, const void *data, gsize size, gboolean events, gboolean *ret_done) {
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  FlowWatch *watch = g_hash_table_lookup(fabric->flows, vpc_id);
  const guint8 *at = data;
  for (gsize left = size; left >= sizeof(struct nlmsghdr);) {
    const struct nlmsghdr *message = (const void *) at;
    gsize step = MNL_ALIGN(message->nlmsg_len);
    Flow flow;
    if (message->nlmsg_len < sizeof *message || step > left)
      break;
    if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
      *ret_done = TRUE;
    else if (watch && flow_parse(message, left, &flow))
      count(watch, &flow, events && (message->nlmsg_flags & NLM_F_CREATE) ? clock_now() : watch->since_ms);
    at += step;
    left -= step;
  }
}

void flows_dropped(Fabric *fabric, const char *vpc_id, const Drop *drop) {
  FlowWatch *watch = g_hash_table_lookup(fabric->flows, vpc_id);
  Flow flow = {.protocol = drop->protocol, .stage = drop->stage, .reply = drop->reply, .source_port = drop->source_port, .destination_port = drop->destination_port,
               .packets = {1, 0}, .bytes = {drop->size, 0}, .tcp_flags = {drop->tcp_flags & (FLAG_FIN | FLAG_SYN | FLAG_RST), 0}};
  if (!watch || !ip_parse(drop->source, &flow.source) || !ip_parse(drop->destination, &flow.destination))
    return;
  if (drop->tcp_flags & FLAG_SYN && drop->reply)
    flow.tcp_flags[0] = FLAG_SYN_ACK;
  if (drop->protocol != IPPROTO_TCP && drop->protocol != IPPROTO_UDP)
    flow.source_port = flow.destination_port = 0;
  count(watch, &flow, clock_now());
}

/* --- listening --- */

typedef struct Reader { Fabric *fabric; char *vpc_id; int fd; } Reader;

static void reader_free(gpointer data) {
  Reader *reader = data;
  close(reader->fd);
  g_free(reader->vpc_id);
  g_free(reader);
}

static gboolean readable(gint fd, GIOCondition condition, gpointer data) {
  const Reader *reader = data;
  guint32 buffer[16384];
  gboolean done = FALSE;
  ssize_t n;
  (void) condition;
  while ((n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0)
    count_messages(reader->fabric, reader->vpc_id, buffer, (gsize) n, TRUE, &done);
  return G_SOURCE_CONTINUE;
}

Error *flows_open(Vpc *vpc, GSource **ret_source) {
  WardenSocket spec = {.kind = WARDEN_SOCKET_FLOWS};
  int fd = -1;
  *ret_source = NULL;
  g_mutex_lock(&vpc->fabric->lock);
  gboolean watched = g_hash_table_contains(vpc->fabric->flows, vpc->id);
  g_mutex_unlock(&vpc->fabric->lock);
  if (!watched)
    return NULL;
  TRY(warden_socket(vpc->fabric->warden, vpc->router, &spec, &fd));
  Reader *reader = g_new0(Reader, 1);
  *reader = (Reader){vpc->fabric, g_strdup(vpc->id), fd};
  *ret_source = g_unix_fd_source_new(fd, G_IO_IN);
  g_source_set_callback(*ret_source, (GSourceFunc) (void (*)(void)) readable, reader, reader_free);
  g_source_attach(*ret_source, vpc->fabric->context);
  return NULL;
}

/* Asks for the counters of what lives. */
static Error *look(Fabric *fabric, const char *vpc_id, Netns router) {
  WardenSocket spec = {.kind = WARDEN_SOCKET_FLOW_DUMP};
  struct timeval patience = {.tv_sec = READ_SECONDS};
  g_autofree guint32 *buffer = g_malloc(1 << 18);
  int fd = -1;
  gboolean done = FALSE;
  ssize_t n = 0;
  TRY(warden_socket(fabric->warden, router, &spec, &fd));
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  while (!done && (n = recv(fd, buffer, 1 << 18, 0)) > 0)
    count_messages(fabric, vpc_id, buffer, (gsize) n, FALSE, &done);
  int number = errno;
  close(fd);
  return done || n >= 0 ? NULL : error_fault("connection tracking of %s: %s", vpc_id, g_strerror(number));
}

void fabric_flows_watch(Fabric *fabric, const char *vpc_id, gboolean on) {
  g_mutex_lock(&fabric->lock);
  gboolean known = g_hash_table_contains(fabric->flows, vpc_id);
  if (on && !known) {
    FlowWatch *watch = g_new0(FlowWatch, 1);
    watch->flows = g_hash_table_new_full(key_hash, key_equal, g_free, g_free);
    watch->since_ms = clock_now();
    g_hash_table_insert(fabric->flows, g_strdup(vpc_id), watch);
  }
  if (!on)
    g_hash_table_remove(fabric->flows, vpc_id);
  g_mutex_unlock(&fabric->lock);
  if (on != known)
    fabric_flows_changed(fabric, vpc_id);
}

Error *fabric_flows_take(Fabric *fabric, const char *vpc_id, Flow **ret_flows, guint *ret_n) {
  g_mutex_lock(&fabric->lock);
  const Vpc *vpc = g_hash_table_lookup(fabric->vpcs, vpc_id);
  Netns router = vpc ? vpc->router : 0;
  g_mutex_unlock(&fabric->lock);
  *ret_flows = NULL;
  *ret_n = 0;
  if (router)
    TRY(look(fabric, vpc_id, router));
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  FlowWatch *watch = g_hash_table_lookup(fabric->flows, vpc_id);
  if (!watch)
    return NULL;
  Flow *flows = g_new(Flow, g_hash_table_size(watch->flows) + 1);
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init(&iter, watch->flows);
  while (g_hash_table_iter_next(&iter, NULL, &value))
    if (((const Flow *) value)->packets[0] || ((const Flow *) value)->packets[1])
      flows[(*ret_n)++] = *(const Flow *) value;
  g_hash_table_remove_all(watch->flows);
  watch->since_ms = clock_now();
  *ret_flows = flows;
  return NULL;
}
