#include "services/lambda/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of the hour that a session lasts: an environment whose credentials are nearly over takes no more invocations. */
enum { CREDENTIALS_MS = 55 * 60 * 1000, OUTSIDE_PORT = 9001, FIRST_PORT = 9002, LAST_PORT = 60000 };

/* The execution role's session. arena. */
typedef struct Role {
  Principal principal;
  const char *access_key, *secret, *token;
  gint64 expires;
} Role;

/* What is gathered before the process can start; descriptors are closed by start_clear. */
typedef struct Start {
  Lambda *lambda;
  Call *call;
  const Invocation *invocation;
  Role role;
  const char *interface;     /* NULL: outside */
  int netns, listener, output[2];
  guint port;
  const char *stream;
  struct { gsize n; const char **v; } env;
} Start;

static void
start_clear(Start *start)
{
  const int fds[] = {start->netns, start->listener, start->output[0], start->output[1]};
  for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
    if (fds[i] >= 0)
      close(fds[i]);
}

static Error *
assume_role(Start *start)
{
  Call *call = start->call;
  gint64 began = clock_now(); /* it may jump meanwhile */
  const LambdaFunctionConfiguration *config = start->invocation->config;
  Json *in = lambda_json_strings(call->arena, "RoleArn", config->Role, "RoleSessionName", config->FunctionName[1] ? config->FunctionName : "awslambda", NULL), *out;
  g_autoptr(Error) error =
    lambda_other_call(call, "sts", "AssumeRole", principal_service(call->arena, "lambda.amazonaws.com", start->invocation->account), in, &out);
  if (error && error->kind == ERROR_ANSWER)
    return error_answer("AccessDeniedException", "The role defined for the function cannot be assumed by Lambda.");
  if (error)
    return g_steal_pointer(&error);
  Role *role = &start->role;
  role->access_key = json_string(json_path(out, "Credentials.AccessKeyId"));
  role->secret = json_string(json_path(out, "Credentials.SecretAccessKey"));
  role->token = json_string(json_path(out, "Credentials.SessionToken"));
  role->expires = began + CREDENTIALS_MS;
  role->principal = (Principal) {
    .type = PRINCIPAL_ROLE_SESSION,
    .account = start->invocation->account,
    .arn = json_string(json_path(out, "AssumedRoleUser.Arn")),
    .user_id = json_string(json_path(out, "AssumedRoleUser.AssumedRoleId")),
    .role_arn = config->Role,
    .access_key = role->access_key,
  };
  return role->access_key && role->secret && role->principal.arn ? NULL : error_fault("AssumeRole gave no credentials");
}

static guint
next_port(Runtime *runtime)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&runtime->lock);
  runtime->last_port = runtime->last_port < FIRST_PORT || runtime->last_port >= LAST_PORT ? FIRST_PORT : runtime->last_port + 1;
  return runtime->last_port;
}

/* The namespace, and the Runtime API's listener in it. An interface is shared by many environments: each has its own port. */
static Error *
enter_network(Start *start, Environment *environment, guint turn)
{
  Fabric *fabric = start->lambda->haar->fabric;
  TRY(lambda_network_interface(start->call, start->invocation->config, turn, &start->interface));
  if (!start->interface) {
    environment->outside = g_strdup_printf("lambda-%s", environment->id);
    start->port = OUTSIDE_PORT;
    environment_use(environment, TRUE);
    TRY(fabric_outside_netns(fabric, environment->outside, &start->netns));
    return fabric_listen_outside(fabric, environment->outside, "127.0.0.1", OUTSIDE_PORT, &start->listener);
  }
  environment->interface = g_strdup(start->interface);
  environment_use(environment, TRUE);
  TRY(fabric_eni_netns(fabric, start->interface, &start->netns));
  environment->made_late = environment->late = start->invocation->late;
  if (environment->late)
    lambda_late_begin(start->lambda, start->interface);
  Error *error = NULL;
  for (guint attempt = 0; attempt < 16; attempt++) {
    error_clear(&error);
    start->port = next_port(start->lambda->runtime);
    error = fabric_listen_in(fabric, start->interface, "127.0.0.1", (guint16) start->port, &start->listener);
    if (!error)
      break;
  }
  return error;
}

static void
set(Start *start, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void
set(Start *start, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  const char *text = arena_vprintf(start->call->arena, format, args);
  va_end(args);
  LIST_APPEND(start->call->arena, &start->env, text);
}

static const char ca_bundle[] = "/etc/ssl/certs/ca-certificates.crt";

static void
set_platform(Start *start)
{
  const Invocation *invocation = start->invocation;
  const LambdaFunctionConfiguration *config = invocation->config;
  set(start, "AWS_LAMBDA_FUNCTION_NAME=%s", config->FunctionName);
  set(start, "AWS_LAMBDA_FUNCTION_VERSION=%s", config->Version);
  set(start, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%" G_GINT64_FORMAT, OPT_OR(config->MemorySize, 128));
  set(start, "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/%s", config->FunctionName);
  set(start, "AWS_LAMBDA_LOG_STREAM_NAME=%s", start->stream);
  set(start, "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand");
  set(start, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:%u", start->port);
  set(start, "AWS_EXECUTION_ENV=AWS_Lambda_%s", config->Runtime ? config->Runtime : "provided");
  set(start, "AWS_REGION=%s", invocation->region);
  set(start, "AWS_DEFAULT_REGION=%s", invocation->region);
  set(start, "AWS_ACCESS_KEY_ID=%s", start->role.access_key);
  set(start, "AWS_SECRET_ACCESS_KEY=%s", start->role.secret);
  set(start, "AWS_SESSION_TOKEN=%s", start->role.token ? start->role.token : "");
  set(start, "AWS_CA_BUNDLE=%s", ca_bundle);
  set(start, "SSL_CERT_FILE=%s", ca_bundle);
  set(start, "REQUESTS_CA_BUNDLE=%s", ca_bundle);
  set(start, "CURL_CA_BUNDLE=%s", ca_bundle);
  set(start, "NODE_EXTRA_CA_CERTS=%s", ca_bundle);
  set(start, "_HANDLER=%s", config->Handler ? config->Handler : "");
  set(start, "LAMBDA_TASK_ROOT=/var/task");
  set(start, "LAMBDA_RUNTIME_DIR=/var/runtime");
}

static void
set_environment(Start *start)
{
  static const char *const defaults[][2] = {
    {"TZ", ":UTC"},
    {"LANG", "C.UTF-8"},
    {"PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin"},
    {"LD_LIBRARY_PATH", "/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"},
    {"NODE_PATH", "/opt/nodejs/node_modules:/var/runtime/node_modules:/usr/share/nodejs:/usr/lib/node_modules"},
    {"PYTHONDONTWRITEBYTECODE", "1"},
  };
  const LambdaEnvironmentResponse *own = start->invocation->config->Environment;
  for (gsize i = 0; i < G_N_ELEMENTS(defaults); i++)
    if (!own || !string_map_get(&own->Variables, defaults[i][0]))
      set(start, "%s=%s", defaults[i][0], defaults[i][1]);
  for (gsize i = 0; own && i < own->Variables.n; i++)
    set(start, "%s=%s", own->Variables.v[i].key, own->Variables.v[i].value);
  set_platform(start);
  LIST_APPEND(start->call->arena, &start->env, NULL);
}

/* What runs a function. */
static const struct { const char *prefix, *directory, *argv[3]; } programs[] = {
  {"python3", "python", {"/usr/bin/python3", "/var/runtime/bootstrap.py", NULL}},
  {"nodejs", "nodejs", {"/usr/bin/node", "/var/runtime/bootstrap.mjs", NULL}},
  {"provided", NULL, {"/var/task/bootstrap", NULL, NULL}},
};

static Error *
find_program(const Start *start, const char *const **ret_argv, const char **ret_runtime)
{
  const char *runtime = start->invocation->config->Runtime;
  for (gsize i = 0; i < G_N_ELEMENTS(programs); i++)
    if (runtime && g_str_has_prefix(runtime, programs[i].prefix)) {
      *ret_argv = programs[i].argv;
      *ret_runtime = programs[i].directory;
      return programs[i].directory && !start->lambda->runtimes ? error_fault("haar's runtimes are not beside its program") : NULL;
    }
  return error_answer("InvalidRuntimeException", "haar does not run %s functions: python3.*, nodejs* and provided.* are there.",
                      runtime ? runtime : "image");
}

static void
exited(Sandbox *sandbox, const SandboxExit *exit, gpointer data)
{
  Environment *environment = data;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&environment->runtime->lock);
  environment->exit = *exit;
  environment->ended = TRUE;
  g_cond_broadcast(&environment->changed);
}

static Error *
run(Start *start, Environment *environment)
{
  Call *call = start->call;
  const LambdaFunctionConfiguration *config = start->invocation->config;
  const Haar *haar = start->lambda->haar;
  const char *const *argv = NULL;
  const char *runtime = NULL;
  TRY(find_program(start, &argv, &runtime));
  gsize n_mounts = 1;
  SandboxMount mounts[3] = {{code_directory(call->arena, haar, start->invocation->code), "/var/task", FALSE}};
  if (runtime)
    mounts[n_mounts++] = (SandboxMount) {arena_printf(call->arena, "%s/%s", start->lambda->runtimes, runtime), "/var/runtime", FALSE};
  if (start->invocation->layers)
    mounts[n_mounts++] = (SandboxMount) {code_directory(call->arena, haar, start->invocation->layers), "/opt", FALSE};
  g_autofree char *resolv = fabric_resolv_conf(haar->fabric, start->interface);
  set_environment(start);
  SandboxSpec spec = {
    .name = arena_printf(call->arena, "lambda %s", environment->key),
    .netns = start->netns,
    .argv = argv,
    .env = start->env.v,
    .directory = "/var/task",
    .mounts = mounts,
    .n_mounts = n_mounts,
    .resolv_conf = resolv,
    .ca_path = server_ca_path(haar->server),
    .tmp_size = (config->EphemeralStorage ? OPT_OR(config->EphemeralStorage->Size, 512) : 512) << 20,
    .memory_max = OPT_OR(config->MemorySize, 128) << 20,
    .cpu_shares = OPT_OR(config->MemorySize, 128) * 1024 / 1769, /* a whole processor at 1,769 MB */
    .stdin_fd = -1,
    .stdout_fd = start->output[1],
    .stderr_fd = start->output[1],
    .exited = exited,
    .data = environment,
  };
  return sandbox_start(haar->sandboxes, &spec, &environment->sandbox);
}

static Environment *
make(Lambda *lambda, const Invocation *invocation)
{
  Environment *environment = g_new0(Environment, 1);
  g_autoptr(Arena) arena = arena_new();
  const LambdaFunctionConfiguration *config = invocation->config;
  environment->runtime = lambda->runtime;
  environment->id = g_strdup(id_hex(arena, 12));
  environment->key = g_strdup_printf("%s/%s/%s/%s", invocation->region, invocation->account, config->FunctionName, config->Version);
  environment->revision = g_strdup(config->RevisionId);
  environment->who = g_strdup_printf("function %s", config->FunctionName);
  environment->memory_size = OPT_OR(config->MemorySize, 128);
  environment->line = g_string_new(NULL);
  g_cond_init(&environment->changed);
  g_mutex_init(&environment->freezing);
  g_mutex_lock(&environment->runtime->lock);
  g_hash_table_add(environment->runtime->environments, environment);
  g_mutex_unlock(&environment->runtime->lock);
  return environment;
}

static char *
stream_name(Arena *arena, const char *version)
{
  g_autoptr(GDateTime) now = g_date_time_new_from_unix_utc(clock_now() / 1000);
  g_autofree char *day = g_date_time_format(now, "%Y/%m/%d");
  return arena_printf(arena, "%s/[%s]%s", day, version, id_hex(arena, 32));
}

Error *
environment_new(Lambda *lambda, Call *call, const Invocation *invocation, guint turn, Environment **ret)
{
  Start start = {.lambda = lambda, .call = call, .invocation = invocation, .netns = -1, .listener = -1, .output = {-1, -1}};
  Environment *environment = make(lambda, invocation);
  start.stream = stream_name(call->arena, invocation->config->Version);
  Error *error = assume_role(&start);
  if (!error)
    error = enter_network(&start, environment, turn);
  if (!error && pipe2(start.output, O_CLOEXEC) < 0)
    error = error_fault("pipe: %s", g_strerror(errno));
  if (!error) {
    environment->expires = start.role.expires;
    environment->access_key = g_strdup(start.role.access_key);
    environment_work(environment, TRUE);
    g_autofree char *group = g_strdup_printf("/aws/lambda/%s", invocation->config->FunctionName);
    g_mutex_lock(&lambda->runtime->lock);
    environment->log = log_sink_new(lambda->haar, invocation->region, &start.role.principal, group, start.stream);
    environment->output = runtime_add(lambda->runtime, environment, SOURCE_OUTPUT, start.output[0]);
    g_mutex_unlock(&lambda->runtime->lock);
    start.output[0] = -1;
    error = run(&start, environment);
  }
  if (!error) { /* only now: whoever connects is looked up in the sandbox */
    g_mutex_lock(&lambda->runtime->lock);
    environment->listener = runtime_add(lambda->runtime, environment, SOURCE_LISTENER, start.listener);
    g_mutex_unlock(&lambda->runtime->lock);
    start.listener = -1;
  }
  start_clear(&start);
  if (error)
    environment_free(environment);
  else
    *ret = environment;
  return error;
}

void
environment_attach(Environment *environment)
{
  if (environment->late)
    lambda_late_end(haar_state(environment->runtime->haar, "lambda"), environment->interface);
  environment->late = FALSE;
}

void
environment_use(Environment *environment, gboolean runs)
{
  Server *server = environment->runtime->haar->server;
  const char *where = environment->interface ? environment->interface : environment->outside;
  if (!where || (environment->use != 0) == runs)
    return;
  if (!runs)
    server_use_end(server, environment->use);
  environment->use = runs ? server_use_begin(server, where, environment->who) : 0;
}

void
environment_work(Environment *environment, gboolean works)
{
  Server *server = environment->runtime->haar->server;
  if (!environment->access_key)
    return;
  if (works)
    server_session_hold(server, environment->access_key);
  else
    server_session_release(server, environment->access_key);
}

void
environment_free(Environment *environment)
{
  if (!environment)
    return;
  environment_work(environment, FALSE);
  environment_use(environment, FALSE);
  environment_attach(environment);
  if (environment->sandbox) {
    sandbox_kill(environment->sandbox);
    sandbox_wait(environment->sandbox, 5000, NULL);
    sandbox_free(environment->sandbox);
  }
  runtime_remove_all(environment->runtime, environment);
  g_mutex_lock(&environment->runtime->lock);
  g_hash_table_remove(environment->runtime->environments, environment);
  g_mutex_unlock(&environment->runtime->lock);
  if (environment->outside)
    fabric_outside_drop(environment->runtime->haar->fabric, environment->outside);
  log_sink_free(environment->log);
  if (environment->answer)
    g_byte_array_unref(environment->answer);
  if (environment->tail)
    g_string_free(environment->tail, TRUE);
  g_string_free(environment->line, TRUE);
  g_cond_clear(&environment->changed);
  g_mutex_clear(&environment->freezing);
  g_free(environment->id);
  g_free(environment->key);
  g_free(environment->revision);
  g_free(environment->outside);
  g_free(environment->interface);
  g_free(environment->who);
  g_free(environment->access_key);
  g_free(environment->request_id);
  g_free(environment->error_type);
  g_free(environment);
}

/* --- an invocation --- */

EnvironmentState
environment_wait_ready(Environment *environment, gint64 until)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&environment->runtime->lock);
  for (;;) {
    if (environment->waiting)
      return READY;
    if (environment->init_failed)
      return INIT_ERROR;
    if (environment->ended)
      return ENDED;
    if (environment->runtime->halted)
      return HALTED;
    if (!g_cond_wait_until(&environment->changed, &environment->runtime->lock, until))
      return environment->waiting ? READY : environment->ended ? ENDED : TIMED_OUT;
  }
}

/* Writes all of it to a non-blocking socket. */
static gboolean
write_all(int fd, const guint8 *data, gsize size)
{
  while (size) {
    ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) {
      struct pollfd one = {fd, POLLOUT, 0};
      if (poll(&one, 1, 10000) <= 0)
        return FALSE;
    } else if (n < 0)
      return FALSE;
    else {
      data += n;
      size -= (gsize) n;
    }
  }
  return TRUE;
}

static GByteArray *
event_message(const Invocation *invocation, gint64 deadline_ms)
{
  static const guint8 empty[] = "{}";
  gsize size = invocation->payload.size ? invocation->payload.size : 2;
  GByteArray *message = g_byte_array_sized_new((guint) size + 1024);
  g_autoptr(GString) head = g_string_new("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n");
  g_string_append_printf(head, "Lambda-Runtime-Aws-Request-Id: %s\r\nLambda-Runtime-Deadline-Ms: %" G_GINT64_FORMAT "\r\n", invocation->request_id,
                         deadline_ms);
  g_string_append_printf(head, "Lambda-Runtime-Invoked-Function-Arn: %s\r\nLambda-Runtime-Trace-Id: %s\r\n", invocation->invoked_arn,
                         invocation->trace_id);
  if (invocation->client_context)
    g_string_append_printf(head, "Lambda-Runtime-Client-Context: %s\r\n", invocation->client_context);
  g_string_append_printf(head, "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n", size);
  g_byte_array_append(message, (const guint8 *) head->str, (guint) head->len);
  return g_byte_array_append(message, invocation->payload.size ? invocation->payload.data : empty, (guint) size);
}

Error *
environment_send(Environment *environment, const Invocation *invocation, gint64 deadline_ms)
{
  Runtime *runtime = environment->runtime;
  g_autoptr(GByteArray) message = event_message(invocation, deadline_ms);
  g_mutex_lock(&runtime->lock);
  int fd = dup(runtime_fd(runtime, environment->waiting));
  environment->waiting = 0;
  environment->answered = environment->answered_error = FALSE;
  g_free(environment->request_id);
  environment->request_id = g_strdup(invocation->request_id);
  g_mutex_unlock(&runtime->lock);
  gboolean sent = fd >= 0 && write_all(fd, message->data, message->len);
  if (fd >= 0)
    close(fd);
  return sent ? NULL : error_fault("the runtime's connection is gone");
}

EnvironmentState
environment_wait_answer(Environment *environment, gint64 until)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&environment->runtime->lock);
  while (!environment->answered && !environment->ended && !environment->runtime->halted)
    if (!g_cond_wait_until(&environment->changed, &environment->runtime->lock, until))
      break;
  return environment->answered ? READY : environment->ended ? ENDED : environment->runtime->halted ? HALTED : TIMED_OUT;
}

void
environment_platform_line(Environment *environment, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *line = g_strdup_vprintf(format, args);
  va_end(args);
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&environment->runtime->lock);
  log_sink_add(environment->log, line, strlen(line));
  if (environment->tail)
    g_string_append_printf(environment->tail, "%s\n", line);
}
