/* netns: network namespaces, kept by descriptor, and sockets in them. */
#include "warden/protocol.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <nftables/libnftables.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct WardenNamespace {
  int fd;                  /* also its handle */
  struct nft_ctx *nft;     /* bound to it; made at first use */
} WardenNamespace;

static WardenNamespace *namespace_find(WardenState *state, Netns netns) {
  return g_hash_table_lookup(state->namespaces, GINT_TO_POINTER(netns));
}

Error *warden_enter(WardenState *state, Netns netns) {
  const WardenNamespace *ns = namespace_find(state, netns);
  if (!ns)
    return error_fault("network namespace %d is unknown", netns);
  return setns(ns->fd, CLONE_NEWNET) < 0 ? error_fault("setns: %s", g_strerror(errno)) : NULL;
}

void warden_go_home(WardenState *state) {
  if (setns(state->home, CLONE_NEWNET) < 0) {
    log_error("the warden cannot go home: %s", g_strerror(errno));
    _exit(1);
  }
}

struct nft_ctx *warden_nft_context(WardenState *state, Netns netns) {
  WardenNamespace *ns = namespace_find(state, netns);
  if (ns && !ns->nft)
    ns->nft = nft_ctx_new(NFT_CTX_DEFAULT);
  return ns ? ns->nft : NULL;
}

static gboolean write_setting(const char *path, const char *value) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  gboolean good = fd >= 0 && write(fd, value, strlen(value)) > 0;
  if (fd >= 0)
    close(fd);
  return good;
}

static void disable_ipv6(void) {
  static const char *const names[] = {"all", "default"};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *path = g_strdup_printf("/proc/sys/net/ipv6/conf/%s/disable_ipv6", names[i]);
    write_setting(path, "1");
  }
}

/* ping without a privilege, as distributions have it: for all, or (in a user namespace) for the one group that there is. */
void warden_allow_ping(void) {
  static const char path[] = "/proc/sys/net/ipv4/ping_group_range";
  g_autofree char *own = g_strdup_printf("%u %u", getegid(), getegid());
  if (!write_setting(path, "0 2147483647") && !write_setting(path, own))
    log_debug("%s: %s", path, g_strerror(errno));
}

static Error *loopback_up(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {.ifr_name = "lo"};
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  int bad = fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &request);
  Error *error = bad < 0 ? error_fault("loopback: %s", g_strerror(errno)) : NULL;
  if (fd >= 0)
    close(fd);
  return error;
}

/* ::1 goes, without a word to /proc/sys. One that is not there is as good. */
static Error *remove_loopback6(void) {
  guint8 buffer[1024] = {0};
  struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
  message->nlmsg_type = RTM_DELADDR;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  struct ifaddrmsg *address = mnl_nlmsg_put_extra_header(message, sizeof *address);
  address->ifa_family = AF_INET6;
  address->ifa_prefixlen = 128;
  address->ifa_index = if_nametoindex("lo");
  mnl_attr_put(message, IFA_LOCAL, sizeof in6addr_loopback, &in6addr_loopback);
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  gboolean good = fd >= 0 && send(fd, message, message->nlmsg_len, 0) >= 0 && recv(fd, buffer, sizeof buffer, 0) >= 0;
  Error *error = good ? NULL : error_fault("rtnetlink: %s", g_strerror(errno));
  if (fd >= 0)
    close(fd);
  return error;
}

/* What is below /proc/sys/net takes the longer to open in a new namespace the more namespaces there are (the kernel keeps the entries of all
 * under the same names), so one for processes, of which there are many, is made without. */
static Error *make_namespace(gboolean for_processes, int *ret_fd) {
  if (unshare(CLONE_NEWNET) < 0)
    return error_fault("a new network namespace: %s", errno == ENOSPC ? "the machine's limit of namespaces is reached" : g_strerror(errno));
  if (!for_processes)
    disable_ipv6();
  TRY(loopback_up());
  if (for_processes)
    TRY(remove_loopback6());
  int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return error_fault("/proc/self/ns/net: %s", g_strerror(errno));
  *ret_fd = fd;
  return NULL;
}

Error *handle_netns_new(WardenState *state, WardenInput *in, WardenOutput *out) {
  guint8 want_fd = 0;
  int fd = -1;
  TRY(warden_take(in, &want_fd, sizeof want_fd));
  Error *error = make_namespace(want_fd, &fd);
  warden_go_home(state);
  TRY(error);
  WardenNamespace *ns = g_new0(WardenNamespace, 1);
  ns->fd = fd;
  g_hash_table_insert(state->namespaces, GINT_TO_POINTER(fd), ns);
  g_byte_array_append(out->data, (const guint8 *) &fd, sizeof fd);
  if (want_fd)
    out->fds[out->n_fds++] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  return NULL;
}

Error *handle_netns_free(WardenState *state, WardenInput *in, WardenOutput *out) {
  Netns netns = 0;
  (void) out;
  TRY(warden_take(in, &netns, sizeof netns));
  WardenNamespace *ns = namespace_find(state, netns);
  if (!ns)
    return error_fault("network namespace %d is unknown", netns);
  g_hash_table_remove(state->namespaces, GINT_TO_POINTER(netns));
  if (ns->nft)
    nft_ctx_free(ns->nft);
  close(ns->fd);
  g_free(ns);
  return NULL;
}

static Error *failed(const char *step, int fd) {
  Error *error = error_fault("%s: %s", step, g_strerror(errno));
  if (fd >= 0)
    close(fd);
  return error;
}

static int bind_socket(int fd, const WardenSocket *spec) {
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((guint16) spec->port)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((guint16) spec->port)};
  memcpy(&v4.sin_addr, spec->address, sizeof v4.sin_addr);
  memcpy(&v6.sin6_addr, spec->address, sizeof v6.sin6_addr);
  return spec->ipv6 ? bind(fd, (struct sockaddr *) &v6, sizeof v6) : bind(fd, (struct sockaddr *) &v4, sizeof v4);
}

/* Before it is bound. */
static Error *set_options(int fd, const WardenSocket *spec) {
  static const guint8 any[16];
  gboolean tcp = spec->kind == WARDEN_SOCKET_TCP;
  int on = 1, level = spec->ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (spec->ipv6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (tcp && memcmp(spec->address, any, sizeof any) == 0)   /* the same port on every device, and once more for what comes through no such device */
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (!tcp)
    setsockopt(fd, level, spec->ipv6 ? IPV6_RECVPKTINFO : IP_PKTINFO, &on, sizeof on);
  if (spec->transparent && setsockopt(fd, level, spec->ipv6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, &on, sizeof on) < 0)
    return error_fault("IP_TRANSPARENT: %s", g_strerror(errno));
  if (spec->transparent && !tcp)
    setsockopt(fd, level, spec->ipv6 ? IPV6_RECVORIGDSTADDR : IP_RECVORIGDSTADDR, &on, sizeof on);
  if (spec->device[0] && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, spec->device, (socklen_t) strlen(spec->device) + 1) < 0)
    return error_fault("SO_BINDTODEVICE %s: %s", spec->device, g_strerror(errno));
  return NULL;
}

static Error *internet_socket(const WardenSocket *spec, int *ret_fd) {
  gboolean tcp = spec->kind == WARDEN_SOCKET_TCP;
  int type = tcp ? SOCK_STREAM : SOCK_DGRAM, protocol = spec->kind != WARDEN_SOCKET_PING ? 0 : spec->ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
  int fd = socket(spec->ipv6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0)
    return failed("socket", fd);
  Error *error = set_options(fd, spec);
  if (error) {
    close(fd);
    return error;
  }
  if (spec->port && bind_socket(fd, spec) < 0)
    return failed("bind", fd);
  if (tcp && spec->port && listen(fd, spec->backlog ? (int) spec->backlog : 1024) < 0)
    return failed("listen", fd);
  *ret_fd = fd;
  return NULL;
}

/* Sends one NFLOG configuration message and reads its acknowledgement. */
static Error *nflog_configure(int fd, guint16 group, guint16 attribute, const void *data, gsize size) {
  char buffer[8192];
  struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
  message->nlmsg_type = (NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_CONFIG;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  struct nfgenmsg *head = mnl_nlmsg_put_extra_header(message, sizeof *head);
  head->nfgen_family = AF_UNSPEC;
  head->version = NFNETLINK_V0;
  head->res_id = htons(group);
  mnl_attr_put(message, attribute, size, data);
  if (send(fd, message, message->nlmsg_len, 0) < 0)
    return error_fault("NFLOG: %s", g_strerror(errno));
  ssize_t n = recv(fd, buffer, sizeof buffer, 0);
  if (n < 0)
    return error_fault("NFLOG: %s", g_strerror(errno));
  if (mnl_cb_run(buffer, (size_t) n, 0, 0, NULL, NULL) < 0)
    return error_fault("NFLOG group %u: %s", group, g_strerror(errno));
  return NULL;
}

static Error *nflog_bind(int fd, guint16 group) {
  struct nfulnl_msg_config_cmd bind_command = {.command = NFULNL_CFG_CMD_BIND};
  struct nfulnl_msg_config_mode mode = {.copy_range = htonl(128), .copy_mode = NFULNL_COPY_PACKET};
  guint32 threshold = htonl(1);
  TRY(nflog_configure(fd, group, NFULA_CFG_CMD, &bind_command, sizeof bind_command));
  TRY(nflog_configure(fd, group, NFULA_CFG_MODE, &mode, sizeof mode));
  return nflog_configure(fd, group, NFULA_CFG_QTHRESH, &threshold, sizeof threshold);
}

static Error *nflog_socket(const WardenSocket *spec, int *ret_fd) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), size = 4 << 20, on = 1;
  struct sockaddr_nl address = {.nl_family = AF_NETLINK};
  if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof address) < 0)
    return failed("a netfilter socket", fd);
  Error *error = nflog_bind(fd, (guint16) spec->port);
  if (error) {
    close(fd);
    return error;
  }
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  *ret_fd = fd;
  return NULL;
}

/* Whole frames: checksums and segments that the kernel has not made yet stay so (PACKET_VNET_HDR). Reads nothing before it is bound. */
static Error *packet_socket(const WardenSocket *spec, int *ret_fd) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, size = (int) MIN(spec->backlog, 64U << 20);
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int) if_nametoindex(spec->device)};
  if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) < 0 || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0)
    return failed("a packet socket", fd);
  if (address.sll_ifindex == 0 || bind(fd, (struct sockaddr *) &address, sizeof address) < 0)
    return failed("a packet socket's device", fd);
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  *ret_fd = fd;
  return NULL;
}

static Error *make_socket(const WardenSocket *spec, int *ret_fd) {
  if (spec->kind == WARDEN_SOCKET_PING)
    warden_allow_ping();
  switch ((WardenSocketKind) spec->kind) {
  case WARDEN_SOCKET_FLOWS:
  case WARDEN_SOCKET_FLOW_DUMP: return flow_socket(spec, ret_fd);
  case WARDEN_SOCKET_NFLOG: return nflog_socket(spec, ret_fd);
  case WARDEN_SOCKET_PACKET: return packet_socket(spec, ret_fd);
  case WARDEN_SOCKET_TCP:
  case WARDEN_SOCKET_UDP:
  case WARDEN_SOCKET_PING: return internet_socket(spec, ret_fd);
  }
  return error_fault("socket kind %u is unknown", spec->kind);
}

Error *handle_socket(WardenState *state, WardenInput *in, WardenOutput *out) {
  Netns netns = 0;
  WardenSocket spec;
  int fd = -1;
  TRY(warden_take(in, &netns, sizeof netns));
  TRY(warden_take(in, &spec, sizeof spec));
  spec.device[sizeof spec.device - 1] = 0;
  TRY(warden_enter(state, netns));
  Error *error = make_socket(&spec, &fd);
  warden_go_home(state);
  TRY(error);
  out->fds[out->n_fds++] = fd;
  return NULL;
}
