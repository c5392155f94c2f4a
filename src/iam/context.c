/* The condition keys that follow from the principal, the resource and the time.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html */
#include "iam/context.h"

#include <string.h>

static void
add(Arena *arena, StringMap *map, const char *key, const char *value)
{
  if (value)
    LIST_APPEND(arena, map, ((StringMapEntry) { key, value }));
}

static const char *
after_last_slash(const char *text)
{
  const char *slash = text ? strrchr(text, '/') : NULL;
  return slash ? slash + 1 : NULL;
}

static const char *
principal_type(const Principal *principal)
{
  switch (principal->type) {
  case PRINCIPAL_ANONYMOUS:
    return "Anonymous";
  case PRINCIPAL_ROOT:
    return "Account";
  case PRINCIPAL_USER:
    return "User";
  case PRINCIPAL_ROLE_SESSION:
    return "AssumedRole";
  case PRINCIPAL_SERVICE:
    return NULL;
  }
  return NULL;
}

/* Tags of the session come before those of the user or role. */
static void
add_tags(Arena *arena, StringMap *map, const StringMap *session, const StringMap *identity)
{
  for (gsize i = 0; i < session->n; i++)
    add(arena, map, arena_printf(arena, "aws:PrincipalTag/%s", session->v[i].key), session->v[i].value);
  for (gsize i = 0; i < identity->n; i++)
    if (!string_map_get(session, identity->v[i].key))
      add(arena, map, arena_printf(arena, "aws:PrincipalTag/%s", identity->v[i].key), identity->v[i].value);
}

StringMap
context_derive(Arena *arena, const IamRequest *request, const IdentityPolicies *identity)
{
  const Principal *principal = request->principal;
  StringMap map = { 0 };
  gint64 now = clock_now();
  gboolean service = principal->type == PRINCIPAL_SERVICE;
  add(arena, &map, "aws:CurrentTime", text_iso8601(arena, now, FALSE));
  add(arena, &map, "aws:EpochTime", arena_printf(arena, "%" G_GINT64_FORMAT, now / 1000));
  add(arena, &map, "aws:ResourceAccount", request->resource_account);
  add(arena, &map, "aws:PrincipalType", principal_type(principal));
  add(arena, &map, "aws:PrincipalIsAWSService", service ? "true" : "false");
  add(arena, &map, "aws:PrincipalServiceName", service ? principal->arn : NULL);
  if (service || principal->type == PRINCIPAL_ANONYMOUS)
    return map;
  add(arena, &map, "aws:PrincipalArn", principal->type == PRINCIPAL_ROLE_SESSION ? principal->role_arn : principal->arn);
  add(arena, &map, "aws:PrincipalAccount", principal->account);
  add(arena, &map, "aws:userid", principal->user_id);
  add(arena, &map, "aws:username", principal->type == PRINCIPAL_USER ? after_last_slash(principal->arn) : NULL);
  add(arena, &map, "aws:SourceIdentity", principal->source_identity);
  if (principal->issued_ms > 0)
    add(arena, &map, "aws:TokenIssueTime", text_iso8601(arena, principal->issued_ms, FALSE));
  add_tags(arena, &map, &principal->tags, &identity->tags);
  return map;
}
