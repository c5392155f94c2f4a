/* netlink: steps for the warden's batches. */
#include "fabric/vpc.h"

#include <string.h>

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

void net_address(GArray *ops, const char *device, guint32 address, guint prefix) {
  NetOp *op = add(ops, NET_ADDRESS, device);
  op->address = htonl(address);
  op->prefix = prefix;
}

void net_neighbour(GArray *ops, const char *device, guint32 address, const guint8 mac[6]) {
  NetOp *op = add(ops, NET_NEIGHBOUR, device);
  op->address = htonl(address);
  memcpy(op->mac, mac, 6);
}

void net_route(GArray *ops, NetOpKind kind, const char *device, guint32 address, guint prefix, guint32 gateway, guint table, guint metric) {
  NetOp *op = add(ops, kind, device);
  op->address = htonl(address);
  op->prefix = prefix;
  op->gateway = htonl(gateway);
  op->table = table;
  op->metric = metric;
}

void net_rule(GArray *ops, NetOpKind kind, guint priority, guint mark, guint table) {
  NetOp *op = add(ops, kind, NULL);
  op->metric = priority;
  op->mark = mark;
  op->table = table;
}

void net_sysctl(GArray *ops, const char *path, const char *value) {
  NetOp *op = add(ops, NET_SYSCTL, NULL);
  g_strlcpy(op->path, path, sizeof op->path);
  g_strlcpy(op->value, value, sizeof op->value);
}

Error *net_run(Fabric *fabric, Netns netns, const GArray *ops) {
  return warden_net(fabric->warden, netns, (const NetOp *) (const void *) ops->data, ops->len);
}

void mac_of(guint32 address, guint8 ret_mac[6]) {
  ret_mac[0] = 2, ret_mac[1] = 0;
  for (int i = 0; i < 4; i++)
    ret_mac[2 + i] = (guint8) (address >> (24 - 8 * i));
}
