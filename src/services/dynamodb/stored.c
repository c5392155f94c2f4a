/* The stored form of an item: attributes one after the other, each its name and its value. Texts are a length, the bytes and a zero, so
 * that reading copies nothing. A value is its kind in a byte, then what the kind needs. */
#include "services/dynamodb/value.h"

#include <string.h>

static void
put_count(GByteArray *out, gsize n)
{
  guint8 bytes[10];
  guint size = 0;
  for (; n >= 128; n >>= 7)
    bytes[size++] = (guint8) (n | 128);
  bytes[size++] = (guint8) n;
  g_byte_array_append(out, bytes, size);
}

static void
put_bytes(GByteArray *out, const void *data, gsize size)
{
  put_count(out, size);
  if (size)
    g_byte_array_append(out, data, (guint) size);
  g_byte_array_append(out, (const guint8 *) "", 1);
}

static void
put_texts(GByteArray *out, const StringList *texts)
{
  put_count(out, texts->n);
  for (gsize i = 0; i < texts->n; i++)
    put_bytes(out, texts->v[i], strlen(texts->v[i]));
}

static void put_value(GByteArray *out, const Value *value);

static void
put_list(GByteArray *out, const DynamodbListAttributeValue *list)
{
  put_count(out, list->n);
  for (gsize i = 0; i < list->n; i++)
    put_value(out, list->v[i]);
}

static void
put_blobs(GByteArray *out, const DynamodbBinarySetAttributeValue *set)
{
  put_count(out, set->n);
  for (gsize i = 0; i < set->n; i++)
    put_bytes(out, set->v[i].data, set->v[i].size);
}

static void
put_value(GByteArray *out, const Value *value)
{
  ValueType type = value_type(value);
  guint8 byte = (guint8) type;
  g_byte_array_append(out, &byte, 1);
  switch (type) {
  case VALUE_S:
  case VALUE_N:
    put_bytes(out, value->S ? value->S : value->N, strlen(value->S ? value->S : value->N));
    break;
  case VALUE_B:
    put_bytes(out, value->B.data, value->B.size);
    break;
  case VALUE_SS:
    put_texts(out, &value->SS);
    break;
  case VALUE_NS:
    put_texts(out, &value->NS);
    break;
  case VALUE_BS:
    put_blobs(out, &value->BS);
    break;
  case VALUE_M:
    item_encode(&value->M, out);
    break;
  case VALUE_L:
    put_list(out, &value->L);
    break;
  case VALUE_BOOL:
    put_count(out, value->BOOL.v ? 1 : 0);
    break;
  case VALUE_NULL:
  case VALUE_NONE:
    break;
  }
}

void
item_encode(const Item *item, GByteArray *out)
{
  put_count(out, item->n);
  for (gsize i = 0; i < item->n; i++) {
    put_bytes(out, item->v[i].key, strlen(item->v[i].key));
    put_value(out, item->v[i].value);
  }
}

/* --- back --- */

typedef struct Reader {
  Arena *arena;
  const guint8 *at, *end;
  guint depth;
  gboolean wrong; /* from then on everything reads as empty */
} Reader;

static gsize
get_count(Reader *reader)
{
  gsize n = 0;
  for (guint shift = 0; shift < 63; shift += 7) {
    if (reader->at == reader->end)
      break;
    guint8 byte = *reader->at++;
    n |= (gsize) (byte & 127) << shift;
    if (byte < 128)
      return n;
  }
  reader->wrong = TRUE;
  return 0;
}

/* A number of things of at least one byte each. */
static gsize
get_length(Reader *reader)
{
  gsize n = get_count(reader);
  if (n > (gsize) (reader->end - reader->at))
    reader->wrong = TRUE;
  return reader->wrong ? 0 : n;
}

static Blob
get_bytes(Reader *reader)
{
  gsize size = get_length(reader);
  if (reader->wrong || reader->at + size == reader->end || reader->at[size] != 0) {
    reader->wrong = TRUE;
    return (Blob){ (const guint8 *) "", 0 };
  }
  Blob blob = { reader->at, size };
  reader->at += size + 1;
  return blob;
}

static const char *
get_text(Reader *reader)
{
  return (const char *) get_bytes(reader).data;
}

static gsize
room(gsize n)
{
  gsize room = 4;
  while (room < n)
    room *= 2;
  return room;
}

static StringList
get_texts(Reader *reader)
{
  gsize n = get_length(reader);
  StringList list = { n, ARENA_ARRAY(reader->arena, const char *, room(n)) };
  for (gsize i = 0; i < n; i++)
    list.v[i] = get_text(reader);
  return list;
}

static DynamodbBinarySetAttributeValue
get_blobs(Reader *reader)
{
  gsize n = get_length(reader);
  DynamodbBinarySetAttributeValue set = { n, ARENA_ARRAY(reader->arena, Blob, room(n)) };
  for (gsize i = 0; i < n; i++)
    set.v[i] = get_bytes(reader);
  return set;
}

static Value *get_value(Reader *reader);

static DynamodbListAttributeValue
get_list(Reader *reader)
{
  gsize n = get_length(reader);
  DynamodbListAttributeValue list = { n, ARENA_ARRAY(reader->arena, Value *, room(n)) };
  for (gsize i = 0; i < n; i++)
    list.v[i] = get_value(reader);
  return list;
}

static Item
get_item(Reader *reader)
{
  gsize n = get_length(reader);
  Item item = { n, ARENA_ARRAY(reader->arena, ItemEntry, room(n)) };
  for (gsize i = 0; i < n; i++) {
    item.v[i].key = get_text(reader);
    item.v[i].value = get_value(reader);
  }
  return item;
}

static void
get_kind(Reader *reader, Value *value)
{
  switch ((ValueType) get_count(reader)) {
  case VALUE_S:
    value->S = get_text(reader);
    return;
  case VALUE_N:
    value->N = get_text(reader);
    return;
  case VALUE_B:
    value->B = get_bytes(reader);
    return;
  case VALUE_SS:
    value->SS = get_texts(reader);
    return;
  case VALUE_NS:
    value->NS = get_texts(reader);
    return;
  case VALUE_BS:
    value->BS = get_blobs(reader);
    return;
  case VALUE_M:
    value->M = get_item(reader);
    return;
  case VALUE_L:
    value->L = get_list(reader);
    return;
  case VALUE_BOOL:
    value->BOOL = OPT_BOOL(get_count(reader) != 0);
    return;
  case VALUE_NULL:
    value->NULL_ = OPT_BOOL(TRUE);
    return;
  case VALUE_NONE:
    break;
  }
  reader->wrong = TRUE;
}

static Value *
get_value(Reader *reader)
{
  Value *value = ARENA_NEW(reader->arena, Value);
  if (++reader->depth > 64)
    reader->wrong = TRUE;
  if (!reader->wrong)
    get_kind(reader, value);
  reader->depth--;
  return value;
}

Error *
item_decode(Arena *arena, const guint8 *data, gsize size, Item *ret_item)
{
  Reader reader = { arena, data, data + size, 0, FALSE };
  Item item = get_item(&reader);
  if (reader.wrong)
    return error_fault("dynamodb: a stored item cannot be read");
  *ret_item = item;
  return NULL;
}
