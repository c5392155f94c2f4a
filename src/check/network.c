/* network: reach's networks out of a template's EC2 resources, with logical ids for ids. What is not known lets everything pass, so that
 * nothing is found because of it. */
#include "check/model.h"

#include <string.h>

static const Range any4 = { { 0, G_GUINT64_CONSTANT(0xffff00000000) }, 0 };

const char *
plain_name(const Check *check, const char *text)
{
  const Item *item = item_exactly(check, text);
  return item && !strchr(text, '.') ? item->id : text;
}

const char *
group_name(const Check *check, const char *text)
{
  const Item *item = item_exactly(check, text);
  if (!item)
    return text;
  if (strcmp(item->type, "AWS::EC2::VPC") == 0)
    return arena_printf(check->arena, "the default group of %s", item->id);
  return item->id;
}

Vpc *
vpc_find(const Check *check, const char *id)
{
  const char *name = id ? plain_name(check, id) : NULL;
  for (guint i = 0; name && i < check->vpcs->len; i++) {
    Vpc *vpc = check->vpcs->pdata[i];
    if (strcmp(vpc->id, name) == 0)
      return vpc;
  }
  return NULL;
}

Vpc *
vpc_of_subnet(const Check *check, const char *subnet)
{
  for (guint i = 0; i < check->vpcs->len; i++) {
    Vpc *vpc = check->vpcs->pdata[i];
    if (network_subnet(vpc->network, subnet))
      return vpc;
  }
  return NULL;
}

/* -- VPCs and subnets -------------------------------------------------------------------------------------------------------- */

static void
add_range(Vpc *vpc, const Cidr *cidr)
{
  Network *network = vpc->network;
  Cidr *more = ARENA_ARRAY(network->arena, Cidr, network->cidrs.n + 1);
  for (gsize i = 0; i < network->cidrs.n; i++)
    more[i] = network->cidrs.v[i];
  more[network->cidrs.n] = *cidr;
  network->cidrs = (CidrList){ network->cidrs.n + 1, more };
}

static void
vpc_free(gpointer data)
{
  Vpc *vpc = data;
  g_clear_pointer(&vpc->network, network_free);
  g_clear_pointer(&vpc->used, g_hash_table_unref);
  g_clear_pointer(&vpc->permissive, g_hash_table_unref);
  g_clear_pointer(&vpc->enis, g_array_unref);
  g_free(vpc);
}

static Vpc *
add_vpc(Check *check, const char *id, const Item *item)
{
  Vpc *vpc = g_new0(Vpc, 1);
  Cidr cidr;
  vpc->id = id;
  vpc->item = item;
  vpc->network = network_new(id);
  vpc->used = g_hash_table_new(g_str_hash, g_str_equal);
  vpc->permissive = g_hash_table_new(g_str_hash, g_str_equal);
  vpc->enis = g_array_new(FALSE, TRUE, sizeof(Eni));
  vpc->network->dns_support = !item || item_bool(item, "EnableDnsSupport", TRUE);
  vpc->network->dns_hostnames = !item || item_bool(item, "EnableDnsHostnames", item_text(item, "EnableDnsHostnames") != NULL);
  vpc->ranges_known = item && cidr_parse(item_text(item, "CidrBlock"), &cidr);
  if (vpc->ranges_known)
    add_range(vpc, &cidr);
  g_ptr_array_add(check->vpcs, vpc);
  return vpc;
}

/* The VPC that a property names, made if it is outside the template. */
static Vpc *
vpc_named(Check *check, const Item *item, const char *property)
{
  const char *text = item_text(item, property);
  Vpc *vpc = vpc_find(check, text);
  if (vpc)
    return vpc;
  return add_vpc(check, text ? plain_name(check, text) : "the default VPC", NULL);
}

static void
find_vpcs(Check *check)
{
  static const char *const users[] = { "AWS::EC2::Subnet", "AWS::EC2::SecurityGroup", "AWS::EC2::RouteTable", "AWS::EC2::VPCEndpoint" };
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::VPC", &i)) != NULL;)
    add_vpc(check, item->id, item);
  for (guint t = 0; t < G_N_ELEMENTS(users); t++) {
    for (guint i = 0; (item = item_next(check, users[t], &i)) != NULL;)
      vpc_named(check, item, "VpcId");
  }
  for (guint i = 0; (item = item_next(check, "AWS::EC2::VPCCidrBlock", &i)) != NULL;) {
    Cidr cidr;
    if (cidr_parse(item_text(item, "CidrBlock"), &cidr))
      add_range(vpc_named(check, item, "VpcId"), &cidr);
    else
      vpc_named(check, item, "VpcId")->ranges_known = FALSE;
  }
}

/* Through which table or ACL a subnet goes: by the association resource of that type, else otherwise. */
static const char *
associated(const Check *check, const char *type, const char *property, const char *subnet, const char *otherwise)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, type, &i)) != NULL;) {
    const char *of = item_text(item, "SubnetId"), *to = item_text(item, property);
    if (of && to && strcmp(plain_name(check, of), subnet) == 0)
      return plain_name(check, to);
  }
  return otherwise;
}

static void
add_subnet(Vpc *vpc, const Subnet *subnet)
{
  Network *network = vpc->network;
  Subnet *more = ARENA_ARRAY(network->arena, Subnet, network->n_subnets + 1);
  if (network->n_subnets)
    memcpy(more, network->subnets, network->n_subnets * sizeof *more);
  more[network->n_subnets++] = *subnet;
  network->subnets = more;
}

/* A range for a subnet of which none is known: out of the shared address space, where no VPC of the template is likely to be. */
static Cidr
imagined_range(Vpc *vpc)
{
  Cidr cidr = { (100U << 24 | 64U << 16) + (guint32) (vpc->network->n_subnets % 4096) * 256, 24 };
  vpc->ranges_known = FALSE;
  add_range(vpc, &cidr);
  return cidr;
}

static void
read_subnets(Check *check)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::Subnet", &i)) != NULL;) {
    Vpc *vpc = vpc_named(check, item, "VpcId");
    Subnet subnet = { .id = item->id, .zone = item_text(item, "AvailabilityZone") };
    if (!cidr_parse(item_text(item, "CidrBlock"), &subnet.cidr))
      subnet.cidr = imagined_range(vpc);
    else if (!network_is_local(vpc->network, ip_of4(subnet.cidr.address)))
      add_range(vpc, &subnet.cidr);
    subnet.route_table = associated(check, "AWS::EC2::SubnetRouteTableAssociation", "RouteTableId", item->id,
                                    arena_printf(check->arena, "the main route table of %s", vpc->id));
    subnet.acl = associated(check, "AWS::EC2::SubnetNetworkAclAssociation", "NetworkAclId", item->id, NULL);
    add_subnet(vpc, &subnet);
  }
}

/* -- groups ------------------------------------------------------------------------------------------------------------------ */

static int
protocol_number(const char *text)
{
  static const struct { const char *name; int number; } names[] = { { "tcp", 6 }, { "udp", 17 }, { "icmp", 1 }, { "icmpv6", 58 } };
  gint64 number;
  for (guint i = 0; text && i < G_N_ELEMENTS(names); i++) {
    if (g_ascii_strcasecmp(text, names[i].name) == 0)
      return names[i].number;
  }
  return text && g_ascii_string_to_signed(text, 10, -1, 255, &number, NULL) ? (int) number : -1;
}

static const char *
text_at(const Json *json, const char *key)
{
  return template_scalar(json_get(json, key));
}

/* A prefix list as reach knows it: S3's, DynamoDB's, or, where it cannot be told, both. The two numbers are us-east-1's. */
static const char *
prefix_list_name(const Check *check, const char *text)
{
  const Item *item = item_exactly(check, text);
  if (item && strcmp(item->type, "AWS::EC2::PrefixList") == 0)
    return item->id;
  if (strcmp(text, "pl-63a5400a") == 0)
    return "pl-s3";
  return strcmp(text, "pl-02cd2c6b") == 0 ? "pl-dynamodb" : "pl-either";
}

static GroupRule
read_rule(Check *check, const Json *json, gboolean egress, const char *id)
{
  GroupRule rule = { .id = id, .egress = egress, .protocol = protocol_number(text_at(json, "IpProtocol")), .peer = PEER_CIDR, .cidr = any4 };
  const char *group = text_at(json, egress ? "DestinationSecurityGroupId" : "SourceSecurityGroupId");
  const char *list = text_at(json, egress ? "DestinationPrefixListId" : "SourcePrefixListId");
  const char *cidr = text_at(json, "CidrIp") ? text_at(json, "CidrIp") : text_at(json, "CidrIpv6");
  rule.from_port = (int) json_number(json_get(json, "FromPort"), -1);
  rule.to_port = (int) json_number(json_get(json, "ToPort"), -1);
  if (rule.to_port == -1)
    rule.from_port = -1;
  if (group) {
    rule.peer = PEER_GROUP;
    rule.peer_id = group_name(check, group);
  } else if (list) {
    rule.peer = PEER_PREFIX_LIST;
    rule.peer_id = prefix_list_name(check, list);
  } else if (cidr && !range_parse(cidr, &rule.cidr)) {
    rule.cidr = any4;
  }
  return rule;
}

static void
read_inline_rules(Check *check, const Item *item, const char *property, gboolean egress, GArray *rules)
{
  const Json *list = item_property(item, property);
  for (guint i = 0; i < list_n(list); i++) {
    const Json *json = list_at(list, i);
    const char *id = arena_printf(check->arena, "%s of %s", property, item->id);
    GroupRule open = { .id = id, .egress = egress, .protocol = -1, .from_port = -1, .to_port = -1, .peer = PEER_CIDR, .cidr = any4 };
    GroupRule rule = json->type == JSON_OBJECT ? read_rule(check, json, egress, id) : open;
    g_array_append_val(rules, rule);
  }
}

/* Rules that are resources of their own. Returns how many. */
static guint
read_separate_rules(Check *check, const char *name, gboolean egress, GArray *rules)
{
  const Item *item;
  guint n = 0;
  for (guint i = 0; (item = item_next(check, egress ? "AWS::EC2::SecurityGroupEgress" : "AWS::EC2::SecurityGroupIngress", &i)) != NULL;) {
    const char *group = item_text(item, "GroupId");
    if (!group || strcmp(group_name(check, group), name) != 0)
      continue;
    GroupRule rule = read_rule(check, item->properties, egress, item->id);
    g_array_append_val(rules, rule);
    n++;
  }
  return n;
}

static void
add_group(Vpc *vpc, const char *id, const GArray *rules)
{
  Network *network = vpc->network;
  SecurityGroup *more = ARENA_ARRAY(network->arena, SecurityGroup, network->n_groups + 1);
  if (network->n_groups)
    memcpy(more, network->groups, network->n_groups * sizeof *more);
  more[network->n_groups++] = (SecurityGroup){ id, id, rules->len, arena_memdup(network->arena, rules->data, rules->len * sizeof(GroupRule)) };
  network->groups = more;
}

static void
add_open_rule(GArray *rules, gboolean egress, const char *id)
{
  GroupRule rule = { .id = id, .egress = egress, .protocol = -1, .from_port = -1, .to_port = -1, .peer = PEER_CIDR, .cidr = any4 };
  g_array_append_val(rules, rule);
}

static void
read_groups(Check *check)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::SecurityGroup", &i)) != NULL;) {
    g_autoptr(GArray) rules = g_array_new(FALSE, TRUE, sizeof(GroupRule));
    read_inline_rules(check, item, "SecurityGroupIngress", FALSE, rules);
    read_separate_rules(check, item->id, FALSE, rules);
    read_inline_rules(check, item, "SecurityGroupEgress", TRUE, rules);
    guint separate = read_separate_rules(check, item->id, TRUE, rules);
    if (!item_property(item, "SecurityGroupEgress") && separate == 0)
      add_open_rule(rules, TRUE, arena_printf(check->arena, "the default egress of %s", item->id));
    add_group(vpc_named(check, item, "VpcId"), item->id, rules);
  }
  for (guint i = 0; i < check->vpcs->len; i++) {
    Vpc *vpc = check->vpcs->pdata[i];
    g_autoptr(GArray) rules = g_array_new(FALSE, TRUE, sizeof(GroupRule));
    const char *id = arena_printf(check->arena, "the default group of %s", vpc->id);
    GroupRule itself = { .id = id, .protocol = -1, .from_port = -1, .to_port = -1, .peer = PEER_GROUP, .peer_id = id };
    g_array_append_val(rules, itself);
    add_open_rule(rules, TRUE, id);
    read_separate_rules(check, id, FALSE, rules);
    read_separate_rules(check, id, TRUE, rules);
    add_group(vpc, id, rules);
  }
}

/* -- network ACLs ------------------------------------------------------------------------------------------------------------ */

static gint
by_number(gconstpointer a, gconstpointer b)
{
  return ((const AclEntry *) a)->number - ((const AclEntry *) b)->number;
}

/* FALSE: the entry cannot be read. */
static gboolean
read_entry(const Item *item, AclEntry *ret_entry)
{
  const char *cidr = item_text(item, "CidrBlock") ? item_text(item, "CidrBlock") : item_text(item, "Ipv6CidrBlock");
  const char *action = item_text(item, "RuleAction");
  AclEntry entry = { .number = (int) json_number(item_property(item, "RuleNumber"), -1), .egress = item_bool(item, "Egress", FALSE),
    .allow = g_strcmp0(action, "allow") == 0, .protocol = protocol_number(item_text(item, "Protocol")) };
  entry.from_port = (int) json_number(item_property(item, "PortRange.From"), -1);
  entry.to_port = (int) json_number(item_property(item, "PortRange.To"), -1);
  *ret_entry = entry;
  return entry.number > 0 && action && !strchr(action, '$') && cidr && range_parse(cidr, &ret_entry->cidr);
}

static void
add_acl(Check *check, Vpc *vpc, const char *id)
{
  Network *network = vpc->network;
  const Item *item;
  gboolean known = TRUE;
  g_autoptr(GArray) entries = g_array_new(FALSE, TRUE, sizeof(AclEntry));
  for (guint i = 0; (item = item_next(check, "AWS::EC2::NetworkAclEntry", &i)) != NULL;) {
    const char *of = item_text(item, "NetworkAclId");
    AclEntry entry;
    if (!of || strcmp(plain_name(check, of), id) != 0)
      continue;
    known = known && read_entry(item, &entry);
    if (known)
      g_array_append_val(entries, entry);
  }
  if (!known)
    return; /* a subnet whose ACL is not there lets everything pass */
  g_array_sort(entries, by_number);
  NetworkAcl *more = ARENA_ARRAY(network->arena, NetworkAcl, network->n_acls + 1);
  if (network->n_acls)
    memcpy(more, network->acls, network->n_acls * sizeof *more);
  more[network->n_acls++] = (NetworkAcl){ id, entries->len, arena_memdup(network->arena, entries->data, entries->len * sizeof(AclEntry)) };
  network->acls = more;
}

static void
read_acls(Check *check)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::NetworkAcl", &i)) != NULL;)
    add_acl(check, vpc_named(check, item, "VpcId"), item->id);
}

/* -- routes ------------------------------------------------------------------------------------------------------------------ */

static gboolean
is_attached(const Check *check, const Item *gateway, const Vpc *vpc)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::VPCGatewayAttachment", &i)) != NULL;) {
    if (item_exactly(check, item_text(item, "InternetGatewayId")) == gateway && vpc_find(check, item_text(item, "VpcId")) == vpc)
      return TRUE;
  }
  return FALSE;
}

const Item *
peering_between(const Check *check, const Vpc *a, const Vpc *b)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::VPCPeeringConnection", &i)) != NULL;) {
    const Vpc *from = vpc_find(check, item_text(item, "VpcId")), *to = vpc_find(check, item_text(item, "PeerVpcId"));
    if (from && to && from->item && to->item && ((from == a && to == b) || (from == b && to == a)))
      return item;
  }
  return NULL;
}

/* The other VPC of a peering connection, if it is of the template too. */
static Vpc *
peer_of(const Check *check, const Vpc *vpc, const Item *peering)
{
  Vpc *from = vpc_find(check, item_text(peering, "VpcId")), *to = vpc_find(check, item_text(peering, "PeerVpcId"));
  Vpc *other = from == vpc ? to : to == vpc ? from : NULL;
  return other && other->item && other != vpc ? other : NULL;
}

/* FALSE: a target that leads where the template does not show. */
static gboolean
read_target(const Check *check, Vpc *vpc, const Item *item, Route *route)
{
  const char *gateway = item_text(item, "GatewayId"), *nat = item_text(item, "NatGatewayId");
  const Item *to = item_exactly(check, gateway ? gateway : nat), *peering = item_exactly(check, item_text(item, "VpcPeeringConnectionId"));
  if (peering && peer_of(check, vpc, peering)) {
    route->target = TARGET_PEERING;
    route->target_id = peering->id;
    return TRUE;
  }
  if (to && strcmp(to->type, "AWS::EC2::VPCGatewayAttachment") == 0) /* GetAtt Attachment.InternetGatewayId */
    to = item_exactly(check, item_text(to, "InternetGatewayId"));
  if (!to)
    return FALSE;
  route->target_id = to->id;
  if (strcmp(to->type, "AWS::EC2::InternetGateway") == 0)
    route->target = is_attached(check, to, vpc) ? TARGET_INTERNET_GATEWAY : TARGET_BLACKHOLE;
  else if (strcmp(to->type, "AWS::EC2::NatGateway") == 0)
    route->target = TARGET_NAT_GATEWAY;
  else
    return FALSE;
  if (route->target == TARGET_INTERNET_GATEWAY)
    vpc->network->internet_gateway = to->id;
  return TRUE;
}

static void
read_routes(Check *check, Vpc *vpc, const char *table, GArray *routes)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::Route", &i)) != NULL;) {
    const char *of = item_text(item, "RouteTableId"), *range = item_text(item, "DestinationCidrBlock");
    Route route = { .target = TARGET_BLACKHOLE };
    if (!of || strcmp(plain_name(check, of), table) != 0 || item_text(item, "DestinationIpv6CidrBlock"))
      continue;
    if (range_parse(range, &route.destination) && read_target(check, vpc, item, &route))
      g_array_append_val(routes, route);
    else
      g_hash_table_add(vpc->permissive, (gpointer) table);
  }
  for (guint i = 0; i < vpc->n_endpoints; i++) {
    const VpcEndpoint *endpoint = &vpc->endpoints[i];
    Route route = { .prefix_list = g_strcmp0(endpoint->service, "s3") == 0 ? "pl-s3" : "pl-dynamodb", .target = TARGET_GATEWAY_ENDPOINT,
      .target_id = endpoint->item->id };
    gboolean has_list = g_strcmp0(endpoint->service, "s3") == 0 || g_strcmp0(endpoint->service, "dynamodb") == 0;
    if (endpoint->gateway && has_list && string_list_has(&endpoint->tables, table))
      g_array_append_val(routes, route);
  }
}

static void
add_table(Check *check, Vpc *vpc, const char *id)
{
  Network *network = vpc->network;
  g_autoptr(GArray) routes = g_array_new(FALSE, TRUE, sizeof(Route));
  read_routes(check, vpc, id, routes);
  RouteTable *more = ARENA_ARRAY(network->arena, RouteTable, network->n_route_tables + 1);
  if (network->n_route_tables)
    memcpy(more, network->route_tables, network->n_route_tables * sizeof *more);
  more[network->n_route_tables++] = (RouteTable){ id, routes->len, arena_memdup(network->arena, routes->data, routes->len * sizeof(Route)) };
  network->route_tables = more;
}

static void
read_tables(Check *check)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::RouteTable", &i)) != NULL;)
    add_table(check, vpc_named(check, item, "VpcId"), item->id);
  for (guint i = 0; i < check->vpcs->len; i++) {
    Vpc *vpc = check->vpcs->pdata[i];
    add_table(check, vpc, arena_printf(check->arena, "the main route table of %s", vpc->id));
    for (gsize j = 0; j < vpc->network->n_subnets; j++) { /* tables of other stacks: nothing is known of them */
      if (!network_route_table(vpc->network, vpc->network->subnets[j].route_table))
        g_hash_table_add(vpc->permissive, (gpointer) vpc->network->subnets[j].route_table);
    }
  }
}

/* -- endpoints --------------------------------------------------------------------------------------------------------------- */

/* "com.amazonaws.us-east-1.ecr.api" -> "ecr.api"; NULL: not known. */
static const char *
endpoint_service(const Check *check, const char *name)
{
  const char *at = name ? strstr(name, "com.amazonaws.") : NULL;
  const char *dot = at ? strchr(at + strlen("com.amazonaws."), '.') : NULL;
  return dot && !is_unknown(check, dot) ? dot + 1 : NULL;
}

static gboolean
read_names(const Check *check, const Json *list, gboolean groups, StringList *ret_names)
{
  gboolean known = TRUE;
  for (guint i = 0; i < list_n(list); i++) {
    const char *text = template_scalar(list_at(list, i));
    known = known && text && !is_unknown(check, text);
    if (text)
      words_add(check->arena, ret_names, groups ? group_name(check, text) : plain_name(check, text));
  }
  return known;
}

static void
read_endpoint(Check *check, const Item *item)
{
  Vpc *vpc = vpc_named(check, item, "VpcId");
  VpcEndpoint endpoint = { .item = item, .service = endpoint_service(check, item_text(item, "ServiceName")) };
  const char *type = item_text(item, "VpcEndpointType");
  endpoint.gateway = !type || strcmp(type, "Gateway") == 0;
  endpoint.private_dns = !endpoint.gateway && item_bool(item, "PrivateDnsEnabled", item_text(item, "PrivateDnsEnabled") != NULL);
  endpoint.tables_known = read_names(check, item_property(item, "RouteTableIds"), FALSE, &endpoint.tables);
  endpoint.subnets_known = read_names(check, item_property(item, "SubnetIds"), FALSE, &endpoint.subnets);
  read_names(check, item_property(item, "SecurityGroupIds"), TRUE, &endpoint.groups);
  if (!endpoint.gateway && endpoint.groups.n == 0)
    words_add(check->arena, &endpoint.groups, arena_printf(check->arena, "the default group of %s", vpc->id));
  if (!endpoint.service || (type && strchr(type, '$')) || !endpoint.tables_known)
    vpc->unknown_endpoints = TRUE;
  VpcEndpoint *more = ARENA_ARRAY(check->arena, VpcEndpoint, vpc->n_endpoints + 1);
  if (vpc->n_endpoints)
    memcpy(more, vpc->endpoints, vpc->n_endpoints * sizeof *more);
  more[vpc->n_endpoints++] = endpoint;
  vpc->endpoints = more;
}

static void
place_endpoints(Check *check, Vpc *vpc)
{
  Network *network = vpc->network;
  network->endpoints = ARENA_ARRAY(network->arena, Endpoint, vpc->n_endpoints + 1);
  for (guint i = 0; i < vpc->n_endpoints; i++) {
    VpcEndpoint *endpoint = &vpc->endpoints[i];
    network->endpoints[network->n_endpoints++] = (Endpoint){ endpoint->item->id, endpoint->gateway,
      endpoint->service ? endpoint->service : "?", g_strcmp0(endpoint->service, "s3") == 0 ? "pl-s3" : "pl-dynamodb", endpoint->private_dns };
    for (gsize j = 0; !endpoint->gateway && j < endpoint->subnets.n; j++) {
      const char *eni = vpc_add_eni(check, vpc, endpoint->item->id, endpoint->subnets.v[j], ENI_ENDPOINT, &endpoint->groups);
      if (eni)
        words_add(check->arena, &endpoint->enis, eni);
    }
  }
}

static void
place_nat_gateways(Check *check)
{
  static const StringList none = { 0 };
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::NatGateway", &i)) != NULL;) {
    const char *subnet = item_text(item, "SubnetId");
    Vpc *vpc = subnet ? vpc_of_subnet(check, plain_name(check, subnet)) : NULL;
    if (!vpc || !vpc_add_eni(check, vpc, item->id, plain_name(check, subnet), ENI_NAT, &none))
      continue;
    Eni *eni = &g_array_index(vpc->enis, Eni, vpc->enis->len - 1);
    eni->public_address = g_strcmp0(item_text(item, "ConnectivityType"), "private") == 0 ? 0 : 198U << 24 | 18U << 16 | 128U << 8 | 1;
  }
}

/* -- interfaces -------------------------------------------------------------------------------------------------------------- */

/* A subnet outside the template: where it is does not matter, only that it is local. */
static const Subnet *
outside_subnet(Check *check, Vpc *vpc, const char *id)
{
  Subnet subnet = { .id = id, .cidr = imagined_range(vpc), .route_table = "?" };
  g_hash_table_add(vpc->permissive, (gpointer) "?");
  add_subnet(vpc, &subnet);
  return network_subnet(vpc->network, id);
}

const char *
vpc_add_eni(Check *check, Vpc *vpc, const char *owner, const char *subnet_id, EniKind kind, const StringList *groups)
{
  const Subnet *subnet = network_subnet(vpc->network, subnet_id);
  if (!subnet && item_find(check, subnet_id))
    return NULL; /* of another VPC */
  if (!subnet)
    subnet = outside_subnet(check, vpc, subnet_id);
  guint n = GPOINTER_TO_UINT(g_hash_table_lookup(vpc->used, subnet->id));
  g_hash_table_insert(vpc->used, (gpointer) subnet->id, GUINT_TO_POINTER(n + 1));
  guint32 size = cidr_size(&subnet->cidr);
  Eni eni = { .id = arena_printf(check->arena, "%s in %s", owner, subnet->id), .subnet = subnet->id, .kind = kind,
    .address = cidr_base(&subnet->cidr) + (4 + n) % MAX(size, 1), .owner = owner, .n_groups = groups->n, .groups = groups->v };
  g_array_append_val(vpc->enis, eni);
  return eni.id;
}

/* A group that an interface has and that is not in the template: what it says is not known. */
static void
know_groups(Vpc *vpc, const Eni *eni, gboolean *outside)
{
  for (gsize i = 0; i < eni->n_groups; i++) {
    if (network_group(vpc->network, eni->groups[i]))
      continue;
    g_autoptr(GArray) rules = g_array_new(FALSE, TRUE, sizeof(GroupRule));
    add_open_rule(rules, FALSE, eni->groups[i]);
    add_open_rule(rules, TRUE, eni->groups[i]);
    add_group(vpc, eni->groups[i], rules);
    g_hash_table_add(vpc->permissive, (gpointer) eni->groups[i]);
    *outside = TRUE;
  }
}

/* Interfaces have groups of other stacks: a rule that names such a group may well mean them. */
static void
open_outside_peers(Check *check, Vpc *vpc)
{
  for (gsize i = 0; i < vpc->network->n_groups; i++) {
    SecurityGroup *group = &vpc->network->groups[i];
    for (gsize j = 0; j < group->n_rules; j++) {
      GroupRule *rule = &group->rules[j];
      if (rule->peer != PEER_GROUP || item_find(check, rule->peer_id))
        continue;
      rule->peer = PEER_CIDR;
      rule->cidr = any4;
    }
  }
}

static void
add_prefix_list(Check *check, Network *network, const char *id, const char *first, const char *second)
{
  Range *ranges = ARENA_ARRAY(network->arena, Range, 2);
  gsize n = 0;
  if (range_parse(first, &ranges[n]))
    n++;
  if (second && range_parse(second, &ranges[n]))
    n++;
  network->prefix_lists[network->n_prefix_lists++] = (PrefixList){ id, id, { n, ranges } };
}

static void
add_own_prefix_list(Check *check, Network *network, const Item *item)
{
  const Json *entries = item_property(item, "Entries");
  Range *ranges = ARENA_ARRAY(network->arena, Range, list_n(entries) + 1);
  gsize n = 0;
  for (guint i = 0; i < list_n(entries); i++) {
    if (!range_parse(text_at(list_at(entries, i), "Cidr"), &ranges[n++]))
      ranges[n - 1] = any4;
  }
  network->prefix_lists[network->n_prefix_lists++] = (PrefixList){ item->id, item->id, { n, ranges } };
}

static void
add_peering(Vpc *vpc, const Vpc *other, const char *id)
{
  Network *network = vpc->network;
  const CidrList *cidrs = &other->network->cidrs;
  Range *ranges = ARENA_ARRAY(network->arena, Range, cidrs->n + 1);
  for (gsize i = 0; i < cidrs->n; i++)
    ranges[i] = range_of4(cidrs->v[i]);
  Peering *more = ARENA_ARRAY(network->arena, Peering, network->n_peerings + 1);
  if (network->n_peerings)
    memcpy(more, network->peerings, network->n_peerings * sizeof *more);
  more[network->n_peerings++] = (Peering){ .id = id, .peer_vpc = other->id, .active = TRUE, .cidrs = { cidrs->n, ranges } };
  network->peerings = more;
  network_add_peer(network, other->network);
}

static void
join_peers(Check *check)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::VPCPeeringConnection", &i)) != NULL;) {
    Vpc *vpc = vpc_find(check, item_text(item, "VpcId")), *other = vpc ? peer_of(check, vpc, item) : NULL;
    if (!other || !vpc->item)
      continue;
    add_peering(vpc, other, item->id);
    add_peering(other, vpc, item->id);
  }
}

void
network_finish(Check *check)
{
  guint n_lists = 0;
  for (guint i = 0; item_next(check, "AWS::EC2::PrefixList", &i);)
    n_lists++;
  for (guint i = 0; i < check->vpcs->len; i++) {
    Vpc *vpc = check->vpcs->pdata[i];
    Network *network = vpc->network;
    gboolean outside = FALSE;
    const Item *item;
    network->n_enis = vpc->enis->len;
    network->enis = (Eni *) (void *) vpc->enis->data;
    for (gsize j = 0; j < network->n_enis; j++)
      know_groups(vpc, &network->enis[j], &outside);
    if (outside)
      open_outside_peers(check, vpc);
    network->prefix_lists = ARENA_ARRAY(network->arena, PrefixList, 3 + n_lists);
    add_prefix_list(check, network, "pl-s3", REACH_S3, NULL);
    add_prefix_list(check, network, "pl-dynamodb", REACH_DYNAMODB, NULL);
    add_prefix_list(check, network, "pl-either", REACH_S3, REACH_DYNAMODB);
    for (guint j = 0; (item = item_next(check, "AWS::EC2::PrefixList", &j)) != NULL;)
      add_own_prefix_list(check, network, item);
  }
  join_peers(check);
}

void
network_build(Check *check)
{
  const Item *item;
  check->vpcs = g_ptr_array_new_with_free_func(vpc_free);
  find_vpcs(check);
  read_subnets(check);
  read_groups(check);
  read_acls(check);
  for (guint i = 0; (item = item_next(check, "AWS::EC2::VPCEndpoint", &i)) != NULL;)
    read_endpoint(check, item);
  read_tables(check);
  for (guint i = 0; i < check->vpcs->len; i++)
    place_endpoints(check, check->vpcs->pdata[i]);
  place_nat_gateways(check);
}

gboolean
subnet_is_public(const Network *network, const Subnet *subnet)
{
  const RouteTable *table = network_route_table(network, subnet->route_table);
  for (gsize i = 0; table && i < table->n_routes; i++) {
    if (table->routes[i].target == TARGET_INTERNET_GATEWAY && !table->routes[i].prefix_list)
      return TRUE;
  }
  return FALSE;
}

const char *
public_subnet(const Check *check, const Vpc *vpc)
{
  for (gsize i = 0; i < vpc->network->n_subnets; i++) {
    const Subnet *subnet = &vpc->network->subnets[i];
    if (subnet_is_public(vpc->network, subnet) && item_find(check, subnet->id))
      return subnet->id;
  }
  return "PublicSubnet";
}
