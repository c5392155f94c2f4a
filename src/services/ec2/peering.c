/* peering: VPC peering connections between VPCs of this account and region: requested, accepted, and then a target of routes.
 * https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html */
#include "services/ec2/ec2.h"

#include <string.h>

enum { DAY_MS = 24 * 3600 * 1000, REQUEST_MS = 7 * DAY_MS, SHOWN_MS = 2 * 3600 * 1000, EXPIRED_MS = 2 * DAY_MS, ACTIVE_MAX = 50 };

static const Ec2Path filters[] = {
  {"vpc-peering-connection-id", "VpcPeeringConnectionId"}, {"status-code", "Status.Code"}, {"status-message", "Status.Message"}, {"expiration-time", "ExpirationTime"},
  {"accepter-vpc-info.cidr-block", "AccepterVpcInfo.CidrBlock"}, {"accepter-vpc-info.owner-id", "AccepterVpcInfo.OwnerId"}, {"accepter-vpc-info.vpc-id", "AccepterVpcInfo.VpcId"},
  {"requester-vpc-info.cidr-block", "RequesterVpcInfo.CidrBlock"}, {"requester-vpc-info.owner-id", "RequesterVpcInfo.OwnerId"},
  {"requester-vpc-info.vpc-id", "RequesterVpcInfo.VpcId"}, {NULL, NULL},
};
const Ec2Kind ec2_peerings = {.type = "vpc-peering-connection", .prefix = "pcx", .table = {"ec2.vpc_peering_connection"},
  EC2_KIND(VpcPeeringConnection, VpcPeeringConnectionId, Tags), .malformed = "InvalidVpcPeeringConnectionId.Malformed",
  .not_found = "InvalidVpcPeeringConnectionID.NotFound", .not_found_text = "The vpcPeeringConnection ID '%s' does not exist", .filters = filters};

static gboolean is(const Ec2VpcPeeringConnection *peering, const char *code) { return strcmp(peering->Status->Code, code) == 0; }

gboolean ec2_peering_active(const Ec2VpcPeeringConnection *peering) { return peering && is(peering, "active"); }

static void set_status(Call *call, Ec2VpcPeeringConnection *peering, const char *code, const char *message) {
  peering->Status = ARENA_NEW(call->arena, Ec2VpcPeeringConnectionStateReason);
  *peering->Status = (Ec2VpcPeeringConnectionStateReason){.Code = code, .Message = message};
}

/* A request that nobody took for a week has expired; what is over is shown for two hours, an expired one
 * for two days. ExpirationTime: until when it is shown. FALSE: not any more. */
static gboolean settle(Call *call, Ec2VpcPeeringConnection *peering) {
  if (is(peering, "pending-acceptance") && peering->ExpirationTime.ms < call->now) {
    set_status(call, peering, "expired", "Expired");
    peering->ExpirationTime.ms += EXPIRED_MS;
  }
  return is(peering, "active") || !peering->ExpirationTime.set || peering->ExpirationTime.ms >= call->now;
}

static Ec2VpcPeeringConnectionVpcInfo *vpc_info(Call *call, const Ec2Vpc *vpc) {
  Ec2VpcPeeringConnectionVpcInfo *info = ARENA_NEW(call->arena, Ec2VpcPeeringConnectionVpcInfo);
  *info = (Ec2VpcPeeringConnectionVpcInfo){.VpcId = vpc->VpcId, .OwnerId = call->account, .Region = call->region, .CidrBlock = vpc->CidrBlock};
  for (gsize i = 0; i < vpc->CidrBlockAssociationSet.n; i++) {
    Ec2CidrBlock *block = ARENA_NEW(call->arena, Ec2CidrBlock);
    block->CidrBlock = vpc->CidrBlockAssociationSet.v[i]->CidrBlock;
    LIST_APPEND(call->arena, &info->CidrBlockSet, block);
  }
  for (gsize i = 0; i < vpc->Ipv6CidrBlockAssociationSet.n; i++) {
    Ec2Ipv6CidrBlock *block = ARENA_NEW(call->arena, Ec2Ipv6CidrBlock);
    block->Ipv6CidrBlock = vpc->Ipv6CidrBlockAssociationSet.v[i]->Ipv6CidrBlock;
    LIST_APPEND(call->arena, &info->Ipv6CidrBlockSet, block);
  }
  info->PeeringOptions = ARENA_NEW(call->arena, Ec2VpcPeeringConnectionOptionsDescription);
  *info->PeeringOptions = (Ec2VpcPeeringConnectionOptionsDescription){.AllowDnsResolutionFromRemoteVpc = OPT_BOOL(FALSE),
    .AllowEgressFromLocalClassicLinkToRemoteVpc = OPT_BOOL(FALSE), .AllowEgressFromLocalVpcToRemoteClassicLink = OPT_BOOL(FALSE)};
  return info;
}

static gboolean overlap(const Ec2Vpc *a, const Ec2Vpc *b) {
  Cidr x = {0}, y = {0};
  for (gsize i = 0; i < a->CidrBlockAssociationSet.n; i++)
    for (gsize j = 0; j < b->CidrBlockAssociationSet.n; j++)
      if (cidr_parse(a->CidrBlockAssociationSet.v[i]->CidrBlock, &x) && cidr_parse(b->CidrBlockAssociationSet.v[j]->CidrBlock, &y) && cidr_overlaps(&x, &y))
        return TRUE;
  return FALSE;
}

/* One pair has one connection, and a VPC has so many. */
static Error *check_pair(Call *call, const char *a, const char *b) {
  Ec2Records all = {0};
  gsize active = 0;
  TRY(ec2_all(call, &ec2_peerings, &all));
  for (gsize i = 0; i < all.n; i++) {
    Ec2VpcPeeringConnection *peering = all.v[i];
    const char *from = peering->RequesterVpcInfo->VpcId, *to = peering->AccepterVpcInfo->VpcId;
    settle(call, peering);
    if (!is(peering, "active") && !is(peering, "pending-acceptance"))
      continue;
    if ((strcmp(from, a) == 0 && strcmp(to, b) == 0) || (strcmp(from, b) == 0 && strcmp(to, a) == 0))
      return error_answer("VpcPeeringConnectionAlreadyExists", "A VPC peering connection between the VPCs '%s' and '%s' already exists: %s", a, b, peering->VpcPeeringConnectionId);
    active += strcmp(from, a) == 0 || strcmp(to, a) == 0;
  }
  return active < ACTIVE_MAX ? NULL
       : error_answer("ActiveVpcPeeringConnectionPerVpcLimitExceeded", "The maximum number of active VPC peering connections for VPC '%s' has been reached.", a);
}

OPERATION(CreateVpcPeeringConnection, create_peering, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_peering(Call *call, const Ec2CreateVpcPeeringConnectionInput *in, Ec2CreateVpcPeeringConnectionOutput *ret_out) {
  const Ec2Vpc *from = NULL, *to = NULL;
  if ((in->PeerOwnerId && strcmp(in->PeerOwnerId, call->account) != 0) || (in->PeerRegion && strcmp(in->PeerRegion, call->region) != 0))
    return error_answer("UnsupportedOperation", "haar peers VPCs of one account and one region.");
  TRY(ec2_get(call, &ec2_vpcs, in->VpcId, &from));
  TRY(ec2_get(call, &ec2_vpcs, in->PeerVpcId, &to));
  if (strcmp(in->VpcId, in->PeerVpcId) == 0)
    return error_answer("InvalidParameterValue", "A VPC cannot be peered with itself: %s", in->VpcId);
  TRY(check_pair(call, in->VpcId, in->PeerVpcId));
  Ec2VpcPeeringConnection *peering = ARENA_NEW(call->arena, Ec2VpcPeeringConnection);
  *peering = (Ec2VpcPeeringConnection){.VpcPeeringConnectionId = id_resource(call->arena, "pcx"), .RequesterVpcInfo = vpc_info(call, from), .AccepterVpcInfo = vpc_info(call, to),
                                       .ExpirationTime = OPT_TIME(call->now + REQUEST_MS), .Tags = ec2_tags(call, &in->TagSpecifications, "vpc-peering-connection")};
  set_status(call, peering, "pending-acceptance", arena_printf(call->arena, "Pending Acceptance by %s", call->account));
  if (overlap(from, to)) {
    peering->ExpirationTime = OPT_TIME(call->now + SHOWN_MS);
    set_status(call, peering, "failed", "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range");
  }
  TRY(ec2_put(call, &ec2_peerings, peering));
  ret_out->VpcPeeringConnection = peering;
  return NULL;
}

static void both_changed(Call *call, const Ec2VpcPeeringConnection *peering) {
  ec2_changed_now(call, peering->RequesterVpcInfo->VpcId);
  ec2_changed_now(call, peering->AccepterVpcInfo->VpcId);
}

static Error *get_peering(Call *call, const char *id, Ec2VpcPeeringConnection **ret_peering) {
  TRY(ec2_get(call, &ec2_peerings, id, ret_peering));
  if (settle(call, *ret_peering))
    return NULL;
  return error_answer("InvalidVpcPeeringConnectionID.NotFound", "The vpcPeeringConnection ID '%s' does not exist", id);
}

static Error *wrong_state(const Ec2VpcPeeringConnection *peering, const char *to) {
  return error_answer("InvalidStateTransition", "Invalid state transition for %s, attempted to transition from %s to %s", peering->VpcPeeringConnectionId, peering->Status->Code, to);
}

OPERATION(AcceptVpcPeeringConnection, accept_peering, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *accept_peering(Call *call, const Ec2AcceptVpcPeeringConnectionInput *in, Ec2AcceptVpcPeeringConnectionOutput *ret_out) {
  Ec2VpcPeeringConnection *peering = NULL;
  TRY(get_peering(call, in->VpcPeeringConnectionId, &peering));
  if (!is(peering, "pending-acceptance"))
    return wrong_state(peering, "active");
  set_status(call, peering, "active", "Active");
  peering->ExpirationTime.set = FALSE;
  TRY(ec2_put(call, &ec2_peerings, peering));
  ret_out->VpcPeeringConnection = peering;
  both_changed(call, peering);
  return NULL;
}

OPERATION(RejectVpcPeeringConnection, reject_peering, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *reject_peering(Call *call, const Ec2RejectVpcPeeringConnectionInput *in, Ec2RejectVpcPeeringConnectionOutput *ret_out) {
  Ec2VpcPeeringConnection *peering = NULL;
  TRY(get_peering(call, in->VpcPeeringConnectionId, &peering));
  if (!is(peering, "pending-acceptance"))
    return wrong_state(peering, "rejected");
  set_status(call, peering, "rejected", arena_printf(call->arena, "Rejected by %s", call->account));
  peering->ExpirationTime = OPT_TIME(call->now + SHOWN_MS);
  ret_out->Return = OPT_BOOL(TRUE);
  return ec2_put(call, &ec2_peerings, peering);
}

static Error *end_peering(Call *call, Ec2VpcPeeringConnection *peering) {
  set_status(call, peering, "deleted", arena_printf(call->arena, "Deleted by %s", call->account));
  peering->ExpirationTime = OPT_TIME(call->now + SHOWN_MS);
  TRY(ec2_put(call, &ec2_peerings, peering));
  both_changed(call, peering);
  return NULL;
}

OPERATION(DeleteVpcPeeringConnection, delete_peering, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_peering(Call *call, const Ec2DeleteVpcPeeringConnectionInput *in, Ec2DeleteVpcPeeringConnectionOutput *ret_out) {
  Ec2VpcPeeringConnection *peering = NULL;
  TRY(get_peering(call, in->VpcPeeringConnectionId, &peering));
  if (!is(peering, "active") && !is(peering, "pending-acceptance"))
    return wrong_state(peering, "deleted");
  ret_out->Return = OPT_BOOL(TRUE);
  return end_peering(call, peering);
}

Error *ec2_peerings_end(Call *call, const char *vpc_id) {
  Ec2Records all = {0};
  TRY(ec2_all(call, &ec2_peerings, &all));
  for (gsize i = 0; i < all.n; i++) {
    Ec2VpcPeeringConnection *peering = all.v[i];
    gboolean ours = strcmp(peering->RequesterVpcInfo->VpcId, vpc_id) == 0 || strcmp(peering->AccepterVpcInfo->VpcId, vpc_id) == 0;
    if (ours && (is(peering, "active") || is(peering, "pending-acceptance")))
      TRY(end_peering(call, peering));
  }
  return NULL;
}

static Error *fill_settled(Call *call, void *record) {
  settle(call, record);
  return NULL;
}

OPERATION(DescribeVpcPeeringConnections, describe_peerings, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_peerings(Call *call, const Ec2DescribeVpcPeeringConnectionsInput *in, Ec2DescribeVpcPeeringConnectionsOutput *ret_out) {
  Ec2VpcPeeringConnectionList all = {0};
  for (gsize i = 0; i < in->VpcPeeringConnectionIds.n; i++) {
    Ec2VpcPeeringConnection *peering = NULL;
    TRY(get_peering(call, in->VpcPeeringConnectionIds.v[i], &peering));
  }
  TRY(ec2_describe(call, &(Ec2Describe){&ec2_peerings, &in->VpcPeeringConnectionIds, &in->Filters, in->MaxResults, in->NextToken, "vpcPeeringConnectionIds", fill_settled},
                   &all, &ret_out->NextToken));
  LIST_EMPTY(call->arena, &ret_out->VpcPeeringConnections);
  for (gsize i = 0; i < all.n; i++)
    if (settle(call, all.v[i])) {
      all.v[i]->ExpirationTime.set = is(all.v[i], "pending-acceptance");
      LIST_APPEND(call->arena, &ret_out->VpcPeeringConnections, all.v[i]);
    }
  return NULL;
}

static Error *set_options(Call *call, Ec2VpcPeeringConnectionVpcInfo *info, const Ec2PeeringConnectionOptionsRequest *given, Ec2PeeringConnectionOptions **ret_options) {
  if (!given)
    return NULL;
  if (given->AllowEgressFromLocalClassicLinkToRemoteVpc.v || given->AllowEgressFromLocalVpcToRemoteClassicLink.v)
    return error_answer("OperationNotPermitted", "ClassicLink is retired.");
  if (given->AllowDnsResolutionFromRemoteVpc.set)
    info->PeeringOptions->AllowDnsResolutionFromRemoteVpc = given->AllowDnsResolutionFromRemoteVpc;
  *ret_options = ARENA_NEW(call->arena, Ec2PeeringConnectionOptions);
  (*ret_options)->AllowDnsResolutionFromRemoteVpc = info->PeeringOptions->AllowDnsResolutionFromRemoteVpc;
  return NULL;
}

OPERATION(ModifyVpcPeeringConnectionOptions, modify_peering_options, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *modify_peering_options(Call *call, const Ec2ModifyVpcPeeringConnectionOptionsInput *in, Ec2ModifyVpcPeeringConnectionOptionsOutput *ret_out) {
  Ec2VpcPeeringConnection *peering = NULL;
  TRY(get_peering(call, in->VpcPeeringConnectionId, &peering));
  if (!is(peering, "active"))
    return error_answer("OperationNotPermitted", "Peering %s is not active. Peering options can be added only to active peerings.", in->VpcPeeringConnectionId);
  TRY(set_options(call, peering->AccepterVpcInfo, in->AccepterPeeringConnectionOptions, &ret_out->AccepterPeeringConnectionOptions));
  TRY(set_options(call, peering->RequesterVpcInfo, in->RequesterPeeringConnectionOptions, &ret_out->RequesterPeeringConnectionOptions));
  TRY(ec2_put(call, &ec2_peerings, peering));
  both_changed(call, peering);
  return NULL;
}
