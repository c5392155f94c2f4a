/* endpoint: the edge's listeners. A socket is bound to its device, so that the device says which endpoint a connection came through. */
#include "fabric/vpc.h"

#include <string.h>

static const guint16 ports[] = {443, 80};

void edge_listeners_free(gpointer data) {
  Listeners *listeners = data;
  g_free(listeners->endpoint_id);
  g_free(listeners);
}

Error *edge_open(Fabric *fabric, const char *vpc_id, const char *device, Listeners *listeners) {
  for (gsize i = 0; fabric->hooks.listen && i < (listeners->ipv6 ? 2 : 1) * G_N_ELEMENTS(ports); i++) {
    guint16 port = ports[i % G_N_ELEMENTS(ports)];
    WardenSocket spec = {.kind = WARDEN_SOCKET_TCP, .port = port, .ipv6 = i >= G_N_ELEMENTS(ports)};
    int fd = -1;
    g_strlcpy(spec.device, device ? device : "", sizeof spec.device);
    TRY(warden_socket(fabric->warden, fabric->edge, &spec, &fd));
    listeners->ids[i] = fabric->hooks.listen(fabric->hooks.data, fd, vpc_id, listeners->endpoint_id, port == 443);
  }
  return NULL;
}

void edge_close(Fabric *fabric, const Listeners *listeners) {
  for (gsize i = 0; fabric->hooks.unlisten && i < G_N_ELEMENTS(listeners->ids); i++)
    if (listeners->ids[i])
      fabric->hooks.unlisten(fabric->hooks.data, listeners->ids[i]);
}

Error *edge_listen(Vpc *vpc, const char *device, const char *endpoint_id, gboolean ipv6) {
  if (g_hash_table_contains(vpc->listeners, device))
    return NULL;
  Listeners *listeners = g_new0(Listeners, 1);
  *listeners = (Listeners){.endpoint_id = g_strdup(endpoint_id), .ipv6 = ipv6};
  g_hash_table_insert(vpc->listeners, g_strdup(device), listeners);
  return vpc->fabric->started ? edge_open(vpc->fabric, vpc->id, device, listeners) : NULL;
}

Error *edge_start(Vpc *vpc) {
  GHashTableIter iter;
  gpointer device, listeners;
  g_hash_table_iter_init(&iter, vpc->listeners);
  while (g_hash_table_iter_next(&iter, &device, &listeners))
    TRY(edge_open(vpc->fabric, vpc->id, device, listeners));
  return NULL;
}

void edge_unlisten(Vpc *vpc, const char *device) {
  const Listeners *listeners = g_hash_table_lookup(vpc->listeners, device);
  if (listeners)
    edge_close(vpc->fabric, listeners);
  g_hash_table_remove(vpc->listeners, device);
}
