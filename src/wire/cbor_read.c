/* RFC 8949 as rpc-v2-cbor and the stored records use it: definite and indefinite lengths, tag 1 for times. */
#include "wire/internal.h"
#include <math.h>
#include <string.h>

enum { CBOR_UINT, CBOR_NEGATIVE, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP, CBOR_TAG, CBOR_SIMPLE };

typedef struct Reader {
  Arena *arena;
  const guint8 *at, *end;
  guint depth;
} Reader;

typedef struct Head {
  guint8 major, info;
  guint64 n;
  gboolean indefinite;
} Head;

static Error *read_value(Reader *r, const Shape *shape, void *value);
static Error *read_document(Reader *r, Json **ret_json);

static Error *
wrong(const char *what)
{
  return error_answer("SerializationException", "CBOR: %s", what);
}

static Error *
read_head(Reader *r, Head *ret)
{
  if (r->at >= r->end)
    return wrong("unexpected end");
  guint8 first = *r->at++;
  *ret = (Head){.major = first >> 5, .info = first & 31, .n = first & 31};
  if (ret->info < 24)
    return NULL;
  if (ret->info == 31) {
    ret->indefinite = TRUE;
    ret->n = 0;
    return ret->major >= CBOR_BYTES && ret->major != CBOR_TAG ? NULL : wrong("bad length");
  }
  if (ret->info > 27)
    return wrong("reserved length");
  gsize extra = (gsize) 1 << (ret->info - 24);
  if ((gsize) (r->end - r->at) < extra)
    return wrong("unexpected end");
  ret->n = 0;
  for (gsize i = 0; i < extra; i++)
    ret->n = ret->n << 8 | *r->at++;
  return NULL;
}

static gboolean
at_break(Reader *r)
{
  if (r->at >= r->end || *r->at != 0xff)
    return FALSE;
  r->at++;
  return TRUE;
}

/* Whether another element follows; i counts those that were read. */
static gboolean
more(Reader *r, const Head *head, guint64 i)
{
  return head->indefinite ? !at_break(r) : i < head->n;
}

static Error *
check_count(const Reader *r, const Head *head)
{
  return !head->indefinite && head->n > (guint64) (r->end - r->at) ? wrong("more elements than bytes") : NULL;
}

static Error *
enter(Reader *r)
{
  return ++r->depth > LIMIT_NESTING_MAX ? wrong("nested too deeply") : NULL;
}

static Error *
take_bytes(Reader *r, guint64 n, const guint8 **ret)
{
  if (n > (guint64) (r->end - r->at))
    return wrong("unexpected end");
  *ret = r->at;
  r->at += n;
  return NULL;
}

/* Bytes or text behind its head, in one piece (arena), NUL-terminated. */
static Error *
read_bytes(Reader *r, const Head *head, guint8 **ret_data, gsize *ret_size)
{
  const guint8 *data = NULL;
  if (!head->indefinite) {
    TRY(take_bytes(r, head->n, &data));
    *ret_size = (gsize) head->n;
    *ret_data = arena_memdup(r->arena, data, *ret_size);
    return NULL;
  }
  g_autoptr(GByteArray) all = g_byte_array_new();
  while (!at_break(r)) {
    Head piece;
    TRY(read_head(r, &piece));
    if (piece.major != head->major || piece.indefinite)
      return wrong("bad piece of a string");
    TRY(take_bytes(r, piece.n, &data));
    g_byte_array_append(all, data, (guint) piece.n);
  }
  *ret_size = all->len;
  *ret_data = arena_memdup(r->arena, all->data ? all->data : (guint8 *) "", all->len);
  return NULL;
}

static Error *
read_text(Reader *r, const Head *head, const char **ret_text)
{
  guint8 *data = NULL;
  gsize size = 0;
  if (head->major != CBOR_TEXT)
    return wrong("a string expected");
  TRY(read_bytes(r, head, &data, &size));
  if (!g_utf8_validate_len((const char *) data, size, NULL))
    return wrong("a string is not UTF-8");
  *ret_text = (const char *) data;
  return NULL;
}

static double
half_to_double(guint16 bits)
{
  int exponent = bits >> 10 & 31;
  double mantissa = bits & 1023;
  double value = exponent == 0 ? ldexp(mantissa, -24) : exponent == 31 ? (mantissa != 0 ? NAN : INFINITY) : ldexp(mantissa + 1024, exponent - 25);
  return bits & 0x8000 ? -value : value;
}

static Error *
number_of(const Head *head, double *ret)
{
  guint32 small = (guint32) head->n;
  float single;
  if (head->major == CBOR_UINT)
    *ret = (double) head->n;
  else if (head->major == CBOR_NEGATIVE)
    *ret = -1 - (double) head->n;
  else if (head->major != CBOR_SIMPLE || head->info < 25 || head->info > 27)
    return wrong("a number expected");
  else if (head->info == 25)
    *ret = half_to_double((guint16) head->n);
  else if (head->info == 26)
    *ret = (memcpy(&single, &small, sizeof single), (double) single);
  else
    memcpy(ret, &head->n, sizeof *ret);
  return NULL;
}

static Error *
integer_of(const Shape *shape, const Head *head, OptInt *value)
{
  double number = 0;
  if (head->major <= CBOR_NEGATIVE && head->n <= G_MAXINT64) {
    value->v = head->major == CBOR_UINT ? (gint64) head->n : -1 - (gint64) head->n;
  } else {
    TRY(number_of(head, &number));
    if (!(fabs(number) <= 9007199254740992.0) || number != floor(number))
      return wrong("an integer expected");
    value->v = (gint64) number;
  }
  if (shape->type == SHAPE_INTEGER && (value->v < G_MININT32 || value->v > G_MAXINT32))
    return wrong("an integer is out of range");
  value->set = TRUE;
  return NULL;
}

static Error *
read_time(Reader *r, Head *head, OptTime *value)
{
  double seconds = 0;
  if (head->major == CBOR_TAG)
    TRY(read_head(r, head));
  if (head->major == CBOR_TEXT) {
    const char *text = NULL;
    TRY(read_text(r, head, &text));
    value->set = timestamp_parse(text, &value->ms);
    return value->set ? NULL : wrong("a time expected");
  }
  TRY(number_of(head, &seconds));
  if (!(fabs(seconds) < 1e13))
    return wrong("a time is out of range");
  *value = OPT_TIME((gint64) llround(seconds * 1000));
  return NULL;
}

/* An item of any kind, as a tree; documents and unknown members. */
static Error *
read_document_simple(const Head *head, Arena *arena, Json **ret_json)
{
  double number = 0;
  if (head->info == 20 || head->info == 21)
    *ret_json = json_new_bool(arena, head->info == 21);
  else if (head->info < 25)
    *ret_json = json_new_null(arena);
  else {
    TRY(number_of(head, &number));
    *ret_json = json_new_double(arena, number);
  }
  return head->indefinite ? wrong("unexpected break") : NULL;
}

static Error *
read_document_array(Reader *r, const Head *head, Json **ret_json)
{
  *ret_json = json_new_array(r->arena);
  TRY(check_count(r, head));
  TRY(enter(r));
  for (guint64 i = 0; more(r, head, i); i++) {
    Json *item = NULL;
    TRY(read_document(r, &item));
    json_append(r->arena, *ret_json, item);
  }
  r->depth--;
  return NULL;
}

static Error *
read_key(Reader *r, const char **ret_key)
{
  Head head;
  TRY(read_head(r, &head));
  return read_text(r, &head, ret_key);
}

static Error *
read_document_map(Reader *r, const Head *head, Json **ret_json)
{
  AnyList members = {0};
  *ret_json = json_new_object(r->arena);
  TRY(check_count(r, head));
  TRY(enter(r));
  for (guint64 i = 0; more(r, head, i); i++) {
    JsonMember member = {0};
    TRY(read_key(r, &member.key));
    TRY(read_document(r, &member.value));
    list_grow(r->arena, &members, sizeof member);
    ((JsonMember *) members.v)[members.n++] = member;
  }
  (*ret_json)->members = members.v;
  (*ret_json)->n = (guint32) members.n;
  r->depth--;
  return NULL;
}

static Error *
read_document(Reader *r, Json **ret_json)
{
  Head head;
  guint8 *data = NULL;
  gsize size = 0;
  const char *text = NULL;
  TRY(read_head(r, &head));
  while (head.major == CBOR_TAG)
    TRY(read_head(r, &head));
  switch (head.major) {
  case CBOR_UINT:
  case CBOR_NEGATIVE:
    if (head.n > G_MAXINT64)
      return wrong("an integer is out of range");
    *ret_json = json_new_int(r->arena, head.major == CBOR_UINT ? (gint64) head.n : -1 - (gint64) head.n);
    return NULL;
  case CBOR_BYTES:
    TRY(read_bytes(r, &head, &data, &size));
    *ret_json = json_new_string(r->arena, text_base64(r->arena, data, size));
    return NULL;
  case CBOR_TEXT:
    TRY(read_text(r, &head, &text));
    *ret_json = json_new_string(r->arena, text);
    return NULL;
  case CBOR_ARRAY:
    return read_document_array(r, &head, ret_json);
  case CBOR_MAP:
    return read_document_map(r, &head, ret_json);
  default:
    return read_document_simple(&head, r->arena, ret_json);
  }
}

static gboolean
at_null(Reader *r)
{
  if (r->at >= r->end || (*r->at != 0xf6 && *r->at != 0xf7))
    return FALSE;
  r->at++;
  return TRUE;
}

static const Member *
find_member(const Shape *shape, const char *name, guint *hint)
{
  for (guint i = 0; i < shape->n_members; i++) {
    guint at = *hint + i < shape->n_members ? *hint + i : *hint + i - shape->n_members;
    if (!strcmp(shape->members[at].name, name)) {
      *hint = at + 1 < shape->n_members ? at + 1 : 0;
      return shape->members + at;
    }
  }
  return NULL;
}

static Error *
read_structure(Reader *r, const Head *head, const Shape *shape, void *value)
{
  guint hint = 0;
  if (head->major != CBOR_MAP)
    return wrong("a structure expected");
  TRY(enter(r));
  for (guint64 i = 0; more(r, head, i); i++) {
    const char *key = NULL;
    Json *ignored = NULL;
    TRY(read_key(r, &key));
    const Member *member = find_member(shape, key, &hint);
    if (!member)
      TRY(read_document(r, &ignored));
    else if (!at_null(r))
      TRY(read_value(r, member->shape, member_at(member, value)));
  }
  r->depth--;
  return NULL;
}

static Error *
read_list(Reader *r, const Head *head, const Shape *shape, AnyList *value)
{
  if (head->major != CBOR_ARRAY)
    return wrong("a list expected");
  TRY(check_count(r, head));
  TRY(enter(r));
  *value = (AnyList){0};
  list_grow(r->arena, value, shape->entry_size);
  for (guint64 i = 0; more(r, head, i); i++)
    if (!at_null(r))
      TRY(read_value(r, shape->element, list_add(r->arena, shape, value)));
  r->depth--;
  return NULL;
}

static Error *
read_map(Reader *r, const Head *head, const Shape *shape, AnyList *value)
{
  if (head->major != CBOR_MAP)
    return wrong("a map expected");
  TRY(check_count(r, head));
  TRY(enter(r));
  *value = (AnyList){0};
  list_grow(r->arena, value, shape->entry_size);
  for (guint64 i = 0; more(r, head, i); i++) {
    const char *key = NULL;
    TRY(read_key(r, &key));
    if (!at_null(r))
      TRY(read_value(r, shape->element, map_add(r->arena, shape, value, key)));
  }
  r->depth--;
  return NULL;
}

static Error *
read_blob(Reader *r, const Head *head, const Shape *shape, void *value)
{
  guint8 *data = NULL;
  gsize size = 0;
  if (head->major != CBOR_BYTES)
    return wrong("bytes expected");
  TRY(read_bytes(r, head, &data, &size));
  if (shape->flags & SHAPE_STREAMING)
    *(Body **) value = body_from_bytes(r->arena, data, size);
  else
    *(Blob *) value = (Blob){data, size};
  return NULL;
}

static Error *
read_value(Reader *r, const Shape *shape, void *value)
{
  Head head;
  if (shape->type == SHAPE_DOCUMENT)
    return read_document(r, (Json **) value);
  TRY(read_head(r, &head));
  switch ((ShapeType) shape->type) {
  case SHAPE_STRING:
    return read_text(r, &head, value);
  case SHAPE_BOOLEAN:
    if (head.major != CBOR_SIMPLE || (head.info != 20 && head.info != 21))
      return wrong("a boolean expected");
    *(OptBool *) value = OPT_BOOL(head.info == 21);
    return NULL;
  case SHAPE_INTEGER:
  case SHAPE_LONG:
    return integer_of(shape, &head, value);
  case SHAPE_FLOAT:
  case SHAPE_DOUBLE:
    ((OptDouble *) value)->set = TRUE;
    return number_of(&head, &((OptDouble *) value)->v);
  case SHAPE_TIMESTAMP:
    return read_time(r, &head, value);
  case SHAPE_BLOB:
    return read_blob(r, &head, shape, value);
  case SHAPE_LIST:
    return read_list(r, &head, shape, value);
  case SHAPE_MAP:
    return read_map(r, &head, shape, value);
  case SHAPE_STRUCTURE: {
    void *inner = arena_alloc(r->arena, shape->size);
    *(void **) value = inner;
    return read_structure(r, &head, shape, inner);
  }
  case SHAPE_DOCUMENT:
    break;
  }
  return NULL;
}

Error *
cbor_read(Arena *arena, const Shape *shape, const guint8 *data, gsize size, void *value)
{
  Reader r = {.arena = arena, .at = data, .end = data + size};
  if (shape->type != SHAPE_STRUCTURE) {
    TRY(read_value(&r, shape, value));
  } else {
    Head head;
    TRY(read_head(&r, &head));
    TRY(read_structure(&r, &head, shape, value));
  }
  return r.at == r.end ? NULL : wrong("bytes behind the end");
}
