/* number: DynamoDB's numbers: exact decimals of up to 38 digits.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html */
#pragma once

#include "base/base.h"

#define NUMBER_DIGITS 38
#define NUMBER_KEY_MAX 24

/* 0.d1d2d3... times ten to the exponent; digits without zeros at either end; zero has none. */
typedef struct Number {
  gboolean negative;
  int exponent, n;
  guint8 digits[NUMBER_DIGITS];
} Number;

/* Reads text. Wrong text, too large, too small, too many digits: DynamoDB's ValidationException. */
Error *number_parse(const char *text, Number *ret_number) ERROR_MUST_USE;
/* The canonical text, without an exponent (arena). */
char *number_text(Arena *arena, const Number *number);
int number_compare(const Number *a, const Number *b);
/* The exact sum; subtract: difference. A result that is no DynamoDB number: ValidationException. */
Error *number_add(const Number *a, const Number *b, gboolean subtract, Number *ret_sum) ERROR_MUST_USE;
/* Bytes that sort as the numbers do; returns their count. */
gsize number_key(const Number *number, guint8 key[NUMBER_KEY_MAX]);
