/* Roles. */
#include "services/iam/service.h"

#include <string.h>

Error *
trust_check(Call *call, const char *document)
{
  TRY(iam_policy_check(call->arena, document, TRUE));
  Json *json = NULL;
  TRY(json_parse(call->arena, document, strlen(document), &json));
  Json *statements = json_get(json, "Statement");
  gboolean list = statements->type == JSON_ARRAY;
  for (guint32 i = 0; i < (list ? statements->n : 1); i++) {
    const Json *statement = list ? statements->items[i] : statements;
    if (json_get(statement, "Resource") || json_get(statement, "NotResource"))
      return error_answer("MalformedPolicyDocument", "Has prohibited field Resource");
    const Json *action = json_get(statement, "Action");
    for (guint32 j = 0; action && j < (action->type == JSON_ARRAY ? action->n : 1); j++) {
      const char *name = action->type == JSON_ARRAY ? json_string(action->items[j]) : action->text;
      if (g_ascii_strncasecmp(name, "sts:", 4) != 0)
        return error_answer("MalformedPolicyDocument", "AssumeRole policy may only specify STS AssumeRole actions.");
    }
  }
  if (policy_size(document) > 2048)
    return error_answer("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048");
  return NULL;
}

static IamRole *
role_make(Arena *arena, const IamEntityRecord *record, gboolean listed)
{
  IamRole *role = ARENA_NEW(arena, IamRole);
  role->Path = record->Path;
  role->RoleName = record->Name;
  role->RoleId = record->Id;
  role->Arn = record->Arn;
  role->CreateDate = record->CreateDate;
  role->AssumeRolePolicyDocument = iam_document_encode(arena, record->Trust);
  role->Description = record->Description;
  role->MaxSessionDuration = record->MaxSessionDuration;
  if (listed)
    return role;
  role->PermissionsBoundary = entity_boundary(arena, record);
  role->Tags = record->Tags;
  role->RoleLastUsed = ARENA_NEW(arena, IamRoleLastUsed);
  return role;
}

OPERATION(CreateRole, create_role, .txn = TXN_WRITE, .authorize = role_resource)
static Error *
create_role(Call *call, const IamCreateRoleInput *in, IamCreateRoleOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  TRY(trust_check(call, in->AssumeRolePolicyDocument));
  TRY(entity_new(call, &iam_role_kind, in->Path, in->RoleName, in->PermissionsBoundary, &in->Tags, &record));
  record->Trust = in->AssumeRolePolicyDocument;
  record->Description = in->Description;
  record->MaxSessionDuration = OPT_INT(OPT_OR(in->MaxSessionDuration, 3600));
  TRY(entity_put(call, &iam_role_kind, record));
  ret_out->Role = role_make(call->arena, record, FALSE);
  return NULL;
}

OPERATION(GetRole, get_role, .authorize = role_resource)
static Error *
get_role(Call *call, const IamGetRoleInput *in, IamGetRoleOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, &iam_role_kind, in->RoleName, &record));
  ret_out->Role = role_make(call->arena, record, FALSE);
  return NULL;
}

static Error *
in_profile(Call *call, const char *role, gboolean *ret)
{
  Key prefix;
  iam_key(call, &prefix, NULL);
  CursorOptions options = { .prefix = &prefix };
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &iam_profile_table, &options, &cursor));
  while (!*ret && cursor_next(cursor)) {
    gsize size = 0;
    const guint8 *data = cursor_value(cursor, &size);
    void *record = NULL;
    TRY(record_decode(call->arena, &IamProfileRecord_shape, data, size, &record));
    *ret = g_strcmp0(((IamProfileRecord *) record)->Role, role) == 0;
  }
  return NULL;
}

OPERATION(DeleteRole, delete_role, .txn = TXN_WRITE, .authorize = role_resource)
static Error *
delete_role(Call *call, const IamDeleteRoleInput *in, IamDeleteRoleOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  gboolean used = FALSE;
  TRY(entity_find(call, &iam_role_kind, in->RoleName, &record));
  if (g_str_has_prefix(record->Path, "/aws-service-role/"))
    return error_answer("UnmodifiableEntity", "Cannot perform the operation on the protected role '%s' - this role is only modifiable by AWS", record->Name);
  TRY(in_profile(call, record->Name, &used));
  if (used)
    return error_answer("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.");
  return entity_delete(call, &iam_role_kind, record);
}

OPERATION(ListRoles, list_roles)
static Error *
list_roles(Call *call, const IamListRolesInput *in, IamListRolesOutput *ret_out)
{
  EntityList all = { 0 }, wanted = { 0 };
  Page page;
  TRY(entity_list(call, &iam_role_kind, &all));
  for (gsize i = 0; i < all.n; i++)
    if (!in->PathPrefix || g_str_has_prefix(all.v[i]->Path, in->PathPrefix))
      LIST_APPEND(call->arena, &wanted, all.v[i]);
  TRY(page_make(call->arena, wanted.n, in->Marker, in->MaxItems, &page));
  LIST_EMPTY(call->arena, &ret_out->Roles);
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->Roles, role_make(call->arena, wanted.v[i], TRUE));
  PAGE_END(ret_out, page);
  return NULL;
}

OPERATION(UpdateRole, update_role, .txn = TXN_WRITE, .authorize = role_resource)
static Error *
update_role(Call *call, const IamUpdateRoleInput *in, IamUpdateRoleOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, &iam_role_kind, in->RoleName, &record));
  if (in->Description)
    record->Description = in->Description;
  if (in->MaxSessionDuration.set)
    record->MaxSessionDuration = in->MaxSessionDuration;
  return entity_put(call, &iam_role_kind, record);
}

OPERATION(UpdateRoleDescription, update_role_description, .txn = TXN_WRITE, .authorize = role_resource)
static Error *
update_role_description(Call *call, const IamUpdateRoleDescriptionInput *in, IamUpdateRoleDescriptionOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, &iam_role_kind, in->RoleName, &record));
  record->Description = in->Description;
  TRY(entity_put(call, &iam_role_kind, record));
  ret_out->Role = role_make(call->arena, record, FALSE);
  return NULL;
}

OPERATION(UpdateAssumeRolePolicy, update_assume_role_policy, .txn = TXN_WRITE, .authorize = role_resource)
static Error *
update_assume_role_policy(Call *call, const IamUpdateAssumeRolePolicyInput *in, IamUpdateAssumeRolePolicyOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, &iam_role_kind, in->RoleName, &record));
  TRY(trust_check(call, in->PolicyDocument));
  record->Trust = in->PolicyDocument;
  return entity_put(call, &iam_role_kind, record);
}

OPERATION(PutRolePermissionsBoundary, put_role_permissions_boundary, .txn = TXN_WRITE, .authorize = role_resource)
static Error *
put_role_permissions_boundary(Call *call, const IamPutRolePermissionsBoundaryInput *in, IamPutRolePermissionsBoundaryOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  const char *document = NULL;
  TRY(entity_find(call, &iam_role_kind, in->RoleName, &record));
  TRY(policy_document(call, in->PermissionsBoundary, &document));
  if (!document)
    return error_answer("NoSuchEntity", "Policy %s does not exist or is not attachable.", in->PermissionsBoundary);
  record->Boundary = in->PermissionsBoundary;
  return entity_put(call, &iam_role_kind, record);
}

OPERATION(DeleteRolePermissionsBoundary, delete_role_permissions_boundary, .txn = TXN_WRITE, .authorize = role_resource)
static Error *
delete_role_permissions_boundary(Call *call, const IamDeleteRolePermissionsBoundaryInput *in, IamDeleteRolePermissionsBoundaryOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, &iam_role_kind, in->RoleName, &record));
  record->Boundary = NULL;
  return entity_put(call, &iam_role_kind, record);
}

OPERATION(TagRole, tag_role, .txn = TXN_WRITE, .authorize = role_resource)
static Error *
tag_role(Call *call, const IamTagRoleInput *in, IamTagRoleOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, &iam_role_kind, in->RoleName, &record));
  TRY(tags_add(call->arena, &record->Tags, &in->Tags));
  return entity_put(call, &iam_role_kind, record);
}

OPERATION(UntagRole, untag_role, .txn = TXN_WRITE, .authorize = role_resource)
static Error *
untag_role(Call *call, const IamUntagRoleInput *in, IamUntagRoleOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, &iam_role_kind, in->RoleName, &record));
  tags_remove(call->arena, &record->Tags, &in->TagKeys);
  return entity_put(call, &iam_role_kind, record);
}

OPERATION(ListRoleTags, list_role_tags, .authorize = role_resource)
static Error *
list_role_tags(Call *call, const IamListRoleTagsInput *in, IamListRoleTagsOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  Page page;
  TRY(entity_find(call, &iam_role_kind, in->RoleName, &record));
  TRY(page_make(call->arena, record->Tags.n, in->Marker, in->MaxItems, &page));
  LIST_EMPTY(call->arena, &ret_out->Tags);
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->Tags, record->Tags.v[i]);
  PAGE_END(ret_out, page);
  return NULL;
}

/* "lambda.amazonaws.com" -> "AWSServiceRoleForLambda". AWS's own names are irregular; the common ones are in the table. */
static const char *
linked_role_name(Arena *arena, const char *service, const char *suffix)
{
  static const char *const names[][2] = {
    { "rds.amazonaws.com", "RDS" }, { "ecs.amazonaws.com", "ECS" }, { "autoscaling.amazonaws.com", "AutoScaling" },
    { "elasticloadbalancing.amazonaws.com", "ElasticLoadBalancing" }, { "ops.apigateway.amazonaws.com", "APIGateway" },
    { "dynamodb.application-autoscaling.amazonaws.com", "ApplicationAutoScaling_DynamoDBTable" },
    { "replication.dynamodb.amazonaws.com", "DynamoDBReplication" }, { "spot.amazonaws.com", "EC2Spot" }, { "vpc.amazonaws.com", "VPC" },
    { "elasticache.amazonaws.com", "ElastiCache" }, { "lambda.amazonaws.com", "Lambda" }, { "es.amazonaws.com", "AmazonElasticsearchService" },
  };
  const char *name = NULL;
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
    if (strcmp(names[i][0], service) == 0)
      name = names[i][1];
  if (!name) {
    char *label = arena_strndup(arena, service, strcspn(service, "."));
    label[0] = g_ascii_toupper(label[0]);
    name = label;
  }
  return arena_printf(arena, "AWSServiceRoleFor%s%s%s", name, suffix ? "_" : "", suffix ? suffix : "");
}

OPERATION(CreateServiceLinkedRole, create_service_linked_role, .txn = TXN_WRITE)
static Error *
create_service_linked_role(Call *call, const IamCreateServiceLinkedRoleInput *in, IamCreateServiceLinkedRoleOutput *ret_out)
{
  IamEntityRecord *record = NULL, *old = NULL;
  if (!g_str_has_suffix(in->AWSServiceName, ".amazonaws.com"))
    return error_answer("InvalidInput", "%s is not a valid service principal", in->AWSServiceName);
  const char *name = linked_role_name(call->arena, in->AWSServiceName, in->CustomSuffix);
  TRY(entity_look(call, &iam_role_kind, name, &old));
  if (old)
    return error_answer("InvalidInput", "Service role name %s has been taken in this account, please try a different suffix.", name);
  TRY(entity_new(call, &iam_role_kind, arena_printf(call->arena, "/aws-service-role/%s/", in->AWSServiceName), name, NULL, NULL, &record));
  record->Description = in->Description;
  record->MaxSessionDuration = OPT_INT(3600);
  record->Trust = arena_printf(call->arena,
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"%s\"},\"Action\":\"sts:AssumeRole\"}]}", in->AWSServiceName);
  TRY(entity_put(call, &iam_role_kind, record));
  ret_out->Role = role_make(call->arena, record, FALSE);
  return NULL;
}

OPERATION(DeleteServiceLinkedRole, delete_service_linked_role, .txn = TXN_WRITE, .authorize = role_resource)
static Error *
delete_service_linked_role(Call *call, const IamDeleteServiceLinkedRoleInput *in, IamDeleteServiceLinkedRoleOutput *ret_out)
{
  IamEntityRecord *record = NULL;
  TRY(entity_find(call, &iam_role_kind, in->RoleName, &record));
  if (!g_str_has_prefix(record->Path, "/aws-service-role/"))
    return error_answer("InvalidInput", "%s is not a service-linked role.", record->Name);
  ret_out->DeletionTaskId = arena_printf(call->arena, "task%s%s/%s", record->Path, record->Name, id_uuid(call->arena));
  return entity_delete(call, &iam_role_kind, record);
}

OPERATION(GetServiceLinkedRoleDeletionStatus, get_service_linked_role_deletion_status)
static Error *
get_service_linked_role_deletion_status(Call *call, const IamGetServiceLinkedRoleDeletionStatusInput *in,
                                        IamGetServiceLinkedRoleDeletionStatusOutput *ret_out)
{
  if (!g_str_has_prefix(in->DeletionTaskId, "task/aws-service-role/"))
    return error_answer("NoSuchEntity", "The task %s cannot be found.", in->DeletionTaskId);
  ret_out->Status = "SUCCEEDED"; /* the deletion was done when its task was answered */
  return NULL;
}
