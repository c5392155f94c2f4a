/* Any text as an address or a range: what is taken is written back as the same. */
#include <stdint.h>

#include "reach/reach.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_autoptr(Arena) arena = arena_new();
  const char *text = arena_strndup(arena, (const char *) data, size);
  Cidr cidr, again;
  guint32 address, same;
  if (cidr_parse(text, &cidr)) {
    g_assert_true(cidr_parse(cidr_text(arena, &cidr), &again));
    g_assert_true(again.address == cidr.address && again.prefix == cidr.prefix && cidr_has(&cidr, cidr_base(&cidr)));
  }
  if (address_parse(text, &address)) {
    g_assert_true(address_parse(address_text(arena, address), &same));
    g_assert_cmpuint(address, ==, same);
  }
  Range range, same_range;
  if (range_parse(text, &range)) {
    g_assert_true(range_parse(range_text(arena, &range), &same_range));
    g_assert_true(ip_equal(range.address, same_range.address) && range.prefix == same_range.prefix && range_has(&range, range_base(&range)));
  }
  Ip ip, same_ip;
  if (ip_parse(text, &ip)) {
    g_assert_true(ip_parse(ip_text(arena, ip), &same_ip));
    g_assert_true(ip_equal(ip, same_ip));
  }
  return 0;
}
