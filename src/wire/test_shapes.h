/* test_shapes: a small model for the codecs' unit tests and fuzz targets, written by hand as the generator writes them. */
#pragma once

#include "wire/internal.h"

typedef struct TestItem TestItem;
typedef struct TestItems { gsize n; TestItem **v; } TestItems;
typedef struct TestItemMapEntry { const char *key; TestItem *value; } TestItemMapEntry;
typedef struct TestItemMap { gsize n; TestItemMapEntry *v; } TestItemMap;
struct TestItem {
  const char *Name;
  OptInt Count;
  OptBool On;
  OptDouble Rate;
  OptTime At;
  Blob Data;
  StringList Tags;
  StringMap Labels;
  TestItems Inner;
  TestItemMap ByName;
  TestItem *Child;
  const Json *Document;
};
typedef struct TestInput {
  const char *TableName, *Mode;
  TestItems Items;
  StringList Flat;
  OptInt Limit;
  const char *Token;
} TestInput;

extern const Shape test_item_shape;
G_GNUC_UNUSED static const char *const test_modes[] = {"FAST", "SLOW"};
G_GNUC_UNUSED static const Shape test_string = {.name = "String", .type = SHAPE_STRING, .size = sizeof(char *)};
G_GNUC_UNUSED static const Shape test_name = {
  .name = "Name", .type = SHAPE_STRING, .size = sizeof(char *), .flags = SHAPE_HAS_MIN | SHAPE_HAS_MAX, .min = 3, .max = 255, .pattern = "[a-zA-Z0-9_.-]+"};
G_GNUC_UNUSED static const Shape test_mode = {
  .name = "Mode", .type = SHAPE_STRING, .size = sizeof(char *), .enum_values = test_modes, .n_enum = 2};
G_GNUC_UNUSED static const Shape test_integer = {
  .name = "Integer", .type = SHAPE_INTEGER, .size = sizeof(OptInt), .flags = SHAPE_HAS_MIN, .min = 1};
G_GNUC_UNUSED static const Shape test_boolean = {.name = "Boolean", .type = SHAPE_BOOLEAN, .size = sizeof(OptBool)};
G_GNUC_UNUSED static const Shape test_double = {.name = "Double", .type = SHAPE_DOUBLE, .size = sizeof(OptDouble)};
G_GNUC_UNUSED static const Shape test_time = {.name = "Time", .type = SHAPE_TIMESTAMP, .size = sizeof(OptTime)};
G_GNUC_UNUSED static const Shape test_blob = {.name = "Blob", .type = SHAPE_BLOB, .size = sizeof(Blob)};
G_GNUC_UNUSED static const Shape test_document = {.name = "Document", .type = SHAPE_DOCUMENT, .size = sizeof(Json *)};
G_GNUC_UNUSED static const Shape test_strings = {.name = "Strings", .type = SHAPE_LIST, .size = sizeof(AnyList), .element = &test_name,
                                                 .element_name = "member", .entry_size = sizeof(char *)};
G_GNUC_UNUSED static const Shape test_labels = {.name = "Labels", .type = SHAPE_MAP, .size = sizeof(AnyList), .element = &test_string,
                                                .key = &test_string, .key_name = "key", .element_name = "value",
                                                .entry_size = sizeof(StringMapEntry), .value_offset = G_STRUCT_OFFSET(StringMapEntry, value)};
G_GNUC_UNUSED static const Shape test_items = {.name = "Items", .type = SHAPE_LIST, .size = sizeof(AnyList), .element = &test_item_shape,
                                               .element_name = "member", .entry_size = sizeof(TestItem *)};
G_GNUC_UNUSED static const Shape test_item_map = {.name = "ItemMap", .type = SHAPE_MAP, .size = sizeof(AnyList), .element = &test_item_shape,
                                                  .key = &test_string, .key_name = "key", .element_name = "value",
                                                  .entry_size = sizeof(TestItemMapEntry),
                                                  .value_offset = G_STRUCT_OFFSET(TestItemMapEntry, value)};
#define TEST_MEMBER(Type, Name_, shape_, ...)                                                                                        \
  {.name = #Name_, .wire = #Name_, .ec2 = #Name_, .shape = (shape_), .offset = G_STRUCT_OFFSET(Type, Name_), __VA_ARGS__}
static const Member test_item_members[] = {
  TEST_MEMBER(TestItem, Name, &test_name, .flags = MEMBER_REQUIRED),
  TEST_MEMBER(TestItem, Count, &test_integer),
  TEST_MEMBER(TestItem, On, &test_boolean),
  TEST_MEMBER(TestItem, Rate, &test_double),
  TEST_MEMBER(TestItem, At, &test_time),
  TEST_MEMBER(TestItem, Data, &test_blob),
  TEST_MEMBER(TestItem, Tags, &test_strings),
  TEST_MEMBER(TestItem, Labels, &test_labels),
  TEST_MEMBER(TestItem, Inner, &test_items),
  TEST_MEMBER(TestItem, ByName, &test_item_map),
  TEST_MEMBER(TestItem, Child, &test_item_shape),
  TEST_MEMBER(TestItem, Document, &test_document),
};
const Shape test_item_shape = {.name = "Item", .type = SHAPE_STRUCTURE, .size = sizeof(TestItem), .members = test_item_members,
                               .n_members = G_N_ELEMENTS(test_item_members)};
static const Member test_input_members[] = {
  TEST_MEMBER(TestInput, TableName, &test_name, .flags = MEMBER_REQUIRED),
  TEST_MEMBER(TestInput, Mode, &test_mode),
  TEST_MEMBER(TestInput, Items, &test_items),
  TEST_MEMBER(TestInput, Flat, &test_strings, .flags = MEMBER_FLATTENED),
  TEST_MEMBER(TestInput, Limit, &test_integer),
  TEST_MEMBER(TestInput, Token, &test_string, .flags = MEMBER_IDEMPOTENCY_TOKEN),
};
G_GNUC_UNUSED static const Shape test_input_shape = {.name = "Input", .type = SHAPE_STRUCTURE, .size = sizeof(TestInput),
                                                     .members = test_input_members, .n_members = G_N_ELEMENTS(test_input_members)};
G_GNUC_UNUSED static const Shape *const test_no_errors[] = {NULL};
G_GNUC_UNUSED static const OperationModel test_operation = {.name = "PutThing", .method = "POST", .uri = "/", .result_wrapper = "PutThingResult",
                                                            .input = &test_input_shape, .output = &test_item_shape,
                                                            .errors = test_no_errors, .status = 200};
G_GNUC_UNUSED static const ServiceModel test_service = {.name = "test", .id = "Test", .endpoint_prefix = "test", .signing_name = "test",
                                                        .target_prefix = "Test_2012", .api_version = "2012-01-01", .json_version = "1.0",
                                                        .xml_uri = "https://test.amazonaws.com/doc/2012-01-01/"};
