/* address: Elastic IP addresses, of a range that is routed nowhere. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html */
#include "services/ec2/ec2.h"

#include <string.h>

static const Ec2Path filters[] = {
  {"allocation-id", "AllocationId"}, {"association-id", "AssociationId"}, {"public-ip", "PublicIp"}, {"domain", "Domain"},
  {"network-interface-id", "NetworkInterfaceId"}, {"private-ip-address", "PrivateIpAddress"}, {NULL, NULL},
};
const Ec2Kind ec2_addresses = {.type = "elastic-ip", .prefix = "eipalloc", .table = {"ec2.address"}, EC2_KIND(Address, AllocationId, Tags),
  .not_found = "InvalidAllocationID.NotFound", .not_found_text = "The allocation ID '%s' does not exist", .filters = filters};

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
  return error_answer("InvalidAddress.NotFound", "The address '%s' does not exist", public_ip ? public_ip : "");
}

OPERATION(ReleaseAddress, release_address, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *release_address(Call *call, const Ec2ReleaseAddressInput *in, Ec2ReleaseAddressOutput *ret_out) {
  Ec2Address *elastic = NULL;
  guint32 address = 0;
  Key key;
  TRY(find_address(call, in->AllocationId, in->PublicIp, &elastic));
  if (elastic->AssociationId)
    return error_answer("InvalidIPAddress.InUse", "Address %s is in use.", elastic->PublicIp);
  address_parse(elastic->PublicIp, &address);
  key_init(&key);
  key_add_int(&key, address);
  TRY(store_delete(call->txn, &elastic_taken, &key, NULL));
  return ec2_delete(call, &ec2_addresses, elastic->AllocationId);
}

OPERATION(AssociateAddress, associate_address, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *associate_address(Call *call, const Ec2AssociateAddressInput *in, Ec2AssociateAddressOutput *ret_out) {
  Ec2Address *elastic = NULL;
  Ec2NetworkInterface *eni = NULL;
  if (in->InstanceId)
    return error_answer("UnsupportedOperation", "haar associates addresses with network interfaces, not with instances.");
  TRY(find_address(call, in->AllocationId, in->PublicIp, &elastic));
  TRY(ec2_get(call, &ec2_interfaces, in->NetworkInterfaceId, &eni));
  if ((elastic->AssociationId || eni->Association) && !in->AllowReassociation.v)
    return error_answer("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", elastic->AllocationId, elastic->AssociationId ? elastic->AssociationId : "");
  elastic->AssociationId = id_resource(call->arena, "eipassoc");
  elastic->NetworkInterfaceId = eni->NetworkInterfaceId;
  elastic->NetworkInterfaceOwnerId = call->account;
  elastic->PrivateIpAddress = eni->PrivateIpAddress;
  eni->Association = ARENA_NEW(call->arena, Ec2NetworkInterfaceAssociation);
  *eni->Association = (Ec2NetworkInterfaceAssociation){.AllocationId = elastic->AllocationId, .AssociationId = elastic->AssociationId, .IpOwnerId = call->account, .PublicIp = elastic->PublicIp};
  TRY(ec2_put(call, &ec2_addresses, elastic));
  TRY(ec2_eni_put(call, eni));
  ret_out->AssociationId = elastic->AssociationId;
  ec2_changed(call, eni->VpcId);
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
  Ec2NetworkInterface *eni = NULL;
  TRY(in->AssociationId ? find_association(call, in->AssociationId, &elastic) : find_address(call, NULL, in->PublicIp, &elastic));
  TRY(ec2_find(call, &ec2_interfaces, elastic->NetworkInterfaceId, &eni));
  elastic->AssociationId = elastic->NetworkInterfaceId = elastic->PrivateIpAddress = elastic->NetworkInterfaceOwnerId = NULL;
  TRY(ec2_put(call, &ec2_addresses, elastic));
  if (!eni)
    return NULL;
  eni->Association = NULL;
  TRY(ec2_eni_put(call, eni));
  ec2_changed(call, eni->VpcId);
  return NULL;
}

OPERATION(DescribeAddresses, describe_addresses, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_addresses(Call *call, const Ec2DescribeAddressesInput *in, Ec2DescribeAddressesOutput *ret_out) {
  Ec2AddressList all = {0};
  TRY(ec2_describe(call, &(Ec2Describe){&ec2_addresses, &in->AllocationIds, &in->Filters, OPT_INT(G_MAXINT32), NULL}, &all, NULL));
  LIST_EMPTY(call->arena, &ret_out->Addresses);
  for (gsize i = 0; i < all.n; i++)
    if (!in->PublicIps.n || string_list_has(&in->PublicIps, all.v[i]->PublicIp))
      LIST_APPEND(call->arena, &ret_out->Addresses, all.v[i]);
  return NULL;
}
