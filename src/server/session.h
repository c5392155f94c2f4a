/* session: when temporary credentials are over, on a clock that jumps. They end at their time; but a jump does not take them from under who is
 * at work with them: the invocation that a function has in hand, and the call that was signed before. */
#pragma once

#include "iam/iam.h"
#include "server/server.h"

typedef struct Sessions Sessions;

Sessions *sessions_new(void);
void sessions_free(Sessions *sessions);
/* The clock has gone forward, from from_ms of a jump of perhaps several stops. Any thread. */
void sessions_clock_moved(Sessions *sessions, gint64 from_ms);
/* Whether the credential is over at now_ms, for a call that was signed at signed_ms of the machine's time. Any thread. */
gboolean sessions_over(Sessions *sessions, const Credential *credential, gint64 signed_ms, gint64 now_ms);
