#include "wire/sigv4/internal.h"
#include <string.h>

#define KEY "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

/* The example of the signing process that AWS publishes. */
static void
test_signing_key(void)
{
  g_autoptr(Arena) arena = arena_new();
  static const char key[] = "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9";
  const Sigv4 scope = {.date = "20150830", .region = "us-east-1", .service = "iam"};
  guint8 bytes[32], expected[32];
  for (gsize i = 0; i < sizeof bytes; i++)
    bytes[i] = (guint8) (g_ascii_xdigit_value(key[2 * i]) << 4 | g_ascii_xdigit_value(key[2 * i + 1]));
  hmac_sha256(bytes, sizeof bytes, "text", 4, expected);
  for (int i = 0; i < 3; i++) /* derived, then remembered */
    g_assert_cmpstr(sign_text(arena, &scope, SECRET, "text"), ==, text_hex(arena, expected, sizeof expected));
  g_autofree char *far = g_strnfill(600, 'r'); /* too long to be remembered */
  const Sigv4 other = {.date = "20150830", .region = far, .service = "iam"};
  g_assert_cmpstr(sign_text(arena, &other, SECRET, "text"), ==, sign_text(arena, &other, SECRET, "text"));
  g_assert_cmpstr(sign_text(arena, &other, SECRET, "text"), !=, sign_text(arena, &scope, SECRET, "text"));
}

static WireRequest
request_of(Arena *arena, const char *method, const char *path, const char *query, const char *body, StringMap *headers)
{
  MAP_SET(arena, headers, "host", "example.amazonaws.com");
  return (WireRequest){.method = method, .path = path, .query = query, .headers = headers, .body = (const guint8 *) body, .body_size = strlen(body)};
}

static void
test_round_trip(void)
{
  static const char *const rows[][3] = {
    {"/", "", ""}, {"/a%20b/c", "b=2&a=1&a=", "body"}, {"//x/../y/", "k=%2F+z", ""}, {"/b/%E2%82%AC", "list-type=2&prefix=a%2Fb", "x"},
  };
  for (guint i = 0; i < 2 * G_N_ELEMENTS(rows); i++) {
    g_autoptr(Arena) arena = arena_new();
    gboolean s3 = i % 2;
    StringMap headers = {0};
    MAP_SET(arena, &headers, "x-amz-meta-a", "  two   words ");
    WireRequest request = request_of(arena, "POST", rows[i / 2][0], rows[i / 2][1], rows[i / 2][2], &headers);
    sigv4_sign(arena, &request, &headers, KEY, SECRET, "token", "us-east-1", s3 ? "s3" : "sqs", 1440938160000);
    Sigv4 found;
    g_assert_null(sigv4_parse(arena, &request, s3, &found));
    g_assert_cmpstr(found.access_key, ==, KEY);
    g_assert_cmpstr(found.session_token, ==, "token");
    const char *hash = sha256_hex(arena, request.body, request.body_size);
    g_assert_null(sigv4_verify(arena, &request, &found, SECRET, 1440938160000, s3, hash));
    g_autoptr(Error) wrong = sigv4_verify(arena, &request, &found, "other", 1440938160000, s3, hash);
    g_assert_true(error_is(wrong, s3 ? "SignatureDoesNotMatch" : "InvalidSignatureException"));
    g_autoptr(Error) late = sigv4_verify(arena, &request, &found, SECRET, 1440938160000 + 1000 * 1000, s3, hash);
    g_assert_cmpstr(late->message, ==,
                    s3 ? "The difference between the request time and the current time is too large."
                       : "Signature expired: 20150830T123600Z is now earlier than 20150830T123740Z (20150830T125240Z - 15 min.)");
    request.path = "/else";
    g_autoptr(Error) moved = sigv4_verify(arena, &request, &found, SECRET, 1440938160000, s3, hash);
    g_assert_nonnull(moved);
  }
}

/* A time that no calendar has is no time. */
static void
test_no_such_time(void)
{
  static const char *const times[] = {"20150230T123600Z", "20151301T123600Z", "20150830T246000Z", "2015083aT123600Z", "20150830T123600"};
  for (guint i = 0; i < G_N_ELEMENTS(times); i++) {
    g_autoptr(Arena) arena = arena_new();
    StringMap headers = {0};
    WireRequest request = request_of(arena, "POST", "/", "", "", &headers);
    MAP_SET(arena, &headers, "x-amz-date", times[i]);
    MAP_SET(arena, &headers, "authorization", arena_printf(arena, "AWS4-HMAC-SHA256 Credential=" KEY "/%.8s/us-east-1/sqs/aws4_request, "
                                                           "SignedHeaders=host;x-amz-date, Signature=00", times[i]));
    Sigv4 found;
    g_autoptr(Error) error = sigv4_parse(arena, &request, FALSE, &found);
    g_assert_true(error_is(error, "IncompleteSignature"));
  }
}

/* The published test case: GET / with parameters in no order. */
static void
test_published(void)
{
  g_autoptr(Arena) arena = arena_new();
  StringMap headers = {0};
  WireRequest request = request_of(arena, "GET", "/", "Param2=value2&Param1=value1", "", &headers);
  sigv4_sign(arena, &request, &headers, KEY, SECRET, NULL, "us-east-1", "service", 1440938160000);
  g_assert_cmpstr(string_map_get(&headers, "Authorization"), ==,
                  "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, "
                  "Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}

static void
test_presigned(void)
{
  g_autoptr(Arena) arena = arena_new();
  StringMap headers = {0};
  MAP_SET(arena, &headers, "host", "b.s3.amazonaws.com");
  char *url = sigv4_presign(arena, "GET", "https", "b.s3.amazonaws.com", "/a%20key", NULL, KEY, SECRET, NULL, "us-east-1", "s3", 1440938160000, 60);
  WireRequest request = {.method = "GET", .path = "/a%20key", .query = strchr(url, '?') + 1, .headers = &headers};
  Sigv4 found;
  g_assert_null(sigv4_parse(arena, &request, TRUE, &found));
  g_assert_cmpint(found.kind, ==, SIGV4_QUERY);
  g_assert_null(sigv4_verify(arena, &request, &found, SECRET, 1440938160000 + 59000, TRUE, NULL));
  g_autoptr(Error) expired = sigv4_verify(arena, &request, &found, SECRET, 1440938160000 + 61000, TRUE, NULL);
  g_assert_cmpstr(expired->message, ==, "Request has expired");
  request.method = "PUT";
  g_autoptr(Error) wrong = sigv4_verify(arena, &request, &found, SECRET, 1440938160000, TRUE, NULL);
  g_assert_true(error_is(wrong, "SignatureDoesNotMatch"));
}

static void
test_malformed(void)
{
  static const struct {
    const char *header, *query, *code;
  } rows[] = {
    {"AWS AKID:xyz", "", "InvalidRequest"},
    {"AWS4-HMAC-SHA256 Credential=a/20150830/r/s3/aws4_request, SignedHeaders=host", "", "AuthorizationHeaderMalformed"},
    {"AWS4-HMAC-SHA256 Credential=a/2015/r/s3/aws4_request, SignedHeaders=host, Signature=x", "", "AuthorizationHeaderMalformed"},
    {NULL, "X-Amz-Algorithm=AWS4-HMAC-SHA256", "AuthorizationQueryParametersError"},
    {NULL, "X-Amz-Algorithm=X&X-Amz-Signature=1", "AuthorizationQueryParametersError"},
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    StringMap headers = {0};
    MAP_SET(arena, &headers, "x-amz-date", "20150830T123600Z");
    if (rows[i].header)
      MAP_SET(arena, &headers, "authorization", rows[i].header);
    WireRequest request = {.method = "GET", .path = "/", .query = rows[i].query, .headers = &headers};
    Sigv4 found;
    g_autoptr(Error) error = sigv4_parse(arena, &request, TRUE, &found);
    g_assert_nonnull(error);
    g_assert_cmpstr(error->code, ==, rows[i].code);
  }
}

/* -- chunks -------------------------------------------------------------------------------------------------------------------------- */

static Error *
decode(ChunkedDecoder *decoder, const char *text, gsize size, gsize step, GByteArray *out)
{
  for (gsize at = 0; at < size; at += step)
    TRY(chunked_feed(decoder, text + at, MIN(step, size - at), out));
  return NULL;
}

static void
test_chunked_unsigned(void)
{
  static const char text[] = "5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
  Sigv4 signature = {.payload_hash = "STREAMING-UNSIGNED-PAYLOAD-TRAILER", .chunked = TRUE, .trailer = TRUE};
  for (gsize step = 1; step < 80; step++) {
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(ChunkedDecoder) decoder = chunked_new(&signature, NULL);
    g_autoptr(GByteArray) out = g_byte_array_new();
    StringMap trailers = {0};
    g_assert_null(decode(decoder, text, sizeof text - 1, step, out));
    g_assert_null(chunked_finish(decoder, arena, &trailers));
    g_assert_cmpmem(out->data, out->len, "hello world", 11);
    g_assert_cmpstr(string_map_get(&trailers, "x-amz-checksum-crc32"), ==, "DUoRhQ==");
  }
}

/* The example of AWS's page on chunked uploads: 65,536 and 1,024 times "a". */
static void
test_chunked_signed(void)
{
  static const char secret[] = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  static const char *const signatures[] = {"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
                                           "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
                                           "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"};
  static const int sizes[] = {65536, 1024, 0};
  Sigv4 signature = {.payload_hash = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", .chunked = TRUE, .date = "20130524", .region = "us-east-1", .service = "s3",
                     .timestamp = "20130524T000000Z", .signature = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"};
  g_autoptr(GString) text = g_string_new(NULL);
  for (int i = 0; i < 3; i++) {
    g_string_append_printf(text, "%x;chunk-signature=%s\r\n", sizes[i], signatures[i]);
    for (int j = 0; j < sizes[i]; j++)
      g_string_append_c(text, 'a');
    g_string_append(text, "\r\n");
  }
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(ChunkedDecoder) decoder = chunked_new(&signature, secret);
  g_autoptr(GByteArray) out = g_byte_array_new();
  g_assert_null(decode(decoder, text->str, text->len, 1000, out));
  g_assert_null(chunked_finish(decoder, arena, NULL));
  g_assert_cmpuint(out->len, ==, 66560);
  text->str[100] = 'b';
  g_autoptr(ChunkedDecoder) second = chunked_new(&signature, secret);
  g_autoptr(Error) error = decode(second, text->str, text->len, 4096, out);
  g_assert_true(error_is(error, "SignatureDoesNotMatch"));
}

static void
test_chunked_broken(void)
{
  static const char *const rows[] = {"x\r\n", "5\r\nhello!\r\n", "ffffffffffffffff\r\n", "0\r\nbad\r\n", "0\r\n\r\nmore", "5 5\r\n"};
  Sigv4 signature = {.payload_hash = "STREAMING-UNSIGNED-PAYLOAD-TRAILER", .chunked = TRUE, .trailer = TRUE};
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(ChunkedDecoder) decoder = chunked_new(&signature, NULL);
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(Error) error = decode(decoder, rows[i], strlen(rows[i]), 100, out);
    g_assert_true(error_is(error, "InvalidRequest"));
  }
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(ChunkedDecoder) decoder = chunked_new(&signature, NULL);
  g_autoptr(GByteArray) out = g_byte_array_new();
  g_assert_null(decode(decoder, "5\r\nhel", 6, 100, out));
  g_autoptr(Error) error = chunked_finish(decoder, arena, NULL);
  g_assert_true(error_is(error, "IncompleteBody"));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/sigv4/no-such-time", test_no_such_time);
  g_test_add_func("/sigv4/signing_key", test_signing_key);
  g_test_add_func("/sigv4/round_trip", test_round_trip);
  g_test_add_func("/sigv4/published", test_published);
  g_test_add_func("/sigv4/presigned", test_presigned);
  g_test_add_func("/sigv4/malformed", test_malformed);
  g_test_add_func("/sigv4/chunked_unsigned", test_chunked_unsigned);
  g_test_add_func("/sigv4/chunked_signed", test_chunked_signed);
  g_test_add_func("/sigv4/chunked_broken", test_chunked_broken);
  return g_test_run();
}
