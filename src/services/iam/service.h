/* What the files of the IAM service share. */
#pragma once

#include "services/iam.gen.h"

/* Roles, users and groups: one record and one set of functions for what they have in common. */
typedef struct EntityKind {
  const char *noun, *title;      /* "role", "Role": for messages */
  const char *id_prefix;         /* "AROA" */
  const char *member;            /* the member of an input that names one: "RoleName" */
  const char *quota;             /* "PoliciesPerRole" */
  gint64 inline_max;             /* bytes of all inline policies together, without white space */
} EntityKind;

extern const EntityKind iam_role_kind, iam_user_kind, iam_group_kind;

extern const Table iam_entity_table, iam_policy_table, iam_profile_table, iam_key_table;

/* A key of (account, parts ...), NULL-terminated. */
void iam_key(const Call *call, Key *key, ...) G_GNUC_NULL_TERMINATED;

/* The role, user or group of this name (case is not minded); there is none: NoSuchEntity. arena. */
Error *entity_find(Call *call, const EntityKind *kind, const char *name, IamEntityRecord **ret) ERROR_MUST_USE;
/* The same, NULL if there is none. */
Error *entity_look(Call *call, const EntityKind *kind, const char *name, IamEntityRecord **ret) ERROR_MUST_USE;
/* Stores it and hands the policies that hold for it to the evaluation (of a group: for its members). */
Error *entity_put(Call *call, const EntityKind *kind, const IamEntityRecord *record) ERROR_MUST_USE;
Error *entity_delete(Call *call, const EntityKind *kind, const IamEntityRecord *record) ERROR_MUST_USE;
/* A new one, not stored. Exists already: EntityAlreadyExists. boundary may be NULL. */
Error *entity_new(Call *call, const EntityKind *kind, const char *path, const char *name, const char *boundary, const IamtagListType *tags,
                  IamEntityRecord **ret) ERROR_MUST_USE;
/* Calls visit for each; visit may not write. */
typedef Error *(*EntityVisit)(Call *call, const EntityKind *kind, IamEntityRecord *record, gpointer data);
Error *entity_each(Call *call, const EntityKind *kind, EntityVisit visit, gpointer data) ERROR_MUST_USE;
/* All, in the order of their names (arena). */
typedef struct EntityList { gsize n; IamEntityRecord **v; } EntityList;
Error *entity_list(Call *call, const EntityKind *kind, EntityList *ret) ERROR_MUST_USE;
IamAttachedPermissionsBoundary *entity_boundary(Arena *arena, const IamEntityRecord *record);

/* A managed policy, the customer's or AWS's. There is none: NoSuchEntity in the words of what. arena. */
Error *policy_find(Call *call, const char *arn, const char *words, IamPolicyRecord **ret) ERROR_MUST_USE;
/* The document of its default version; NULL: no such policy. arena. */
Error *policy_document(Call *call, const char *arn, const char **ret) ERROR_MUST_USE;
/* A policy document as IAM answers it (arena). */
char *iam_document_encode(Arena *arena, const char *document);
/* Adds the records (IamPolicyRecord *, arena) of the account's own managed policies, and of AWS's. */
Error *policies_own(Call *call, GPtrArray *out) ERROR_MUST_USE;
void policies_aws(Call *call, GPtrArray *out);
/* The instance profiles of a role, or all (role NULL), with this path prefix or any (NULL). */
Error *profiles_of(Call *call, const char *role, const char *path, IaminstanceProfileListType *out) ERROR_MUST_USE;
/* How many roles, users and groups have it attached or as their boundary. */
typedef struct PolicyUses { gint64 attached, boundaries; } PolicyUses;
Error *policy_uses(Call *call, const char *arn, PolicyUses *ret) ERROR_MUST_USE;
/* Bytes of a document that count for quotas: those that are not white space. */
gint64 policy_size(const char *document);
/* Hands the policies of all that have this one attached to the evaluation again. */
Error *policy_changed(Call *call, const char *arn) ERROR_MUST_USE;
/* What a role's trust policy must and must not say. */
Error *trust_check(Call *call, const char *document) ERROR_MUST_USE;

/* AWS's own managed policies; NULL: none of that ARN. */
typedef struct ManagedPolicy { const char *path, *name, *document; } ManagedPolicy;
extern const ManagedPolicy iam_managed_policies[]; /* name NULL ends */
char *managed_policy_arn(Arena *arena, const ManagedPolicy *policy);
const ManagedPolicy *managed_policy_find(const char *arn);

/* Pages of n things: from Marker, MaxItems of them. A bad marker: ValidationError. */
typedef struct Page { gsize from, to; gboolean truncated; const char *marker; } Page;
Error *page_make(Arena *arena, gsize n, const char *marker, OptInt max_items, Page *ret) ERROR_MUST_USE;
/* Sets IsTruncated and Marker of an output. */
#define PAGE_END(out, page) ((out)->IsTruncated = OPT_BOOL((page).truncated), (out)->Marker = (page).marker)

/* Tags: adds or replaces; over 50 is LimitExceeded. Removes. */
Error *tags_add(Arena *arena, IamtagListType *tags, const IamtagListType *more) ERROR_MUST_USE;
void tags_remove(Arena *arena, IamtagListType *tags, const StringList *keys);

/* authorize callbacks: the resource named by the input. */
Error *role_resource(Call *call, const void *in, Authorization *auth);
Error *user_resource(Call *call, const void *in, Authorization *auth);
Error *group_resource(Call *call, const void *in, Authorization *auth);
Error *policy_resource(Call *call, const void *in, Authorization *auth);
Error *profile_resource(Call *call, const void *in, Authorization *auth);
