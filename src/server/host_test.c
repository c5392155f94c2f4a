#include "server/host.h"

typedef struct Case {
  const char *host, *service, *region, *prefix;
  gboolean local;
} Case;

static const Case cases[] = {
    {"dynamodb.us-east-1.amazonaws.com", "dynamodb", "us-east-1", NULL, FALSE},
    {"sts.amazonaws.com", "sts", NULL, NULL, FALSE},
    {"s3.amazonaws.com", "s3", NULL, NULL, FALSE},
    {"s3.eu-west-1.amazonaws.com", "s3", "eu-west-1", NULL, FALSE},
    {"s3-eu-west-1.amazonaws.com", "s3", "eu-west-1", NULL, FALSE},
    {"bucket.s3.us-east-1.amazonaws.com", "s3", "us-east-1", "bucket", FALSE},
    {"a.b.s3.us-east-1.amazonaws.com", "s3", "us-east-1", "a.b", FALSE},
    {"bucket.s3.dualstack.us-east-1.amazonaws.com", "s3", "us-east-1", "bucket", FALSE},
    {"bucket.s3.amazonaws.com", "s3", NULL, "bucket", FALSE},
    {"abc123.execute-api.us-east-1.amazonaws.com", "execute-api", "us-east-1", "abc123", FALSE},
    {"vpce-1-2.secretsmanager.us-east-1.vpce.amazonaws.com", "secretsmanager", "us-east-1", "vpce-1-2", FALSE},
    {"localhost", NULL, NULL, NULL, TRUE},
    {"bucket.s3.localhost", "s3", NULL, "bucket", TRUE},
    {"abc123.execute-api.localhost", "execute-api", NULL, "abc123", TRUE},
    {"bucket.s3.us-west-2.localhost.localstack.cloud", "s3", "us-west-2", "bucket", TRUE},
    {"bucket.localhost", "bucket", NULL, NULL, TRUE},
    {"127.0.0.1", NULL, NULL, NULL, FALSE},
    {"example.com", NULL, NULL, NULL, FALSE},
    {"notamazonaws.com", NULL, NULL, NULL, FALSE},
    {"", NULL, NULL, NULL, FALSE},
};

static void
test_names(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(Arena) arena = arena_new();
    HostName name = host_parse(arena, cases[i].host);
    g_test_message("%s", cases[i].host);
    g_assert_cmpstr(name.service, ==, cases[i].service);
    g_assert_cmpstr(name.region, ==, cases[i].region);
    g_assert_cmpstr(name.prefix, ==, cases[i].prefix);
    g_assert_cmpint(name.local, ==, cases[i].local);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/server/host/names", test_names);
  return g_test_run();
}
