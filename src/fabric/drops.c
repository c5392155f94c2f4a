/* drops: the kernel's log of what a rule dropped becomes records. One socket a VPC; the watcher thread reads it. */
#include "fabric/vpc.h"

#include <errno.h>
#include <glib-unix.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TCP_ACK = 0x10 };

/* "GO:sg-1,sg-2": the stage by its prefix, then the rule. */
static gboolean parse_prefix(const char *text, gsize size, Drop *drop) {
  for (int stage = 0; stage < STAGE_COUNT; stage++)
    if (size >= 3 && text[2] == ':' && memcmp(text, reach_stages[stage].prefix, 2) == 0) {
      drop->stage = (ReachStage) stage;
      gsize length = strnlen(text + 3, MIN(size - 3, sizeof drop->rule - 1));
      memcpy(drop->rule, text + 3, length);
      return TRUE;
    }
  return FALSE;
}

static guint16 number_at(const guint8 *at) { return (guint16) (at[0] << 8 | at[1]); }

/* What follows the addresses: ports, or ICMP's type and code as the destination's. */
static void parse_ports(const guint8 *at, gsize size, Drop *drop) {
  if ((drop->protocol == IPPROTO_TCP || drop->protocol == IPPROTO_UDP) && size >= 4) {
    drop->source_port = number_at(at);
    drop->destination_port = number_at(at + 2);
    drop->tcp_flags = drop->protocol == IPPROTO_TCP && size > 13 ? at[13] : 0;
    drop->reply = drop->protocol == IPPROTO_TCP ? size > 13 && (at[13] & TCP_ACK) : drop->source_port < 1024 && drop->destination_port >= 1024;
  } else if ((drop->protocol == IPPROTO_ICMP || drop->protocol == IPPROTO_ICMPV6) && size >= 2) {
    drop->destination_port = number_at(at);
  }
}

static gboolean parse_packet(const guint8 *packet, gsize size, Drop *drop) {
  if (size >= 20 && packet[0] >> 4 == 4) {
    gsize head = MAX((gsize) (packet[0] & 15) * 4, 20);
    drop->protocol = packet[9];
    drop->size = number_at(packet + 2);
    inet_ntop(AF_INET, packet + 12, drop->source, sizeof drop->source);
    inet_ntop(AF_INET, packet + 16, drop->destination, sizeof drop->destination);
    parse_ports(packet + MIN(head, size), size - MIN(head, size), drop);
    return TRUE;
  }
  if (size < 40 || packet[0] >> 4 != 6)
    return FALSE;
  drop->protocol = packet[6];   /* extension headers are not looked through */
  drop->size = (guint16) (40 + number_at(packet + 4));
  inet_ntop(AF_INET6, packet + 8, drop->source, sizeof drop->source);
  inet_ntop(AF_INET6, packet + 24, drop->destination, sizeof drop->destination);
  parse_ports(packet + 40, size - 40, drop);
  return TRUE;
}

gboolean drop_parse(const void *data, gsize size, Drop *ret_drop) {
  const struct nlmsghdr *message = data;
  const struct nlattr *attribute;
  gboolean named = FALSE, read = FALSE;
  Drop drop = {.count = 1};
  if (size < sizeof *message || !mnl_nlmsg_ok(message, (int) size) || message->nlmsg_type != ((NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_PACKET) ||
      message->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg))
    return FALSE;
  mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg)) {
    if (mnl_attr_get_type(attribute) == NFULA_PREFIX)
      named = parse_prefix(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute), &drop);
    else if (mnl_attr_get_type(attribute) == NFULA_PAYLOAD)
      read = parse_packet(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute), &drop);
  }
  if (named && read)
    *ret_drop = drop;
  return named && read;
}

static gboolean same_flow(const Drop *a, const Drop *b) {
  return a->stage == b->stage && a->protocol == b->protocol && a->source_port == b->source_port && a->destination_port == b->destination_port &&
         strcmp(a->source, b->source) == 0 && strcmp(a->destination, b->destination) == 0 && strcmp(a->rule, b->rule) == 0 &&
         strcmp(a->vpc_id, b->vpc_id) == 0;
}

static void note_translated(Fabric *fabric, const Drop *drop) {
  Translated *at = &fabric->translated[fabric->n_translated++ % TRANSLATED_KEPT];
  *at = (Translated){.source_port = drop->source_port, .destination_port = drop->destination_port, .protocol = drop->protocol};
  g_strlcpy(at->vpc_id, drop->vpc_id, sizeof at->vpc_id);
  g_strlcpy(at->source, drop->source, sizeof at->source);
  g_strlcpy(at->destination, drop->destination, sizeof at->destination);
}

/* Who sent what a NAT gateway sends: it keeps the port of its sender, as long as no other one has it. */
static void undo_translation(Fabric *fabric, Drop *drop) {
  guint64 first = fabric->n_translated > TRANSLATED_KEPT ? fabric->n_translated - TRANSLATED_KEPT : 0;
  for (guint64 i = fabric->n_translated; i-- > first;) {
    const Translated *at = &fabric->translated[i % TRANSLATED_KEPT];
    if (at->protocol == drop->protocol && at->source_port == drop->source_port && at->destination_port == drop->destination_port &&
        strcmp(at->destination, drop->destination) == 0 && strcmp(at->vpc_id, drop->vpc_id) == 0) {
      g_strlcpy(drop->source, at->source, sizeof drop->source);
      return;
    }
  }
}

/* In the edge a packet of a VPC has its public address: the VPC, and the private address again. NULL: it is of none. */
static const Vpc *undo_public(Fabric *fabric, Drop *drop, Ip source) {
  g_autoptr(Arena) arena = arena_new();
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init(&iter, fabric->vpcs);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    const Vpc *vpc = value;
    const Eni *eni = !vpc->network ? NULL : ip_is4(source) ? network_eni_public(vpc->network, ip_to4(source)) : network_eni_ip(vpc->network, source);
    if (!eni)
      continue;
    g_strlcpy(drop->vpc_id, vpc->id, sizeof drop->vpc_id);
    Ip private = ip_is4(source) ? ip_of4(eni->address) : source;
    for (gsize i = 0; i < eni->n_more && ip_is4(source); i++)
      private = eni->more[i].public_address == ip_to4(source) ? eni->more[i].address : private;
    g_strlcpy(drop->source, ip_text(arena, private), sizeof drop->source);
    return vpc;
  }
  return NULL;
}

/* The sender's interface, or, if the packet came from outside, the receiver's. Without a VPC, the key of the sender's namespace. Lock held. */
static void name_eni(Fabric *fabric, Drop *drop) {
  const Vpc *vpc = g_hash_table_lookup(fabric->vpcs, drop->vpc_id);
  Ip source = {0}, destination = {0};
  if (!*drop->vpc_id && ip_parse(drop->source, &source))
    g_strlcpy(drop->eni_id, outside_at(fabric, source), sizeof drop->eni_id);
  if (!*drop->vpc_id && !*drop->eni_id)
    vpc = undo_public(fabric, drop, source);
  if (!vpc || !vpc->network || !ip_parse(drop->source, &source) || !ip_parse(drop->destination, &destination))
    return;
  const Eni *eni = network_eni_ip(vpc->network, source);
  if (eni && eni->kind == ENI_NAT) {
    undo_translation(fabric, drop);
    eni = ip_parse(drop->source, &source) ? network_eni_ip(vpc->network, source) : eni;
  }
  eni = eni ? eni : network_eni_ip(vpc->network, destination);
  if (eni)
    g_strlcpy(drop->eni_id, eni->id, sizeof drop->eni_id);
}

/* Connection tracking has it: it was logged behind a gateway, and not dropped. */
static gboolean is_let_go(const Drop *drop) { return drop->stage == STAGE_DELIVER && strcmp(drop->rule, "port") != 0; }

void drop_record(Fabric *fabric, const char *vpc_id, Drop *drop) {
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  g_strlcpy(drop->vpc_id, vpc_id, sizeof drop->vpc_id);
  drop->time_ms = clock_now();
  if (drop->stage == STAGE_DELIVER && strcmp(drop->rule, DROP_TRANSLATED) == 0) {
    note_translated(fabric, drop);
    return;
  }
  if (!is_let_go(drop))
    flows_dropped(fabric, vpc_id, drop);
  name_eni(fabric, drop);
  guint64 first = fabric->n_drops > 256 ? fabric->n_drops - 256 : 0;
  for (guint64 i = fabric->n_drops; i-- > first;) {
    Drop *known = &fabric->drops[i % DROPS_KEPT];
    if (same_flow(known, drop)) {
      known->count++;
      known->time_ms = drop->time_ms;
      return;
    }
  }
  drop->sequence = ++fabric->n_drops;
  fabric->drops[(fabric->n_drops - 1) % DROPS_KEPT] = *drop;
}

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
  ssize_t n;
  (void) condition;
  while ((n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {
    const guint8 *at = (const guint8 *) buffer;
    for (gsize left = (gsize) n; left >= sizeof(struct nlmsghdr);) {
      const struct nlmsghdr *message = (const void *) at;
      gsize step = MNL_ALIGN(message->nlmsg_len);
      Drop drop;
      if (step < sizeof *message || step > left)
        break;
      if (drop_parse(message, left, &drop))
        drop_record(reader->fabric, reader->vpc_id, &drop);
      at += step;
      left -= step;
    }
  }
  return G_SOURCE_CONTINUE;
}

static Error *open_at(Fabric *fabric, Netns netns, const char *vpc_id, GSource **ret_source) {
  WardenSocket spec = {.kind = WARDEN_SOCKET_NFLOG, .port = NFLOG_GROUP};
  int fd = -1;
  TRY(warden_socket(fabric->warden, netns, &spec, &fd));
  Reader *reader = g_new0(Reader, 1);
  *reader = (Reader){fabric, g_strdup(vpc_id), fd};
  *ret_source = g_unix_fd_source_new(fd, G_IO_IN);
  g_source_set_callback(*ret_source, G_SOURCE_FUNC(readable), reader, reader_free);
  g_source_attach(*ret_source, fabric->context);
  return NULL;
}

Error *drops_open(Vpc *vpc, GSource **ret_source) { return open_at(vpc->fabric, vpc->router, vpc->id, ret_source); }

Error *drops_open_edge(Fabric *fabric, GSource **ret_source) {
  g_autoptr(Rules) rules = rules_new();
  rules_put(rules, "edge", part_edge());
  g_autofree char *commands = rules_commands(rules);
  TRY(warden_nft(fabric->warden, fabric->edge, commands));
  return open_at(fabric, fabric->edge, "", ret_source);
}

void fabric_drops(Fabric *fabric, const char *vpc_id, gint64 since_ms, guint max, Drop **ret_drops, guint *ret_n) {
  g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(Drop));
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  guint64 first = fabric->n_drops > DROPS_KEPT ? fabric->n_drops - DROPS_KEPT : 0;
  for (guint64 i = fabric->n_drops; i-- > first && found->len < max;) {
    const Drop *drop = &fabric->drops[i % DROPS_KEPT];
    if (drop->time_ms >= since_ms && (!vpc_id || strcmp(drop->vpc_id, vpc_id) == 0))
      g_array_append_val(found, *drop);
  }
  *ret_n = found->len;
  *ret_drops = (Drop *) (void *) g_array_free(g_steal_pointer(&found), FALSE);
}
