/* pipeline: an HTTP request becomes a call, and the call an answer: route, authenticate, decode, validate, authorise, begin, handler, commit,
 * encode. Also sends requests to data planes and to haar's own API. */
#pragma once

#include "server/internal.h"

/* What http.c calls; data is the Server. */
extern const HttpEvents pipeline_events;
