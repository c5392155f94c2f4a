/* signal: what comes in at the addresses that wait condition handles and custom resources give out, kept until it is read. */
#pragma once

#include "services/cloudformation/cloudformation.h"

/* An address for PUT, and the key of what arrives there. kind: "waitcondition" or "custom-resource-response". arena. */
typedef struct SignalAddress { const char *url, *key; } SignalAddress;
SignalAddress signal_address(Call *call, const char *kind, const char *stack_id, const char *logical_id);
/* The key of an address that was given out; NULL: it is none. */
const char *signal_key(const char *url);
/* The key of what SignalResource sends to a resource with a CreationPolicy; no address leads to it. arena. */
const char *signal_resource_key(Arena *arena, const char *stack_id, const char *logical_id);
/* Notes that something is expected under the key; what arrives under others is refused. */
Error *signal_open(Call *call, const char *key) ERROR_MUST_USE;
/* Forgets the key and all that arrived. */
Error *signal_close(Call *call, const char *key) ERROR_MUST_USE;
/* Adds a message as if it had arrived; one of the same unique id replaces the other. */
Error *signal_add(Call *call, const char *key, const char *unique_id, const Json *message) ERROR_MUST_USE;
/* All messages, as a list. */
Error *signal_list(Call *call, const char *key, Json **ret_list) ERROR_MUST_USE;

/* The data plane. */
gboolean signal_serves(Haar *haar, const HttpRequest *request);
void signal_serve(Haar *haar, HttpExchange *exchange);
