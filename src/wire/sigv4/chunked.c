/* aws-chunked: "<size in hex>[;chunk-signature=<hex>]\r\n<data>\r\n" until a chunk of size 0, then trailing headers and an empty line.
 * Each chunk's signature is over the one before it. https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html */
#include "wire/sigv4/internal.h"
#include <string.h>

#define LINE_MAX_BYTES 8192
#define TRAILERS_MAX 32

/* HEAD: a chunk's size line. DATA: its bytes. TAIL: the line end behind them. TRAILER: lines behind the last chunk. DONE: nothing may follow. */
typedef enum { STATE_HEAD, STATE_DATA, STATE_TAIL, STATE_TRAILER, STATE_DONE } ChunkState;

struct ChunkedDecoder {
  ChunkState state;
  gboolean check;            /* signatures */
  gboolean trailer;
  struct hmac_sha256_ctx key;
  char *prefix;              /* "<time>\n<scope>\n" */
  char *previous;            /* signature */
  char *signature;           /* of the chunk being read */
  guint64 left;              /* bytes of the chunk */
  GString *line;
  GPtrArray *trailers;       /* name, value, ... */
  GString *signed_trailers;  /* "name:value\n"... */
  gboolean trailer_verified;
  struct sha256_ctx digest;  /* of the chunk so far */
};

ChunkedDecoder *
chunked_new(const Sigv4 *signature, const char *secret_key)
{
  ChunkedDecoder *d = g_new0(ChunkedDecoder, 1);
  d->line = g_string_new(NULL);
  d->signed_trailers = g_string_new(NULL);
  d->trailers = g_ptr_array_new_with_free_func(g_free);
  d->trailer = signature->trailer;
  d->check = secret_key && signature->payload_hash && g_str_has_prefix(signature->payload_hash, "STREAMING-AWS4-HMAC-SHA256") && signature->signature;
  if (!d->check)
    return d;
  signing_key(secret_key, signature->date, signature->region, signature->service, &d->key);
  d->prefix = g_strdup_printf("%s\n%s/%s/%s/aws4_request\n", signature->timestamp, signature->date, signature->region, signature->service);
  d->previous = g_strdup(signature->signature);
  return d;
}

void
chunked_free(ChunkedDecoder *decoder)
{
  if (!decoder)
    return;
  g_string_free(decoder->line, TRUE);
  g_string_free(decoder->signed_trailers, TRUE);
  g_ptr_array_unref(decoder->trailers);
  g_free(decoder->prefix);
  g_free(decoder->previous);
  g_free(decoder->signature);
  explicit_bzero(&decoder->key, sizeof decoder->key);
  g_free(decoder);
}

static Error *
incomplete(void)
{
  return error_answer_status(400, "IncompleteBody", "The request body terminated unexpectedly");
}

static Error *
broken(const char *what)
{
  return error_answer_status(400, "InvalidRequest", "The aws-chunked body is malformed: %s", what);
}

static Error *
check_signature(ChunkedDecoder *d, const char *text, const char *given)
{
  guint8 signature[32];
  char hex[65];
  hmac_sha256_update(&d->key, strlen(text), (const guint8 *) text);
  hmac_sha256_digest(&d->key, sizeof signature, signature); /* the key stays for the next */
  for (int i = 0; i < 32; i++)
    g_snprintf(hex + 2 * i, 3, "%02x", signature[i]);
  if (!given || !sigv4_equal(hex, given))
    return error_answer_status(403, "SignatureDoesNotMatch",
                               "The request signature we calculated does not match the signature you provided. Check your key and signing method.");
  g_free(d->previous);
  d->previous = g_strdup(hex);
  return NULL;
}

static void
to_hex(const guint8 hash[32], char ret[65])
{
  for (int i = 0; i < 32; i++)
    g_snprintf(ret + 2 * i, 3, "%02x", hash[i]);
}

static Error *
check_chunk(ChunkedDecoder *d)
{
  guint8 hash[32];
  char hex[65];
  if (!d->check)
    return NULL;
  sha256_digest(&d->digest, sizeof hash, hash);
  to_hex(hash, hex);
  g_autofree char *text = g_strdup_printf(SIGV4_ALGORITHM "-PAYLOAD\n%s%s\n" SIGV4_EMPTY_HASH "\n%s", d->prefix, d->previous, hex);
  return check_signature(d, text, d->signature);
}

static Error *
check_trailers(ChunkedDecoder *d, const char *given)
{
  guint8 hash[32];
  char hex[65];
  if (!d->check)
    return NULL;
  sha256(d->signed_trailers->str, d->signed_trailers->len, hash);
  to_hex(hash, hex);
  g_autofree char *text = g_strdup_printf(SIGV4_ALGORITHM "-TRAILER\n%s%s\n%s", d->prefix, d->previous, hex);
  d->trailer_verified = TRUE;
  return check_signature(d, text, given);
}

/* "400;chunk-signature=..." */
static Error *
read_head(ChunkedDecoder *d)
{
  const char *line = d->line->str;
  char *end = NULL;
  if (!g_ascii_isxdigit(*line))
    return broken("a chunk's size is missing");
  d->left = g_ascii_strtoull(line, &end, 16);
  if (end - line > 16 || d->left > (guint64) LIMIT_OBJECT_MAX)
    return broken("a chunk is too large");
  g_clear_pointer(&d->signature, g_free);
  const char *signature = strstr(end, ";chunk-signature=");
  if (signature)
    d->signature = g_strndup(signature + 17, strcspn(signature + 17, ";"));
  if (*end && *end != ';')
    return broken("a chunk's size is not a number");
  sha256_init(&d->digest);
  if (d->left) {
    d->state = STATE_DATA;
    return NULL;
  }
  d->state = STATE_TRAILER;
  return check_chunk(d);
}

static Error *
read_trailer(ChunkedDecoder *d)
{
  const char *line = d->line->str, *colon = strchr(line, ':');
  if (!*line) {
    d->state = STATE_DONE;
    return d->check && d->trailer && d->signed_trailers->len && !d->trailer_verified ? broken("the trailer's signature is missing") : NULL;
  }
  if (!colon)
    return broken("a trailing header has no colon");
  if (d->trailers->len >= 2 * TRAILERS_MAX)
    return broken("too many trailing headers");
  g_autofree char *exact = g_strndup(line, (gsize) (colon - line));
  g_autofree char *name = g_ascii_strdown(g_strstrip(exact), -1), *value = g_strstrip(g_strdup(colon + 1));
  if (!strcmp(name, "x-amz-trailer-signature"))
    return check_trailers(d, value);
  g_string_append_printf(d->signed_trailers, "%s:%s\n", name, value);
  g_ptr_array_add(d->trailers, g_steal_pointer(&name));
  g_ptr_array_add(d->trailers, g_steal_pointer(&value));
  return NULL;
}

static Error *
read_line(ChunkedDecoder *d)
{
  switch (d->state) {
  case STATE_HEAD:
    return read_head(d);
  case STATE_TAIL:
    if (d->line->len)
      return broken("a chunk is longer than its size");
    d->state = STATE_HEAD;
    return check_chunk(d);
  case STATE_TRAILER:
    return read_trailer(d);
  case STATE_DATA:
  case STATE_DONE:
    break;
  }
  return NULL;
}

/* Takes bytes up to a line's end. */
static Error *
feed_line(ChunkedDecoder *d, const guint8 **at, const guint8 *end)
{
  const guint8 *stop = memchr(*at, '\n', (gsize) (end - *at));
  gsize size = (gsize) ((stop ? stop : end) - *at);
  if (d->line->len + size > LINE_MAX_BYTES || memchr(*at, 0, size))
    return broken("a line is too long");
  g_string_append_len(d->line, (const char *) *at, (gssize) size);
  *at += size;
  if (!stop)
    return NULL;
  (*at)++;
  if (d->line->len && d->line->str[d->line->len - 1] == '\r')
    g_string_truncate(d->line, d->line->len - 1);
  Error *error = read_line(d);
  g_string_truncate(d->line, 0);
  return error;
}

static void
feed_data(ChunkedDecoder *d, const guint8 **at, const guint8 *end, GByteArray *out)
{
  gsize size = (gsize) MIN(d->left, (guint64) (end - *at));
  if (d->check)
    sha256_update(&d->digest, size, *at);
  g_byte_array_append(out, *at, (guint) size);
  *at += size;
  d->left -= size;
  if (!d->left)
    d->state = STATE_TAIL;
}

Error *
chunked_feed(ChunkedDecoder *decoder, const void *data, gsize size, GByteArray *out)
{
  const guint8 *at = data, *end = at + size;
  while (at < end) {
    if (decoder->state == STATE_DONE)
      return broken("bytes behind the end");
    if (decoder->state == STATE_DATA)
      feed_data(decoder, &at, end, out);
    else
      TRY(feed_line(decoder, &at, end));
  }
  return NULL;
}

/* Some clients leave out the empty line behind a last chunk without trailing headers. */
Error *
chunked_finish(ChunkedDecoder *decoder, Arena *arena, StringMap *ret_trailers)
{
  gboolean bare_end = decoder->state == STATE_TRAILER && !decoder->line->len && !decoder->trailer;
  if (decoder->state != STATE_DONE && !bare_end)
    return incomplete();
  for (guint i = 0; ret_trailers && i < decoder->trailers->len; i += 2)
    MAP_SET(arena, ret_trailers, arena_strdup(arena, decoder->trailers->pdata[i]), arena_strdup(arena, decoder->trailers->pdata[i + 1]));
  return NULL;
}
