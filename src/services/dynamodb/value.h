/* value: attribute values and items: their kinds, checks, sizes, order, and how they are stored. */
#pragma once

#include "services/dynamodb.gen.h"
#include "services/dynamodb/number.h"

typedef DynamodbAttributeValue Value;
typedef DynamodbKey Item; /* every map of attribute names to values has this type */
typedef DynamodbKeyEntry ItemEntry;

typedef enum {
  VALUE_NONE, VALUE_S, VALUE_N, VALUE_B, VALUE_SS, VALUE_NS, VALUE_BS, VALUE_M, VALUE_L, VALUE_NULL, VALUE_BOOL,
} ValueType;

ValueType value_type(const Value *value);
/* "S", "N", ... */
const char *value_type_name(ValueType type);
/* The type of a name, or VALUE_NONE. */
ValueType value_type_named(const char *name);

/* Checks a client's values (one kind each, sets without duplicates, nesting, numbers) and brings numbers into their canonical form, in
 * place. Wrong: ValidationException. */
Error *item_check(Arena *arena, Item *item) ERROR_MUST_USE;
Error *value_check(Arena *arena, Value *value) ERROR_MUST_USE;

/* Bytes as DynamoDB counts them. */
gsize value_size(const Value *value);
gsize item_size(const Item *item);

gboolean value_equal(const Value *a, const Value *b);
/* Order of two values of one of the kinds S, N, B; FALSE if they cannot be compared. */
gboolean value_compare(const Value *a, const Value *b, int *ret_order);
/* The bytes that a key attribute sorts by (arena for numbers). */
Blob value_key(Arena *arena, const Value *value);

/* The value of a name, or NULL. */
Value *item_get(const Item *item, const char *name);
void item_set(Arena *arena, Item *item, const char *name, Value *value);
gboolean item_remove(Item *item, const char *name);
/* A copy whose maps and lists may be changed; texts are shared. */
Value *value_copy(Arena *arena, const Value *value);
void item_copy(Arena *arena, const Item *item, Item *ret_item);

Value *value_new_text(Arena *arena, const char *text);
Value *value_new_number(Arena *arena, const char *text);

/* An item as stored bytes, and back; the result points into data. */
void item_encode(const Item *item, GByteArray *out);
Error *item_decode(Arena *arena, const guint8 *data, gsize size, Item *ret_item) ERROR_MUST_USE;
