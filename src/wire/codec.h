/* codec: values of shapes to and from text, for code that is not a request: stored records, resource properties. */
#pragma once

#include "store/store.h"
#include "wire/json.h"
#include "wire/shape.h"

/* Fills the struct at value (size shape->size) from an object, by member name, as JSON protocols do. Unknown members are ignored.
 * lenient: also takes "true", "12" where a boolean or number is meant, and numbers where text is (CloudFormation). arena. */
Error *shape_from_json(Arena *arena, const Shape *shape, const Json *json, gboolean lenient, void *value) ERROR_MUST_USE;
/* The value as JSON, by the API's member names; absent members are left out (arena). */
Json *shape_to_json(Arena *arena, const Shape *shape, const void *value);
/* A deep copy (arena). */
void *shape_copy(Arena *arena, const Shape *shape, const void *value);
/* AWS's constraint check of a whole input: "2 validation errors detected: Value ..." as an answer ValidationException. */
Error *shape_validate(const Shape *shape, const void *value) ERROR_MUST_USE;
/* The same in EC2's codes and words: MissingParameter, InvalidParameterValue. */
Error *shape_validate_ec2(const Shape *shape, const void *value) ERROR_MUST_USE;

/* Records: a struct stored under a key, CBOR with the API's member names, so that a database outlives changes of the struct. */
Error *record_put(Txn *txn, const Table *table, const Key *key, const Shape *shape, const void *value) ERROR_MUST_USE;
/* *ret_value is NULL if there is none. The value lives in arena. */
Error *record_get(Txn *txn, const Table *table, const Key *key, const Shape *shape, Arena *arena, void **ret_value) ERROR_MUST_USE;
/* Encodes and decodes as record_put and record_get do. */
void record_encode(Arena *arena, const Shape *shape, const void *value, GByteArray *out);
Error *record_decode(Arena *arena, const Shape *shape, const void *data, gsize size, void **ret_value) ERROR_MUST_USE;
