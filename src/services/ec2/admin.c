/* admin: what `haar why`, `haar net` and `haar fault` ask. */
#include "services/ec2/why.h"

static const AdminRoute routes[] = {{"GET", "why", admin_why}, {"GET", "drops", admin_drops}, {"GET", "net", admin_net}, {"GET", "net/trace", admin_trace}};

void ec2_register_admin(Haar *haar) {
  for (gsize i = 0; i < G_N_ELEMENTS(routes); i++)
    server_admin(haar, &routes[i]);
}
