/* arn: Amazon Resource Names. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
#pragma once

#include "base/arena.h"

typedef struct Arn {
  const char *partition, *service, *region, *account; /* never NULL; region and account may be "" */
  const char *resource;                               /* all after the fifth colon */
} Arn;

/* Splits text. Returns FALSE if it is not an ARN. Parts: arena. */
gboolean arn_parse(Arena *arena, const char *text, Arn *ret_arn);
/* "arn:aws:<service>:<region>:<account>:<resource>" (arena). */
char *arn_join(Arena *arena, const char *service, const char *region, const char *account, const char *resource);
/* The same, with the resource by a format. */
char *arn_format(Arena *arena, const char *service, const char *region, const char *account, const char *format, ...)
  G_GNUC_PRINTF(5, 6);
