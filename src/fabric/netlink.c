/* netlink: steps for the warden's batches. */
#include "fabric/vpc.h"

#include <linux/rtnetlink.h>
#include <string.h>

const Ip no_ip;
/* What stands for a gateway where only its neighbour entry counts: the same on every device. */
const Ip link_local6 = {G_GUINT64_CONSTANT(0xfe80000000000000), 1};
const Range any4 = {{0, G_GUINT64_CONSTANT(0xffff00000000)}, 0}, any6;
const guint8 router_mac[6] = {0xee, 0xee, 0xee, 0xee, 0xee, 0xee};
const guint8 edge_mac[6] = {0x02, 0xed, 0x00, 0x00, 0x00, 0x01};

GArray *net_ops(void) { return g_array_new(FALSE, TRUE, sizeof(NetOp)); }

static NetOp *add(GArray *ops, NetOpKind kind, const char *device) {
  NetOp op = {.kind = kind};
  g_array_append_val(ops, op);
  NetOp *added = &g_array_index(ops, NetOp, ops->len - 1);
  if (device)
    g_strlcpy(added->device, device, sizeof added->device);
  return added;
}

void net_veth(GArray *ops, const char *device, const guint8 mac[6], guint group, const char *peer, const guint8 peer_mac[6], Netns netns) {
  NetOp *op = add(ops, NET_VETH, device);
  g_strlcpy(op->peer_device, peer, sizeof op->peer_device);
  memcpy(op->mac, mac, 6);
  memcpy(op->peer_mac, peer_mac, 6);
  op->group = group;
  op->peer_netns = netns;
}

void net_device(GArray *ops, NetOpKind kind, const char *device) { add(ops, kind, device); }

static void put_address(NetOp *op, Ip address) {
  op->ipv6 = !ip_is4(address);
  ip_bytes(address, op->address);
}

void net_address(GArray *ops, NetOpKind kind, const char *device, Ip address, guint prefix) {
  NetOp *op = add(ops, kind, device);
  put_address(op, address);
  op->prefix = prefix;
}

void net_neighbour(GArray *ops, const char *device, Ip address, const guint8 mac[6]) {
  NetOp *op = add(ops, NET_NEIGHBOUR, device);
  put_address(op, address);
  memcpy(op->mac, mac, 6);
}

void net_route(GArray *ops, NetOpKind kind, const char *device, const Range *to, Ip gateway, guint table, guint metric) {
  NetOp *op = add(ops, kind, device);
  put_address(op, range_base(to));
  op->prefix = to->prefix;
  if (!ip_none(gateway))
    ip_bytes(gateway, op->gateway);
  op->table = table;
  op->metric = metric;
}

void net_rule(GArray *ops, NetOpKind kind, gboolean ipv6, guint priority, guint mark, guint table) {
  NetOp *op = add(ops, kind, NULL);
  op->ipv6 = ipv6;
  op->metric = priority;
  op->mark = mark;
  op->table = table;
}

void net_rule_from(GArray *ops, gboolean ipv6, guint priority, const char *device, guint table) {
  NetOp *op = add(ops, NET_RULE, device);
  op->ipv6 = ipv6;
  op->metric = priority;
  op->table = table;
}

void net_nowhere(GArray *ops, const char *device) {
  char peer[16];
  g_snprintf(peer, sizeof peer, "%s_p", device);
  net_veth(ops, device, router_mac, 0, peer, edge_mac, 0);
  net_device(ops, NET_UP, peer);
}

void net_rules(GArray *ops, gboolean ipv6, guint own_table, const char *nowhere) {
  net_rule(ops, NET_RULE, ipv6, 100, 0, RT_TABLE_MAIN);
  net_rule(ops, NET_RULE_DELETE, ipv6, 32766, 0, RT_TABLE_MAIN);
  if (!ipv6)
    net_rule(ops, NET_RULE_DELETE, ipv6, 32767, 0, RT_TABLE_DEFAULT);
  if (own_table)
    net_rule_from(ops, ipv6, 200, "lo", own_table);
  net_rule(ops, NET_RULE, ipv6, 2000, 0, FALLBACK_TABLE);
  net_route(ops, NET_ROUTE, nowhere, ipv6 ? &any6 : &any4, no_ip, FALLBACK_TABLE, 0);
}

void net_flush(GArray *ops, Ip address) { put_address(add(ops, NET_FLUSH_FLOWS, NULL), address); }

void net_shape(GArray *ops, const char *device, guint64 rate) { add(ops, NET_SHAPE, device)->rate = rate; }

void net_sysctl(GArray *ops, const char *path, const char *value) {
  NetOp *op = add(ops, NET_SYSCTL, NULL);
  g_strlcpy(op->path, path, sizeof op->path);
  g_strlcpy(op->value, value, sizeof op->value);
}

Ip ip_of_sockaddr(const struct sockaddr *address, guint16 *ret_port) {
  guint8 bytes[16] = {0};
  if (address->sa_family == AF_INET6) {
    const struct sockaddr_in6 *v6 = (const void *) address;
    *ret_port = ntohs(v6->sin6_port);
    memcpy(bytes, &v6->sin6_addr, sizeof bytes);
    return ip_of_bytes(bytes);
  }
  const struct sockaddr_in *v4 = (const void *) address;
  *ret_port = ntohs(v4->sin_port);
  return ip_of4(ntohl(v4->sin_addr.s_addr));
}

Range ip_range(Ip address) { return (Range){address, ip_is4(address) ? 32 : 128}; }

/* IPv6 on one device (or "all", "default") of the namespace: no address of its own making, no detection of duplicates, nothing taken from routers. */
void net_ipv6(GArray *ops, const char *device) {
  static const char *const settings[][2] = {{"addr_gen_mode", "1"}, {"accept_dad", "0"}, {"accept_ra", "0"}, {"disable_ipv6", "0"}};
  for (gsize i = 0; i < G_N_ELEMENTS(settings); i++) {
    g_autofree char *path = g_strdup_printf("ipv6/conf/%s/%s", device, settings[i][0]);
    net_sysctl(ops, path, settings[i][1]);
  }
}

Error *net_run(Fabric *fabric, Netns netns, const GArray *ops) {
  if (ops->len == 0)
    return NULL;
  return warden_net(fabric->warden, netns, (const NetOp *) (const void *) ops->data, ops->len);
}

Error *net_settle(Fabric *fabric, Netns netns, const char *device) {
  g_autoptr(GArray) ops = net_ops();
  net_device(ops, NET_SETTLE, device);
  return net_run(fabric, netns, ops);
}

void mac_of(guint32 address, guint8 ret_mac[6]) {
  ret_mac[0] = 2, ret_mac[1] = 0;
  for (int i = 0; i < 4; i++)
    ret_mac[2 + i] = (guint8) (address >> (24 - 8 * i));
}
