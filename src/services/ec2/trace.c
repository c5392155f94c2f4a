/* The way of a packet as it would be now, hop by hop: `haar why SRC DST[:PORT]`. */
#include "services/ec2/why.h"

#include <string.h>

enum { HTTPS = 443, ECHO_REQUEST = 8, ECHO_REQUEST6 = 128 };

typedef struct Trace {
  Place *place;              /* where src is */
  const char *eni;           /* where it starts */
  Ip destination;
  const char *host;          /* what was asked for, if it was a name */
  int protocol;
  guint16 port;
} Trace;

/* The place and the interface that src names; several (a function in two subnets): the first. */
static Error *find_source(GPtrArray *places, const char *src, Trace *trace) {
  for (guint i = 0; i < places->len; i++) {
    Place *place = places->pdata[i];
    StringList found = place->network ? owners_interfaces(place->owners, place->network, src) : (StringList){0};
    if (found.n == 0)
      continue;
    trace->place = place;
    trace->eni = found.v[0];
    return NULL;
  }
  for (guint i = 0; i < places->len; i++)
    if (owners_function(((Place *) places->pdata[i])->owners, src))
      return error_answer("NoInterface", "The function '%s' is in no VPC: it reaches AWS's services directly, and nothing of a VPC", src);
  return error_answer("UnknownSource", "'%s' is no function, database, endpoint, interface, subnet or private address of a VPC here; `haar net` lists them", src);
}

/* By the VPC's resolver; a bare word may be a service: "secretsmanager" is secretsmanager.us-east-1.amazonaws.com. */
static Error *resolve(Call *call, Trace *trace, const char *name) {
  const Network *network = trace->place->network;
  const char *host = name;
  if (!strchr(name, '.'))
    host = arena_printf(call->arena, "%s.%s.amazonaws.com", name, trace->place->owners->call->region);
  if (!network->dns_support)
    return error_answer("NoResolver", "%s has no resolver (enableDnsSupport is off): '%s' leads nowhere from there", network->vpc_id, host);
  g_auto(GStrv) addresses = fabric_resolve(call->haar->fabric, network->vpc_id, host);
  if (!addresses[0] || !ip_parse(addresses[0], &trace->destination))
    return error_answer("UnknownName", "The resolver of %s does not know '%s'", network->vpc_id, host);
  trace->host = host;
  return NULL;
}

static Error *find_destination(Call *call, GPtrArray *places, const char *dst, Trace *trace) {
  if (ip_parse(dst, &trace->destination))
    return NULL;
  StringList found = owners_interfaces(trace->place->owners, trace->place->network, dst);
  if (found.n) {
    trace->destination = ip_of4(network_eni(trace->place->network, found.v[0])->address);
    return NULL;
  }
  for (guint i = 0; i < places->len; i++) {
    const Place *place = places->pdata[i];
    found = place->network ? owners_interfaces(place->owners, place->network, dst) : (StringList){0};
    if (found.n) {
      trace->destination = ip_of4(network_eni(place->network, found.v[0])->address);
      return NULL;
    }
  }
  return resolve(call, trace, dst);
}

/* The port behind host, which is cut off; an address of IPv6 with a port is in brackets. NULL: there is none. */
static const char *cut_port(Arena *arena, char **host) {
  Ip ip;
  const char *bracket = **host == '[' ? strchr(*host, ']') : NULL;
  char *colon = ip_parse(*host, &ip) ? NULL : strrchr(bracket ? bracket : *host, ':');
  const char *port = colon ? arena_strdup(arena, colon + 1) : NULL;
  if (colon)
    *colon = 0;
  if (bracket && (bracket[1] == 0))
    *host = arena_strndup(arena, *host + 1, (gsize) (bracket - *host - 1));
  return port;
}

/* "host:3306", "10.0.0.7:53/udp", "[2001:db8::1]:443", "eni-1/icmp". */
static Error *parse_destination(Call *call, const char *dst, const char **ret_host, Trace *trace) {
  static const struct { const char *name; int number; } protocols[] = {{"tcp", 6}, {"udp", 17}, {"icmp", 1}};
  const char *slash = strrchr(dst, '/');
  char *host = slash ? arena_strndup(call->arena, dst, (gsize) (slash - dst)) : arena_strdup(call->arena, dst);
  gboolean known = !slash;
  for (gsize i = 0; slash && i < G_N_ELEMENTS(protocols); i++)
    if (strcmp(slash + 1, protocols[i].name) == 0) {
      trace->protocol = protocols[i].number;
      known = TRUE;
    }
  guint64 port = HTTPS;
  const char *given = cut_port(call->arena, &host);
  if (!known || (given && !g_ascii_string_to_unsigned(given, 10, 1, 65535, &port, NULL)))
    return error_answer("ValidationException", "A destination is HOST[:PORT][/tcp|udp|icmp] with a port from 1 to 65535, not '%s'", dst);
  trace->port = (guint16) port;
  *ret_host = host;
  return NULL;
}

/* An echo request has its family's protocol and type. */
static void set_echo(Trace *trace) {
  if (trace->protocol != 1)
    return;
  trace->protocol = ip_is4(trace->destination) ? 1 : 58;
  trace->port = (trace->protocol == 1 ? ECHO_REQUEST : ECHO_REQUEST6) << 8;
}

static Json *step_json(Call *call, const Owners *owners, const Step *step) {
  Json *object = json_new_object(call->arena);
  set_text(call, object, "stage", reach_stages[step->stage].what);
  json_set(call->arena, object, "passed", json_new_bool(call->arena, step->passed));
  set_text(call, object, "rule", step->rule);
  set_text(call, object, "rule_name", owners_named(owners, call->arena, step->rule));
  set_text(call, object, "text", step->text);
  return object;
}

/* Whether it left by a gateway for an address of the region that is no service's. */
static gboolean is_for_a_vpc(const Trace *trace, const Verdict *verdict) {
  static const char *const services[] = {REACH_SERVICES, REACH_SERVICES6};
  Range range;
  for (gsize i = 0; i < G_N_ELEMENTS(services); i++)
    if (range_parse(services[i], &range) && range_has(&range, trace->destination))
      return FALSE;
  return verdict->delivered && !verdict->receiver && !ip_none(verdict->leaves_as) && reach_is_region(trace->destination);
}

/* The interface that has a public (or IPv6) address, in whichever VPC. */
static const Eni *public_owner(GPtrArray *places, Ip address, const Network **ret_network) {
  for (guint i = 0; i < places->len; i++) {
    const Network *network = ((const Place *) places->pdata[i])->network;
    const Eni *eni = !network ? NULL : ip_is4(address) ? network_eni_public(network, ip_to4(address)) : network_eni_ip(network, address);
    if (!eni)
      continue;
    *ret_network = network;
    return eni;
  }
  return NULL;
}

/* The way goes on over the region's internet: into the VPC that has the address. */
static Error *follow(Call *call, GPtrArray *places, const Trace *trace, Verdict *verdict) {
  const Network *network = NULL;
  const Eni *eni = public_owner(places, trace->destination, &network);
  const Step nobody = {STAGE_DELIVER, FALSE, "nobody", "no interface has this public address", verdict->network->vpc_id, FALSE};
  Packet packet = {.eni = eni ? eni->id : NULL, .source = verdict->leaves_as, .destination = trace->destination, .protocol = trace->protocol, .port = trace->port};
  Verdict on = {.stage = STAGE_DELIVER, .rule = "nobody", .network = verdict->network, .n_steps = 1, .steps = arena_memdup(call->arena, &nobody, sizeof nobody)};
  if (eni)
    TRY(reach_walk_inbound(network, &packet, call->arena, &on));
  Step *steps = ARENA_ARRAY(call->arena, Step, verdict->n_steps + on.n_steps);
  memcpy(steps, verdict->steps, verdict->n_steps * sizeof *steps);
  memcpy(steps + verdict->n_steps, on.steps, on.n_steps * sizeof *steps);
  on.steps = steps;
  on.n_steps += verdict->n_steps;
  on.source = verdict->source;
  on.leaves_as = verdict->leaves_as;
  *verdict = on;
  return NULL;
}

/* The address that it is sent from. */
static Ip source_of(const Trace *trace, const Verdict *verdict) {
  Ip source = ip_of4(verdict->source->address);
  eni_ip(verdict->source, !ip_is4(trace->destination), &source);
  return source;
}

static void explain(Call *call, const Trace *trace, const Verdict *verdict, const Party *from, const Party *to, Json *out) {
  Blocked blocked = {.stage = verdict->stage, .rule = verdict->rule, .eni = trace->eni, .source = source_of(trace, verdict), .destination = trace->destination,
                     .protocol = trace->protocol, .port = trace->port, .source_name = from->label, .destination_name = to->label, .service = party_service(to)};
  if (verdict->receiver && !ip_none(verdict->leaves_as)) {   /* as the VPC of the receiver sees both ends */
    blocked.source = verdict->leaves_as;
    blocked.destination = ip_is4(trace->destination) ? ip_of4(verdict->receiver->address) : trace->destination;
  }
  Explanation explanation = reach_explain(verdict->network ? verdict->network : trace->place->network, call->arena, &blocked);
  set_explanation(call, out, trace->place->owners, &explanation);
}

static Error *run(Call *call, GPtrArray *places, const Trace *trace, Json **ret_out) {
  const Network *network = trace->place->network;
  Owners *owners = trace->place->owners;
  Packet packet = {.eni = trace->eni, .destination = trace->destination, .protocol = trace->protocol, .port = trace->port};
  Verdict verdict = {0};
  TRY(reach_walk(network, &packet, call->arena, &verdict));
  if (is_for_a_vpc(trace, &verdict))
    TRY(follow(call, places, trace, &verdict));
  Party from = owners_party(owners, network, ip_text(call->arena, source_of(trace, &verdict)), NULL, 0);
  Party to = owners_party(owners, network, ip_text(call->arena, trace->destination), NULL, 0);
  if (trace->host) {
    g_autofree char *service = fabric_service_of(call->haar->fabric, trace->host);
    to.host = trace->host;
    if (strcmp(to.kind, "service") == 0 || strcmp(to.kind, "address") == 0)
      to = (Party){.kind = service ? "service" : to.kind, .name = service ? arena_strdup(call->arena, service) : trace->host, .label = trace->host, .address = to.address,
                   .host = trace->host};
  }
  Json *out = json_new_object(call->arena), *steps = json_new_array(call->arena);
  for (gsize i = 0; i < verdict.n_steps; i++)
    json_append(call->arena, steps, step_json(call, owners, &verdict.steps[i]));
  set_network(call, out);
  json_set(call->arena, out, "who", party_json(call, &from));
  json_set(call->arena, out, "to", party_json(call, &to));
  json_set(call->arena, out, "delivered", json_new_bool(call->arena, verdict.delivered));
  set_text(call, out, "vpc", network->vpc_id);
  set_text(call, out, "destination", ip_text(call->arena, trace->destination));
  json_set(call->arena, out, "port", json_new_int(call->arena, trace->port));
  json_set(call->arena, out, "protocol", json_new_int(call->arena, trace->protocol));
  json_set(call->arena, out, "steps", steps);
  if (!verdict.delivered)
    explain(call, trace, &verdict, &from, &to, out);
  *ret_out = out;
  return NULL;
}

/* in: src, dst. */
Error *admin_trace(Call *call, const Json *in, Json **ret_out) {
  const char *src = json_string(json_get(in, "src")), *dst = json_string(json_get(in, "dst")), *host = NULL;
  g_autoptr(GPtrArray) places = NULL;
  Trace trace = {.protocol = 6};
  if (!call->haar->fabric)
    return error_answer("NetworkOff", "The network is off: %s", call->haar->network_off_reason ? call->haar->network_off_reason : "--network=off");
  if (!src || !dst)
    return error_answer("ValidationException", "A trace needs src (a function, database, interface, subnet or address) and dst (the same, a host name or a service).");
  TRY(parse_destination(call, dst, &host, &trace));
  TRY(places_all(call, &places));
  TRY(find_source(places, src, &trace));
  TRY(find_destination(call, places, host, &trace));
  set_echo(&trace);
  return run(call, places, &trace, ret_out);
}
