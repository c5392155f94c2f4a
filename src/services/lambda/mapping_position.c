/* How far the lanes of a mapping have read their stream. A lane's position is written when what is before it is done, so that after a kill -9
 * nothing is left out, and at most one batch a lane comes twice. */
#include <string.h>

#include "services/lambda/mapping.h"

const Table lambda_positions = {"lambda.position"};

static const char nothing_yet[] = "No records processed";

static Error *
get(Call *call, const char *uuid, Key *key, LambdaPositionRecord **ret)
{
  void *value = NULL;
  call_key(call, key);
  key_add(key, uuid);
  TRY(record_get(call->txn, &lambda_positions, key, &LambdaPositionRecord_shape, call->arena, &value));
  *ret = value;
  return NULL;
}

/* Sequence numbers have different lengths: the longer is the later. */
static int
compare(const char *a, const char *b)
{
  gsize size_a = strlen(a), size_b = strlen(b);
  return size_a != size_b ? (size_a < size_b ? -1 : 1) : strcmp(a, b);
}

/* With another number of lanes each begins where the last of the former was: what others of them have done comes again. */
static const char *
lane_position(const LambdaPositionRecord *record, guint lane, guint lanes)
{
  const char *least = NULL;
  if (!record || !record->lanes.n)
    return "";
  if (record->lanes.n == lanes)
    return record->lanes.v[lane];
  for (gsize i = 0; i < record->lanes.n; i++)
    if (!least || compare(record->lanes.v[i], least) < 0)
      least = record->lanes.v[i];
  return least;
}

typedef struct Put {
  MappingTurn *turn;
  const char *after, *result;
} Put;

static Error *
read_position(Call *call, gpointer data)
{
  Put *get_one = data;
  Key key;
  LambdaPositionRecord *record;
  TRY(get(call, get_one->turn->mapping->config->UUID, &key, &record));
  get_one->after = lane_position(record, get_one->turn->lane, get_one->turn->lanes);
  return NULL;
}

Error *
position_get(MappingTurn *turn, const char **ret_after)
{
  Put get_one = {.turn = turn};
  TRY(call_read(turn->call, read_position, &get_one));
  *ret_after = get_one.after;
  return NULL;
}

Error *
position_begin(Call *call, const char *uuid, const char *after)
{
  Key key;
  LambdaPositionRecord record = {.result = nothing_yet};
  LIST_APPEND(call->arena, &record.lanes, after);
  call_key(call, &key);
  key_add(&key, uuid);
  return record_put(call->txn, &lambda_positions, &key, &LambdaPositionRecord_shape, &record);
}

static Error *
write_position(Call *call, gpointer data)
{
  const Put *put = data;
  const MappingTurn *turn = put->turn;
  Key key;
  LambdaPositionRecord *old, new = {.result = put->result};
  TRY(get(call, turn->mapping->config->UUID, &key, &old));
  if (!old) /* the mapping was deleted */
    return NULL;
  for (guint i = 0; i < turn->lanes; i++)
    LIST_APPEND(call->arena, &new.lanes, lane_position(old, i, turn->lanes));
  if (put->after)
    new.lanes.v[turn->lane] = put->after;
  if (!new.result)
    new.result = old->result;
  return record_put(call->txn, &lambda_positions, &key, &LambdaPositionRecord_shape, &new);
}

Error *
position_put(MappingTurn *turn, const char *after, const char *result)
{
  Put put = {turn, after, result};
  return call_write(turn->call, write_position, &put);
}

static Error *
read_result(Call *call, gpointer data)
{
  Put *shown = data;
  return position_result(call, shown->turn->mapping->config->UUID, &shown->result);
}

Error *
position_trouble(MappingTurn *turn, const char *what)
{
  Put shown = {.turn = turn};
  const char *result = arena_printf(turn->call->arena, "PROBLEM: %s", what);
  TRY(call_read(turn->call, read_result, &shown));
  if (g_strcmp0(shown.result, result) == 0)
    return NULL;
  log_warning("event source mapping %s: %s", turn->mapping->config->UUID, what);
  return position_put(turn, NULL, result);
}

Error *
position_result(Call *call, const char *uuid, const char **ret_result)
{
  Key key;
  LambdaPositionRecord *record;
  TRY(get(call, uuid, &key, &record));
  *ret_result = record ? record->result : NULL;
  return NULL;
}

Error *
position_delete(Call *call, const char *uuid)
{
  Key key;
  call_key(call, &key);
  key_add(&key, uuid);
  return store_delete(call->txn, &lambda_positions, &key, NULL);
}
