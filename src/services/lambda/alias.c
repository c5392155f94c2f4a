/* Aliases. https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html */
#include <string.h>

#include "services/lambda/url.h"

static Error *
alias_not_found(Call *call, const char *name, const char *alias)
{
  return error_answer("ResourceNotFoundException", "Alias not found: %s", lambda_function_arn(call, name, alias));
}

static Error *
check_version(Call *call, const char *name, const char *version)
{
  LambdaFunctionRecord *record;
  return lambda_function_get(call, name, version, &record);
}

/* An additional version with a weight: both published, and of the same role. */
static Error *
check_routing(Call *call, const char *name, const char *version, const LambdaAliasRoutingConfiguration *routing)
{
  if (!routing || !routing->AdditionalVersionWeights.n)
    return NULL;
  const LambdaAdditionalVersionWeights *weights = &routing->AdditionalVersionWeights;
  if (weights->n > 1)
    return error_answer("InvalidParameterValueException", "Number of items in AdditionalVersionWeights cannot be greater than 1");
  const char *other = weights->v[0].key;
  double weight = OPT_OR(weights->v[0].value, 0);
  if (strcmp(version, LAMBDA_LATEST) == 0)
    return error_answer("InvalidParameterValueException", "$LATEST is not supported for an alias pointing to more than 1 version");
  if (strcmp(other, LAMBDA_LATEST) == 0 || !lambda_function_is_version(other))
    return error_answer("ValidationException",
                        "1 validation error detected: Value '{%s=%g}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map "
                        "keys must satisfy constraint: [Member must satisfy regular expression pattern: [0-9]+]",
                        other, weight);
  if (strcmp(other, version) == 0)
    return error_answer("InvalidParameterValueException", "Invalid function version %s. Function version %s is already included in routing "
                        "configuration.", version, version);
  if (weight < 0 || weight > 1)
    return error_answer("ValidationException",
                        "1 validation error detected: Value '{%s=%g}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map "
                        "values must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or "
                        "equal to 0.0]",
                        other, weight);
  LambdaFunctionRecord *first, *second;
  TRY(lambda_function_get(call, name, version, &first));
  TRY(lambda_function_get(call, name, other, &second));
  if (strcmp(first->config->Role, second->config->Role) != 0)
    return error_answer("InvalidParameterValueException", "Both versions of an alias must have the same execution role.");
  return NULL;
}

static Error *
put(Call *call, const char *name, LambdaAliasConfiguration *alias)
{
  Key key;
  alias->RevisionId = id_uuid(call->arena);
  alias->AliasArn = lambda_function_arn(call, name, alias->Name);
  lambda_function_key(call, name, alias->Name, &key);
  return record_put(call->txn, &lambda_aliases, &key, &LambdaAliasConfiguration_shape, alias);
}

static const LambdaAliasRoutingConfiguration *
with_weights(const LambdaAliasRoutingConfiguration *routing)
{
  return routing && routing->AdditionalVersionWeights.n ? routing : NULL;
}

/* An alias is its own resource: "function:name:alias". */
#define ALIAS_RESOURCE(Name)                                                                                          \
  static Error *authorize_##Name(Call *call, const void *input, Authorization *auth)                                  \
  {                                                                                                                   \
    const Lambda##Name##Input *in = input;                                                                            \
    FunctionName name;                                                                                                \
    TRY(lambda_function_name(call, in->FunctionName, NULL, &name));                                                          \
    auth->resource = lambda_function_arn(call, name.name, NULL);                                                             \
    return NULL;                                                                                                      \
  }

ALIAS_RESOURCE(CreateAlias)

OPERATION(CreateAlias, create_alias, .txn = TXN_WRITE, .authorize = authorize_CreateAlias)
static Error *
create_alias(Call *call, const LambdaCreateAliasInput *in, LambdaCreateAliasOutput *ret_out)
{
  FunctionName name;
  LambdaAliasConfiguration *old;
  TRY(lambda_function_name(call, in->FunctionName, NULL, &name));
  TRY(check_version(call, name.name, in->FunctionVersion));
  TRY(check_routing(call, name.name, in->FunctionVersion, in->RoutingConfig));
  TRY(lambda_alias_find(call, name.name, in->Name, &old));
  if (old)
    return error_answer_status(409, "ResourceConflictException", "Alias already exists: %s", lambda_function_arn(call, name.name, in->Name));
  *ret_out = (LambdaAliasConfiguration) {
    .Name = in->Name,
    .FunctionVersion = in->FunctionVersion,
    .Description = in->Description ? in->Description : "",
    .RoutingConfig = (LambdaAliasRoutingConfiguration *) with_weights(in->RoutingConfig),
  };
  return put(call, name.name, ret_out);
}

ALIAS_RESOURCE(GetAlias)

OPERATION(GetAlias, get_alias, .txn = TXN_READ, .authorize = authorize_GetAlias)
static Error *
get_alias(Call *call, const LambdaGetAliasInput *in, LambdaGetAliasOutput *ret_out)
{
  FunctionName name;
  LambdaAliasConfiguration *alias;
  TRY(lambda_function_name(call, in->FunctionName, NULL, &name));
  TRY(lambda_alias_find(call, name.name, in->Name, &alias));
  if (!alias)
    return alias_not_found(call, name.name, in->Name);
  *ret_out = *alias;
  return NULL;
}

ALIAS_RESOURCE(UpdateAlias)

OPERATION(UpdateAlias, update_alias, .txn = TXN_WRITE, .authorize = authorize_UpdateAlias)
static Error *
update_alias(Call *call, const LambdaUpdateAliasInput *in, LambdaUpdateAliasOutput *ret_out)
{
  FunctionName name;
  LambdaAliasConfiguration *alias;
  TRY(lambda_function_name(call, in->FunctionName, NULL, &name));
  TRY(lambda_alias_find(call, name.name, in->Name, &alias));
  if (!alias)
    return alias_not_found(call, name.name, in->Name);
  if (in->RevisionId && strcmp(in->RevisionId, alias->RevisionId) != 0)
    return error_answer_status(412, "PreconditionFailedException",
                               "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the "
                               "latest Revision Id");
  if (in->FunctionVersion)
    alias->FunctionVersion = in->FunctionVersion;
  if (in->Description)
    alias->Description = in->Description;
  if (in->RoutingConfig)
    alias->RoutingConfig = (LambdaAliasRoutingConfiguration *) with_weights(in->RoutingConfig);
  TRY(check_version(call, name.name, alias->FunctionVersion));
  TRY(check_routing(call, name.name, alias->FunctionVersion, alias->RoutingConfig));
  TRY(put(call, name.name, alias));
  *ret_out = *alias;
  return NULL;
}

ALIAS_RESOURCE(DeleteAlias)

OPERATION(DeleteAlias, delete_alias, .txn = TXN_WRITE, .authorize = authorize_DeleteAlias)
static Error *
delete_alias(Call *call, const LambdaDeleteAliasInput *in, LambdaDeleteAliasOutput *ret_out)
{
  FunctionName name;
  Key key;
  TRY(lambda_function_name(call, in->FunctionName, NULL, &name));
  lambda_function_key(call, name.name, in->Name, &key);
  TRY(store_delete(call->txn, &lambda_policies, &key, NULL));
  TRY(store_delete(call->txn, &lambda_events, &key, NULL));
  TRY(url_delete(call, name.name, in->Name));
  return store_delete(call->txn, &lambda_aliases, &key, NULL);
}

typedef struct { gsize n; LambdaAliasConfiguration **v; } Aliases;

static Error *
all_aliases(Call *call, const char *name, Aliases *ret)
{
  Key prefix;
  lambda_function_key(call, name, NULL, &prefix);
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &lambda_aliases, &(CursorOptions) {.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size;
    const guint8 *data = cursor_value(cursor, &size);
    void *alias;
    TRY(record_decode(call->arena, &LambdaAliasConfiguration_shape, data, size, &alias));
    LIST_APPEND(call->arena, ret, alias);
  }
  return NULL;
}

static gboolean
points_to(const LambdaAliasConfiguration *alias, const char *version)
{
  return strcmp(alias->FunctionVersion, version) == 0 ||
         (alias->RoutingConfig && MAP_FIND(&alias->RoutingConfig->AdditionalVersionWeights, version));
}

Error *
lambda_alias_check_unused(Call *call, const char *name, const char *version)
{
  Aliases aliases = {0};
  TRY(all_aliases(call, name, &aliases));
  for (gsize i = 0; i < aliases.n; i++)
    if (points_to(aliases.v[i], version))
      return error_answer_status(409, "ResourceConflictException",
                                 "Version %s of function %s is referenced by alias %s and cannot be deleted.", version, name, aliases.v[i]->Name);
  return NULL;
}

OPERATION(ListAliases, list_aliases, .txn = TXN_READ, .authorize = lambda_authorize)
static Error *
list_aliases(Call *call, const LambdaListAliasesInput *in, LambdaListAliasesOutput *ret_out)
{
  FunctionName name;
  LambdaFunctionRecord *record;
  Aliases aliases = {0};
  TRY(lambda_function_name(call, in->FunctionName, NULL, &name));
  TRY(lambda_function_get(call, name.name, LAMBDA_LATEST, &record));
  TRY(all_aliases(call, name.name, &aliases));
  LIST_EMPTY(call->arena, &ret_out->Aliases);
  gsize limit = (gsize) OPT_OR(in->MaxItems, 50);
  for (gsize i = 0; i < aliases.n; i++) {
    if ((in->FunctionVersion && !points_to(aliases.v[i], in->FunctionVersion)) || (in->Marker && strcmp(aliases.v[i]->Name, in->Marker) < 0))
      continue;
    if (ret_out->Aliases.n == limit) {
      ret_out->NextMarker = aliases.v[i]->Name;
      break;
    }
    LIST_APPEND(call->arena, &ret_out->Aliases, aliases.v[i]);
  }
  return NULL;
}
