/* quota: how many of a kind there may be. AWS's defaults, but where every account that is in use has them raised: VPCs and what comes with
 * one each, Elastic IPs, NAT gateways. https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html */
#include "services/ec2/ec2.h"

#include <string.h>

typedef enum { PER_REGION, PER_VPC } Scope;

static const struct { const Ec2Kind *kind; Scope scope; gsize max; const char *code, *text; } quotas[] = {
  {&ec2_vpcs, PER_REGION, 100, "VpcLimitExceeded", "The maximum number of VPCs has been reached."},
  {&ec2_internet_gateways, PER_REGION, 100, "InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached."},
  {&ec2_subnets, PER_VPC, 200, "SubnetLimitExceeded", "The maximum number of subnets has been reached."},
  {&ec2_route_tables, PER_VPC, 200, "RouteTableLimitExceeded", "The maximum number of route tables has been reached."},
  {&ec2_acls, PER_VPC, 200, "NetworkAclLimitExceeded", "The maximum number of network ACLs has been reached."},
  {&ec2_security_groups, PER_REGION, 2500, "SecurityGroupLimitExceeded", "The maximum number of security groups has been reached."},
  {&ec2_addresses, PER_REGION, 100, "AddressLimitExceeded", "The maximum number of addresses has been reached."},
  {&ec2_nat_gateways, PER_VPC, 100, "NatGatewayLimitExceeded", "The maximum number of NAT Gateways has been reached."},
  {&ec2_endpoints, PER_VPC, 70, "VpcEndpointLimitExceeded", "The maximum number of VPC endpoints has been reached."},
};

static const char *vpc_of(const Ec2Kind *kind, const void *record) {
  for (guint i = 0; i < kind->shape->n_members; i++)
    if (strcmp(kind->shape->members[i].name, "VpcId") == 0)
      return *(const char *const *) G_STRUCT_MEMBER_P(record, kind->shape->members[i].offset);
  return NULL;
}

Error *ec2_quota(Call *call, const Ec2Kind *kind, const char *vpc_id) {
  for (gsize i = 0; i < G_N_ELEMENTS(quotas); i++) {
    Ec2Records records = {0};
    gsize n = 0;
    if (quotas[i].kind != kind)
      continue;
    TRY(ec2_all(call, kind, &records));
    for (gsize j = 0; j < records.n; j++)
      n += quotas[i].scope == PER_REGION || g_strcmp0(vpc_of(kind, records.v[j]), vpc_id) == 0;
    if (n >= quotas[i].max)
      return error_answer(quotas[i].code, "%s", quotas[i].text);
  }
  return NULL;
}
