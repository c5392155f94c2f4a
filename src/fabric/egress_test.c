/* The way out to the internet: a listener of the test's stands for it. */
#include "fabric/egress.h"
#include "fabric/test_bench.h"

#include <sys/un.h>

static struct sockaddr_un outside_name(void) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  g_snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "haar-test-%d", getpid());
  return name;
}

/* Instead of the internet: a listener of the test's. */
static int dial_test(int type, Ip address, guint16 port) {
  int fd = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
  struct sockaddr_un to = outside_name();
  g_assert_true(ip_equal(address, ip_of4(ip("93.184.216.34"))));
  g_assert_cmpuint(port, ==, 8080);
  connect(fd, (struct sockaddr *) &to, sizeof to);
  return fd;
}

static void expect_byte(int fd, char want) {
  char byte = 0;
  for (int i = 0; i < 5000 && !byte; i++)
    if (recv(fd, &byte, 1, MSG_DONTWAIT) < 0)
      g_usleep(1000);
  g_assert_cmpint(byte, ==, want);
}

/* What leaves by the internet gateway, or a NAT gateway, gets out; what is not global does not. */
static void test_egress(gconstpointer data) {
  Bench *bench = (Bench *) data;
  static const char *const ways[] = {"eni-pub", "eni-nat-user"};
  static const char *const refused[] = {"127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "198.18.0.1", "::1", "fe80::1", "2001:db8::1", "224.0.0.1"};
  for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
    Ip address = {0};
    g_assert_true(ip_parse(refused[i], &address));
    g_assert_false(egress_allows(address));
  }
  g_assert_true(egress_allows(ip_of4(ip("93.184.216.34"))));
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_un at = outside_name();
  g_assert_cmpint(bind(listener, (struct sockaddr *) &at, sizeof at), ==, 0);
  g_assert_cmpint(listen(listener, 8), ==, 0);
  must(fabric_egress(bench->fabric));
  egress_set_dial(bench->fabric->egress, dial_test);
  for (gsize i = 0; i < G_N_ELEMENTS(ways); i++) {
    int fd = connect_start(bench, ways[i], "93.184.216.34", 8080), accepted = accept_wait(listener);
    g_assert_cmpint(send(fd, "o", 1, MSG_NOSIGNAL), ==, 1);
    expect_byte(accepted, 'o');
    g_assert_cmpint(send(accepted, "b", 1, MSG_NOSIGNAL), ==, 1);
    expect_byte(fd, 'b');
    close(fd), close(accepted);
  }
  Drop drop;
  g_assert_false(reaches(bench, "eni-iso", "93.184.216.34", 8080, &drop));   /* no route is still no route */
  g_assert_cmpstr(drop.rule, ==, "rtb-iso");
  close(listener);
}

int main(int argc, char **argv) {
  static const BenchTest tests[] = {
    {"/fabric/egress", test_egress},
  };
  return bench_run(argc, argv, tests, G_N_ELEMENTS(tests));
}
