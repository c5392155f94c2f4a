/* Validation: JSON, money, cards, requests. */
#include "request.h"

#include <glib.h>
#include <string.h>

#define NOW INT64_C(1796083200) /* 2026-12-01 */

static const Failure *
parse(Arena *arena, const char *event, Payment *ret_payment)
{
  const Json *json = json_parse(arena, event, strlen(event));
  g_assert_nonnull(json);
  return request_parse(arena, json, "11111111-2222-4333-8444-555555555555", NOW, ret_payment);
}

static void
test_json(void)
{
  static const char *const good[] = {"{}", " [1, -0.5e+3, \"a\\u00e9\\ud83d\\ude00\\n\"] ", "{\"a\":{\"b\":[null,true,false]}}", "0", "\"\""};
  static const char *const bad[] = {"", "{", "{\"a\"}", "[1,]", "01", "1.", "-", "\"\\u0000\"", "\"\\ud800\"", "\"\\x\"", "nul", "1 2", "\"a\nb\"", "{,}"};
  g_autoptr(GString) deep = g_string_new(NULL);
  Arena *arena = arena_new();
  for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
    g_assert_nonnull(json_parse(arena, good[i], strlen(good[i])));
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_null(json_parse(arena, bad[i], strlen(bad[i])));
  for (int i = 0; i < 100000; i++)
    g_string_append_c(deep, '[');
  g_assert_null(json_parse(arena, deep->str, deep->len));
  const Json *json = json_parse(arena, good[1], strlen(good[1]));
  g_assert_cmpstr(json->first->next->text, ==, "-0.5e+3");
  g_assert_cmpstr(json_string(json->first->next->next), ==, "a\u00e9\U0001F600\n");
  arena_free(arena);
}

static void
test_amounts(void)
{
  static const struct {
    const char *text, *currency;
    int64_t minor;
  } good[] = {{"12.34", "EUR", 1234}, {"12.3", "EUR", 1230}, {"12", "USD", 1200}, {"500", "JPY", 500}, {"1.005", "KWD", 1005},
              {"0.01", "GBP", 1}, {"1000000000", "USD", AMOUNT_MAX}, {"0.1", "EUR", 10}, {"1.0001", "CLF", 10001}};
  static const char *const bad[][2] = {{"12.345", "EUR"}, {"1.5", "JPY"}, {"0", "EUR"}, {"0.00", "EUR"}, {"-1", "EUR"}, {"1e3", "EUR"},
                                       {"1,5", "EUR"}, {"", "EUR"}, {".5", "EUR"}, {"1.", "EUR"}, {"1000000000.01", "EUR"},
                                       {"99999999999999999999", "EUR"}, {" 1", "EUR"}, {"NaN", "EUR"}, {"0x10", "EUR"}};
  Arena *arena = arena_new();
  int64_t minor;
  for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
    g_assert_null(amount_parse(arena, good[i].text, good[i].currency, &minor));
    g_assert_cmpint(minor, ==, good[i].minor);
  }
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    const Failure *failure = amount_parse(arena, bad[i][0], bad[i][1], &minor);
    g_assert_nonnull(failure);
    g_assert_cmpstr(failure->code, ==, "InvalidAmount");
    g_assert_cmpint(failure->status, ==, 400);
  }
  g_assert_cmpstr(amount_parse(arena, "1", "XYZ", &minor)->code, ==, "InvalidCurrency");
  g_assert_cmpint(currency_digits("eur"), ==, -1);
  g_assert_cmpint(currency_digits("R E"), ==, -1);
  g_assert_cmpint(currency_digits("ZWG"), ==, 2);
  g_assert_cmpstr(amount_format(arena, 1234, "EUR"), ==, "12.34");
  g_assert_cmpstr(amount_format(arena, 5, "KWD"), ==, "0.005");
  g_assert_cmpstr(amount_format(arena, 500, "JPY"), ==, "500");
  g_assert_cmpstr(amount_parse(arena, "12.345", "EUR", &minor)->message, ==, "amount: EUR has 2 decimals, and '12.345' has 3");
  arena_free(arena);
}

static void
test_cards(void)
{
  g_assert_true(card_luhn("4242 4242 4242 4242"));
  g_assert_true(card_luhn("378282246310005"));
  g_assert_false(card_luhn("4242424242424241"));
  g_assert_false(card_luhn("0000000000000000"));
  g_assert_false(card_luhn("42"));
  g_assert_false(card_luhn("4242x424242424242"));
  g_assert_false(card_luhn("42424242424242424242424242"));
}

#define CARD(number, month, year, more) \
  "{\"amount\":1,\"currency\":\"EUR\",\"card\":{\"number\":\"" number "\",\"expiryMonth\":" month ",\"expiryYear\":" year more "}}"

static void
test_card_requests(void)
{
  static const struct {
    const char *event, *code, *brand, *last4;
  } cases[] = {
      {CARD("4242424242424242", "12", "2026", ""), NULL, "visa", "4242"},
      {CARD("5555555555554444", "\"01\"", "\"30\"", ",\"cvc\":\"123\""), NULL, "mastercard", "4444"},
      {CARD("2223003122003222", "1", "2030", ""), NULL, "mastercard", "3222"},
      {CARD("378282246310005", "1", "2030", ",\"cvc\":\"1234\""), NULL, "amex", "0005"},
      {CARD("6011111111111117", "1", "2030", ""), NULL, "discover", "1117"},
      {CARD("4242424242424242", "11", "2026", ""), "CardExpired", NULL, NULL},
      {CARD("4242424242424242", "13", "2030", ""), "InvalidCard", NULL, NULL},
      {CARD("4242424242424242", "1", "\"soon\"", ""), "InvalidCard", NULL, NULL},
      {CARD("4242424242424243", "1", "2030", ""), "InvalidCard", NULL, NULL},
      {CARD("378282246310005", "1", "2030", ",\"cvc\":\"123\""), "InvalidCard", NULL, NULL},
      {"{\"amount\":1,\"currency\":\"EUR\",\"card\":\"4242424242424242\"}", "InvalidCard", NULL, NULL},
  };
  Arena *arena = arena_new();
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    Payment payment;
    const Failure *failure = parse(arena, cases[i].event, &payment);
    g_assert_cmpstr(failure ? failure->code : NULL, ==, cases[i].code);
    if (failure) {
      g_assert_null(strstr(failure->message, "42424242"));
      continue;
    }
    g_assert_cmpstr(payment.card.brand, ==, cases[i].brand);
    g_assert_cmpstr(payment.card.last4, ==, cases[i].last4);
    g_assert_cmpstr(payment.method, ==, "card");
  }
  arena_free(arena);
}

static void
test_proxy_event(void)
{
  Arena *arena = arena_new();
  Payment payment;
  g_assert_null(parse(arena,
                      "{\"httpMethod\":\"POST\",\"headers\":{\"idempotency-key\":\"order-7\"},\"requestContext\":{\"requestId\":\"r\"},"
                      "\"body\":\"{\\\"amount\\\":\\\"19.99\\\",\\\"currency\\\":\\\"EUR\\\",\\\"userId\\\":\\\"u-1\\\"}\",\"isBase64Encoded\":false}",
                      &payment));
  g_assert_cmpint(payment.minor, ==, 1999);
  g_assert_cmpstr(payment.session_id, ==, "u-1:order-7");
  g_assert_cmpstr(payment.fingerprint, ==, "1999 EUR account - -");
  g_assert_null(parse(arena, "{\"httpMethod\":\"POST\",\"headers\":null,\"requestContext\":{\"requestId\":\"r-5\"},\"isBase64Encoded\":true,"
                             "\"body\":\"eyJhbW91bnQiOjAuNSwiY3VycmVuY3kiOiJVU0QifQ==\"}",
                      &payment));
  g_assert_cmpint(payment.minor, ==, 50);
  g_assert_cmpstr(payment.session_id, ==, "guest:r-5");
  arena_free(arena);
}

static void
test_bad_requests(void)
{
  static const char *const cases[][2] = {
      {"{\"httpMethod\":\"POST\",\"body\":null}", "InvalidRequest"},
      {"{\"httpMethod\":\"POST\",\"body\":\"not json\"}", "InvalidRequest"},
      {"{\"httpMethod\":\"POST\",\"body\":\"[]\"}", "InvalidRequest"},
      {"{\"httpMethod\":\"POST\",\"body\":\"!\",\"isBase64Encoded\":true}", "InvalidRequest"},
      {"{}", "InvalidAmount"},
      {"{\"amount\":true,\"currency\":\"EUR\"}", "InvalidAmount"},
      {"{\"amount\":1}", "InvalidCurrency"},
      {"{\"amount\":1,\"currency\":\"euro\"}", "InvalidCurrency"},
      {"{\"amount\":1,\"currency\":\"EUR\",\"idempotencyKey\":\"a b\"}", "InvalidRequest"},
      {"{\"amount\":1,\"currency\":\"EUR\",\"userId\":\"a:b\"}", "InvalidRequest"},
      {"{\"amount\":1,\"currency\":\"EUR\",\"idempotencyKey\":\"\"}", "InvalidRequest"},
      {"{\"amount\":1,\"currency\":\"EUR\",\"description\":5}", "InvalidRequest"},
  };
  Arena *arena = arena_new();
  Payment payment;
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    const Failure *failure = parse(arena, cases[i][0], &payment);
    g_assert_nonnull(failure);
    g_assert_cmpstr(failure->code, ==, cases[i][1]);
  }
  arena_free(arena);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/payment/json", test_json);
  g_test_add_func("/payment/amounts", test_amounts);
  g_test_add_func("/payment/cards", test_cards);
  g_test_add_func("/payment/card-requests", test_card_requests);
  g_test_add_func("/payment/proxy-event", test_proxy_event);
  g_test_add_func("/payment/bad-requests", test_bad_requests);
  return g_test_run();
}
