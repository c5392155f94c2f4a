/* AWS::CloudFormation::WaitConditionHandle and WaitCondition. */
#include "services/cloudformation/signal.h"
#include "stack/template.h"
#include <string.h>

enum { LOOK_MS = 50, TIMEOUT_MAX_S = 43200 };

/* --- AWS::CloudFormation::WaitConditionHandle --- */

static Error *
create_handle(ResourceCall *rc, ResourceResult *ret)
{
  SignalAddress address = signal_address(rc->call, "waitcondition", rc->stack_id, rc->logical_id);
  TRY(signal_open(rc->call, address.key));
  ret->physical_id = address.url;
  return NULL;
}

static Error *
delete_handle(ResourceCall *rc)
{
  const char *key = signal_key(rc->physical_id);
  return key ? signal_close(rc->call, key) : NULL;
}

RESOURCE(AWS::CloudFormation::WaitConditionHandle, cloudformation_wait_condition_handle, .create = create_handle, .delete = delete_handle)

/* --- AWS::CloudFormation::WaitCondition --- */

/* Looks at the signals once: how many are successes, and their data. */
static Error *
look_at_signals(ResourceCall *rc, const char *key, gint64 *ret_received, Json *data)
{
  Json *messages = NULL;
  TRY(signal_list(rc->call, key, &messages));
  *ret_received = 0;
  for (guint i = 0; i < messages->n; i++) {
    const Json *message = messages->items[i];
    const char *status = record_text(message, "Status"), *id = record_text(message, "UniqueId");
    if (strcmp(status, "FAILURE") == 0)
      return error_answer("ValidationError", "WaitCondition received failed message: '%s' for uniqueId: %s", record_text(message, "Reason"), id);
    if (strcmp(status, "SUCCESS") != 0)
      continue;
    ++*ret_received;
    json_set(rc->call->arena, data, id, json_new_string(rc->call->arena, record_text(message, "Data")));
  }
  return NULL;
}

/* "PT1H30M" in seconds; FALSE: it is none. */
static gboolean
parse_duration(const char *text, gint64 *ret_seconds)
{
  static const struct { char unit; gint64 seconds; } units[] = { { 'H', 3600 }, { 'M', 60 }, { 'S', 1 } };
  gint64 total = 0;
  if (!g_str_has_prefix(text, "PT") || !text[2])
    return FALSE;
  guint next = 0;
  for (const char *at = text + 2; *at;) {
    gsize digits = strspn(at, "0123456789");
    if (digits == 0 || digits > 6)
      return FALSE;
    while (next < G_N_ELEMENTS(units) && units[next].unit != at[digits])
      next++;
    if (next == G_N_ELEMENTS(units))
      return FALSE;
    total += g_ascii_strtoll(at, NULL, 10) * units[next++].seconds;
    at += digits + 1;
  }
  *ret_seconds = total;
  return TRUE;
}

/* What is waited for, and where it arrives. */
typedef struct Wait {
  const char *key;
  gint64 count, timeout;
  gboolean by_policy;
} Wait;

/* With a CreationPolicy there is no handle: SignalResource signals the wait condition itself. */
static Error *
read_policy(ResourceCall *rc, Wait *ret_wait)
{
  const Json *signal = json_get(rc->creation_policy, "ResourceSignal");
  const char *count = template_scalar(json_get(signal, "Count")), *timeout = template_scalar(json_get(signal, "Timeout"));
  Wait wait = { .key = signal_resource_key(rc->call->arena, rc->stack_id, rc->logical_id), .count = count ? g_ascii_strtoll(count, NULL, 10) : 1,
    .timeout = 5 * 60, .by_policy = TRUE };
  if (json_get(rc->properties, "Handle"))
    return error_answer("ValidationError", "WaitCondition: a CreationPolicy and the property Handle exclude each other");
  if (timeout && !parse_duration(timeout, &wait.timeout))
    return error_answer("ValidationError", "CreationPolicy: the Timeout %s is not of the form PT#H#M#S", timeout);
  TRY(signal_open(rc->call, wait.key));
  *ret_wait = wait;
  return NULL;
}

static Error *
read_wait(ResourceCall *rc, Wait *ret_wait)
{
  if (rc->creation_policy)
    return read_policy(rc, ret_wait);
  Wait wait = { .key = signal_key(property_text(rc, "Handle")), .count = property_int(rc, "Count", 1), .timeout = property_int(rc, "Timeout", 0) };
  if (!wait.key)
    return error_answer("ValidationError", "WaitCondition: the property Handle must be a Ref to an AWS::CloudFormation::WaitConditionHandle");
  if (wait.timeout < 1)
    return error_answer("ValidationError", "Invalid timeout value %" G_GINT64_FORMAT ": it must be from 1 to 43200 seconds", wait.timeout);
  *ret_wait = wait;
  return NULL;
}

static Error *
wait_for_signals(ResourceCall *rc, const Wait *wait, Json *data)
{
  gint64 until = clock_now() + wait->timeout * 1000, received = 0;
  for (;;) {
    TRY(look_at_signals(rc, wait->key, &received, data));
    if (received >= wait->count)
      return NULL;
    if (clock_now() >= until && wait->by_policy)
      return error_answer("ValidationError", "Failed to receive %" G_GINT64_FORMAT " resource signal(s) within the specified duration",
                          wait->count - received);
    if (clock_now() >= until)
      return error_answer("ValidationError", "WaitCondition timed out. Received %" G_GINT64_FORMAT " conditions when expecting %" G_GINT64_FORMAT,
                          received, wait->count);
    TRY(resource_pause(rc, LOOK_MS));
  }
}

static Error *
create_wait_condition(ResourceCall *rc, ResourceResult *ret)
{
  Wait wait = { 0 };
  Json *data = json_new_object(rc->call->arena);
  const char *id = call_arn(rc->call, "cloudformation", "waitcondition/%s/%s", rc->stack_name, rc->logical_id);
  TRY(read_wait(rc, &wait));
  if (wait.timeout > TIMEOUT_MAX_S)
    return error_answer("ValidationError", "Invalid timeout value %" G_GINT64_FORMAT ": it must be from 1 to 43200 seconds", wait.timeout);
  resource_made(rc, id);
  TRY(wait_for_signals(rc, &wait, data));
  ret->physical_id = id;
  resource_attribute(rc, ret, "Data", json_text(rc->call->arena, data));
  return NULL;
}

static Error *
delete_wait_condition(ResourceCall *rc)
{
  return signal_close(rc->call, signal_resource_key(rc->call->arena, rc->stack_id, rc->logical_id));
}

static Error *
update_wait_condition(ResourceCall *rc, ResourceResult *ret)
{
  return error_answer("ValidationError", "Update to resource type AWS::CloudFormation::WaitCondition is not supported.");
}

RESOURCE(AWS::CloudFormation::WaitCondition, cloudformation_wait_condition, .create = create_wait_condition,
         .update = update_wait_condition, .delete = delete_wait_condition)
