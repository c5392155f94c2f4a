/* address: addresses and ranges of both families, as numbers and as text. */
#include "reach/reach.h"

#include <arpa/inet.h>
#include <string.h>

/* A number of at most max at *at; moves behind it. FALSE: there is none, or it has more than digits digits. */
static gboolean take_number(const char **at, guint max, guint digits, guint *ret_value) {
  guint value = 0, n = 0;
  for (; g_ascii_isdigit(**at) && n <= digits; (*at)++, n++)
    value = value * 10 + (guint) (**at - '0');
  *ret_value = value;
  return n > 0 && n <= digits && value <= max;
}

static gboolean take_address(const char **at, guint32 *ret_address) {
  guint32 address = 0;
  for (int i = 0; i < 4; i++) {
    guint part = 0;
    if ((i > 0 && *(*at)++ != '.') || !take_number(at, 255, 3, &part))
      return FALSE;
    address = address << 8 | part;
  }
  *ret_address = address;
  return TRUE;
}

gboolean address_parse(const char *text, guint32 *ret_address) {
  guint32 address = 0;
  if (!text || !take_address(&text, &address) || *text)
    return FALSE;
  *ret_address = address;
  return TRUE;
}

gboolean cidr_parse(const char *text, Cidr *ret_cidr) {
  guint32 address = 0;
  guint prefix = 0;
  if (!text || !take_address(&text, &address) || *text++ != '/' || !take_number(&text, 32, 2, &prefix) || *text)
    return FALSE;
  *ret_cidr = (Cidr){address, (guint8) prefix};
  return TRUE;
}

static guint32 mask(guint8 prefix) { return prefix ? ~0U << (32 - prefix) : 0; }

gboolean cidr_has(const Cidr *cidr, guint32 address) { return ((cidr->address ^ address) & mask(cidr->prefix)) == 0; }

gboolean cidr_overlaps(const Cidr *a, const Cidr *b) {
  return ((a->address ^ b->address) & mask(MIN(a->prefix, b->prefix))) == 0;
}

guint32 cidr_base(const Cidr *cidr) { return cidr->address & mask(cidr->prefix); }

guint32 cidr_size(const Cidr *cidr) { return cidr->prefix ? 1U << (32 - cidr->prefix) : ~0U; }

char *address_text(Arena *arena, guint32 address) {
  return arena_printf(arena, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

char *cidr_text(Arena *arena, const Cidr *cidr) { return arena_printf(arena, "%s/%u", address_text(arena, cidr->address), cidr->prefix); }

void ip_bytes(Ip ip, guint8 ret_bytes[16]) {
  guint64 high = GUINT64_TO_BE(ip.high), low = GUINT64_TO_BE(ip.low);
  guint32 v4 = GUINT32_TO_BE(ip_to4(ip));
  memset(ret_bytes, 0, 16);
  if (ip_is4(ip)) {
    memcpy(ret_bytes, &v4, sizeof v4);
    return;
  }
  memcpy(ret_bytes, &high, sizeof high);
  memcpy(ret_bytes + 8, &low, sizeof low);
}

Ip ip_of_bytes(const guint8 bytes[16]) {
  guint64 high = 0, low = 0;
  memcpy(&high, bytes, sizeof high);
  memcpy(&low, bytes + 8, sizeof low);
  return (Ip){GUINT64_FROM_BE(high), GUINT64_FROM_BE(low)};
}

gboolean ip_parse(const char *text, Ip *ret_ip) {
  guint32 v4 = 0;
  guint8 bytes[16];
  if (address_parse(text, &v4)) {
    *ret_ip = ip_of4(v4);
    return TRUE;
  }
  if (!text || inet_pton(AF_INET6, text, bytes) != 1)
    return FALSE;
  Ip ip = ip_of_bytes(bytes);
  if (ip_is4(ip))
    return FALSE;
  *ret_ip = ip;
  return TRUE;
}

char *ip_text(Arena *arena, Ip ip) {
  guint8 bytes[16];
  char text[INET6_ADDRSTRLEN];
  if (ip_is4(ip))
    return address_text(arena, ip_to4(ip));
  ip_bytes(ip, bytes);
  return arena_strdup(arena, inet_ntop(AF_INET6, bytes, text, sizeof text));
}

gboolean range_parse(const char *text, Range *ret_range) {
  Cidr cidr = {0};
  guint prefix = 0;
  if (cidr_parse(text, &cidr)) {
    *ret_range = range_of4(cidr);
    return TRUE;
  }
  const char *slash = text ? strchr(text, '/') : NULL, *at = slash ? slash + 1 : NULL;
  char address[INET6_ADDRSTRLEN];
  Ip ip = {0};
  if (!slash || (gsize) (slash - text) >= sizeof address || !take_number(&at, 128, 3, &prefix) || *at)
    return FALSE;
  g_strlcpy(address, text, (gsize) (slash - text) + 1);
  if (!ip_parse(address, &ip) || ip_is4(ip))
    return FALSE;
  *ret_range = (Range){ip, (guint8) prefix};
  return TRUE;
}

char *range_text(Arena *arena, const Range *range) { return arena_printf(arena, "%s/%u", ip_text(arena, range->address), range->prefix); }

/* The bits of a prefix of the whole 128. */
static Ip mask_of(const Range *range) {
  guint bits = range->prefix + (range_is4(range) ? 96 : 0);
  guint64 high = bits == 0 ? 0 : bits >= 64 ? ~G_GUINT64_CONSTANT(0) : ~G_GUINT64_CONSTANT(0) << (64 - bits);
  guint64 low = bits <= 64 ? 0 : bits >= 128 ? ~G_GUINT64_CONSTANT(0) : ~G_GUINT64_CONSTANT(0) << (128 - bits);
  return (Ip){high, low};
}

gboolean range_has(const Range *range, Ip ip) {
  Ip bits = mask_of(range);
  return range_is4(range) == ip_is4(ip) && ((range->address.high ^ ip.high) & bits.high) == 0 && ((range->address.low ^ ip.low) & bits.low) == 0;
}

gboolean range_overlaps(const Range *a, const Range *b) { return range_has(a->prefix < b->prefix ? a : b, a->prefix < b->prefix ? b->address : a->address); }

Ip range_base(const Range *range) {
  Ip bits = mask_of(range);
  return (Ip){range->address.high & bits.high, range->address.low & bits.low};
}

guint32 reach_service_address(const char *service) {
  Cidr range;
  if (strcmp(service, "s3") == 0 && cidr_parse(REACH_S3, &range))
    return cidr_base(&range) + 1;
  if (strcmp(service, "dynamodb") == 0 && cidr_parse(REACH_DYNAMODB, &range))
    return cidr_base(&range) + 1;
  cidr_parse(REACH_SERVICES, &range);
  return cidr_base(&range) + 1 + g_str_hash(service) % 4093;
}

Ip reach_service_ip6(const char *service) {
  Range range = {0};
  range_parse(REACH_SERVICES6, &range);
  return ip_plus(range_base(&range), reach_service_address(service) & 0xffff);
}

const char *const reach_region[] = {"198.18.0.0/16", REACH_SERVICES6, REACH_AMAZON6, NULL};

const char *const reach_not_global[] = {
  "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16",
  "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
  "::/8", "100::/64", "2001:db8::/32", "fc00::/7", "fe80::/10", "ff00::/8", NULL,
};

static gboolean is_in(const char *const *ranges, Ip ip) {
  Range range;
  for (; *ranges; ranges++)
    if (range_parse(*ranges, &range) && range_has(&range, ip))
      return TRUE;
  return FALSE;
}

gboolean reach_is_region(Ip ip) { return is_in(reach_region, ip); }
gboolean reach_is_global(Ip ip) { return !is_in(reach_not_global, ip); }
