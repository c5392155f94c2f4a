/* spool: the body of a streaming operation on its way in: decoded (aws-chunked), measured, digested, kept in memory while it is small and in an
 * encrypted blob of the store from then on. What the request declares of it is verified at the end.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html */
#pragma once

#include "server/http.h"
#include "store/store.h"
#include "wire/wire.h"

typedef struct Spool Spool;

/* secret_key: for chunk signatures; NULL: unsigned. */
Spool *spool_new(Store *store, const HttpRequest *request, const Sigv4 *signature, const char *secret_key);
/* The file goes too, unless it was linked. NULL is allowed. */
void spool_free(Spool *spool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Spool, spool_free)
Error *spool_feed(Spool *spool, const void *data, gsize size) ERROR_MUST_USE;
/* The body is complete. *ret_body: arena; lives no longer than spool. */
Error *spool_finish(Spool *spool, Arena *arena, Body **ret_body) ERROR_MUST_USE;
