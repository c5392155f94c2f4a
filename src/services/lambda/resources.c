/* AWS::Lambda::Function, Version, Alias, Permission, EventInvokeConfig, EventSourceMapping, Url */
#include <string.h>

#include "services/lambda/lambda.h"
#include "stack/resource.h"

enum { LOOK_MS = 5 };

/* --- AWS::Lambda::Function --- */

/* Waits until the function can be used. */
static Error *
wait_active(ResourceCall *rc, const char *name)
{
  for (;;) {
    LambdaGetFunctionConfigurationOutput now = {0};
    TRY(resource_operation(rc, &LambdaOperationGetFunctionConfiguration, &(LambdaGetFunctionConfigurationInput) {.FunctionName = name}, &now));
    if (g_strcmp0(now.State, "Failed") == 0)
      return error_answer("InvalidParameterValueException", "%s", now.StateReason ? now.StateReason : "The function could not be prepared.");
    if (g_strcmp0(now.LastUpdateStatus, "Failed") == 0)
      return error_answer("InvalidParameterValueException", "%s", now.LastUpdateStatusReason ? now.LastUpdateStatusReason : "The update failed.");
    if (g_strcmp0(now.State, "Active") == 0 && g_strcmp0(now.LastUpdateStatus, "InProgress") != 0)
      return NULL;
    TRY(resource_pause(rc, LOOK_MS));
  }
}

/* Inline code comes as text: CloudFormation makes a package of it. */
static Error *
read_code(ResourceCall *rc, LambdaFunctionCode *ret)
{
  const Json *code = json_get(rc->properties, "Code");
  const char *text = json_string(json_get(code, "ZipFile"));
  *ret = (LambdaFunctionCode) {
    .S3Bucket = json_string(json_get(code, "S3Bucket")),
    .S3Key = json_string(json_get(code, "S3Key")),
    .S3ObjectVersion = json_string(json_get(code, "S3ObjectVersion")),
    .ImageUri = json_string(json_get(code, "ImageUri")),
  };
  return text ? code_zip_inline(rc->call, property_text(rc, "Runtime"), text, &ret->ZipFile) : NULL;
}

/* The properties without those whose form is not the API's. */
static ResourceCall
api_properties(const ResourceCall *rc)
{
  ResourceCall copy = *rc;
  Json *properties = json_copy(rc->call->arena, rc->properties);
  json_remove(properties, "Code");
  json_remove(properties, "Tags");
  copy.properties = properties;
  return copy;
}

static Error *
set_concurrency(ResourceCall *rc, const char *name)
{
  gint64 reserved = property_int(rc, "ReservedConcurrentExecutions", -1);
  if (reserved >= 0)
    return resource_operation(rc, &LambdaOperationPutFunctionConcurrency,
                              &(LambdaPutFunctionConcurrencyInput) {.FunctionName = name, .ReservedConcurrentExecutions = OPT_INT(reserved)},
                              &(LambdaPutFunctionConcurrencyOutput) {0});
  if (!rc->old_properties)
    return NULL;
  return resource_operation(rc, &LambdaOperationDeleteFunctionConcurrency, &(LambdaDeleteFunctionConcurrencyInput) {.FunctionName = name},
                            &(LambdaDeleteFunctionConcurrencyOutput) {0});
}

static Error *
create_function(ResourceCall *rc, ResourceResult *ret)
{
  LambdaCreateFunctionInput in = {0};
  LambdaFunctionCode code;
  LambdaCreateFunctionOutput out = {0};
  ResourceCall plain = api_properties(rc);
  TRY(property_input(&plain, LambdaOperationCreateFunction.model->input, &in));
  TRY(read_code(rc, &code));
  in.Code = &code;
  in.Tags = resource_tags(rc);
  if (!in.FunctionName)
    in.FunctionName = resource_name(rc, 64, FALSE);
  TRY(resource_operation(rc, &LambdaOperationCreateFunction, &in, &out));
  ret->physical_id = in.FunctionName;
  resource_attribute(rc, ret, "Arn", out.FunctionArn);
  TRY(wait_active(rc, in.FunctionName));
  return set_concurrency(rc, in.FunctionName);
}

static Error *
update_tags(ResourceCall *rc, const char *arn)
{
  LambdaListTagsOutput old = {0};
  StringMap tags = resource_tags(rc);
  StringList gone = {0};
  TRY(resource_operation(rc, &LambdaOperationListTags, &(LambdaListTagsInput) {.Resource = arn}, &old));
  for (gsize i = 0; i < old.Tags.n; i++)
    if (!string_map_get(&tags, old.Tags.v[i].key))
      LIST_APPEND(rc->call->arena, &gone, old.Tags.v[i].key);
  if (gone.n)
    TRY(resource_operation(rc, &LambdaOperationUntagResource, &(LambdaUntagResourceInput) {.Resource = arn, .TagKeys = gone},
                           &(LambdaUntagResourceOutput) {0}));
  if (!tags.n)
    return NULL;
  return resource_operation(rc, &LambdaOperationTagResource, &(LambdaTagResourceInput) {.Resource = arn, .Tags = tags},
                            &(LambdaTagResourceOutput) {0});
}

static Error *
update_code(ResourceCall *rc)
{
  LambdaFunctionCode code;
  TRY(read_code(rc, &code));
  LambdaUpdateFunctionCodeInput in = {
    .FunctionName = rc->physical_id, .ZipFile = code.ZipFile, .S3Bucket = code.S3Bucket, .S3Key = code.S3Key, .S3ObjectVersion = code.S3ObjectVersion};
  TRY(resource_operation(rc, &LambdaOperationUpdateFunctionCode, &in, &(LambdaUpdateFunctionCodeOutput) {0}));
  return wait_active(rc, rc->physical_id);
}

/* What was given and is not any more goes back to its default. */
static void
defaults(const ResourceCall *rc, LambdaUpdateFunctionConfigurationInput *in)
{
  Arena *arena = rc->call->arena;
  in->Timeout = in->Timeout.set ? in->Timeout : OPT_INT(3);
  in->MemorySize = in->MemorySize.set ? in->MemorySize : OPT_INT(128);
  in->Description = in->Description ? in->Description : "";
  if (!in->EphemeralStorage) {
    in->EphemeralStorage = ARENA_NEW(arena, LambdaEphemeralStorage);
    in->EphemeralStorage->Size = OPT_INT(512);
  }
  if (!in->Environment)
    in->Environment = ARENA_NEW(arena, LambdaEnvironment);
  LIST_EMPTY(arena, &in->Layers);
  if (!in->VpcConfig)
    in->VpcConfig = ARENA_NEW(arena, LambdaVpcConfig);
  if (!in->DeadLetterConfig)
    in->DeadLetterConfig = ARENA_NEW(arena, LambdaDeadLetterConfig);
}

static Error *
update_configuration(ResourceCall *rc)
{
  LambdaUpdateFunctionConfigurationInput in = {0};
  ResourceCall plain = api_properties(rc);
  TRY(property_input(&plain, LambdaOperationUpdateFunctionConfiguration.model->input, &in));
  in.FunctionName = rc->physical_id;
  in.RevisionId = NULL;
  defaults(rc, &in);
  TRY(resource_operation(rc, &LambdaOperationUpdateFunctionConfiguration, &in, &(LambdaUpdateFunctionConfigurationOutput) {0}));
  return wait_active(rc, rc->physical_id);
}

static Error *
update_function(ResourceCall *rc, ResourceResult *ret)
{
  static const char *const configured[] = {"Description", "Handler", "Runtime", "Role", "Timeout", "MemorySize", "Environment", "VpcConfig",
                                           "DeadLetterConfig", "KmsKeyArn", "TracingConfig", "EphemeralStorage", "Layers"};
  gboolean changed = FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS(configured); i++)
    changed |= property_changed(rc, configured[i]);
  if (property_changed(rc, "Code") || property_changed(rc, "Runtime"))
    TRY(update_code(rc));
  if (changed)
    TRY(update_configuration(rc));
  if (property_changed(rc, "ReservedConcurrentExecutions"))
    TRY(set_concurrency(rc, rc->physical_id));
  return update_tags(rc, lambda_function_arn(rc->call, rc->physical_id, NULL));
}

/* It is gone when its interfaces are, as on AWS: what follows may delete their subnets. */
static Error *
delete_function(ResourceCall *rc)
{
  TRY(resource_operation(rc, &LambdaOperationDeleteFunction, &(LambdaDeleteFunctionInput) {.FunctionName = rc->physical_id},
                         &(LambdaDeleteFunctionOutput) {0}));
  return lambda_network_release(rc->call);
}

RESOURCE(AWS::Lambda::Function, lambda_function, .create = create_function, .update = update_function, .delete = delete_function,
         .no_effect = "TracingConfig RuntimeManagementConfig LoggingConfig RecursiveLoop Architectures KmsKeyArn")

/* --- AWS::Lambda::Version --- */

static Error *
create_version(ResourceCall *rc, ResourceResult *ret)
{
  LambdaPublishVersionOutput out = {0};
  LambdaPublishVersionInput in = {
    .FunctionName = property_text(rc, "FunctionName"), .Description = property_text(rc, "Description"), .CodeSha256 = property_text(rc, "CodeSha256")};
  if (json_get(rc->properties, "ProvisionedConcurrencyConfig"))
    return error_answer("InvalidParameterValueException", "haar does not have provisioned concurrency: leave ProvisionedConcurrencyConfig out.");
  TRY(wait_active(rc, in.FunctionName));
  TRY(lambda_version_claim(rc->call, in.FunctionName, rc->token));
  TRY(resource_operation(rc, &LambdaOperationPublishVersion, &in, &out));
  ret->physical_id = out.FunctionArn;
  resource_attribute(rc, ret, "Version", out.Version);
  resource_attribute(rc, ret, "FunctionArn", out.FunctionArn);
  return NULL;
}

static Error *
delete_version(ResourceCall *rc)
{
  return resource_operation(rc, &LambdaOperationDeleteFunction, &(LambdaDeleteFunctionInput) {.FunctionName = rc->physical_id},
                            &(LambdaDeleteFunctionOutput) {0});
}

RESOURCE(AWS::Lambda::Version, lambda_version, .create = create_version, .delete = delete_version, .no_effect = "RuntimePolicy")

/* --- AWS::Lambda::Alias --- */

/* [{FunctionVersion, FunctionWeight}] to {version: weight}. */
static LambdaAliasRoutingConfiguration *
read_routing(const ResourceCall *rc)
{
  Arena *arena = rc->call->arena;
  LambdaAliasRoutingConfiguration *routing = ARENA_NEW(arena, LambdaAliasRoutingConfiguration);
  const Json *weights = json_path(rc->properties, "RoutingConfig.AdditionalVersionWeights");
  for (guint i = 0; weights && weights->type == JSON_ARRAY && i < weights->n; i++) {
    const char *version = json_string(json_get(weights->items[i], "FunctionVersion"));
    const Json *weight = json_get(weights->items[i], "FunctionWeight");
    if (version && weight && (weight->type == JSON_NUMBER || weight->type == JSON_STRING))
      MAP_SET(arena, &routing->AdditionalVersionWeights, version, OPT_DOUBLE(g_ascii_strtod(weight->text, NULL)));
  }
  return routing;
}

static Error *
check_provisioned(const ResourceCall *rc)
{
  return json_get(rc->properties, "ProvisionedConcurrencyConfig")
           ? error_answer("InvalidParameterValueException", "haar does not have provisioned concurrency: leave ProvisionedConcurrencyConfig out.")
           : NULL;
}

static Error *
create_alias(ResourceCall *rc, ResourceResult *ret)
{
  LambdaCreateAliasOutput out = {0};
  LambdaCreateAliasInput in = {
    .FunctionName = property_text(rc, "FunctionName"),
    .Name = property_text(rc, "Name"),
    .FunctionVersion = property_text(rc, "FunctionVersion"),
    .Description = property_text(rc, "Description"),
    .RoutingConfig = read_routing(rc),
  };
  TRY(check_provisioned(rc));
  TRY(resource_operation(rc, &LambdaOperationCreateAlias, &in, &out));
  ret->physical_id = out.AliasArn;
  resource_attribute(rc, ret, "AliasArn", out.AliasArn);
  return NULL;
}

static Error *
update_alias(ResourceCall *rc, ResourceResult *ret)
{
  LambdaUpdateAliasInput in = {
    .FunctionName = property_text(rc, "FunctionName"),
    .Name = property_text(rc, "Name"),
    .FunctionVersion = property_text(rc, "FunctionVersion"),
    .Description = property_text(rc, "Description"),
    .RoutingConfig = read_routing(rc),
  };
  TRY(check_provisioned(rc));
  if (!in.Description)
    in.Description = "";
  return resource_operation(rc, &LambdaOperationUpdateAlias, &in, &(LambdaUpdateAliasOutput) {0});
}

static Error *
delete_alias(ResourceCall *rc)
{
  LambdaDeleteAliasInput in = {.FunctionName = property_text(rc, "FunctionName"), .Name = property_text(rc, "Name")};
  return resource_operation(rc, &LambdaOperationDeleteAlias, &in, &(LambdaDeleteAliasOutput) {0});
}

RESOURCE(AWS::Lambda::Alias, lambda_alias, .create = create_alias, .update = update_alias, .delete = delete_alias)

/* --- AWS::Lambda::Permission --- */

static Error *
create_permission(ResourceCall *rc, ResourceResult *ret)
{
  LambdaAddPermissionInput in = {0};
  TRY(property_input(rc, LambdaOperationAddPermission.model->input, &in));
  in.StatementId = resource_name(rc, 100, FALSE);
  TRY(resource_operation(rc, &LambdaOperationAddPermission, &in, &(LambdaAddPermissionOutput) {0}));
  ret->physical_id = in.StatementId;
  resource_attribute(rc, ret, "Id", in.StatementId);
  return NULL;
}

static Error *
delete_permission(ResourceCall *rc)
{
  LambdaRemovePermissionInput in = {.FunctionName = property_text(rc, "FunctionName"), .StatementId = rc->physical_id};
  return error_forgive(resource_operation(rc, &LambdaOperationRemovePermission, &in, &(LambdaRemovePermissionOutput) {0}), "ResourceNotFoundException");
}

RESOURCE(AWS::Lambda::Permission, lambda_permission, .create = create_permission, .delete = delete_permission)

/* --- AWS::Lambda::LayerVersion --- */

static Error *
create_layer(ResourceCall *rc, ResourceResult *ret)
{
  LambdaPublishLayerVersionInput in = {0};
  LambdaPublishLayerVersionOutput out = {0};
  TRY(property_input(rc, LambdaOperationPublishLayerVersion.model->input, &in));
  if (!in.LayerName)
    in.LayerName = resource_name(rc, 140, FALSE);
  TRY(resource_operation(rc, &LambdaOperationPublishLayerVersion, &in, &out));
  ret->physical_id = out.LayerVersionArn;
  resource_attribute(rc, ret, "LayerVersionArn", out.LayerVersionArn);
  return NULL;
}

static Error *
delete_layer(ResourceCall *rc)
{
  Arn arn;
  if (!arn_parse(rc->call->arena, rc->physical_id, &arn))
    return NULL;
  const char *colon = strrchr(arn.resource, ':');
  LambdaDeleteLayerVersionInput in = {.LayerName = rc->physical_id, .VersionNumber = OPT_INT(colon ? g_ascii_strtoll(colon + 1, NULL, 10) : 0)};
  return resource_operation(rc, &LambdaOperationDeleteLayerVersion, &in, &(LambdaDeleteLayerVersionOutput) {0});
}

RESOURCE(AWS::Lambda::LayerVersion, lambda_layer_version, .create = create_layer, .delete = delete_layer, .no_effect = "CompatibleArchitectures")

/* --- AWS::Lambda::EventInvokeConfig --- */

static Error *
put_event_config(ResourceCall *rc, ResourceResult *ret)
{
  LambdaPutFunctionEventInvokeConfigInput in = {0};
  TRY(property_input(rc, LambdaOperationPutFunctionEventInvokeConfig.model->input, &in));
  TRY(resource_operation(rc, &LambdaOperationPutFunctionEventInvokeConfig, &in, &(LambdaPutFunctionEventInvokeConfigOutput) {0}));
  ret->physical_id = arena_printf(rc->call->arena, "%s|%s", in.FunctionName, in.Qualifier ? in.Qualifier : LAMBDA_LATEST);
  return NULL;
}

static Error *
delete_event_config(ResourceCall *rc)
{
  LambdaDeleteFunctionEventInvokeConfigInput in = {.FunctionName = property_text(rc, "FunctionName"), .Qualifier = property_text(rc, "Qualifier")};
  return resource_operation(rc, &LambdaOperationDeleteFunctionEventInvokeConfig, &in, &(LambdaDeleteFunctionEventInvokeConfigOutput) {0});
}

RESOURCE(AWS::Lambda::EventInvokeConfig, lambda_event_invoke_config, .create = put_event_config, .update = put_event_config,
         .delete = delete_event_config)

/* --- AWS::Lambda::EventSourceMapping --- */

static Error *
create_mapping(ResourceCall *rc, ResourceResult *ret)
{
  LambdaCreateEventSourceMappingInput in = {0};
  LambdaCreateEventSourceMappingOutput out = {0};
  ResourceCall plain = *rc;
  Json *properties = json_copy(rc->call->arena, rc->properties);
  json_remove(properties, "Tags");
  plain.properties = properties;
  TRY(property_input(&plain, LambdaOperationCreateEventSourceMapping.model->input, &in));
  TRY(resource_operation(rc, &LambdaOperationCreateEventSourceMapping, &in, &out));
  ret->physical_id = out.UUID;
  resource_attribute(rc, ret, "Id", out.UUID);
  resource_attribute(rc, ret, "EventSourceMappingArn", out.EventSourceMappingArn);
  return NULL;
}

/* What was given and is not any more goes back to its default. */
static void
mapping_defaults(const ResourceCall *rc, LambdaUpdateEventSourceMappingInput *in)
{
  Arena *arena = rc->call->arena;
  const struct { const char *name; OptInt *number; gint64 value; } numbers[] = {
    {"MaximumRetryAttempts", &in->MaximumRetryAttempts, -1},
    {"MaximumRecordAgeInSeconds", &in->MaximumRecordAgeInSeconds, -1},
    {"ParallelizationFactor", &in->ParallelizationFactor, 1},
    {"BatchSize", &in->BatchSize, g_strrstr(property_text(rc, "EventSourceArn"), ":dynamodb:") ? 100 : 10},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
    if (!numbers[i].number->set && property_changed(rc, numbers[i].name))
      *numbers[i].number = OPT_INT(numbers[i].value);
  if (!in->BisectBatchOnFunctionError.set && property_changed(rc, "BisectBatchOnFunctionError"))
    in->BisectBatchOnFunctionError = OPT_BOOL(FALSE);
  if (!in->FilterCriteria)
    in->FilterCriteria = ARENA_NEW(arena, LambdaFilterCriteria);
  if (!in->DestinationConfig && property_changed(rc, "DestinationConfig"))
    in->DestinationConfig = ARENA_NEW(arena, LambdaDestinationConfig);
  if (!in->FunctionResponseTypes.v)
    LIST_EMPTY(arena, &in->FunctionResponseTypes);
  if (!in->MaximumBatchingWindowInSeconds.set)
    in->MaximumBatchingWindowInSeconds = OPT_INT(0);
  if (!in->ScalingConfig && property_changed(rc, "ScalingConfig"))
    in->ScalingConfig = ARENA_NEW(arena, LambdaScalingConfig);
}

static Error *
update_mapping(ResourceCall *rc, ResourceResult *ret)
{
  LambdaUpdateEventSourceMappingInput in = {0};
  LambdaUpdateEventSourceMappingOutput out = {0};
  ResourceCall plain = *rc;
  Json *properties = json_copy(rc->call->arena, rc->properties);
  json_remove(properties, "Tags");
  plain.properties = properties;
  TRY(property_input(&plain, LambdaOperationUpdateEventSourceMapping.model->input, &in));
  in.UUID = rc->physical_id;
  if (!in.Enabled.set)
    in.Enabled = OPT_BOOL(TRUE);
  mapping_defaults(rc, &in);
  return resource_operation(rc, &LambdaOperationUpdateEventSourceMapping, &in, &out);
}

static Error *
delete_mapping(ResourceCall *rc)
{
  g_autoptr(Error) error = resource_operation(rc, &LambdaOperationDeleteEventSourceMapping, &(LambdaDeleteEventSourceMappingInput) {.UUID = rc->physical_id},
                                              &(LambdaDeleteEventSourceMappingOutput) {0});
  return error_is(error, "ResourceNotFoundException") ? NULL : g_steal_pointer(&error);
}

RESOURCE(AWS::Lambda::EventSourceMapping, lambda_event_source_mapping, .create = create_mapping, .update = update_mapping, .delete = delete_mapping,
         .no_effect = "KmsKeyArn LoggingConfig MetricsConfig ProvisionedPollerConfig Tags")

/* --- AWS::Lambda::Url --- */

/* The properties by the API's names. */
static Error *
url_input(ResourceCall *rc, const Shape *shape, void *in)
{
  ResourceCall plain = *rc;
  plain.properties = json_copy(rc->call->arena, rc->properties);
  json_remove((Json *) plain.properties, "TargetFunctionArn");
  return property_input(&plain, shape, in);
}

static Error *
create_url(ResourceCall *rc, ResourceResult *ret)
{
  LambdaCreateFunctionUrlConfigInput in = {0};
  LambdaCreateFunctionUrlConfigOutput out = {0};
  TRY(url_input(rc, LambdaOperationCreateFunctionUrlConfig.model->input, &in));
  in.FunctionName = property_text(rc, "TargetFunctionArn");
  TRY(resource_operation(rc, &LambdaOperationCreateFunctionUrlConfig, &in, &out));
  ret->physical_id = out.FunctionArn;
  resource_attribute(rc, ret, "FunctionArn", out.FunctionArn);
  resource_attribute(rc, ret, "FunctionUrl", out.FunctionUrl);
  return NULL;
}

static Error *
update_url(ResourceCall *rc, ResourceResult *ret)
{
  LambdaUpdateFunctionUrlConfigInput in = {0};
  LambdaUpdateFunctionUrlConfigOutput out = {0};
  TRY(url_input(rc, LambdaOperationUpdateFunctionUrlConfig.model->input, &in));
  in.FunctionName = rc->physical_id;
  in.Qualifier = NULL;
  if (!in.Cors)
    in.Cors = ARENA_NEW(rc->call->arena, LambdaCors);
  return resource_operation(rc, &LambdaOperationUpdateFunctionUrlConfig, &in, &out);
}

static Error *
delete_url(ResourceCall *rc)
{
  g_autoptr(Error) error = resource_operation(rc, &LambdaOperationDeleteFunctionUrlConfig,
                                              &(LambdaDeleteFunctionUrlConfigInput) {.FunctionName = rc->physical_id},
                                              &(LambdaDeleteFunctionUrlConfigOutput) {0});
  return error_is(error, "ResourceNotFoundException") ? NULL : g_steal_pointer(&error);
}

RESOURCE(AWS::Lambda::Url, lambda_url, .create = create_url, .update = update_url, .delete = delete_url)
