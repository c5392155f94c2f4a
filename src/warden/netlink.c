/* netlink: links, addresses, routes, rules, neighbours, settings and flows of a namespace, one step at a time. */
#include "warden/protocol.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <net/if.h>   /* before the kernel's own */
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE_SIZE = 8192 };

typedef struct Batch {
  WardenState *state;
  int socket;      /* rtnetlink, in the batch's namespace */
  guint8 *buffer;  /* MESSAGE_SIZE */
} Batch;

static int open_netlink(int protocol) {
  struct sockaddr_nl address = {.nl_family = AF_NETLINK};
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd >= 0 && bind(fd, (struct sockaddr *) &address, sizeof address) == 0)
    return fd;
  if (fd >= 0)
    close(fd);
  return -1;
}

/* Sends the message and reads the acknowledgement: 0, or the kernel's errno. */
static int transact(const Batch *batch, const struct nlmsghdr *message) {
  if (send(batch->socket, message, message->nlmsg_len, 0) < 0)
    return errno;
  ssize_t n = recv(batch->socket, batch->buffer, MESSAGE_SIZE, 0);
  if (n < 0)
    return errno;
  const struct nlmsghdr *answer = (const void *) batch->buffer;
  if (!mnl_nlmsg_ok(answer, (int) n) || answer->nlmsg_type != NLMSG_ERROR)
    return EPROTO;
  return -((const struct nlmsgerr *) mnl_nlmsg_get_payload(answer))->error;
}

static struct nlmsghdr *message_new(const Batch *batch, guint16 type, guint16 flags) {
  memset(batch->buffer, 0, sizeof(struct nlmsghdr) + 64);
  struct nlmsghdr *message = mnl_nlmsg_put_header(batch->buffer);
  message->nlmsg_type = type;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
  return message;
}

static int step_veth(const Batch *batch, const NetOp *op) {
  struct nlmsghdr *message = message_new(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof *link);
  link->ifi_flags = link->ifi_change = IFF_UP;
  mnl_attr_put_strz(message, IFLA_IFNAME, op->device);
  mnl_attr_put(message, IFLA_ADDRESS, 6, op->mac);
  mnl_attr_put_u32(message, IFLA_GROUP, op->group);
  struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO);
  mnl_attr_put_str(message, IFLA_INFO_KIND, "veth");
  struct nlattr *data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
  struct nlattr *peer = mnl_attr_nest_start(message, VETH_INFO_PEER);
  mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
  mnl_attr_put_strz(message, IFLA_IFNAME, op->peer_device);
  mnl_attr_put(message, IFLA_ADDRESS, 6, op->peer_mac);
  if (op->peer_netns) {
    if (!g_hash_table_contains(batch->state->namespaces, GINT_TO_POINTER(op->peer_netns)))
      return EBADF;
    mnl_attr_put_u32(message, IFLA_NET_NS_FD, (guint32) op->peer_netns);
  }
  mnl_attr_nest_end(message, peer);
  mnl_attr_nest_end(message, data);
  mnl_attr_nest_end(message, info);
  return transact(batch, message);
}

static int step_link_delete(const Batch *batch, const NetOp *op) {
  struct nlmsghdr *message = message_new(batch, RTM_DELLINK, 0);
  mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
  mnl_attr_put_strz(message, IFLA_IFNAME, op->device);
  int bad = transact(batch, message);
  return bad == ENODEV ? 0 : bad;
}

/* Before it comes up: no IPv6 address of its own making. A kernel without IPv6 makes none. */
static int without_link_local(const Batch *batch, const char *device) {
  struct nlmsghdr *message = message_new(batch, RTM_NEWLINK, 0);
  mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
  mnl_attr_put_strz(message, IFLA_IFNAME, device);
  struct nlattr *families = mnl_attr_nest_start(message, IFLA_AF_SPEC), *ipv6 = mnl_attr_nest_start(message, AF_INET6);
  mnl_attr_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
  mnl_attr_nest_end(message, ipv6);
  mnl_attr_nest_end(message, families);
  int bad = transact(batch, message);
  return bad == EAFNOSUPPORT ? 0 : bad;
}

static int step_link(const Batch *batch, const NetOp *op) {
  int bad = op->kind == NET_UP ? without_link_local(batch, op->device) : 0;
  if (bad)
    return bad;
  struct nlmsghdr *message = message_new(batch, RTM_NEWLINK, 0);
  struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof *link);
  if (op->kind == NET_UP)
    link->ifi_flags = link->ifi_change = IFF_UP;
  mnl_attr_put_strz(message, IFLA_IFNAME, op->device);
  if (op->group || op->kind == NET_GROUP)
    mnl_attr_put_u32(message, IFLA_GROUP, op->group);
  return transact(batch, message);
}

/* The link's state as the kernel acts by it (IF_OPER_...). */
static int oper_state(const Batch *batch, const char *device, guint8 *ret_state) {
  const struct nlattr *attribute;
  struct nlmsghdr *message = message_new(batch, RTM_GETLINK, 0);
  message->nlmsg_flags = NLM_F_REQUEST;
  mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
  mnl_attr_put_strz(message, IFLA_IFNAME, device);
  mnl_attr_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  if (send(batch->socket, message, message->nlmsg_len, 0) < 0)
    return errno;
  ssize_t n = recv(batch->socket, batch->buffer, MESSAGE_SIZE, 0);
  const struct nlmsghdr *answer = (const void *) batch->buffer;
  if (n < 0 || !mnl_nlmsg_ok(answer, (int) n))
    return n < 0 ? errno : EPROTO;
  if (answer->nlmsg_type == NLMSG_ERROR)
    return -((const struct nlmsgerr *) mnl_nlmsg_get_payload(answer))->error;
  mnl_attr_for_each(attribute, answer, sizeof(struct ifinfomsg))
    if (mnl_attr_get_type(attribute) == IFLA_OPERSTATE)
      *ret_state = mnl_attr_get_u8(attribute);
  return 0;
}

/* An end that came up before the other has no queue until the kernel has seen the carrier; what it is given till then is dropped. Since Linux 6.8 it looks when
 * it is asked for the link; before, a moment later. */
static int step_settle(const Batch *batch, const NetOp *op) {
  enum { LOOKS = 200, BETWEEN_US = 500 };
  guint8 state = IF_OPER_UNKNOWN;
  int bad = oper_state(batch, op->device, &state);
  for (int i = 0; !bad && state != IF_OPER_UP && i < LOOKS; i++) {
    g_usleep(BETWEEN_US);
    bad = oper_state(batch, op->device, &state);
  }
  return bad;
}

static guint8 family_of(const NetOp *op) { return op->ipv6 ? AF_INET6 : AF_INET; }
static gsize size_of(const NetOp *op) { return op->ipv6 ? 16 : 4; }

static gboolean is_zero(const guint8 address[16]) {
  static const guint8 zero[16];
  return memcmp(address, zero, sizeof zero) == 0;
}

static int step_address(const Batch *batch, const NetOp *op) {
  gboolean add = op->kind == NET_ADDRESS;
  struct nlmsghdr *message = message_new(batch, add ? RTM_NEWADDR : RTM_DELADDR, add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
  struct ifaddrmsg *address = mnl_nlmsg_put_extra_header(message, sizeof *address);
  address->ifa_family = family_of(op);
  address->ifa_prefixlen = (guint8) op->prefix;
  address->ifa_index = if_nametoindex(op->device);
  mnl_attr_put(message, IFA_LOCAL, size_of(op), op->address);
  mnl_attr_put(message, IFA_ADDRESS, size_of(op), op->address);
  mnl_attr_put_u32(message, IFA_FLAGS, IFA_F_NOPREFIXROUTE | (op->ipv6 ? IFA_F_NODAD : 0));
  int bad = transact(batch, message);
  return !add && (bad == EADDRNOTAVAIL || bad == ENODEV) ? 0 : bad;
}

static int step_neighbour(const Batch *batch, const NetOp *op) {
  struct nlmsghdr *message = message_new(batch, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
  struct ndmsg *neighbour = mnl_nlmsg_put_extra_header(message, sizeof *neighbour);
  neighbour->ndm_family = family_of(op);
  neighbour->ndm_state = NUD_PERMANENT;
  neighbour->ndm_ifindex = (int) if_nametoindex(op->device);
  mnl_attr_put(message, NDA_DST, size_of(op), op->address);
  mnl_attr_put(message, NDA_LLADDR, 6, op->mac);
  return transact(batch, message);
}

static int step_route(const Batch *batch, const NetOp *op) {
  gboolean local = op->kind == NET_ROUTE_LOCAL, remove = op->kind == NET_ROUTE_DELETE, via = !is_zero(op->gateway);
  struct nlmsghdr *message = message_new(batch, remove ? RTM_DELROUTE : RTM_NEWROUTE, remove ? 0 : NLM_F_CREATE | NLM_F_REPLACE);
  struct rtmsg *route = mnl_nlmsg_put_extra_header(message, sizeof *route);
  guint32 table = op->table ? op->table : local ? RT_TABLE_LOCAL : RT_TABLE_MAIN;
  route->rtm_family = family_of(op);
  route->rtm_dst_len = (guint8) op->prefix;
  route->rtm_table = RT_TABLE_UNSPEC;
  route->rtm_protocol = remove ? RTPROT_UNSPEC : RTPROT_STATIC;
  route->rtm_type = remove ? RTN_UNSPEC : local ? RTN_LOCAL : RTN_UNICAST;
  route->rtm_scope = remove ? RT_SCOPE_NOWHERE : local ? RT_SCOPE_HOST : via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  if (!remove && via)
    route->rtm_flags = RTNH_F_ONLINK;
  mnl_attr_put_u32(message, RTA_TABLE, table);
  mnl_attr_put(message, RTA_DST, size_of(op), op->address);
  if (op->device[0])
    mnl_attr_put_u32(message, RTA_OIF, if_nametoindex(op->device));
  if (via && !remove)
    mnl_attr_put(message, RTA_GATEWAY, size_of(op), op->gateway);
  if (op->metric)
    mnl_attr_put_u32(message, RTA_PRIORITY, op->metric);
  int bad = transact(batch, message);
  return remove && (bad == ESRCH || bad == ENODEV) ? 0 : bad;
}

static int step_rule(const Batch *batch, const NetOp *op) {
  gboolean add = op->kind == NET_RULE;
  struct nlmsghdr *message = message_new(batch, add ? RTM_NEWRULE : RTM_DELRULE, add ? NLM_F_CREATE | NLM_F_EXCL : 0);
  struct fib_rule_hdr *rule = mnl_nlmsg_put_extra_header(message, sizeof *rule);
  rule->family = family_of(op);
  rule->action = FR_ACT_TO_TBL;
  mnl_attr_put_u32(message, FRA_PRIORITY, op->metric);
  if (op->table)
    mnl_attr_put_u32(message, FRA_TABLE, op->table);
  if (op->mark) {
    mnl_attr_put_u32(message, FRA_FWMARK, op->mark);
    mnl_attr_put_u32(message, FRA_FWMASK, ~0U);
  }
  if (op->device[0])
    mnl_attr_put_strz(message, FRA_IIFNAME, op->device);
  int bad = transact(batch, message);
  return (add && bad == EEXIST) || (!add && bad == ENOENT) ? 0 : bad;
}

static int step_sysctl(const Batch *batch, const NetOp *op) {
  (void) batch;
  if (strstr(op->path, ".."))
    return EINVAL;
  g_autofree char *path = g_strdup_printf("/proc/sys/net/%s", op->path);
  int fd = open(path, O_WRONLY | O_CLOEXEC), bad = 0;
  if (fd < 0)
    return errno;
  if (write(fd, op->value, strlen(op->value)) < 0)
    bad = errno;
  close(fd);
  return bad;
}

/* --- rates --- */

/* A token bucket that lets 5 ms of the rate through at once, and keeps 200 ms of it; at least a few packets. */
static void put_bucket(struct nlmsghdr *message, guint64 rate) {
  enum { BURST_MIN = 3072, BURST_MAX = 4 << 20, KEPT_MIN = 8192 };
  guint32 burst = (guint32) CLAMP(rate / 200, BURST_MIN, BURST_MAX);
  struct tc_tbf_qopt bucket = {.limit = (guint32) MAX(MIN(rate / 5, 64 << 20), KEPT_MIN) + burst};
  bucket.rate.rate = (guint32) MIN(rate, G_MAXUINT32);
  bucket.rate.linklayer = TC_LINKLAYER_ETHERNET;
  mnl_attr_put_strz(message, TCA_KIND, "tbf");
  struct nlattr *options = mnl_attr_nest_start(message, TCA_OPTIONS);
  mnl_attr_put(message, TCA_TBF_PARMS, sizeof bucket, &bucket);
  mnl_attr_put_u32(message, TCA_TBF_BURST, burst);
  if (rate > G_MAXUINT32)
    mnl_attr_put_u64(message, TCA_TBF_RATE64, rate);
  mnl_attr_nest_end(message, options);
}

static int step_shape(const Batch *batch, const NetOp *op) {
  struct nlmsghdr *message = message_new(batch, op->rate ? RTM_NEWQDISC : RTM_DELQDISC, op->rate ? NLM_F_CREATE | NLM_F_REPLACE : 0);
  struct tcmsg *head = mnl_nlmsg_put_extra_header(message, sizeof *head);
  head->tcm_ifindex = (int) if_nametoindex(op->device);
  head->tcm_parent = TC_H_ROOT;
  if (op->rate) {
    head->tcm_handle = 1 << 16;
    put_bucket(message, op->rate);
  }
  int bad = transact(batch, message);
  return !op->rate && (bad == ENOENT || bad == ENODEV || bad == EINVAL) ? 0 : bad;
}

/* --- flows --- */

typedef struct Flows {
  const NetOp *op;
  GPtrArray *tuples;   /* GBytes: the payload of CTA_TUPLE_ORIG of each entry to go */
} Flows;

static gboolean tuple_has(const struct nlattr *tuple, const NetOp *op) {
  int source = op->ipv6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, destination = op->ipv6 ? CTA_IP_V6_DST : CTA_IP_V4_DST;
  const struct nlattr *part, *ip;
  mnl_attr_for_each_nested(part, tuple)
    if (mnl_attr_get_type(part) == CTA_TUPLE_IP)
      mnl_attr_for_each_nested(ip, part)
        if ((mnl_attr_get_type(ip) == source || mnl_attr_get_type(ip) == destination) && mnl_attr_get_payload_len(ip) == size_of(op) &&
            memcmp(mnl_attr_get_payload(ip), op->address, size_of(op)) == 0)
          return TRUE;
  return FALSE;
}

static int flow_seen(const struct nlmsghdr *message, void *data) {
  Flows *flows = data;
  const struct nlattr *attribute, *original = NULL;
  gboolean wanted = FALSE;
  mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg)) {
    int type = mnl_attr_get_type(attribute);
    if (type == CTA_TUPLE_ORIG)
      original = attribute;
    if (type == CTA_TUPLE_ORIG || type == CTA_TUPLE_REPLY)
      wanted = wanted || tuple_has(attribute, flows->op);
  }
  if (wanted && original)
    g_ptr_array_add(flows->tuples, g_bytes_new(mnl_attr_get_payload(original), mnl_attr_get_payload_len(original)));
  return MNL_CB_OK;
}

static struct nlmsghdr *flow_message(const Batch *batch, const NetOp *op, guint16 type, guint16 flags) {
  struct nlmsghdr *message = mnl_nlmsg_put_header(batch->buffer);
  message->nlmsg_type = (guint16) ((NFNL_SUBSYS_CTNETLINK << 8) | type);
  message->nlmsg_flags = NLM_F_REQUEST | flags;
  struct nfgenmsg *head = mnl_nlmsg_put_extra_header(message, sizeof *head);
  head->nfgen_family = family_of(op);
  head->version = NFNETLINK_V0;
  return message;
}

static int flows_list(const Batch *batch, Flows *flows) {
  const struct nlmsghdr *message = flow_message(batch, flows->op, IPCTNL_MSG_CT_GET, NLM_F_DUMP);
  if (send(batch->socket, message, message->nlmsg_len, 0) < 0)
    return errno;
  for (int more = MNL_CB_OK; more > MNL_CB_STOP;) {
    ssize_t n = recv(batch->socket, batch->buffer, MESSAGE_SIZE, 0);
    if (n < 0)
      return errno;
    more = mnl_cb_run(batch->buffer, (size_t) n, 0, 0, flow_seen, flows);
    if (more < 0)
      return errno;
  }
  return 0;
}

static int step_flush_flows(const Batch *outer, const NetOp *op) {
  int fd = open_netlink(NETLINK_NETFILTER), bad;
  if (fd < 0)
    return errno;
  Batch batch = {outer->state, fd, outer->buffer};
  g_autoptr(GPtrArray) tuples = g_ptr_array_new_with_free_func((GDestroyNotify) g_bytes_unref);
  Flows flows = {op, tuples};
  bad = flows_list(&batch, &flows);
  for (guint i = 0; !bad && i < tuples->len; i++) {
    gsize size = 0;
    const void *tuple = g_bytes_get_data(tuples->pdata[i], &size);
    struct nlmsghdr *message = flow_message(&batch, op, IPCTNL_MSG_CT_DELETE, NLM_F_ACK);
    mnl_attr_put(message, CTA_TUPLE_ORIG | NLA_F_NESTED, size, tuple);
    transact(&batch, message);   /* one that has just gone by itself is as good */
  }
  close(fd);
  return bad;
}

typedef int (*StepFunction)(const Batch *batch, const NetOp *op);

static const struct { const char *name; StepFunction run; } steps[] = {
  [NET_VETH] = {"veth", step_veth},
  [NET_LINK_DELETE] = {"link delete", step_link_delete},
  [NET_UP] = {"link up", step_link},
  [NET_GROUP] = {"link group", step_link},
  [NET_ADDRESS] = {"address", step_address},
  [NET_ADDRESS_DELETE] = {"address delete", step_address},
  [NET_NEIGHBOUR] = {"neighbour", step_neighbour},
  [NET_ROUTE] = {"route", step_route},
  [NET_ROUTE_LOCAL] = {"local route", step_route},
  [NET_ROUTE_DELETE] = {"route delete", step_route},
  [NET_RULE] = {"rule", step_rule},
  [NET_RULE_DELETE] = {"rule delete", step_rule},
  [NET_SYSCTL] = {"sysctl", step_sysctl},
  [NET_FLUSH_FLOWS] = {"flush of flows", step_flush_flows},
  [NET_SETTLE] = {"link settle", step_settle},
  [NET_SHAPE] = {"rate", step_shape},
};

static Error *run_step(const Batch *batch, NetOp *op) {
  op->device[sizeof op->device - 1] = op->peer_device[sizeof op->peer_device - 1] = 0;
  op->path[sizeof op->path - 1] = op->value[sizeof op->value - 1] = 0;
  if (op->kind >= G_N_ELEMENTS(steps))
    return error_fault("network step %u is unknown", op->kind);
  int bad = steps[op->kind].run(batch, op);
  if (!bad)
    return NULL;
  char address[INET6_ADDRSTRLEN], gateway[INET6_ADDRSTRLEN];
  inet_ntop(family_of(op), op->address, address, sizeof address);
  inet_ntop(family_of(op), op->gateway, gateway, sizeof gateway);
  return error_fault("%s %s%s %s/%u via %s table %u: %s", steps[op->kind].name, op->device, op->path, address, op->prefix, gateway,
                     op->table, g_strerror(bad));
}

static Error *run_steps(Batch *batch, WardenInput *in) {
  while (in->at < in->end) {
    NetOp op;
    TRY(warden_take(in, &op, sizeof op));
    TRY(run_step(batch, &op));
  }
  return NULL;
}

Error *handle_net(WardenState *state, WardenInput *in, WardenOutput *out) {
  Netns netns = 0;
  (void) out;
  TRY(warden_take(in, &netns, sizeof netns));
  TRY(warden_enter(state, netns));
  g_autofree guint8 *buffer = g_malloc0(MESSAGE_SIZE);
  Batch batch = {state, open_netlink(NETLINK_ROUTE), buffer};
  Error *error = batch.socket < 0 ? error_fault("rtnetlink: %s", g_strerror(errno)) : run_steps(&batch, in);
  if (batch.socket >= 0)
    close(batch.socket);
  warden_go_home(state);
  return error;
}
