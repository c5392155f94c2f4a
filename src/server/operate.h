/* operate: any operation by JSON, for haar's own commands. */
#pragma once

#include "server/haar.h"

/* Registers POST /_haar/operation: {"service", "operation", "region", "input"} -> the operation's output. */
void operate_admin(Haar *haar);
