/* id: identifiers in AWS's formats, from the kernel's random source. Any thread. All results: arena. */
#pragma once

#include "base/arena.h"

/* "vpc-0123456789abcdef0": prefix, dash, 17 hexadecimal digits. */
char *id_resource(Arena *arena, const char *prefix);
/* "6ba7b810-9dad-41d1-80b4-00c04fd430c8" (version 4). Also a request id. */
char *id_uuid(Arena *arena);
/* n hexadecimal digits, lower case. */
char *id_hex(Arena *arena, gsize n);
/* n characters of the alphabet. */
char *id_alphabet(Arena *arena, const char *alphabet, gsize n);
/* IAM's unique ids and access keys: "AROA", "AIDA", "ASIA", "AKIA", ... and 16 of A-Z2-7. */
char *id_unique(Arena *arena, const char *prefix);
/* Lower-case letters and digits, as in API Gateway's ids (10). */
char *id_lower(Arena *arena, gsize n);
/* Fills buffer with random bytes. */
void id_random(void *buffer, gsize size);
