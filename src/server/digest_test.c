#include "server/digest.h"

#include <string.h>

/* Check values of the catalogue of parametrised CRC algorithms: of the digits 1 to 9. */
static void
test_crc_check_values(void)
{
  g_assert_cmphex(digest_crc32c(0, "123456789", 9), ==, 0xe3069283);
  g_assert_cmphex(digest_crc64nvme(0, "123456789", 9), ==, G_GUINT64_CONSTANT(0xae8b14860a799888));
}

static void
test_pieces_give_the_same(void)
{
  guint8 data[1000];
  for (guint i = 0; i < sizeof data; i++)
    data[i] = (guint8) (i * 7);
  const guint all = DIGEST_MD5 | DIGEST_SHA1 | DIGEST_SHA256 | DIGEST_CRC32 | DIGEST_CRC32C | DIGEST_CRC64NVME;
  BodySpool whole = {0}, pieces = {0};
  Digests *a = digests_new(all), *b = digests_new(all);
  digests_update(a, data, sizeof data);
  for (guint at = 0, n = 1; at < sizeof data; at += n, n = MIN(n + 3, (guint) sizeof data - at))
    digests_update(b, data + at, n);
  digests_finish(a, &whole);
  digests_finish(b, &pieces);
  g_assert_cmpmem(&whole, sizeof whole, &pieces, sizeof pieces);
  digests_free(a);
  digests_free(b);
}

/* Large ones are computed by a thread of their own. */
static void
test_large(void)
{
  const gsize size = (5 << 20) + 4321;
  g_autofree guint8 *data = g_malloc(size);
  g_autofree char *md5 = NULL, *sha256 = NULL;
  g_autoptr(Arena) arena = arena_new();
  for (gsize i = 0; i < size; i++)
    data[i] = (guint8) (i * 31 + (i >> 13));
  md5 = g_compute_checksum_for_data(G_CHECKSUM_MD5, data, size);
  sha256 = g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, size);
  for (gsize step = 1000; step <= size; step = step * 37 + 1) {
    BodySpool spool = {0};
    Digests *digests = digests_new(DIGEST_MD5 | DIGEST_SHA256 | DIGEST_CRC32C);
    for (gsize at = 0; at < size; at += step)
      digests_update(digests, data + at, MIN(step, size - at));
    digests_finish(digests, &spool);
    g_assert_cmpstr(text_hex(arena, spool.md5, 16), ==, md5);
    g_assert_cmpstr(text_hex(arena, spool.sha256, 32), ==, sha256);
    g_assert_cmphex(spool.crc32c, ==, digest_crc32c(0, data, size));
    digests_free(digests);
  }
  /* One that is given up. */
  Digests *broken = digests_new(DIGEST_MD5);
  digests_update(broken, data, size);
  digests_free(broken);
}

static void
test_md5(void)
{
  g_autoptr(Arena) arena = arena_new();
  BodySpool spool = {0};
  Digests *digests = digests_new(DIGEST_MD5);
  digests_update(digests, "abc", 3);
  digests_finish(digests, &spool);
  g_assert_cmpstr(text_hex(arena, spool.md5, 16), ==, "900150983cd24fb0d6963f7d28e17f72");
  digests_free(digests);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/server/digest/crc-check-values", test_crc_check_values);
  g_test_add_func("/server/digest/pieces", test_pieces_give_the_same);
  g_test_add_func("/server/digest/large", test_large);
  g_test_add_func("/server/digest/md5", test_md5);
  return g_test_run();
}
