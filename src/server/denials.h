/* denials: the last calls that no policy allowed, and which policy decided, for `haar why`. */
#pragma once

#include "server/call.h"

typedef struct Denials Denials;

Denials *denials_new(void);
void denials_free(Denials *denials);
/* Asks again why request was denied and keeps the answer; message is what the client was told. Any thread; call->txn is set. */
void denials_add(Denials *denials, const Call *call, const IamRequest *request, const char *message);
/* Keeps that a call was answered with an error because of a fault. */
void denials_add_fault(Denials *denials, const Call *call, const char *fault, const Error *error);
/* Registers GET /_haar/denials: {"denials": [...]}, the newest first; "limit" bounds them. */
void denials_admin(Haar *haar);
