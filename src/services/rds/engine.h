/* engine: what the files that speak SQL to a server share. */
#pragma once

#include "services/rds/rds.h"

#include <mysql.h>

/* A connection as haar's administrator, over the engine's socket; NULL: *problem says why. seconds: for connecting, and for each answer (0: as long
 * as it takes). unanswered: whether it was for want of an answer, or NULL. transfer full: mysql_close. */
MYSQL *engine_connect(Haar *haar, const char *arn, guint seconds, GString *problem, gboolean *ret_unanswered);
