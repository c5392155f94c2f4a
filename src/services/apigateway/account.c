#include "services/apigateway/apigateway.h"

static Error *
account_get(Call *call, ApigatewayAccount *ret_account)
{
  Key key;
  void *stored = NULL;
  call_key(call, &key);
  TRY(record_get(call->txn, &apigateway_account, &key, &ApigatewayAccount_shape, call->arena, &stored));
  if (stored)
    *ret_account = *(ApigatewayAccount *) stored;
  ApigatewayThrottleSettings *throttle = ARENA_NEW(call->arena, ApigatewayThrottleSettings);
  *throttle = (ApigatewayThrottleSettings) {OPT_INT(5000), OPT_DOUBLE(10000)};
  ret_account->throttleSettings = throttle;
  ret_account->apiKeyVersion = "4";
  return NULL;
}

OPERATION(GetAccount, get_account, .txn = TXN_READ, .authorize = authorize_path)
static Error *
get_account(Call *call, const ApigatewayGetAccountInput *in, ApigatewayGetAccountOutput *ret_out)
{
  return account_get(call, ret_out);
}

OPERATION(UpdateAccount, update_account, .txn = TXN_WRITE, .authorize = authorize_path)
static Error *
update_account(Call *call, const ApigatewayUpdateAccountInput *in, ApigatewayUpdateAccountOutput *ret_out)
{
  Key key;
  TRY(account_get(call, ret_out));
  TRY(patch_apply(call->arena, &ApigatewayAccount_shape, &in->patchOperations, "cloudwatchRoleArn", ret_out));
  call_key(call, &key);
  return record_put(call->txn, &apigateway_account, &key, &ApigatewayAccount_shape, ret_out);
}
