/* internet_gateway: the way of a VPC to the outside, one at most.
 * https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html */
#include "services/ec2/ec2.h"

#include <string.h>

static const Ec2Path filters[] = {
  {"internet-gateway-id", "InternetGatewayId"}, {"attachment.vpc-id", "Attachments.VpcId"}, {"attachment.state", "Attachments.State"},
  {"owner-id", "OwnerId"}, {NULL, NULL},
};
const Ec2Kind ec2_internet_gateways = {.type = "internet-gateway", .prefix = "igw", .table = {"ec2.internet_gateway"}, EC2_KIND(InternetGateway, InternetGatewayId, Tags),
  .malformed = "InvalidInternetGatewayId.Malformed", .not_found = "InvalidInternetGatewayID.NotFound",
  .not_found_text = "The internetGateway ID '%s' does not exist", .filters = filters};

OPERATION(CreateInternetGateway, create_internet_gateway, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_internet_gateway(Call *call, const Ec2CreateInternetGatewayInput *in, Ec2CreateInternetGatewayOutput *ret_out) {
  TRY(ec2_quota(call, &ec2_internet_gateways, NULL));
  Ec2InternetGateway *gateway = ARENA_NEW(call->arena, Ec2InternetGateway);
  *gateway = (Ec2InternetGateway){.InternetGatewayId = id_resource(call->arena, "igw"), .OwnerId = call->account, .Tags = ec2_tags(call, &in->TagSpecifications, "internet-gateway")};
  LIST_EMPTY(call->arena, &gateway->Attachments);
  ret_out->InternetGateway = gateway;
  return ec2_put(call, &ec2_internet_gateways, gateway);
}

OPERATION(DeleteInternetGateway, delete_internet_gateway, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_internet_gateway(Call *call, const Ec2DeleteInternetGatewayInput *in, Ec2DeleteInternetGatewayOutput *ret_out) {
  const Ec2InternetGateway *gateway = NULL;
  TRY(ec2_get(call, &ec2_internet_gateways, in->InternetGatewayId, &gateway));
  if (gateway->Attachments.n)
    return error_answer("DependencyViolation", "The internetGateway '%s' has dependencies and cannot be deleted.", in->InternetGatewayId);
  return ec2_delete(call, &ec2_internet_gateways, in->InternetGatewayId);
}

OPERATION(AttachInternetGateway, attach_internet_gateway, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *attach_internet_gateway(Call *call, const Ec2AttachInternetGatewayInput *in, Ec2AttachInternetGatewayOutput *ret_out) {
  Ec2InternetGateway *gateway = NULL;
  const Ec2Vpc *vpc = NULL;
  Ec2Records others = {0};
  TRY(ec2_get(call, &ec2_internet_gateways, in->InternetGatewayId, &gateway));
  TRY(ec2_get(call, &ec2_vpcs, in->VpcId, &vpc));
  if (gateway->Attachments.n)
    return error_answer("Resource.AlreadyAssociated", "resource %s is already attached to network %s", in->InternetGatewayId, gateway->Attachments.v[0]->VpcId);
  TRY(ec2_all(call, &ec2_internet_gateways, &others));
  for (gsize i = 0; i < others.n; i++) {
    const Ec2InternetGateway *other = others.v[i];
    if (other->Attachments.n && strcmp(other->Attachments.v[0]->VpcId, in->VpcId) == 0)
      return error_answer("InvalidParameterValue", "Network %s already has an internet gateway attached", in->VpcId);
  }
  Ec2InternetGatewayAttachment *attachment = ARENA_NEW(call->arena, Ec2InternetGatewayAttachment);
  *attachment = (Ec2InternetGatewayAttachment){.State = "available", .VpcId = in->VpcId};
  LIST_APPEND(call->arena, &gateway->Attachments, attachment);
  TRY(ec2_put(call, &ec2_internet_gateways, gateway));
  ec2_changed(call, in->VpcId);
  return NULL;
}

OPERATION(DetachInternetGateway, detach_internet_gateway, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *detach_internet_gateway(Call *call, const Ec2DetachInternetGatewayInput *in, Ec2DetachInternetGatewayOutput *ret_out) {
  Ec2InternetGateway *gateway = NULL;
  Ec2Records interfaces = {0};
  TRY(ec2_get(call, &ec2_internet_gateways, in->InternetGatewayId, &gateway));
  if (!gateway->Attachments.n || g_strcmp0(gateway->Attachments.v[0]->VpcId, in->VpcId) != 0)
    return error_answer("Gateway.NotAttached", "resource %s is not attached to network %s", in->InternetGatewayId, in->VpcId);
  TRY(ec2_all(call, &ec2_interfaces, &interfaces));
  for (gsize i = 0; i < interfaces.n; i++) {
    const Ec2NetworkInterface *eni = interfaces.v[i];
    if (eni->Association && strcmp(eni->VpcId, in->VpcId) == 0)
      return error_answer("DependencyViolation", "Network %s has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.", in->VpcId);
  }
  gateway->Attachments.n = 0;
  TRY(ec2_put(call, &ec2_internet_gateways, gateway));
  ec2_changed(call, in->VpcId);
  return NULL;
}

OPERATION(DescribeInternetGateways, describe_internet_gateways, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_internet_gateways(Call *call, const Ec2DescribeInternetGatewaysInput *in, Ec2DescribeInternetGatewaysOutput *ret_out) {
  return ec2_describe(call, &(Ec2Describe){&ec2_internet_gateways, &in->InternetGatewayIds, &in->Filters, in->MaxResults, in->NextToken, "internetGatewayIds", NULL},
                      &ret_out->InternetGateways, &ret_out->NextToken);
}
