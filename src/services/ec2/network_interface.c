/* network_interface: an address in a subnet, with security groups. Lambda, RDS, endpoints and NAT gateways have theirs made here.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html */
#include "services/ec2/ec2.h"

#include <string.h>

enum { GROUPS_MAX = 16 };

static const Ec2Path filters[] = {
  {"network-interface-id", "NetworkInterfaceId"}, {"subnet-id", "SubnetId"}, {"vpc-id", "VpcId"}, {"group-id", "Groups.GroupId"}, {"group-name", "Groups.GroupName"},
  {"private-ip-address", "PrivateIpAddress"}, {"addresses.private-ip-address", "PrivateIpAddresses.PrivateIpAddress"}, {"status", "Status"},
  {"description", "Description"}, {"interface-type", "InterfaceType"}, {"requester-id", "RequesterId"}, {"requester-managed", "RequesterManaged"},
  {"availability-zone", "AvailabilityZone"}, {"owner-id", "OwnerId"}, {"mac-address", "MacAddress"}, {"association.public-ip", "Association.PublicIp"},
  {"association.allocation-id", "Association.AllocationId"}, {"source-dest-check", "SourceDestCheck"}, {"private-dns-name", "PrivateDnsName"}, {NULL, NULL},
};
const Ec2Kind ec2_interfaces = {.type = "network-interface", .prefix = "eni", .table = {"ec2.network_interface"}, EC2_KIND(NetworkInterface, NetworkInterfaceId, TagSet),
  .not_found = "InvalidNetworkInterfaceID.NotFound", .not_found_text = "The networkInterface ID '%s' does not exist", .filters = filters};
const Table ec2_eni_wires = {"ec2.eni_wires"};
static const Table addresses = {"ec2.private_address"}; /* region, account, VPC, address -> nothing */

static void address_key(const Call *call, const char *vpc_id, Key *key) {
  call_key(call, key);
  key_add(key, vpc_id);
}


static Error *is_taken(Call *call, const char *vpc_id, guint32 address, gboolean *ret_taken) {
  Key key;
  const void *data = NULL;
  gsize size = 0;
  address_key(call, vpc_id, &key);
  key_add_int(&key, address);
  TRY(store_get(call->txn, &addresses, &key, &data, &size));
  *ret_taken = data != NULL;
  return NULL;
}

/* The first address of the range that has none. */
static Error *first_free(Call *call, const char *vpc_id, guint32 first, guint32 last, guint32 *ret_address) {
  Key prefix, from;
  g_autoptr(Cursor) cursor = NULL;
  address_key(call, vpc_id, &prefix);
  from = prefix;
  key_add_int(&from, first);
  TRY(cursor_open(call->txn, &addresses, &(CursorOptions){.prefix = &prefix, .from = &from}, &cursor));
  guint32 next = first;
  for (gint64 taken = 0; next <= last && cursor_next(cursor); next++) {
    KeyReader reader = cursor_key_reader(cursor);
    if (!key_read_int(&reader, &taken) || taken != next)
      break;
  }
  *ret_address = next;
  return NULL;
}

/* The first four addresses and the last are AWS's. */
static Error *choose_address(Call *call, const Ec2Subnet *subnet, const char *wanted, guint32 *ret_address) {
  Cidr cidr = {0};
  guint32 address = 0;
  gboolean taken = FALSE;
  cidr_parse(subnet->CidrBlock, &cidr);
  guint32 first = cidr_base(&cidr) + 4, last = cidr_base(&cidr) + cidr_size(&cidr) - 2;
  if (!wanted) {
    TRY(first_free(call, subnet->VpcId, first, last, ret_address));
    return *ret_address <= last ? NULL : error_answer("InsufficientFreeAddressesInSubnet", "Insufficient free addresses in subnet '%s'.", subnet->SubnetId);
  }
  if (!address_parse(wanted, &address) || address < first || address > last)
    return error_answer("InvalidParameterValue", "Address %s does not fall within the subnet's address range", wanted);
  TRY(is_taken(call, subnet->VpcId, address, &taken));
  if (taken)
    return error_answer("InvalidIPAddress.InUse", "Address %s is in use.", wanted);
  *ret_address = address;
  return NULL;
}

static Error *fill_groups(Call *call, const char *vpc_id, const StringList *ids, Ec2GroupIdentifierList *ret_groups) {
  Ec2SecurityGroup *group = NULL;
  StringList wanted = {0};
  if (ids)
    wanted = *ids;
  if (ids && ids->n == 0) {
    TRY(ec2_default_group(call, vpc_id, &group));
    LIST_APPEND(call->arena, &wanted, group->GroupId);
  }
  if (wanted.n > GROUPS_MAX)
    return error_answer("SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.");
  LIST_EMPTY(call->arena, ret_groups);
  for (gsize i = 0; i < wanted.n; i++) {
    TRY(ec2_get(call, &ec2_security_groups, wanted.v[i], &group));
    if (strcmp(group->VpcId, vpc_id) != 0)
      return error_answer("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.");
    Ec2GroupIdentifier *identifier = ARENA_NEW(call->arena, Ec2GroupIdentifier);
    *identifier = (Ec2GroupIdentifier){.GroupId = group->GroupId, .GroupName = group->GroupName};
    LIST_APPEND(call->arena, ret_groups, identifier);
  }
  return NULL;
}

static void fill_address(Call *call, Ec2NetworkInterface *eni, guint32 address) {
  const char *domain = strcmp(call->region, "us-east-1") == 0 ? "ec2.internal" : arena_printf(call->arena, "%s.compute.internal", call->region);
  eni->PrivateIpAddress = address_text(call->arena, address);
  eni->MacAddress = arena_printf(call->arena, "02:00:%02x:%02x:%02x:%02x", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
  eni->PrivateDnsName = arena_printf(call->arena, "ip-%u-%u-%u-%u.%s", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255, domain);
  Ec2NetworkInterfacePrivateIpAddress *private = ARENA_NEW(call->arena, Ec2NetworkInterfacePrivateIpAddress);
  *private = (Ec2NetworkInterfacePrivateIpAddress){.Primary = OPT_BOOL(TRUE), .PrivateIpAddress = eni->PrivateIpAddress, .PrivateDnsName = eni->PrivateDnsName};
  LIST_APPEND(call->arena, &eni->PrivateIpAddresses, private);
}

static void wires_key(const Call *call, const Ec2NetworkInterface *eni, Key *key) {
  call_key(call, key);
  key_add(key, eni->VpcId);
  key_add(key, eni->NetworkInterfaceId);
}

/* owner NULL: as it is. */
static Error *put_wires(Call *call, const Ec2NetworkInterface *eni, const char *owner) {
  Key key;
  void *before = NULL;
  wires_key(call, eni, &key);
  TRY(record_get(call->txn, &ec2_eni_wires, &key, &Ec2EniWires_shape, call->arena, &before));
  Ec2EniWires wires = {.NetworkInterfaceId = eni->NetworkInterfaceId, .Kind = eni->InterfaceType, .SubnetId = eni->SubnetId, .Address = eni->PrivateIpAddress,
                       .Owner = owner || !before ? owner : ((const Ec2EniWires *) before)->Owner, .PublicIp = eni->Association ? eni->Association->PublicIp : NULL,
                       .NoSourceCheck = OPT_BOOL(eni->SourceDestCheck.set && !eni->SourceDestCheck.v)};
  for (gsize i = 0; i < eni->Groups.n; i++)
    LIST_APPEND(call->arena, &wires.Groups, eni->Groups.v[i]->GroupId);
  return record_put(call->txn, &ec2_eni_wires, &key, &Ec2EniWires_shape, &wires);
}

Error *ec2_eni_put(Call *call, const Ec2NetworkInterface *eni) {
  TRY(ec2_put(call, &ec2_interfaces, eni));
  return put_wires(call, eni, NULL);
}

Error *ec2_eni_make(Call *call, const Ec2EniSpec *spec, Ec2NetworkInterface **ret_eni) {
  const Ec2Subnet *subnet = NULL;
  guint32 address = 0;
  gboolean managed = strcmp(spec->type, "interface") != 0 || call->principal->type == PRINCIPAL_SERVICE;
  TRY(ec2_get(call, &ec2_subnets, spec->subnet_id, &subnet));
  TRY(choose_address(call, subnet, spec->address, &address));
  Ec2NetworkInterface *eni = ARENA_NEW(call->arena, Ec2NetworkInterface);
  *eni = (Ec2NetworkInterface){
    .NetworkInterfaceId = id_resource(call->arena, "eni"), .SubnetId = subnet->SubnetId, .VpcId = subnet->VpcId, .AvailabilityZone = subnet->AvailabilityZone,
    .Description = spec->description ? spec->description : "", .InterfaceType = spec->type, .OwnerId = call->account, .SourceDestCheck = OPT_BOOL(strcmp(spec->type, "nat_gateway") != 0),
    .Status = managed ? "in-use" : "available", .RequesterManaged = OPT_BOOL(managed),
    .RequesterId = call->principal->type == PRINCIPAL_SERVICE ? call->principal->arn : call->account, .TagSet = spec->tags};
  TRY(fill_groups(call, subnet->VpcId, spec->groups, &eni->Groups));
  fill_address(call, eni, address);
  TRY(ec2_put(call, &ec2_interfaces, eni));
  TRY(put_wires(call, eni, spec->owner));
  Key key;
  address_key(call, eni->VpcId, &key);
  key_add_int(&key, address);
  TRY(store_put(call->txn, &addresses, &key, "", 1));
  ec2_changed(call, eni->VpcId);
  *ret_eni = eni;
  return NULL;
}

Error *ec2_eni_delete(Call *call, const Ec2NetworkInterface *eni) {
  Key key, taken;
  guint32 address = 0;
  wires_key(call, eni, &key);
  TRY(store_delete(call->txn, &ec2_eni_wires, &key, NULL));
  address_parse(eni->PrivateIpAddress, &address);
  address_key(call, eni->VpcId, &taken);
  key_add_int(&taken, address);
  TRY(store_delete(call->txn, &addresses, &taken, NULL));
  TRY(ec2_delete(call, &ec2_interfaces, eni->NetworkInterfaceId));
  ec2_changed(call, eni->VpcId);
  return NULL;
}

OPERATION(CreateNetworkInterface, create_network_interface, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_network_interface(Call *call, const Ec2CreateNetworkInterfaceInput *in, Ec2CreateNetworkInterfaceOutput *ret_out) {
  if (in->Ipv6Addresses.n || in->Ipv4Prefixes.n || in->SecondaryPrivateIpAddressCount.set)
    return error_answer("UnsupportedOperation", "haar gives an interface one IPv4 address.");
  Ec2EniSpec spec = {.subnet_id = in->SubnetId, .description = in->Description, .address = in->PrivateIpAddress, .groups = &in->Groups,
                     .type = g_strcmp0(in->InterfaceType, "lambda") == 0 ? "lambda" : "interface",   /* a service's own: no client may name it */
                     .tags = ec2_tags(call, &in->TagSpecifications, "network-interface")};
  for (gsize i = 0; i < in->PrivateIpAddresses.n && !spec.address; i++)
    spec.address = in->PrivateIpAddresses.v[i]->PrivateIpAddress;
  ret_out->ClientToken = in->ClientToken;
  return ec2_eni_make(call, &spec, &ret_out->NetworkInterface);
}

OPERATION(DeleteNetworkInterface, delete_network_interface, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_network_interface(Call *call, const Ec2DeleteNetworkInterfaceInput *in, Ec2DeleteNetworkInterfaceOutput *ret_out) {
  const Ec2NetworkInterface *eni = NULL;
  TRY(ec2_get(call, &ec2_interfaces, in->NetworkInterfaceId, &eni));
  if (strcmp(eni->InterfaceType, "vpc_endpoint") == 0 || strcmp(eni->InterfaceType, "nat_gateway") == 0)
    return error_answer("OperationNotPermitted", "You are not allowed to manage '%s' attachments.", eni->InterfaceType);
  return ec2_eni_delete(call, eni);
}

OPERATION(DescribeNetworkInterfaces, describe_network_interfaces, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_network_interfaces(Call *call, const Ec2DescribeNetworkInterfacesInput *in, Ec2DescribeNetworkInterfacesOutput *ret_out) {
  return ec2_describe(call, &(Ec2Describe){&ec2_interfaces, &in->NetworkInterfaceIds, &in->Filters, in->MaxResults, in->NextToken},
                      &ret_out->NetworkInterfaces, &ret_out->NextToken);
}

OPERATION(ModifyNetworkInterfaceAttribute, modify_network_interface_attribute, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *modify_network_interface_attribute(Call *call, const Ec2ModifyNetworkInterfaceAttributeInput *in, Ec2ModifyNetworkInterfaceAttributeOutput *ret_out) {
  Ec2NetworkInterface *eni = NULL;
  TRY(ec2_get(call, &ec2_interfaces, in->NetworkInterfaceId, &eni));
  if (in->Groups.n)
    TRY(fill_groups(call, eni->VpcId, &in->Groups, &eni->Groups));
  if (in->Description)
    eni->Description = in->Description->Value;
  if (in->SourceDestCheck)
    eni->SourceDestCheck = in->SourceDestCheck->Value;
  TRY(ec2_eni_put(call, eni));
  ec2_changed_now(call, eni->VpcId);
  return NULL;
}
