/* outgoing: haar's own HTTP clients (health checks, CloudFront's origins), and where names lead for them. With the network on it is the
 * region's internet: names as the edge's resolver knows them, sockets in the edge's namespace. With it off it is this machine's, except
 * that names of AWS's services are haar's own port. */
#pragma once

#include <curl/curl.h>

#include "server/haar.h"

/* Where a connection goes. Clear with outgoing_clear, after the handles that use it were reset. */
typedef struct OutgoingRoute {
  Haar *haar;
  char address[64];              /* dotted IPv4, or IPv6 */
  guint16 port;
  struct curl_slist *connect_to; /* libcurl's own form */
} OutgoingRoute;

/* host: a name or an address. Errors: an answer NoSuchName. May block. */
Error *outgoing_route(Haar *haar, const char *host, guint16 port, OutgoingRoute *ret_route) ERROR_MUST_USE;
void outgoing_clear(OutgoingRoute *route);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OutgoingRoute, outgoing_clear)
/* Prepares a handle: connections go where route says, whatever its URL; http and https only; no proxy; the local authority is trusted
 * beside the machine's. route lives as long as the transfer. */
void outgoing_prepare(CURL *curl, OutgoingRoute *route);
/* A TCP connection within timeout_ms, closed at once: whether it could be made. *ret_problem: static text, NULL if it could. May block. */
void outgoing_try(const OutgoingRoute *route, guint timeout_ms, const char **ret_problem);
