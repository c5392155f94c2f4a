#include "server/spool.h"

#include <glib/gstdio.h>
#include <openssl/evp.h>
#include <string.h>

#define ASSERT_GOOD(expression)                      \
  do {                                               \
    g_autoptr(Error) assert_error_ = (expression);   \
    if (assert_error_)                               \
      g_error("%s", assert_error_->message);         \
  } while (0)

typedef struct Fixture {
  char *directory;
  Store *store;
  Arena *arena;
  StringMap headers;
  HttpRequest request;
  Sigv4 signature;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
  StoreOptions options = {0};
  f->arena = arena_new();
  f->directory = g_dir_make_tmp("haar-spool-XXXXXX", NULL);
  ASSERT_GOOD(store_open(f->directory, &options, &f->store));
  f->request = (HttpRequest) {.method = "PUT", .path = "/b/k", .query = "", .headers = &f->headers};
}

static void
remove_tree(const char *path)
{
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name(dir));) {
    g_autofree char *below = g_build_filename(path, name, NULL);
    remove_tree(below);
  }
  g_remove(path);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
  store_close(f->store);
  remove_tree(f->directory);
  g_free(f->directory);
  arena_free(f->arena);
}

static char *
sha256_hex(Arena *arena, const void *data, gsize size)
{
  guint8 hash[32];
  EVP_Digest(data, size, hash, NULL, EVP_sha256(), NULL);
  return text_hex(arena, hash, sizeof hash);
}

static void
fill(GByteArray *bytes, gsize size)
{
  for (gsize i = 0; i < size; i++) {
    guint8 byte = (guint8) (i * 31 + i / 256);
    g_byte_array_append(bytes, &byte, 1);
  }
}

/* Feeds size bytes in uneven pieces and reads them back from the body. */
static void
round_trip(Fixture *f, gsize size, gboolean in_blob)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  fill(bytes, size);
  MAP_SET(f->arena, &f->headers, "x-amz-content-sha256", sha256_hex(f->arena, bytes->data, size));
  g_autoptr(Spool) spool = spool_new(f->store, &f->request, &f->signature, NULL);
  for (gsize at = 0, n = 1; at < size; at += n, n = n * 2 + 1) {
    n = MIN(n, size - at);
    ASSERT_GOOD(spool_feed(spool, bytes->data + at, n));
  }
  Body *body = NULL;
  ASSERT_GOOD(spool_finish(spool, f->arena, &body));
  BodySpool *out = body_spool(body);
  g_assert_nonnull(out);
  g_assert_cmpint(out->size, ==, (gint64) size);
  g_assert_cmpint(out->blob != NULL, ==, in_blob);
  guint8 *back = NULL;
  gsize back_size = 0;
  ASSERT_GOOD(body_read_all(body, f->arena, size + 1, &back, &back_size));
  g_assert_cmpmem(back, back_size, bytes->data, size);
}

static void
test_sizes(Fixture *f, gconstpointer data)
{
  round_trip(f, 0, FALSE);
  round_trip(f, 1, FALSE);
  round_trip(f, (gsize) LIMIT_INLINE_VALUE_MAX, FALSE);
  round_trip(f, (gsize) LIMIT_INLINE_VALUE_MAX + 1, TRUE);
  round_trip(f, 1000 * 1000, TRUE);
}

static void
expect_refusal(Fixture *f, const char *header, const char *value, const char *code)
{
  f->headers = (StringMap) {0};
  MAP_SET(f->arena, &f->headers, header, value);
  g_autoptr(Spool) spool = spool_new(f->store, &f->request, &f->signature, NULL);
  ASSERT_GOOD(spool_feed(spool, "hello", 5));
  Body *body = NULL;
  g_autoptr(Error) error = spool_finish(spool, f->arena, &body);
  g_assert_true(error_is(error, code));
}

static void
test_declared_digests(Fixture *f, gconstpointer data)
{
  expect_refusal(f, "x-amz-content-sha256", sha256_hex(f->arena, "other", 5), "XAmzContentSHA256Mismatch");
  expect_refusal(f, "content-md5", "AAAAAAAAAAAAAAAAAAAAAA==", "BadDigest");
  expect_refusal(f, "content-md5", "short", "InvalidDigest");
  expect_refusal(f, "x-amz-checksum-crc32", "AAAAAA==", "BadDigest");
  expect_refusal(f, "x-amz-checksum-crc32c", "AAAAAA==", "BadDigest");
  expect_refusal(f, "x-amz-checksum-sha1", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "BadDigest");
  expect_refusal(f, "x-amz-checksum-crc64nvme", "AAAAAAAAAAA=", "BadDigest");
}

static void
test_right_digests(Fixture *f, gconstpointer data)
{
  static const char *const good[][2] = {
    {"content-md5", "XUFAKrxLKna5cZ2REBfFkg=="},
    {"x-amz-checksum-crc32", "NhCmhg=="},
    {"x-amz-checksum-crc32c", "mnG7TA=="},
    {"x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="},
    {"x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
    f->headers = (StringMap) {0};
    MAP_SET(f->arena, &f->headers, good[i][0], good[i][1]);
    g_autoptr(Spool) spool = spool_new(f->store, &f->request, &f->signature, NULL);
    ASSERT_GOOD(spool_feed(spool, "hello", 5));
    Body *body = NULL;
    ASSERT_GOOD(spool_finish(spool, f->arena, &body));
  }
}

/* An aws-chunked body without signatures, its checksum behind it, fed byte by byte. */
static void
test_chunked_with_trailer(Fixture *f, gconstpointer data)
{
  static const char good[] = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
  static const char bad[] = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
  f->signature = (Sigv4) {.payload_hash = "STREAMING-UNSIGNED-PAYLOAD-TRAILER", .chunked = TRUE, .trailer = TRUE};
  MAP_SET(f->arena, &f->headers, "x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
  MAP_SET(f->arena, &f->headers, "x-amz-trailer", "x-amz-checksum-crc32");
  MAP_SET(f->arena, &f->headers, "x-amz-decoded-content-length", "5");
  for (guint i = 0; i < 2; i++) {
    const char *text = i ? bad : good;
    g_autoptr(Spool) spool = spool_new(f->store, &f->request, &f->signature, NULL);
    for (const char *c = text; *c; c++)
      ASSERT_GOOD(spool_feed(spool, c, 1));
    Body *body = NULL;
    g_autoptr(Error) error = spool_finish(spool, f->arena, &body);
    g_assert_true(i ? error_is(error, "BadDigest") : error == NULL);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add("/server/spool/sizes", Fixture, NULL, set_up, test_sizes, tear_down);
  g_test_add("/server/spool/declared-digests", Fixture, NULL, set_up, test_declared_digests, tear_down);
  g_test_add("/server/spool/right-digests", Fixture, NULL, set_up, test_right_digests, tear_down);
  g_test_add("/server/spool/chunked-with-trailer", Fixture, NULL, set_up, test_chunked_with_trailer, tear_down);
  return g_test_run();
}
