#include "request.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define NAME_MAX 64
#define DESCRIPTION_MAX 255

static const char *
header(const Json *event, const char *name)
{
  const Json *headers = json_get(event, "headers");
  for (const Json *at = headers && headers->type == JSON_OBJECT ? headers->first : NULL; at; at = at->next)
    if (strcasecmp(at->key, name) == 0)
      return json_string(at);
  return NULL;
}

static int
base64_digit(char c)
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *found = c ? strchr(digits, c) : NULL;
  return found ? (int) (found - digits) : -1;
}

/* Decodes base64 up to its padding; NULL if it is none. */
static char *
unbase64(Arena *arena, const char *text)
{
  Text out = text_new(arena);
  unsigned bits = 0;
  int n = 0;
  for (; *text && *text != '='; text++) {
    int digit = base64_digit(*text);
    if (digit < 0)
      return NULL;
    bits = bits << 6 | (unsigned) digit;
    n += 6;
    if (n >= 8) {
      char byte = (char) (bits >> (n -= 8));
      text_add(&out, &byte, 1);
    }
  }
  return out.data;
}

/* The payment's own document: the event, or its body. */
static const Failure *
read_document(Arena *arena, const Json *event, const Json **ret_document)
{
  *ret_document = event;
  if (event->type == JSON_OBJECT && !json_get(event, "httpMethod") && !json_get(event, "body"))
    return NULL;
  const char *body = json_string(json_get(event, "body"));
  const Json *encoded = json_get(event, "isBase64Encoded");
  if (body && encoded && encoded->type == JSON_BOOLEAN && strcmp(encoded->text, "true") == 0)
    body = unbase64(arena, body);
  *ret_document = body ? json_parse(arena, body, strlen(body)) : NULL;
  if (!*ret_document || (*ret_document)->type != JSON_OBJECT)
    return failure_new(arena, 400, false, "InvalidRequest", "the body must be a JSON object with amount and currency");
  return NULL;
}

static const Failure *
check_name(Arena *arena, const char *what, const char *name)
{
  size_t n = strlen(name);
  if (n < 1 || n > NAME_MAX || strspn(name, NAME_CHARACTERS) != n)
    return failure_new(arena, 400, false, "InvalidRequest", "%s: 1 to %d letters, digits, dots, dashes and underscores", what, NAME_MAX);
  return NULL;
}

static const Failure *
read_names(Arena *arena, const Json *event, const Json *document, const char *request_id, Payment *payment)
{
  const char *key = header(event, "Idempotency-Key");
  const char *user = json_string(json_get(document, "userId"));
  if (!key)
    key = json_string(json_get(document, "idempotencyKey"));
  if (!key)
    key = json_string(json_get(json_get(event, "requestContext"), "requestId"));
  payment->idempotency_key = key ? key : request_id;
  payment->user_id = user ? user : "guest";
  TRY(check_name(arena, "Idempotency-Key", payment->idempotency_key));
  TRY(check_name(arena, "userId", payment->user_id));
  payment->session_id = arena_printf(arena, "%s:%s", payment->user_id, payment->idempotency_key);
  return NULL;
}

static const Failure *
read_money(Arena *arena, const Json *document, Payment *payment)
{
  const Json *amount = json_get(document, "amount"), *currency = json_get(document, "currency");
  if (!amount || (amount->type != JSON_NUMBER && amount->type != JSON_STRING))
    return failure_new(arena, 400, false, "InvalidAmount", "amount: is required, a number such as 12.34");
  if (!json_string(currency))
    return failure_new(arena, 400, false, "InvalidCurrency", "currency: is required, an ISO 4217 code such as EUR");
  payment->currency = currency->text;
  return amount_parse(arena, amount->text, currency->text, &payment->minor);
}

const Failure *
request_parse(Arena *arena, const Json *event, const char *request_id, int64_t now, Payment *ret_payment)
{
  Payment payment = {.method = "account"};
  const Json *document;
  TRY(read_document(arena, event, &document));
  TRY(read_money(arena, document, &payment));
  TRY(read_names(arena, event, document, request_id, &payment));
  const Json *card = json_get(document, "card"), *description = json_get(document, "description");
  if (description && (!json_string(description) || strlen(description->text) > DESCRIPTION_MAX))
    return failure_new(arena, 400, false, "InvalidRequest", "description: text of at most %d bytes", DESCRIPTION_MAX);
  payment.description = json_string(description);
  if (card) {
    payment.method = "card";
    TRY(card_check(arena, card, now, &payment.card));
  }
  payment.fingerprint = arena_printf(arena, "%" PRId64 " %s %s %s %s", payment.minor, payment.currency, payment.method,
                                     card ? payment.card.brand : "-", card ? payment.card.last4 : "-");
  *ret_payment = payment;
  return NULL;
}
