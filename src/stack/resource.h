/* resource: what a service brings for CloudFormation: one row and up to four functions a resource type, in its resources.c.
 *
 * RESOURCE(AWS::DynamoDB::Table, dynamodb_table, .create = create_table, .update = update_table, .delete = delete_table)
 *
 * Functions run on a worker thread, without a transaction, as the stack's principal; they may block until the resource is stable
 * (resource_pause between looks). Properties are resolved JSON: no intrinsic functions left, checked against the specification. */
#pragma once

#include "server/server.h"

typedef struct ResourceCall ResourceCall;
struct ResourceCall {
  Call *call;                  /* arena, principal, region, account; txn is NULL */
  const char *stack_name, *stack_id, *logical_id;
  const char *physical_id;     /* update, delete */
  const Json *properties;      /* create, update: new; delete: the last ones */
  const Json *old_properties;  /* update */
  const Json *attributes;      /* update, delete: what create answered */
  const StringMap *stack_tags; /* aws:cloudformation:* and the stack's own: to be put on taggable resources */
  const StringMap *old_stack_tags; /* update: those of before; else empty */
  gboolean rolling_back;       /* update: it undoes one that failed (old_properties are the failed ones): what was is to be again, data too */
  gboolean *cancelled;         /* set when the operation is being given up; resource_pause looks at it */
  const char *type;            /* the template's: "Custom::Check" and AWS::CloudFormation::CustomResource share a row */
  const Json *creation_policy; /* create: the resource's CreationPolicy, or NULL */
  const char *token;           /* the same in every try of this operation: client tokens, generated names */
  gpointer engine;             /* the engine's own */
  void (*made)(ResourceCall *rc, const char *physical_id); /* the engine's own: call resource_made */
};

typedef struct ResourceResult {
  const char *physical_id;     /* create: required. What DescribeStackResources shows. Set as soon as the resource is there, and not before:
                                * what is set when .create fails is deleted */
  const char *ref;             /* what Ref gives; NULL: physical_id */
  Json *attributes;            /* object: what Fn::GetAtt gives, nested with dots in the key ("Endpoint.Address"); may be NULL */
} ResourceResult;

typedef struct ResourceType {
  const char *name;
  Error *(*create)(ResourceCall *rc, ResourceResult *ret);
  /* In place. NULL: no property can be updated in place. ret is prefilled with the old ids and attributes. An answer RESOURCE_REPLACE: this
   * change needs a new resource (where the specification says only that it may). */
  Error *(*update)(ResourceCall *rc, ResourceResult *ret);
  Error *(*delete)(ResourceCall *rc);
  /* Snapshot for DeletionPolicy: Snapshot, or NULL. */
  Error *(*snapshot)(ResourceCall *rc);
  /* An attribute that other resources change after the creation (a VPC's ranges): asked for when a template names it. *ret_value is left
   * NULL for all others. May be NULL. */
  Error *(*read)(ResourceCall *rc, const char *attribute, Json **ret_value);
  const char *no_effect;       /* space-separated properties ("A", "A.B") that are accepted but have no effect here: reported when the stack comes up */
} ResourceType;

#define RESOURCE(type, id, ...) const ResourceType resource_##id = { .name = #type, __VA_ARGS__ };

/* All types, sorted by name, NULL-terminated (generated from the RESOURCE lines). */
extern const ResourceType *const haar_resource_types[];

/* The code of the answer with which .update asks for a replacement. */
#define RESOURCE_REPLACE "ReplacementRequired"
/* In .create, once the resource is there and only its stability is waited for: its id is stored and shown ("Resource creation Initiated"),
 * so that it is deleted whatever happens next. Once. */
void resource_made(ResourceCall *rc, const char *physical_id);

/* Text, integer, boolean of a property; otherwise if absent. Numbers and booleans may be written as strings. */
const char *property_text(const ResourceCall *rc, const char *name);
gint64 property_int(const ResourceCall *rc, const char *name, gint64 otherwise);
gboolean property_bool(const ResourceCall *rc, const char *name, gboolean otherwise);
/* A property as JSON text (policy documents given as objects), or the text itself if it is a string. arena. */
const char *property_document(const ResourceCall *rc, const char *name);
/* Whether a property differs between old_properties and properties. */
gboolean property_changed(const ResourceCall *rc, const char *name);
/* Fills an operation's input from the properties of the same names (lenient types), for CFN types that follow the API's shapes. */
Error *property_input(const ResourceCall *rc, const Shape *input, void *in) ERROR_MUST_USE;
/* "stack-LogicalId-1A2B3C4D5E6F", at most max characters, lower case if lower: the generated name of a resource without one. arena. */
char *resource_name(const ResourceCall *rc, gsize max, gboolean lower);
/* The Tags property (list of Key/Value) and the stack's tags together. arena. */
StringMap resource_tags(const ResourceCall *rc);
/* Keys of tags that were there before an update (the property's and the stack's) and are not any more: to be taken off. arena. */
StringList resource_gone_tags(const ResourceCall *rc);
/* Whether a property was there before an update and is not any more: its default is to be set again. */
gboolean property_gone(const ResourceCall *rc, const char *name);
/* Sleeps ms, less if the operation is cancelled: then an answer to be returned. */
Error *resource_pause(const ResourceCall *rc, guint ms) ERROR_MUST_USE;
/* Runs an operation as the stack's principal. */
Error *resource_operation(ResourceCall *rc, const Operation *operation, const void *in, void *ret_out) ERROR_MUST_USE;
/* Sets a text attribute of the result. */
void resource_attribute(const ResourceCall *rc, ResourceResult *ret, const char *name, const char *text);
/* --- resource_policy.c: resources that are a policy of others --- */

/* Sets the policy of one of them; document "": takes it away, and it is no error if the thing is gone. */
typedef Error *(*ResourceSetPolicy)(ResourceCall *rc, const char *target, const char *document);
/* Creates or updates one whose property is a list ("Topics"): what is no longer in it loses the policy. */
Error *resource_policy_put(ResourceCall *rc, ResourceResult *ret, const char *property, ResourceSetPolicy set) ERROR_MUST_USE;
Error *resource_policy_remove(ResourceCall *rc, const char *property, ResourceSetPolicy set) ERROR_MUST_USE;
/* Creates or updates an inline one, whose physical id is the thing that property names ("TopicArn"). */
Error *resource_inline_policy_put(ResourceCall *rc, ResourceResult *ret, const char *property, ResourceSetPolicy set) ERROR_MUST_USE;

