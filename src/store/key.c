/* Parts of text or bytes end with a zero byte; a zero in them is written 01 01 and a one 01 02, so that the bytes of a key sort
 * as its parts do. A number is eight bytes, big end first, with its sign turned. */
#include "store/internal.h"

#include <string.h>

guint32
table_id(const char *name)
{
  guint32 hash = 2166136261u; /* FNV-1a */
  for (const char *at = name; *at; at++)
    hash = (hash ^ (guint8) *at) * 16777619u;
  return hash == META_TABLE || hash == NODE_TABLE ? 1 : hash;
}

void
key_init(Key *key)
{
  key->size = 0;
  key->overflow = FALSE;
}

static void
add_byte(Key *key, guint8 byte)
{
  if (key->size < (gsize) LIMIT_KEY_MAX)
    key->data[key->size++] = byte;
  else
    key->overflow = TRUE;
}

void
key_add_raw(Key *key, const void *data, gsize size)
{
  const guint8 *in = data;
  for (gsize i = 0; i < size; i++) {
    if (in[i] <= 1) {
      add_byte(key, 1);
      add_byte(key, in[i] + 1);
    } else {
      add_byte(key, in[i]);
    }
  }
}

void
key_add_bytes(Key *key, const void *data, gsize size)
{
  key_add_raw(key, data, size);
  add_byte(key, 0);
}

void
key_add(Key *key, const char *text)
{
  key_add_bytes(key, text, strlen(text));
}

void
key_add_int(Key *key, gint64 value)
{
  guint64 turned = GUINT64_TO_BE((guint64) value ^ G_GUINT64_CONSTANT(0x8000000000000000));
  guint8 bytes[8];
  memcpy(bytes, &turned, 8);
  for (guint i = 0; i < 8; i++)
    add_byte(key, bytes[i]);
}

void
key_strings(Key *key, ...)
{
  key_init(key);
  va_list args;
  va_start(args, key);
  for (const char *part; (part = va_arg(args, const char *));)
    key_add(key, part);
  va_end(args);
}

gboolean
key_read(KeyReader *reader, Arena *arena, char **ret_text, gsize *ret_size)
{
  const guint8 *end = memchr(reader->at, 0, reader->end - reader->at);
  if (!end)
    return FALSE;
  guint8 *text = arena_alloc(arena, end - reader->at + 1);
  gsize size = 0;
  for (const guint8 *at = reader->at; at < end; at++) {
    if (*at == 1 && at + 1 < end)
      text[size++] = *++at - 1;
    else
      text[size++] = *at;
  }
  reader->at = end + 1;
  *ret_text = (char *) text;
  if (ret_size)
    *ret_size = size;
  return TRUE;
}

gboolean
key_read_int(KeyReader *reader, gint64 *ret_value)
{
  if (reader->end - reader->at < 8)
    return FALSE;
  guint64 turned;
  memcpy(&turned, reader->at, 8);
  *ret_value = (gint64) (GUINT64_FROM_BE(turned) ^ G_GUINT64_CONSTANT(0x8000000000000000));
  reader->at += 8;
  return TRUE;
}
