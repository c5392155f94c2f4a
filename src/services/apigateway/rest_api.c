#include "services/apigateway/apigateway.h"

#include <string.h>

static ApigatewayEndpointConfiguration *
default_endpoint(Call *call)
{
  ApigatewayEndpointConfiguration *endpoint = ARENA_NEW(call->arena, ApigatewayEndpointConfiguration);
  LIST_APPEND(call->arena, &endpoint->types, "EDGE");
  return endpoint;
}

static Error *
check_create(Call *call, const ApigatewayCreateRestApiInput *in)
{
  if (!*in->name)
    return error_answer("BadRequestException", "Name cannot be empty");
  if (in->cloneFrom)
    return error_answer("BadRequestException", "haar does not have cloneFrom yet: create the API's resources one by one");
  if (in->policy)
    TRY(iam_policy_check(call->arena, in->policy, TRUE));
  return NULL;
}

OPERATION(CreateRestApi, create_rest_api, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
create_rest_api(Call *call, const ApigatewayCreateRestApiInput *in, ApigatewayCreateRestApiOutput *ret_out)
{
  TRY(check_create(call, in));
  *ret_out = (ApigatewayRestApi) {
    .id = id_lower(call->arena, 10), .name = in->name, .description = in->description, .version = in->version,
    .createdDate = OPT_TIME(call->now / 1000 * 1000), .binaryMediaTypes = in->binaryMediaTypes,
    .minimumCompressionSize = in->minimumCompressionSize, .apiKeySource = in->apiKeySource ? in->apiKeySource : "HEADER",
    .endpointConfiguration = in->endpointConfiguration ? in->endpointConfiguration : default_endpoint(call), .policy = in->policy,
    .tags = in->tags, .disableExecuteApiEndpoint = OPT_BOOL(OPT_OR(in->disableExecuteApiEndpoint, FALSE)),
    .rootResourceId = id_lower(call->arena, 10),
  };
  ApigatewayResource root = {.id = ret_out->rootResourceId, .path = "/"};
  ApigatewayOwnerRecord owner = {call->account, call->region};
  Key key;
  key_strings(&key, ret_out->id, NULL);
  TRY(record_put(call->txn, &apigateway_owners, &key, &ApigatewayOwnerRecord_shape, &owner));
  TRY(api_put(call, &(ApigatewayApiRecord) {ret_out, ret_out->rootResourceId}));
  return resource_put(call, ret_out->id, &root);
}

OPERATION(GetRestApi, get_rest_api, .txn = TXN_READ, .authorize = authorize_path)
static Error *
get_rest_api(Call *call, const ApigatewayGetRestApiInput *in, ApigatewayGetRestApiOutput *ret_out)
{
  ApigatewayApiRecord *record = NULL;
  TRY(api_get(call, in->restApiId, &record));
  *ret_out = *record->api;
  return NULL;
}

OPERATION(GetRestApis, get_rest_apis, .txn = TXN_READ, .authorize = authorize_path)
static Error *
get_rest_apis(Call *call, const ApigatewayGetRestApisInput *in, ApigatewayGetRestApisOutput *ret_out)
{
  gint64 limit = CLAMP(OPT_OR(in->limit, 25), 1, 500);
  Key prefix, from;
  call_key(call, &prefix);
  call_key(call, &from);
  if (in->position)
    key_add(&from, in->position);
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &apigateway_apis,
                  &(CursorOptions) {.prefix = &prefix, .from = in->position ? &from : NULL, .after = TRUE}, &cursor));
  LIST_EMPTY(call->arena, &ret_out->items);
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    if ((gint64) ret_out->items.n == limit) {
      ret_out->position = ret_out->items.v[limit - 1]->id;
      break;
    }
    TRY(record_decode(call->arena, &ApigatewayApiRecord_shape, data, size, &record));
    LIST_APPEND(call->arena, &ret_out->items, ((ApigatewayApiRecord *) record)->api);
  }
  return NULL;
}

OPERATION(UpdateRestApi, update_rest_api, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
update_rest_api(Call *call, const ApigatewayUpdateRestApiInput *in, ApigatewayUpdateRestApiOutput *ret_out)
{
  ApigatewayApiRecord *record = NULL;
  TRY(api_get(call, in->restApiId, &record));
  TRY(patch_apply(call->arena, &ApigatewayRestApi_shape, &in->patchOperations,
                  "name description policy binaryMediaTypes minimumCompressionSize apiKeySource disableExecuteApiEndpoint", record->api));
  *ret_out = *record->api;
  return api_put(call, record);
}

OPERATION(DeleteRestApi, delete_rest_api, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
delete_rest_api(Call *call, const ApigatewayDeleteRestApiInput *in, ApigatewayDeleteRestApiOutput *ret_out)
{
  static const Table *const tables[] = {&apigateway_resources, &apigateway_deployments, &apigateway_stages, &apigateway_apis};
  ApigatewayApiRecord *record = NULL;
  TRY(api_get(call, in->restApiId, &record));
  Key key;
  api_key(call, &key, in->restApiId, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(tables); i++)
    TRY(store_delete_prefix(call->txn, tables[i], &key, NULL));
  key_strings(&key, in->restApiId, NULL);
  return store_delete(call->txn, &apigateway_owners, &key, NULL);
}
