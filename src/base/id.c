#include "base/id.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static const char hex_digits[] = "0123456789abcdef";

static void
random_fill(void *buffer, gsize size)
{
  guint8 *at = buffer;
  while (size > 0) {
    ssize_t n = getrandom(at, MIN(size, 256), 0);
    if (n < 0) {
      if (errno == EINTR)
        continue;
      g_error("getrandom: %s", g_strerror(errno));
    }
    at += n;
    size -= n;
  }
}

/* Small draws come from a store of the thread, each byte of it given once and then wiped; a forked process draws anew. */
typedef struct Draw {
  pid_t owner;
  gsize left;
  guint8 bytes[1024];
} Draw;

static Draw *
draw_get(void)
{
  static GPrivate mine = G_PRIVATE_INIT(g_free);
  Draw *draw = g_private_get(&mine);
  if (!draw) {
    draw = g_new0(Draw, 1);
    g_private_set(&mine, draw);
  }
  if (draw->owner != getpid())
    *draw = (Draw){ .owner = getpid() };
  return draw;
}

void
id_random(void *buffer, gsize size)
{
  Draw *draw = size <= 64 ? draw_get() : NULL;
  if (!draw) {
    random_fill(buffer, size);
    return;
  }
  if (draw->left < size) {
    random_fill(draw->bytes, sizeof draw->bytes);
    draw->left = sizeof draw->bytes;
  }
  guint8 *taken = draw->bytes + draw->left - size;
  memcpy(buffer, taken, size);
  memset(taken, 0, size);
  draw->left -= size;
}

char *
id_alphabet(Arena *arena, const char *alphabet, gsize n)
{
  gsize letters = strlen(alphabet);
  g_assert(letters > 0 && letters <= 256);
  guint limit = 256 - 256 % letters; /* bytes above would favour the first letters */
  char *text = arena_alloc(arena, n + 1);
  guint8 random[64];
  gsize at = sizeof random;
  for (gsize i = 0; i < n;) {
    if (at == sizeof random) {
      id_random(random, sizeof random);
      at = 0;
    }
    guint byte = random[at++];
    if (byte < limit)
      text[i++] = alphabet[byte % letters];
  }
  return text;
}

char *
id_hex(Arena *arena, gsize n)
{
  return id_alphabet(arena, hex_digits, n);
}

char *
id_resource(Arena *arena, const char *prefix)
{
  return arena_printf(arena, "%s-%s", prefix, id_hex(arena, 17));
}

char *
id_uuid(Arena *arena)
{
  guint8 bytes[16];
  id_random(bytes, sizeof bytes);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  char *text = arena_alloc(arena, 37), *out = text;
  for (guint i = 0; i < sizeof bytes; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      *out++ = '-';
    *out++ = hex_digits[bytes[i] >> 4];
    *out++ = hex_digits[bytes[i] & 15];
  }
  return text;
}

char *
id_unique(Arena *arena, const char *prefix)
{
  return arena_printf(arena, "%s%s", prefix, id_alphabet(arena, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16));
}

char *
id_lower(Arena *arena, gsize n)
{
  return id_alphabet(arena, "abcdefghijklmnopqrstuvwxyz0123456789", n);
}
