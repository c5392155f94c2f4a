/* spec: CloudFormation's resource specification: what types there are, their properties and attributes, and which change replaces.
 * The tables are made at build time from the npm package @aws-cdk/aws-service-spec. Any thread.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html */
#pragma once

#include "wire/json.h"

typedef struct SpecResource SpecResource;

typedef enum { SPEC_NO_REPLACEMENT, SPEC_MAYBE_REPLACEMENT, SPEC_REPLACEMENT } SpecReplacement;

/* One top-level property that differs. */
typedef struct SpecChange {
  const char *name;
  SpecReplacement replacement;
} SpecChange;

/* NULL: no such type. Custom::X is AWS::CloudFormation::CustomResource. */
const SpecResource *spec_find(const char *type);
/* Whether all properties of the type are free (custom resources). */
gboolean spec_is_open(const SpecResource *spec);
/* Whether Fn::GetAtt may name it: an attribute, a part of one, or (as AWS's newer types do) a property that identifies it. */
gboolean spec_has_attribute(const SpecResource *spec, const char *name);
/* Whether the type has this top-level property. */
gboolean spec_has_property(const SpecResource *spec, const char *name);
/* The property that names a resource of the type (TableName), or NULL. */
const char *spec_name_property(const SpecResource *spec);
/* The type whose name is nearest to text, or NULL if none is near. */
const char *spec_nearest_type(const char *text);
/* Checks names, presence and types of properties, of which values may still hold intrinsic functions. Wrong: an answer
 * ValidationError, all findings in one text: "Properties validation failed for resource L with message:\n#/A: extraneous key [B] is not
 * permitted (line 12; did you mean C?)". properties may be NULL. */
Error *spec_check(Arena *arena, const SpecResource *spec, const char *logical_id, const Json *properties, guint32 line) ERROR_MUST_USE;
/* Top-level properties that differ between two resolved sets. NULL is an empty set. Returns n; *ret_changes: arena. */
gsize spec_compare(Arena *arena, const SpecResource *spec, const Json *old_properties, const Json *new_properties, SpecChange **ret_changes);
/* The text of candidates (NULL-terminated) that is nearest to text, or NULL if none is near. */
const char *spec_nearest(const char *text, const char *const *candidates);
