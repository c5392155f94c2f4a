/* Ciphertext blobs from anyone: what they say of their key. */
#include "services/kms/kms.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(Arena) arena = arena_new();
  BlobHeader header = { 0 };
  Blob blob = { arena_memdup(arena, data, size), size };
  g_autoptr(Error) bad = blob_header(arena, blob, &header);
  if (!bad)
    g_assert(header.size <= size && header.key_id && header.region && header.account);
  return 0;
}
