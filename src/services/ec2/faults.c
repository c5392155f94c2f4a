/* The network's faults: what `haar fault` may name is resolved to interfaces, endpoints and VPCs, and the fabric makes it so. */
#include "services/ec2/faults.h"

#include <string.h>

enum { KIB = 1024, BITS = 8 };

/* --- finding targets --- */

static void put(Call *call, Json *object, const char *key, const char *text) {
  if (text)
    json_set(call->arena, object, key, json_new_string(call->arena, text));
}

static Error *need_network(const Call *call) {
  return call->haar->fabric ? NULL : error_answer("NetworkOff", "The network is off: %s", call->haar->network_off_reason ? call->haar->network_off_reason : "--network=off");
}

Error *ec2_fault_target(Call *call, const char *target, FaultTarget *ret_found) {
  g_autoptr(GPtrArray) places = NULL;
  TRY(places_all(call, &places));
  for (guint i = 0; i < places->len; i++) {
    const Place *place = places->pdata[i];
    StringList found = place->network ? owners_interfaces(place->owners, place->network, target) : (StringList){0};
    for (gsize j = 0; j < found.n; j++) {
      const char *id = arena_strdup(call->arena, found.v[j]);
      LIST_APPEND(call->arena, &ret_found->interfaces, id);
      ret_found->stack = arena_strdup(call->arena, g_hash_table_lookup(place->owners->stacks, place->network->vpc_id));
    }
  }
  return NULL;
}

/* The VPC that is named: by its id, logical id, or its stack. */
static Error *find_vpc(Call *call, const char *target, const char **ret_vpc, const char **ret_stack) {
  g_autoptr(GPtrArray) places = NULL;
  TRY(places_all(call, &places));
  for (guint i = 0; i < places->len; i++) {
    const Place *place = places->pdata[i];
    const char *id = place->network ? place->network->vpc_id : NULL, *stack = id ? g_hash_table_lookup(place->owners->stacks, id) : NULL;
    if (!id || (strcmp(id, target) != 0 && g_strcmp0(stack, target) != 0 && g_strcmp0(g_hash_table_lookup(place->owners->logical, id), target) != 0))
      continue;
    *ret_vpc = arena_strdup(call->arena, id);
    *ret_stack = arena_strdup(call->arena, stack);
    return NULL;
  }
  return error_answer("InvalidVpcID.NotFound", "There is no VPC '%s' (an id, a logical id or a stack's name)", target);
}

static Json *list_json(Call *call, const StringList *list) {
  Json *array = json_new_array(call->arena);
  for (gsize i = 0; i < list->n; i++)
    json_append(call->arena, array, json_new_string(call->arena, list->v[i]));
  return array;
}

/* Target and other are zones, or target is something with interfaces: settings "targets" and "other" are filled in. *ret_what: for the text. */
static Error *find_targets(Call *call, Json *settings, Fault *fault, FaultTarget *found, const char **ret_what) {
  const char *other = json_string(json_get(settings, "other"));
  StringList targets = {0};
  TRY(need_network(call));
  if (other && (!ec2_zone_known(call, other) || !ec2_zone_known(call, fault->target)))
    return error_answer("ValidationException", "Between two, both have to be zones, as us-east-1a and us-east-1b");
  *ret_what = other ? arena_printf(call->arena, "between %s and %s", fault->target, other) : arena_printf(call->arena, "of %s", fault->target);
  if (ec2_zone_known(call, fault->target)) {
    LIST_APPEND(call->arena, &targets, fault->target);
    json_set(call->arena, settings, "targets", list_json(call, &targets));
    return NULL;
  }
  TRY(ec2_fault_target(call, fault->target, found));
  if (!found->interfaces.n)
    return error_answer("NotFound", "'%s' is no zone, function, database, endpoint, interface, subnet or address here; `haar net` lists them", fault->target);
  json_set(call->arena, settings, "targets", list_json(call, &found->interfaces));
  fault->stack = found->stack;
  return NULL;
}

static gint64 number_of(const Json *json, const char *key) {
  const Json *value = json_get(json, key);
  return value && value->type == JSON_NUMBER ? g_ascii_strtoll(value->text, NULL, 10) : 0;
}

/* --- the kinds --- */

static Error *prepare_zone(Call *call, Json *settings, Fault *fault) {
  StringList targets = {0};
  TRY(need_network(call));
  if (!ec2_zone_known(call, fault->target))
    return error_answer("InvalidParameterValue", "Invalid availability zone: [%s]", fault->target);
  LIST_APPEND(call->arena, &targets, fault->target);
  json_set(call->arena, settings, "targets", list_json(call, &targets));
  fault->text = arena_printf(call->arena, "nothing in %s answers: its interfaces, databases and endpoints are cut off", fault->target);
  return NULL;
}

static Error *prepare_cut(Call *call, Json *settings, Fault *fault) {
  FaultTarget found = {0};
  const char *what = NULL;
  TRY(find_targets(call, settings, fault, &found, &what));
  fault->text = arena_printf(call->arena, "no packet %s passes", what);
  return NULL;
}

static Error *prepare_loss(Call *call, Json *settings, Fault *fault) {
  FaultTarget found = {0};
  const char *what = NULL;
  const Json *rate = json_get(settings, "rate");
  double value = rate && rate->type == JSON_NUMBER ? g_ascii_strtod(rate->text, NULL) : 0;
  if (value < 0.001)
    return error_answer("ValidationException", "A loss is at least 0.1 %% and at most 100 %%");
  TRY(find_targets(call, settings, fault, &found, &what));
  fault->text = arena_printf(call->arena, "%g %% of the packets %s are lost", value * 100, what);
  json_set(call->arena, settings, "value", json_new_int(call->arena, (gint64) (value * 1000 + 0.5)));
  return NULL;
}

static Error *prepare_bandwidth(Call *call, Json *settings, Fault *fault) {
  FaultTarget found = {0};
  const char *what = NULL;
  gint64 bits = number_of(settings, "bits");
  if (bits < BITS * KIB || bits > G_GINT64_CONSTANT(100000000000))
    return error_answer("ValidationException", "A bandwidth is at least 8 kbit and at most 100 gbit a second");
  TRY(find_targets(call, settings, fault, &found, &what));
  gboolean waits = found.interfaces.n && fabric_shapes(call->haar->fabric);
  fault->text = arena_printf(call->arena, "packets %s over %" G_GINT64_FORMAT " kbit a second %s", what, bits / 1000,
                             waits ? "wait, and are dropped when too many do (token bucket)" : "are dropped (policer)");
  json_set(call->arena, settings, "value", json_new_int(call->arena, bits / BITS));
  return NULL;
}

/* Each packet is later, so a round trip takes twice the delay, and a call to an AWS service as many times as it takes round trips. */
static Error *prepare_latency(Call *call, Json *settings, Fault *fault) {
  FaultTarget found = {0};
  const char *what = NULL;
  gint64 delay = number_of(settings, "delay_ms"), jitter = number_of(settings, "jitter_ms");
  if (delay <= 0)
    return error_answer("ValidationException", "A latency needs a time, as 200ms");
  if (jitter < 0 || jitter > delay)
    return error_answer("ValidationException", "A jitter is at most the latency");
  TRY(find_targets(call, settings, fault, &found, &what));
  const char *more = jitter ? arena_printf(call->arena, ", give or take %" G_GINT64_FORMAT " ms", jitter) : "";
  fault->text = arena_printf(call->arena, "packets %s arrive %" G_GINT64_FORMAT " ms later%s", what, delay, more);
  json_set(call->arena, settings, "value", json_new_int(call->arena, delay));
  return NULL;
}

static Error *prepare_dns(Call *call, Json *settings, Fault *fault) {
  const char *mode = json_string(json_get(settings, "mode")), *vpc = NULL;
  StringList targets = {0};
  gboolean silent = g_strcmp0(mode, "timeout") == 0;
  TRY(need_network(call));
  if (mode && !silent && strcmp(mode, "servfail") != 0)
    return error_answer("ValidationException", "A resolver fails by servfail or by timeout, not by '%s'", mode);
  TRY(find_vpc(call, fault->target, &vpc, &fault->stack));
  LIST_APPEND(call->arena, &targets, vpc);
  json_set(call->arena, settings, "targets", list_json(call, &targets));
  json_set(call->arena, settings, "value", json_new_int(call->arena, silent));
  fault->text = arena_printf(call->arena, "the resolver of %s %s", vpc, silent ? "does not answer" : "answers SERVFAIL");
  return NULL;
}

static Error *prepare_endpoint(Call *call, Json *settings, Fault *fault) {
  const char *mode = json_string(json_get(settings, "mode"));
  gboolean refuse = !mode || strcmp(mode, "refuse") == 0;
  const char *endpoint = NULL;
  StringList targets = {0};
  g_autoptr(GPtrArray) places = NULL;
  TRY(need_network(call));
  if (!refuse && strcmp(mode, "hang") != 0)
    return error_answer("ValidationException", "An endpoint fails by refuse or by hang, not by '%s'", mode);
  TRY(places_all(call, &places));
  for (guint i = 0; i < places->len; i++) {
    const Place *place = places->pdata[i];
    for (gsize j = 0; place->network && j < place->network->n_endpoints; j++) {
      const Endpoint *one = &place->network->endpoints[j];
      if (strcmp(one->id, fault->target) != 0 && strcmp(one->service, fault->target) != 0 && g_strcmp0(g_hash_table_lookup(place->owners->logical, one->id), fault->target) != 0)
        continue;
      endpoint = arena_strdup(call->arena, one->id);
      fault->stack = arena_strdup(call->arena, g_hash_table_lookup(place->owners->stacks, one->id));
      LIST_APPEND(call->arena, &targets, endpoint);
    }
  }
  if (!endpoint)
    return error_answer("InvalidVpcEndpointId.NotFound", "There is no VPC endpoint '%s' (an id, a logical id or a service)", fault->target);
  json_set(call->arena, settings, "targets", list_json(call, &targets));
  json_set(call->arena, settings, "refuse", json_new_bool(call->arena, refuse));
  fault->text = arena_printf(call->arena, "endpoint %s %s", text_join(call->arena, ", ", targets.v, targets.n), refuse ? "refuses connections" : "does not answer");
  return NULL;
}

static Error *prepare_stateless(Call *call, Json *settings, Fault *fault) {
  const char *vpc = NULL;
  TRY(need_network(call));
  TRY(find_vpc(call, fault->target, &vpc, &fault->stack));
  put(call, settings, "vpc", vpc);
  fault->text = arena_printf(call->arena, "security groups of %s are stateless: replies need rules too (AWS's do not)", vpc);
  fault->target = vpc;
  return NULL;
}

static Error *prepare_late(Call *call, Json *settings, Fault *fault) {
  g_autoptr(GPtrArray) places = NULL;
  const char *vpc = NULL;
  TRY(need_network(call));
  TRY(places_all(call, &places));
  for (guint i = 0; i < places->len; i++)
    if (owners_function(((Place *) places->pdata[i])->owners, fault->target)) {
      fault->text = arena_printf(call->arena, "interfaces of function %s carry nothing until its init is over (AWS's do)", fault->target);
      return NULL;
    }
  TRY(find_vpc(call, fault->target, &vpc, &fault->stack));
  fault->text = arena_printf(call->arena, "interfaces of the functions of stack %s carry nothing until their init is over (AWS's do)", fault->target);
  return NULL;
}

static Error *prepare_failover(Call *call, Json *settings, Fault *fault) {
  g_autoptr(Owners) owners = NULL;
  Json *in = json_new_object(call->arena), *out = NULL;
  if (!haar_operation("rds", "FailoverDBCluster"))
    return error_answer("UnknownOperation", "haar does not implement FailoverDBCluster");
  TRY(owners_load(call->haar, call->account, call->region, &owners));
  json_set(call->arena, in, "DBClusterIdentifier", json_new_string(call->arena, fault->target));
  TRY(owners_ask(owners, "rds", "FailoverDBCluster", in, &out));
  fault->text = arena_printf(call->arena, "cluster %s fails over: its replica becomes the writer", fault->target);
  return NULL;
}

/* --- begin and end --- */

static gint64 value_of(const Fault *fault) { return number_of(fault->settings, "value"); }

static FabricFault fault_of(const Fault *fault, FabricFaultKind kind, const char *target) {
  return (FabricFault){.name = fault->name, .kind = kind, .target = target, .other = json_string(json_get(fault->settings, "other")),
                       .value = (guint64) MAX(value_of(fault), 0), .jitter = (guint) number_of(fault->settings, "jitter_ms")};
}

static Error *set_all(Haar *haar, const Fault *fault, FabricFaultKind kind) {
  const Json *targets = json_get(fault->settings, "targets");
  for (guint32 i = 0; haar->fabric && targets && i < targets->n; i++) {
    const FabricFault one = fault_of(fault, kind, json_string(targets->items[i]));
    fabric_fault_set(haar->fabric, &one);
  }
  return haar->fabric ? fabric_sync(haar->fabric) : NULL;
}

/* The same, and for the interfaces that what is named gets later. A zone is one thing, whoever is in it. */
static Error *set_and_follow(Haar *haar, const Fault *fault, FabricFaultKind kind) {
  g_autoptr(Arena) arena = arena_new();
  const FabricFault named = fault_of(fault, kind, fault->target);
  const Json *targets = json_get(fault->settings, "targets");
  StringList interfaces = {0};
  TRY(set_all(haar, fault, kind));
  for (guint32 i = 0; targets && i < targets->n; i++) {
    const char *id = json_string(targets->items[i]);
    LIST_APPEND(arena, &interfaces, id);
  }
  if (haar->fabric && interfaces.n && g_str_has_prefix(interfaces.v[0], "eni-"))
    ec2_follow_add(haar_state(haar, EC2_FOLLOW), &named, &interfaces);
  return NULL;
}

static Error *begin_cut(Haar *haar, const Fault *fault) { return set_and_follow(haar, fault, FABRIC_CUT); }
static Error *begin_loss(Haar *haar, const Fault *fault) { return set_and_follow(haar, fault, FABRIC_LOSS); }
static Error *begin_bandwidth(Haar *haar, const Fault *fault) { return set_and_follow(haar, fault, FABRIC_BANDWIDTH); }
static Error *begin_latency(Haar *haar, const Fault *fault) { return set_and_follow(haar, fault, FABRIC_LATENCY); }
static Error *begin_dns(Haar *haar, const Fault *fault) { return set_all(haar, fault, FABRIC_DNS); }

static Error *begin_endpoint(Haar *haar, const Fault *fault) {
  const Json *refuse = json_get(fault->settings, "refuse");
  return set_all(haar, fault, refuse && refuse->type == JSON_TRUE ? FABRIC_REFUSE : FABRIC_CUT);
}

static Error *end_in_fabric(Haar *haar, const Fault *fault) {
  if (!haar->fabric)
    return NULL;
  ec2_follow_remove(haar_state(haar, EC2_FOLLOW), fault->name);
  fabric_fault_remove(haar->fabric, fault->name);
  return fabric_sync(haar->fabric);
}

static Error *apply_again(Haar *haar, const Fault *fault) {
  TRY(ec2_apply_all(haar));
  return haar->fabric ? fabric_sync(haar->fabric) : NULL;
}

static const FaultKind kinds[] = {
  {.kind = "zone", .prepare = prepare_zone, .begin = begin_cut, .end = end_in_fabric},
  {.kind = "cut", .prepare = prepare_cut, .begin = begin_cut, .end = end_in_fabric},
  {.kind = "loss", .prepare = prepare_loss, .begin = begin_loss, .end = end_in_fabric},
  {.kind = "bandwidth", .prepare = prepare_bandwidth, .begin = begin_bandwidth, .end = end_in_fabric},
  {.kind = "latency", .prepare = prepare_latency, .begin = begin_latency, .end = end_in_fabric},
  {.kind = "dns", .prepare = prepare_dns, .begin = begin_dns, .end = end_in_fabric},
  {.kind = "endpoint", .prepare = prepare_endpoint, .begin = begin_endpoint, .end = end_in_fabric},
  {.kind = "stateless-groups", .prepare = prepare_stateless, .begin = apply_again, .end = apply_again},
  {.kind = "late-eni", .prepare = prepare_late},
  {.kind = "failover", .prepare = prepare_failover, .once = TRUE},
};

void ec2_register_faults(Haar *haar) {
  haar_set_state(haar, EC2_FOLLOW, ec2_follow_new(haar));
  for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
    server_fault_kind(haar, &kinds[i]);
}

void ec2_faults_stop(Haar *haar) { ec2_follow_free(haar_state(haar, EC2_FOLLOW)); }

void ec2_faults_eni(Haar *haar) { ec2_follow_changed(haar_state(haar, EC2_FOLLOW)); }
