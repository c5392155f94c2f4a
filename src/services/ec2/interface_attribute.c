/* interface_attribute: what of a network interface changes after it was made: groups, description, check, further addresses.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/modify-network-interface-attributes.html */
#include "services/ec2/ec2.h"

#include <string.h>

OPERATION(ModifyNetworkInterfaceAttribute, modify_interface_attribute, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *modify_interface_attribute(Call *call, const Ec2ModifyNetworkInterfaceAttributeInput *in, Ec2ModifyNetworkInterfaceAttributeOutput *ret_out) {
  Ec2NetworkInterface *eni = NULL;
  TRY(ec2_get(call, &ec2_interfaces, in->NetworkInterfaceId, &eni));
  if (in->Attachment)
    return error_answer("UnsupportedOperation", "haar has no instances: interfaces are not attached to any.");
  if (!in->Groups.n && !in->Description && !in->SourceDestCheck)
    return error_answer("InvalidParameterCombination", "No attributes specified.");
  if (in->Groups.n)
    TRY(ec2_eni_groups(call, eni->VpcId, &in->Groups, &eni->Groups));
  if (in->Description)
    eni->Description = in->Description->Value ? in->Description->Value : "";
  if (in->SourceDestCheck)
    eni->SourceDestCheck = in->SourceDestCheck->Value;
  TRY(ec2_eni_put(call, eni));
  ec2_settle(call);
  return NULL;
}

OPERATION(ResetNetworkInterfaceAttribute, reset_interface_attribute, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *reset_interface_attribute(Call *call, const Ec2ResetNetworkInterfaceAttributeInput *in, Ec2ResetNetworkInterfaceAttributeOutput *ret_out) {
  Ec2NetworkInterface *eni = NULL;
  TRY(ec2_get(call, &ec2_interfaces, in->NetworkInterfaceId, &eni));
  if (in->SourceDestCheck && g_ascii_strcasecmp(in->SourceDestCheck, "sourceDestCheck") != 0 && strcmp(in->SourceDestCheck, "true") != 0)
    return error_answer("InvalidParameterValue", "Value (%s) for parameter sourceDestCheck is invalid.", in->SourceDestCheck);
  eni->SourceDestCheck = OPT_BOOL(TRUE);
  TRY(ec2_eni_put(call, eni));
  ec2_settle(call);
  return NULL;
}

OPERATION(DescribeNetworkInterfaceAttribute, describe_interface_attribute, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_interface_attribute(Call *call, const Ec2DescribeNetworkInterfaceAttributeInput *in, Ec2DescribeNetworkInterfaceAttributeOutput *ret_out) {
  Ec2NetworkInterface *eni = NULL;
  const char *attribute = in->Attribute ? in->Attribute : "";
  TRY(ec2_get(call, &ec2_interfaces, in->NetworkInterfaceId, &eni));
  ret_out->NetworkInterfaceId = in->NetworkInterfaceId;
  if (strcmp(attribute, "groupSet") == 0) {
    ret_out->Groups = eni->Groups;
    LIST_EMPTY(call->arena, &ret_out->Groups);
  } else if (strcmp(attribute, "description") == 0) {
    ret_out->Description = ARENA_NEW(call->arena, Ec2AttributeValue);
    ret_out->Description->Value = eni->Description;
  } else if (strcmp(attribute, "sourceDestCheck") == 0) {
    ret_out->SourceDestCheck = ARENA_NEW(call->arena, Ec2AttributeBooleanValue);
    ret_out->SourceDestCheck->Value = OPT_BOOL(OPT_OR(eni->SourceDestCheck, TRUE));
  } else if (strcmp(attribute, "attachment") == 0) {
    ret_out->Attachment = eni->Attachment;
  } else {
    return error_answer("InvalidParameterCombination", "No attributes specified.");
  }
  return NULL;
}

/* --- secondary addresses --- */

static gssize address_at(const Ec2NetworkInterface *eni, const char *text) {
  for (gsize i = 0; i < eni->PrivateIpAddresses.n; i++)
    if (g_strcmp0(eni->PrivateIpAddresses.v[i]->PrivateIpAddress, text) == 0)
      return (gssize) i;
  return -1;
}

OPERATION(AssignPrivateIpAddresses, assign_private, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *assign_private(Call *call, const Ec2AssignPrivateIpAddressesInput *in, Ec2AssignPrivateIpAddressesOutput *ret_out) {
  Ec2NetworkInterface *eni = NULL;
  TRY(ec2_get(call, &ec2_interfaces, in->NetworkInterfaceId, &eni));
  if (in->Ipv4Prefixes.n || in->Ipv4PrefixCount.set)
    return error_answer("UnsupportedOperation", "haar gives interfaces addresses, not prefixes.");
  if ((in->PrivateIpAddresses.n > 0) == in->SecondaryPrivateIpAddressCount.set)
    return error_answer("InvalidParameterCombination", "The request must contain exactly one of privateIpAddresses and secondaryPrivateIpAddressCount");
  gsize before = eni->PrivateIpAddresses.n;
  for (gsize i = 0; i < in->PrivateIpAddresses.n; i++)
    TRY(ec2_eni_add_secondary(call, eni, in->PrivateIpAddresses.v[i]));
  for (gint64 i = 0; i < OPT_OR(in->SecondaryPrivateIpAddressCount, 0); i++)
    TRY(ec2_eni_add_secondary(call, eni, NULL));
  for (gsize i = before; i < eni->PrivateIpAddresses.n; i++) {
    Ec2AssignedPrivateIpAddress *assigned = ARENA_NEW(call->arena, Ec2AssignedPrivateIpAddress);
    assigned->PrivateIpAddress = eni->PrivateIpAddresses.v[i]->PrivateIpAddress;
    LIST_APPEND(call->arena, &ret_out->AssignedPrivateIpAddresses, assigned);
  }
  ret_out->NetworkInterfaceId = in->NetworkInterfaceId;
  TRY(ec2_eni_put(call, eni));
  ec2_settle(call);
  return NULL;
}

OPERATION(UnassignPrivateIpAddresses, unassign_private, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *unassign_private(Call *call, const Ec2UnassignPrivateIpAddressesInput *in, Ec2UnassignPrivateIpAddressesOutput *ret_out) {
  Ec2NetworkInterface *eni = NULL;
  TRY(ec2_get(call, &ec2_interfaces, in->NetworkInterfaceId, &eni));
  if (in->PrivateIpAddresses.n == 0)
    return error_answer("MissingParameter", "The request must contain the parameter PrivateIpAddress");
  for (gsize i = 0; i < in->PrivateIpAddresses.n; i++) {
    gssize at = address_at(eni, in->PrivateIpAddresses.v[i]);
    if (at <= 0)
      return error_answer("InvalidParameterValue", "Some of [%s] are not assigned to interface %s as secondary addresses", in->PrivateIpAddresses.v[i], in->NetworkInterfaceId);
    if (eni->PrivateIpAddresses.v[at]->Association)
      TRY(ec2_address_loosen(call, eni->PrivateIpAddresses.v[at]->Association->AllocationId));
    TRY(ec2_eni_free_address(call, eni, in->PrivateIpAddresses.v[i]));
    memmove(&eni->PrivateIpAddresses.v[at], &eni->PrivateIpAddresses.v[at + 1], (eni->PrivateIpAddresses.n - (gsize) at - 1) * sizeof *eni->PrivateIpAddresses.v);
    eni->PrivateIpAddresses.n--;
  }
  TRY(ec2_eni_put(call, eni));
  ec2_settle(call);
  return NULL;
}

/* --- IPv6 --- */

OPERATION(AssignIpv6Addresses, assign_ipv6, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *assign_ipv6(Call *call, const Ec2AssignIpv6AddressesInput *in, Ec2AssignIpv6AddressesOutput *ret_out) {
  Ec2NetworkInterface *eni = NULL;
  TRY(ec2_get(call, &ec2_interfaces, in->NetworkInterfaceId, &eni));
  if (in->Ipv6Prefixes.n || in->Ipv6PrefixCount.set)
    return error_answer("UnsupportedOperation", "haar gives interfaces addresses, not prefixes.");
  if ((in->Ipv6Addresses.n > 0) == in->Ipv6AddressCount.set)
    return error_answer("InvalidParameterCombination", "The request must contain exactly one of ipv6Addresses and ipv6AddressCount");
  gsize before = eni->Ipv6Addresses.n;
  for (gsize i = 0; i < in->Ipv6Addresses.n; i++)
    TRY(ec2_eni_add_ipv6(call, eni, in->Ipv6Addresses.v[i]));
  for (gint64 i = 0; i < OPT_OR(in->Ipv6AddressCount, 0); i++)
    TRY(ec2_eni_add_ipv6(call, eni, NULL));
  for (gsize i = before; i < eni->Ipv6Addresses.n; i++)
    LIST_APPEND(call->arena, &ret_out->AssignedIpv6Addresses, eni->Ipv6Addresses.v[i]->Ipv6Address);
  ret_out->NetworkInterfaceId = in->NetworkInterfaceId;
  TRY(ec2_eni_put(call, eni));
  ec2_settle(call);
  return NULL;
}

static gssize ipv6_at(const Ec2NetworkInterface *eni, const char *text) {
  Ip wanted = {0}, own = {0};
  for (gsize i = 0; i < eni->Ipv6Addresses.n; i++)
    if (ip_parse(text, &wanted) && ip_parse(eni->Ipv6Addresses.v[i]->Ipv6Address, &own) && ip_equal(wanted, own))
      return (gssize) i;
  return -1;
}

OPERATION(UnassignIpv6Addresses, unassign_ipv6, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *unassign_ipv6(Call *call, const Ec2UnassignIpv6AddressesInput *in, Ec2UnassignIpv6AddressesOutput *ret_out) {
  Ec2NetworkInterface *eni = NULL;
  TRY(ec2_get(call, &ec2_interfaces, in->NetworkInterfaceId, &eni));
  if (in->Ipv6Addresses.n == 0)
    return error_answer("MissingParameter", "The request must contain the parameter Ipv6Addresses");
  for (gsize i = 0; i < in->Ipv6Addresses.n; i++) {
    gssize at = ipv6_at(eni, in->Ipv6Addresses.v[i]);
    if (at < 0)
      return error_answer("InvalidParameterValue", "Some of [%s] are not assigned to interface %s", in->Ipv6Addresses.v[i], in->NetworkInterfaceId);
    TRY(ec2_eni_free_address(call, eni, eni->Ipv6Addresses.v[at]->Ipv6Address));
    LIST_APPEND(call->arena, &ret_out->UnassignedIpv6Addresses, eni->Ipv6Addresses.v[at]->Ipv6Address);
    memmove(&eni->Ipv6Addresses.v[at], &eni->Ipv6Addresses.v[at + 1], (eni->Ipv6Addresses.n - (gsize) at - 1) * sizeof *eni->Ipv6Addresses.v);
    eni->Ipv6Addresses.n--;
  }
  eni->Ipv6Address = eni->Ipv6Addresses.n ? eni->Ipv6Addresses.v[0]->Ipv6Address : NULL;
  ret_out->NetworkInterfaceId = in->NetworkInterfaceId;
  TRY(ec2_eni_put(call, eni));
  ec2_settle(call);
  return NULL;
}
