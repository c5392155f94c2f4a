/* permit: permissions that a data plane asks about itself (API Gateway's signed methods, function URLs). */
#pragma once

#include "server/call.h"

/* As iam_authorize, and what is denied is kept for `haar why`. Needs call->txn. */
Error *call_permitted(Call *call, const IamRequest *request) ERROR_MUST_USE;
