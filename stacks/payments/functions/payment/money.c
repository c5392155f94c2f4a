#include "money.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ISO 4217: currencies in use, by their number of decimals, sorted. */
static const char *const currencies[5] = {
    [0] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    [2] = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK "
          "DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT "
          "LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN "
          "QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS "
          "VED VES WST XCD YER ZAR ZMW ZWG",
    [3] = "BHD IQD JOD KWD LYD OMR TND",
    [4] = "CLF UYW",
};

int
currency_digits(const char *code)
{
  if (strlen(code) != 3 || strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
    return -1;
  for (int digits = 0; digits < 5; digits++)
    for (const char *at = currencies[digits]; at && *at; at += at[3] ? 4 : 3)
      if (strncmp(at, code, 3) == 0)
        return digits;
  return -1;
}

const Failure *
amount_parse(Arena *arena, const char *text, const char *currency, int64_t *ret_minor)
{
  int digits = currency_digits(currency);
  size_t whole = strspn(text, "0123456789");
  const char *fraction = text[whole] == '.' ? text + whole + 1 : "";
  size_t decimals = strspn(fraction, "0123456789");
  bool dangling = text[whole] == '.' && decimals == 0;
  if (digits < 0)
    return failure_new(arena, 400, false, "InvalidCurrency", "currency: '%.16s' is not an ISO 4217 currency code", currency);
  if (whole == 0 || dangling || (text[whole] && text[whole] != '.') || fraction[decimals])
    return failure_new(arena, 400, false, "InvalidAmount", "amount: '%.32s' is not a decimal number such as 12.34", text);
  if (decimals > (size_t) digits)
    return failure_new(arena, 400, false, "InvalidAmount", "amount: %s has %d decimals, and '%.32s' has %zu", currency, digits, text, decimals);
  if (whole > 15)
    return failure_new(arena, 400, false, "InvalidAmount", "amount: '%.32s' is too large", text);
  int64_t minor = strtoll(text, NULL, 10);
  for (int i = 0; i < digits; i++)
    minor = minor * 10 + ((size_t) i < decimals ? fraction[i] - '0' : 0);
  if (minor == 0)
    return failure_new(arena, 400, false, "InvalidAmount", "amount: must be more than zero");
  if (minor > AMOUNT_MAX)
    return failure_new(arena, 400, false, "InvalidAmount", "amount: at most %s %s", amount_format(arena, AMOUNT_MAX, currency), currency);
  *ret_minor = minor;
  return NULL;
}

char *
amount_format(Arena *arena, int64_t minor, const char *currency)
{
  int digits = currency_digits(currency);
  int64_t unit = 1;
  for (int i = 0; i < digits; i++)
    unit *= 10;
  if (digits <= 0)
    return arena_printf(arena, "%" PRId64, minor);
  return arena_printf(arena, "%" PRId64 ".%0*" PRId64, minor / unit, digits, minor % unit);
}
