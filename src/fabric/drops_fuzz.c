/* Any bytes as a message of the kernel's packet log. */
#include <stdint.h>

#include "fabric/vpc.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_autofree guint8 *aligned = g_malloc(size + 1);
  Drop drop;
  if (size)
    memcpy(aligned, data, size);
  if (drop_parse(aligned, size, &drop))
    g_assert_cmpuint(drop.stage, <, STAGE_COUNT);
  return 0;
}
