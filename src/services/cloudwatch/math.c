/* Operators: of two numbers a number; of a series and a number, element by element; of two series, where both have a point; of an array and
 * anything, series by series. */
#include "base/search.h"
#include "services/cloudwatch/math.h"

#include <math.h>
#include <string.h>

enum { DEPTH_MAX = 1000 };

/* --- series --- */

MathSeries *
math_series_new(Arena *arena, gint64 period_ms)
{
  MathSeries *series = ARENA_NEW(arena, MathSeries);
  series->period_ms = period_ms;
  return series;
}

/* What is no number (0/0, 1/0) is no datapoint. */
void
math_series_append(Arena *arena, MathSeries *series, gint64 ms, double value)
{
  if (isfinite(value))
    LIST_APPEND(arena, series, ((MathPoint){ms, value}));
}

MathValue
math_scalar(double number)
{
  return (MathValue){.kind = VALUE_SCALAR, .number = number};
}

MathSeriesList
math_list(Arena *arena, const MathValue *value)
{
  MathSeriesList list = {0};
  if (value->kind == VALUE_ARRAY)
    return value->array;
  if (value->kind == VALUE_SERIES)
    LIST_APPEND(arena, &list, value->series);
  return list;
}

typedef struct Moment {
  const MathSeries *series;
  gint64 ms;
} Moment;

static gboolean
is_before(gsize at, gconstpointer data)
{
  const Moment *moment = data;
  return moment->series->v[at].ms < moment->ms;
}

gboolean
math_at(const MathSeries *series, gint64 ms, double *ret)
{
  gsize at = search_first(series->n, is_before, &(Moment){series, ms});
  if (at == series->n || series->v[at].ms != ms)
    return FALSE;
  *ret = series->v[at].value;
  return TRUE;
}

/* --- operators --- */

static gboolean
same(double a, double b)
{
  return a <= b && a >= b;
}

static double
operate(MathOperator op, double a, double b)
{
  switch (op) {
  case MATH_ADD:
    return a + b;
  case MATH_SUBTRACT:
    return a - b;
  case MATH_MULTIPLY:
    return a * b;
  case MATH_DIVIDE:
    return same(b, 0) ? NAN : a / b;
  case MATH_POWER:
    return pow(a, b);
  case MATH_EQUAL:
    return same(a, b);
  case MATH_UNEQUAL:
    return !same(a, b);
  case MATH_LESS:
    return a < b;
  case MATH_MORE:
    return a > b;
  case MATH_LESS_EQUAL:
    return a <= b;
  case MATH_MORE_EQUAL:
    return a >= b;
  case MATH_AND:
    return !same(a, 0) && !same(b, 0);
  case MATH_OR:
    return !same(a, 0) || !same(b, 0);
  case MATH_NOT:
    return same(a, 0);
  case MATH_NEGATE:
    return -a;
  }
  return NAN;
}

static MathSeries *
operate_series(Arena *arena, MathOperator op, const MathValue *a, const MathValue *b)
{
  const MathSeries *left = a->series, *right = b->series, *guide = left ? left : right;
  MathSeries *out = math_series_new(arena, left && right ? MAX(left->period_ms, right->period_ms) : guide->period_ms);
  out->label = guide->label;
  for (gsize i = 0; i < guide->n; i++) {
    double x = a->number, y = b->number;
    gint64 ms = guide->v[i].ms;
    if ((!left || math_at(left, ms, &x)) && (!right || math_at(right, ms, &y)))
      math_series_append(arena, out, ms, operate(op, x, y));
  }
  return out;
}

static Error *
operate_values(MathWorld *world, MathOperator op, const MathValue *a, const MathValue *b, MathValue *ret)
{
  static const char *const kinds[] = {"Scalar", "TimeSeries", "TimeSeries[]", "String"};
  if (a->kind == VALUE_TEXT || b->kind == VALUE_TEXT || (a->kind == VALUE_ARRAY && b->kind == VALUE_ARRAY))
    return error_answer("ValidationError", "Unsupported operand type(s): '%s, %s'", kinds[a->kind], kinds[b->kind]);
  if (a->kind == VALUE_SCALAR && b->kind == VALUE_SCALAR) {
    *ret = math_scalar(operate(op, a->number, b->number));
    return NULL;
  }
  if (a->kind != VALUE_ARRAY && b->kind != VALUE_ARRAY) {
    *ret = (MathValue){.kind = VALUE_SERIES, .series = operate_series(world->arena, op, a, b)};
    return NULL;
  }
  gboolean left = a->kind == VALUE_ARRAY;
  const MathSeriesList *array = left ? &a->array : &b->array;
  *ret = (MathValue){.kind = VALUE_ARRAY};
  for (gsize i = 0; i < array->n; i++) {
    MathValue one = {.kind = VALUE_SERIES, .series = array->v[i]};
    MathSeries *series = operate_series(world->arena, op, left ? &one : a, left ? b : &one);
    series->label = array->v[i]->label;
    LIST_APPEND(world->arena, &ret->array, series);
  }
  return NULL;
}

static Error *
evaluate_operator(MathWorld *world, const MathNode *node, MathValue *ret)
{
  MathValue a = {0}, b = math_scalar(0);
  TRY(math_evaluate(world, node->v[0], &a));
  if (node->n > 1)
    TRY(math_evaluate(world, node->v[1], &b));
  return operate_values(world, node->op, &a, &b, ret);
}

/* --- all --- */

static Error *
evaluate_list(MathWorld *world, const MathNode *node, MathValue *ret)
{
  *ret = (MathValue){.kind = VALUE_ARRAY};
  for (gsize i = 0; i < node->n; i++) {
    MathValue item = {0};
    TRY(math_evaluate(world, node->v[i], &item));
    if (item.kind == VALUE_SCALAR || item.kind == VALUE_TEXT)
      return error_answer("ValidationError", "An array can hold only time series");
    MathSeriesList list = math_list(world->arena, &item);
    for (gsize j = 0; j < list.n; j++)
      LIST_APPEND(world->arena, &ret->array, list.v[j]);
  }
  return NULL;
}

static Error *
evaluate_call(MathWorld *world, const MathNode *node, MathValue *ret)
{
  MathValue *args = ARENA_ARRAY(world->arena, MathValue, MAX(node->n, 1));
  for (gsize i = 0; i < node->n; i++) {
    const MathNode *arg = node->v[i];
    if (arg->kind == MATH_NAME && strcmp(node->text, "FILL") == 0 && i == 1 && (strcmp(arg->text, "REPEAT") == 0 || strcmp(arg->text, "LINEAR") == 0))
      args[i] = (MathValue){.kind = VALUE_TEXT, .text = arg->text};
    else if (arg->kind == MATH_NAME && strcmp(node->text, "SORT") == 0 && g_ascii_isupper(arg->text[0]))
      args[i] = (MathValue){.kind = VALUE_TEXT, .text = arg->text};
    else
      TRY(math_evaluate(world, arg, &args[i]));
  }
  return math_function(world, node->text, args, node->n, ret);
}

Error *
math_evaluate(MathWorld *world, const MathNode *node, MathValue *ret)
{
  Error *error = NULL;
  if (++world->depth > DEPTH_MAX)
    return error_answer("ValidationError", "The expressions depend on each other too deeply");
  switch (node->kind) {
  case MATH_NUMBER:
    *ret = math_scalar(node->number);
    break;
  case MATH_TEXT:
    *ret = (MathValue){.kind = VALUE_TEXT, .text = node->text};
    break;
  case MATH_NAME:
    error = world->name(world, node->text, ret);
    break;
  case MATH_CALL:
    error = evaluate_call(world, node, ret);
    break;
  case MATH_LIST:
    error = evaluate_list(world, node, ret);
    break;
  case MATH_OPERATOR:
    error = evaluate_operator(world, node, ret);
    break;
  }
  world->depth--;
  return error;
}
