/* network_interface: an address in a subnet, with security groups. Lambda, RDS, endpoints and NAT gateways have theirs made here.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html */
#include "services/ec2/ec2.h"

#include <string.h>

enum { GROUPS_MAX = 16, ADDRESSES_MAX = 50 };

static const Ec2Path filters[] = {
  {"network-interface-id", "NetworkInterfaceId"}, {"subnet-id", "SubnetId"}, {"vpc-id", "VpcId"}, {"group-id", "Groups.GroupId"},
  {"group-name", "Groups.GroupName"}, {"private-ip-address", "PrivateIpAddress"},
  {"addresses.private-ip-address", "PrivateIpAddresses.PrivateIpAddress"}, {"addresses.primary", "PrivateIpAddresses.Primary"},
  {"addresses.association.public-ip", "PrivateIpAddresses.Association.PublicIp"},
  {"addresses.association.owner-id", "PrivateIpAddresses.Association.IpOwnerId"}, {"status", "Status"}, {"description", "Description"},
  {"interface-type", "InterfaceType"}, {"requester-id", "RequesterId"}, {"requester-managed", "RequesterManaged"},
  {"availability-zone", "AvailabilityZone"}, {"owner-id", "OwnerId"}, {"mac-address", "MacAddress"},
  {"association.association-id", "Association.AssociationId"}, {"association.public-ip", "Association.PublicIp"},
  {"association.public-dns-name", "Association.PublicDnsName"}, {"association.ip-owner-id", "Association.IpOwnerId"},
  {"association.allocation-id", "Association.AllocationId"}, {"attachment.attachment-id", "Attachment.AttachmentId"},
  {"attachment.attach-time", "Attachment.AttachTime"}, {"attachment.delete-on-termination", "Attachment.DeleteOnTermination"},
  {"attachment.device-index", "Attachment.DeviceIndex"}, {"attachment.instance-id", "Attachment.InstanceId"},
  {"attachment.instance-owner-id", "Attachment.InstanceOwnerId"}, {"attachment.status", "Attachment.Status"},
  {"ipv6-addresses.ipv6-address", "Ipv6Addresses.Ipv6Address"}, {"source-dest-check", "SourceDestCheck"}, {"private-dns-name", "PrivateDnsName"},
  {NULL, NULL},
};
const Ec2Kind ec2_interfaces = {.type = "network-interface", .prefix = "eni", .table = {"ec2.network_interface"}, EC2_KIND(NetworkInterface, NetworkInterfaceId, TagSet),
  .malformed = "InvalidNetworkInterfaceId.Malformed", .not_found = "InvalidNetworkInterfaceID.NotFound",
  .not_found_text = "The networkInterface ID '%s' does not exist", .filters = filters};
const Table ec2_eni_wires = {"ec2.eni_wires"};
static const Table addresses = {"ec2.private_address"}; /* region, account, VPC, address -> nothing */
static const Table addresses6 = {"ec2.ipv6_address"};   /* the same, address as text */

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

Error *ec2_eni_groups(Call *call, const char *vpc_id, const StringList *ids, Ec2GroupIdentifierList *ret_groups) {
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
  *ret_groups = (Ec2GroupIdentifierList){0};
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

static const char *private_name(Call *call, guint32 address) {
  return arena_printf(call->arena, "ip-%u-%u-%u-%u.%s", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255, ec2_internal_domain(call));
}

static Error *add_address(Call *call, Ec2NetworkInterface *eni, guint32 address) {
  Key key;
  Ec2NetworkInterfacePrivateIpAddress *private = ARENA_NEW(call->arena, Ec2NetworkInterfacePrivateIpAddress);
  *private = (Ec2NetworkInterfacePrivateIpAddress){.Primary = OPT_BOOL(eni->PrivateIpAddresses.n == 0), .PrivateIpAddress = address_text(call->arena, address),
                                                   .PrivateDnsName = private_name(call, address)};
  if (eni->PrivateIpAddresses.n == 0) {
    eni->PrivateIpAddress = private->PrivateIpAddress;
    eni->PrivateDnsName = private->PrivateDnsName;
    eni->MacAddress = arena_printf(call->arena, "02:00:%02x:%02x:%02x:%02x", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
  }
  LIST_APPEND(call->arena, &eni->PrivateIpAddresses, private);
  address_key(call, eni->VpcId, &key);
  key_add_int(&key, address);
  return store_put(call->txn, &addresses, &key, "", 1);
}

Error *ec2_eni_add_secondary(Call *call, Ec2NetworkInterface *eni, const char *wanted) {
  const Ec2Subnet *subnet = NULL;
  guint32 address = 0;
  if (eni->PrivateIpAddresses.n >= ADDRESSES_MAX)
    return error_answer("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.");
  TRY(ec2_get(call, &ec2_subnets, eni->SubnetId, &subnet));
  TRY(choose_address(call, subnet, wanted, &address));
  return add_address(call, eni, address);
}

/* A free address of the subnet's IPv6 range, or the wanted one. */
static Error *choose_ipv6(Call *call, const Ec2Subnet *subnet, const char *wanted, Key *key, const char **ret_text) {
  Range range = {0};
  Ip ip = {0};
  const void *data = NULL;
  gsize size = 0;
  if (subnet->Ipv6CidrBlockAssociationSet.n == 0)
    return error_answer("InvalidParameterValue", "The subnet '%s' has no IPv6 CIDR block", subnet->SubnetId);
  range_parse(subnet->Ipv6CidrBlockAssociationSet.v[0]->Ipv6CidrBlock, &range);
  if (wanted && (!ip_parse(wanted, &ip) || !range_has(&range, ip) || ip.low < 4))
    return error_answer("InvalidParameterValue", "Address %s does not fall within the subnet's address range", wanted);
  do {
    if (!wanted) {
      id_random(&ip.low, sizeof ip.low);
      ip.high = range.address.high;
      ip.low |= (guint64) 1 << 60;
    }
    *ret_text = ip_text(call->arena, ip);
    address_key(call, subnet->VpcId, key);
    key_add(key, *ret_text);
    TRY(store_get(call->txn, &addresses6, key, &data, &size));
  } while (data && !wanted);
  return data ? error_answer("InvalidIPAddress.InUse", "Address %s is in use.", wanted) : NULL;
}

Error *ec2_eni_add_ipv6(Call *call, Ec2NetworkInterface *eni, const char *wanted) {
  const Ec2Subnet *subnet = NULL;
  const char *text = NULL;
  Key key;
  if (eni->Ipv6Addresses.n >= ADDRESSES_MAX)
    return error_answer("Ipv6AddressLimitExceeded", "Number of IPv6 addresses will exceed limit.");
  TRY(ec2_get(call, &ec2_subnets, eni->SubnetId, &subnet));
  TRY(choose_ipv6(call, subnet, wanted, &key, &text));
  Ec2NetworkInterfaceIpv6Address *address = ARENA_NEW(call->arena, Ec2NetworkInterfaceIpv6Address);
  address->Ipv6Address = text;
  LIST_APPEND(call->arena, &eni->Ipv6Addresses, address);
  if (eni->Ipv6Addresses.n == 1)
    eni->Ipv6Address = text;
  return store_put(call->txn, &addresses6, &key, "", 1);
}

Error *ec2_eni_free_address(Call *call, const Ec2NetworkInterface *eni, const char *text) {
  Key key;
  guint32 address = 0;
  address_key(call, eni->VpcId, &key);
  if (!address_parse(text, &address)) {
    key_add(&key, text);
    return store_delete(call->txn, &addresses6, &key, NULL);
  }
  key_add_int(&key, address);
  return store_delete(call->txn, &addresses, &key, NULL);
}

void ec2_eni_associate(Call *call, Ec2NetworkInterface *eni, const Ec2Address *elastic) {
  Ec2NetworkInterfaceAssociation *association = NULL;
  if (elastic) {
    association = ARENA_NEW(call->arena, Ec2NetworkInterfaceAssociation);
    *association = (Ec2NetworkInterfaceAssociation){.AllocationId = elastic->AllocationId, .AssociationId = elastic->AssociationId, .IpOwnerId = call->account,
                                                    .PublicIp = elastic->PublicIp, .PublicDnsName = ec2_public_name(call, elastic->PublicIp)};
  }
  const char *private = elastic ? elastic->PrivateIpAddress : eni->PrivateIpAddress;
  for (gsize i = 0; i < eni->PrivateIpAddresses.n; i++)
    if (strcmp(eni->PrivateIpAddresses.v[i]->PrivateIpAddress, private) == 0)
      eni->PrivateIpAddresses.v[i]->Association = association;
  if (strcmp(private, eni->PrivateIpAddress) == 0)
    eni->Association = association;
}

/* The association of any of its addresses goes. */
void ec2_eni_disassociate(Ec2NetworkInterface *eni, const char *association_id) {
  for (gsize i = 0; i < eni->PrivateIpAddresses.n; i++) {
    const Ec2NetworkInterfaceAssociation *association = eni->PrivateIpAddresses.v[i]->Association;
    if (association && g_strcmp0(association->AssociationId, association_id) == 0)
      eni->PrivateIpAddresses.v[i]->Association = NULL;
  }
  if (eni->Association && g_strcmp0(eni->Association->AssociationId, association_id) == 0)
    eni->Association = NULL;
}

static void wires_key(const Call *call, const Ec2NetworkInterface *eni, Key *key) {
  call_key(call, key);
  key_add(key, eni->VpcId);
  key_add(key, eni->NetworkInterfaceId);
}

static void add_more(Call *call, Ec2EniWires *wires, const char *address, const char *public_ip) {
  Ec2EniWireAddress *more = ARENA_NEW(call->arena, Ec2EniWireAddress);
  *more = (Ec2EniWireAddress){.Address = address, .PublicIp = public_ip};
  LIST_APPEND(call->arena, &wires->More, more);
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
  for (gsize i = 1; i < eni->PrivateIpAddresses.n; i++) {
    const Ec2NetworkInterfacePrivateIpAddress *private = eni->PrivateIpAddresses.v[i];
    add_more(call, &wires, private->PrivateIpAddress, private->Association ? private->Association->PublicIp : NULL);
  }
  for (gsize i = 0; i < eni->Ipv6Addresses.n; i++)
    add_more(call, &wires, eni->Ipv6Addresses.v[i]->Ipv6Address, NULL);
  TRY(record_put(call->txn, &ec2_eni_wires, &key, &Ec2EniWires_shape, &wires));
  ec2_eni_changed(call, eni->VpcId, &wires);
  return NULL;
}

Error *ec2_eni_put(Call *call, const Ec2NetworkInterface *eni) {
  TRY(ec2_put(call, &ec2_interfaces, eni));
  return put_wires(call, eni, NULL);
}

/* Secondary and IPv6 addresses: those named, or so many. */
static Error *add_further(Call *call, const Ec2EniSpec *spec, const Ec2Subnet *subnet, Ec2NetworkInterface *eni) {
  gint64 ipv6 = spec->n_ipv6 ? spec->n_ipv6 : subnet->AssignIpv6AddressOnCreation.v && spec->ipv6.n == 0 && strcmp(spec->type, "interface") == 0;
  for (gsize i = 0; i < spec->secondary.n; i++)
    TRY(ec2_eni_add_secondary(call, eni, spec->secondary.v[i]));
  for (gint64 i = 0; i < spec->n_secondary; i++)
    TRY(ec2_eni_add_secondary(call, eni, NULL));
  for (gsize i = 0; i < spec->ipv6.n; i++)
    TRY(ec2_eni_add_ipv6(call, eni, spec->ipv6.v[i]));
  for (gint64 i = 0; i < ipv6; i++)
    TRY(ec2_eni_add_ipv6(call, eni, NULL));
  return NULL;
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
  TRY(ec2_eni_groups(call, subnet->VpcId, spec->groups, &eni->Groups));
  TRY(add_address(call, eni, address));
  TRY(add_further(call, spec, subnet, eni));
  TRY(ec2_put(call, &ec2_interfaces, eni));
  TRY(put_wires(call, eni, spec->owner));
  *ret_eni = eni;
  return NULL;
}

Error *ec2_eni_delete(Call *call, const Ec2NetworkInterface *eni) {
  Key key;
  wires_key(call, eni, &key);
  TRY(store_delete(call->txn, &ec2_eni_wires, &key, NULL));
  for (gsize i = 0; i < eni->PrivateIpAddresses.n; i++)
    TRY(ec2_eni_free_address(call, eni, eni->PrivateIpAddresses.v[i]->PrivateIpAddress));
  for (gsize i = 0; i < eni->Ipv6Addresses.n; i++)
    TRY(ec2_eni_free_address(call, eni, eni->Ipv6Addresses.v[i]->Ipv6Address));
  TRY(ec2_delete(call, &ec2_interfaces, eni->NetworkInterfaceId));
  ec2_eni_gone(call, eni->VpcId, eni->NetworkInterfaceId);
  return NULL;
}

/* The addresses that a call lists: the first, or the one marked so, is the primary one. */
static Error *listed_addresses(Call *call, const Ec2CreateNetworkInterfaceInput *in, Ec2EniSpec *spec) {
  if (in->PrivateIpAddresses.n && in->SecondaryPrivateIpAddressCount.set)
    return error_answer("InvalidParameterCombination", "The parameter privateIpAddresses cannot be used with the parameter secondaryPrivateIpAddressCount");
  if (in->Ipv6Addresses.n && in->Ipv6AddressCount.set)
    return error_answer("InvalidParameterCombination", "The parameter ipv6Addresses cannot be used with the parameter ipv6AddressCount");
  for (gsize i = 0; i < in->PrivateIpAddresses.n; i++) {
    const Ec2PrivateIpAddressSpecification *given = in->PrivateIpAddresses.v[i];
    if (given->Primary.v && spec->address)
      return error_answer("InvalidParameterCombination", "Only one primary private IP address can be specified.");
    if (given->Primary.v)
      spec->address = given->PrivateIpAddress;
    else
      LIST_APPEND(call->arena, &spec->secondary, given->PrivateIpAddress);
  }
  if (!spec->address && spec->secondary.n) {
    spec->address = spec->secondary.v[0];
    spec->secondary.v++;
    spec->secondary.n--;
  }
  for (gsize i = 0; i < in->Ipv6Addresses.n; i++)
    LIST_APPEND(call->arena, &spec->ipv6, in->Ipv6Addresses.v[i]->Ipv6Address);
  return NULL;
}

OPERATION(CreateNetworkInterface, create_network_interface, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_network_interface(Call *call, const Ec2CreateNetworkInterfaceInput *in, Ec2CreateNetworkInterfaceOutput *ret_out) {
  gboolean seen = FALSE;
  TRY(ec2_token_seen(call, in, ret_out, &seen));
  if (seen)
    return NULL;
  if (in->Ipv4Prefixes.n || in->Ipv4PrefixCount.set || in->Ipv6Prefixes.n || in->Ipv6PrefixCount.set)
    return error_answer("UnsupportedOperation", "haar gives interfaces addresses, not prefixes.");
  Ec2EniSpec spec = {.subnet_id = in->SubnetId, .description = in->Description, .address = in->PrivateIpAddress, .groups = &in->Groups,
                     .type = g_strcmp0(in->InterfaceType, "lambda") == 0 ? "lambda" : "interface",   /* a service's own: no client may name it */
                     .n_secondary = OPT_OR(in->SecondaryPrivateIpAddressCount, 0), .n_ipv6 = OPT_OR(in->Ipv6AddressCount, 0),
                     .tags = ec2_tags(call, &in->TagSpecifications, "network-interface")};
  if (spec.n_secondary < 0 || spec.n_secondary >= ADDRESSES_MAX || spec.n_ipv6 < 0 || spec.n_ipv6 > ADDRESSES_MAX)
    return error_answer("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.");
  TRY(listed_addresses(call, in, &spec));
  ret_out->ClientToken = in->ClientToken;
  TRY(ec2_eni_make(call, &spec, &ret_out->NetworkInterface));
  return ec2_token_keep(call, in, ret_out);
}

OPERATION(DeleteNetworkInterface, delete_network_interface, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_network_interface(Call *call, const Ec2DeleteNetworkInterfaceInput *in, Ec2DeleteNetworkInterfaceOutput *ret_out) {
  const Ec2NetworkInterface *eni = NULL;
  TRY(ec2_get(call, &ec2_interfaces, in->NetworkInterfaceId, &eni));
  if (strcmp(eni->InterfaceType, "vpc_endpoint") == 0 || strcmp(eni->InterfaceType, "nat_gateway") == 0)
    return error_answer("OperationNotPermitted", "You are not allowed to manage '%s' attachments.", eni->InterfaceType);
  if (eni->RequesterManaged.v && call->principal->type != PRINCIPAL_SERVICE)
    return error_answer("OperationNotPermitted", "You do not have permission to access the specified resource.");
  TRY(ec2_addresses_loosen(call, eni));
  return ec2_eni_delete(call, eni);
}

OPERATION(DescribeNetworkInterfaces, describe_network_interfaces, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_network_interfaces(Call *call, const Ec2DescribeNetworkInterfacesInput *in, Ec2DescribeNetworkInterfacesOutput *ret_out) {
  return ec2_describe(call, &(Ec2Describe){&ec2_interfaces, &in->NetworkInterfaceIds, &in->Filters, in->MaxResults, in->NextToken, "networkInterfaceIds", NULL},
                      &ret_out->NetworkInterfaces, &ret_out->NextToken);
}
