/* network: reach's networks out of a template's EC2 resources, with logical ids for ids. What is not known lets everything pass, so that
 * nothing is found because of it. Here VPCs and subnets, and the order of the whole; the other subjects have files of their own. */
#include "check/network.h"

#include <string.h>

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
Vpc *
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

void
vpc_add_subnet(Vpc *vpc, const Subnet *subnet)
{
  Network *network = vpc->network;
  Subnet *more = ARENA_ARRAY(network->arena, Subnet, network->n_subnets + 1);
  if (network->n_subnets)
    memcpy(more, network->subnets, network->n_subnets * sizeof *more);
  more[network->n_subnets++] = *subnet;
  network->subnets = more;
}

/* A range for a subnet of which none is known: out of the shared address space, where no VPC of the template is likely to be. */
Cidr
vpc_imagine_range(Vpc *vpc)
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
      subnet.cidr = vpc_imagine_range(vpc);
    else if (!network_is_local(vpc->network, ip_of4(subnet.cidr.address)))
      add_range(vpc, &subnet.cidr);
    subnet.route_table = associated(check, "AWS::EC2::SubnetRouteTableAssociation", "RouteTableId", item->id,
                                    arena_printf(check->arena, "the main route table of %s", vpc->id));
    subnet.acl = associated(check, "AWS::EC2::SubnetNetworkAclAssociation", "NetworkAclId", item->id, NULL);
    vpc_add_subnet(vpc, &subnet);
  }
}

/* -- the whole --------------------------------------------------------------------------------------------------------------- */

void
network_build(Check *check)
{
  check->vpcs = g_ptr_array_new_with_free_func(vpc_free);
  find_vpcs(check);
  read_subnets(check);
  network_read_groups(check);
  network_read_acls(check);
  network_read_endpoints(check);
  network_read_tables(check);
  network_place_endpoints(check);
  network_place_nat_gateways(check);
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
