/* egress_gateway: egress-only internet gateways: IPv6 out, nothing in. https://docs.aws.amazon.com/vpc/latest/userguide/egress-only-internet-gateway.html */
#include "services/ec2/ec2.h"

#include <string.h>

enum { GATEWAYS_MAX = 100 };

static const Ec2Path filters[] = {{NULL, NULL}};
const Ec2Kind ec2_egress_gateways = {.type = "egress-only-internet-gateway", .prefix = "eigw", .table = {"ec2.egress_only_gateway"},
  EC2_KIND(EgressOnlyInternetGateway, EgressOnlyInternetGatewayId, Tags), .malformed = "InvalidEgressOnlyInternetGatewayId.Malformed",
  .not_found = "InvalidGatewayID.NotFound", .not_found_text = "The gateway ID '%s' does not exist", .filters = filters};

OPERATION(CreateEgressOnlyInternetGateway, create_gateway, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_gateway(Call *call, const Ec2CreateEgressOnlyInternetGatewayInput *in, Ec2CreateEgressOnlyInternetGatewayOutput *ret_out) {
  const Ec2Vpc *vpc = NULL;
  Ec2Records records = {0};
  gboolean seen = FALSE;
  TRY(ec2_token_seen(call, in, ret_out, &seen));
  if (seen)
    return NULL;
  TRY(ec2_get(call, &ec2_vpcs, in->VpcId, &vpc));
  TRY(ec2_all(call, &ec2_egress_gateways, &records));
  if (records.n >= GATEWAYS_MAX)
    return error_answer("EgressOnlyInternetGatewayLimitExceeded", "The maximum number of egress-only internet gateways has been reached.");
  Ec2InternetGatewayAttachment *attachment = ARENA_NEW(call->arena, Ec2InternetGatewayAttachment);
  *attachment = (Ec2InternetGatewayAttachment){.State = "attached", .VpcId = in->VpcId};
  Ec2EgressOnlyInternetGateway *gateway = ARENA_NEW(call->arena, Ec2EgressOnlyInternetGateway);
  *gateway = (Ec2EgressOnlyInternetGateway){.EgressOnlyInternetGatewayId = id_resource(call->arena, "eigw"),
                                            .Tags = ec2_tags(call, &in->TagSpecifications, "egress-only-internet-gateway")};
  LIST_APPEND(call->arena, &gateway->Attachments, attachment);
  ret_out->EgressOnlyInternetGateway = gateway;
  ret_out->ClientToken = in->ClientToken;
  TRY(ec2_put(call, &ec2_egress_gateways, gateway));
  ec2_changed_now(call, in->VpcId);
  return ec2_token_keep(call, in, ret_out);
}

OPERATION(DeleteEgressOnlyInternetGateway, delete_gateway, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_gateway(Call *call, const Ec2DeleteEgressOnlyInternetGatewayInput *in, Ec2DeleteEgressOnlyInternetGatewayOutput *ret_out) {
  const Ec2EgressOnlyInternetGateway *gateway = NULL;
  TRY(ec2_get(call, &ec2_egress_gateways, in->EgressOnlyInternetGatewayId, &gateway));
  TRY(ec2_delete(call, &ec2_egress_gateways, in->EgressOnlyInternetGatewayId));
  ec2_changed_now(call, gateway->Attachments.v[0]->VpcId);
  ret_out->ReturnCode = OPT_BOOL(TRUE);
  return NULL;
}

OPERATION(DescribeEgressOnlyInternetGateways, describe_gateways, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_gateways(Call *call, const Ec2DescribeEgressOnlyInternetGatewaysInput *in, Ec2DescribeEgressOnlyInternetGatewaysOutput *ret_out) {
  return ec2_describe(call, &(Ec2Describe){&ec2_egress_gateways, &in->EgressOnlyInternetGatewayIds, &in->Filters, in->MaxResults, in->NextToken,
                                           "egressOnlyInternetGatewayIds", NULL}, &ret_out->EgressOnlyInternetGateways, &ret_out->NextToken);
}
