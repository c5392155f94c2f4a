/* template: a CloudFormation template, parsed and checked in its form. Everything lives in the arena it was parsed with.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html */
#pragma once

#include "wire/json.h"
#include "wire/value.h"

/* Bounds that AWS does not document. */
enum {
  TEMPLATE_KEYS_MAX = 2000,               /* keys of one mapping: look-ups walk them */
  TEMPLATE_VALUES_MAX = 16 * 1024 * 1024, /* bytes that functions and loops make of a template's texts */
};

typedef struct Template {
  const char *text;         /* as given */
  gsize size;
  Json *root;
  /* Sections, NULL if absent; those that are there are objects of objects (Mappings: of objects of objects). */
  Json *parameters, *mappings, *conditions, *resources, *outputs, *rules, *metadata;
  const char *description;  /* or NULL */
  StringList transforms;
} Template;

/* What a value refers to. */
typedef enum { REFERENCE_REF, REFERENCE_GET_ATT, REFERENCE_CONDITION, REFERENCE_IMPORT } ReferenceKind;
typedef struct Reference {
  ReferenceKind kind;
  const char *name;         /* resource, parameter, pseudo parameter or condition; NULL for an import */
  const char *attribute;    /* of GetAtt, NULL if it is computed; "Fn::If" of a condition that such a function names */
  const Json *at;           /* where, for its line; of an import: the name's value */
} Reference;
typedef Error *(*ReferenceFunction)(const Reference *reference, gpointer data);

/* Parses JSON (text that begins with '{') or YAML, expands AWS::LanguageExtensions' loops, and checks the form and every reference.
 * Wrong: an answer ValidationError in AWS's words. arena. */
Error *template_parse(Arena *arena, const char *text, gsize size, Template *ret_template) ERROR_MUST_USE;
/* The same of a root that was parsed already; text and size of the template are not set. */
Error *template_read(Arena *arena, Json *root, Template *ret_template) ERROR_MUST_USE;
/* Calls function for each Ref, GetAtt, ${} of a Sub, condition and import in a value, in their order, until one fails. */
Error *template_references(Arena *arena, const Json *json, ReferenceFunction function, gpointer data) ERROR_MUST_USE;
/* Types that are in no specification: an answer "Template format error: Unrecognized resource types: [...]"; types that haar has no
 * RESOURCE for: an answer that names type and line. has_type tells which it has. */
Error *template_check_types(Arena *arena, const Template *template, gboolean (*has_type)(const char *type)) ERROR_MUST_USE;
/* Text of a scalar: "12", "true", "abc"; NULL of anything else. arena. */
const char *template_scalar(const Json *json);
/* Whether text is letters and digits only. */
gboolean template_is_name(const char *text);
