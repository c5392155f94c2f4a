/* rotation: a secret's function is called four times, with the steps createSecret, setSecret, testSecret and finishSecret.
 * A step that fails ends this attempt; the job is tried again later, from the first step, as AWS does.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets.html */
#include "services/secretsmanager/secretsmanager.h"
#include "services/lambda.gen.h"

#include <string.h>

enum { LONGEST_MS = 60 * 1000 }; /* that the clock waits for a rotation */

/* What a job needs to find its secret again: "account region token"; token "-": a scheduled rotation, which makes its own. */
typedef struct RotationJob {
  Haar *haar;
  const char *arn, *token;
  gboolean scheduled, gone;
  SecretsmanagerSecretRecord *secret;
} RotationJob;

static Error *
put_job(Call *call, const char *arn, const char *token, gint64 due)
{
  g_autofree char *payload = g_strdup_printf("%s %s %s", call->account, call->region, token);
  return jobs_put(call->txn, call->haar->jobs, SECRETSMANAGER_ROTATE_JOB, arn, due, payload, strlen(payload) + 1);
}

Error *
rotation_schedule(Call *call, SecretsmanagerSecretRecord *secret)
{
  gint64 due = 0;
  TRY(schedule_next(secret->RotationRules, call->now, &due));
  secret->NextRotationDate = due ? OPT_TIME(due) : (OptTime) {0};
  if (!due)
    return jobs_delete(call->txn, call->haar->jobs, SECRETSMANAGER_ROTATE_JOB, secret->ARN);
  return put_job(call, secret->ARN, "-", due);
}

Error *
rotation_begin(Call *call, SecretsmanagerSecretRecord *secret, const char *token)
{
  SecretsmanagerVersionRecord *pending = version_by_stage(secret, "AWSPENDING");
  if (pending && pending != version_by_stage(secret, "AWSCURRENT") && strcmp(pending->VersionId, token))
    return error_answer("InvalidRequestException", "A previous rotation isn't complete. That rotation will be reattempted.");
  if (!pending) { /* the pending version has no value until the function's createSecret puts one */
    SecretsmanagerVersionRecord *version = ARENA_NEW(call->arena, SecretsmanagerVersionRecord);
    *version = (SecretsmanagerVersionRecord) {.VersionId = token, .CreatedDate = OPT_TIME(call->now)};
    LIST_APPEND(call->arena, &secret->Versions, version);
    version_move_stage(call->arena, secret, "AWSPENDING", version);
  }
  return put_job(call, secret->ARN, token, 0);
}

typedef struct Rotate {
  const SecretsmanagerRotateSecretInput *in;
  SecretsmanagerRotateSecretOutput *out;
  const char *function, *secret_arn;
} Rotate;

/* The function that the rotation would call. */
static Error *
find_function(Call *call, gpointer data)
{
  Rotate *rotate = data;
  SecretsmanagerSecretRecord *secret = NULL;
  TRY(secret_get(call, rotate->in->SecretId, &secret));
  rotate->secret_arn = arena_strdup(call->arena, secret->ARN);
  rotate->function = rotate->in->RotationLambdaARN ? rotate->in->RotationLambdaARN : secret->RotationLambdaARN;
  if (!rotate->function)
    return error_answer("InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.");
  return NULL;
}

/* AWS looks whether it may invoke the function before it takes the configuration: for the secret, as the permission may ask (aws:SourceAccount). */
static Error *
check_function(Call *call, const char *function, const char *secret_arn)
{
  const Principal *self = principal_service(call->arena, "secretsmanager", call->account);
  LambdaInvokeInput in = {.FunctionName = function, .InvocationType = "DryRun"};
  LambdaInvokeOutput out = {0};
  const char *source = call->source_arn;
  call->source_arn = secret_arn;
  g_autoptr(Error) refused = call_operation(call, &LambdaOperationInvoke, self, NULL, &in, &out);
  call->source_arn = source;
  if (!refused || refused->kind == ERROR_FAULT)
    return g_steal_pointer(&refused);
  if (error_is(refused, "AccessDeniedException"))
    return error_answer("AccessDeniedException", "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy "
                                                 "grants access to the principal secretsmanager.amazonaws.com.");
  return error_answer("InvalidParameterException", "Lambda does not have the rotation function %s: %s", function, refused->message);
}

static Error *
configure(Call *call, gpointer data)
{
  const Rotate *rotate = data;
  const SecretsmanagerRotateSecretInput *in = rotate->in;
  SecretsmanagerSecretRecord *secret = NULL;
  TRY(secret_get(call, in->SecretId, &secret));
  secret->RotationLambdaARN = rotate->function;
  if (in->RotationRules)
    secret->RotationRules = in->RotationRules;
  secret->RotationEnabled = OPT_BOOL(TRUE);
  rotate->out->ARN = secret->ARN;
  rotate->out->Name = secret->Name;
  TRY(rotation_schedule(call, secret));
  if (OPT_OR(in->RotateImmediately, TRUE)) {
    rotate->out->VersionId = in->ClientRequestToken ? in->ClientRequestToken : id_uuid(call->arena);
    TRY(rotation_begin(call, secret, rotate->out->VersionId));
  }
  return secret_put(call, secret);
}

/* Without a transaction: Lambda is asked. */
OPERATION(RotateSecret, rotate_secret, .txn = TXN_NONE, .authorize = authorize_secret)
static Error *
rotate_secret(Call *call, const SecretsmanagerRotateSecretInput *in, SecretsmanagerRotateSecretOutput *ret_out)
{
  Rotate rotate = {.in = in, .out = ret_out};
  TRY(call_read(call, find_function, &rotate));
  rotate.function = arena_strdup(call->arena, rotate.function);
  TRY(check_function(call, rotate.function, rotate.secret_arn));
  return call_write(call, configure, &rotate);
}

OPERATION(CancelRotateSecret, cancel_rotate_secret, .txn = TXN_WRITE, .authorize = authorize_secret)
static Error *
cancel_rotate_secret(Call *call, const SecretsmanagerCancelRotateSecretInput *in, SecretsmanagerCancelRotateSecretOutput *ret_out)
{
  SecretsmanagerSecretRecord *secret = NULL;
  TRY(secret_get(call, in->SecretId, &secret));
  secret->RotationEnabled = OPT_BOOL(FALSE);
  secret->NextRotationDate = (OptTime) {0};
  ret_out->ARN = secret->ARN;
  ret_out->Name = secret->Name;
  TRY(jobs_delete(call->txn, call->haar->jobs, SECRETSMANAGER_ROTATE_JOB, secret->ARN));
  return secret_put(call, secret);
}

/* -- the job ------------------------------------------------------------------------------------------------------------- */

static Error *
prepare(Call *call, gpointer data)
{
  RotationJob *job = data;
  TRY(secret_find(call, job->arn, &job->secret));
  job->gone = !job->secret || job->secret->DeletedDate.set || !OPT_OR(job->secret->RotationEnabled, FALSE);
  if (job->gone || !job->scheduled)
    return NULL;
  SecretsmanagerVersionRecord *pending = version_by_stage(job->secret, "AWSPENDING");
  job->token = pending && pending != version_by_stage(job->secret, "AWSCURRENT") ? pending->VersionId : id_uuid(call->arena);
  TRY(rotation_begin(call, job->secret, job->token));
  return secret_put(call, job->secret);
}

static Error *
finish(Call *call, gpointer data)
{
  RotationJob *job = data;
  TRY(secret_find(call, job->arn, &job->secret));
  if (!job->secret)
    return NULL;
  version_move_stage(call->arena, job->secret, "AWSPENDING", NULL);
  job->secret->LastRotatedDate = OPT_TIME(call->now);
  TRY(rotation_schedule(call, job->secret));
  return secret_put(call, job->secret);
}

static Error *
run_step(Call *call, const RotationJob *job, const char *step)
{
  g_autoptr(GString) event = g_string_new("{\"Step\":");
  json_write_string(event, step);
  g_string_append(event, ",\"SecretId\":");
  json_write_string(event, job->arn);
  g_string_append(event, ",\"ClientRequestToken\":");
  json_write_string(event, job->token);
  g_string_append_c(event, '}');
  LambdaInvokeInput in = {.FunctionName = job->secret->RotationLambdaARN, .Payload = {(const guint8 *) event->str, event->len}};
  LambdaInvokeOutput out = {0};
  Error *refused = call_operation(call, &LambdaOperationInvoke, NULL, NULL, &in, &out);
  if (refused && refused->kind == ERROR_ANSWER) /* a job that is answered is over, a fault is tried again */
    refused->kind = ERROR_FAULT;
  TRY(error_prefix(refused, "rotation of %s: step %s", job->arn, step));
  if (out.FunctionError)
    return error_fault("rotation of %s: step %s failed: %.*s", job->arn, step, (int) MIN(out.Payload.size, 500), (const char *) out.Payload.data);
  return NULL;
}

/* The four steps. The clock stands meanwhile: the version that they make is one of its own time. */
static Error *
run_steps(Call *call, const RotationJob *job)
{
  static const char *const steps[] = {"createSecret", "setSecret", "testSecret", "finishSecret"};
  guint64 hold = jobs_hold(job->haar->jobs, LONGEST_MS);
  Error *error = NULL;
  for (guint i = 0; i < G_N_ELEMENTS(steps) && !error; i++)
    error = run_step(call, job, steps[i]);
  if (!error)
    error = call_write(call, finish, (gpointer) job);
  jobs_release(job->haar->jobs, hold);
  return error;
}

static Error *
rotate_job(JobRun *run)
{
  g_auto(GStrv) words = g_strsplit(run->payload, " ", 3);
  g_autoptr(Call) call = call_new(run->context, words[0], words[1], principal_service(run->arena, "secretsmanager", words[0]));
  RotationJob job = {.haar = run->context, .arn = run->key, .token = words[2], .scheduled = !strcmp(words[2], "-")};
  call->source_arn = run->key;
  TRY(call_write(call, prepare, &job));
  return job.gone ? NULL : run_steps(call, &job);
}

static Error *
erase(Call *call, gpointer data)
{
  SecretsmanagerSecretRecord *secret = NULL;
  TRY(secret_find(call, data, &secret));
  return secret && secret->DeletedDate.set && secret->DeletedDate.ms <= call->now ? secret_erase(call, secret) : NULL;
}

static Error *
delete_job(JobRun *run)
{
  g_auto(GStrv) words = g_strsplit(run->payload, " ", 2);
  g_autoptr(Call) call = call_new(run->context, words[0], words[1], principal_service(run->arena, "secretsmanager", words[0]));
  return call_write(call, erase, (gpointer) run->key);
}

Error *
secretsmanager_start(Haar *haar)
{
  jobs_register(haar->jobs, SECRETSMANAGER_ROTATE_JOB, rotate_job);
  jobs_register(haar->jobs, SECRETSMANAGER_DELETE_JOB, delete_job);
  secretsmanager_metrics_start(haar);
  return NULL;
}
