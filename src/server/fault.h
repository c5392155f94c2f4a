/* fault: failures that are rehearsed: what is on, since when, until when; and those of the API itself. */
#pragma once

#include "server/server.h"

typedef struct Faults Faults;

Faults *faults_new(void);
void faults_free(Faults *faults);
/* Registers GET fault, POST fault, POST fault/lift, the timer of those that end, and the kinds "service" and "latency". */
void faults_admin(Haar *haar);
/* Whether a call that is about to run meets a fault: an error that is its answer, or in *ret_delay_ms how long it has to wait. Any thread; costs nothing
 * while no fault is on. */
Error *faults_meet(Server *server, const Call *call, guint *ret_delay_ms) ERROR_MUST_USE;
