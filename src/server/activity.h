/* activity: who used which network interface, and when: interfaces are shared, and a dropped packet tells only its address. */
#pragma once

#include "server/server.h"

typedef struct Activities Activities;

Activities *activities_new(void);
void activities_free(Activities *activities);
