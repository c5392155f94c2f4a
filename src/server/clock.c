#include "server/clock.h"

#include <string.h>

#include "jobs/jobs.h"
#include "server/internal.h"
#include "server/server.h"
#include "server/session.h"
#include "server/wait.h"

#define MOVES_KEPT 2000

static const Table moves = {"server.clock"};

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

/* One row for each move of the clock, by the machine's time: what haar's time was then, and how fast it ran from there. The last is how it
 * stands; the others say which time of the machine a time of the past was (clock_machine_time). */
typedef struct Move {
  gint64 real_ms, now_ms, speed;
} Move;

static void
move_key(Key *key, gint64 real_ms)
{
  key_init(key);
  key_add_int(key, real_ms);
}

static Error *
read_moves(Txn *txn, GArray **ret_moves)
{
  g_autoptr(Cursor) cursor = NULL;
  g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(Move));
  TRY(cursor_open(txn, &moves, &(CursorOptions) {0}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    Move move = {0};
    const guint8 *value = cursor_value(cursor, &size);
    if (size != sizeof move)
      return error_fault("clock: a row of another form");
    memcpy(&move, value, sizeof move);
    g_array_append_val(found, move);
  }
  *ret_moves = g_steal_pointer(&found);
  return NULL;
}

Error *
clock_restore(Store *store)
{
  g_autoptr(Txn) txn = NULL;
  g_autoptr(GArray) found = NULL;
  TRY(store_begin_read(store, &txn));
  TRY(read_moves(txn, &found));
  if (found->len) {
    const Move *last = &g_array_index(found, Move, found->len - 1);
    clock_set(last->real_ms, last->now_ms, last->speed);
  }
  return NULL;
}

/* The oldest moves go when there are too many. */
static Error *
save_move(Call *call, gpointer data)
{
  Key key;
  const Move *move = data;
  g_autoptr(GArray) found = NULL;
  TRY(read_moves(call->txn, &found));
  for (guint i = 0; i + MOVES_KEPT < found->len; i++) {
    move_key(&key, g_array_index(found, Move, i).real_ms);
    TRY(store_delete(call->txn, &moves, &key, NULL));
  }
  move_key(&key, move->real_ms);
  return store_put(call->txn, &moves, &key, move, sizeof *move);
}

/* Moves the clock and remembers it. whole: a little further, so that its seconds begin with the machine's: binary logs of database servers know
 * those only, and restores to a second are by haar's. */
static Error *
stand_at(Call *call, gint64 now_ms, gint64 speed, gboolean whole)
{
  Move move = {clock_real(), now_ms, speed};
  if (whole && speed == 1)
    move.now_ms += ((move.real_ms - now_ms) % 1000 + 1000) % 1000;
  TRY(call_write(call, save_move, &move));
  clock_set(move.real_ms, move.now_ms, move.speed);
  waits_clock_moved(call->haar->server->waits);
  return NULL;
}

Error *
clock_machine_time(Call *call, gint64 ms, gint64 *ret_real_ms)
{
  g_autoptr(GArray) found = NULL;
  gint64 until = G_MAXINT64; /* of the move that is looked at */
  TRY(read_moves(call->txn, &found));
  for (guint i = found->len; i > 0; i--) {
    const Move *move = &g_array_index(found, Move, i - 1);
    if (ms >= move->now_ms) {
      *ret_real_ms = MIN(move->real_ms + (ms - move->now_ms) / move->speed, until - 1);
      return NULL;
    }
    until = move->real_ms;
  }
  *ret_real_ms = MIN(ms, until - 1);
  return NULL;
}

/* --- haar's own API --- */

static Error *
get_clock(Call *call, const Json *in, Json **ret_out)
{
  *ret_out = json_new_object(call->arena);
  json_set(call->arena, *ret_out, "time", json_new_string(call->arena, text_iso8601(call->arena, clock_now(), TRUE)));
  json_set(call->arena, *ret_out, "offset_ms", json_new_int(call->arena, clock_offset()));
  json_set(call->arena, *ret_out, "speed", json_new_int(call->arena, clock_speed()));
  return NULL;
}

static Error *
read_advance(const char *text, gint64 *ret_to)
{
  gint64 ms = 0;
  if (!clock_parse_duration(text, &ms))
    return error_answer_status(400, "ValidationException", "\"%s\" is no duration; write 90d, 1h30m, 45s or 2w", text);
  *ret_to = clock_now() + ms;
  return NULL;
}

static Error *
read_set(const char *text, gint64 *ret_to)
{
  g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
  g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, utc);
  if (!time)
    return error_answer_status(400, "ValidationException", "\"%s\" is no time; write 2027-01-31T00:00:00Z", text);
  *ret_to = g_date_time_to_unix(time) * 1000;
  if (*ret_to < clock_now())
    return error_answer_status(400, "ValidationException",
                               "The clock moves only forward; it is past %s already. Take it back to the "
                               "machine's time with reset",
                               text);
  return NULL;
}

/* The clock stands elsewhere: services whose jobs come each minute take them up at once, and what is due runs. */
static Error *
tell_all(Haar *haar)
{
  for (const Service *const *service = haar_services; *service; service++)
    if ((*service)->hooks && (*service)->hooks->clock_moved)
      TRY((*service)->hooks->clock_moved(haar));
  jobs_clock_moved(haar->jobs);
  return NULL;
}

static Error *
set_speed(Call *call, gint64 speed)
{
  if (speed < 1 || speed > CLOCK_SPEED_MAX)
    return error_answer_status(400, "ValidationException", "The speed is a number from 1 to %d: how many seconds pass in one", CLOCK_SPEED_MAX);
  TRY(stand_at(call, clock_now(), speed, TRUE));
  return tell_all(call->haar);
}

/* A time that passes in one go. */
typedef struct Passing {
  Call *call;
  gint64 from, to;
} Passing;

static Error *
pass_to(gpointer data, gint64 ms)
{
  const Passing *passing = data;
  TRY(stand_at(passing->call, MAX(ms, clock_now()), clock_speed(), ms >= passing->to));
  sessions_clock_moved(passing->call->haar->server->sessions, passing->from);
  return ms >= passing->to ? tell_all(passing->call->haar) : NULL;
}

static Error *
post_clock(Call *call, const Json *in, Json **ret_out)
{
  const char *advance = json_string(json_get(in, "advance")), *set = json_string(json_get(in, "set"));
  const Json *speed = json_get(in, "speed");
  gint64 to = 0, number = 0;
  if (json_get(in, "reset")) {
    TRY(stand_at(call, clock_real(), 1, TRUE));
    TRY(tell_all(call->haar));
  } else if (speed) {
    g_autofree char *text = speed->type == JSON_NUMBER || speed->type == JSON_STRING ? g_strndup(speed->text, speed->n) : NULL; /* a number, or a string of one */
    TRY(set_speed(call, text && g_ascii_string_to_signed(text, 10, 1, CLOCK_SPEED_MAX, &number, NULL) ? number : 0));
  } else if (advance || set) {
    TRY(advance ? read_advance(advance, &to) : read_set(set, &to));
    TRY(jobs_pass(call->haar->jobs, to, pass_to, &(Passing) {call, clock_now(), to}));
  } else {
    return error_answer_status(400, "ValidationException", "One of advance, set, speed and reset is needed");
  }
  return get_clock(call, in, ret_out);
}

void
clock_admin(Haar *haar)
{
  static const AdminRoute routes[] = {{"GET", "clock", get_clock}, {"POST", "clock", post_clock}};
  for (gsize i = 0; i < G_N_ELEMENTS(routes); i++)
    server_admin(haar, &routes[i]);
}
