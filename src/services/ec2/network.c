/* network: a VPC's records as reach and the fabric see it. */
#include "services/ec2/ec2.h"

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
      for (gsize j = 0; j < record->Ipv6CidrBlockAssociationSet.n; j++)
        range_parse(record->Ipv6CidrBlockAssociationSet.v[j]->Ipv6CidrBlock, &subnet->cidr6);
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

static void load_table(Network *n, const Ec2RouteTable *record) {
  RouteTable *table = &n->route_tables[n->n_route_tables++];
  table->id = record->RouteTableId;
  table->routes = ARENA_ARRAY(n->arena, Route, record->Routes.n + 1);
  for (gsize i = 0; i < record->Routes.n; i++) {
    Route *route = &table->routes[table->n_routes];
    const Ec2Route *given = record->Routes.v[i];
    const char *range = given->DestinationCidrBlock ? given->DestinationCidrBlock : given->DestinationIpv6CidrBlock;
    load_route(route, given);
    if (route->prefix_list || range_parse(range, &route->destination))
      table->n_routes++;
  }
}

static Error *load_route_tables(const Load *load) {
  Ec2Records records = {0};
  Network *n = load->network;
  TRY(load_all(load, &ec2_route_tables.table, ec2_route_tables.shape, &records));
  n->route_tables = ARENA_ARRAY(n->arena, RouteTable, records.n + 1);
  for (gsize i = 0; i < records.n; i++) {
    if (!here(load, ((const Ec2RouteTable *) records.v[i])->VpcId))
      continue;
    load_table(n, records.v[i]);
    associate(n, records.v[i], FALSE);
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

enum { RULES_MAX = 128 };

/* rules: of any groups. */
static void load_group(Network *n, const Ec2SecurityGroup *record, const Ec2Records *rules) {
  SecurityGroup *group = &n->groups[n->n_groups++];
  group->id = record->GroupId;
  group->name = record->GroupName;
  group->rules = ARENA_ARRAY(n->arena, GroupRule, RULES_MAX);
  for (gsize i = 0; i < rules->n && group->n_rules < RULES_MAX; i++)
    if (strcmp(((const Ec2SecurityGroupRule *) rules->v[i])->GroupId, record->GroupId) == 0)
      group->n_rules += load_rule(&group->rules[group->n_rules], rules->v[i]);
}

static Error *load_groups(const Load *load) {
  Ec2Records groups = {0}, rules = {0};
  Network *n = load->network;
  TRY(load_all(load, &ec2_security_groups.table, ec2_security_groups.shape, &groups));
  TRY(load_all(load, &ec2_rules.table, ec2_rules.shape, &rules));
  n->groups = ARENA_ARRAY(n->arena, SecurityGroup, groups.n + 1);
  for (gsize i = 0; i < groups.n; i++)
    if (here(load, ((const Ec2SecurityGroup *) groups.v[i])->VpcId))
      load_group(n, groups.v[i], &rules);
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

static void load_acl(Network *n, const Ec2NetworkAcl *record) {
  NetworkAcl *acl = &n->acls[n->n_acls++];
  acl->id = record->NetworkAclId;
  acl->entries = ARENA_ARRAY(n->arena, AclEntry, record->Entries.n + 1);
  for (gsize i = 0; i < record->Entries.n; i++) {
    const Ec2NetworkAclEntry *entry = record->Entries.v[i];
    if (entry->RuleNumber.v < 32767 && range_parse(entry->CidrBlock ? entry->CidrBlock : entry->Ipv6CidrBlock, &acl->entries[acl->n_entries].cidr))
      load_entry(&acl->entries[acl->n_entries++], entry);
  }
  for (gsize i = 0; i < record->Associations.n; i++)
    for (gsize k = 0; k < n->n_subnets; k++)
      if (strcmp(record->Associations.v[i]->SubnetId, n->subnets[k].id) == 0)
        n->subnets[k].acl = acl->id;
}

static Error *load_acls(const Load *load) {
  Ec2Records records = {0};
  Network *n = load->network;
  TRY(load_all(load, &ec2_acls.table, ec2_acls.shape, &records));
  n->acls = ARENA_ARRAY(n->arena, NetworkAcl, records.n + 1);
  for (gsize i = 0; i < records.n; i++)
    if (here(load, ((const Ec2NetworkAcl *) records.v[i])->VpcId))
      load_acl(n, records.v[i]);
  return NULL;
}

static EniKind eni_kind(const char *type) {
  return g_strcmp0(type, "vpc_endpoint") == 0 ? ENI_ENDPOINT : g_strcmp0(type, "nat_gateway") == 0 ? ENI_NAT : ENI_ORDINARY;
}

static void load_addresses(Arena *arena, Eni *eni, const Ec2EniWireAddressList *list) {
  eni->more = ARENA_ARRAY(arena, EniAddress, list->n + 1);
  for (gsize i = 0; i < list->n; i++) {
    EniAddress *more = &eni->more[eni->n_more];
    if (!ip_parse(list->v[i]->Address, &more->address))
      continue;
    if (list->v[i]->PublicIp)
      address_parse(list->v[i]->PublicIp, &more->public_address);
    eni->n_more++;
  }
}

gboolean ec2_wires_eni(Arena *arena, const Ec2EniWires *record, Eni *ret_eni) {
  Eni eni = {.id = record->NetworkInterfaceId, .subnet = record->SubnetId, .kind = eni_kind(record->Kind), .owner = record->Owner,
             .no_source_check = record->NoSourceCheck.v, .groups = record->Groups.v, .n_groups = record->Groups.n};
  if (!address_parse(record->Address, &eni.address))
    return FALSE;
  if (record->PublicIp)
    address_parse(record->PublicIp, &eni.public_address);
  load_addresses(arena, &eni, &record->More);
  *ret_eni = eni;
  return TRUE;
}

static Error *load_enis(const Load *load) {
  Ec2Records records = {0};
  Network *n = load->network;
  Key prefix;
  key_strings(&prefix, load->region, load->account, n->vpc_id, NULL);
  TRY(load_prefix(load, &ec2_eni_wires, &prefix, &Ec2EniWires_shape, &records));
  n->enis = ARENA_ARRAY(n->arena, Eni, records.n + 1);
  for (gsize i = 0; i < records.n; i++)
    n->n_enis += ec2_wires_eni(n->arena, records.v[i], &n->enis[n->n_enis]);
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

static void load_service_lists(const Load *load) {
  static const char *const services[][2] = {{"s3", REACH_S3}, {"dynamodb", REACH_DYNAMODB}};
  Network *n = load->network;
  for (gsize i = 0; i < G_N_ELEMENTS(services); i++) {
    PrefixList *list = &n->prefix_lists[n->n_prefix_lists++];
    list->id = ec2_prefix_list_id(n->arena, load->region, services[i][0]);
    list->name = arena_printf(n->arena, "com.amazonaws.%s.%s", load->region, services[i][0]);
    list->cidrs = (RangeList){1, ARENA_NEW(n->arena, Range)};
    range_parse(services[i][1], list->cidrs.v);
  }
}

static Error *load_own_list(const Load *load, const Ec2ManagedPrefixList *record) {
  Key key;
  void *version = NULL;
  Network *n = load->network;
  key_strings(&key, load->region, load->account, record->PrefixListId, NULL);
  key_add_int(&key, record->Version.v);
  TRY(record_get(load->txn, &ec2_list_versions, &key, &Ec2PrefixListVersion_shape, n->arena, &version));
  if (!version)
    return NULL;
  const Ec2PrefixListEntrySet *entries = &((const Ec2PrefixListVersion *) version)->Entries;
  PrefixList *list = &n->prefix_lists[n->n_prefix_lists++];
  *list = (PrefixList){record->PrefixListId, record->PrefixListName, {0, ARENA_ARRAY(n->arena, Range, entries->n + 1)}};
  for (gsize i = 0; i < entries->n; i++)
    list->cidrs.n += range_parse(entries->v[i]->Cidr, &list->cidrs.v[list->cidrs.n]);
  return NULL;
}

static Error *load_prefix_lists(const Load *load) {
  Ec2Records records = {0};
  TRY(load_all(load, &ec2_managed_lists.table, ec2_managed_lists.shape, &records));
  load->network->prefix_lists = ARENA_ARRAY(load->network->arena, PrefixList, records.n + 2);
  load_service_lists(load);
  for (gsize i = 0; i < records.n; i++)
    TRY(load_own_list(load, records.v[i]));
  return NULL;
}

static void load_peer_ranges(Network *n, Peering *peering, const Ec2VpcPeeringConnectionVpcInfo *far) {
  peering->cidrs.v = ARENA_ARRAY(n->arena, Range, far->CidrBlockSet.n + far->Ipv6CidrBlockSet.n + 1);
  for (gsize i = 0; i < far->CidrBlockSet.n; i++)
    peering->cidrs.n += range_parse(far->CidrBlockSet.v[i]->CidrBlock, &peering->cidrs.v[peering->cidrs.n]);
  for (gsize i = 0; i < far->Ipv6CidrBlockSet.n; i++)
    peering->cidrs.n += range_parse(far->Ipv6CidrBlockSet.v[i]->Ipv6CidrBlock, &peering->cidrs.v[peering->cidrs.n]);
}

static Error *load_peerings(const Load *load) {
  Ec2Records records = {0};
  Network *n = load->network;
  TRY(load_all(load, &ec2_peerings.table, ec2_peerings.shape, &records));
  n->peerings = ARENA_ARRAY(n->arena, Peering, records.n + 1);
  for (gsize i = 0; i < records.n; i++) {
    const Ec2VpcPeeringConnection *record = records.v[i];
    gboolean asked = here(load, record->RequesterVpcInfo->VpcId);
    if (!asked && !here(load, record->AccepterVpcInfo->VpcId))
      continue;
    const Ec2VpcPeeringConnectionVpcInfo *far = asked ? record->AccepterVpcInfo : record->RequesterVpcInfo;
    Peering *peering = &n->peerings[n->n_peerings++];
    peering->id = record->VpcPeeringConnectionId;
    peering->peer_vpc = far->VpcId;
    peering->active = ec2_peering_active(record);
    peering->resolves_here = far->PeeringOptions && far->PeeringOptions->AllowDnsResolutionFromRemoteVpc.v;
    load_peer_ranges(n, peering, far);
  }
  return NULL;
}

static Error *load_dhcp(const Load *load, const char *id) {
  Key key;
  void *record = NULL;
  Network *n = load->network;
  key_strings(&key, load->region, load->account, id ? id : "", NULL);
  TRY(record_get(load->txn, &ec2_dhcp_options.table, &key, ec2_dhcp_options.shape, n->arena, &record));
  const Ec2DhcpOptions *options = record;
  n->dhcp.id = options ? options->DhcpOptionsId : NULL;
  for (gsize i = 0; options && i < options->DhcpConfigurations.n; i++) {
    const Ec2DhcpConfiguration *given = options->DhcpConfigurations.v[i];
    if (strcmp(given->Key, "domain-name") == 0 && given->Values.n)
      n->dhcp.domain_name = given->Values.v[0]->Value;
    if (strcmp(given->Key, "domain-name-servers") != 0)
      continue;
    n->dhcp.name_servers = ARENA_ARRAY(n->arena, const char *, given->Values.n + 1);
    for (gsize j = 0; j < given->Values.n; j++)
      n->dhcp.name_servers[n->dhcp.n_name_servers++] = given->Values.v[j]->Value;
  }
  return NULL;
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
  n->cidrs6.v = ARENA_ARRAY(n->arena, Range, vpc->Ipv6CidrBlockAssociationSet.n + 1);
  for (gsize i = 0; i < vpc->Ipv6CidrBlockAssociationSet.n; i++)
    n->cidrs6.n += range_parse(vpc->Ipv6CidrBlockAssociationSet.v[i]->Ipv6CidrBlock, &n->cidrs6.v[n->cidrs6.n]);
  TRY(load_dhcp(load, vpc->DhcpOptionsId));
  TRY(record_get(load->txn, &ec2_vpc_attributes, &key, &Ec2VpcAttributes_shape, n->arena, &attributes));
  const Ec2VpcAttributes *set = attributes;
  n->dns_support = !set || set->EnableDnsSupport.v;
  n->dns_hostnames = set && set->EnableDnsHostnames.v;
  n->stateless_groups = has_fault(&vpc->Tags, "stateless-groups");
  return NULL;
}

static gboolean is_attached(const Load *load, const Ec2InternetGatewayAttachmentList *attachments) {
  return attachments->n && here(load, attachments->v[0]->VpcId);
}

static Error *load_gateways(const Load *load) {
  Ec2Records internet = {0}, egress = {0};
  TRY(load_all(load, &ec2_internet_gateways.table, ec2_internet_gateways.shape, &internet));
  TRY(load_all(load, &ec2_egress_gateways.table, ec2_egress_gateways.shape, &egress));
  for (gsize i = 0; i < internet.n; i++) {
    const Ec2InternetGateway *gateway = internet.v[i];
    if (is_attached(load, &gateway->Attachments))
      load->network->internet_gateway = gateway->InternetGatewayId;
  }
  for (gsize i = 0; i < egress.n; i++) {
    const Ec2EgressOnlyInternetGateway *gateway = egress.v[i];
    if (is_attached(load, &gateway->Attachments))
      load->network->egress_only_gateway = gateway->EgressOnlyInternetGatewayId;
  }
  return NULL;
}

Error *ec2_network_alone(Txn *txn, const char *region, const char *account, const char *vpc_id, Network **ret_network) {
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
  TRY(load_gateways(&load));
  TRY(load_prefix_lists(&load));
  TRY(load_peerings(&load));
  *ret_network = g_steal_pointer(&network);
  return NULL;
}

Error *ec2_network(Txn *txn, const char *region, const char *account, const char *vpc_id, Network **ret_network) {
  g_autoptr(Network) network = NULL;
  *ret_network = NULL;
  TRY(ec2_network_alone(txn, region, account, vpc_id, &network));
  for (gsize i = 0; network && i < network->n_peerings; i++) {
    Network *peer = NULL;
    if (!network->peerings[i].active)
      continue;
    TRY(ec2_network_alone(txn, region, account, network->peerings[i].peer_vpc, &peer));
    if (!peer)
      continue;
    network_add_peer(peer, network);
    network_own_peer(network, peer);
  }
  *ret_network = g_steal_pointer(&network);
  return NULL;
}

/* The rules of one group; no other stays in the arena. */
static Error *load_rules_of(const Load *load, const char *group_id, Ec2Records *ret) {
  g_autoptr(Arena) scratch = arena_new();
  g_autoptr(Cursor) cursor = NULL;
  Key prefix;
  key_strings(&prefix, load->region, load->account, NULL);
  TRY(cursor_open(load->txn, &ec2_rules.table, &(CursorOptions){.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    const guint8 *data = cursor_value(cursor, &size);
    void *record = NULL;
    TRY(record_decode(scratch, ec2_rules.shape, data, size, &record));
    if (strcmp(((const Ec2SecurityGroupRule *) record)->GroupId, group_id) != 0)
      continue;
    TRY(record_decode(load->network->arena, ec2_rules.shape, data, size, &record));
    LIST_APPEND(load->network->arena, ret, record);
  }
  return NULL;
}

static Error *load_part(const Load *load, const Ec2Kind *kind, const void *record) {
  Network *n = load->network;
  Ec2Records rules = {0};
  if (kind == &ec2_route_tables) {
    n->route_tables = ARENA_NEW(n->arena, RouteTable);
    load_table(n, record);
  } else if (kind == &ec2_acls) {
    n->acls = ARENA_NEW(n->arena, NetworkAcl);
    load_acl(n, record);
  } else {
    TRY(load_rules_of(load, ((const Ec2SecurityGroup *) record)->GroupId, &rules));
    n->groups = ARENA_NEW(n->arena, SecurityGroup);
    load_group(n, record, &rules);
  }
  return NULL;
}

Error *ec2_network_part(Call *call, const char *vpc_id, const Ec2Kind *kind, const char *id, Network **ret_part) {
  g_autoptr(Network) part = network_new(vpc_id);
  const Load load = {call->txn, call->region, call->account, part};
  Key key;
  void *record = NULL;
  call_key(call, &key);
  key_add(&key, id);
  TRY(record_get(call->txn, &kind->table, &key, kind->shape, part->arena, &record));
  if (!record)
    return error_fault("%s is not stored", id);
  TRY(load_part(&load, kind, record));
  *ret_part = g_steal_pointer(&part);
  return NULL;
}
