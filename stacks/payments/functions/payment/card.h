/* card: checks of a payment card. Only brand and last four digits leave this module; the number is never stored or logged. */
#pragma once

#include "json.h"

typedef struct Card {
  const char *brand;   /* "visa", "mastercard", "amex", "discover", or "card" */
  char last4[5];
} Card;

/* Whether digits (spaces and dashes allowed between them) satisfy the Luhn checksum and are 12 to 19. */
bool card_luhn(const char *number);
/* Checks {"number", "expiryMonth", "expiryYear", "cvc"}; now: seconds since 1970. A card is good to the end of its month (UTC). */
const Failure *card_check(Arena *arena, const Json *card, int64_t now, Card *ret_card);
