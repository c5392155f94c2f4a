/* secret: the database's user and password from Secrets Manager, kept for five minutes. */
#pragma once

#include "aws.h"

typedef struct Secret {
  char *username, *password;
  int64_t read_ms;     /* when; 0: never */
} Secret;

/* Reads it if it is not known, is old, or fresh is asked for (the database refused it: it was rotated). */
const Failure *secret_read(Aws *aws, Arena *arena, Secret *secret, bool fresh);
void secret_clear(Secret *secret);
