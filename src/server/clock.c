#include "server/clock.h"

#include <string.h>

#include "jobs/jobs.h"
#include "server/internal.h"
#include "server/server.h"
#include "server/wait.h"

static const Table settings = {"server.setting"};

static const gint64 longest_ms = G_GINT64_CONSTANT(100) * 365 * 24 * 3600 * 1000;

static gint64
unit_ms(const char **at)
{
  static const struct {
    const char *unit;
    gint64 ms;
  } units[] = {
      {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 24 * 3600 * 1000}, {"w", 7 * 24 * 3600 * 1000},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(units); i++)
    if (g_str_has_prefix(*at, units[i].unit)) {
      *at += strlen(units[i].unit);
      return units[i].ms;
    }
  return 0;
}

gboolean
clock_parse_duration(const char *text, gint64 *ret_ms)
{
  gint64 sum = 0;
  const char *at = text;
  while (*at) {
    char *end = NULL;
    if (!g_ascii_isdigit(*at))
      return FALSE;
    gint64 number = g_ascii_strtoll(at, &end, 10);
    at = end;
    gint64 unit = unit_ms(&at);
    if (!unit || number > longest_ms / unit)
      return FALSE;
    sum += number * unit;
    if (sum > longest_ms)
      return FALSE;
  }
  *ret_ms = sum;
  return at != text;
}

/* --- the store --- */

static void
offset_key(Key *key)
{
  key_strings(key, "clock-offset", NULL);
}

Error *
clock_restore(Store *store)
{
  Key key;
  const void *data = NULL;
  gsize size = 0;
  g_autoptr(Txn) txn = NULL;
  offset_key(&key);
  TRY(store_begin_read(store, &txn));
  TRY(store_get(txn, &settings, &key, &data, &size));
  if (data) {
    g_autofree char *text = g_strndup(data, size);
    clock_set_offset(g_ascii_strtoll(text, NULL, 10));
  }
  return NULL;
}

static Error *
save_offset(Call *call, gpointer data)
{
  Key key;
  offset_key(&key);
  const char *text = arena_printf(call->arena, "%" G_GINT64_FORMAT, *(gint64 *) data);
  return store_put(call->txn, &settings, &key, text, strlen(text));
}

/* --- haar's own API --- */

static Error *
get_clock(Call *call, const Json *in, Json **ret_out)
{
  *ret_out = json_new_object(call->arena);
  json_set(call->arena, *ret_out, "time", json_new_string(call->arena, text_iso8601(call->arena, clock_now(), TRUE)));
  json_set(call->arena, *ret_out, "offset_ms", json_new_int(call->arena, clock_offset()));
  return NULL;
}

static Error *
read_advance(const char *text, gint64 *ret_offset)
{
  gint64 ms = 0;
  if (!clock_parse_duration(text, &ms))
    return error_answer_status(400, "ValidationException", "\"%s\" is no duration; write 90d, 1h30m, 45s or 2w", text);
  *ret_offset = clock_offset() + ms;
  return NULL;
}

static Error *
read_set(const char *text, gint64 *ret_offset)
{
  g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
  g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, utc);
  if (!time)
    return error_answer_status(400, "ValidationException", "\"%s\" is no time; write 2027-01-31T00:00:00Z", text);
  *ret_offset = g_date_time_to_unix(time) * 1000 - clock_real();
  if (*ret_offset < clock_offset())
    return error_answer_status(400, "ValidationException",
                               "The clock moves only forward; it is past %s already. Take it back to the "
                               "machine's time with reset",
                               text);
  return NULL;
}

static Error *
tell_services(Haar *haar)
{
  for (const Service *const *service = haar_services; *service; service++)
    if ((*service)->hooks && (*service)->hooks->clock_moved)
      TRY((*service)->hooks->clock_moved(haar));
  return NULL;
}

static Error *
post_clock(Call *call, const Json *in, Json **ret_out)
{
  const char *advance = json_string(json_get(in, "advance")), *set = json_string(json_get(in, "set"));
  gint64 offset = 0;
  if (advance)
    TRY(read_advance(advance, &offset));
  else if (set)
    TRY(read_set(set, &offset));
  else if (!json_get(in, "reset"))
    return error_answer_status(400, "ValidationException", "One of advance, set and reset is needed");
  TRY(call_write(call, save_offset, &offset));
  clock_set_offset(offset);
  TRY(tell_services(call->haar));
  jobs_clock_moved(call->haar->jobs);
  waits_clock_moved(call->haar->server->waits);
  return get_clock(call, in, ret_out);
}

void
clock_admin(Haar *haar)
{
  static const AdminRoute routes[] = {{"GET", "clock", get_clock}, {"POST", "clock", post_clock}};
  for (gsize i = 0; i < G_N_ELEMENTS(routes); i++)
    server_admin(haar, &routes[i]);
}
