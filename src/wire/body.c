#include "wire/body.h"
#include <string.h>

typedef struct Bytes {
  const guint8 *data;
  gsize size;
} Bytes;

static Error *
read_bytes(Body *body, gint64 offset, void *buffer, gsize size, gsize *ret_size)
{
  const Bytes *bytes = body->data;
  *ret_size = offset < (gint64) bytes->size ? MIN(size, bytes->size - (gsize) offset) : 0;
  if (*ret_size)
    memcpy(buffer, bytes->data + offset, *ret_size);
  return NULL;
}

Body *
body_from_bytes(Arena *arena, const void *data, gsize size)
{
  Body *body = ARENA_NEW(arena, Body);
  Bytes *bytes = ARENA_NEW(arena, Bytes);
  *bytes = (Bytes){data, size};
  *body = (Body){.size = (gint64) size, .read = read_bytes, .data = bytes};
  return body;
}

BodySpool *
body_spool(Body *body)
{
  return body && body->spooled ? body->data : NULL;
}

Error *
body_read_all(Body *body, Arena *arena, gsize max, guint8 **ret_data, gsize *ret_size)
{
  g_autoptr(GByteArray) all = g_byte_array_new();
  guint8 buffer[16384];
  for (;;) {
    gsize n = 0;
    TRY(body->read(body, all->len, buffer, sizeof buffer, &n));
    if (!n)
      break;
    if (n > max - MIN(max, all->len))
      return error_answer_status(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
    g_byte_array_append(all, buffer, (guint) n);
  }
  *ret_size = all->len;
  *ret_data = arena_memdup(arena, all->data ? all->data : (guint8 *) "", all->len);
  return NULL;
}
