/* Actions of alarms wait in a table, in the order of the changes (key: region, account, time, number), and a job works it off: a change and
 * its actions are one transaction, and an action that was queued is carried out at least once. What came of it is in the history.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html */
#include <string.h>

#include "jobs/jobs.h"
#include "server/haar.h"
#include "services/cloudwatch/alarm.h"

static const Table action_table = {"cloudwatch.action"};
static const char kind[] = "cloudwatch.actions";

Error *
action_check(Arena *arena, const char *text)
{
  static const char *const absent[][2] = {{":automate:", "EC2"}, {":swf:", "EC2"}, {":autoscaling:", "EC2 Auto Scaling"}, {":ssm:", "Systems Manager"}, {":ssm-incidents:", "Incident Manager"},
                                          {":aiops:", "CloudWatch investigations"}};
  Arn arn;
  for (gsize i = 0; i < G_N_ELEMENTS(absent); i++)
    if (g_str_has_prefix(text, "arn:") && strstr(text, absent[i][0]))
      return error_answer("ValidationError", "haar has no alarm actions of %s: %s", absent[i][1], text);
  if (!arn_parse(arena, text, &arn) || (strcmp(arn.service, "sns") != 0 && strcmp(arn.service, "lambda") != 0))
    return error_answer("ValidationError", "Invalid arn syntax: %s", text);
  return NULL;
}

/* --- queueing --- */

static Error *
queue_one(Call *call, gint64 ms, gint64 number, const CloudwatchActionRecord *record)
{
  Key key;
  call_key(call, &key);
  key_add_int(&key, ms);
  key_add_int(&key, number);
  return record_put(call->txn, &action_table, &key, &CloudwatchActionRecord_shape, record);
}

static gint64
next_number(void)
{
  guint64 random = 0;
  id_random(&random, sizeof random);
  return clock_monotonic_us() * 256 + (gint64) (random & 255);
}

Error *
actions_queue(Call *call, const CloudwatchAlarmRecord *record, const AlarmFace *before, gint64 ms)
{
  AlarmFace face = alarm_face(record);
  const StringList *list = strcmp(face.state, "ALARM") == 0 ? face.alarm : strcmp(face.state, "OK") == 0 ? face.ok : face.insufficient;
  if (!face.actions_enabled || list->n == 0)
    return NULL;
  CloudwatchActionRecord action = {
      .AlarmName = face.name,
      .AlarmType = face.type,
      .Subject = notification_subject(call, &face),
      .Message = json_text(call->arena, notification_message(call, record, before, ms)),
      .Event = json_text(call->arena, notification_event(call, record, before, ms)),
      .State = face.state,
      .Reason = face.reason,
  };
  gint64 number = next_number();
  for (gsize i = 0; i < list->n; i++) {
    action.Action = list->v[i];
    TRY(queue_one(call, ms, number * 16 + (gint64) i, &action));
  }
  const char *key = arena_printf(call->arena, "%s %s", call->region, call->account);
  return jobs_put(call->txn, call->haar->jobs, kind, key, 0, "", 0);
}

/* --- carrying out --- */

typedef struct Work {
  Key key; /* of the action */
  CloudwatchActionRecord *action;
  Error *refused; /* what the other service answered */
} Work;

static Error *
run_operation(Call *call, const char *service, const char *name, const Json *in)
{
  const Operation *operation = haar_operation(service, name);
  if (!operation)
    return error_answer("ServiceUnavailable", "haar does not implement %s of %s", name, service);
  void *input = arena_alloc(call->arena, MAX(operation->input_size, 1)), *output = arena_alloc(call->arena, MAX(operation->output_size, 1));
  TRY(shape_from_json(call->arena, operation->model->input, in, TRUE, input));
  return call_operation(call, operation, NULL, NULL, input, output);
}

static Error *
publish(Haar *haar, const Call *own, const CloudwatchActionRecord *action, const Arn *arn)
{
  g_autoptr(Call) call = call_new(haar, arn->account, arn->region, principal_service(own->arena, "cloudwatch.amazonaws.com", own->account));
  Json *in = json_new_object(call->arena);
  call->source_arn = alarm_arn(own, action->AlarmName);
  json_set(call->arena, in, "TopicArn", json_new_string(call->arena, action->Action));
  json_set(call->arena, in, "Subject", json_new_string(call->arena, arena_strndup(call->arena, action->Subject, 100)));
  json_set(call->arena, in, "Message", json_new_string(call->arena, action->Message));
  return run_operation(call, "sns", "Publish", in);
}

static Error *
invoke(Haar *haar, const Call *own, const CloudwatchActionRecord *action, const Arn *arn)
{
  g_autoptr(Call) call = call_new(haar, arn->account, arn->region, principal_service(own->arena, "lambda.alarms.cloudwatch.amazonaws.com", own->account));
  Json *in = json_new_object(call->arena);
  call->source_arn = alarm_arn(own, action->AlarmName);
  json_set(call->arena, in, "FunctionName", json_new_string(call->arena, action->Action));
  json_set(call->arena, in, "InvocationType", json_new_string(call->arena, "Event"));
  json_set(call->arena, in, "Payload", json_new_string(call->arena, text_base64(call->arena, action->Event, strlen(action->Event))));
  return run_operation(call, "lambda", "Invoke", in);
}

static Error *
first_action(Call *call, gpointer data)
{
  Work *work = data;
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  call_key(call, &prefix);
  TRY(cursor_open(call->txn, &action_table, &(CursorOptions){.prefix = &prefix}, &cursor));
  work->action = NULL;
  if (!cursor_next(cursor))
    return NULL;
  gsize size = 0;
  const guint8 *key = cursor_key(cursor, &size);
  key_init(&work->key);
  memcpy(work->key.data, key, size);
  work->key.size = size;
  const guint8 *value = cursor_value(cursor, &size);
  return record_decode(call->arena, &CloudwatchActionRecord_shape, value, size, (void **) &work->action);
}

static Error *
finish_action(Call *call, gpointer data)
{
  Work *work = data;
  const CloudwatchActionRecord *action = work->action;
  AlarmFace face = {.name = action->AlarmName, .type = action->AlarmType};
  Json *out = json_new_object(call->arena);
  gboolean good = work->refused == NULL;
  json_set(call->arena, out, "actionState", json_new_string(call->arena, good ? "Succeeded" : "Failed"));
  json_set(call->arena, out, "stateUpdateTimestamp", json_new_int(call->arena, call->now));
  json_set(call->arena, out, "notificationResource", json_new_string(call->arena, action->Action));
  json_set(call->arena, out, "publishedMessage", json_new_string(call->arena, strstr(action->Action, ":lambda:") ? action->Event : action->Message));
  if (!good)
    json_set(call->arena, out, "error", json_new_string(call->arena, work->refused->message));
  const char *summary = good ? arena_printf(call->arena, "Successfully executed action %s", action->Action)
                             : arena_printf(call->arena, "Failed to execute action %s. Received error: \"%s\"", action->Action, work->refused->message);
  TRY(history_add(call, &face, "Action", summary, out, clock_now()));
  return store_delete(call->txn, &action_table, &work->key, NULL);
}

/* A fault of the other service is tried again by the job; an answer is final. */
static Error *
carry_out(Haar *haar, Call *call, Work *work)
{
  Arn arn;
  const CloudwatchActionRecord *action = work->action;
  if (!arn_parse(call->arena, action->Action, &arn))
    return error_fault("an action of alarm %s is no ARN", action->AlarmName);
  g_autoptr(Error) error = strcmp(arn.service, "sns") == 0 ? publish(haar, call, action, &arn) : invoke(haar, call, action, &arn);
  if (error && error->kind == ERROR_FAULT)
    return g_steal_pointer(&error);
  work->refused = error;
  return call_write(call, finish_action, work);
}

static Error *
run(JobRun *job)
{
  Haar *haar = job->context;
  g_auto(GStrv) words = g_strsplit(job->key, " ", 2);
  for (;;) {
    g_autoptr(Call) call = call_new(haar, words[1], words[0], principal_service(job->arena, "cloudwatch", words[1]));
    g_autofree Work *work = g_new0(Work, 1);
    TRY(call_read(call, first_action, work));
    if (!work->action)
      return NULL;
    TRY(carry_out(haar, call, work));
  }
}

void
actions_register(Haar *haar)
{
  jobs_register(haar->jobs, kind, run);
}
