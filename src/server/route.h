/* route: which operation of which service a request means, and in which protocol it speaks. */
#pragma once

#include "server/haar.h"

typedef struct Route {
  const Service *service;
  const Operation *operation;
  Protocol protocol;
  StringMap labels;          /* of a URI template */
  const char *path;          /* virtual-host buckets put into the path */
  const char *region;        /* from the host name, or NULL */
  gboolean wants_body;       /* the action is in the form body: call route_action when it is there */
  const ServiceModel *model; /* never NULL: for errors, a stand-in if the service is unknown */
} Route;

/* scope_service: the signing name in the request's credential scope, or NULL. On errors (answers in the words of the protocol that is spoken)
 * ret_route's protocol and model are set nevertheless. arena. */
Error *route_request(Arena *arena, const HttpRequest *request, const char *scope_service, Route *ret_route) ERROR_MUST_USE;
/* The second step for query protocols: form holds Action and Version. */
Error *route_action(Arena *arena, const StringMap *form, Route *route) ERROR_MUST_USE;
