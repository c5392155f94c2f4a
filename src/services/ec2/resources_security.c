/* AWS::EC2::SecurityGroup, SecurityGroupIngress, SecurityGroupEgress, VPCEndpoint.
 *
 * A group that names no egress keeps the rule that allows all; one that names some has only those. A standalone egress rule takes the
 * default rule away. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroup.html */
#include "services/ec2/ec2.h"
#include "services/ec2/resources.h"

#include <string.h>

#define RUN(Name, in, out) resource_operation(rc, &Ec2Operation##Name, (in), (out))

static const char *member(const Json *rule, const char *name) {
  const Json *value = json_get(rule, name);
  return value && (value->type == JSON_STRING || value->type == JSON_NUMBER) ? value->text : NULL;
}

static OptInt number(const Json *rule, const char *name) {
  gint64 value = 0;
  const char *text = member(rule, name);
  return text && g_ascii_string_to_signed(text, 10, -1, 65535, &value, NULL) ? OPT_INT(value) : (OptInt){0};
}

/* A rule of the template as a permission with one peer. NULL: it names no peer. */
static Ec2IpPermission *permission(ResourceCall *rc, const Json *rule, gboolean egress) {
  Arena *arena = rc->call->arena;
  Ec2IpPermission *p = ARENA_NEW(arena, Ec2IpPermission);
  const char *description = member(rule, "Description"), *cidr = member(rule, "CidrIp"), *cidr6 = member(rule, "CidrIpv6");
  const char *group = member(rule, egress ? "DestinationSecurityGroupId" : "SourceSecurityGroupId"), *group_name = egress ? NULL : member(rule, "SourceSecurityGroupName");
  const char *list = member(rule, egress ? "DestinationPrefixListId" : "SourcePrefixListId");
  *p = (Ec2IpPermission){.IpProtocol = member(rule, "IpProtocol"), .FromPort = number(rule, "FromPort"), .ToPort = number(rule, "ToPort")};
  if (cidr) {
    Ec2IpRange *range = ARENA_NEW(arena, Ec2IpRange);
    *range = (Ec2IpRange){.CidrIp = cidr, .Description = description};
    LIST_APPEND(arena, &p->IpRanges, range);
  } else if (cidr6) {
    Ec2Ipv6Range *range = ARENA_NEW(arena, Ec2Ipv6Range);
    *range = (Ec2Ipv6Range){.CidrIpv6 = cidr6, .Description = description};
    LIST_APPEND(arena, &p->Ipv6Ranges, range);
  } else if (list) {
    Ec2PrefixListId *prefix_list = ARENA_NEW(arena, Ec2PrefixListId);
    *prefix_list = (Ec2PrefixListId){.PrefixListId = list, .Description = description};
    LIST_APPEND(arena, &p->PrefixListIds, prefix_list);
  } else if (group || group_name) {
    Ec2UserIdGroupPair *pair = ARENA_NEW(arena, Ec2UserIdGroupPair);
    *pair = (Ec2UserIdGroupPair){.GroupId = group, .GroupName = group_name, .Description = description};
    LIST_APPEND(arena, &p->UserIdGroupPairs, pair);
  } else {
    return NULL;
  }
  return p;
}

/* Adds a rule; its tags say that a template made it. *ret_id may be NULL. */
static Error *add_rule(ResourceCall *rc, const char *group, const Json *rule, gboolean egress, const char **ret_id) {
  Ec2IpPermission *p = permission(rc, rule, egress);
  Ec2IpPermissionList list = {0};
  Ec2SecurityGroupRuleList made = {0};
  if (!p)
    return NULL;
  LIST_APPEND(rc->call->arena, &list, p);
  if (egress) {
    Ec2AuthorizeSecurityGroupEgressInput in = {.GroupId = group, .IpPermissions = list, .TagSpecifications = ec2_resource_tags(rc, "security-group-rule")};
    Ec2AuthorizeSecurityGroupEgressOutput out = {0};
    TRY(RUN(AuthorizeSecurityGroupEgress, &in, &out));
    made = out.SecurityGroupRules;
  } else {
    Ec2AuthorizeSecurityGroupIngressInput in = {.GroupId = group, .IpPermissions = list, .TagSpecifications = ec2_resource_tags(rc, "security-group-rule")};
    Ec2AuthorizeSecurityGroupIngressOutput out = {0};
    TRY(RUN(AuthorizeSecurityGroupIngress, &in, &out));
    made = out.SecurityGroupRules;
  }
  if (ret_id && made.n)
    *ret_id = made.v[0]->SecurityGroupRuleId;
  return NULL;
}

static Error *remove_rule(ResourceCall *rc, const char *group, const Json *rule, gboolean egress) {
  Ec2IpPermission *p = permission(rc, rule, egress);
  Ec2IpPermissionList list = {0};
  if (!p)
    return NULL;
  LIST_APPEND(rc->call->arena, &list, p);
  if (egress)
    return ec2_gone_is_good(RUN(RevokeSecurityGroupEgress, &((Ec2RevokeSecurityGroupEgressInput){.GroupId = group, .IpPermissions = list}), &(Ec2RevokeSecurityGroupEgressOutput){0}));
  return ec2_gone_is_good(RUN(RevokeSecurityGroupIngress, &((Ec2RevokeSecurityGroupIngressInput){.GroupId = group, .IpPermissions = list}), &(Ec2RevokeSecurityGroupIngressOutput){0}));
}

/* The rule that a new group has: it allows all out, and no template made it. */
static Error *remove_default_egress(ResourceCall *rc, const char *group) {
  Ec2DescribeSecurityGroupRulesInput in = {0};
  Ec2DescribeSecurityGroupRulesOutput out = {0};
  Ec2Filter by_group = {.Name = "group-id"};
  LIST_APPEND(rc->call->arena, &by_group.Values, group);
  Ec2Filter *filter = &by_group;
  LIST_APPEND(rc->call->arena, &in.Filters, filter);
  TRY(RUN(DescribeSecurityGroupRules, &in, &out));
  for (gsize i = 0; i < out.SecurityGroupRules.n; i++) {
    const Ec2SecurityGroupRule *rule = out.SecurityGroupRules.v[i];
    if (!rule->IsEgress.v || strcmp(rule->IpProtocol, "-1") != 0 || g_strcmp0(rule->CidrIpv4, "0.0.0.0/0") != 0 || rule->Tags.n || rule->Description)
      continue;
    Ec2RevokeSecurityGroupEgressInput revoke = {.GroupId = group};
    LIST_APPEND(rc->call->arena, &revoke.SecurityGroupRuleIds, rule->SecurityGroupRuleId);
    TRY(RUN(RevokeSecurityGroupEgress, &revoke, &(Ec2RevokeSecurityGroupEgressOutput){0}));
  }
  return NULL;
}

static gboolean has_equal(const Json *list, const Json *rule) {
  for (guint32 i = 0; list && list->type == JSON_ARRAY && i < list->n; i++)
    if (json_equal(list->items[i], rule))
      return TRUE;
  return FALSE;
}

/* Rules that are gone are taken away first, then new ones are added: as CloudFormation does, there is a moment with neither. */
static Error *change_rules(ResourceCall *rc, const char *group, const char *name, gboolean egress) {
  const Json *old = json_get(rc->old_properties, name), *new = json_get(rc->properties, name);
  for (guint32 i = 0; old && old->type == JSON_ARRAY && i < old->n; i++)
    if (!has_equal(new, old->items[i]))
      TRY(remove_rule(rc, group, old->items[i], egress));
  for (guint32 i = 0; new && new->type == JSON_ARRAY && i < new->n; i++)
    if (!has_equal(old, new->items[i]))
      TRY(add_rule(rc, group, new->items[i], egress, NULL));
  return NULL;
}

static gboolean names_egress(const Json *properties) {
  const Json *egress = json_get(properties, "SecurityGroupEgress");
  return egress && egress->type == JSON_ARRAY && egress->n > 0;
}

static Error *create_group(ResourceCall *rc, ResourceResult *ret) {
  const char *name = property_text(rc, "GroupName");
  Ec2CreateSecurityGroupInput in = {.GroupName = name ? name : resource_name(rc, 255, FALSE), .Description = property_text(rc, "GroupDescription"), .VpcId = property_text(rc, "VpcId"),
                                    .TagSpecifications = ec2_resource_tags(rc, "security-group")};
  Ec2CreateSecurityGroupOutput out = {0};
  TRY(RUN(CreateSecurityGroup, &in, &out));
  ret->physical_id = out.GroupId;
  resource_made(rc, out.GroupId);
  resource_attribute(rc, ret, "GroupId", out.GroupId);
  resource_attribute(rc, ret, "Id", out.GroupId);
  resource_attribute(rc, ret, "VpcId", in.VpcId);
  if (names_egress(rc->properties))
    TRY(remove_default_egress(rc, out.GroupId));
  TRY(change_rules(rc, out.GroupId, "SecurityGroupIngress", FALSE));
  return change_rules(rc, out.GroupId, "SecurityGroupEgress", TRUE);
}

/* The rule that remove_default_egress took away comes back when an update is undone. Taking egress rules out of a template brings nothing
 * back, as AWS documents. */
static Error *restore_default_egress(ResourceCall *rc, const char *group) {
  Ec2IpRange all = {.CidrIp = "0.0.0.0/0"}, *range = &all;
  Ec2IpPermission permission = {.IpProtocol = "-1"}, *one = &permission;
  Ec2AuthorizeSecurityGroupEgressInput in = {.GroupId = group};
  LIST_APPEND(rc->call->arena, &permission.IpRanges, range);
  LIST_APPEND(rc->call->arena, &in.IpPermissions, one);
  g_autoptr(Error) error = RUN(AuthorizeSecurityGroupEgress, &in, &(Ec2AuthorizeSecurityGroupEgressOutput){0});
  return error_is(error, "InvalidPermission.Duplicate") ? NULL : g_steal_pointer(&error);
}

static Error *update_group(ResourceCall *rc, ResourceResult *ret) {
  if (names_egress(rc->properties) && !names_egress(rc->old_properties))
    TRY(remove_default_egress(rc, rc->physical_id));
  TRY(change_rules(rc, rc->physical_id, "SecurityGroupIngress", FALSE));
  TRY(change_rules(rc, rc->physical_id, "SecurityGroupEgress", TRUE));
  if (rc->rolling_back && names_egress(rc->old_properties) && !names_egress(rc->properties))
    TRY(restore_default_egress(rc, rc->physical_id));
  return ec2_update_tags(rc, rc->physical_id);
}

static Error *delete_group(ResourceCall *rc) {
  return ec2_gone_is_good(RUN(DeleteSecurityGroup, &((Ec2DeleteSecurityGroupInput){.GroupId = rc->physical_id}), &(Ec2DeleteSecurityGroupOutput){0}));
}

RESOURCE(AWS::EC2::SecurityGroup, ec2_security_group, .create = create_group, .update = update_group, .delete = delete_group)

static Error *create_rule(ResourceCall *rc, ResourceResult *ret, gboolean egress) {
  const char *id = resource_name(rc, 255, FALSE);
  if (egress)
    TRY(remove_default_egress(rc, property_text(rc, "GroupId")));
  TRY(add_rule(rc, property_text(rc, "GroupId"), rc->properties, egress, &id));
  ret->physical_id = id;
  resource_attribute(rc, ret, "Id", ret->physical_id);
  return NULL;
}

static Error *create_ingress(ResourceCall *rc, ResourceResult *ret) { return create_rule(rc, ret, FALSE); }
static Error *create_egress(ResourceCall *rc, ResourceResult *ret) { return create_rule(rc, ret, TRUE); }
static Error *delete_ingress(ResourceCall *rc) { return remove_rule(rc, property_text(rc, "GroupId"), rc->properties, FALSE); }
static Error *delete_egress(ResourceCall *rc) { return remove_rule(rc, property_text(rc, "GroupId"), rc->properties, TRUE); }

/* Only the description changes in place. */
static Error *update_ingress(ResourceCall *rc, ResourceResult *ret) {
  Ec2SecurityGroupRuleDescription description = {.SecurityGroupRuleId = rc->physical_id, .Description = property_text(rc, "Description")}, *one = &description;
  Ec2UpdateSecurityGroupRuleDescriptionsIngressInput in = {.GroupId = property_text(rc, "GroupId")};
  LIST_APPEND(rc->call->arena, &in.SecurityGroupRuleDescriptions, one);
  return RUN(UpdateSecurityGroupRuleDescriptionsIngress, &in, &(Ec2UpdateSecurityGroupRuleDescriptionsIngressOutput){0});
}

static Error *update_egress(ResourceCall *rc, ResourceResult *ret) {
  Ec2SecurityGroupRuleDescription description = {.SecurityGroupRuleId = rc->physical_id, .Description = property_text(rc, "Description")}, *one = &description;
  Ec2UpdateSecurityGroupRuleDescriptionsEgressInput in = {.GroupId = property_text(rc, "GroupId")};
  LIST_APPEND(rc->call->arena, &in.SecurityGroupRuleDescriptions, one);
  return RUN(UpdateSecurityGroupRuleDescriptionsEgress, &in, &(Ec2UpdateSecurityGroupRuleDescriptionsEgressOutput){0});
}

RESOURCE(AWS::EC2::SecurityGroupIngress, ec2_security_group_ingress, .create = create_ingress, .update = update_ingress, .delete = delete_ingress)
RESOURCE(AWS::EC2::SecurityGroupEgress, ec2_security_group_egress, .create = create_egress, .update = update_egress, .delete = delete_egress)

/* --- VPC endpoints --- */

static void endpoint_results(ResourceCall *rc, const Ec2VpcEndpoint *endpoint, ResourceResult *ret) {
  StringList names = {0};
  for (gsize i = 0; i < endpoint->DnsEntries.n; i++)
    LIST_APPEND(rc->call->arena, &names, arena_printf(rc->call->arena, "%s:%s", endpoint->DnsEntries.v[i]->HostedZoneId, endpoint->DnsEntries.v[i]->DnsName));
  resource_attribute(rc, ret, "Id", endpoint->VpcEndpointId);
  resource_attribute(rc, ret, "CreationTimestamp", text_iso8601(rc->call->arena, endpoint->CreationTimestamp.ms, FALSE));
  ec2_attribute_list(rc, ret, "DnsEntries", &names);
  ec2_attribute_list(rc, ret, "NetworkInterfaceIds", &endpoint->NetworkInterfaceIds);
}

static Error *create_endpoint(ResourceCall *rc, ResourceResult *ret) {
  const char *type = property_text(rc, "VpcEndpointType");
  gboolean interface = g_strcmp0(type, "Interface") == 0;
  Ec2CreateVpcEndpointInput in = {
    .VpcEndpointType = type, .VpcId = property_text(rc, "VpcId"), .ServiceName = property_text(rc, "ServiceName"), .PolicyDocument = property_document(rc, "PolicyDocument"),
    .RouteTableIds = ec2_property_list(rc, rc->properties, "RouteTableIds"), .SubnetIds = ec2_property_list(rc, rc->properties, "SubnetIds"),
    .SecurityGroupIds = ec2_property_list(rc, rc->properties, "SecurityGroupIds"), .TagSpecifications = ec2_resource_tags(rc, "vpc-endpoint")};
  if (interface)   /* unlike the API, CloudFormation's default is no private DNS */
    in.PrivateDnsEnabled = OPT_BOOL(property_bool(rc, "PrivateDnsEnabled", FALSE));
  Ec2CreateVpcEndpointOutput out = {0};
  TRY(RUN(CreateVpcEndpoint, &in, &out));
  ret->physical_id = out.VpcEndpoint->VpcEndpointId;
  endpoint_results(rc, out.VpcEndpoint, ret);
  return NULL;
}

/* What is in a and not in b. */
static StringList difference(ResourceCall *rc, const char *name, gboolean added) {
  StringList now = ec2_property_list(rc, rc->properties, name), before = ec2_property_list(rc, rc->old_properties, name), out = {0};
  const StringList *a = added ? &now : &before, *b = added ? &before : &now;
  for (gsize i = 0; i < a->n; i++)
    if (!string_list_has(b, a->v[i]))
      LIST_APPEND(rc->call->arena, &out, a->v[i]);
  return out;
}

static Error *update_endpoint(ResourceCall *rc, ResourceResult *ret) {
  Ec2ModifyVpcEndpointInput in = {
    .VpcEndpointId = rc->physical_id, .PolicyDocument = property_document(rc, "PolicyDocument"), .ResetPolicy = OPT_BOOL(property_document(rc, "PolicyDocument") == NULL),
    .AddRouteTableIds = difference(rc, "RouteTableIds", TRUE), .RemoveRouteTableIds = difference(rc, "RouteTableIds", FALSE),
    .AddSubnetIds = difference(rc, "SubnetIds", TRUE), .RemoveSubnetIds = difference(rc, "SubnetIds", FALSE),
    .AddSecurityGroupIds = difference(rc, "SecurityGroupIds", TRUE), .RemoveSecurityGroupIds = difference(rc, "SecurityGroupIds", FALSE)};
  Ec2DescribeVpcEndpointsInput which = {0};
  Ec2DescribeVpcEndpointsOutput out = {0};
  if (property_changed(rc, "PrivateDnsEnabled"))
    in.PrivateDnsEnabled = OPT_BOOL(property_bool(rc, "PrivateDnsEnabled", FALSE));
  TRY(RUN(ModifyVpcEndpoint, &in, &(Ec2ModifyVpcEndpointOutput){0}));
  LIST_APPEND(rc->call->arena, &which.VpcEndpointIds, rc->physical_id);
  TRY(RUN(DescribeVpcEndpoints, &which, &out));
  endpoint_results(rc, out.VpcEndpoints.v[0], ret);
  return ec2_update_tags(rc, rc->physical_id);
}

static Error *delete_endpoint(ResourceCall *rc) {
  Ec2DeleteVpcEndpointsInput in = {0};
  LIST_APPEND(rc->call->arena, &in.VpcEndpointIds, rc->physical_id);
  return RUN(DeleteVpcEndpoints, &in, &(Ec2DeleteVpcEndpointsOutput){0});
}

RESOURCE(AWS::EC2::VPCEndpoint, ec2_vpc_endpoint, .create = create_endpoint, .update = update_endpoint, .delete = delete_endpoint, .no_effect = "DnsOptions IpAddressType")
