#include <stdint.h>
#include <stddef.h>

#include "services/lambda/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  RuntimeRequest request;
  gssize n = runtime_request_parse(data, size, 4096, &request);
  if (n > 0 && (gsize) n > size)
    g_error("took more than there is");
  return 0;
}
