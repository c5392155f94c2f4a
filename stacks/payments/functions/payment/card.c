#include "card.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DIGITS_MAX 19

/* Copies the digits without separators. Returns how many, or 0 if there is anything else. */
static size_t
copy_digits(const char *number, char digits[DIGITS_MAX + 1])
{
  size_t n = 0;
  for (const char *at = number; *at; at++) {
    if (*at == ' ' || *at == '-')
      continue;
    if (*at < '0' || *at > '9' || n == DIGITS_MAX)
      return 0;
    digits[n++] = *at;
  }
  digits[n] = '\0';
  return n;
}

bool
card_luhn(const char *number)
{
  char digits[DIGITS_MAX + 1];
  size_t n = copy_digits(number, digits);
  int sum = 0;
  for (size_t i = 0; i < n; i++) {
    int digit = digits[n - 1 - i] - '0';
    int doubled = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
    sum += i % 2 ? doubled : digit;
  }
  return n >= 12 && sum > 0 && sum % 10 == 0;
}

/* Brands by the first digits: from and to have as many digits. */
static const struct {
  const char *brand;
  int from, to, digits;
} brands[] = {
    {"amex", 34, 34, 2},         {"amex", 37, 37, 2},        {"mastercard", 51, 55, 2}, {"mastercard", 2221, 2720, 4},
    {"discover", 6011, 6011, 4}, {"discover", 644, 649, 3},  {"discover", 65, 65, 2},   {"visa", 4, 4, 1},
};

static const char *
brand_of(const char *digits)
{
  for (size_t i = 0; i < sizeof brands / sizeof *brands; i++) {
    char head[5] = "";
    memcpy(head, digits, (size_t) brands[i].digits);
    long value = strtol(head, NULL, 10);
    if (value >= brands[i].from && value <= brands[i].to)
      return brands[i].brand;
  }
  return "card";
}

/* A member that is a whole number or its text; -1 if it is not. */
static long
whole_number(const Json *json)
{
  if (!json || (json->type != JSON_NUMBER && json->type != JSON_STRING) || !*json->text)
    return -1;
  size_t n = strspn(json->text, "0123456789");
  return json->text[n] || n > 6 ? -1 : strtol(json->text, NULL, 10);
}

static const Failure *
check_expiry(Arena *arena, const Json *card, int64_t now)
{
  long month = whole_number(json_get(card, "expiryMonth")), year = whole_number(json_get(card, "expiryYear"));
  time_t seconds = (time_t) now;
  struct tm today;
  gmtime_r(&seconds, &today);
  if (month < 1 || month > 12)
    return failure_new(arena, 400, false, "InvalidCard", "card.expiryMonth: must be 1 to 12");
  if (year >= 0 && year < 100)
    year += 2000;
  if (year < 2000 || year > 2199)
    return failure_new(arena, 400, false, "InvalidCard", "card.expiryYear: must be a year such as 2030");
  if (year * 12 + month - 1 < (today.tm_year + 1900) * 12L + today.tm_mon)
    return failure_new(arena, 400, false, "CardExpired", "card: expired in %02ld/%ld", month, year);
  return NULL;
}

const Failure *
card_check(Arena *arena, const Json *card, int64_t now, Card *ret_card)
{
  char digits[DIGITS_MAX + 1];
  if (card->type != JSON_OBJECT)
    return failure_new(arena, 400, false, "InvalidCard", "card: must be an object with number, expiryMonth and expiryYear");
  const char *number = json_string(json_get(card, "number"));
  const Json *cvc = json_get(card, "cvc");
  if (!number || !card_luhn(number))
    return failure_new(arena, 400, false, "InvalidCard", "card.number: is not a valid card number");
  size_t n = copy_digits(number, digits);
  TRY(check_expiry(arena, card, now));
  const char *brand = brand_of(digits);
  size_t cvc_size = strcmp(brand, "amex") == 0 ? 4 : 3;
  if (cvc && (!json_string(cvc) || strlen(cvc->text) != cvc_size || strspn(cvc->text, "0123456789") != cvc_size))
    return failure_new(arena, 400, false, "InvalidCard", "card.cvc: must be %zu digits", cvc_size);
  ret_card->brand = brand;
  memcpy(ret_card->last4, digits + n - 4, 5);
  return NULL;
}
