/* checksum: what a multipart object's checksum is, from those of its parts. Pure.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html */
#pragma once

#include "base/base.h"

/* The checksum of bytes by this name ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"), most significant byte first. Returns its size in bytes;
 * 0: no such name. ret holds 32 bytes. */
gsize checksum_of(const char *name, const void *data, gsize size, guint8 *ret);
/* Of a CRC: turns ret, the checksum of what is before, into that of it and what follows. size: of what follows, whose checksum next is.
 * FALSE: it is no CRC. */
gboolean checksum_append(const char *name, guint8 *ret, const guint8 *next, guint64 size);
