#include "wire/internal.h"
#include <math.h>
#include <string.h>

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Days since 1970-01-01 in the Gregorian calendar. */
static gint64
days_from_date(gint64 year, gint64 month, gint64 day)
{
  year -= month <= 2;
  gint64 era = (year >= 0 ? year : year - 399) / 400;
  gint64 of_era = year - era * 400;
  gint64 of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static gboolean
read_digits(const char **at, int n, int *ret)
{
  int value = 0;
  for (int i = 0; i < n; i++, (*at)++) {
    if (!g_ascii_isdigit(**at))
      return FALSE;
    value = value * 10 + (**at - '0');
  }
  *ret = value;
  return TRUE;
}

static gboolean
read_char(const char **at, char c)
{
  if (**at != c)
    return FALSE;
  (*at)++;
  return TRUE;
}

/* ".123456": at most milliseconds count. */
static int
read_fraction(const char **at)
{
  int ms = 0, scale = 100;
  if (**at != '.' && **at != ',')
    return 0;
  for ((*at)++; g_ascii_isdigit(**at); (*at)++, scale /= 10)
    ms += (**at - '0') * scale;
  return ms;
}

/* "Z", "GMT", "+01:00", "-0800" or nothing; minutes east. */
static gboolean
read_zone(const char **at, int *ret_minutes)
{
  int hours = 0, minutes = 0, sign = **at == '-' ? -1 : 1;
  *ret_minutes = 0;
  if (**at == 'Z' || **at == 'z') {
    (*at)++;
    return TRUE;
  }
  if (!strncmp(*at, "GMT", 3) || !strncmp(*at, "UTC", 3)) {
    *at += 3;
    return TRUE;
  }
  if (**at != '+' && **at != '-')
    return **at == 0;
  (*at)++;
  if (!read_digits(at, 2, &hours))
    return FALSE;
  if (**at == ':')
    (*at)++;
  if (!read_digits(at, 2, &minutes))
    return FALSE;
  *ret_minutes = sign * (hours * 60 + minutes);
  return TRUE;
}

static gboolean
make_time(int year, int month, int day, int hour, int minute, int second, int ms, int zone, gint64 *ret_ms)
{
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
    return FALSE;
  *ret_ms = (((days_from_date(year, month, day) * 24 + hour) * 60 + minute - zone) * 60 + second) * 1000 + ms;
  return TRUE;
}

static gboolean
parse_iso8601(const char *at, gint64 *ret_ms)
{
  int year, month, day, hour = 0, minute = 0, second = 0, ms = 0, zone = 0;
  if (!read_digits(&at, 4, &year))
    return FALSE;
  gboolean dashes = read_char(&at, '-');
  if (!read_digits(&at, 2, &month) || (dashes && !read_char(&at, '-')) || !read_digits(&at, 2, &day))
    return FALSE;
  if (*at && *at != 'T' && *at != 't' && *at != ' ')
    return FALSE;
  if (*at) {
    at++;
    if (!read_digits(&at, 2, &hour))
      return FALSE;
    gboolean colons = read_char(&at, ':');
    if (!read_digits(&at, 2, &minute))
      return FALSE;
    if ((colons ? read_char(&at, ':') : g_ascii_isdigit(*at)) && !read_digits(&at, 2, &second))
      return FALSE;
    ms = read_fraction(&at);
    if (!read_zone(&at, &zone))
      return FALSE;
  }
  return *at == 0 && make_time(year, month, day, hour, minute, second, ms, zone, ret_ms);
}

/* "Mon, 23 Nov 2026 23:30:00 GMT" */
static gboolean
parse_rfc822(const char *at, gint64 *ret_ms)
{
  int year, month, day, hour, minute, second, zone;
  const char *comma = strchr(at, ',');
  if (comma)
    at = comma + 1;
  while (*at == ' ')
    at++;
  if (!read_digits(&at, g_ascii_isdigit(*at) && g_ascii_isdigit(at[1]) ? 2 : 1, &day) || !read_char(&at, ' '))
    return FALSE;
  for (month = 1; month <= 12 && g_ascii_strncasecmp(at, months + 3 * (month - 1), 3); month++)
    ;
  if (month > 12)
    return FALSE;
  at += 3;
  if (!read_char(&at, ' ') || !read_digits(&at, 4, &year) || !read_char(&at, ' ') || !read_digits(&at, 2, &hour) || !read_char(&at, ':') ||
      !read_digits(&at, 2, &minute) || !read_char(&at, ':') || !read_digits(&at, 2, &second))
    return FALSE;
  while (*at == ' ')
    at++;
  return read_zone(&at, &zone) && *at == 0 && make_time(year, month, day, hour, minute, second, 0, zone, ret_ms);
}

static gboolean
parse_unix(const char *text, gint64 *ret_ms)
{
  char *end = NULL;
  if (!g_ascii_isdigit(*text) && *text != '-' && *text != '.')
    return FALSE;
  double seconds = g_ascii_strtod(text, &end);
  if (*end || !isfinite(seconds) || fabs(seconds) > 1e13)
    return FALSE;
  *ret_ms = (gint64) llround(seconds * 1000);
  return TRUE;
}

gboolean
timestamp_parse(const char *text, gint64 *ret_ms)
{
  /* Eight digits alone are a number of seconds, not a date. */
  return parse_unix(text, ret_ms) || parse_iso8601(text, ret_ms) || parse_rfc822(text, ret_ms);
}

char *
timestamp_format(Arena *arena, TimeFormat format, gint64 ms)
{
  if (format == TIME_RFC822)
    return text_http_date(arena, ms);
  if (format == TIME_ISO8601)
    return text_iso8601(arena, ms, TRUE);
  gint64 rest = ms % 1000;
  if (!rest)
    return arena_printf(arena, "%" G_GINT64_FORMAT, ms / 1000);
  return arena_printf(arena, "%s%" G_GINT64_FORMAT ".%03d", ms < 0 ? "-" : "", ABS(ms / 1000), (int) ABS(rest));
}
