/* Notification topics: each event of a stack as a message, in the form that CloudFormation sends.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html (NotificationARNs) */
#include "stack/run.h"
#include "stack/remote.h"
#include <string.h>

/* "Name='value'\n" for each member; quotes are not escaped on AWS either. */
static char *
message(Run *run, Arena *arena, const Json *event)
{
  static const char *const members[] = { "StackId", "Timestamp", "EventId", "LogicalResourceId", "Namespace", "PhysicalResourceId",
    "PrincipalId", "ResourceProperties", "ResourceStatus", "ResourceStatusReason", "ResourceType", "StackName", "ClientRequestToken" };
  g_autoptr(GString) text = g_string_new(NULL);
  for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
    const char *value = record_text(event, members[i]);
    if (strcmp(members[i], "Namespace") == 0)
      value = run->call->account;
    else if (strcmp(members[i], "PrincipalId") == 0)
      value = run->call->principal->user_id ? run->call->principal->user_id : run->call->account;
    else if (strcmp(members[i], "Timestamp") == 0)
      value = text_iso8601(arena, (gint64) (g_ascii_strtod(template_scalar(json_get(event, "Timestamp")), NULL) * 1000 + 0.5), TRUE);
    g_string_append_printf(text, "%s='%s'\n", members[i], value);
  }
  return arena_strdup(arena, text->str);
}

void
run_notify(Run *run, const Json *event)
{
  const Json *topics = json_get(run->stack, "NotificationARNs");
  for (guint i = 0; topics && i < topics->n; i++) {
    g_autoptr(Call) call = call_new(run->haar, run->call->account, run->call->region, run->call->principal);
    Json *in = json_new_object(call->arena), *out = NULL;
    record_set_text(call->arena, in, "TopicArn", json_string(topics->items[i]));
    record_set_text(call->arena, in, "Subject", "AWS CloudFormation Notification");
    record_set_text(call->arena, in, "Message", message(run, call->arena, event));
    g_autoptr(Error) error = remote_call(call, "sns", "Publish", in, &out);
    if (error)
      log_warning("stack %s: no message to %s: %s", run->stack_name, json_string(topics->items[i]), error->message);
  }
}
