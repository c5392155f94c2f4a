/* Any text as the format of a flow log; what is taken is written with a record. */
#include <stdint.h>

#include "services/ec2/flow.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_autofree char *text = g_strndup((const char *) data, size);
  FlowFormat format;
  g_autoptr(Error) error = flow_format_parse(text, &format);
  if (error)
    return 0;
  g_autoptr(GString) line = g_string_new(NULL);
  g_autofree char *header = flow_format_header(&format);
  flow_format_write(line, &format, &(FlowRecord){.eni = "eni-1", .accepted = TRUE}, "000000000000", "us-east-1");
  g_assert_cmpuint(format.n, <=, G_N_ELEMENTS(format.fields));
  return 0;
}
