/* money: amounts in a currency's minor units, exactly. */
#pragma once

#include "arena.h"

/* The largest amount of one payment, in minor units. */
#define AMOUNT_MAX INT64_C(100000000000)

/* Digits behind the point of an ISO 4217 currency ("EUR" 2, "JPY" 0, "KWD" 3), or -1 for a code that is none. */
int currency_digits(const char *code);
/* Reads "12.34" (no sign, no exponent). Refuses zero, more decimals than the currency has, and more than AMOUNT_MAX. */
const Failure *amount_parse(Arena *arena, const char *text, const char *currency, int64_t *ret_minor);
/* 1234 EUR gives "12.34". arena. */
char *amount_format(Arena *arena, int64_t minor, const char *currency);
