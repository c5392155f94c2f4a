/* protocol: requests to input structs, output structs and errors to answers; one codec a protocol, all driven by the tables. */
#pragma once

#include "wire/body.h"
#include "wire/shape.h"

/* A request as the codecs see it. Plain data. */
typedef struct WireRequest {
  const char *method;
  const char *path, *query;   /* raw: as sent */
  const StringMap *headers;   /* lower-case names */
  const guint8 *body;         /* whole body (not of streaming operations), may be NULL with body_size 0 */
  gsize body_size;
  Body *stream;               /* of streaming operations */
  const StringMap *labels;    /* rest: URI labels by member wire name, decoded; from wire_uri_match */
} WireRequest;

typedef struct WireAnswer {
  int status;
  StringMap headers;          /* Content-Type and the protocol's own included; not Content-Length */
  GByteArray *body;           /* transfer full; NULL if stream is set */
  Body *stream;               /* or NULL */
} WireAnswer;
void wire_answer_clear(WireAnswer *answer);

/* Fills *in (zeroed, operation's input struct). Bad input: answers in the protocol's words (SerializationException, MalformedXML, ...). arena. */
Error *wire_decode(Protocol protocol, const ServiceModel *service, const OperationModel *operation, Arena *arena,
                   const WireRequest *request, void *in) ERROR_MUST_USE;
/* Encodes an output struct. */
Error *wire_encode(Protocol protocol, const ServiceModel *service, const OperationModel *operation, Arena *arena,
                   const void *out, const char *request_id, WireAnswer *ret_answer) ERROR_MUST_USE;
/* Encodes an error; faults become InternalFailure (InternalError in S3). operation may be NULL (unknown). */
void wire_encode_error(Protocol protocol, const ServiceModel *service, const OperationModel *operation, Arena *arena,
                       const Error *error, const char *request_id, WireAnswer *ret_answer);

/* Matches a request (method, path, query, headers) against a model's URI template ("/{Bucket}/{Key+}?uploads"): path segments, the template's
 * query keys, and members in query or header that are required (UploadPart, CopyObject). Fills ret_labels (decoded) and answers a score: the
 * most specific operation wins; -1 = no match. */
int wire_uri_match(const OperationModel *operation, const WireRequest *request, Arena *arena, StringMap *ret_labels);
/* Form body or query string to a map, decoded (arena). */
StringMap wire_form_parse(Arena *arena, const char *text, gsize size);
