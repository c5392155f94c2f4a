/* flows: sockets on connection tracking: what opens, changes and ends, and what there is now. The kernel asks for the capability when a
 * request is sent, so it is sent here; what is answered may be read by anyone who has the descriptor. */
#include "warden/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 4 << 20 };

static Error *failed(const char *what, int fd) {
  int number = errno;
  if (fd >= 0)
    close(fd);
  return error_fault("connection tracking: %s: %s", what, g_strerror(number));
}

static Error *open_socket(guint32 groups, int *ret_fd) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), size = ROOM, on = 1;
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
  if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof address) < 0)
    return failed("socket", fd);
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on);
  *ret_fd = fd;
  return NULL;
}

/* All entries, and their counters begin again at zero. */
static Error *ask_for_all(int fd) {
  char buffer[256];
  struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
  message->nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET_CTRZERO;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  struct nfgenmsg *head = mnl_nlmsg_put_extra_header(message, sizeof *head);
  head->nfgen_family = AF_UNSPEC;
  head->version = NFNETLINK_V0;
  return send(fd, message, message->nlmsg_len, 0) < 0 ? failed("dump", -1) : NULL;
}

Error *flow_socket(const WardenSocket *spec, int *ret_fd) {
  int fd = -1;
  if (spec->kind == WARDEN_SOCKET_FLOWS) {
    TRY(open_socket(NF_NETLINK_CONNTRACK_NEW | NF_NETLINK_CONNTRACK_UPDATE | NF_NETLINK_CONNTRACK_DESTROY, &fd));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    *ret_fd = fd;
    return NULL;
  }
  TRY(open_socket(0, &fd));
  Error *error = ask_for_all(fd);
  if (error) {
    close(fd);
    return error;
  }
  *ret_fd = fd;
  return NULL;
}
