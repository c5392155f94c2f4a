#include "warden/warden.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>


static void must(Error *error) {
  if (error)
    g_error("%s:%d %s", error->file, error->line, error->message);
}

static void test_netns(gconstpointer data) {
  Warden *warden = (Warden *) data;
  Netns netns = 0;
  int fd = -1;
  must(warden_netns_new(warden, &netns, &fd));
  g_assert_cmpint(netns, >, 0);
  g_assert_cmpint(fd, >=, 0);
  close(fd);
  must(warden_netns_free(warden, netns));
  g_autoptr(Error) error = warden_netns_free(warden, netns);
  g_assert_nonnull(error);
}

/* Two namespaces, a veth pair, a listener in one, a connection from the other. */
static void test_packets(gconstpointer data) {
  Warden *warden = (Warden *) data;
  Netns a = 0, b = 0;
  must(warden_netns_new(warden, &a, NULL));
  must(warden_netns_new(warden, &b, NULL));
  NetOp near[] = {
    {.kind = NET_VETH, .device = "left", .peer_device = "right", .peer_netns = b, .mac = {2, 0, 0, 0, 0, 1}, .peer_mac = {2, 0, 0, 0, 0, 2}, .group = 7},
    {.kind = NET_ADDRESS, .device = "left", .address = {10, 9, 0, 1}, .prefix = 24},
    {.kind = NET_ROUTE, .device = "left", .address = {10, 9, 0, 0}, .prefix = 24},
    {.kind = NET_NEIGHBOUR, .device = "left", .address = {10, 9, 0, 2}, .mac = {2, 0, 0, 0, 0, 2}},
    {.kind = NET_SYSCTL, .path = "ipv4/ip_forward", .value = "1"},
    {.kind = NET_RULE, .metric = 1007, .mark = 7, .table = 1007},
    {.kind = NET_FLUSH_FLOWS, .address = {10, 9, 0, 2}},
  };
  NetOp far[] = {
    {.kind = NET_UP, .device = "right"},
    {.kind = NET_ADDRESS, .device = "right", .address = {10, 9, 0, 2}, .prefix = 24},
    {.kind = NET_ROUTE, .device = "right", .address = {10, 9, 0, 0}, .prefix = 24},
  };
  must(warden_net(warden, a, near, G_N_ELEMENTS(near)));
  must(warden_net(warden, b, far, G_N_ELEMENTS(far)));
  WardenSocket spec = {.kind = WARDEN_SOCKET_TCP, .address = {10, 9, 0, 1}, .port = 80, .device = "left"};
  int listener = -1, client = -1;
  must(warden_socket(warden, a, &spec, &listener));
  spec = (WardenSocket){.kind = WARDEN_SOCKET_TCP};
  must(warden_socket(warden, b, &spec, &client));
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = inet_addr("10.9.0.1")};
  connect(client, (struct sockaddr *) &to, sizeof to);
  struct sockaddr_in from;
  socklen_t size = sizeof from;
  int accepted = -1;
  for (int i = 0; i < 1000 && accepted < 0; i++) {
    accepted = accept(listener, (struct sockaddr *) &from, &size);
    if (accepted < 0)
      g_usleep(1000);
  }
  g_assert_cmpint(accepted, >=, 0);
  g_assert_cmpuint(from.sin_addr.s_addr, ==, inet_addr("10.9.0.2"));
  close(accepted), close(listener), close(client);
  must(warden_netns_free(warden, a));
  must(warden_netns_free(warden, b));
}

static void test_nft(gconstpointer data) {
  Warden *warden = (Warden *) data;
  Netns netns = 0;
  must(warden_netns_new(warden, &netns, NULL));
  g_autoptr(GString) big = g_string_new("add table inet vpc\nadd set inet vpc members { type ipv4_addr; }\n");
  for (int i = 0; i < 3000; i++)
    g_string_append_printf(big, "add element inet vpc members { 10.0.%d.%d }\n", i / 250, i % 250);
  must(warden_nft(warden, netns, big->str));
  g_autofree char *listed = NULL;
  must(warden_nft_list(warden, netns, "list ruleset\n", &listed));
  g_assert_nonnull(strstr(listed, "10.0.11.249"));
  g_autoptr(Error) error = warden_nft(warden, netns, "add rule inet vpc nothere accept\n");
  g_assert_nonnull(error);
  g_assert_nonnull(strstr(error->message, "nft: "));
  must(warden_netns_free(warden, netns));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  Warden *warden = NULL;
  g_autofree char *reason = NULL;
  must(warden_start(&warden, &reason));
  if (!warden) {
    g_print("1..0 # SKIP %s\n", reason);
    return 0;
  }
  g_test_add_data_func("/warden/netns", warden, test_netns);
  g_test_add_data_func("/warden/packets", warden, test_packets);
  g_test_add_data_func("/warden/nft", warden, test_nft);
  int bad = g_test_run();
  warden_free(warden);
  return bad;
}
