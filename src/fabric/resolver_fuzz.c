/* Any bytes as a query to the resolver, and as an answer from elsewhere: no crash, and an answer only to what is a query. */
#include <stdint.h>

#include "fabric/vpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Fabric fabric = {.region = (char *) "us-east-1"};
  g_mutex_init(&fabric.lock);
  g_rw_lock_init(&fabric.zones_lock);
  fabric.vpcs = g_hash_table_new(g_str_hash, g_str_equal);
  fabric.names = g_hash_table_new(g_str_hash, g_str_equal);
  fabric.faults = g_hash_table_new(g_str_hash, g_str_equal);
  fabric.outside = g_hash_table_new(g_str_hash, g_str_equal);
  fabric.asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  fabric.refused = g_new0(RefusedName, REFUSED_KEPT);
  g_autoptr(GByteArray) out = g_byte_array_new();
  gboolean answered = resolver_answer(&fabric, NULL, ip_of4(0), data, size, out);
  g_assert_true(!answered || (out->len >= 12 && out->data[0] == data[0] && out->data[1] == data[1]));
  resolver_note(&fabric, NULL, ip_of4(0), data, size);
  g_hash_table_unref(fabric.outside);
  g_hash_table_unref(fabric.vpcs);
  g_hash_table_unref(fabric.names);
  g_hash_table_unref(fabric.faults);
  g_hash_table_unref(fabric.asked);
  g_free(fabric.refused);
  g_rw_lock_clear(&fabric.zones_lock);
  g_mutex_clear(&fabric.lock);
  return 0;
}
