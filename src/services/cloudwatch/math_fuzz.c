/* Input: an expression. */
#include <stdint.h>

#include "services/cloudwatch/math.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Error *
name(MathWorld *world, const char *text, MathValue *ret)
{
  *ret = (MathValue){.kind = VALUE_SERIES, .series = math_series_new(world->arena, 60000)};
  for (gint64 ms = world->from; ms < world->to; ms += 60000)
    math_series_append(world->arena, ret->series, ms, (double) (ms / 60000) * text[0]);
  return NULL;
}

static Error *
metrics(MathWorld *world, const char *part, MathSeriesList *ret)
{
  MathValue value;
  for (int i = 0; i < 3; i++) {
    Error *error = name(world, "m", &value);
    if (error)
      return error;
    LIST_APPEND(world->arena, ret, value.series);
  }
  return NULL;
}

static Error *
search(MathWorld *world, const char *text, const char *statistic, gint64 period_ms, MathSeriesList *ret)
{
  return metrics(world, text, ret);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(Arena) arena = arena_new();
  MathWorld world = {.arena = arena, .from = 0, .to = 300000, .period_ms = 60000, .name = name, .metrics = metrics, .search = search};
  MathNode *node = NULL;
  MathValue value = {0};
  g_autoptr(Error) error = math_parse(arena, arena_strndup(arena, (const char *) data, size), &node);
  if (!error)
    error = math_evaluate(&world, node, &value);
  return 0;
}
