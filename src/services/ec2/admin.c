/* admin: what `haar why` and `haar net` ask: dropped connections explained, the way of a packet, what is there. */
#include "fabric/fabric.h"
#include "services/ec2/ec2.h"

#include <string.h>

enum { HOUR_MS = 3600 * 1000, DROPS_MAX = 500 };

/* The VPC's network, wherever it is; NULL if it is gone. */
static Error *find_network(Call *call, Txn *txn, const char *vpc_id, const char *eni_id, Network **ret_network) {
  g_autoptr(Cursor) cursor = NULL;
  *ret_network = NULL;
  TRY(cursor_open(txn, &ec2_vpcs.table, &(CursorOptions){0}, &cursor));
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    char *region = NULL, *account = NULL, *id = NULL;
    gsize size = 0;
    g_autoptr(Network) network = NULL;
    if (!key_read(&reader, call->arena, &region, &size) || !key_read(&reader, call->arena, &account, &size) || !key_read(&reader, call->arena, &id, &size) ||
        (vpc_id && strcmp(vpc_id, id) != 0))
      continue;
    TRY(ec2_network(txn, region, account, id, &network));
    if (network && (!eni_id || network_eni(network, eni_id))) {
      *ret_network = g_steal_pointer(&network);
      return NULL;
    }
  }
  return NULL;
}

static void set_text(Call *call, Json *object, const char *key, const char *text) {
  json_set(call->arena, object, key, text ? json_new_string(call->arena, text) : json_new_null(call->arena));
}

static Json *drop_json(Call *call, const Network *network, const Drop *drop) {
  Json *object = json_new_object(call->arena);
  Ip source = {0}, destination = {0};
  ip_parse(drop->source, &source);
  ip_parse(drop->destination, &destination);
  Explanation explanation = reach_explain(network, call->arena, drop->stage, drop->rule, drop->eni_id, source, destination, drop->protocol, drop->destination_port);
  set_text(call, object, "time", text_iso8601(call->arena, drop->time_ms, TRUE));
  json_set(call->arena, object, "count", json_new_int(call->arena, drop->count));
  set_text(call, object, "vpc", drop->vpc_id);
  set_text(call, object, "eni", drop->eni_id);
  set_text(call, object, "source", drop->source);
  json_set(call->arena, object, "sourcePort", json_new_int(call->arena, drop->source_port));
  set_text(call, object, "destination", drop->destination);
  json_set(call->arena, object, "destinationPort", json_new_int(call->arena, drop->destination_port));
  json_set(call->arena, object, "protocol", json_new_int(call->arena, drop->protocol));
  set_text(call, object, "stage", reach_stages[drop->stage].what);
  set_text(call, object, "rule", drop->rule);
  set_text(call, object, "why", explanation.why);
  set_text(call, object, "mend", explanation.mend);
  return object;
}

static Error *no_fabric(const Call *call) {
  return error_answer("NetworkOff", "The network is off: %s", call->haar->network_off_reason ? call->haar->network_off_reason : "--network=off");
}

static Error *admin_drops(Call *call, const Json *in, Json **ret_out) {
  g_autofree Drop *drops = NULL;
  g_autoptr(Txn) txn = NULL;
  guint n = 0;
  const char *vpc = json_string(json_get(in, "vpc"));
  if (!call->haar->fabric)
    return no_fabric(call);
  fabric_drops(call->haar->fabric, vpc, clock_now() - HOUR_MS, DROPS_MAX, &drops, &n);
  TRY(store_begin_read(call->haar->store, &txn));
  Json *list = json_new_array(call->arena);
  g_autoptr(Network) network = NULL;
  for (guint i = 0; i < n; i++) {
    if (!network || strcmp(network->vpc_id, drops[i].vpc_id) != 0) {
      g_clear_pointer(&network, network_free);
      TRY(find_network(call, txn, drops[i].vpc_id, NULL, &network));
    }
    json_append(call->arena, list, drop_json(call, network, &drops[i]));
  }
  *ret_out = json_new_object(call->arena);
  json_set(call->arena, *ret_out, "drops", list);
  return NULL;
}

static Error *admin_net(Call *call, const Json *in, Json **ret_out) {
  (void) in;
  if (!call->haar->fabric)
    return no_fabric(call);
  TRY(fabric_sync(call->haar->fabric));
  g_autofree char *text = fabric_describe(call->haar->fabric);
  *ret_out = json_new_object(call->arena);
  set_text(call, *ret_out, "text", text);
  return NULL;
}

/* A destination: an address, an interface, or a name as the VPC's resolver answers it. */
static Error *destination(Call *call, const Network *network, const char *text, Ip *ret_address) {
  const Eni *eni = network_eni(network, text);
  if (eni) {
    *ret_address = ip_of4(eni->address);
    return NULL;
  }
  if (ip_parse(text, ret_address))
    return NULL;
  if (!call->haar->fabric)
    return no_fabric(call);
  g_auto(GStrv) addresses = fabric_resolve(call->haar->fabric, network->vpc_id, text);
  if (!addresses[0] || !ip_parse(addresses[0], ret_address))
    return error_answer("NameNotFound", "The resolver of %s does not know '%s'", network->vpc_id, text);
  return NULL;
}

static Json *step_json(Call *call, const Step *step) {
  Json *object = json_new_object(call->arena);
  set_text(call, object, "stage", reach_stages[step->stage].what);
  json_set(call->arena, object, "passed", json_new_bool(call->arena, step->passed));
  set_text(call, object, "rule", step->rule);
  set_text(call, object, "text", step->text);
  return object;
}

/* The interface that src names: its id, or its private address. */
static Error *trace_source(Call *call, Txn *txn, const char *src, Network **ret_network, const char **ret_eni) {
  Ip address = {0};
  if (!ip_parse(src, &address)) {
    *ret_eni = src;
    return find_network(call, txn, NULL, src, ret_network);
  }
  TRY(find_network(call, txn, NULL, NULL, ret_network));
  const Eni *eni = *ret_network ? network_eni_ip(*ret_network, address) : NULL;
  *ret_eni = eni ? arena_strdup(call->arena, eni->id) : src;
  return NULL;
}

static Error *admin_trace(Call *call, const Json *in, Json **ret_out) {
  const char *src = json_string(json_get(in, "src")), *dst = json_string(json_get(in, "dst")), *port = json_string(json_get(in, "port"));
  g_autoptr(Txn) txn = NULL;
  g_autoptr(Network) network = NULL;
  guint64 number = 443;
  Verdict verdict = {0};
  Packet packet = {.protocol = 6};
  if (!src || !dst || (port && !g_ascii_string_to_unsigned(port, 10, 1, 65535, &number, NULL)))
    return error_answer("ValidationException", "A trace needs src (an interface or its address), dst (an address, an interface or a name) and a port from 1 to 65535.");
  TRY(store_begin_read(call->haar->store, &txn));
  TRY(trace_source(call, txn, src, &network, &packet.eni));
  if (!network)
    return error_answer("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '%s' does not exist", src);
  TRY(destination(call, network, dst, &packet.destination));
  packet.port = (guint16) number;
  TRY(reach_walk(network, &packet, call->arena, &verdict));
  *ret_out = json_new_object(call->arena);
  Json *steps = json_new_array(call->arena);
  for (gsize i = 0; i < verdict.n_steps; i++)
    json_append(call->arena, steps, step_json(call, &verdict.steps[i]));
  json_set(call->arena, *ret_out, "delivered", json_new_bool(call->arena, verdict.delivered));
  set_text(call, *ret_out, "destination", ip_text(call->arena, packet.destination));
  json_set(call->arena, *ret_out, "steps", steps);
  if (verdict.delivered)
    return NULL;
  Explanation explanation = reach_explain(network, call->arena, verdict.stage, verdict.rule, packet.eni, ip_of4(verdict.source->address), packet.destination, 6, packet.port);
  set_text(call, *ret_out, "why", explanation.why);
  set_text(call, *ret_out, "mend", explanation.mend);
  return NULL;
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

static const AdminRoute routes[] = {{"GET", "drops", admin_drops}, {"GET", "net", admin_net}, {"GET", "net/trace", admin_trace},
                                    {"POST", "net/cut", admin_cut}};

void ec2_register_admin(Haar *haar) {
  for (gsize i = 0; i < G_N_ELEMENTS(routes); i++)
    server_admin(haar, &routes[i]);
}
