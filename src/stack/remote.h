/* remote: operations of services, called by name with JSON, as the engine knows no service. */
#pragma once

#include "server/server.h"

/* Runs service's operation as the call's principal. in and *ret_out have the API's member names (arena of call). An operation that haar does
 * not have: an answer ValidationError that names it. */
Error *remote_call(Call *call, const char *service, const char *operation, const Json *in, Json **ret_out) ERROR_MUST_USE;
