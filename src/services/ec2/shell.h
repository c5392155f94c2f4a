/* shell: processes that `haar shell` runs in subnets. */
#pragma once

#include "server/haar.h"

typedef struct Ec2Shells Ec2Shells;

/* Listens on shell.sock in the data directory; deletes the interfaces of shells that ended with haar. */
Error *ec2_shells_new(Haar *haar, Ec2Shells **ret_shells) ERROR_MUST_USE;
/* Ends all shells. NULL is allowed. */
void ec2_shells_free(Ec2Shells *shells);
