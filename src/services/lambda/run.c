/* One invocation: in a warm environment or a new one; what it answers, and what the platform writes about it.
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html */
#include <math.h>
#include <string.h>

#include "services/lambda/environment.h"

static const gint64 init_limit = 10 * G_TIME_SPAN_SECOND;

/* How it went. */
typedef struct Course {
  gint64 began, init_us;     /* init_us: of a cold start, else -1 */
  EnvironmentState end;
  gboolean init_ended;       /* it ended, or reported an error, in its init */
} Course;

static double
ms(gint64 us)
{
  return (double) us / 1000.0;
}

static gint64
timeout_us(const Invocation *invocation)
{
  return OPT_OR(invocation->config->Timeout, 3) * G_TIME_SPAN_SECOND;
}

static void
set_answer(InvocationResult *ret, const char *text)
{
  if (ret->payload)
    g_byte_array_unref(ret->payload);
  ret->payload = g_byte_array_append(g_byte_array_new(), (const guint8 *) text, (guint) strlen(text));
  ret->function_error = "Unhandled";
}

static const char *
end_type(const Environment *environment)
{
  return environment->exit.out_of_memory ? "Runtime.OutOfMemory" : "Runtime.ExitError";
}

/* "exit status 1", "signal: killed" */
static char *
end_text(const Environment *environment)
{
  static const struct { int signal; const char *name; } names[] = {
    {9, "killed"}, {11, "segmentation fault"}, {6, "aborted"}, {15, "terminated"}, {4, "illegal instruction"}, {8, "floating point exception"}, {7, "bus error"}};
  const SandboxExit *exit = &environment->exit;
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
    if (exit->signal == names[i].signal)
      return g_strdup_printf("signal: %s", names[i].name);
  return exit->signal ? g_strdup_printf("signal: %d", exit->signal) : g_strdup_printf("exit status %d", exit->status);
}

static void
answer_ended(Environment *environment, const Invocation *invocation, InvocationResult *ret)
{
  g_autofree char *how = end_text(environment);
  gboolean clean = !environment->exit.signal && environment->exit.status == 0;
  g_autofree char *message = clean ? g_strdup_printf("RequestId: %s Error: Runtime exited without providing a reason", invocation->request_id)
                                   : g_strdup_printf("RequestId: %s Error: Runtime exited with error: %s", invocation->request_id, how);
  g_autofree char *text = g_strdup_printf("{\"errorType\":\"%s\",\"errorMessage\":\"%s\"}", end_type(environment), message);
  set_answer(ret, text);
  environment_platform_line(environment, "%s", message);
  environment_platform_line(environment, "%s", end_type(environment));
}

/* Whether the packet left this environment's interface, or was a reply to it. */
static gboolean
is_ours(const Environment *environment, const Drop *drop)
{
  Fabric *fabric = environment->runtime->haar->fabric;
  g_autofree char *to = drop->reply ? fabric_eni_at(fabric, drop->vpc_id, drop->destination) : NULL;
  return g_strcmp0(drop->reply ? to : drop->eni_id, environment->interface ? environment->interface : environment->outside) == 0;
}

static void
tell_drop(Environment *environment, const Drop *drop, Arena *arena)
{
  const Haar *haar = environment->runtime->haar;
  const char *far = drop->reply ? drop->source : drop->destination;
  guint port = drop->reply ? drop->source_port : drop->destination_port;
  g_autofree char *host = fabric_asked_name(haar->fabric, drop->vpc_id, far);
  StringList users = environment->interface ? server_used_by(haar->server, arena, environment->interface, drop->time_ms) : (StringList){0};
  const char *by = drop->stage == STAGE_DELIVER && strcmp(drop->rule, "internet") == 0 ? "haar, which has no way to the internet"
                                                                                      : arena_printf(arena, "%s %s", reach_stages[drop->stage].what, drop->rule);
  const char *shared = users.n > 1 ? arena_printf(arena, " (of %s, which share the interface)", text_join(arena, " or ", users.v, users.n)) : "";
  environment_platform_line(environment, "haar: blocked: %s to %s%s%s%s %s %u%s: dropped by %s. `haar why %s` says why, and what mends it",
                            drop->reply ? "the reply" : "a connection", host ? host : far, host ? " (" : "", host ? far : "", host ? ")" : "",
                            drop->protocol == 17 ? "UDP" : drop->protocol == 1 ? "ICMP" : "TCP", port, shared, by,
                            environment->who + strlen("function "));
}

/* Says in the log which packets of the invocation were dropped: the usual cause of a time-out in a VPC. */
static void
tell_drops(Environment *environment, const Course *course)
{
  enum { DROPS_TOLD = 5, LOOKED_AT = 200 };
  g_autofree Drop *drops = NULL;
  g_autoptr(Arena) arena = arena_new();
  guint n = 0, told = 0;
  if (!environment->interface && !environment->outside)
    return;
  gint64 since = clock_now() - (g_get_monotonic_time() - course->began) / 1000;
  fabric_drops(environment->runtime->haar->fabric, NULL, since, LOOKED_AT, &drops, &n);
  for (guint i = 0; i < n && told < DROPS_TOLD; i++)
    if (is_ours(environment, &drops[i])) {
      tell_drop(environment, &drops[i], arena);
      told++;
    }
}

static void
answer_timed_out(Environment *environment, const Invocation *invocation, InvocationResult *ret)
{
  g_autoptr(Arena) arena = arena_new();
  const char *message = arena_printf(arena, "Task timed out after %.2f seconds", ms(timeout_us(invocation)) / 1000);
  set_answer(ret, arena_printf(arena, "{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":\"RequestId: %s Error: %s\"}", invocation->request_id, message));
  environment_platform_line(environment, "%s %s %s", text_iso8601(arena, clock_now(), TRUE), invocation->request_id, message);
}

static void
answer_given(Environment *environment, InvocationResult *ret)
{
  static const gsize max = 6291556;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&environment->runtime->lock);
  ret->payload = g_steal_pointer(&environment->answer);
  ret->function_error = environment->answered_error ? "Unhandled" : NULL;
  if (!ret->payload)
    ret->payload = g_byte_array_new();
  if (ret->payload->len > max)
    set_answer(ret, "{\"errorType\":\"Function.ResponseSizeTooLarge\",\"errorMessage\":\"Response payload size exceeded maximum allowed payload "
                    "size (6291556 bytes).\"}");
}

static gint64
peak_mb(Environment *environment)
{
  static const gint64 fresh = 100 * 1000;
  gint64 now = g_get_monotonic_time();
  SandboxUsage usage = {-1, -1, -1};
  if (environment->ended)
    environment->peak = MAX(environment->peak, environment->exit.peak_memory);
  else if (!environment->peak_at || now - environment->peak_at > fresh) {
    sandbox_usage(environment->sandbox, &usage);
    environment->peak = MAX(environment->peak, usage.peak_memory);
    environment->peak_at = now;
  }
  return CLAMP((environment->peak + (1 << 20) - 1) >> 20, 1, environment->memory_size);
}

/* Returns: how long it took, us. */
static gint64
report(Environment *environment, const Invocation *invocation, const Course *course)
{
  gint64 took = g_get_monotonic_time() - course->began;
  if (course->end == TIMED_OUT)
    took = timeout_us(invocation);
  g_autoptr(GString) line = g_string_new(NULL);
  g_string_append_printf(line, "REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %.0f ms\tMemory Size: %" G_GINT64_FORMAT
                               " MB\tMax Memory Used: %" G_GINT64_FORMAT " MB\t",
                         invocation->request_id, ms(took), ceil(ms(took + MAX(course->init_us, 0))), environment->memory_size, peak_mb(environment));
  if (course->init_us >= 0)
    g_string_append_printf(line, "Init Duration: %.2f ms\t", ms(course->init_us));
  if (course->end == TIMED_OUT)
    g_string_append(line, "Status: timeout");
  if (course->end == ENDED)
    g_string_append_printf(line, "Status: error\tError Type: %s", end_type(environment));
  environment_platform_line(environment, "END RequestId: %s", invocation->request_id);
  environment_platform_line(environment, "%s", line->str);
  return took;
}

static void
report_init(Environment *environment, EnvironmentState state, gint64 took, const char *phase)
{
  g_autofree char *status = state == TIMED_OUT ? g_strdup("timeout")
                                               : g_strdup_printf("error\tError Type: %s", state == ENDED ? end_type(environment)
                                                                 : environment->error_type               ? environment->error_type
                                                                                                         : "Runtime.Unknown");
  environment_drain(environment);
  environment_platform_line(environment, "INIT_REPORT Init Duration: %.2f ms\tPhase: %s\tStatus: %s", ms(took), phase, status);
}

/* It is lost, as with a haar that is killed: events come again after the next start. */
static Error *
give_up(Environment *environment)
{
  environment_free(environment);
  return error_fault("haar ends: the invocation was given up");
}

/* A new environment that is ready; or, if its init failed or took too long, a second one whose init is part of the invocation. */
static Error *
cold_start(Pool *pool, Call *call, const Invocation *invocation, Environment **ret, Course *course)
{
  TRY(pool_make(pool, call, invocation, ret));
  gint64 began = g_get_monotonic_time();
  EnvironmentState state = environment_wait_ready(*ret, began + init_limit);
  gint64 took = g_get_monotonic_time() - began;
  if (state == READY) {
    course->init_us = took;
    environment_attach(*ret);
    return NULL;
  }
  if (state == HALTED)
    return give_up(*ret);
  report_init(*ret, state, took, "init");
  environment_free(*ret);
  *ret = NULL;
  course->began = g_get_monotonic_time();
  TRY(pool_make(pool, call, invocation, ret));
  course->end = environment_wait_ready(*ret, course->began + timeout_us(invocation));
  if (course->end == HALTED)
    return give_up(*ret);
  course->init_ended = course->end != READY;
  if (!course->init_ended)
    environment_attach(*ret);
  if (course->init_ended)
    report_init(*ret, course->end, g_get_monotonic_time() - course->began, "invoke");
  return NULL;
}

static void
begin_output(Environment *environment, const Invocation *invocation)
{
  g_mutex_lock(&environment->runtime->lock);
  if (environment->tail)
    g_string_free(environment->tail, TRUE);
  environment->tail = invocation->tail ? g_string_new(NULL) : NULL;
  g_mutex_unlock(&environment->runtime->lock);
  environment_platform_line(environment, "START RequestId: %s Version: %s", invocation->request_id, invocation->config->Version);
}

static char *
tail_text(Environment *environment)
{
  static const gsize max = 4096;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&environment->runtime->lock);
  const GString *tail = environment->tail;
  if (!tail)
    return NULL;
  gsize from = tail->len > max ? tail->len - max : 0;
  return g_base64_encode((const guchar *) tail->str + from, tail->len - from);
}

/* Sends the event and waits. FALSE: the environment had gone before it took the event. */
static gboolean
run_event(Environment *environment, const Invocation *invocation, Course *course)
{
  gint64 until = course->began + timeout_us(invocation);
  EnvironmentState ready = environment_wait_ready(environment, until);
  if (ready == ENDED && course->init_us < 0)
    return FALSE;
  course->end = ready;
  if (ready != READY)
    return TRUE;
  gint64 left_ms = (until - g_get_monotonic_time()) / 1000;
  g_autoptr(Error) error = environment_send(environment, invocation, clock_real() + MAX(left_ms, 0));
  if (error && course->init_us < 0)
    return FALSE;
  course->end = environment_wait_answer(environment, until);
  return TRUE;
}

static void
finish(Pool *pool, Environment *environment, const Invocation *invocation, Course *course, InvocationResult *ret)
{
  if (course->end == ENDED)
    sandbox_wait(environment->sandbox, 1000, NULL);
  environment_drain(environment);
  if (course->end == TIMED_OUT) {
    tell_drops(environment, course);
    answer_timed_out(environment, invocation, ret);
  } else if (course->end == ENDED)
    answer_ended(environment, invocation, ret);
  else
    answer_given(environment, ret);
  ret->duration_us = report(environment, invocation, course);
  ret->log_tail = tail_text(environment);
  if (course->end == READY && !course->init_ended) {
    environment_use(environment, FALSE);
    pool_give_back(pool, environment);
  }
  else
    environment_free(environment);
}

Error *
pool_invoke(Pool *pool, Call *call, const Invocation *invocation, InvocationResult *ret)
{
  for (;;) {
    Course course = {.init_us = -1, .end = READY};
    Environment *environment = pool_take(pool, invocation);
    gboolean warm = environment != NULL;
    if (!warm)
      TRY(cold_start(pool, call, invocation, &environment, &course));
    environment_use(environment, TRUE);
    begin_output(environment, invocation);
    if (!course.began)
      course.began = g_get_monotonic_time();
    if (!course.init_ended && !run_event(environment, invocation, &course) && warm) {
      environment_free(environment);
      continue;
    }
    if (course.end == HALTED)
      return give_up(environment);
    finish(pool, environment, invocation, &course, ret);
    return NULL;
  }
}
