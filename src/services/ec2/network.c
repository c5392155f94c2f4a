/* network: a VPC's records as reach and the fabric see it; and after each commit the fabric in line with them. */
#include "fabric/fabric.h"
#include "jobs/jobs.h"
#include "services/ec2/ec2.h"
#include "services/ec2/shell.h"

#include <string.h>

/* What one load reads. Everything lands in network->arena. */
typedef struct Load {
  Txn *txn;
  const char *region, *account;
  Network *network;
} Load;

static Error *load_prefix(const Load *load, const Table *table, const Key *prefix, const Shape *shape, Ec2Records *ret) {
  Arena *arena = load->network->arena;
  g_autoptr(Cursor) cursor = NULL;
  Ec2Records all = {0};
  TRY(cursor_open(load->txn, table, &(CursorOptions){.prefix = prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    const guint8 *data = cursor_value(cursor, &size);
    void *record = NULL;
    TRY(record_decode(arena, shape, data, size, &record));
    LIST_APPEND(arena, &all, record);
  }
  *ret = all;
  return NULL;
}

static Error *load_all(const Load *load, const Table *table, const Shape *shape, Ec2Records *ret) {
  Key prefix;
  key_strings(&prefix, load->region, load->account, NULL);
  return load_prefix(load, table, &prefix, shape, ret);
}

static gboolean here(const Load *load, const char *vpc_id) { return g_strcmp0(vpc_id, load->network->vpc_id) == 0; }

static Error *load_subnets(const Load *load) {
  Ec2Records records = {0};
  Network *n = load->network;
  TRY(load_all(load, &ec2_subnets.table, ec2_subnets.shape, &records));
  n->subnets = ARENA_ARRAY(n->arena, Subnet, records.n + 1);
  for (gsize i = 0; i < records.n; i++) {
    const Ec2Subnet *record = records.v[i];
    Subnet *subnet = &n->subnets[n->n_subnets];
    if (here(load, record->VpcId) && cidr_parse(record->CidrBlock, &subnet->cidr)) {
      subnet->id = record->SubnetId;
      subnet->zone = record->AvailabilityZone;
      n->n_subnets++;
    }
  }
  return NULL;
}

static void load_route(Route *route, const Ec2Route *record) {
  route->prefix_list = record->DestinationPrefixListId;
  route->target = TARGET_BLACKHOLE;
  const struct { const char *id; TargetKind target; } targets[] = {
    {record->GatewayId, TARGET_BLACKHOLE}, {record->NatGatewayId, TARGET_NAT_GATEWAY}, {record->NetworkInterfaceId, TARGET_INTERFACE},
    {record->EgressOnlyInternetGatewayId, TARGET_EGRESS_ONLY_GATEWAY}, {record->VpcPeeringConnectionId, TARGET_PEERING},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(targets); i++)
    if (targets[i].id) {
      route->target = targets[i].target;
      route->target_id = targets[i].id;
    }
  if (!record->GatewayId)
    return;
  if (strcmp(record->GatewayId, "local") == 0)
    route->target = TARGET_LOCAL;
  else if (g_str_has_prefix(record->GatewayId, "igw-"))
    route->target = TARGET_INTERNET_GATEWAY;
  else if (g_str_has_prefix(record->GatewayId, "vpce-"))
    route->target = TARGET_GATEWAY_ENDPOINT;
}

static void associate(Network *n, const Ec2RouteTable *record, gboolean main_too) {
  for (gsize i = 0; i < record->Associations.n; i++)
    for (gsize j = 0; j < n->n_subnets; j++) {
      const Ec2RouteTableAssociation *a = record->Associations.v[i];
      if (main_too ? a->Main.v && !n->subnets[j].route_table : g_strcmp0(a->SubnetId, n->subnets[j].id) == 0)
        n->subnets[j].route_table = record->RouteTableId;
    }
}

static Error *load_route_tables(const Load *load) {
  Ec2Records records = {0};
  Network *n = load->network;
  TRY(load_all(load, &ec2_route_tables.table, ec2_route_tables.shape, &records));
  n->route_tables = ARENA_ARRAY(n->arena, RouteTable, records.n + 1);
  for (gsize i = 0; i < records.n; i++) {
    const Ec2RouteTable *record = records.v[i];
    if (!here(load, record->VpcId))
      continue;
    RouteTable *table = &n->route_tables[n->n_route_tables++];
    table->id = record->RouteTableId;
    table->routes = ARENA_ARRAY(n->arena, Route, record->Routes.n + 1);
    for (gsize j = 0; j < record->Routes.n; j++) {
      Route *route = &table->routes[table->n_routes];
      load_route(route, record->Routes.v[j]);
      const Ec2Route *given = record->Routes.v[j];
      const char *range = given->DestinationCidrBlock ? given->DestinationCidrBlock : given->DestinationIpv6CidrBlock;
      if (route->prefix_list || range_parse(range, &route->destination))
        table->n_routes++;
    }
    associate(n, record, FALSE);
  }
  for (gsize i = 0; i < records.n; i++)
    if (here(load, ((const Ec2RouteTable *) records.v[i])->VpcId))
      associate(n, records.v[i], TRUE);
  return NULL;
}

static int protocol_number(const char *name) {
  gint64 number = -1;
  if (strcmp(name, "tcp") == 0)
    return 6;
  if (strcmp(name, "udp") == 0)
    return 17;
  if (strcmp(name, "icmp") == 0)
    return 1;
  if (strcmp(name, "icmpv6") == 0)
    return 58;
  return g_ascii_string_to_signed(name, 10, -1, 255, &number, NULL) ? (int) number : -1;
}

static gboolean load_rule(GroupRule *rule, const Ec2SecurityGroupRule *record) {
  rule->id = record->SecurityGroupRuleId;
  rule->egress = record->IsEgress.v;
  rule->protocol = protocol_number(record->IpProtocol);
  rule->from_port = (int) OPT_OR(record->FromPort, -1);
  rule->to_port = (int) OPT_OR(record->ToPort, -1);
  if (record->ReferencedGroupInfo) {
    rule->peer = PEER_GROUP;
    rule->peer_id = record->ReferencedGroupInfo->GroupId;
    return TRUE;
  }
  if (record->PrefixListId) {
    rule->peer = PEER_PREFIX_LIST;
    rule->peer_id = record->PrefixListId;
    return TRUE;
  }
  rule->peer = PEER_CIDR;
  return range_parse(record->CidrIpv4 ? record->CidrIpv4 : record->CidrIpv6, &rule->cidr);
}

static Error *load_groups(const Load *load) {
  Ec2Records groups = {0}, rules = {0};
  Network *n = load->network;
  TRY(load_all(load, &ec2_security_groups.table, ec2_security_groups.shape, &groups));
  TRY(load_all(load, &ec2_rules.table, ec2_rules.shape, &rules));
  n->groups = ARENA_ARRAY(n->arena, SecurityGroup, groups.n + 1);
  for (gsize i = 0; i < groups.n; i++) {
    const Ec2SecurityGroup *record = groups.v[i];
    if (!here(load, record->VpcId))
      continue;
    SecurityGroup *group = &n->groups[n->n_groups++];
    group->id = record->GroupId;
    group->name = record->GroupName;
    group->rules = ARENA_ARRAY(n->arena, GroupRule, 128);
    for (gsize j = 0; j < rules.n && group->n_rules < 128; j++)
      if (strcmp(((const Ec2SecurityGroupRule *) rules.v[j])->GroupId, record->GroupId) == 0)
        group->n_rules += load_rule(&group->rules[group->n_rules], rules.v[j]);
  }
  return NULL;
}

static void load_entry(AclEntry *entry, const Ec2NetworkAclEntry *record) {
  entry->number = (int) record->RuleNumber.v;
  entry->egress = record->Egress.v;
  entry->allow = g_strcmp0(record->RuleAction, "allow") == 0;
  entry->protocol = protocol_number(record->Protocol);
  entry->from_port = entry->to_port = -1;
  if (record->PortRange) {
    entry->from_port = (int) record->PortRange->From.v;
    entry->to_port = (int) record->PortRange->To.v;
  } else if (record->IcmpTypeCode) {
    entry->from_port = (int) record->IcmpTypeCode->Type.v;
    entry->to_port = (int) record->IcmpTypeCode->Code.v;
  }
}

static Error *load_acls(const Load *load) {
  Ec2Records records = {0};
  Network *n = load->network;
  TRY(load_all(load, &ec2_acls.table, ec2_acls.shape, &records));
  n->acls = ARENA_ARRAY(n->arena, NetworkAcl, records.n + 1);
  for (gsize i = 0; i < records.n; i++) {
    const Ec2NetworkAcl *record = records.v[i];
    if (!here(load, record->VpcId))
      continue;
    NetworkAcl *acl = &n->acls[n->n_acls++];
    acl->id = record->NetworkAclId;
    acl->entries = ARENA_ARRAY(n->arena, AclEntry, record->Entries.n + 1);
    for (gsize j = 0; j < record->Entries.n; j++) {
      const Ec2NetworkAclEntry *entry = record->Entries.v[j];
      if (entry->RuleNumber.v < 32767 && range_parse(entry->CidrBlock ? entry->CidrBlock : entry->Ipv6CidrBlock, &acl->entries[acl->n_entries].cidr))
        load_entry(&acl->entries[acl->n_entries++], entry);
    }
    for (gsize j = 0; j < record->Associations.n; j++)
      for (gsize k = 0; k < n->n_subnets; k++)
        if (strcmp(record->Associations.v[j]->SubnetId, n->subnets[k].id) == 0)
          n->subnets[k].acl = acl->id;
  }
  return NULL;
}

static EniKind eni_kind(const char *type) {
  return g_strcmp0(type, "vpc_endpoint") == 0 ? ENI_ENDPOINT : g_strcmp0(type, "nat_gateway") == 0 ? ENI_NAT : ENI_ORDINARY;
}

static Error *load_enis(const Load *load) {
  Ec2Records records = {0};
  Network *n = load->network;
  Key prefix;
  key_strings(&prefix, load->region, load->account, n->vpc_id, NULL);
  TRY(load_prefix(load, &ec2_eni_wires, &prefix, &Ec2EniWires_shape, &records));
  n->enis = ARENA_ARRAY(n->arena, Eni, records.n + 1);
  for (gsize i = 0; i < records.n; i++) {
    const Ec2EniWires *record = records.v[i];
    Eni *eni = &n->enis[n->n_enis];
    if (!address_parse(record->Address, &eni->address))
      continue;
    eni->id = record->NetworkInterfaceId;
    eni->subnet = record->SubnetId;
    eni->kind = eni_kind(record->Kind);
    eni->owner = record->Owner;
    eni->no_source_check = record->NoSourceCheck.v;
    if (record->PublicIp)
      address_parse(record->PublicIp, &eni->public_address);
    eni->groups = record->Groups.v;
    eni->n_groups = record->Groups.n;
    n->n_enis++;
  }
  return NULL;
}

static Error *load_endpoints(const Load *load) {
  Ec2Records records = {0};
  Network *n = load->network;
  TRY(load_all(load, &ec2_endpoints.table, ec2_endpoints.shape, &records));
  n->endpoints = ARENA_ARRAY(n->arena, Endpoint, records.n + 1);
  for (gsize i = 0; i < records.n; i++) {
    const Ec2VpcEndpoint *record = records.v[i];
    if (!here(load, record->VpcId))
      continue;
    const char *service = strrchr(record->ServiceName, '.') + 1;
    n->endpoints[n->n_endpoints++] = (Endpoint){
      .id = record->VpcEndpointId, .gateway = strcmp(record->VpcEndpointType, "Gateway") == 0, .service = service,
      .prefix_list = ec2_prefix_list_id(n->arena, load->region, service), .private_dns = record->PrivateDnsEnabled.v};
  }
  return NULL;
}

static void load_prefix_lists(const Load *load) {
  static const char *const services[][2] = {{"s3", REACH_S3}, {"dynamodb", REACH_DYNAMODB}};
  Network *n = load->network;
  n->prefix_lists = ARENA_ARRAY(n->arena, PrefixList, G_N_ELEMENTS(services));
  for (gsize i = 0; i < G_N_ELEMENTS(services); i++) {
    PrefixList *list = &n->prefix_lists[n->n_prefix_lists++];
    list->id = ec2_prefix_list_id(n->arena, load->region, services[i][0]);
    list->name = arena_printf(n->arena, "com.amazonaws.%s.%s", load->region, services[i][0]);
    list->cidrs = (RangeList){1, ARENA_NEW(n->arena, Range)};
    range_parse(services[i][1], list->cidrs.v);
  }
}

/* Whether the tag haar:fault of a VPC (of its stack) names a fault profile. */
static gboolean has_fault(const Ec2TagList *tags, const char *profile) {
  for (gsize i = 0; i < tags->n; i++)
    if (g_strcmp0(tags->v[i]->Key, "haar:fault") == 0) {
      g_auto(GStrv) names = g_strsplit_set(tags->v[i]->Value ? tags->v[i]->Value : "", " +/", -1);
      return g_strv_contains((const char *const *) names, profile);
    }
  return FALSE;
}

static Error *load_vpc(const Load *load, gboolean *ret_there) {
  Key key;
  void *record = NULL, *attributes = NULL;
  Network *n = load->network;
  key_strings(&key, load->region, load->account, n->vpc_id, NULL);
  TRY(record_get(load->txn, &ec2_vpcs.table, &key, ec2_vpcs.shape, n->arena, &record));
  *ret_there = record != NULL;
  if (!record)
    return NULL;
  const Ec2Vpc *vpc = record;
  n->cidrs.v = ARENA_ARRAY(n->arena, Cidr, vpc->CidrBlockAssociationSet.n + 1);
  for (gsize i = 0; i < vpc->CidrBlockAssociationSet.n; i++)
    n->cidrs.n += cidr_parse(vpc->CidrBlockAssociationSet.v[i]->CidrBlock, &n->cidrs.v[n->cidrs.n]);
  TRY(record_get(load->txn, &ec2_vpc_attributes, &key, &Ec2VpcAttributes_shape, n->arena, &attributes));
  const Ec2VpcAttributes *set = attributes;
  n->dns_support = !set || set->EnableDnsSupport.v;
  n->dns_hostnames = set && set->EnableDnsHostnames.v;
  n->stateless_groups = has_fault(&vpc->Tags, "stateless-groups");
  return NULL;
}

static Error *load_gateway(const Load *load) {
  Ec2Records records = {0};
  TRY(load_all(load, &ec2_internet_gateways.table, ec2_internet_gateways.shape, &records));
  for (gsize i = 0; i < records.n; i++) {
    const Ec2InternetGateway *gateway = records.v[i];
    if (gateway->Attachments.n && here(load, gateway->Attachments.v[0]->VpcId))
      load->network->internet_gateway = gateway->InternetGatewayId;
  }
  return NULL;
}

Error *ec2_network(Txn *txn, const char *region, const char *account, const char *vpc_id, Network **ret_network) {
  g_autoptr(Network) network = network_new(vpc_id);
  Load load = {txn, region, account, network};
  gboolean there = FALSE;
  *ret_network = NULL;
  TRY(load_vpc(&load, &there));
  if (!there)
    return NULL;
  TRY(load_subnets(&load));
  TRY(load_route_tables(&load));
  TRY(load_groups(&load));
  TRY(load_acls(&load));
  TRY(load_enis(&load));
  TRY(load_endpoints(&load));
  TRY(load_gateway(&load));
  load_prefix_lists(&load);
  *ret_network = g_steal_pointer(&network);
  return NULL;
}

/* --- after a commit --- */

typedef struct Change { Haar *haar; char *region, *account, *vpc_id; } Change;

/* The service's state. */
typedef struct Ec2State {
  GMutex order;        /* one reads and gives at a time, so that what is given later was read later */
  GMutex lock;
  Ec2Shells *shells;   /* NULL: no network */
  GHashTable *waiting; /* VPCs whose change is still to be read: further changes are read with it */
} Ec2State;

static void change_free(gpointer data) {
  Change *change = data;
  g_free(change->region);
  g_free(change->account);
  g_free(change->vpc_id);
  g_free(change);
}

static Error *give(const Change *change) {
  g_autoptr(Txn) txn = NULL;
  Network *network = NULL;
  TRY(store_begin_read(change->haar->store, &txn));
  TRY(ec2_network(txn, change->region, change->account, change->vpc_id, &network));
  if (network)
    fabric_apply(change->haar->fabric, network);
  else
    fabric_remove(change->haar->fabric, change->vpc_id);
  return NULL;
}

static void apply_change(gpointer data) {
  Change *change = data;
  Ec2State *state = haar_state(change->haar, "ec2");
  g_mutex_lock(&state->order);
  g_mutex_lock(&state->lock);
  g_hash_table_remove(state->waiting, change->vpc_id);
  g_mutex_unlock(&state->lock);
  g_autoptr(Error) error = give(change);
  g_mutex_unlock(&state->order);
  if (error)
    log_error("%s: %s", change->vpc_id, error->message);
  change_free(change);
}

static Change *change_new(Haar *haar, const char *region, const char *account, const char *vpc_id) {
  Change *change = g_new0(Change, 1);
  *change = (Change){haar, g_strdup(region), g_strdup(account), g_strdup(vpc_id)};
  return change;
}

static void committed(gpointer data) {
  const Change *change = data;
  Ec2State *state = haar_state(change->haar, "ec2");
  g_mutex_lock(&state->lock);
  gboolean first = g_hash_table_add(state->waiting, g_strdup(change->vpc_id));
  g_mutex_unlock(&state->lock);
  if (first)
    jobs_run(change->haar->jobs, apply_change, change_new(change->haar, change->region, change->account, change->vpc_id));
}

void ec2_changed(Call *call, const char *vpc_id) {
  if (call->haar->fabric)
    txn_on_commit(call->txn, committed, change_new(call->haar, call->region, call->account, vpc_id), change_free);
}

enum { SETTLE_MS = 250 };

/* On the writer's thread, before the caller has its answer: a few milliseconds. */
static void committed_now(gpointer data) {
  const Change *change = data;
  Ec2State *state = haar_state(change->haar, "ec2");
  g_mutex_lock(&state->order);
  g_autoptr(Error) error = give(change);
  g_mutex_unlock(&state->order);
  if (error)
    log_error("%s: %s", change->vpc_id, error->message);
  fabric_settle(change->haar->fabric, SETTLE_MS);
}

void ec2_changed_now(Call *call, const char *vpc_id) {
  if (call->haar->fabric)
    txn_on_commit(call->txn, committed_now, change_new(call->haar, call->region, call->account, vpc_id), change_free);
}

/* --- start --- */

static Error *restore(Haar *haar) {
  g_autoptr(Txn) txn = NULL;
  g_autoptr(Cursor) cursor = NULL;
  g_autoptr(Arena) arena = arena_new();
  TRY(store_begin_read(haar->store, &txn));
  TRY(cursor_open(txn, &ec2_vpcs.table, &(CursorOptions){0}, &cursor));
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    char *region = NULL, *account = NULL, *vpc_id = NULL;
    gsize size = 0;
    Network *network = NULL;
    if (!key_read(&reader, arena, &region, &size) || !key_read(&reader, arena, &account, &size) || !key_read(&reader, arena, &vpc_id, &size))
      continue;
    TRY(ec2_network(txn, region, account, vpc_id, &network));
    if (network)
      fabric_apply(haar->fabric, network);
  }
  return NULL;
}

static Error *start(Haar *haar) {
  Ec2State *state = g_new0(Ec2State, 1);
  g_mutex_init(&state->order);
  g_mutex_init(&state->lock);
  state->waiting = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  haar_set_state(haar, "ec2", state);
  ec2_register_admin(haar);
  if (!haar->fabric)
    return NULL;
  TRY(ec2_shells_new(haar, &state->shells));
  return restore(haar);
}

static void stop(Haar *haar) {
  Ec2State *state = haar_state(haar, "ec2");
  ec2_shells_free(state->shells);
  g_hash_table_unref(state->waiting);
  g_mutex_clear(&state->order);
  g_mutex_clear(&state->lock);
  g_free(state);
}

static Error *endpoint_policy(Haar *haar, Txn *txn, Arena *arena, const char *endpoint_id, const char **ret_policy) {
  Key key;
  const void *data = NULL;
  gsize size = 0;
  (void) haar;
  key_strings(&key, endpoint_id, NULL);
  TRY(store_get(txn, &ec2_endpoint_policies, &key, &data, &size));
  *ret_policy = data ? arena_strndup(arena, data, size) : NULL;
  return NULL;
}

const ServiceHooks ec2_hooks = {.start = start, .stop = stop, .endpoint_policy = endpoint_policy, .access_denied_code = "UnauthorizedOperation"};
