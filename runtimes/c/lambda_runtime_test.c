/* The runtime against a Runtime API of the test's own: a scripted HTTP server on one thread. */
#include "internal.h"

#include <curl/curl.h>
#include <gio/gio.h>
#include <string.h>

typedef struct Exchange {
  const char *expect;      /* request line's beginning */
  const char *answer;      /* whole answer */
  gchar *request, *body;   /* what came */
} Exchange;

typedef struct Mock {
  GSocketListener *listener;
  guint16 port;
  GThread *thread;
  Exchange *exchanges;
  gsize n, connections;
} Mock;

/* Reads a request's head and body from the stream. FALSE: the client closed. */
static gboolean
read_request(GDataInputStream *in, Exchange *exchange)
{
  gsize size = 0, length = 0;
  GString *head = g_string_new(NULL);
  for (;;) {
    g_autofree gchar *line = g_data_input_stream_read_line(in, &size, NULL, NULL);
    if (!line) {
      g_string_free(head, TRUE);
      return FALSE;
    }
    if (!*line)
      break;
    if (g_ascii_strncasecmp(line, "content-length:", 15) == 0)
      length = (gsize) g_ascii_strtoull(line + 15, NULL, 10);
    g_string_append_printf(head, "%s\n", line);
  }
  exchange->request = g_string_free(head, FALSE);
  exchange->body = g_malloc0(length + 1);
  return g_input_stream_read_all(G_INPUT_STREAM(in), exchange->body, length, &size, NULL, NULL);
}

/* Answers the script in order, then closes. */
static gpointer
serve(gpointer data)
{
  Mock *mock = data;
  gsize at = 0;
  while (at < mock->n) {
    g_autoptr(GSocketConnection) connection = g_socket_listener_accept(mock->listener, NULL, NULL, NULL);
    mock->connections++;
    g_autoptr(GDataInputStream) in = g_data_input_stream_new(g_io_stream_get_input_stream(G_IO_STREAM(connection)));
    g_data_input_stream_set_newline_type(in, G_DATA_STREAM_NEWLINE_TYPE_CR_LF);
    GOutputStream *out = g_io_stream_get_output_stream(G_IO_STREAM(connection));
    while (at < mock->n && read_request(in, &mock->exchanges[at])) {
      const char *answer = mock->exchanges[at++].answer;
      g_output_stream_write_all(out, answer, strlen(answer), NULL, NULL, NULL);
      if (strstr(answer, "Connection: close"))
        break;
    }
  }
  g_socket_listener_close(mock->listener);
  return NULL;
}

static void
mock_start(Mock *mock, Exchange *exchanges, gsize n)
{
  *mock = (Mock){.listener = g_socket_listener_new(), .exchanges = exchanges, .n = n};
  g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
  g_autoptr(GSocketAddress) wanted = g_inet_socket_address_new(loopback, 0);
  g_autoptr(GSocketAddress) bound = NULL;
  g_assert_true(g_socket_listener_add_address(mock->listener, wanted, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL, &bound, NULL));
  mock->port = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound));
  mock->thread = g_thread_new("mock", serve, mock);
  g_autofree gchar *api = g_strdup_printf("127.0.0.1:%u", mock->port);
  g_setenv("AWS_LAMBDA_RUNTIME_API", api, TRUE);
}

static void
mock_finish(Mock *mock)
{
  g_thread_join(mock->thread);
  g_object_unref(mock->listener);
  for (gsize i = 0; i < mock->n; i++) {
    g_assert_true(g_str_has_prefix(mock->exchanges[i].request, mock->exchanges[i].expect));
    g_free(mock->exchanges[i].request);
  }
}

#define NEXT(id, extra, size, body)                                                                                             \
  {"GET /2018-06-01/runtime/invocation/next HTTP/1.1",                                                                          \
   "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: " id "\r\nLambda-Runtime-Deadline-Ms: 4102444800000\r\n" extra            \
   "Content-Length: " size "\r\n\r\n" body}
#define ACCEPTED "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
#define LAST                                                                                                                    \
  {"GET /2018-06-01/runtime/invocation/next", "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"}

static void
echo(const LambdaEvent *event, const LambdaContext *context, void *user, LambdaAnswer *answer)
{
  g_assert_cmpint(lambda_remaining_ms(context), >, 0);
  ++*(int *) user;
  lambda_answer(answer, event->data, event->size);
}

static void
test_answers_on_one_connection(void)
{
  Exchange exchanges[] = {
      NEXT("r-1", "", "7", "{\"a\":1}"), {"POST /2018-06-01/runtime/invocation/r-1/response", ACCEPTED},
      NEXT("r-2", "", "0", ""),          {"POST /2018-06-01/runtime/invocation/r-2/response", ACCEPTED},
      LAST,
  };
  Mock mock;
  int calls = 0;
  mock_start(&mock, exchanges, G_N_ELEMENTS(exchanges));
  g_assert_cmpint(lambda_run(echo, &calls), ==, 1);
  mock_finish(&mock);
  g_assert_cmpint(calls, ==, 2);
  g_assert_cmpuint(mock.connections, ==, 1);
  g_assert_cmpstr(exchanges[1].body, ==, "{\"a\":1}");
  g_assert_cmpstr(exchanges[3].body, ==, "null");
  for (gsize i = 0; i < G_N_ELEMENTS(exchanges); i++)
    g_free(exchanges[i].body);
}

static void
check_context(const LambdaEvent *event, const LambdaContext *context, void *user, LambdaAnswer *answer)
{
  g_assert_cmpuint(event->size, ==, 2);
  g_assert_cmpstr(context->request_id, ==, "r-9");
  g_assert_cmpint(context->deadline_ms, ==, G_GINT64_CONSTANT(4102444800000));
  g_assert_cmpstr(context->function_arn, ==, "arn:aws:lambda:us-east-1:000000000000:function:pay:live");
  g_assert_cmpstr(context->trace_id, ==, "Root=1-5e-67");
  g_assert_cmpstr(g_getenv("_X_AMZN_TRACE_ID"), ==, "Root=1-5e-67");
  g_assert_cmpstr(context->client_context, ==, "{\"c\":1}");
  g_assert_null(context->cognito_identity);
  g_assert_cmpstr(context->function_name, ==, "pay");
  g_assert_cmpint(context->memory_mb, ==, 512);
  lambda_answer(answer, "gone", 4);
  lambda_fail(answer, "Bad Type", "line 1\nof \"%s\" \xff", "text");
}

static void
test_context_and_error(void)
{
  Exchange exchanges[] = {
      NEXT("r-9",
           "lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:000000000000:function:pay:live\r\n"
           "Lambda-Runtime-Trace-Id: Root=1-5e-67\r\nLambda-Runtime-Client-Context: {\"c\":1}\r\n",
           "2", "{}"),
      {"POST /2018-06-01/runtime/invocation/r-9/error", ACCEPTED},
      LAST,
  };
  Mock mock;
  g_setenv("AWS_LAMBDA_FUNCTION_NAME", "pay", TRUE);
  g_setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512", TRUE);
  mock_start(&mock, exchanges, G_N_ELEMENTS(exchanges));
  g_assert_cmpint(lambda_run(check_context, NULL), ==, 1);
  g_thread_join(mock.thread);
  g_assert_nonnull(strstr(exchanges[1].request, "Lambda-Runtime-Function-Error-Type: BadType\n"));
  g_assert_cmpstr(exchanges[1].body, ==,
                  "{\"errorType\":\"Bad Type\",\"errorMessage\":\"line 1\\nof \\\"text\\\" \xef\xbf\xbd\",\"stackTrace\":[]}");
  g_object_unref(mock.listener);
  for (gsize i = 0; i < G_N_ELEMENTS(exchanges); i++) {
    g_free(exchanges[i].request);
    g_free(exchanges[i].body);
  }
}

static void
test_refused_answer_is_an_error(void)
{
  Exchange exchanges[] = {
      NEXT("r-3", "", "2", "{}"),
      {"POST /2018-06-01/runtime/invocation/r-3/response", "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"},
      {"POST /2018-06-01/runtime/invocation/r-3/error", ACCEPTED},
      LAST,
  };
  Mock mock;
  int calls = 0;
  mock_start(&mock, exchanges, G_N_ELEMENTS(exchanges));
  lambda_run(echo, &calls);
  mock_finish(&mock);
  g_assert_nonnull(strstr(exchanges[2].body, "\"Function.ResponseSizeTooLarge\""));
  for (gsize i = 0; i < G_N_ELEMENTS(exchanges); i++)
    g_free(exchanges[i].body);
}

/* The service may close the connection while the environment is frozen. */
static void
test_connection_is_made_again(void)
{
  Exchange exchanges[] = {
      {"GET /2018-06-01/runtime/invocation/next",
       "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r-4\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"},
      {"POST /2018-06-01/runtime/invocation/r-4/response", ACCEPTED},
      LAST,
  };
  Mock mock;
  LambdaEvent event;
  LambdaContext context;
  LambdaAnswer answer = {0};
  mock_start(&mock, exchanges, 2);
  Client *client = client_new(g_getenv("AWS_LAMBDA_RUNTIME_API"));
  g_assert_cmpint(client_next(client, &event, &context), ==, 0);
  g_assert_cmpint(client_answer(client, context.request_id, &answer), ==, 0);
  client_free(client);
  mock_finish(&mock);
  g_assert_cmpuint(mock.connections, ==, 2);
  for (gsize i = 0; i < 2; i++)
    g_free(exchanges[i].body);
}

static void
test_init_error(void)
{
  Exchange exchanges[] = {{"POST /2018-06-01/runtime/init/error", ACCEPTED}};
  Mock mock;
  mock_start(&mock, exchanges, 1);
  g_assert_cmpint(lambda_init_fail("Config.Missing", "%s is not set", "TABLE"), ==, 1);
  mock_finish(&mock);
  g_assert_cmpstr(exchanges[0].body, ==, "{\"errorType\":\"Config.Missing\",\"errorMessage\":\"TABLE is not set\",\"stackTrace\":[]}");
  g_free(exchanges[0].body);
}

static void
test_without_api(void)
{
  g_unsetenv("AWS_LAMBDA_RUNTIME_API");
  g_assert_cmpint(lambda_run(echo, NULL), ==, 1);
}

int
main(int argc, char **argv)
{
  curl_global_init(CURL_GLOBAL_DEFAULT);
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/runtime/answers", test_answers_on_one_connection);
  g_test_add_func("/runtime/context-and-error", test_context_and_error);
  g_test_add_func("/runtime/refused-answer", test_refused_answer_is_an_error);
  g_test_add_func("/runtime/connection-made-again", test_connection_is_made_again);
  g_test_add_func("/runtime/init-error", test_init_error);
  g_test_add_func("/runtime/without-api", test_without_api);
  return g_test_run();
}
