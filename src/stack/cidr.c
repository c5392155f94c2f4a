#include "stack/intrinsics.h"
#include <arpa/inet.h>
#include <string.h>

typedef unsigned __int128 Address;

static gboolean
parse_block(const char *text, gboolean *ret_v6, Address *ret_address, guint *ret_prefix)
{
  const char *slash = strchr(text, '/');
  char address[INET6_ADDRSTRLEN];
  guint8 bytes[16];
  guint64 prefix;
  if (!slash || (gsize) (slash - text) >= sizeof address || !g_ascii_string_to_unsigned(slash + 1, 10, 0, 128, &prefix, NULL))
    return FALSE;
  g_strlcpy(address, text, (gsize) (slash - text) + 1);
  gboolean v6 = strchr(address, ':') != NULL;
  if (inet_pton(v6 ? AF_INET6 : AF_INET, address, bytes) != 1 || prefix > (v6 ? 128 : 32))
    return FALSE;
  *ret_address = 0;
  for (guint i = 0; i < (v6 ? 16 : 4); i++)
    *ret_address = *ret_address << 8 | bytes[i];
  *ret_v6 = v6;
  *ret_prefix = (guint) prefix;
  return TRUE;
}

static char *
format_block(Arena *arena, gboolean v6, Address address, guint prefix)
{
  guint8 bytes[16];
  char text[INET6_ADDRSTRLEN];
  guint n = v6 ? 16 : 4;
  for (guint i = 0; i < n; i++)
    bytes[n - 1 - i] = (guint8) (address >> (8 * i));
  inet_ntop(v6 ? AF_INET6 : AF_INET, bytes, text, sizeof text);
  return arena_printf(arena, "%s/%u", text, prefix);
}

Error *
cidr_blocks(Arena *arena, const char *block, gint64 count, gint64 bits, Json **ret_list)
{
  gboolean v6 = FALSE;
  Address address = 0;
  guint prefix = 0;
  if (!parse_block(block, &v6, &address, &prefix))
    return error_answer("ValidationError", "Template error: Fn::Cidr: %s is not a CIDR block", block);
  guint width = v6 ? 128 : 32;
  if (bits == 0)
    bits = v6 ? 64 : 8;
  if (count < 1 || count > 256)
    return error_answer("ValidationError", "Template error: Fn::Cidr: count must be from 1 to 256");
  if (bits < 1 || bits >= width || bits > width - prefix)
    return error_answer("ValidationError", "Template error: Fn::Cidr: %" G_GINT64_FORMAT " bits do not fit in %s", bits, block);
  guint room = width - prefix - (guint) bits;
  if (room < 9 && count > ((gint64) 1 << room))
    return error_answer("ValidationError", "Template error: Fn::Cidr: %s has no room for %" G_GINT64_FORMAT " blocks of %" G_GINT64_FORMAT
                        " bits", block, count, bits);
  guint host = width - prefix;
  address = host >= 128 ? 0 : address >> host << host;
  *ret_list = json_new_array(arena);
  for (gint64 i = 0; i < count; i++) {
    Address at = address + ((Address) i << bits);
    json_append(arena, *ret_list, json_new_string(arena, format_block(arena, v6, at, width - (guint) bits)));
  }
  return NULL;
}
