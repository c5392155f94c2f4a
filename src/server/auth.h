/* auth: who signed a request, checked, with the refusals in the words of the protocol that is spoken. */
#pragma once

#include "iam/iam.h"
#include "server/route.h"
#include "wire/sigv4.h"

/* What the request says of its signature (SIGV4_NONE: nothing). Before routing: the signing name is needed there. arena. */
Error *auth_read(Arena *arena, const WireRequest *request, Sigv4 *ret_signature) ERROR_MUST_USE;
/* Checks the signature. payload_hash: hex SHA-256 of the body, or NULL if it was not read (yet). now_ms: when the request came, on clock_now().
 * Unsigned: the anonymous principal if the operation takes it. *ret_credential is NULL then. arena. */
Error *auth_check(Server *server, Txn *txn, Arena *arena, const WireRequest *request, const Sigv4 *signature, const Route *route, gint64 now_ms,
                  const char *payload_hash, const Credential **ret_credential, const Principal **ret_principal) ERROR_MUST_USE;
