/* insights_walk: which packets a path stands for, and the best verdict on them.
 *
 * A path without a port is open if any port is. Where the answer may change is at the ends of the ranges that rules and ACLs name: those are tried. */
#include "services/ec2/insights.h"

#include <string.h>

enum { PORTS_MAX = 512, USUAL_PORT = 443 };

/* Somebody on the internet: of no range that has a meaning here. */
#define OUTSIDE_ADDRESS "203.0.113.10"

typedef struct Analyse {
  Call *call;
  const Ec2NetworkInsightsPath *path;
  Network *network;         /* of the source, or of the destination for what comes in */
  Packet packet;
  gboolean inbound;         /* from the internet */
} Analyse;

static void analyse_clear(Analyse *a) { network_free(a->network); }
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Analyse, analyse_clear)

static Error *vpc_of(Call *call, const char *id, const char **ret_vpc) {
  const Ec2NetworkInterface *eni = NULL;
  const Ec2InternetGateway *gateway = NULL;
  const Ec2VpcEndpoint *endpoint = NULL;
  *ret_vpc = NULL;
  if (g_str_has_prefix(id, "eni-"))
    TRY(ec2_find(call, &ec2_interfaces, id, &eni));
  else if (g_str_has_prefix(id, "igw-"))
    TRY(ec2_find(call, &ec2_internet_gateways, id, &gateway));
  else
    TRY(ec2_find(call, &ec2_endpoints, id, &endpoint));
  *ret_vpc = eni ? eni->VpcId : gateway && gateway->Attachments.n ? gateway->Attachments.v[0]->VpcId : endpoint ? endpoint->VpcId : NULL;
  return NULL;
}

/* The address that a destination stands for; none: it is gone, or has none. */
static Error *address_of(Call *call, const Ec2NetworkInsightsPath *path, Ip *ret_ip) {
  const Ec2NetworkInterface *eni = NULL;
  const Ec2VpcEndpoint *endpoint = NULL;
  const char *id = path->Destination;
  *ret_ip = (Ip){0};
  if (path->DestinationIp && ip_parse(path->DestinationIp, ret_ip))
    return NULL;
  if (ip_parse(id, ret_ip))
    return NULL;
  if (g_str_has_prefix(id, "igw-")) {
    ip_parse(OUTSIDE_ADDRESS, ret_ip);
    return NULL;
  }
  if (g_str_has_prefix(id, "eni-"))
    TRY(ec2_find(call, &ec2_interfaces, id, &eni));
  else
    TRY(ec2_find(call, &ec2_endpoints, id, &endpoint));
  if (endpoint && endpoint->NetworkInterfaceIds.n)
    TRY(ec2_find(call, &ec2_interfaces, endpoint->NetworkInterfaceIds.v[0], &eni));
  else if (endpoint)
    *ret_ip = ip_of4(reach_service_address(strrchr(endpoint->ServiceName, '.') + 1));
  if (eni)
    ip_parse(eni->PrivateIpAddress, ret_ip);
  return NULL;
}

/* --- ports --- */

static void add_port(GArray *ports, int port) {
  guint16 value = (guint16) port;
  if (port < 0 || port > 65535 || ports->len >= PORTS_MAX)
    return;
  for (guint i = 0; i < ports->len; i++)
    if (g_array_index(ports, guint16, i) == value)
      return;
  g_array_append_val(ports, value);
}

static GArray *ports_to_try(const Analyse *a) {
  GArray *ports = g_array_new(FALSE, FALSE, sizeof(guint16));
  if (a->path->DestinationPort.set) {
    add_port(ports, (int) a->path->DestinationPort.v);
    return ports;
  }
  add_port(ports, USUAL_PORT);
  for (gsize i = 0; i < a->network->n_groups; i++)
    for (gsize j = 0; j < a->network->groups[i].n_rules; j++) {
      add_port(ports, a->network->groups[i].rules[j].from_port);
      add_port(ports, a->network->groups[i].rules[j].to_port);
    }
  for (gsize i = 0; i < a->network->n_acls; i++)
    for (gsize j = 0; j < a->network->acls[i].n_entries; j++) {
      add_port(ports, a->network->acls[i].entries[j].from_port - 1);
      add_port(ports, a->network->acls[i].entries[j].to_port + 1);
    }
  return ports;
}

/* The first port that is let through, else the first of all. */
static Error *walk(Analyse *a, Verdict *ret_verdict) {
  g_autoptr(GArray) ports = ports_to_try(a);
  for (guint i = 0; i < ports->len; i++) {
    Verdict verdict = {0};
    a->packet.port = g_array_index(ports, guint16, i);
    TRY(a->inbound ? reach_walk_inbound(a->network, &a->packet, a->call->arena, &verdict) : reach_walk(a->network, &a->packet, a->call->arena, &verdict));
    if (i == 0 || verdict.delivered)
      *ret_verdict = verdict;
    if (verdict.delivered)
      return NULL;
  }
  a->packet.port = g_array_index(ports, guint16, 0);
  return NULL;
}

/* --- ends that are not there, or apart --- */

static gboolean is_private_end(const char *id) { return id && (g_str_has_prefix(id, "eni-") || g_str_has_prefix(id, "vpce-")); }

static Error *check_ends(Analyse *a, Ec2NetworkInsightsAnalysis *analysis, gboolean *ret_done) {
  Call *call = a->call;
  const Ec2NetworkInsightsPath *path = a->path;
  const char *from = NULL, *to = NULL;
  *ret_done = TRUE;
  TRY(vpc_of(call, path->Source, &from));
  if (is_private_end(path->Destination))
    TRY(vpc_of(call, path->Destination, &to));
  if (!from || (is_private_end(path->Destination) && !to)) {
    Ec2Explanation *reason = insights_reason(call, analysis, "NO_SOURCE_OR_DESTINATION");
    reason->MissingComponent = !from ? path->Source : path->Destination;
    return NULL;
  }
  TRY(ec2_network(call->txn, call->region, call->account, from, &a->network));
  gboolean peered = FALSE;
  for (gsize i = 0; a->network && i < a->network->n_peerings; i++)
    peered = peered || strcmp(a->network->peerings[i].peer_vpc, to ? to : "") == 0;
  if (to && strcmp(from, to) != 0 && !peered) {
    Ec2Explanation *reason = insights_reason(call, analysis, "DISCONNECTED_VPCS");
    reason->SourceVpc = insights_component(call, from);
    reason->DestinationVpc = insights_component(call, to);
    return NULL;
  }
  *ret_done = FALSE;
  return NULL;
}

/* The packet: from an interface, or from the internet to one. */
static Error *make_packet(Analyse *a, Ec2NetworkInsightsAnalysis *analysis, gboolean *ret_done) {
  const Ec2NetworkInsightsPath *path = a->path;
  Ip to = {0};
  *ret_done = FALSE;
  a->inbound = g_str_has_prefix(path->Source, "igw-");
  a->packet = (Packet){.eni = path->Source, .protocol = strcmp(path->Protocol, "udp") == 0 ? 17 : 6, .through = TRUE};
  TRY(address_of(a->call, path, &to));
  a->packet.destination = to;
  if (path->SourceIp)
    ip_parse(path->SourceIp, &a->packet.source);
  if (a->inbound) {
    const Eni *eni = network_eni_ip(a->network, to);
    eni = eni ? eni : network_eni_public(a->network, ip_to4(to));
    a->packet.eni = eni ? eni->id : NULL;
    if (ip_none(a->packet.source))
      ip_parse(OUTSIDE_ADDRESS, &a->packet.source);
  }
  *ret_done = ip_none(to) || !a->packet.eni;
  if (*ret_done)
    insights_reason(a->call, analysis, "NO_POSSIBLE_DESTINATION")->Destination = path->Destination ? insights_component(a->call, path->Destination) : NULL;
  return NULL;
}

Error *insights_analyse(Call *call, const Ec2NetworkInsightsPath *path, Ec2NetworkInsightsAnalysis *analysis) {
  g_auto(Analyse) a = {.call = call, .path = path};
  Verdict verdict = {0};
  gboolean done = FALSE;
  analysis->NetworkPathFound = OPT_BOOL(FALSE);
  LIST_EMPTY(call->arena, &analysis->ForwardPathComponents);
  LIST_EMPTY(call->arena, &analysis->ReturnPathComponents);
  LIST_EMPTY(call->arena, &analysis->Explanations);
  TRY(check_ends(&a, analysis, &done));
  if (!done)
    TRY(make_packet(&a, analysis, &done));
  if (done)
    return NULL;
  TRY(walk(&a, &verdict));
  InsightsWay way = {a.network, &verdict, &a.packet, path->Destination};
  analysis->NetworkPathFound = OPT_BOOL(verdict.delivered);
  if (verdict.delivered)
    insights_components(call, &way, analysis);
  else
    insights_explain(call, &way, analysis);
  return NULL;
}
