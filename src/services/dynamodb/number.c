#include "services/dynamodb/number.h"

#include <string.h>

/* 1E-130 is 0.1 times ten to the -129; 9.99E+125 is 0.999 times ten to the 126. */
#define EXPONENT_MIN (-129)
#define EXPONENT_MAX 126
#define SPAN (EXPONENT_MAX - EXPONENT_MIN + NUMBER_DIGITS + 4)

static Error *
invalid(const char *text)
{
  return error_answer("ValidationException", "The parameter cannot be converted to a numeric value: %.200s", text);
}

/* Takes n digits, value 0.ddd times ten to the exponent, with zeros at its ends. */
static Error *
set_digits(Number *number, gboolean negative, const guint8 *digits, int n, int exponent)
{
  while (n > 0 && digits[0] == 0) {
    digits++;
    n--;
    exponent--;
  }
  while (n > 0 && digits[n - 1] == 0)
    n--;
  if (n > NUMBER_DIGITS)
    return error_answer("ValidationException", "Attempting to store more than 38 significant digits in a Number");
  if (n > 0 && exponent > EXPONENT_MAX)
    return error_answer("ValidationException",
                        "Number overflow. Attempting to store a number with magnitude larger than supported range");
  if (n > 0 && exponent < EXPONENT_MIN)
    return error_answer("ValidationException",
                        "Number underflow. Attempting to store a number with magnitude smaller than supported range");
  *number = (Number){ .negative = n > 0 && negative, .exponent = n > 0 ? exponent : 0, .n = n };
  memcpy(number->digits, digits, (gsize) n);
  return NULL;
}

/* "e+12" at text. FALSE: not an exponent. */
static gboolean
parse_exponent(const char *text, int *ret_exponent)
{
  if (*text == '\0')
    return TRUE;
  if (*text != 'e' && *text != 'E')
    return FALSE;
  text++;
  gboolean negative = *text == '-';
  if (*text == '-' || *text == '+')
    text++;
  if (!g_ascii_isdigit(*text))
    return FALSE;
  int value = 0;
  for (; g_ascii_isdigit(*text); text++)
    value = MIN(value * 10 + (*text - '0'), 100000);
  *ret_exponent = negative ? -value : value;
  return *text == '\0';
}

Error *
number_parse(const char *text, Number *ret_number)
{
  guint8 digits[512];
  int n = 0, point = -1, seen = 0, exponent = 0;
  const char *at = text;
  gboolean negative = *at == '-';
  if (*at == '-' || *at == '+')
    at++;
  for (; g_ascii_isdigit(*at) || (*at == '.' && point < 0); at++) {
    if (*at == '.') {
      point = n;
      continue;
    }
    seen++;
    if (n == 0 && *at == '0' && point < 0)
      continue; /* a leading zero */
    if (n == sizeof digits)
      return invalid(text);
    digits[n++] = (guint8) (*at - '0');
  }
  if (seen == 0 || !parse_exponent(at, &exponent))
    return invalid(text);
  return set_digits(ret_number, negative, digits, n, (point < 0 ? n : point) + exponent);
}

char *
number_text(Arena *arena, const Number *number)
{
  if (number->n == 0)
    return arena_strdup(arena, "0");
  char *text = arena_alloc(arena, SPAN + 8), *out = text;
  if (number->negative)
    *out++ = '-';
  if (number->exponent <= 0) {
    *out++ = '0';
    *out++ = '.';
    for (int i = number->exponent; i < 0; i++)
      *out++ = '0';
  }
  for (int i = 0; i < number->n; i++) {
    if (i > 0 && i == number->exponent)
      *out++ = '.';
    *out++ = (char) ('0' + number->digits[i]);
  }
  for (int i = number->n; i < number->exponent; i++)
    *out++ = '0';
  return text;
}

static int
compare_magnitude(const Number *a, const Number *b)
{
  if (a->n == 0 || b->n == 0)
    return (a->n > 0) - (b->n > 0);
  if (a->exponent != b->exponent)
    return a->exponent < b->exponent ? -1 : 1;
  int order = memcmp(a->digits, b->digits, (gsize) MIN(a->n, b->n));
  return order ? order : (a->n > b->n) - (a->n < b->n);
}

int
number_compare(const Number *a, const Number *b)
{
  if (a->negative != b->negative)
    return a->negative ? -1 : 1;
  int order = compare_magnitude(a, b);
  return a->negative ? -order : order;
}

/* Writes a's digits so that the digit of ten to the (EXPONENT_MAX + 1) would be at index 0. */
static void
spread(const Number *a, guint8 *out)
{
  memset(out, 0, SPAN);
  memcpy(out + (EXPONENT_MAX + 2 - a->exponent), a->digits, (gsize) a->n);
}

static void
add_spread(guint8 *a, const guint8 *b)
{
  int carry = 0;
  for (int i = SPAN - 1; i >= 0; i--) {
    int sum = a[i] + b[i] + carry;
    a[i] = (guint8) (sum % 10);
    carry = sum / 10;
  }
}

/* a is the larger one. */
static void
subtract_spread(guint8 *a, const guint8 *b)
{
  int borrow = 0;
  for (int i = SPAN - 1; i >= 0; i--) {
    int difference = a[i] - b[i] - borrow;
    borrow = difference < 0;
    a[i] = (guint8) (difference + (borrow ? 10 : 0));
  }
}

Error *
number_add(const Number *a, const Number *b, gboolean subtract, Number *ret_sum)
{
  guint8 large[SPAN], little[SPAN];
  gboolean b_negative = b->n > 0 && b->negative != subtract;
  gboolean swap = compare_magnitude(a, b) < 0;
  spread(swap ? b : a, large);
  spread(swap ? a : b, little);
  if (a->negative == b_negative)
    add_spread(large, little);
  else
    subtract_spread(large, little);
  return set_digits(ret_sum, swap ? b_negative : a->negative, large, SPAN, EXPONENT_MAX + 2);
}

/* A byte for the sign, one for the exponent, then two digits a byte, counted from 1. A negative number has all of it turned, and
 * ends with 255 so that the longer one of two with the same beginning sorts first. */
gsize
number_key(const Number *number, guint8 key[NUMBER_KEY_MAX])
{
  if (number->n == 0) {
    key[0] = 128;
    return 1;
  }
  gsize size = 0;
  guint8 turn = number->negative ? 255 : 0;
  key[size++] = number->negative ? 64 : 192;
  key[size++] = (guint8) (number->exponent - EXPONENT_MIN) ^ turn;
  for (int i = 0; i < number->n; i += 2) {
    int second = i + 1 < number->n ? number->digits[i + 1] : 0;
    key[size++] = (guint8) (number->digits[i] * 10 + second + 1) ^ turn;
  }
  if (number->negative)
    key[size++] = 255;
  return size;
}
