/* IAM: what all its operations stand on. */
#include "services/iam/service.h"

#include <string.h>

#include "server/haar.h"

const ServiceHooks iam_hooks = { 0 };

const Table iam_entity_table = { "iam.entity" };
const Table iam_policy_table = { "iam.policy" };
const Table iam_profile_table = { "iam.profile" };
const Table iam_key_table = { "iam.key" };

void
iam_key(const Call *call, Key *key, ...)
{
  key_init(key);
  key_add(key, call->account);
  va_list parts;
  va_start(parts, key);
  for (const char *part = va_arg(parts, const char *); part; part = va_arg(parts, const char *))
    key_add(key, part);
  va_end(parts);
}

char *
iam_document_encode(Arena *arena, const char *document)
{
  return document ? text_uri_encode(arena, document, FALSE) : NULL;
}

gint64
policy_size(const char *document)
{
  gint64 size = 0;
  for (; *document; document++)
    size += !g_ascii_isspace(*document);
  return size;
}

Error *
page_make(Arena *arena, gsize n, const char *marker, OptInt max_items, Page *ret)
{
  guint64 from = 0;
  if (marker && !g_ascii_string_to_unsigned(marker, 16, 0, G_MAXUINT32, &from, NULL))
    return error_answer_status(400, "ValidationError", "Invalid Marker.");
  gsize max = (gsize) OPT_OR(max_items, 100);
  ret->from = MIN(from, n);
  ret->to = MIN(ret->from + max, n);
  ret->truncated = ret->to < n;
  ret->marker = ret->truncated ? arena_printf(arena, "%08x", (guint) ret->to) : NULL;
  return NULL;
}

Error *
tags_add(Arena *arena, IamtagListType *tags, const IamtagListType *more)
{
  for (gsize i = 0; i < more->n; i++) {
    gsize at = 0;
    while (at < tags->n && g_ascii_strcasecmp(tags->v[at]->Key, more->v[i]->Key) != 0)
      at++;
    if (at < tags->n)
      tags->v[at] = more->v[i];
    else
      LIST_APPEND(arena, tags, more->v[i]);
  }
  if (tags->n > 50)
    return error_answer("LimitExceeded", "The number of tags has reached the maximum limit.");
  return NULL;
}

void
tags_remove(Arena *arena, IamtagListType *tags, const StringList *keys)
{
  gsize kept = 0;
  for (gsize i = 0; i < tags->n; i++)
    if (!string_list_has(keys, tags->v[i]->Key))
      tags->v[kept++] = tags->v[i];
  tags->n = kept;
}

/* The ARN of an existing one has its path; of one to be, that of the input. */
static Error *
entity_resource(Call *call, const EntityKind *kind, const void *in, Authorization *auth)
{
  const char *name = call_input_text(call, in, kind->member);
  if (!name) {
    auth->resource = kind == &iam_user_kind && call->principal->type == PRINCIPAL_USER
                       ? call->principal->arn : arn_format(call->arena, "iam", "", call->account, "%s/*", kind->noun);
    return NULL;
  }
  IamEntityRecord *record = NULL;
  TRY(entity_look(call, kind, name, &record));
  const char *path = call_input_text(call, in, "Path");
  auth->resource = record ? record->Arn : arn_format(call->arena, "iam", "", call->account, "%s%s%s", kind->noun, path ? path : "/", name);
  if (record && record->Boundary)
    MAP_SET(call->arena, &auth->context, "iam:PermissionsBoundary", record->Boundary);
  const char *policy = call_input_text(call, in, "PolicyArn");
  if (policy)
    MAP_SET(call->arena, &auth->context, "iam:PolicyARN", policy);
  return NULL;
}

Error *
role_resource(Call *call, const void *in, Authorization *auth)
{
  return entity_resource(call, &iam_role_kind, in, auth);
}

Error *
user_resource(Call *call, const void *in, Authorization *auth)
{
  return entity_resource(call, &iam_user_kind, in, auth);
}

Error *
group_resource(Call *call, const void *in, Authorization *auth)
{
  return entity_resource(call, &iam_group_kind, in, auth);
}

Error *
policy_resource(Call *call, const void *in, Authorization *auth)
{
  const char *arn = call_input_text(call, in, "PolicyArn");
  const char *path = call_input_text(call, in, "Path"), *name = call_input_text(call, in, "PolicyName");
  auth->resource = arn ? arn : arn_format(call->arena, "iam", "", call->account, "policy%s%s", path ? path : "/", name ? name : "*");
  return NULL;
}

Error *
profile_resource(Call *call, const void *in, Authorization *auth)
{
  const char *path = call_input_text(call, in, "Path"), *name = call_input_text(call, in, "InstanceProfileName");
  auth->resource = arn_format(call->arena, "iam", "", call->account, "instance-profile%s%s", path ? path : "/", name ? name : "*");
  return NULL;
}
