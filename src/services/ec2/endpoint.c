/* endpoint: VPC endpoints. A gateway endpoint is routes; an interface endpoint is an interface in each of its subnets.
 * https://docs.aws.amazon.com/vpc/latest/privatelink/concepts.html */
#include "services/ec2/ec2.h"

#include <string.h>

#include "services/route53.gen.h"

static const Ec2Path filters[] = {
  {"vpc-endpoint-id", "VpcEndpointId"}, {"vpc-id", "VpcId"}, {"service-name", "ServiceName"}, {"vpc-endpoint-type", "VpcEndpointType"},
  {"vpc-endpoint-state", "State"}, {"ip-address-type", "IpAddressType"}, {NULL, NULL},
};
const Ec2Kind ec2_endpoints = {.type = "vpc-endpoint", .prefix = "vpce", .table = {"ec2.vpc_endpoint"}, EC2_KIND(VpcEndpoint, VpcEndpointId, Tags),
  .malformed = "InvalidVpcEndpointId.Malformed", .not_found = "InvalidVpcEndpointId.NotFound",
  .not_found_text = "The Vpc Endpoint Id '%s' does not exist", .filters = filters};

static const char full_access[] = "{\"Version\":\"2008-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}]}";

/* Endpoint id -> policy, over accounts and regions, for the server: it asks with each call that comes through one. None: all is allowed. */
const Table ec2_endpoint_policies = {"ec2.vpc_endpoint_policy"};

static Error *put_endpoint(Call *call, const Ec2VpcEndpoint *endpoint) {
  Key key;
  key_strings(&key, endpoint->VpcEndpointId, NULL);
  if (strcmp(endpoint->PolicyDocument, full_access) == 0)
    TRY(store_delete(call->txn, &ec2_endpoint_policies, &key, NULL));
  else
    TRY(store_put(call->txn, &ec2_endpoint_policies, &key, endpoint->PolicyDocument, strlen(endpoint->PolicyDocument)));
  return ec2_put(call, &ec2_endpoints, endpoint);
}

/* The last part of com.amazonaws.<region>.<service>, or NULL. */
static const char *service_of(const Call *call, const char *name) {
  g_autofree char *prefix = g_strdup_printf("com.amazonaws.%s.", call->region);
  return name && g_str_has_prefix(name, prefix) && name[strlen(prefix)] ? name + strlen(prefix) : NULL;
}

enum { POLICY_MAX = 20480 };

static Error *check_policy(Call *call, const char *policy) {
  if (policy && strlen(policy) > POLICY_MAX)
    return error_answer("InvalidPolicyDocument", "The policy document is longer than %d characters", POLICY_MAX);
  return policy ? iam_policy_check(call->arena, policy, TRUE) : NULL;
}

static void add_dns(Call *call, Ec2VpcEndpoint *endpoint, const char *service) {
  const char *names[] = {arena_printf(call->arena, "%s-%s.%s.%s.vpce.amazonaws.com", endpoint->VpcEndpointId, id_hex(call->arena, 8), service, call->region),
                         endpoint->PrivateDnsEnabled.v ? arena_printf(call->arena, "%s.%s.amazonaws.com", service, call->region) : NULL};
  for (gsize i = 0; i < G_N_ELEMENTS(names) && names[i]; i++) {
    Ec2DnsEntry *entry = ARENA_NEW(call->arena, Ec2DnsEntry);
    *entry = (Ec2DnsEntry){.DnsName = names[i], .HostedZoneId = i == 0 ? "Z7HUB22UULQXV" : "ZONEIDPENDING"};
    LIST_APPEND(call->arena, &endpoint->DnsEntries, entry);
  }
}

static Error *add_interface(Call *call, Ec2VpcEndpoint *endpoint, const char *subnet_id) {
  StringList groups = {0};
  Ec2NetworkInterface *eni = NULL;
  const Ec2Subnet *subnet = NULL;
  TRY(ec2_get(call, &ec2_subnets, subnet_id, &subnet));
  if (strcmp(subnet->VpcId, endpoint->VpcId) != 0)
    return error_answer("InvalidParameter", "The subnet ID '%s' does not belong to VPC '%s'", subnet_id, endpoint->VpcId);
  for (gsize i = 0; i < endpoint->SubnetIds.n; i++) {
    const Ec2Subnet *other = NULL;
    TRY(ec2_find(call, &ec2_subnets, endpoint->SubnetIds.v[i], &other));
    if (other && strcmp(other->AvailabilityZone, subnet->AvailabilityZone) == 0)
      return error_answer("DuplicateSubnetsInSameZone", "Found another VPC endpoint subnet in the availability zone of %s. VPC endpoint subnets should be in different availability zones "
                          "supported by the VPC endpoint service.", subnet_id);
  }
  for (gsize i = 0; i < endpoint->Groups.n; i++)
    LIST_APPEND(call->arena, &groups, endpoint->Groups.v[i]->GroupId);
  Ec2EniSpec spec = {.subnet_id = subnet_id, .groups = &groups, .type = "vpc_endpoint", .owner = endpoint->VpcEndpointId,
                     .description = arena_printf(call->arena, "VPC Endpoint Interface %s", endpoint->VpcEndpointId)};
  TRY(ec2_eni_make(call, &spec, &eni));
  LIST_APPEND(call->arena, &endpoint->SubnetIds, subnet_id);
  LIST_APPEND(call->arena, &endpoint->NetworkInterfaceIds, eni->NetworkInterfaceId);
  return NULL;
}

static Error *set_groups(Call *call, Ec2VpcEndpoint *endpoint, const StringList *ids) {
  endpoint->Groups.n = 0;
  for (gsize i = 0; i < ids->n; i++) {
    Ec2SecurityGroup *group = NULL;
    TRY(ec2_get(call, &ec2_security_groups, ids->v[i], &group));
    Ec2SecurityGroupIdentifier *identifier = ARENA_NEW(call->arena, Ec2SecurityGroupIdentifier);
    *identifier = (Ec2SecurityGroupIdentifier){.GroupId = group->GroupId, .GroupName = group->GroupName};
    LIST_APPEND(call->arena, &endpoint->Groups, identifier);
  }
  return NULL;
}

static Error *conflicting_domain(Call *call, const Ec2VpcEndpoint *endpoint) {
  return error_answer("InvalidParameter", "private-dns-enabled cannot be set because there is already a conflicting DNS domain for %s.%s.amazonaws.com in the VPC %s",
                      service_of(call, endpoint->ServiceName), call->region, endpoint->VpcId);
}

/* Nor may a private hosted zone of the VPC have the very name. */
static Error *check_zones(Call *call, const Ec2VpcEndpoint *endpoint) {
  g_autofree char *name = g_strdup_printf("%s.%s.amazonaws.com.", service_of(call, endpoint->ServiceName), call->region);
  Route53ListHostedZonesByVPCInput in = {.VPCId = endpoint->VpcId, .VPCRegion = call->region};
  do {
    Route53ListHostedZonesByVPCOutput out = {0};
    TRY(call_operation(call, &Route53OperationListHostedZonesByVPC, principal_service(call->arena, "vpce", call->account), NULL, &in, &out));
    for (gsize i = 0; i < out.HostedZoneSummaries.n; i++)
      if (g_ascii_strcasecmp(out.HostedZoneSummaries.v[i]->Name, name) == 0)
        return conflicting_domain(call, endpoint);
    in.NextToken = out.NextToken;
  } while (in.NextToken);
  return NULL;
}

/* Only one endpoint of a VPC may answer to a service's private name. */
static Error *check_private_dns(Call *call, const Ec2VpcEndpoint *endpoint) {
  Ec2Records others = {0};
  Ec2VpcAttributes *attributes = NULL;
  TRY(ec2_vpc_attributes_get(call, endpoint->VpcId, &attributes));
  if (!attributes->EnableDnsSupport.v || !attributes->EnableDnsHostnames.v)
    return error_answer("InvalidParameter", "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for %s", endpoint->VpcId);
  TRY(ec2_all(call, &ec2_endpoints, &others));
  for (gsize i = 0; i < others.n; i++) {
    const Ec2VpcEndpoint *other = others.v[i];
    if (strcmp(other->VpcId, endpoint->VpcId) == 0 && strcmp(other->ServiceName, endpoint->ServiceName) == 0 && other->PrivateDnsEnabled.v &&
        strcmp(other->VpcEndpointId, endpoint->VpcEndpointId) != 0)
      return conflicting_domain(call, endpoint);
  }
  return check_zones(call, endpoint);
}

static Error *make_interface(Call *call, const Ec2CreateVpcEndpointInput *in, const char *service, Ec2VpcEndpoint *endpoint) {
  StringList groups = in->SecurityGroupIds;
  Ec2SecurityGroup *group = NULL;
  endpoint->PrivateDnsEnabled = OPT_BOOL(OPT_OR(in->PrivateDnsEnabled, TRUE) && strcmp(service, "dynamodb") != 0);
  endpoint->IpAddressType = "ipv4";
  if (endpoint->PrivateDnsEnabled.v)
    TRY(check_private_dns(call, endpoint));
  if (groups.n == 0) {
    TRY(ec2_default_group(call, in->VpcId, &group));
    LIST_APPEND(call->arena, &groups, group->GroupId);
  }
  TRY(set_groups(call, endpoint, &groups));
  LIST_EMPTY(call->arena, &endpoint->SubnetIds);
  LIST_EMPTY(call->arena, &endpoint->NetworkInterfaceIds);
  for (gsize i = 0; i < in->SubnetIds.n; i++)
    TRY(add_interface(call, endpoint, in->SubnetIds.v[i]));
  add_dns(call, endpoint, service);
  return NULL;
}

static Error *make_gateway(Call *call, const Ec2CreateVpcEndpointInput *in, const char *service, Ec2VpcEndpoint *endpoint) {
  if (!ec2_endpoint_service_known(service, TRUE))
    return error_answer("InvalidParameter", "The Vpc Endpoint Service '%s' does not support type Gateway", in->ServiceName);
  if (in->SubnetIds.n || in->SecurityGroupIds.n)
    return error_answer("InvalidParameter", "Subnet IDs and security groups are not supported for Gateway endpoints");
  endpoint->PrivateDnsEnabled = OPT_BOOL(FALSE);
  endpoint->RouteTableIds = in->RouteTableIds;
  LIST_EMPTY(call->arena, &endpoint->RouteTableIds);
  return ec2_endpoint_routes(call, endpoint, &in->RouteTableIds, TRUE);
}

OPERATION(CreateVpcEndpoint, create_vpc_endpoint, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_vpc_endpoint(Call *call, const Ec2CreateVpcEndpointInput *in, Ec2CreateVpcEndpointOutput *ret_out) {
  const Ec2Vpc *vpc = NULL;
  const char *service = service_of(call, in->ServiceName), *type = in->VpcEndpointType ? in->VpcEndpointType : "Gateway";
  TRY(ec2_get(call, &ec2_vpcs, in->VpcId, &vpc));
  gboolean seen = FALSE;
  TRY(ec2_token_seen(call, in, ret_out, &seen));
  if (seen)
    return NULL;
  if (!service || !(ec2_endpoint_service_known(service, TRUE) || ec2_endpoint_service_known(service, FALSE)))
    return error_answer("InvalidServiceName", "The Vpc Endpoint Service '%s' does not exist", in->ServiceName ? in->ServiceName : "");
  if (in->IpAddressType && strcmp(in->IpAddressType, "ipv4") != 0)
    return error_answer("UnsupportedOperation", "haar's endpoints have IPv4 addresses.");
  TRY(check_policy(call, in->PolicyDocument));
  TRY(ec2_quota(call, &ec2_endpoints, in->VpcId));
  Ec2VpcEndpoint *endpoint = ARENA_NEW(call->arena, Ec2VpcEndpoint);
  *endpoint = (Ec2VpcEndpoint){
    .VpcEndpointId = id_resource(call->arena, "vpce"), .VpcEndpointType = type, .VpcId = in->VpcId, .ServiceName = in->ServiceName, .State = "available",
    .PolicyDocument = in->PolicyDocument ? in->PolicyDocument : full_access, .RequesterManaged = OPT_BOOL(FALSE), .CreationTimestamp = OPT_TIME(call->now),
    .OwnerId = call->account, .Tags = ec2_tags(call, &in->TagSpecifications, "vpc-endpoint")};
  if (strcmp(type, "Interface") == 0)
    TRY(make_interface(call, in, service, endpoint));
  else if (strcmp(type, "Gateway") == 0)
    TRY(make_gateway(call, in, service, endpoint));
  else
    return error_answer("UnsupportedOperation", "haar has gateway and interface endpoints, not %s ones.", type);
  TRY(put_endpoint(call, endpoint));
  ret_out->VpcEndpoint = endpoint;
  ret_out->ClientToken = in->ClientToken;
  ec2_changed(call, in->VpcId);
  return ec2_token_keep(call, in, ret_out);
}

static Error *drop_interface(Call *call, const char *eni_id) {
  const Ec2NetworkInterface *eni = NULL;
  TRY(ec2_find(call, &ec2_interfaces, eni_id, &eni));
  return eni ? ec2_eni_delete(call, eni) : NULL;
}

static Error *delete_one(Call *call, const char *id) {
  Ec2VpcEndpoint *endpoint = NULL;
  TRY(ec2_get(call, &ec2_endpoints, id, &endpoint));
  TRY(ec2_endpoint_routes(call, endpoint, &endpoint->RouteTableIds, FALSE));
  for (gsize i = 0; i < endpoint->NetworkInterfaceIds.n; i++)
    TRY(drop_interface(call, endpoint->NetworkInterfaceIds.v[i]));
  Key key;
  key_strings(&key, id, NULL);
  TRY(store_delete(call->txn, &ec2_endpoint_policies, &key, NULL));
  TRY(ec2_delete(call, &ec2_endpoints, id));
  ec2_changed(call, endpoint->VpcId);
  return NULL;
}

OPERATION(DeleteVpcEndpoints, delete_vpc_endpoints, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_vpc_endpoints(Call *call, const Ec2DeleteVpcEndpointsInput *in, Ec2DeleteVpcEndpointsOutput *ret_out) {
  LIST_EMPTY(call->arena, &ret_out->Unsuccessful);
  for (gsize i = 0; i < in->VpcEndpointIds.n; i++) {
    g_autoptr(Error) error = delete_one(call, in->VpcEndpointIds.v[i]);
    if (error && !error_is(error, "InvalidVpcEndpointId.NotFound"))
      return g_steal_pointer(&error);
    if (!error)
      continue;
    Ec2UnsuccessfulItem *item = ARENA_NEW(call->arena, Ec2UnsuccessfulItem);
    item->ResourceId = in->VpcEndpointIds.v[i];
    item->Error = ARENA_NEW(call->arena, Ec2UnsuccessfulItemError);
    *item->Error = (Ec2UnsuccessfulItemError){.Code = "InvalidVpcEndpoint.NotFound", .Message = arena_strdup(call->arena, error->message)};
    LIST_APPEND(call->arena, &ret_out->Unsuccessful, item);
  }
  return NULL;
}

OPERATION(DescribeVpcEndpoints, describe_vpc_endpoints, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_vpc_endpoints(Call *call, const Ec2DescribeVpcEndpointsInput *in, Ec2DescribeVpcEndpointsOutput *ret_out) {
  return ec2_describe(call, &(Ec2Describe){&ec2_endpoints, &in->VpcEndpointIds, &in->Filters, in->MaxResults, in->NextToken, "vpcEndpointIds", NULL}, &ret_out->VpcEndpoints, &ret_out->NextToken);
}

static void list_remove(StringList *list, const char *text) {
  for (gsize i = 0; i < list->n; i++)
    if (strcmp(list->v[i], text) == 0) {
      memmove(&list->v[i], &list->v[i + 1], (list->n - i - 1) * sizeof *list->v);
      list->n--;
      return;
    }
}

static Error *modify_routes(Call *call, const Ec2ModifyVpcEndpointInput *in, Ec2VpcEndpoint *endpoint) {
  TRY(ec2_endpoint_routes(call, endpoint, &in->RemoveRouteTableIds, FALSE));
  TRY(ec2_endpoint_routes(call, endpoint, &in->AddRouteTableIds, TRUE));
  for (gsize i = 0; i < in->RemoveRouteTableIds.n; i++)
    list_remove(&endpoint->RouteTableIds, in->RemoveRouteTableIds.v[i]);
  for (gsize i = 0; i < in->AddRouteTableIds.n; i++)
    LIST_APPEND(call->arena, &endpoint->RouteTableIds, in->AddRouteTableIds.v[i]);
  return NULL;
}

static Error *modify_subnets(Call *call, const Ec2ModifyVpcEndpointInput *in, Ec2VpcEndpoint *endpoint) {
  for (gsize i = 0; i < in->RemoveSubnetIds.n; i++)
    for (gsize j = 0; j < endpoint->NetworkInterfaceIds.n; j++) {
      const Ec2NetworkInterface *eni = NULL;
      TRY(ec2_find(call, &ec2_interfaces, endpoint->NetworkInterfaceIds.v[j], &eni));
      if (!eni || strcmp(eni->SubnetId, in->RemoveSubnetIds.v[i]) != 0)
        continue;
      TRY(ec2_eni_delete(call, eni));
      list_remove(&endpoint->NetworkInterfaceIds, eni->NetworkInterfaceId);
      list_remove(&endpoint->SubnetIds, in->RemoveSubnetIds.v[i]);
    }
  for (gsize i = 0; i < in->AddSubnetIds.n; i++)
    TRY(add_interface(call, endpoint, in->AddSubnetIds.v[i]));
  return NULL;
}

/* The endpoint's groups are its interfaces' groups. */
static Error *modify_groups(Call *call, const Ec2ModifyVpcEndpointInput *in, Ec2VpcEndpoint *endpoint) {
  StringList groups = {0};
  if (!in->AddSecurityGroupIds.n && !in->RemoveSecurityGroupIds.n)
    return NULL;
  for (gsize i = 0; i < endpoint->Groups.n; i++)
    LIST_APPEND(call->arena, &groups, endpoint->Groups.v[i]->GroupId);
  for (gsize i = 0; i < in->RemoveSecurityGroupIds.n; i++)
    list_remove(&groups, in->RemoveSecurityGroupIds.v[i]);
  for (gsize i = 0; i < in->AddSecurityGroupIds.n; i++)
    if (!string_list_has(&groups, in->AddSecurityGroupIds.v[i]))
      LIST_APPEND(call->arena, &groups, in->AddSecurityGroupIds.v[i]);
  TRY(set_groups(call, endpoint, &groups));
  for (gsize i = 0; i < endpoint->NetworkInterfaceIds.n; i++) {
    Ec2NetworkInterface *eni = NULL;
    TRY(ec2_get(call, &ec2_interfaces, endpoint->NetworkInterfaceIds.v[i], &eni));
    eni->Groups.n = 0;
    for (gsize j = 0; j < endpoint->Groups.n; j++) {
      Ec2GroupIdentifier *identifier = ARENA_NEW(call->arena, Ec2GroupIdentifier);
      *identifier = (Ec2GroupIdentifier){.GroupId = endpoint->Groups.v[j]->GroupId, .GroupName = endpoint->Groups.v[j]->GroupName};
      LIST_APPEND(call->arena, &eni->Groups, identifier);
    }
    TRY(ec2_eni_put(call, eni));
  }
  return NULL;
}

/* Routes are a gateway endpoint's, subnets and groups an interface endpoint's. */
static Error *check_modify(const Ec2ModifyVpcEndpointInput *in, const Ec2VpcEndpoint *endpoint) {
  gboolean gateway = strcmp(endpoint->VpcEndpointType, "Gateway") == 0;
  if (in->IpAddressType && strcmp(in->IpAddressType, "ipv4") != 0)
    return error_answer("UnsupportedOperation", "haar's endpoints have IPv4 addresses.");
  if (gateway && (in->AddSubnetIds.n || in->RemoveSubnetIds.n || in->AddSecurityGroupIds.n || in->RemoveSecurityGroupIds.n || in->PrivateDnsEnabled.v))
    return error_answer("InvalidParameter", "Subnets, security groups and private DNS cannot be modified for a Gateway endpoint: %s", in->VpcEndpointId);
  if (!gateway && (in->AddRouteTableIds.n || in->RemoveRouteTableIds.n))
    return error_answer("InvalidParameter", "Route tables cannot be modified for an Interface endpoint: %s", in->VpcEndpointId);
  if (in->ResetPolicy.v && in->PolicyDocument)
    return error_answer("InvalidParameterCombination", "PolicyDocument and ResetPolicy cannot be specified together");
  for (gsize i = 0; i < in->RemoveSubnetIds.n; i++)
    if (!string_list_has(&endpoint->SubnetIds, in->RemoveSubnetIds.v[i]))
      return error_answer("InvalidSubnetId.NotFound", "The subnet '%s' is not associated with the endpoint %s", in->RemoveSubnetIds.v[i], in->VpcEndpointId);
  return NULL;
}

OPERATION(ModifyVpcEndpoint, modify_vpc_endpoint, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *modify_vpc_endpoint(Call *call, const Ec2ModifyVpcEndpointInput *in, Ec2ModifyVpcEndpointOutput *ret_out) {
  Ec2VpcEndpoint *endpoint = NULL;
  TRY(ec2_get(call, &ec2_endpoints, in->VpcEndpointId, &endpoint));
  TRY(check_modify(in, endpoint));
  TRY(check_policy(call, in->PolicyDocument));
  endpoint->PolicyDocument = in->ResetPolicy.v ? full_access : in->PolicyDocument ? in->PolicyDocument : endpoint->PolicyDocument;
  TRY(modify_routes(call, in, endpoint));
  TRY(modify_groups(call, in, endpoint));
  TRY(modify_subnets(call, in, endpoint));
  if (in->PrivateDnsEnabled.set) {
    endpoint->PrivateDnsEnabled = in->PrivateDnsEnabled;
    if (in->PrivateDnsEnabled.v)
      TRY(check_private_dns(call, endpoint));
    endpoint->DnsEntries.n = 0;
    add_dns(call, endpoint, service_of(call, endpoint->ServiceName));
  }
  TRY(put_endpoint(call, endpoint));
  ret_out->Return = OPT_BOOL(TRUE);
  ec2_changed_now(call, endpoint->VpcId);
  return NULL;
}
