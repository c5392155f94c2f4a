#include "services/secretsmanager/secretsmanager.h"
#include "services/rds.gen.h"
#include "stack/resource.h"

#include <string.h>

static SecretsmanagerTagListType
tags_of(const ResourceCall *rc)
{
  SecretsmanagerTagListType list = {0};
  StringMap tags = resource_tags(rc);
  for (gsize i = 0; i < tags.n; i++) {
    SecretsmanagerTag *tag = ARENA_NEW(rc->call->arena, SecretsmanagerTag);
    *tag = (SecretsmanagerTag) {tags.v[i].key, tags.v[i].value};
    LIST_APPEND(rc->call->arena, &list, tag);
  }
  return list;
}

/* -- AWS::SecretsManager::Secret ------------------------------------------------------------------------------------------- */

/* GenerateSecretString: a password, alone or put under a key of a JSON template. */
static Error *
generate(ResourceCall *rc, const char **ret_text)
{
  const Json *rules = json_get(rc->properties, "GenerateSecretString");
  Arena *arena = rc->call->arena;
  SecretsmanagerGetRandomPasswordInput in = {0};
  const char *password = NULL, *template = json_string(json_get(rules, "SecretStringTemplate")), *key = json_string(json_get(rules, "GenerateStringKey"));
  Json *object = NULL;
  TRY(shape_from_json(arena, &SecretsmanagerGetRandomPasswordInput_shape, rules, TRUE, &in));
  TRY(password_make(arena, &in, &password));
  *ret_text = password;
  if (!template != !key)
    return error_answer("ValidationError", "GenerateSecretString of %s needs both SecretStringTemplate and GenerateStringKey, or neither", rc->logical_id);
  if (!template)
    return NULL;
  g_autoptr(Error) error = json_parse(arena, template, strlen(template), &object);
  if (error || object->type != JSON_OBJECT)
    return error_answer("ValidationError", "SecretStringTemplate of %s is not a JSON object%s%s", rc->logical_id, error ? ": " : "",
                        error ? error->message : "");
  json_set(arena, object, key, json_new_string(arena, password));
  *ret_text = json_text(arena, object);
  return NULL;
}

static Error *
create_secret(ResourceCall *rc, ResourceResult *ret)
{
  const char *name = property_text(rc, "Name");
  SecretsmanagerCreateSecretInput in = {.Name = name ? name : resource_name(rc, 255, FALSE), .Description = property_text(rc, "Description"),
                                        .KmsKeyId = property_text(rc, "KmsKeyId"), .SecretString = property_text(rc, "SecretString"),
                                        .ClientRequestToken = id_uuid(rc->call->arena), .Tags = tags_of(rc)};
  SecretsmanagerCreateSecretOutput out = {0};
  if (json_get(rc->properties, "ReplicaRegions"))
    return error_answer("ValidationError", "haar does not replicate secrets to other Regions yet: remove ReplicaRegions of %s", rc->logical_id);
  if (json_get(rc->properties, "GenerateSecretString"))
    TRY(generate(rc, &in.SecretString));
  TRY(resource_operation(rc, &SecretsmanagerOperationCreateSecret, &in, &out));
  ret->physical_id = out.ARN;
  resource_attribute(rc, ret, "Id", out.ARN);
  return NULL;
}

/* aws: tags never change, and may not be set. */
static Error *
update_tags(ResourceCall *rc)
{
  SecretsmanagerTagListType all = tags_of(rc);
  SecretsmanagerTagResourceInput tag = {.SecretId = rc->physical_id};
  SecretsmanagerTagResourceOutput tagged = {0};
  SecretsmanagerUntagResourceInput untag = {.SecretId = rc->physical_id};
  SecretsmanagerUntagResourceOutput untagged = {0};
  StringList gone = resource_gone_tags(rc);
  for (gsize i = 0; i < all.n; i++)
    if (!g_str_has_prefix(all.v[i]->Key, "aws:"))
      LIST_APPEND(rc->call->arena, &tag.Tags, all.v[i]);
  for (gsize i = 0; i < gone.n; i++)
    LIST_APPEND(rc->call->arena, &untag.TagKeys, gone.v[i]);
  if (gone.n)
    TRY(resource_operation(rc, &SecretsmanagerOperationUntagResource, &untag, &untagged));
  return tag.Tags.n ? resource_operation(rc, &SecretsmanagerOperationTagResource, &tag, &tagged) : NULL;
}

/* The version that is current; NULL: none. */
static Error *
current_version(ResourceCall *rc, const char **ret_version)
{
  SecretsmanagerListSecretVersionIdsInput in = {.SecretId = rc->physical_id};
  SecretsmanagerListSecretVersionIdsOutput out = {0};
  TRY(resource_operation(rc, &SecretsmanagerOperationListSecretVersionIds, &in, &out));
  *ret_version = NULL;
  for (gsize i = 0; i < out.Versions.n; i++)
    if (string_list_has((const StringList *) (const void *) &out.Versions.v[i]->VersionStages, "AWSCURRENT"))
      *ret_version = out.Versions.v[i]->VersionId;
  return NULL;
}

/* An update that changed the value is undone by making the version current again that was before it: a generated value cannot be made twice. */
static Error *
go_back(ResourceCall *rc, const char *version)
{
  const char *current = NULL;
  TRY(current_version(rc, &current));
  SecretsmanagerUpdateSecretVersionStageInput in = {.SecretId = rc->physical_id, .VersionStage = "AWSCURRENT", .MoveToVersionId = version,
                                                    .RemoveFromVersionId = current};
  SecretsmanagerUpdateSecretVersionStageOutput out = {0};
  return g_strcmp0(current, version) ? resource_operation(rc, &SecretsmanagerOperationUpdateSecretVersionStage, &in, &out) : NULL;
}

static Error *
update_secret(ResourceCall *rc, ResourceResult *ret)
{
  const char *description = property_text(rc, "Description"), *former = json_string(json_get(rc->attributes, "_FormerVersion"));
  SecretsmanagerUpdateSecretInput in = {.SecretId = rc->physical_id, .Description = description ? description : "",
                                        .KmsKeyId = property_gone(rc, "KmsKeyId") ? "alias/aws/secretsmanager" : property_text(rc, "KmsKeyId"),
                                        .ClientRequestToken = id_uuid(rc->call->arena)};
  SecretsmanagerUpdateSecretOutput out = {0};
  gboolean changed = property_changed(rc, "SecretString") || property_changed(rc, "GenerateSecretString");
  if (changed && !(rc->rolling_back && former)) {
    if (property_changed(rc, "SecretString"))
      in.SecretString = property_text(rc, "SecretString");
    if (property_changed(rc, "GenerateSecretString") && json_get(rc->properties, "GenerateSecretString"))
      TRY(generate(rc, &in.SecretString));
    TRY(current_version(rc, &former));
  }
  TRY(resource_operation(rc, &SecretsmanagerOperationUpdateSecret, &in, &out));
  if (changed && rc->rolling_back && former)
    TRY(go_back(rc, former));
  resource_attribute(rc, ret, "_FormerVersion", former);
  return update_tags(rc);
}

static Error *
delete_secret(ResourceCall *rc)
{
  SecretsmanagerDeleteSecretInput in = {.SecretId = rc->physical_id, .ForceDeleteWithoutRecovery = OPT_BOOL(TRUE)};
  SecretsmanagerDeleteSecretOutput out = {0};
  return resource_operation(rc, &SecretsmanagerOperationDeleteSecret, &in, &out);
}

RESOURCE(AWS::SecretsManager::Secret, secretsmanager_secret, .create = create_secret, .update = update_secret, .delete = delete_secret)

/* -- AWS::SecretsManager::SecretTargetAttachment --------------------------------------------------------------------------- */

static void
set_member(Arena *arena, Json *object, const char *key, const char *text)
{
  if (text)
    json_set(arena, object, key, json_new_string(arena, text));
}

static Error *
cluster_members(ResourceCall *rc, const char *id, Json *object)
{
  RdsDescribeDBClustersInput in = {.DBClusterIdentifier = id};
  RdsDescribeDBClustersOutput out = {0};
  Arena *arena = rc->call->arena;
  TRY(resource_operation(rc, &RdsOperationDescribeDBClusters, &in, &out));
  if (!out.DBClusters.n)
    return error_answer("DBClusterNotFoundFault", "DBCluster %s not found.", id);
  const RdsDBCluster *cluster = out.DBClusters.v[0];
  set_member(arena, object, "engine", g_str_has_prefix(cluster->Engine, "aurora-postgresql") ? "postgres" : "mysql");
  set_member(arena, object, "host", cluster->Endpoint);
  json_set(arena, object, "port", json_new_int(arena, OPT_OR(cluster->Port, 3306)));
  set_member(arena, object, "dbname", cluster->DatabaseName);
  set_member(arena, object, "dbClusterIdentifier", cluster->DBClusterIdentifier);
  return NULL;
}

static Error *
instance_members(ResourceCall *rc, const char *id, Json *object)
{
  RdsDescribeDBInstancesInput in = {.DBInstanceIdentifier = id};
  RdsDescribeDBInstancesOutput out = {0};
  Arena *arena = rc->call->arena;
  TRY(resource_operation(rc, &RdsOperationDescribeDBInstances, &in, &out));
  if (!out.DBInstances.n)
    return error_answer("DBInstanceNotFound", "DBInstance %s not found.", id);
  const RdsDBInstance *instance = out.DBInstances.v[0];
  set_member(arena, object, "engine", instance->Engine);
  set_member(arena, object, "host", instance->Endpoint ? instance->Endpoint->Address : NULL);
  json_set(arena, object, "port", json_new_int(arena, instance->Endpoint ? OPT_OR(instance->Endpoint->Port, 3306) : 3306));
  set_member(arena, object, "dbname", instance->DBName);
  set_member(arena, object, "dbInstanceIdentifier", instance->DBInstanceIdentifier);
  return NULL;
}

/* The secret's value is JSON; the connection's members are put into it. */
static Error *
attach(ResourceCall *rc, ResourceResult *ret)
{
  const char *secret = property_text(rc, "SecretId"), *target = property_text(rc, "TargetId"), *type = property_text(rc, "TargetType");
  Arena *arena = rc->call->arena;
  SecretsmanagerGetSecretValueInput get = {.SecretId = secret};
  SecretsmanagerGetSecretValueOutput value = {0};
  Json *object = NULL;
  TRY(resource_operation(rc, &SecretsmanagerOperationGetSecretValue, &get, &value));
  const char *text = value.SecretString ? value.SecretString : "";
  g_autoptr(Error) error = json_parse(arena, text, strlen(text), &object);
  if (error || object->type != JSON_OBJECT)
    return error_answer("InvalidRequest", "The secret %s is not a JSON object, so that a database cannot be attached to it", secret);
  if (!g_strcmp0(type, "AWS::RDS::DBCluster"))
    TRY(cluster_members(rc, target, object));
  else if (!g_strcmp0(type, "AWS::RDS::DBInstance"))
    TRY(instance_members(rc, target, object));
  else
    return error_answer("InvalidRequest", "haar attaches secrets to AWS::RDS::DBCluster and AWS::RDS::DBInstance, not to %s", type ? type : "nothing");
  SecretsmanagerPutSecretValueInput put = {.SecretId = secret, .SecretString = json_text(arena, object), .ClientRequestToken = id_uuid(arena)};
  SecretsmanagerPutSecretValueOutput out = {0};
  TRY(resource_operation(rc, &SecretsmanagerOperationPutSecretValue, &put, &out));
  ret->physical_id = out.ARN;
  resource_attribute(rc, ret, "Id", out.ARN);
  return NULL;
}

static Error *
detach(ResourceCall *rc)
{
  return NULL; /* as on AWS: the secret keeps its value, and goes with its own resource */
}

RESOURCE(AWS::SecretsManager::SecretTargetAttachment, secretsmanager_secret_target_attachment, .create = attach, .update = attach, .delete = detach)

/* -- AWS::SecretsManager::RotationSchedule --------------------------------------------------------------------------------- */

static Error *
put_rotation(ResourceCall *rc, ResourceResult *ret)
{
  SecretsmanagerRotateSecretInput in = {0};
  SecretsmanagerRotateSecretOutput out = {0};
  if (json_get(rc->properties, "HostedRotationLambda"))
    return error_answer("ValidationError", "haar does not have hosted rotation functions: give %s a RotationLambdaARN", rc->logical_id);
  TRY(property_input(rc, &SecretsmanagerRotateSecretInput_shape, &in));
  in.RotateImmediately = OPT_BOOL(property_bool(rc, "RotateImmediatelyOnUpdate", TRUE));
  in.ClientRequestToken = id_uuid(rc->call->arena);
  TRY(resource_operation(rc, &SecretsmanagerOperationRotateSecret, &in, &out));
  ret->physical_id = out.ARN;
  resource_attribute(rc, ret, "Id", out.ARN);
  return NULL;
}

static Error *
cancel_rotation(ResourceCall *rc)
{
  SecretsmanagerCancelRotateSecretInput in = {.SecretId = property_text(rc, "SecretId")};
  SecretsmanagerCancelRotateSecretOutput out = {0};
  return resource_operation(rc, &SecretsmanagerOperationCancelRotateSecret, &in, &out);
}

RESOURCE(AWS::SecretsManager::RotationSchedule, secretsmanager_rotation_schedule, .create = put_rotation, .update = put_rotation,
         .delete = cancel_rotation)

/* -- AWS::SecretsManager::ResourcePolicy ----------------------------------------------------------------------------------- */

static Error *
put_policy(ResourceCall *rc, ResourceResult *ret)
{
  SecretsmanagerPutResourcePolicyInput in = {.SecretId = property_text(rc, "SecretId"), .ResourcePolicy = property_document(rc, "ResourcePolicy")};
  SecretsmanagerPutResourcePolicyOutput out = {0};
  TRY(resource_operation(rc, &SecretsmanagerOperationPutResourcePolicy, &in, &out));
  ret->physical_id = out.ARN;
  resource_attribute(rc, ret, "Id", out.ARN);
  return NULL;
}

static Error *
delete_policy(ResourceCall *rc)
{
  SecretsmanagerDeleteResourcePolicyInput in = {.SecretId = property_text(rc, "SecretId")};
  SecretsmanagerDeleteResourcePolicyOutput out = {0};
  return resource_operation(rc, &SecretsmanagerOperationDeleteResourcePolicy, &in, &out);
}

RESOURCE(AWS::SecretsManager::ResourcePolicy, secretsmanager_resource_policy, .create = put_policy, .update = put_policy, .delete = delete_policy,
         .no_effect = "BlockPublicPolicy")
