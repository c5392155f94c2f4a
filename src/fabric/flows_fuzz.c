/* Any bytes as a message of the kernel's connection tracking. */
#include <stdint.h>

#include "fabric/vpc.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_autofree guint8 *aligned = g_malloc(size + 1);
  Flow flow;
  if (size)
    memcpy(aligned, data, size);
  if (flow_parse(aligned, size, &flow))
    g_assert_true(flow.accepted);
  return 0;
}
