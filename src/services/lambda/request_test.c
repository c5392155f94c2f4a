#include "services/lambda/request.h"

#include <string.h>

static gssize
parse(const char *text, RuntimeRequest *ret)
{
  return runtime_request_parse((const guint8 *) text, strlen(text), 100, ret);
}

static void
test_whole(void)
{
  RuntimeRequest request;
  const char *next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n";
  g_assert_cmpint(parse(next, &request), ==, (gssize) strlen(next));
  g_assert_cmpstr(request.method, ==, "GET");
  g_assert_cmpstr(request.path, ==, "/2018-06-01/runtime/invocation/next");
  const char *answer = "POST /a/error HTTP/1.1\r\ncontent-length: 2 \r\nLambda-Runtime-Function-Error-Type: Unhandled\r\n\r\n{}GET";
  g_assert_cmpint(parse(answer, &request), ==, (gssize) strlen(answer) - 3);
  g_assert_cmpuint(request.body_size, ==, 2);
  g_assert_cmpstr(request.error_type, ==, "Unhandled");
}

static void
test_partial(void)
{
  RuntimeRequest request;
  const char *text = "POST /a HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello";
  for (gsize n = 0; n < strlen(text); n++)
    g_assert_cmpint(runtime_request_parse((const guint8 *) text, n, 100, &request), ==, 0);
  g_assert_cmpint(parse(text, &request), ==, (gssize) strlen(text));
  g_assert_true(request.expects_continue);
}

static void
test_bad(void)
{
  static const char *const bad[] = {"GET\r\n\r\n", "POST /a HTTP/1.1\r\nContent-Length: 101\r\n\r\n", "POST /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                                    "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "TOOLONGMETHOD / HTTP/1.1\r\n\r\n"};
  RuntimeRequest request;
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_cmpint(parse(bad[i], &request), ==, -1);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/lambda/request/whole", test_whole);
  g_test_add_func("/lambda/request/partial", test_partial);
  g_test_add_func("/lambda/request/bad", test_bad);
  return g_test_run();
}
