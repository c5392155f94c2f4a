/* Metric math: expressions over time series. One parser (math_parse.c), one evaluator (math.c) with its functions (math_function.c).
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html */
#pragma once

#include "wire/value.h"

typedef enum { MATH_NUMBER, MATH_TEXT, MATH_NAME, MATH_CALL, MATH_LIST, MATH_OPERATOR } MathKind;
typedef enum { MATH_ADD, MATH_SUBTRACT, MATH_MULTIPLY, MATH_DIVIDE, MATH_POWER, MATH_EQUAL, MATH_UNEQUAL, MATH_LESS, MATH_MORE, MATH_LESS_EQUAL,
               MATH_MORE_EQUAL, MATH_AND, MATH_OR, MATH_NOT, MATH_NEGATE } MathOperator;

typedef struct MathNode MathNode;
struct MathNode {
  gsize n; /* n and v first: it is a list too (LIST_APPEND) */
  MathNode **v;     /* operands, arguments, elements */
  MathKind kind;
  MathOperator op;
  double number;
  const char *text; /* a name, a function's name, a text */
};

/* Parses an expression of at most 2,048 bytes. Wrong: an answer ValidationError. arena. */
Error *math_parse(Arena *arena, const char *text, MathNode **ret) ERROR_MUST_USE;
/* Calls visit with each name that the expression uses. */
void math_names(const MathNode *node, void (*visit)(const char *name, gpointer data), gpointer data);
/* Whether a function is called somewhere in it. */
gboolean math_calls(const MathNode *node, const char *function);

/* A time series: what is there, in order of time. */
typedef struct MathPoint {
  gint64 ms;
  double value;
} MathPoint;
typedef struct MathSeries {
  gsize n; /* n and v first: it is a list too */
  MathPoint *v;
  const char *label;
  gint64 period_ms;
} MathSeries;
typedef struct MathSeriesList {
  gsize n;
  MathSeries **v;
} MathSeriesList;

typedef enum { VALUE_SCALAR, VALUE_SERIES, VALUE_ARRAY, VALUE_TEXT } MathValueKind;
typedef struct MathValue {
  MathValueKind kind;
  double number;
  const char *text;
  MathSeries *series;
  MathSeriesList array;
} MathValue;

/* Where names and metrics come from, and the times that are asked for. */
typedef struct MathWorld MathWorld;
struct MathWorld {
  Arena *arena;
  gint64 from, to, period_ms; /* period: of series that an expression makes from nothing */
  gpointer data;
  /* The value of a query's id. */
  Error *(*name)(MathWorld *world, const char *name, MathValue *ret);
  /* The metrics among the queries whose ids contain part (NULL: all). */
  Error *(*metrics)(MathWorld *world, const char *part, MathSeriesList *ret);
  /* SEARCH: all metrics that it finds, with a statistic and a period (0: world's). */
  Error *(*search)(MathWorld *world, const char *search, const char *statistic, gint64 period_ms, MathSeriesList *ret);
  guint depth;
};

Error *math_evaluate(MathWorld *world, const MathNode *node, MathValue *ret) ERROR_MUST_USE;

/* --- between math.c and math_function.c --- */

Error *math_function(MathWorld *world, const char *name, MathValue *args, gsize n, MathValue *ret) ERROR_MUST_USE;
gboolean math_function_known(const char *name);
MathSeries *math_series_new(Arena *arena, gint64 period_ms);
void math_series_append(Arena *arena, MathSeries *series, gint64 ms, double value);
/* All series of an argument, as a list. */
MathSeriesList math_list(Arena *arena, const MathValue *value);
MathValue math_scalar(double number);
/* The value of a series at a time; FALSE: there is none. */
gboolean math_at(const MathSeries *series, gint64 ms, double *ret);
