/* token: client tokens. The same call again within a day is answered as the first was, and does nothing.
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html */
#include "services/ec2/ec2.h"

#include <string.h>

enum { DAY_MS = 24 * 3600 * 1000, TOKEN_MAX = 64, SWEEP = 16 };

static const Table tokens = {"ec2.client_token"};       /* region, account, operation, token -> {"time", "in", "out"} as JSON */
static const Table by_time = {"ec2.client_token_time"};  /* region, account, time, operation, token: in the order in which they end */

static const char *token_of(const Call *call, const void *in) {
  const Shape *shape = call->operation->model->input;
  for (guint i = 0; i < shape->n_members; i++)
    if (strcmp(shape->members[i].name, "ClientToken") == 0)
      return *(const char *const *) G_STRUCT_MEMBER_P(in, shape->members[i].offset);
  return NULL;
}

static void token_key(const Call *call, const char *operation, const char *token, Key *key) {
  call_key(call, key);
  key_add(key, operation);
  key_add(key, token);
}

static gint64 time_of(const Json *kept) {
  gint64 ms = 0;
  const Json *time = json_get(kept, "time");
  return time && time->type == JSON_NUMBER && g_ascii_string_to_signed(time->text, 10, 0, G_MAXINT64, &ms, NULL) ? ms : 0;
}

Error *ec2_token_seen(Call *call, const void *in, void *ret_out, gboolean *ret_seen) {
  const char *token = token_of(call, in);
  const void *data = NULL;
  gsize size = 0;
  Json *kept = NULL;
  Key key;
  *ret_seen = FALSE;
  if (!token || !*token)
    return NULL;
  if (strlen(token) > TOKEN_MAX)
    return error_answer("InvalidParameterValue", "Value (%s) for parameter clientToken is invalid. The client token can be at most 64 characters long.", token);
  token_key(call, call->operation->name, token, &key);
  TRY(store_get(call->txn, &tokens, &key, &data, &size));
  if (!data)
    return NULL;
  TRY(json_parse(call->arena, data, size, &kept));
  if (time_of(kept) + DAY_MS < call->now)
    return NULL;
  if (!json_equal(json_get(kept, "in"), shape_to_json(call->arena, call->operation->model->input, in)))
    return error_answer("IdempotentParameterMismatch", "The request uses the same client token as a previous, but non-identical request.");
  *ret_seen = TRUE;
  return shape_from_json(call->arena, call->operation->model->output, json_get(kept, "out"), TRUE, ret_out);
}

/* One that is over a day old. The same token may have come again since. */
typedef struct Old { Key key; gint64 time; char *operation, *token; } Old;

static Error *drop(Call *call, const Old *old) {
  const void *data = NULL;
  gsize size = 0;
  Json *kept = NULL;
  Key key;
  TRY(store_delete(call->txn, &by_time, &old->key, NULL));
  token_key(call, old->operation, old->token, &key);
  TRY(store_get(call->txn, &tokens, &key, &data, &size));
  if (!data)
    return NULL;
  TRY(json_parse(call->arena, data, size, &kept));
  return time_of(kept) == old->time ? store_delete(call->txn, &tokens, &key, NULL) : NULL;
}

/* A few that are over a day old go with each that comes: the oldest are looked at, no others. */
static Error *sweep(Call *call) {
  g_autoptr(Cursor) cursor = NULL;
  Key prefix;
  Old old[SWEEP];
  gsize n = 0, size = 0;
  call_key(call, &prefix);
  TRY(cursor_open(call->txn, &by_time, &(CursorOptions){.prefix = &prefix}, &cursor));
  while (n < SWEEP && cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    if (!key_read_int(&reader, &old[n].time) || old[n].time + DAY_MS >= call->now)
      break;
    if (!key_read(&reader, call->arena, &old[n].operation, &size) || !key_read(&reader, call->arena, &old[n].token, &size))
      break;
    const guint8 *bytes = cursor_key(cursor, &size);
    key_init(&old[n].key);
    key_add_raw(&old[n++].key, bytes, size);
  }
  g_clear_pointer(&cursor, cursor_free);
  for (gsize i = 0; i < n; i++)
    TRY(drop(call, &old[i]));
  return NULL;
}

Error *ec2_token_keep(Call *call, const void *in, const void *out) {
  const char *token = token_of(call, in);
  Key key;
  if (!token || !*token)
    return NULL;
  TRY(sweep(call));
  Json *kept = json_new_object(call->arena);
  json_set(call->arena, kept, "time", json_new_int(call->arena, call->now));
  json_set(call->arena, kept, "in", shape_to_json(call->arena, call->operation->model->input, in));
  json_set(call->arena, kept, "out", shape_to_json(call->arena, call->operation->model->output, out));
  const char *text = json_text(call->arena, kept);
  token_key(call, call->operation->name, token, &key);
  TRY(store_put(call->txn, &tokens, &key, text, strlen(text)));
  call_key(call, &key);
  key_add_int(&key, call->now);
  key_add(&key, call->operation->name);
  key_add(&key, token);
  return store_put(call->txn, &by_time, &key, "", 1);
}
