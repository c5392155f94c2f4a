/* internal: what wire's own files share; not for other parts. */
#pragma once

#include "wire/codec.h"
#include "wire/protocol.h"

static inline void *
member_at(const Member *member, const void *value)
{
  return (char *) value + member->offset;
}

/* The shape's format of a time at this member, or otherwise. */
static inline TimeFormat
member_time(const Member *member, TimeFormat otherwise)
{
  return member->time_format ? member->time_format : member->shape->time_format ? member->shape->time_format : otherwise;
}

/* walk.c. Whether a value of this shape is there. */
gboolean value_present(const Shape *shape, const void *value);
/* Adds a zeroed element to a list, an entry to a map; the key is not copied. Returns the element's, the entry's value. */
void *list_add(Arena *arena, const Shape *shape, AnyList *list);
void *map_add(Arena *arena, const Shape *shape, AnyList *map, const char *key);
static inline const void *
list_at(const Shape *shape, const AnyList *list, gsize i)
{
  return (const char *) list->v + i * shape->entry_size;
}
static inline const char *
map_key_at(const Shape *shape, const AnyList *map, gsize i)
{
  return *(const char *const *) ((const char *) map->v + i * shape->entry_size);
}
static inline const void *
map_value_at(const Shape *shape, const AnyList *map, gsize i)
{
  return (const char *) map->v + i * shape->entry_size + shape->value_offset;
}

/* timestamp.c. Reads any of the three formats. */
gboolean timestamp_parse(const char *text, gint64 *ret_ms);
/* TIME_UNIX: seconds, with a fraction if there is one. arena. */
char *timestamp_format(Arena *arena, TimeFormat format, gint64 ms);

/* scalar.c. Text of query, headers and XML to a value and back; lists, maps and structures are the caller's. FALSE: not a value of this shape. */
gboolean scalar_from_text(Arena *arena, const Shape *shape, const char *text, void *value);
const char *scalar_to_text(Arena *arena, const Shape *shape, TimeFormat format, const void *value);
/* The shortest text that reads back as the same number (arena). */
char *double_text(Arena *arena, double value);

/* json_shape.c. */
typedef struct JsonCodec {
  Arena *arena;
  gboolean wire_names; /* locationName instead of the API's name */
  gboolean lenient;
} JsonCodec;
Error *value_from_json(const JsonCodec *codec, const Shape *shape, const Json *json, void *value) ERROR_MUST_USE;
/* Only members that belong in the body are written. */
void value_write_json(const JsonCodec *codec, const Shape *shape, TimeFormat format, const void *value, GString *out);
/* Members of a structure without the braces; first is updated. */
void members_write_json(const JsonCodec *codec, const Shape *shape, const void *value, gboolean *first, GString *out);

/* cbor.c. value: of shape (a structure: the struct itself). Wrong bytes: an answer SerializationException. */
void cbor_write(Arena *arena, const Shape *shape, const void *value, GByteArray *out);
Error *cbor_read(Arena *arena, const Shape *shape, const guint8 *data, gsize size, void *value) ERROR_MUST_USE;
void cbor_write_text(GByteArray *out, const char *text);

/* xml.c: a tree of elements; text is trimmed by nobody. */
typedef struct XmlAttribute { const char *name, *value; struct XmlAttribute *next; } XmlAttribute;
typedef struct XmlNode {
  const char *name; /* without prefix */
  const char *text; /* all character data, "" if none */
  XmlAttribute *attributes; /* names as written */
  struct XmlNode *first, *last, *next;
} XmlNode;
/* Wrong text: an answer MalformedXML. arena. */
Error *xml_parse(Arena *arena, const char *text, gsize size, XmlNode **ret_root) ERROR_MUST_USE;
XmlNode *xml_child(const XmlNode *node, const char *name);
void xml_escape(GString *out, const char *text);
void xml_element(GString *out, const char *name, const char *text);

/* xml_shape.c. */
Error *value_from_xml(Arena *arena, const Shape *shape, const XmlNode *node, void *value) ERROR_MUST_USE;
/* The members of a structure that belong in the body. ec2: names of the EC2 protocol. */
void members_write_xml(Arena *arena, const Shape *shape, const void *value, GString *out);
void member_write_xml(Arena *arena, const Member *member, const char *name, const void *value, GString *out);

/* rest.c: what is outside of the body. */
Error *rest_decode(Arena *arena, const Shape *input, const WireRequest *request, gboolean xml, void *in) ERROR_MUST_USE;
void rest_encode(Arena *arena, const Shape *output, const void *out, WireAnswer *answer);
/* The member that is the body, or NULL. */
const Member *payload_member(const Shape *shape);
/* Whether any member goes into the body. */
gboolean has_body_members(const Shape *shape);

/* protocol.c */
void answer_header(WireAnswer *answer, Arena *arena, const char *name, const char *value);
void answer_body(WireAnswer *answer, GString *text);
/* What all encoders of errors say. Plain data; texts live as long as the error. */
typedef struct ErrorAnswer {
  const char *code, *message;
  int status;
  gboolean fault; /* the server's */
  const Shape *shape;
  const void *value;
  const GPtrArray *fields;
} ErrorAnswer;

/* One codec: what protocol.c dispatches on. */
typedef struct ProtocolCodec {
  Error *(*decode)(const ServiceModel *service, const OperationModel *operation, Arena *arena, const WireRequest *request, void *in);
  Error *(*encode)(const ServiceModel *service, const OperationModel *operation, Arena *arena, const void *out, const char *request_id,
                   WireAnswer *answer);
  void (*encode_error)(const ServiceModel *service, const OperationModel *operation, Arena *arena, const ErrorAnswer *error,
                       const char *request_id, WireAnswer *answer);
} ProtocolCodec;
extern const ProtocolCodec json_codec, query_codec, ec2_codec, rest_json_codec, rest_xml_codec, cbor_codec;
