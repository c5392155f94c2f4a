/* rotation: changes the database's password, in the four steps that Secrets Manager asks for. Each may be asked for again, after a failure
 * in the middle too: it looks what is done already.
 *
 *   createSecret   a new password becomes the version AWSPENDING
 *   setSecret      the database takes it: the user changes its own password, signed in with the current one
 *   testSecret     a connection with the new one
 *   finishSecret   AWSPENDING becomes AWSCURRENT
 *
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html */
#pragma once

#include "aws.h"
#include "json.h"

/* event: {"SecretId", "ClientRequestToken", "Step"}. NULL: it is done. arena. */
const Failure *rotation_step(Aws *aws, Arena *arena, const Json *event);
