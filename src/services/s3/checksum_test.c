#include "services/s3/checksum.h"

#include <string.h>

/* The check values of the catalogue of CRCs, and FIPS 180's. */
static const struct { const char *name, *of_digits; } known[] = {
  {"CRC32", "cbf43926"}, {"CRC32C", "e3069283"}, {"CRC64NVME", "ae8b14860a799888"}, {"SHA1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"},
  {"SHA256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"},
};

static void
test_known(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
    guint8 got[32];
    g_autoptr(GString) text = g_string_new(NULL);
    gsize size = checksum_of(known[i].name, "123456789", 9, got);
    for (gsize j = 0; j < size; j++)
      g_string_append_printf(text, "%02x", got[j]);
    g_assert_cmpstr(text->str, ==, known[i].of_digits);
  }
  guint8 none[32];
  g_assert_cmpuint(checksum_of("MD4", "", 0, none), ==, 0);
}

static void
test_append(void)
{
  guint8 data[1000];
  for (gsize i = 0; i < sizeof data; i++)
    data[i] = (guint8) (i * 7 + i / 3);
  for (gsize i = 0; i < 3; i++)
    for (gsize cut = 0; cut <= sizeof data; cut += 125) {
      guint8 whole[32], first[32], last[32];
      gsize size = checksum_of(known[i].name, data, sizeof data, whole);
      checksum_of(known[i].name, data, cut, first);
      checksum_of(known[i].name, data + cut, sizeof data - cut, last);
      g_assert_true(checksum_append(known[i].name, first, last, sizeof data - cut));
      g_assert_cmpmem(first, size, whole, size);
    }
  guint8 sha[32] = {0};
  g_assert_false(checksum_append("SHA256", sha, sha, 1));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/s3/checksum/known", test_known);
  g_test_add_func("/s3/checksum/append", test_append);
  return g_test_run();
}
