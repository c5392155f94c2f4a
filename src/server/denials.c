#include "server/denials.h"

#include <string.h>

#include "server/internal.h"

enum { DENIALS_MAX = 256 };

struct Denials {
  GMutex lock;
  GQueue lines; /* char *: JSON objects, the newest first */
};

Denials *
denials_new(void)
{
  Denials *denials = g_new0(Denials, 1);
  g_mutex_init(&denials->lock);
  g_queue_init(&denials->lines);
  return denials;
}

void
denials_free(Denials *denials)
{
  if (!denials)
    return;
  g_queue_clear_full(&denials->lines, g_free);
  g_mutex_clear(&denials->lock);
  g_free(denials);
}

static void
put(Arena *arena, Json *object, const char *key, const char *text)
{
  if (text)
    json_set(arena, object, key, json_new_string(arena, text));
}

static Json *
denial_json(const Call *call, const IamRequest *request, const Decision *decision, const char *message)
{
  Arena *arena = call->arena;
  Json *json = json_new_object(arena);
  put(arena, json, "time", text_iso8601(arena, call->now, TRUE));
  put(arena, json, "request_id", call->request_id);
  put(arena, json, "principal", request->principal->arn ? request->principal->arn : "anonymous");
  put(arena, json, "action", request->action);
  put(arena, json, "resource", request->resource);
  put(arena, json, "policy_kind", decision->policy_kind);
  put(arena, json, "policy_name", decision->policy_name);
  put(arena, json, "via", call->via_service);
  put(arena, json, "endpoint", call->source->endpoint_id);
  put(arena, json, "message", message);
  put(arena, json, "mend", decision->mend);
  if (decision->statement >= 0)
    json_set(arena, json, "statement", json_new_int(arena, decision->statement));
  json_set(arena, json, "explicit_deny", json_new_bool(arena, decision->explicit_deny));
  return json;
}

static void
keep(Denials *denials, const Json *json)
{
  GString *line = g_string_new(NULL);
  json_write(line, json);
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&denials->lock);
  g_queue_push_head(&denials->lines, g_string_free(line, FALSE));
  if (g_queue_get_length(&denials->lines) > DENIALS_MAX)
    g_free(g_queue_pop_tail(&denials->lines));
}

void
denials_add(Denials *denials, const Call *call, const IamRequest *request, const char *message)
{
  Decision decision;
  g_autoptr(Error) error = iam_decide(call->txn, call->arena, request, &decision);
  if (error || decision.allowed)
    return;
  keep(denials, denial_json(call, request, &decision, message));
}

void
denials_add_fault(Denials *denials, const Call *call, const char *fault, const Error *error)
{
  Arena *arena = call->arena;
  Json *json = json_new_object(arena);
  put(arena, json, "time", text_iso8601(arena, clock_now(), TRUE));
  put(arena, json, "request_id", call->request_id);
  put(arena, json, "principal", call->principal && call->principal->arn ? call->principal->arn : "anonymous");
  put(arena, json, "action", arena_printf(arena, "%s:%s", call->operation->service->signing_name, call->operation->name));
  put(arena, json, "resource", "*");
  put(arena, json, "endpoint", call->source->endpoint_id);
  put(arena, json, "message", arena_printf(arena, "%s: %s", error->code, error->message));
  put(arena, json, "fault", fault);
  keep(denials, json);
}

/* The lines themselves, copied under the lock; parsing is done without it. */
static GPtrArray *
copy_lines(Denials *denials, gint64 limit)
{
  GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
  g_mutex_lock(&denials->lock);
  for (GList *at = denials->lines.head; at && lines->len < limit; at = at->next)
    g_ptr_array_add(lines, g_strdup(at->data));
  g_mutex_unlock(&denials->lock);
  return lines;
}

Error *
server_denials(Server *server, Arena *arena, gint64 since_ms, gint64 limit, Json **ret_list)
{
  g_autoptr(GPtrArray) lines = copy_lines(server->denials, CLAMP(limit, 0, DENIALS_MAX));
  const char *since = text_iso8601(arena, since_ms, TRUE);
  Json *list = json_new_array(arena);
  for (guint i = 0; i < lines->len; i++) {
    Json *json = NULL;
    TRY(json_parse(arena, lines->pdata[i], strlen(lines->pdata[i]), &json));
    if (strcmp(json_string(json_get(json, "time")), since) >= 0)
      json_append(arena, list, json);
  }
  *ret_list = list;
  return NULL;
}

static Error *
get_denials(Call *call, const Json *in, Json **ret_out)
{
  const Json *asked = json_get(in, "limit");
  gboolean given = asked && (asked->type == JSON_STRING || asked->type == JSON_NUMBER);
  gint64 limit = given ? g_ascii_strtoll(asked->text, NULL, 10) : DENIALS_MAX;
  Json *list = NULL;
  TRY(server_denials(call->haar->server, call->arena, 0, limit, &list));
  *ret_out = json_new_object(call->arena);
  json_set(call->arena, *ret_out, "denials", list);
  return NULL;
}

void
denials_admin(Haar *haar)
{
  static const AdminRoute route = {"GET", "denials", get_denials};
  server_admin(haar, &route);
}
