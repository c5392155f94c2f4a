/* address: Elastic IP addresses, of a range that is routed nowhere. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html */
#include "services/ec2/ec2.h"

#include <string.h>

static const Ec2Path filters[] = {
  {"allocation-id", "AllocationId"}, {"association-id", "AssociationId"}, {"public-ip", "PublicIp"}, {"domain", "Domain"},
  {"instance-id", "InstanceId"}, {"network-border-group", "NetworkBorderGroup"}, {"network-interface-id", "NetworkInterfaceId"},
  {"network-interface-owner-id", "NetworkInterfaceOwnerId"}, {"private-ip-address", "PrivateIpAddress"}, {NULL, NULL},
};
const Ec2Kind ec2_addresses = {.type = "elastic-ip", .prefix = "eipalloc", .table = {"ec2.address"}, EC2_KIND(Address, AllocationId, Tags),
  .malformed = "InvalidAllocationID.Malformed", .not_found = "InvalidAllocationID.NotFound",
  .not_found_text = "The allocation ID '%s' does not exist", .filters = filters};

static const Table elastic_taken = {"ec2.elastic_ip"}; /* address -> allocation id: one namespace for all accounts and regions */

static Error *next_address(Call *call, guint32 *ret_address) {
  Cidr range = {0};
  g_autoptr(Cursor) cursor = NULL;
  guint32 next = 0;
  cidr_parse(REACH_ELASTIC, &range);
  next = range.address + 4;
  TRY(cursor_open(call->txn, &elastic_taken, &(CursorOptions){0}, &cursor));
  while (cursor_next(cursor)) {
    gint64 taken = 0;
    KeyReader reader = cursor_key_reader(cursor);
    if (key_read_int(&reader, &taken) && taken == next)
      next++;
  }
  if (!cidr_has(&range, next))
    return error_answer("InsufficientAddressCapacity", "Not enough addresses available.");
  *ret_address = next;
  return NULL;
}

OPERATION(AllocateAddress, allocate_address, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *allocate_address(Call *call, const Ec2AllocateAddressInput *in, Ec2AllocateAddressOutput *ret_out) {
  guint32 address = 0;
  Key key;
  if (in->Domain && strcmp(in->Domain, "vpc") != 0)
    return error_answer("InvalidParameterValue", "Value (%s) for parameter domain is invalid. EC2-Classic is retired.", in->Domain);
  if (in->Address || in->CustomerOwnedIpv4Pool || (in->PublicIpv4Pool && strcmp(in->PublicIpv4Pool, "amazon") != 0))
    return error_answer("UnsupportedOperation", "haar allocates the next address of its own pool: no chosen addresses, no pools that you brought.");
  TRY(ec2_quota(call, &ec2_addresses, NULL));
  TRY(next_address(call, &address));
  Ec2Address *elastic = ARENA_NEW(call->arena, Ec2Address);
  *elastic = (Ec2Address){.AllocationId = id_resource(call->arena, "eipalloc"), .PublicIp = address_text(call->arena, address), .Domain = "vpc", .PublicIpv4Pool = "amazon",
                          .NetworkBorderGroup = call->region, .Tags = ec2_tags(call, &in->TagSpecifications, "elastic-ip")};
  key_init(&key);
  key_add_int(&key, address);
  TRY(store_put(call->txn, &elastic_taken, &key, elastic->AllocationId, strlen(elastic->AllocationId)));
  *ret_out = (Ec2AllocateAddressOutput){.AllocationId = elastic->AllocationId, .PublicIp = elastic->PublicIp, .Domain = "vpc", .PublicIpv4Pool = "amazon", .NetworkBorderGroup = call->region};
  return ec2_put(call, &ec2_addresses, elastic);
}

/* By allocation, or by public address. */
static Error *find_address(Call *call, const char *allocation, const char *public_ip, Ec2Address **ret_address) {
  Ec2Records all = {0};
  if (allocation)
    return ec2_get(call, &ec2_addresses, allocation, ret_address);
  TRY(ec2_all(call, &ec2_addresses, &all));
  for (gsize i = 0; i < all.n; i++)
    if (g_strcmp0(((Ec2Address *) all.v[i])->PublicIp, public_ip) == 0) {
      *ret_address = all.v[i];
      return NULL;
    }
  return error_answer("InvalidAddress.NotFound", "Address '%s' not found.", public_ip ? public_ip : "");
}

OPERATION(ReleaseAddress, release_address, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *release_address(Call *call, const Ec2ReleaseAddressInput *in, Ec2ReleaseAddressOutput *ret_out) {
  Ec2Address *elastic = NULL;
  guint32 address = 0;
  Key key;
  if (!in->AllocationId && !in->PublicIp)
    return error_answer("MissingParameter", "Either public IP or allocation id must be specified");
  TRY(find_address(call, in->AllocationId, in->PublicIp, &elastic));
  if (elastic->AssociationId)
    return error_answer("InvalidIPAddress.InUse", "Address %s is in use.", elastic->PublicIp);
  address_parse(elastic->PublicIp, &address);
  key_init(&key);
  key_add_int(&key, address);
  TRY(store_delete(call->txn, &elastic_taken, &key, NULL));
  return ec2_delete(call, &ec2_addresses, elastic->AllocationId);
}

/* The private address that it is to stand for: named, or the primary one. */
static Error *private_of(Ec2NetworkInterface *eni, const char *wanted, Ec2NetworkInterfacePrivateIpAddress **ret_private) {
  for (gsize i = 0; i < eni->PrivateIpAddresses.n; i++)
    if (!wanted || strcmp(eni->PrivateIpAddresses.v[i]->PrivateIpAddress, wanted) == 0) {
      *ret_private = eni->PrivateIpAddresses.v[i];
      return NULL;
    }
  return error_answer("InvalidParameterValue", "The private IP address %s is not assigned to the network interface '%s'", wanted, eni->NetworkInterfaceId);
}

/* Takes the address from what has it. */
static Error *loosen(Call *call, Ec2Address *elastic) {
  Ec2NetworkInterface *eni = NULL;
  TRY(ec2_find(call, &ec2_interfaces, elastic->NetworkInterfaceId, &eni));
  if (eni) {
    ec2_eni_disassociate(eni, elastic->AssociationId);
    TRY(ec2_eni_put(call, eni));
  }
  elastic->AssociationId = elastic->NetworkInterfaceId = elastic->PrivateIpAddress = elastic->NetworkInterfaceOwnerId = NULL;
  return ec2_put(call, &ec2_addresses, elastic);
}

Error *ec2_address_loosen(Call *call, const char *allocation_id) {
  Ec2Address *elastic = NULL;
  TRY(ec2_find(call, &ec2_addresses, allocation_id, &elastic));
  return elastic ? loosen(call, elastic) : NULL;
}

Error *ec2_addresses_loosen(Call *call, const Ec2NetworkInterface *eni) {
  for (gsize i = 0; i < eni->PrivateIpAddresses.n; i++)
    if (eni->PrivateIpAddresses.v[i]->Association)
      TRY(ec2_address_loosen(call, eni->PrivateIpAddresses.v[i]->Association->AllocationId));
  return NULL;
}

static Error *check_associate(Call *call, const Ec2AssociateAddressInput *in) {
  (void) call;
  if (in->InstanceId)
    return error_answer("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", in->InstanceId);
  if (!in->AllocationId && !in->PublicIp)
    return error_answer("MissingParameter", "Either public IP or allocation id must be specified");
  if (in->AllocationId && in->PublicIp)
    return error_answer("InvalidParameterCombination", "You may specify public IP or allocation id, but not both in the same call");
  if (!in->NetworkInterfaceId)
    return error_answer("MissingParameter", "Either instance ID or network interface id must be specified");
  return NULL;
}

OPERATION(AssociateAddress, associate_address, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *associate_address(Call *call, const Ec2AssociateAddressInput *in, Ec2AssociateAddressOutput *ret_out) {
  Ec2Address *elastic = NULL;
  Ec2NetworkInterface *eni = NULL;
  Ec2NetworkInterfacePrivateIpAddress *private = NULL;
  TRY(check_associate(call, in));
  TRY(find_address(call, in->AllocationId, in->PublicIp, &elastic));
  TRY(ec2_get(call, &ec2_interfaces, in->NetworkInterfaceId, &eni));
  TRY(private_of(eni, in->PrivateIpAddress, &private));
  if (elastic->AssociationId && !in->AllowReassociation.v)
    return error_answer("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", elastic->AllocationId, elastic->AssociationId);
  if (private->Association && !in->AllowReassociation.v)
    return error_answer("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", in->NetworkInterfaceId, private->Association->AssociationId);
  if (elastic->AssociationId)
    TRY(loosen(call, elastic));
  if (private->Association)
    TRY(ec2_address_loosen(call, private->Association->AllocationId));
  TRY(ec2_get(call, &ec2_interfaces, in->NetworkInterfaceId, &eni));
  elastic->AssociationId = id_resource(call->arena, "eipassoc");
  elastic->NetworkInterfaceId = eni->NetworkInterfaceId;
  elastic->NetworkInterfaceOwnerId = call->account;
  elastic->PrivateIpAddress = private->PrivateIpAddress;
  ec2_eni_associate(call, eni, elastic);
  TRY(ec2_put(call, &ec2_addresses, elastic));
  TRY(ec2_eni_put(call, eni));
  ret_out->AssociationId = elastic->AssociationId;
  ec2_settle(call);
  return NULL;
}

static Error *find_association(Call *call, const char *id, Ec2Address **ret_address) {
  Ec2Records all = {0};
  TRY(ec2_all(call, &ec2_addresses, &all));
  for (gsize i = 0; i < all.n; i++)
    if (g_strcmp0(((Ec2Address *) all.v[i])->AssociationId, id) == 0) {
      *ret_address = all.v[i];
      return NULL;
    }
  return error_answer("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", id);
}

OPERATION(DisassociateAddress, disassociate_address, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *disassociate_address(Call *call, const Ec2DisassociateAddressInput *in, Ec2DisassociateAddressOutput *ret_out) {
  Ec2Address *elastic = NULL;
  const Ec2NetworkInterface *eni = NULL;
  if (!in->AssociationId && !in->PublicIp)
    return error_answer("MissingParameter", "Either public IP or association id must be specified");
  TRY(in->AssociationId ? find_association(call, in->AssociationId, &elastic) : find_address(call, NULL, in->PublicIp, &elastic));
  if (!elastic->AssociationId)
    return error_answer("InvalidAssociationID.NotFound", "The address '%s' is not associated", elastic->PublicIp);
  TRY(ec2_find(call, &ec2_interfaces, elastic->NetworkInterfaceId, &eni));
  if (eni && g_strcmp0(eni->InterfaceType, "nat_gateway") == 0)
    return error_answer("AuthFailure", "You do not have permission to access the specified resource.");
  return loosen(call, elastic);
}

/* Names of addresses cannot be set here: they have their own. */
OPERATION(DescribeAddressesAttribute, describe_addresses_attribute, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_addresses_attribute(Call *call, const Ec2DescribeAddressesAttributeInput *in, Ec2DescribeAddressesAttributeOutput *ret_out) {
  Ec2AddressList all = {0};
  TRY(ec2_describe(call, &(Ec2Describe){&ec2_addresses, &in->AllocationIds, NULL, in->MaxResults, in->NextToken, "allocationIds", NULL}, &all, &ret_out->NextToken));
  LIST_EMPTY(call->arena, &ret_out->Addresses);
  for (gsize i = 0; i < all.n; i++) {
    Ec2AddressAttribute *attribute = ARENA_NEW(call->arena, Ec2AddressAttribute);
    *attribute = (Ec2AddressAttribute){.AllocationId = all.v[i]->AllocationId, .PublicIp = all.v[i]->PublicIp};
    LIST_APPEND(call->arena, &ret_out->Addresses, attribute);
  }
  return NULL;
}

OPERATION(DescribeAddresses, describe_addresses, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_addresses(Call *call, const Ec2DescribeAddressesInput *in, Ec2DescribeAddressesOutput *ret_out) {
  Ec2AddressList all = {0};
  TRY(ec2_describe(call, &(Ec2Describe){&ec2_addresses, &in->AllocationIds, &in->Filters, {0}, NULL, NULL, NULL}, &all, NULL));
  LIST_EMPTY(call->arena, &ret_out->Addresses);
  for (gsize i = 0; i < in->PublicIps.n; i++) {
    Ec2Address *one = NULL;
    TRY(find_address(call, NULL, in->PublicIps.v[i], &one));
  }
  for (gsize i = 0; i < all.n; i++)
    if (!in->PublicIps.n || string_list_has(&in->PublicIps, all.v[i]->PublicIp))
      LIST_APPEND(call->arena, &ret_out->Addresses, all.v[i]);
  return NULL;
}
