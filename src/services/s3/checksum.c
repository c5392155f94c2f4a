#include "services/s3/checksum.h"

#include <openssl/evp.h>
#include <string.h>

/* A reflected CRC: register all ones at the begin, inverted at the end. */
typedef struct Crc {
  const char *name;
  guint bits;
  guint64 polynomial;
} Crc;

static const Crc crcs[] = {{"CRC32", 32, 0xEDB88320}, {"CRC32C", 32, 0x82F63B78}, {"CRC64NVME", 64, 0x9A6C9329AC4BC9B5}};

static const Crc *
find(const char *name)
{
  for (gsize i = 0; name && i < G_N_ELEMENTS(crcs); i++)
    if (strcmp(crcs[i].name, name) == 0)
      return &crcs[i];
  return NULL;
}

static guint64
mask(const Crc *crc)
{
  return crc->bits == 64 ? G_MAXUINT64 : (1ULL << crc->bits) - 1;
}

static void
put(const Crc *crc, guint64 value, guint8 *ret)
{
  for (guint i = 0; i < crc->bits / 8; i++)
    ret[i] = (guint8) (value >> (crc->bits - 8 - 8 * i));
}

static guint64
get(const Crc *crc, const guint8 *bytes)
{
  guint64 value = 0;
  for (guint i = 0; i < crc->bits / 8; i++)
    value = value << 8 | bytes[i];
  return value;
}

gsize
checksum_of(const char *name, const void *data, gsize size, guint8 *ret)
{
  const Crc *crc = find(name);
  const EVP_MD *md = g_strcmp0(name, "SHA256") == 0 ? EVP_sha256() : g_strcmp0(name, "SHA1") == 0 ? EVP_sha1() : NULL;
  guint n = 0;
  if (md)
    return EVP_Digest(data, size, ret, &n, md, NULL) ? n : 0;
  if (!crc)
    return 0;
  guint64 value = mask(crc);
  for (gsize i = 0; i < size; i++) {
    value ^= ((const guint8 *) data)[i];
    for (int bit = 0; bit < 8; bit++)
      value = value & 1 ? value >> 1 ^ crc->polynomial : value >> 1;
  }
  put(crc, value ^ mask(crc), ret);
  return crc->bits / 8;
}

/* a * b modulo the polynomial; the coefficient of x^0 is the highest bit. */
static guint64
multiply(const Crc *crc, guint64 a, guint64 b)
{
  guint64 product = 0;
  for (guint64 bit = 1ULL << (crc->bits - 1); bit && a & (bit | (bit - 1)); bit >>= 1) {
    if (a & bit)
      product ^= b;
    b = b & 1 ? b >> 1 ^ crc->polynomial : b >> 1;
  }
  return product;
}

/* x^(8 * bytes) modulo the polynomial. */
static guint64
shift_by(const Crc *crc, guint64 bytes)
{
  guint64 power = 1ULL << (crc->bits - 1), square = 1ULL << (crc->bits - 1 - 8);
  for (; bytes; bytes >>= 1) {
    if (bytes & 1)
      power = multiply(crc, square, power);
    square = multiply(crc, square, square);
  }
  return power;
}

gboolean
checksum_append(const char *name, guint8 *ret, const guint8 *next, guint64 size)
{
  const Crc *crc = find(name);
  if (!crc)
    return FALSE;
  put(crc, multiply(crc, shift_by(crc, size), get(crc, ret)) ^ get(crc, next), ret);
  return TRUE;
}
