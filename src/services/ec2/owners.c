#include "services/ec2/owners.h"

#include <string.h>

/* --- what other services tell --- */

Error *owners_ask(Owners *owners, const char *service, const char *operation, const Json *in, Json **ret_out) {
  Call *call = owners->call;
  const Operation *row = haar_operation(service, operation);
  *ret_out = json_new_object(call->arena);
  if (!row)
    return NULL;
  void *input = arena_alloc(call->arena, MAX(row->input_size, 1)), *output = arena_alloc(call->arena, MAX(row->output_size, 1));
  TRY(shape_from_json(call->arena, row->model->input, in, TRUE, input));
  TRY(call_operation(call, row, NULL, NULL, input, output));
  *ret_out = shape_to_json(call->arena, row->model->output, output);
  return NULL;
}

/* All pages of a list. marker_in, marker_out: the members that carry the next page. */
typedef struct Pages { const char *service, *operation, *list, *marker_in, *marker_out; } Pages;

typedef void (*Each)(Owners *owners, const Json *item);

static Error *ask_all(Owners *owners, const Pages *pages, Each each) {
  const char *marker = NULL;
  do {
    Json *in = json_new_object(owners->call->arena), *out = NULL;
    if (marker)
      json_set(owners->call->arena, in, pages->marker_in, json_new_string(owners->call->arena, marker));
    TRY(owners_ask(owners, pages->service, pages->operation, in, &out));
    const Json *list = json_get(out, pages->list);
    for (guint32 i = 0; list && i < list->n; i++)
      each(owners, list->items[i]);
    marker = json_string(json_get(out, pages->marker_out));
  } while (marker && *marker);
  return NULL;
}

static StringList strings_of(Arena *arena, const Json *list) {
  StringList strings = {0};
  for (guint32 i = 0; list && list->type == JSON_ARRAY && i < list->n; i++)
    if (json_string(list->items[i])) {
      const char *text = json_string(list->items[i]);
      LIST_APPEND(arena, &strings, text);
    }
  return strings;
}

static void add_function(Owners *owners, const Json *item) {
  Arena *arena = owners->call->arena;
  const Json *timeout = json_get(item, "Timeout");
  OwnedFunction *function = ARENA_NEW(arena, OwnedFunction);
  *function = (OwnedFunction){
    .name = json_string(json_get(item, "FunctionName")), .runtime = json_string(json_get(item, "Runtime")), .role = json_string(json_get(item, "Role")),
    .timeout_s = timeout && timeout->type == JSON_NUMBER ? g_ascii_strtoll(timeout->text, NULL, 10) : 3,
    .subnets = strings_of(arena, json_path(item, "VpcConfig.SubnetIds")), .groups = strings_of(arena, json_path(item, "VpcConfig.SecurityGroupIds"))};
  LIST_APPEND(arena, &owners->functions, function);
}

static void add_database(Owners *owners, const char *name, const char *host, const char *vpc, gboolean cluster) {
  Fabric *fabric = owners->call->haar->fabric;
  OwnedDatabase *database = ARENA_NEW(owners->call->arena, OwnedDatabase);
  if (!name || !host)
    return;
  g_auto(GStrv) addresses = fabric ? fabric_resolve(fabric, NULL, host) : g_new0(char *, 1);
  *database = (OwnedDatabase){name, host, arena_strdup(owners->call->arena, addresses[0]), vpc, cluster};
  LIST_APPEND(owners->call->arena, &owners->databases, database);
}

static void add_instance(Owners *owners, const Json *item) {
  add_database(owners, json_string(json_get(item, "DBInstanceIdentifier")), json_string(json_path(item, "Endpoint.Address")),
               json_string(json_path(item, "DBSubnetGroup.VpcId")), FALSE);
}

static void add_cluster(Owners *owners, const Json *item) {
  add_database(owners, json_string(json_get(item, "DBClusterIdentifier")), json_string(json_get(item, "Endpoint")), NULL, TRUE);
}

/* --- EC2's own --- */

static void add_logical(Owners *owners, const Ec2Kind *kind, const Ec2Records *records) {
  for (gsize i = 0; i < records->n; i++) {
    const Ec2TagList *tags = G_STRUCT_MEMBER_P(records->v[i], kind->tags_offset);
    const char *id = G_STRUCT_MEMBER(const char *, records->v[i], kind->id_offset);
    for (gsize j = 0; j < tags->n; j++)
      if (g_strcmp0(tags->v[j]->Key, "aws:cloudformation:logical-id") == 0 && tags->v[j]->Value)
        g_hash_table_insert(owners->logical, (gpointer) id, (gpointer) tags->v[j]->Value);
      else if (g_strcmp0(tags->v[j]->Key, "aws:cloudformation:stack-name") == 0 && tags->v[j]->Value)
        g_hash_table_insert(owners->stacks, (gpointer) id, (gpointer) tags->v[j]->Value);
  }
}

static Error *read_own(Call *call, gpointer data) {
  Owners *owners = data;
  for (const Ec2Kind *const *kind = ec2_kinds; *kind; kind++) {
    Ec2Records records = {0};
    TRY(ec2_all(call, *kind, &records));
    add_logical(owners, *kind, &records);
    if (*kind != &ec2_interfaces)
      continue;
    owners->interfaces.n = records.n;
    owners->interfaces.v = (Ec2NetworkInterface **) records.v;
  }
  return NULL;
}

Error *owners_load(Haar *haar, const char *account, const char *region, Owners **ret_owners) {
  static const Pages functions = {"lambda", "ListFunctions", "Functions", "Marker", "NextMarker"};
  static const Pages instances = {"rds", "DescribeDBInstances", "DBInstances", "Marker", "Marker"};
  static const Pages clusters = {"rds", "DescribeDBClusters", "DBClusters", "Marker", "Marker"};
  g_autoptr(Owners) owners = g_new0(Owners, 1);
  owners->call = call_new(haar, account, region, NULL);
  owners->logical = g_hash_table_new(g_str_hash, g_str_equal);
  owners->stacks = g_hash_table_new(g_str_hash, g_str_equal);
  TRY(call_read(owners->call, read_own, owners));
  TRY(ask_all(owners, &functions, add_function));
  TRY(ask_all(owners, &instances, add_instance));
  TRY(ask_all(owners, &clusters, add_cluster));
  *ret_owners = g_steal_pointer(&owners);
  return NULL;
}

void owners_free(Owners *owners) {
  if (!owners)
    return;
  g_hash_table_unref(owners->logical);
  g_hash_table_unref(owners->stacks);
  call_free(owners->call);
  g_free(owners);
}

/* --- who is where --- */

const OwnedFunction *owners_function(const Owners *owners, const char *name) {
  for (gsize i = 0; name && i < owners->functions.n; i++)
    if (strcmp(owners->functions.v[i]->name, name) == 0)
      return owners->functions.v[i];
  return NULL;
}

static const Ec2NetworkInterface *interface_of(const Owners *owners, const char *id) {
  for (gsize i = 0; i < owners->interfaces.n; i++)
    if (strcmp(owners->interfaces.v[i]->NetworkInterfaceId, id) == 0)
      return owners->interfaces.v[i];
  return NULL;
}

/* Whether a function's processes may be in this interface: its subnet, and the same groups. */
static gboolean function_uses(const OwnedFunction *function, const Eni *eni) {
  if (!string_list_has(&function->subnets, eni->subnet) || function->groups.n != eni->n_groups)
    return FALSE;
  for (gsize i = 0; i < eni->n_groups; i++)
    if (!string_list_has(&function->groups, eni->groups[i]))
      return FALSE;
  return TRUE;
}

static const char *label_of(Owners *owners, const StringList *names) {
  return text_join(owners->call->arena, " or ", names->v, names->n);
}

/* names: "function pay"; who used the same thing. */
static void name_users(Owners *owners, const StringList *names, Party *party) {
  party->label = label_of(owners, names);
  party->name = g_str_has_prefix(names->v[0], "function ") ? names->v[0] + strlen("function ") : names->v[0];
  party->kind = g_str_has_prefix(names->v[0], "function ") ? "function" : "shell";
  const OwnedFunction *function = names->n == 1 ? owners_function(owners, party->name) : NULL;
  party->timeout_s = function ? function->timeout_s : 0;
  party->runtime = function ? function->runtime : NULL;
}

/* Of an interface of Lambda: who used it at that time, else who may have. */
static void name_function(Owners *owners, const Eni *eni, gint64 at_ms, Party *party) {
  Arena *arena = owners->call->arena;
  StringList names = {0};
  if (at_ms)
    names = server_used_by(owners->call->haar->server, arena, eni->id, at_ms);
  for (gsize i = 0; !at_ms && i < owners->functions.n; i++)
    if (function_uses(owners->functions.v[i], eni)) {
      const char *label = arena_printf(arena, "function %s", owners->functions.v[i]->name);
      LIST_APPEND(arena, &names, label);
    }
  if (names.n)
    name_users(owners, &names, party);
}

static void name_interface(Owners *owners, const Network *network, const Eni *eni, gint64 at_ms, Party *party) {
  Arena *arena = owners->call->arena;
  const Endpoint *endpoint = network_endpoint(network, eni->owner);
  const Ec2NetworkInterface *record = interface_of(owners, eni->id);
  *party = (Party){.kind = "interface", .name = eni->id, .label = eni->id, .eni = eni->id, .address = party->address, .subnet = eni->subnet, .vpc = network->vpc_id};
  if (endpoint) {
    party->kind = "endpoint";
    party->name = endpoint->id;
    party->label = arena_printf(arena, "endpoint %s for %s", endpoint->id, endpoint->service);
  } else if (eni->kind == ENI_NAT) {
    party->kind = "nat-gateway";
    party->name = eni->owner ? eni->owner : eni->id;
    party->label = arena_printf(arena, "NAT gateway %s", party->name);
  } else {
    name_function(owners, eni, at_ms, party);
    if (strcmp(party->kind, "interface") == 0)
      name_function(owners, eni, 0, party);
    if (strcmp(party->kind, "interface") == 0 && record && record->Description && *record->Description)
      party->label = arena_printf(arena, "%s \"%s\"", eni->id, record->Description);
  }
}

static void name_database(const Owners *owners, Party *party) {
  for (gsize i = 0; i < owners->databases.n; i++) {
    const OwnedDatabase *database = owners->databases.v[i];
    if (database->cluster || g_strcmp0(database->address, party->address) != 0 || (database->vpc && g_strcmp0(database->vpc, party->vpc) != 0))
      continue;
    party->kind = "database";
    party->name = database->name;
    party->label = arena_printf(owners->call->arena, "database %s", database->name);
  }
}

/* A public address: of a service, by the name that was asked for, else by the services that are there. */
static void name_service(Owners *owners, Party *party) {
  static const char *const others[] = {"s3", "dynamodb", "ec2", "rds", "sts"};
  Arena *arena = owners->call->arena;
  Fabric *fabric = owners->call->haar->fabric;
  guint32 address = 0;
  Cidr elastic;
  if (!address_parse(party->address, &address) || (cidr_parse(REACH_ELASTIC, &elastic) && cidr_has(&elastic, address)))
    return;
  g_autofree char *service = party->host && fabric ? fabric_service_of(fabric, party->host) : NULL;
  for (gsize i = 0; !service && haar_services[i]; i++)
    if (reach_service_address(haar_services[i]->model->endpoint_prefix) == address)
      service = g_strdup(haar_services[i]->model->endpoint_prefix);
  for (gsize i = 0; !service && i < G_N_ELEMENTS(others); i++)
    if (reach_service_address(others[i]) == address)
      service = g_strdup(others[i]);
  if (!service)
    return;
  party->kind = "service";
  party->name = arena_strdup(arena, service);
  party->label = party->host ? party->host : party->name;
}

/* Who ran in a namespace without a VPC. */
static void name_outside(Owners *owners, const char *key, gint64 at_ms, Party *party) {
  StringList names = server_used_by(owners->call->haar->server, owners->call->arena, key, at_ms);
  if (names.n)
    name_users(owners, &names, party);
}

/* An interface that is gone: what is remembered of it. */
static void name_gone(Owners *owners, const char *eni_id, gint64 at_ms, Party *party) {
  StringList names = server_used_by(owners->call->haar->server, owners->call->arena, eni_id, at_ms);
  party->kind = "interface";
  party->name = party->eni = arena_strdup(owners->call->arena, eni_id);
  if (names.n)
    party->label = label_of(owners, &names);
}

Party owners_party(Owners *owners, const Network *network, const char *address, const char *eni_id, gint64 at_ms) {
  Arena *arena = owners->call->arena;
  Fabric *fabric = owners->call->haar->fabric;
  Party party = {.kind = "address", .name = arena_strdup(arena, address), .address = arena_strdup(arena, address), .vpc = network ? network->vpc_id : NULL};
  Ip value = {0};
  g_autofree char *host = fabric ? fabric_asked_name(fabric, network ? network->vpc_id : NULL, address) : NULL;
  const Eni *eni = network && ip_parse(address, &value) ? network_eni_ip(network, value) : NULL;
  if (eni)
    name_interface(owners, network, eni, at_ms, &party);
  else if (network && network->cidrs.n && (ip_equal(value, ip_of4(cidr_base(&network->cidrs.v[0]) + 2)) || strcmp(address, REACH_RESOLVER) == 0 ||
                                               strcmp(address, REACH_RESOLVER6) == 0)) {
    party.kind = "resolver";
    party.label = "the VPC's resolver";
  } else if (!network && eni_id && *eni_id)
    name_outside(owners, eni_id, at_ms, &party);
  else if (eni_id && *eni_id && !network_eni(network, eni_id))
    name_gone(owners, eni_id, at_ms, &party);
  party.host = host ? arena_strdup(arena, host) : NULL;
  if (!party.label)
    party.label = party.host;
  if (eni && strcmp(party.kind, "interface") == 0)
    name_database(owners, &party);
  if (!eni && !party.eni)
    name_service(owners, &party);
  return party;
}

/* --- the other way --- */

static void add_interface(Owners *owners, StringList *list, const char *id) {
  if (id && !string_list_has(list, id))
    LIST_APPEND(owners->call->arena, list, id);
}

StringList owners_interfaces(Owners *owners, const Network *network, const char *name) {
  StringList found = {0};
  guint32 address = 0;
  Ip ip = {0};
  const OwnedFunction *function = owners_function(owners, name);
  for (gsize i = 0; i < network->n_enis; i++) {
    const Eni *eni = &network->enis[i];
    const Ec2NetworkInterface *record = interface_of(owners, eni->id);
    gboolean lambda = record && g_strcmp0(record->InterfaceType, "lambda") == 0;
    if (strcmp(eni->id, name) == 0 || g_strcmp0(eni->owner, name) == 0 || strcmp(eni->subnet, name) == 0 || (function && lambda && function_uses(function, eni)))
      add_interface(owners, &found, eni->id);
  }
  if (ip_parse(name, &ip) && network_eni_ip(network, ip))
    add_interface(owners, &found, network_eni_ip(network, ip)->id);
  for (gsize i = 0; i < owners->databases.n; i++) {
    const OwnedDatabase *database = owners->databases.v[i];
    if ((strcmp(database->name, name) == 0 || strcmp(database->host, name) == 0) && address_parse(database->address, &address) && network_eni_at(network, address))
      add_interface(owners, &found, network_eni_at(network, address)->id);
  }
  return found;
}

const char *owners_named(const Owners *owners, Arena *arena, const char *id) {
  const char *logical = id ? g_hash_table_lookup(owners->logical, id) : NULL;
  return logical ? arena_printf(arena, "%s (%s)", id, logical) : id;
}

const char *owners_references(const Owners *owners, Arena *arena, const char *snippet) {
  if (!snippet)
    return NULL;
  g_autoptr(GString) out = g_string_new(NULL);
  for (const char *at = snippet; *at;) {
    gsize n = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
    g_autofree char *word = g_strndup(at, MAX(n, 1));
    const char *logical = n ? g_hash_table_lookup(owners->logical, word) : NULL;
    if (logical && g_str_has_prefix(word, "sg-"))
      g_string_append_printf(out, "!GetAtt %s.GroupId", logical);
    else if (logical)
      g_string_append_printf(out, "!Ref %s", logical);
    else
      g_string_append(out, word);
    at += MAX(n, 1);
  }
  return arena_strdup(arena, out->str);
}
