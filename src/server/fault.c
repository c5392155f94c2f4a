/* Faults are rows of the store, so that they last over a restart, and entries of a list in memory, where the pipeline looks. What a fault does is its
 * kind's: begin makes it so, end undoes it; both are called at the start of haar too, for what is stored. */
#include "server/fault.h"

#include <string.h>

#include "jobs/jobs.h"
#include "server/clock.h"
#include "server/internal.h"

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

enum { FAULTS_MAX = 100, DELAY_MAX_MS = 60 * 1000 };

static const Table stored = {"server.fault"}; /* name -> JSON */
static const char job_kind[] = "server.fault";

typedef struct Active {
  Arena *arena;
  Fault fault;
  double rate, saved;        /* of "service": hits a call; what has been saved up for the next hit */
  guint delay_ms;
} Active;

struct Faults {
  GMutex lock;
  GPtrArray *kinds;          /* const FaultKind * */
  GArray *watches;           /* FaultWatch */
  GPtrArray *active;         /* Active * */
  gint n;                    /* of active, to be read without the lock */
  guint last_number;
};

static void
active_free(gpointer data)
{
  arena_free(((Active *) data)->arena);
}

Faults *
faults_new(void)
{
  Faults *faults = g_new0(Faults, 1);
  g_mutex_init(&faults->lock);
  faults->kinds = g_ptr_array_new();
  faults->watches = g_array_new(FALSE, FALSE, sizeof(FaultWatch));
  faults->active = g_ptr_array_new_with_free_func(active_free);
  return faults;
}

void
faults_free(Faults *faults)
{
  if (!faults)
    return;
  g_ptr_array_unref(faults->kinds);
  g_array_unref(faults->watches);
  g_ptr_array_unref(faults->active);
  g_mutex_clear(&faults->lock);
  g_free(faults);
}

void
server_fault_kind(Haar *haar, const FaultKind *kind)
{
  g_ptr_array_add(haar->server->faults->kinds, (gpointer) kind);
}

void
server_fault_watch(Haar *haar, FaultWatch watch)
{
  g_array_append_val(haar->server->faults->watches, watch);
}

static void
tell(Haar *haar, const Fault *fault, gboolean on)
{
  const GArray *watches = haar->server->faults->watches;
  for (guint i = 0; i < watches->len; i++)
    g_array_index(watches, FaultWatch, i)(haar, fault, on);
}

static const FaultKind *
find_kind(const Faults *faults, const char *name)
{
  for (guint i = 0; name && i < faults->kinds->len; i++)
    if (strcmp(((const FaultKind *) faults->kinds->pdata[i])->kind, name) == 0)
      return faults->kinds->pdata[i];
  return NULL;
}

/* Lock held. */
static Active *
find_active(const Faults *faults, const char *name)
{
  for (guint i = 0; i < faults->active->len; i++)
    if (strcmp(((Active *) faults->active->pdata[i])->fault.name, name) == 0)
      return faults->active->pdata[i];
  return NULL;
}

gboolean
server_fault_on(Server *server, const char *kind, const char *target)
{
  Faults *faults = server->faults;
  if (!target || g_atomic_int_get(&faults->n) == 0)
    return FALSE;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&faults->lock);
  for (guint i = 0; i < faults->active->len; i++) {
    const Fault *fault = &((Active *) faults->active->pdata[i])->fault;
    if (strcmp(fault->kind, kind) == 0 && strcmp(fault->target, target) == 0)
      return TRUE;
  }
  return FALSE;
}

/* --- JSON: as it is stored and told --- */

static void
put(Arena *arena, Json *object, const char *key, const char *text)
{
  if (text)
    json_set(arena, object, key, json_new_string(arena, text));
}

static Json *
fault_json(Arena *arena, const Fault *fault)
{
  Json *json = json_new_object(arena);
  put(arena, json, "name", fault->name);
  put(arena, json, "kind", fault->kind);
  put(arena, json, "target", fault->target);
  put(arena, json, "text", fault->text);
  put(arena, json, "stack", fault->stack);
  put(arena, json, "since", text_iso8601(arena, fault->since_ms, TRUE));
  if (fault->until_ms)
    put(arena, json, "until", text_iso8601(arena, fault->until_ms, TRUE));
  json_set(arena, json, "since_ms", json_new_int(arena, fault->since_ms));
  json_set(arena, json, "until_ms", json_new_int(arena, fault->until_ms));
  json_set(arena, json, "settings", json_copy(arena, fault->settings));
  return json;
}

static gint64
number_of(const Json *json, const char *key)
{
  const Json *value = json_get(json, key);
  return value && value->type == JSON_NUMBER ? g_ascii_strtoll(value->text, NULL, 10) : 0;
}

/* A copy in an arena of its own. */
static Active *
active_new(const Fault *fault)
{
  Arena *arena = arena_new();
  Active *active = ARENA_NEW(arena, Active);
  active->arena = arena;
  active->fault = (Fault){
      .name = arena_strdup(arena, fault->name),
      .kind = arena_strdup(arena, fault->kind),
      .target = arena_strdup(arena, fault->target ? fault->target : ""),
      .text = arena_strdup(arena, fault->text),
      .stack = arena_strdup(arena, fault->stack),
      .settings = json_copy(arena, fault->settings),
      .since_ms = fault->since_ms,
      .until_ms = fault->until_ms,
  };
  const Json *rate = json_get(active->fault.settings, "rate");
  active->rate = rate && rate->type == JSON_NUMBER ? g_ascii_strtod(rate->text, NULL) : 1.0;
  active->delay_ms = (guint) CLAMP(number_of(active->fault.settings, "delay_ms"), 0, DELAY_MAX_MS);
  return active;
}

static void
add_active(Faults *faults, const Fault *fault)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&faults->lock);
  Active *known = find_active(faults, fault->name);
  if (known)
    g_ptr_array_remove(faults->active, known);
  g_ptr_array_add(faults->active, active_new(fault));
  g_atomic_int_set(&faults->n, (gint) faults->active->len);
}

/* --- the API's own --- */

static const struct { const char *service, *code; int status; const char *message; } throttles[] = {
    {"apigateway", "TooManyRequestsException", 429, "Too Many Requests"},
    {"dynamodb", "ProvisionedThroughputExceededException", 400,
     "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API."},
    {"ec2", "RequestLimitExceeded", 503, "Request limit exceeded."},
    {"kms", "ThrottlingException", 400, "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."},
    {"lambda", "TooManyRequestsException", 429, "Rate Exceeded."},
    {"s3", "SlowDown", 503, "Please reduce your request rate."},
    {"sns", "Throttled", 429, "Rate exceeded"},
};

static Error *
throttle(const Operation *operation)
{
  const Protocol protocol = operation->service->protocol;
  for (gsize i = 0; i < G_N_ELEMENTS(throttles); i++)
    if (strcmp(operation->service->name, throttles[i].service) == 0)
      return error_answer_status(throttles[i].status, throttles[i].code, "%s", throttles[i].message);
  gboolean query = protocol == PROTOCOL_QUERY || protocol == PROTOCOL_EC2;
  return error_answer_status(400, query ? "Throttling" : "ThrottlingException", "Rate exceeded");
}

/* The errors that every service may answer. https://docs.aws.amazon.com/awssupport/latest/APIReference/CommonErrors.html */
static Error *
failure(const char *code)
{
  if (strcmp(code, "InternalFailure") == 0 || strcmp(code, "500") == 0)
    return error_answer_status(500, "InternalFailure", "The request processing has failed because of an unknown error, exception or failure.");
  if (strcmp(code, "ServiceUnavailable") == 0 || strcmp(code, "503") == 0)
    return error_answer_status(503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server.");
  return error_answer_status(400, code, "%s, answered because of a fault that was injected here", code);
}

static gboolean
is_service(const ServiceModel *model, const char *name)
{
  return strcmp(name, model->name) == 0 || g_strcmp0(name, model->endpoint_prefix) == 0 || g_strcmp0(name, model->signing_name) == 0;
}

/* Exactly rate of the calls: 30 % is every third and then some. */
static gboolean
is_hit(Active *active)
{
  active->saved += active->rate;
  if (active->saved < 1.0 - 1e-9)
    return FALSE;
  active->saved -= 1.0;
  return TRUE;
}

static gboolean
concerns(const Active *active, const Call *call)
{
  const char *target = active->fault.target, *operation = json_string(json_get(active->fault.settings, "operation"));
  return strcmp(active->fault.kind, "service") == 0 && is_service(call->operation->service, target) && (!operation || strcmp(operation, call->operation->name) == 0);
}

Error *
faults_meet(Server *server, const Call *call, guint *ret_delay_ms)
{
  Faults *faults = server->faults;
  *ret_delay_ms = 0;
  if (g_atomic_int_get(&faults->n) == 0)
    return NULL;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&faults->lock);
  for (guint i = 0; i < faults->active->len; i++) {
    Active *active = faults->active->pdata[i];
    if (!concerns(active, call) || !is_hit(active))
      continue;
    const char *code = json_string(json_get(active->fault.settings, "fail"));
    *ret_delay_ms += active->delay_ms;
    if (!code)
      continue;
    Error *error = strcmp(code, "throttle") == 0 ? throttle(call->operation) : failure(code);
    denials_add_fault(server->denials, call, active->fault.name, error);
    return error;
  }
  return NULL;
}

static Error *
prepare_service(Call *call, Json *in, Fault *fault)
{
  const char *code = json_string(json_get(in, "fail")), *operation = json_string(json_get(in, "operation"));
  gint64 delay = number_of(in, "delay_ms");
  const Service *found = NULL;
  for (const Service *const *service = haar_services; *service && !found; service++)
    if (is_service((*service)->model, fault->target))
      found = *service;
  if (!found)
    return error_answer("UnknownService", "haar does not implement the service %s", fault->target);
  if (operation && !service_operation(found, operation))
    return error_answer("UnknownOperation", "haar does not implement the operation %s of %s", operation, fault->target);
  if (!code && delay <= 0)
    return error_answer("ValidationException", "A fault of a service needs --throttle, --fail CODE or --latency TIME");
  const Json *rate = json_get(in, "rate");
  const char *share = rate && rate->type == JSON_NUMBER ? arena_printf(call->arena, "%g %% of ", g_ascii_strtod(rate->text, NULL) * 100) : "";
  const char *does = !code ? arena_printf(call->arena, "wait %" G_GINT64_FORMAT " ms", delay) : strcmp(code, "throttle") == 0 ? "are throttled" : arena_printf(call->arena, "fail with %s", code);
  fault->text = arena_printf(call->arena, "%s%s%s%s %s", share, fault->target, operation ? ":" : "'s calls", operation ? operation : "", does);
  return NULL;
}

/* --- begin and end --- */

static Error *
keep(Call *call, gpointer data)
{
  const Fault *fault = data;
  Key key;
  key_strings(&key, fault->name, NULL);
  const char *text = json_text(call->arena, fault_json(call->arena, fault));
  TRY(store_put(call->txn, &stored, &key, text, strlen(text)));
  return fault->until_ms ? jobs_put(call->txn, call->haar->jobs, job_kind, fault->name, fault->until_ms, NULL, 0) : NULL;
}

static Error *
forget(Call *call, gpointer data)
{
  const char *name = data;
  Key key;
  key_strings(&key, name, NULL);
  TRY(store_delete(call->txn, &stored, &key, NULL));
  return jobs_delete(call->txn, call->haar->jobs, job_kind, name);
}

/* Takes it off the list, undoes it, forgets it. FALSE in *ret_was: there was none. */
static Error *
lift(Call *call, const char *name, gboolean *ret_was)
{
  Faults *faults = call->haar->server->faults;
  g_mutex_lock(&faults->lock);
  Active *active = find_active(faults, name);
  guint index = 0;
  if (active && g_ptr_array_find(faults->active, active, &index))
    g_ptr_array_steal_index(faults->active, index);
  g_atomic_int_set(&faults->n, (gint) faults->active->len);
  g_mutex_unlock(&faults->lock);
  *ret_was = active != NULL;
  if (!active)
    return NULL;
  const FaultKind *kind = find_kind(faults, active->fault.kind);
  Error *error = call_write(call, forget, (gpointer) active->fault.name);
  if (!error && kind && kind->end)
    error = kind->end(call->haar, &active->fault);
  tell(call->haar, &active->fault, FALSE);
  active_free(active);
  return error;
}

/* "zone-1", or the name that was asked for. */
static Error *
choose_name(Call *call, const Json *in, Fault *fault)
{
  Faults *faults = call->haar->server->faults;
  const char *wanted = json_string(json_get(in, "name"));
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&faults->lock);
  if (faults->active->len >= FAULTS_MAX)
    return error_answer("LimitExceeded", "At most %d faults can be on at a time", FAULTS_MAX);
  if (wanted && (!*wanted || strlen(wanted) > 64 || strspn(wanted, NAME_CHARACTERS) != strlen(wanted) || strcmp(wanted, "all") == 0))
    return error_answer("ValidationException", "A fault's name has 1 to 64 letters, digits, '.', '-' and '_', and is not \"all\"");
  if (wanted && find_active(faults, wanted))
    return error_answer("AlreadyExists", "There is a fault '%s' already", wanted);
  fault->name = wanted;
  for (guint i = 1; !fault->name; i++) {
    const char *name = arena_printf(call->arena, "%s-%u", fault->kind, i);
    fault->name = find_active(faults, name) ? NULL : name;
  }
  return NULL;
}

static Error *
check_settings(const Json *in)
{
  const Json *rate = json_get(in, "rate"), *length = json_get(in, "for_ms");
  double value = rate && rate->type == JSON_NUMBER ? g_ascii_strtod(rate->text, NULL) : 1.0;
  if (!(value > 0 && value <= 1))
    return error_answer("ValidationException", "A rate is more than 0 %% and at most 100 %%");
  if (length && number_of(in, "for_ms") <= 0)
    return error_answer("ValidationException", "A time is more than nothing");
  if (number_of(in, "delay_ms") < 0 || number_of(in, "delay_ms") > DELAY_MAX_MS)
    return error_answer("ValidationException", "A delay is at most %d ms", DELAY_MAX_MS);
  return NULL;
}

/* in: kind, target, name, for_ms, and what the kind asks for. */
static Error *
post_fault(Call *call, const Json *in, Json **ret_out)
{
  const char *name = json_string(json_get(in, "kind")), *target = json_string(json_get(in, "target"));
  const FaultKind *kind = find_kind(call->haar->server->faults, name);
  if (!kind || !target)
    return error_answer("ValidationException", kind ? "A fault needs a target" : "haar has no fault of the kind '%s'", name ? name : "");
  Json *settings = json_copy(call->arena, in);
  Fault fault = {.kind = kind->kind, .target = target, .settings = settings, .since_ms = clock_now()};
  TRY(check_settings(in));
  TRY(choose_name(call, in, &fault));
  TRY(kind->prepare(call, settings, &fault));
  *ret_out = json_new_object(call->arena);
  put(call->arena, *ret_out, "text", fault.text);
  if (kind->once)
    return NULL;
  if (number_of(in, "for_ms"))
    fault.until_ms = fault.since_ms + number_of(in, "for_ms");
  TRY(call_write(call, keep, &fault));
  add_active(call->haar->server->faults, &fault);
  *ret_out = fault_json(call->arena, &fault);
  Error *error = kind->begin ? kind->begin(call->haar, &fault) : NULL;
  gboolean was = FALSE;
  if (error)   /* it is not left half made */
    error_free(lift(call, fault.name, &was));
  else
    tell(call->haar, &fault, TRUE);
  return error;
}

static Error *
get_faults(Call *call, const Json *in, Json **ret_out)
{
  Faults *faults = call->haar->server->faults;
  Json *list = json_new_array(call->arena);
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&faults->lock);
  for (guint i = 0; i < faults->active->len; i++)
    json_append(call->arena, list, fault_json(call->arena, &((Active *) faults->active->pdata[i])->fault));
  *ret_out = json_new_object(call->arena);
  json_set(call->arena, *ret_out, "faults", list);
  return NULL;
}

/* The names of all, or the one. */
static StringList
names_to_lift(Call *call, const char *name)
{
  Faults *faults = call->haar->server->faults;
  StringList names = {0};
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&faults->lock);
  for (guint i = 0; i < faults->active->len; i++) {
    const Fault *fault = &((Active *) faults->active->pdata[i])->fault;
    const char *copy = arena_strdup(call->arena, fault->name);
    if (strcmp(name, "all") == 0 || strcmp(name, copy) == 0)
      LIST_APPEND(call->arena, &names, copy);
  }
  return names;
}

static Error *
post_lift(Call *call, const Json *in, Json **ret_out)
{
  const char *name = json_string(json_get(in, "name"));
  if (!name)
    return error_answer("ValidationException", "Which fault is to be lifted? A name, or all");
  StringList names = names_to_lift(call, name);
  Json *list = json_new_array(call->arena);
  if (strcmp(name, "all") != 0 && !names.n)
    return error_answer_status(404, "NotFound", "There is no fault '%s'; `haar fault` lists them", name);
  for (gsize i = 0; i < names.n; i++) {
    gboolean was = FALSE;
    TRY(lift(call, names.v[i], &was));
    if (was)
      json_append(call->arena, list, json_new_string(call->arena, names.v[i]));
  }
  *ret_out = json_new_object(call->arena);
  json_set(call->arena, *ret_out, "lifted", list);
  return NULL;
}

/* --- over time --- */

static Error *
time_is_over(JobRun *run)
{
  Haar *haar = run->context;
  g_autoptr(Call) call = call_new(haar, DEFAULT_ACCOUNT, haar->region, NULL);
  gboolean was = FALSE;
  return lift(call, run->key, &was);
}

static Error *
read_stored(Call *call, gpointer data)
{
  GPtrArray *texts = data;
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &stored, &(CursorOptions){0}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    const void *value = cursor_value(cursor, &size);
    g_ptr_array_add(texts, g_strndup(value, size));
  }
  return NULL;
}

Error *
server_faults_restore(Haar *haar)
{
  g_autoptr(Call) call = call_new(haar, DEFAULT_ACCOUNT, haar->region, NULL);
  g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
  TRY(call_read(call, read_stored, texts));
  for (guint i = 0; i < texts->len; i++) {
    Json *json = NULL;
    TRY(json_parse(call->arena, texts->pdata[i], strlen(texts->pdata[i]), &json));
    const FaultKind *kind = find_kind(haar->server->faults, json_string(json_get(json, "kind")));
    Fault fault = {
        .name = json_string(json_get(json, "name")),
        .kind = json_string(json_get(json, "kind")),
        .target = json_string(json_get(json, "target")),
        .text = json_string(json_get(json, "text")),
        .stack = json_string(json_get(json, "stack")),
        .settings = json_get(json, "settings"),
        .since_ms = number_of(json, "since_ms"),
        .until_ms = number_of(json, "until_ms"),
    };
    add_active(haar->server->faults, &fault);
    if (kind && kind->begin)
      TRY(kind->begin(haar, &fault));
    tell(haar, &fault, TRUE);
  }
  return NULL;
}

void
faults_admin(Haar *haar)
{
  static const AdminRoute routes[] = {{"GET", "fault", get_faults}, {"POST", "fault", post_fault}, {"POST", "fault/lift", post_lift}};
  static const FaultKind service = {.kind = "service", .prepare = prepare_service};
  for (gsize i = 0; i < G_N_ELEMENTS(routes); i++)
    server_admin(haar, &routes[i]);
  server_fault_kind(haar, &service);
  jobs_register(haar->jobs, job_kind, time_is_over);
}
