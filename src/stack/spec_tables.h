/* spec_tables: how the generated resource specification looks. Only spec.c and the generated file include this.
 * Names are offsets into one text; members are sorted by name in each object, resources by type. */
#pragma once

#include <glib.h>

typedef enum {
  SPEC_STRING, SPEC_INTEGER, SPEC_NUMBER, SPEC_BOOLEAN, SPEC_JSON, SPEC_ARRAY, SPEC_MAP, SPEC_OBJECT,
  SPEC_ANY, /* one of several types: not looked into */
} SpecKind;

enum { SPEC_REQUIRED = 1, SPEC_REPLACES = 2, SPEC_MAY_REPLACE = 4 };

typedef struct SpecValue {
  guint16 kind;   /* SpecKind */
  guint16 index;  /* array, map: value of the elements; object: the object */
} SpecValue;

typedef struct SpecMember {
  guint32 name;
  guint16 value;
  guint16 flags;
} SpecMember;

typedef struct SpecObject {
  guint32 name, first;
  guint16 n;
} SpecObject;

typedef struct SpecResource {
  guint32 name;
  guint32 first;
  guint16 n;
  guint32 first_attribute;
  guint16 n_attributes;
  guint16 first_identifier, n_identifiers;
} SpecResource;

extern const char spec_text[];
extern const SpecValue spec_values[];
extern const SpecMember spec_members[];
extern const SpecObject spec_objects[];
extern const guint32 spec_identifiers[];
extern const SpecResource spec_resources[];
extern const guint spec_n_resources;
