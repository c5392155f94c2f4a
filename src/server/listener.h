/* listener: listening sockets, from whatever network namespace, on one thread. The first byte of a connection says whether it is TLS. */
#pragma once

#include "server/exchange.h"

typedef struct Listeners Listeners;

/* Starts the accepting thread. */
Error *listeners_new(HttpServer *http, Listeners **ret_listeners) ERROR_MUST_USE;
/* Ends the thread; nothing is accepted any more. */
void listeners_stop(Listeners *listeners);
/* The same, and closes the sockets and what has not spoken yet. */
void listeners_free(Listeners *listeners);
/* See server_listen and server_unlisten. */
guint listeners_add(Listeners *listeners, int fd, const ListenerInfo *info);
void listeners_remove(Listeners *listeners, guint id);
