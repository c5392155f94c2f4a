/* What the values of records look like.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html */
#include "services/route53/route53.h"

#include <arpa/inet.h>
#include <string.h>

enum { STRING_MAX = 255, VALUE_MAX = 4000 };

static const char *
fatal(Arena *arena, const char *code, const char *text, const char *value)
{
  return arena_printf(arena, "FATAL problem: %s (%s) encountered with '%s'", code, text, value);
}

static const char *
check_address(Arena *arena, const char *value)
{
  guint8 address[4];
  return inet_pton(AF_INET, value, address) == 1 ? NULL : fatal(arena, "ARRDATAIllegalIPv4Address", "Value is not a valid IPv4 address", value);
}

static const char *
check_address6(Arena *arena, const char *value)
{
  guint8 address[16];
  return inet_pton(AF_INET6, value, address) == 1 ? NULL : fatal(arena, "AAAARRDATAIllegalIPv6Address", "Value is not a valid IPv6 address", value);
}

static const char *
check_domain(Arena *arena, const char *value)
{
  if (strchr(value, ' '))
    return fatal(arena, "UnsupportedCharacter", "Value contains unsupported characters", value);
  if (strcmp(value, ".") == 0 || domain_name(arena, value))
    return NULL;
  return strstr(value, "..") || *value == '.' || !*value ? fatal(arena, "DomainLabelEmpty", "Domain label is empty", value)
                                                        : fatal(arena, "DomainNameInvalid", "Value is not a valid domain name", value);
}

/* "one" "two": quoted strings of at most 255 characters; a quote or backslash inside is escaped. */
static const char *
check_text(Arena *arena, const char *value)
{
  const char *at = value;
  while (*at) {
    gsize size = 0;
    if (*at++ != '"')
      return fatal(arena, "InvalidCharacterString", "Value should be enclosed in quotation marks", value);
    for (; *at && *at != '"'; size++)
      at += *at == '\\' && at[1] ? (g_ascii_isdigit(at[1]) && g_ascii_isdigit(at[2]) && g_ascii_isdigit(at[3]) ? 4 : 2) : 1;
    if (*at++ != '"')
      return fatal(arena, "InvalidCharacterString", "Value should be enclosed in quotation marks", value);
    if (size > STRING_MAX)
      return fatal(arena, "CharacterStringTooLong", "Value is too long", value);
    while (*at == ' ')
      at++;
  }
  return *value ? NULL : fatal(arena, "InvalidCharacterString", "Value should be enclosed in quotation marks", value);
}

static gboolean
is_number(const char *text, guint64 max)
{
  return g_ascii_string_to_unsigned(text, 10, 0, max, NULL, NULL);
}

/* The fields of a value, or NULL if there are not n. Free with g_strfreev. */
static char **
fields(const char *value, guint n)
{
  g_auto(GStrv) parts = g_strsplit(value, " ", -1);
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
  guint found = 0;
  for (guint i = 0; parts[i]; i++)
    if (*parts[i]) {
      g_strv_builder_add(builder, parts[i]);
      found++;
    }
  return found == n ? g_strv_builder_end(builder) : NULL;
}

static const char *
check_mx(Arena *arena, const char *value)
{
  g_auto(GStrv) parts = fields(value, 2);
  if (!parts)
    return fatal(arena, "MXRRDATANotTwoFields", "MX record doesn't have 2 fields", value);
  if (!is_number(parts[0], G_MAXUINT16))
    return fatal(arena, "MXRRDATAInvalidPriority", "MX record has an invalid priority", value);
  return check_domain(arena, parts[1]);
}

static const char *
check_srv(Arena *arena, const char *value)
{
  g_auto(GStrv) parts = fields(value, 4);
  if (!parts)
    return fatal(arena, "SRVRRDATANotFourFields", "SRV record doesn't have 4 fields", value);
  for (guint i = 0; i < 3; i++)
    if (!is_number(parts[i], G_MAXUINT16))
      return fatal(arena, "SRVRRDATAInvalidNumber", "Priority, weight and port have to be 0 to 65535", value);
  return check_domain(arena, parts[3]);
}

static const char *
check_soa(Arena *arena, const char *value)
{
  g_auto(GStrv) parts = fields(value, 7);
  if (!parts)
    return fatal(arena, "SOARRDATANotSevenFields", "SOA record doesn't have 7 fields", value);
  for (guint i = 2; i < 7; i++)
    if (!is_number(parts[i], G_MAXUINT32))
      return fatal(arena, "SOARRDATAInvalidNumber", "Serial number and times have to be numbers", value);
  const char *problem = check_domain(arena, parts[0]);
  return problem ? problem : check_domain(arena, parts[1]);
}

static const char *
check_caa(Arena *arena, const char *value)
{
  g_auto(GStrv) parts = g_strsplit(value, " ", 3);
  if (g_strv_length(parts) != 3)
    return fatal(arena, "CAARRDATANotThreeFields", "CAA record doesn't have 3 fields", value);
  if (!is_number(parts[0], 255))
    return fatal(arena, "CAARRDATAInvalidFlags", "CAA flags have to be 0 to 255", value);
  for (const char *at = parts[1]; *at; at++)
    if (!g_ascii_isalnum(*at))
      return fatal(arena, "CAARRDATAInvalidTag", "CAA tag has to be letters and digits", value);
  return check_text(arena, parts[2]);
}

static const char *
check_naptr(Arena *arena, const char *value)
{
  g_auto(GStrv) parts = fields(value, 6);
  if (!parts || !is_number(parts[0], G_MAXUINT16) || !is_number(parts[1], G_MAXUINT16))
    return fatal(arena, "NAPTRRRDATANotSixFields", "NAPTR record doesn't have 6 fields", value);
  for (guint i = 2; i < 5; i++) {
    const char *problem = check_text(arena, parts[i]);
    if (problem)
      return problem;
  }
  return check_domain(arena, parts[5]);
}

static const char *
check_ds(Arena *arena, const char *value)
{
  g_auto(GStrv) parts = fields(value, 4);
  gboolean good = parts && is_number(parts[0], G_MAXUINT16) && is_number(parts[1], 255) && is_number(parts[2], 255);
  for (const char *at = good ? parts[3] : ""; *at; at++)
    good = good && g_ascii_isxdigit(*at);
  return good ? NULL : fatal(arena, "DSRRDATANotFourFields", "DS record is key tag, algorithm, digest type and digest", value);
}

static const struct { const char *type; const char *(*check)(Arena *arena, const char *value); } types[] = {
  {"A", check_address}, {"AAAA", check_address6}, {"CAA", check_caa}, {"CNAME", check_domain}, {"DS", check_ds}, {"MX", check_mx},
  {"NAPTR", check_naptr}, {"NS", check_domain}, {"PTR", check_domain}, {"SOA", check_soa}, {"SPF", check_text}, {"SRV", check_srv}, {"TXT", check_text},
};

const char *
rdata_problem(Arena *arena, const char *type, const char *value)
{
  if (strlen(value) > VALUE_MAX)
    return fatal(arena, "ValueTooLong", "Value is longer than 4000 characters", type);
  for (guint i = 0; i < G_N_ELEMENTS(types); i++)
    if (!strcmp(types[i].type, type))
      return types[i].check(arena, value);
  return fatal(arena, "UnsupportedType", "Type is not supported", type);
}
