/* shape: AWS's API models as tables. The generator (src/model) writes them; codecs and validation walk them. */
#pragma once

#include "wire/value.h"

typedef struct Shape Shape;
typedef struct Member Member;

typedef enum {
  SHAPE_STRING, SHAPE_BOOLEAN, SHAPE_INTEGER, SHAPE_LONG, SHAPE_FLOAT, SHAPE_DOUBLE, SHAPE_TIMESTAMP,
  SHAPE_BLOB, SHAPE_LIST, SHAPE_MAP, SHAPE_STRUCTURE, SHAPE_DOCUMENT,
} ShapeType;

typedef enum { LOCATION_BODY, LOCATION_HEADER, LOCATION_HEADERS, LOCATION_QUERY, LOCATION_URI, LOCATION_STATUS } Location;
typedef enum { TIME_DEFAULT, TIME_ISO8601, TIME_RFC822, TIME_UNIX } TimeFormat;

enum {
  SHAPE_FLATTENED = 1, SHAPE_STREAMING = 2, SHAPE_UNION = 4, SHAPE_EXCEPTION = 8, SHAPE_SENSITIVE = 16,
  SHAPE_HAS_MIN = 32, SHAPE_HAS_MAX = 64, SHAPE_EVENTSTREAM = 128, SHAPE_FAULT = 256 /* the error is the server's */,
};
enum {
  MEMBER_REQUIRED = 1, MEMBER_FLATTENED = 2, MEMBER_IDEMPOTENCY_TOKEN = 4, MEMBER_XML_ATTRIBUTE = 8,
  MEMBER_JSON_VALUE = 16, MEMBER_PAYLOAD = 32 /* the shape's payload: this member is the body */,
};

struct Member {
  const char *name;        /* the API's: "TableName" */
  const char *wire;        /* on the wire: locationName, or name */
  const char *ec2;         /* ec2 query: queryName, or wire with an upper-case first letter */
  const Shape *shape;
  guint32 offset;          /* in the C struct */
  guint8 location;         /* Location */
  guint8 time_format;      /* TimeFormat */
  guint16 flags;
  const char *xml_prefix, *xml_uri; /* XML namespace, or NULL */
};

struct Shape {
  const char *name;        /* the API's */
  guint8 type;             /* ShapeType */
  guint8 time_format;
  guint16 flags;
  guint32 size;            /* bytes of the C value; of a structure: of the struct itself */
  guint16 n_members;
  guint16 n_enum;
  guint16 status;          /* exception: HTTP status, 0 = none in the model */
  const Member *members;   /* structure */
  const Shape *element;    /* list: element. map: value */
  const Shape *key;        /* map */
  const char *element_name;/* list: locationName of the element, or "member"; map: of the value, or "value" */
  const char *key_name;    /* map: or "key" */
  guint32 entry_size;      /* list: bytes between elements; map: bytes between entries */
  guint32 value_offset;    /* map: of the value in an entry */
  double min, max;         /* with SHAPE_HAS_MIN / SHAPE_HAS_MAX */
  const char *pattern;     /* PCRE2, unanchored as in the model; NULL = none */
  const char *const *enum_values;
  const char *error_code;  /* exception: the code on the wire, or NULL = name */
  const char *xml_uri;     /* structure: xmlNamespace, or NULL */
};

typedef enum {
  PROTOCOL_JSON, PROTOCOL_QUERY, PROTOCOL_EC2, PROTOCOL_REST_JSON, PROTOCOL_REST_XML, PROTOCOL_CBOR,
} Protocol;

/* An operation of the model. */
typedef struct OperationModel {
  const char *name;
  const char *method, *uri;    /* "POST", "/{Bucket}/{Key+}?uploads" */
  const char *result_wrapper;  /* query, or NULL */
  const Shape *input, *output; /* never NULL: an empty structure where the model has none */
  const Shape *const *errors;  /* NULL-terminated */
  guint16 status;              /* answer's HTTP status, 200 by default */
  gboolean input_streams, output_streams;
} OperationModel;

/* A service of the model. */
typedef struct ServiceModel {
  const char *name;            /* the folder: "dynamodb", "secretsmanager", "apigateway" */
  const char *id;              /* "DynamoDB": service id of the SDKs */
  const char *endpoint_prefix; /* host name label: "dynamodb", "monitoring" */
  const char *signing_name;    /* in the credential scope */
  const char *target_prefix;   /* X-Amz-Target: "DynamoDB_20120810", or NULL */
  const char *api_version;     /* "2012-08-10" */
  const char *json_version;    /* "1.0", "1.1" */
  const char *xml_uri;
  Protocol protocol;           /* the model's; clients may speak another */
} ServiceModel;
