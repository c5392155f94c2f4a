/* admin: haar's own API, /_haar/..., for the CLI and the console; and /_localstack/health, which tools of LocalStack's users ask. Only on
 * the host's listener, by a name of this machine. */
#pragma once

#include "server/internal.h"

AdminRoutes *admin_new(void);
void admin_free(AdminRoutes *routes);
/* Adds the routes that the server itself answers. */
void admin_add_own(Haar *haar);
/* Whether a request is meant for it. */
gboolean admin_serves(const HttpExchange *exchange);
/* Answers; on a worker thread. */
void admin_serve(Server *server, HttpExchange *exchange);
