/* The network as `haar net` draws it: VPCs with subnets, route tables, interfaces and their owners, endpoints, and who reaches whom, found by walking. */
#include "services/ec2/why.h"

#include <string.h>

enum { KINDS_MAX = 64, MEMBERS_MAX = 4, HTTPS = 443, TCP = 6 };

/* Interfaces with the same groups: who reaches whom is told for them. */
typedef struct Kind {
  const char *groups;        /* "sg-1,sg-2" */
  const Eni *members[MEMBERS_MAX]; /* of different subnets */
  guint n;
} Kind;

typedef struct Picture {
  Call *call;
  const Place *place;
  Kind kinds[KINDS_MAX];
  guint n_kinds;
  Json *reaches;
} Picture;

static void put_named(Picture *picture, Json *object, const char *id) {
  const char *logical = id ? g_hash_table_lookup(picture->place->owners->logical, id) : NULL;
  set_text(picture->call, object, "id", id);
  if (logical)
    set_text(picture->call, object, "name", logical);
}

static const char *named(Picture *picture, const char *id) { return owners_named(picture->place->owners, picture->call->arena, id); }

/* --- what is there --- */

static Json *route_json(Picture *picture, const Route *route) {
  const Network *network = picture->place->network;
  const PrefixList *list = network_prefix_list(network, route->prefix_list);
  const char *to = list && list->name ? strrchr(list->name, '.') + 1 : route->prefix_list ? route->prefix_list : range_text(picture->call->arena, &route->destination);
  Json *object = json_new_object(picture->call->arena);
  set_text(picture->call, object, "to", to);
  set_text(picture->call, object, "via", route->target == TARGET_BLACKHOLE ? arena_printf(picture->call->arena, "%s (gone)", route->target_id ? route->target_id : "nothing")
    : route->target == TARGET_LOCAL ? "local" : named(picture, route->target_id));
  return object;
}

static Json *tables_json(Picture *picture) {
  const Network *network = picture->place->network;
  Json *tables = json_new_array(picture->call->arena);
  for (gsize i = 0; i < network->n_route_tables; i++) {
    const RouteTable *table = &network->route_tables[i];
    Json *object = json_new_object(picture->call->arena), *routes = json_new_array(picture->call->arena);
    put_named(picture, object, table->id);
    for (gsize j = 0; j < table->n_routes; j++)
      if (table->routes[j].target != TARGET_LOCAL)
        json_append(picture->call->arena, routes, route_json(picture, &table->routes[j]));
    json_set(picture->call->arena, object, "routes", routes);
    json_append(picture->call->arena, tables, object);
  }
  return tables;
}

static Json *eni_json(Picture *picture, const Eni *eni) {
  Call *call = picture->call;
  Json *object = json_new_object(call->arena), *groups = json_new_array(call->arena);
  Party party = owners_party(picture->place->owners, picture->place->network, address_text(call->arena, eni->address), NULL, 0);
  set_text(call, object, "id", eni->id);
  set_text(call, object, "address", address_text(call->arena, eni->address));
  if (eni->public_address)
    set_text(call, object, "public", address_text(call->arena, eni->public_address));
  set_text(call, object, "owner", party.label ? party.label : eni->id);
  for (gsize i = 0; i < eni->n_groups; i++)
    json_append(call->arena, groups, json_new_string(call->arena, named(picture, eni->groups[i])));
  json_set(call->arena, object, "groups", groups);
  return object;
}

static Json *subnets_json(Picture *picture) {
  const Network *network = picture->place->network;
  Call *call = picture->call;
  Json *subnets = json_new_array(call->arena);
  for (gsize i = 0; i < network->n_subnets; i++) {
    const Subnet *subnet = &network->subnets[i];
    Json *object = json_new_object(call->arena), *interfaces = json_new_array(call->arena);
    put_named(picture, object, subnet->id);
    set_text(call, object, "zone", subnet->zone);
    set_text(call, object, "cidr", cidr_text(call->arena, &subnet->cidr));
    set_text(call, object, "table", named(picture, subnet->route_table));
    set_text(call, object, "acl", named(picture, subnet->acl));
    for (gsize j = 0; j < network->n_enis; j++)
      if (strcmp(network->enis[j].subnet, subnet->id) == 0)
        json_append(call->arena, interfaces, eni_json(picture, &network->enis[j]));
    json_set(call->arena, object, "interfaces", interfaces);
    json_append(call->arena, subnets, object);
  }
  return subnets;
}

static Json *endpoints_json(Picture *picture) {
  const Network *network = picture->place->network;
  Call *call = picture->call;
  Json *endpoints = json_new_array(call->arena);
  for (gsize i = 0; i < network->n_endpoints; i++) {
    const Endpoint *endpoint = &network->endpoints[i];
    Json *object = json_new_object(call->arena);
    put_named(picture, object, endpoint->id);
    set_text(call, object, "kind", endpoint->gateway ? "gateway" : "interface");
    set_text(call, object, "service", endpoint->service);
    json_set(call->arena, object, "private_dns", json_new_bool(call->arena, endpoint->private_dns && network->dns_support && network->dns_hostnames));
    json_append(call->arena, endpoints, object);
  }
  return endpoints;
}

/* --- who reaches whom --- */

static void add_member(Kind *kind, const Eni *eni) {
  for (guint i = 0; i < kind->n; i++)
    if (strcmp(kind->members[i]->subnet, eni->subnet) == 0)
      return;
  if (kind->n < MEMBERS_MAX)
    kind->members[kind->n++] = eni;
}

static void find_kinds(Picture *picture) {
  const Network *network = picture->place->network;
  for (gsize i = 0; i < network->n_enis; i++) {
    const Eni *eni = &network->enis[i];
    guint k = 0;
    if (eni->kind == ENI_NAT || eni->n_groups == 0)
      continue;
    const char *groups = text_join(picture->call->arena, ",", eni->groups, eni->n_groups);
    while (k < picture->n_kinds && strcmp(picture->kinds[k].groups, groups) != 0)
      k++;
    if (k == KINDS_MAX)
      continue;
    if (k == picture->n_kinds)
      picture->kinds[picture->n_kinds++] = (Kind){.groups = groups};
    add_member(&picture->kinds[k], eni);
  }
}

static const char *kind_text(Picture *picture, const Kind *kind) {
  GString *text = g_string_new(NULL);
  g_auto(GStrv) ids = g_strsplit(kind->groups, ",", -1);
  for (guint i = 0; ids[i]; i++)
    g_string_append_printf(text, "%s%s", i ? ", " : "", named(picture, ids[i]));
  const char *copy = arena_strdup(picture->call->arena, text->str);
  g_string_free(text, TRUE);
  return copy;
}

/* How many of the pairs of members get through. */
static Error *count_passing(Picture *picture, const Kind *from, const Kind *to, int protocol, guint16 port, guint *ret_passing, guint *ret_all) {
  *ret_passing = *ret_all = 0;
  for (guint i = 0; i < from->n; i++)
    for (guint j = 0; j < to->n; j++) {
      Packet packet = {.eni = from->members[i]->id, .destination = ip_of4(to->members[j]->address), .protocol = protocol, .port = port};
      Verdict verdict = {0};
      if (from->members[i] == to->members[j])
        continue;
      TRY(reach_walk(picture->place->network, &packet, picture->call->arena, &verdict));
      *ret_passing += verdict.delivered;
      ++*ret_all;
    }
  return NULL;
}

static void add_reach(Picture *picture, const char *from, const char *to, const char *by, const char *what, gboolean all) {
  Json *object = json_new_object(picture->call->arena);
  set_text(picture->call, object, "from", from);
  set_text(picture->call, object, "to", to);
  if (by)
    set_text(picture->call, object, "by", by);
  set_text(picture->call, object, "what", what);
  json_set(picture->call->arena, object, "all", json_new_bool(picture->call->arena, all));
  json_append(picture->call->arena, picture->reaches, object);
}

static const char *rule_text(Arena *arena, const GroupRule *rule) {
  const char *name = rule->protocol == 6 ? "tcp" : rule->protocol == 17 ? "udp" : rule->protocol == 1 ? "icmp" : rule->protocol == 58 ? "icmpv6" : "all";
  if (rule->protocol != 6 && rule->protocol != 17)
    return name;
  if (rule->from_port <= 0 && (rule->to_port < 0 || rule->to_port == 65535))
    return arena_printf(arena, "%s all", name);
  return rule->from_port == rule->to_port ? arena_printf(arena, "%s %d", name, rule->from_port) : arena_printf(arena, "%s %d-%d", name, rule->from_port, rule->to_port);
}

/* Each inbound rule of the receiver is tried with a packet of it. An endpoint takes 443 of what its group lets in. */
static Error *reach_between(Picture *picture, const Kind *from, const Kind *to) {
  Arena *arena = picture->call->arena;
  GString *some = g_string_new(NULL), *all = g_string_new(NULL);
  gboolean endpoint = to->members[0]->kind == ENI_ENDPOINT;
  Error *error = NULL;
  for (gsize g = 0; !error && g < to->members[0]->n_groups; g++) {
    const SecurityGroup *group = network_group(picture->place->network, to->members[0]->groups[g]);
    for (gsize r = 0; group && !error && r < group->n_rules; r++) {
      const GroupRule *rule = &group->rules[r];
      guint passing = 0, tried = 0;
      gboolean wide = rule->protocol == -1 || (endpoint && rule->from_port <= HTTPS && rule->to_port >= HTTPS);
      if (rule->egress)
        continue;
      const char *text = endpoint && wide ? "tcp 443" : rule_text(arena, rule);
      error = count_passing(picture, from, to, rule->protocol == -1 ? TCP : rule->protocol, wide ? HTTPS : (guint16) MAX(rule->from_port, 1), &passing, &tried);
      GString *out = passing == tried ? all : some;
      if (passing && !strstr(out->str, text))
        g_string_append_printf(out, "%s%s", out->len ? ", " : "", text);
    }
  }
  if (all->len)
    add_reach(picture, kind_text(picture, from), kind_text(picture, to), NULL, arena_strdup(arena, all->str), TRUE);
  if (some->len)
    add_reach(picture, kind_text(picture, from), kind_text(picture, to), NULL, arena_strdup(arena, some->str), FALSE);
  g_string_free(some, TRUE);
  g_string_free(all, TRUE);
  return error;
}

/* S3 and DynamoDB by a gateway endpoint or further ways, and whatever is outside. */
static Error *reach_outside(Picture *picture, const Kind *from) {
  const struct { const char *name; guint32 address; } places[] = {
    {"s3", reach_service_address("s3")}, {"dynamodb", reach_service_address("dynamodb")}, {"all else outside", 198U << 24 | 18U << 16 | 127U << 8 | 1}};
  for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
    guint passing = 0;
    const char *by = NULL;
    for (guint j = 0; j < from->n; j++) {
      Packet packet = {.eni = from->members[j]->id, .destination = ip_of4(places[i].address), .protocol = TCP, .port = HTTPS};
      Verdict verdict = {0};
      TRY(reach_walk(picture->place->network, &packet, picture->call->arena, &verdict));
      passing += verdict.delivered;
      if (verdict.delivered)
        by = verdict.endpoint ? verdict.endpoint->id : verdict.receiver ? verdict.receiver->owner : picture->place->network->internet_gateway;
    }
    if (passing)
      add_reach(picture, kind_text(picture, from), places[i].name, by ? named(picture, by) : NULL, "tcp 443", passing == from->n);
  }
  return NULL;
}

static Error *find_reaches(Picture *picture) {
  picture->reaches = json_new_array(picture->call->arena);
  find_kinds(picture);
  for (guint i = 0; i < picture->n_kinds; i++) {
    if (picture->kinds[i].members[0]->kind == ENI_ENDPOINT)   /* it answers only */
      continue;
    for (guint j = 0; j < picture->n_kinds; j++)
      TRY(reach_between(picture, &picture->kinds[i], &picture->kinds[j]));
    TRY(reach_outside(picture, &picture->kinds[i]));
  }
  return NULL;
}

static Error *draw(Picture *picture, Json **ret_vpc) {
  const Network *network = picture->place->network;
  Call *call = picture->call;
  Json *object = json_new_object(call->arena);
  put_named(picture, object, network->vpc_id);
  set_text(call, object, "account", picture->place->owners->call->account);
  set_text(call, object, "region", picture->place->owners->call->region);
  set_text(call, object, "cidr", network->cidrs.n ? cidr_text(call->arena, &network->cidrs.v[0]) : "");
  set_text(call, object, "internet_gateway", network->internet_gateway ? named(picture, network->internet_gateway) : NULL);
  json_set(call->arena, object, "dns_support", json_new_bool(call->arena, network->dns_support));
  json_set(call->arena, object, "dns_hostnames", json_new_bool(call->arena, network->dns_hostnames));
  json_set(call->arena, object, "stateless_groups", json_new_bool(call->arena, network->stateless_groups));
  TRY(find_reaches(picture));
  json_set(call->arena, object, "subnets", subnets_json(picture));
  json_set(call->arena, object, "tables", tables_json(picture));
  json_set(call->arena, object, "endpoints", endpoints_json(picture));
  json_set(call->arena, object, "reaches", picture->reaches);
  *ret_vpc = object;
  return NULL;
}

/* A VPC by its id, its logical id, or the name of its stack's resource. */
static gboolean is_wanted(const Place *place, const char *name) {
  return !name || strcmp(place->network->vpc_id, name) == 0 || g_strcmp0(g_hash_table_lookup(place->owners->logical, place->network->vpc_id), name) == 0 ||
         g_strcmp0(g_hash_table_lookup(place->owners->stacks, place->network->vpc_id), name) == 0;
}

/* in: vpc (id, logical id or stack), or nothing: all. */
Error *admin_net(Call *call, const Json *in, Json **ret_out) {
  const char *wanted = json_string(json_get(in, "vpc"));
  g_autoptr(GPtrArray) places = NULL;
  Json *list = json_new_array(call->arena);
  TRY(places_all(call, &places));
  for (guint i = 0; i < places->len; i++) {
    const Place *place = places->pdata[i];
    g_autofree Picture *picture = g_new0(Picture, 1);
    Json *vpc = NULL;
    if (!place->network || !is_wanted(place, wanted))
      continue;
    picture->call = call;
    picture->place = place;
    TRY(draw(picture, &vpc));
    json_append(call->arena, list, vpc);
  }
  if (wanted && list->n == 0)
    return error_answer("InvalidVpcID.NotFound", "There is no VPC '%s' (an id, a logical id or a stack's name)", wanted);
  *ret_out = json_new_object(call->arena);
  set_network(call, *ret_out);
  json_set(call->arena, *ret_out, "vpcs", list);
  return NULL;
}
