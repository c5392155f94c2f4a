/* admin: what `haar why`, `haar net` and `haar fault` ask. */
#include "services/ec2/why.h"

static Error *no_fabric(const Call *call) {
  return error_answer("NetworkOff", "The network is off: %s", call->haar->network_off_reason ? call->haar->network_off_reason : "--network=off");
}

/* Cuts a zone or an interface off, or heals it; answers when packets know it. */
static Error *admin_cut(Call *call, const Json *in, Json **ret_out) {
  const char *target = json_string(json_get(in, "target"));
  const Json *cut = json_get(in, "cut");
  if (!call->haar->fabric)
    return no_fabric(call);
  if (!target || !cut || (cut->type != JSON_TRUE && cut->type != JSON_FALSE))
    return error_answer("ValidationException", "A cut needs target (a zone as us-east-1a, or an interface) and cut (true or false).");
  if (g_str_has_prefix(target, "eni-"))
    fabric_cut_eni(call->haar->fabric, target, cut->type == JSON_TRUE);
  else
    fabric_cut_zone(call->haar->fabric, target, cut->type == JSON_TRUE);
  TRY(fabric_sync(call->haar->fabric));
  *ret_out = json_new_object(call->arena);
  return NULL;
}

static const AdminRoute routes[] = {{"GET", "why", admin_why}, {"GET", "drops", admin_drops}, {"GET", "net", admin_net}, {"GET", "net/trace", admin_trace},
                                    {"POST", "net/cut", admin_cut}};

void ec2_register_admin(Haar *haar) {
  for (gsize i = 0; i < G_N_ELEMENTS(routes); i++)
    server_admin(haar, &routes[i]);
}
