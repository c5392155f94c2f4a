/* engine: what the files that speak SQL to a server share. */
#pragma once

#include "services/rds/rds.h"

#include <mysql.h>

/* A connection as haar's administrator, over the engine's socket; NULL: *problem says why. seconds: for connecting, and for each answer (0: as long
 * as it takes). unanswered: whether it was for want of an answer, or NULL. transfer full: mysql_close. */
MYSQL *engine_connect(Haar *haar, const char *arn, guint seconds, GString *problem, gboolean *ret_unanswered);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MYSQL, mysql_close)
/* Runs statements, and forgets what they answer. */
Error *engine_run(MYSQL *mysql, const char *sql) ERROR_MUST_USE;
/* One cell of the first row, by its column's name (transfer full); NULL if there is none. */
Error *engine_select_text(MYSQL *mysql, const char *sql, const char *column, char **ret_text) ERROR_MUST_USE;
