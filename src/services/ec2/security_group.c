/* security_group: groups, and which interfaces are in them. Their rules are in security_group_rule.c.
 * https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html */
#include "services/ec2/ec2.h"

#include <string.h>

static const Ec2Path filters[] = {
  {"group-id", "GroupId"}, {"group-name", "GroupName"}, {"vpc-id", "VpcId"}, {"description", "Description"}, {"owner-id", "OwnerId"},
  {"ip-permission.cidr", "IpPermissions.IpRanges.CidrIp"}, {"ip-permission.ipv6-cidr", "IpPermissions.Ipv6Ranges.CidrIpv6"},
  {"ip-permission.from-port", "IpPermissions.FromPort"}, {"ip-permission.to-port", "IpPermissions.ToPort"},
  {"ip-permission.protocol", "IpPermissions.IpProtocol"}, {"ip-permission.group-id", "IpPermissions.UserIdGroupPairs.GroupId"},
  {"ip-permission.group-name", "IpPermissions.UserIdGroupPairs.GroupName"}, {"ip-permission.user-id", "IpPermissions.UserIdGroupPairs.UserId"},
  {"ip-permission.prefix-list-id", "IpPermissions.PrefixListIds.PrefixListId"}, {"egress.ip-permission.cidr", "IpPermissionsEgress.IpRanges.CidrIp"},
  {"egress.ip-permission.ipv6-cidr", "IpPermissionsEgress.Ipv6Ranges.CidrIpv6"}, {"egress.ip-permission.from-port", "IpPermissionsEgress.FromPort"},
  {"egress.ip-permission.to-port", "IpPermissionsEgress.ToPort"}, {"egress.ip-permission.protocol", "IpPermissionsEgress.IpProtocol"},
  {"egress.ip-permission.group-id", "IpPermissionsEgress.UserIdGroupPairs.GroupId"},
  {"egress.ip-permission.group-name", "IpPermissionsEgress.UserIdGroupPairs.GroupName"},
  {"egress.ip-permission.user-id", "IpPermissionsEgress.UserIdGroupPairs.UserId"},
  {"egress.ip-permission.prefix-list-id", "IpPermissionsEgress.PrefixListIds.PrefixListId"}, {NULL, NULL},
};
const Ec2Kind ec2_security_groups = {.type = "security-group", .prefix = "sg", .table = {"ec2.security_group"}, EC2_KIND(SecurityGroup, GroupId, Tags),
  .malformed = "InvalidGroupId.Malformed", .not_found = "InvalidGroup.NotFound",
  .not_found_text = "The security group '%s' does not exist", .filters = filters};

static Error *add_rule(Call *call, const char *group_id, gboolean egress, const char *cidr, const char *cidr6, const char *peer_group) {
  Ec2SecurityGroupRule *rule = ARENA_NEW(call->arena, Ec2SecurityGroupRule);
  *rule = (Ec2SecurityGroupRule){.SecurityGroupRuleId = id_resource(call->arena, "sgr"), .GroupId = group_id, .GroupOwnerId = call->account,
                                 .IsEgress = OPT_BOOL(egress), .IpProtocol = "-1", .FromPort = OPT_INT(-1), .ToPort = OPT_INT(-1), .CidrIpv4 = cidr, .CidrIpv6 = cidr6};
  if (peer_group) {
    rule->ReferencedGroupInfo = ARENA_NEW(call->arena, Ec2ReferencedSecurityGroup);
    *rule->ReferencedGroupInfo = (Ec2ReferencedSecurityGroup){.GroupId = peer_group, .UserId = call->account};
  }
  return ec2_put(call, &ec2_rules, rule);
}

Error *ec2_group_make(Call *call, const char *vpc_id, const char *name, const char *description, Ec2TagList tags, Ec2SecurityGroup **ret_group) {
  const Ec2Vpc *vpc = NULL;
  Ec2SecurityGroup *group = ARENA_NEW(call->arena, Ec2SecurityGroup);
  *group = (Ec2SecurityGroup){.GroupId = id_resource(call->arena, "sg"), .GroupName = name, .Description = description, .VpcId = vpc_id,
                              .OwnerId = call->account, .Tags = tags};
  TRY(ec2_put(call, &ec2_security_groups, group));
  TRY(add_rule(call, group->GroupId, TRUE, "0.0.0.0/0", NULL, NULL));
  TRY(ec2_find(call, &ec2_vpcs, vpc_id, &vpc));
  if (vpc && vpc->Ipv6CidrBlockAssociationSet.n)
    TRY(add_rule(call, group->GroupId, TRUE, NULL, "::/0", NULL));
  if (strcmp(name, "default") == 0)
    TRY(add_rule(call, group->GroupId, FALSE, NULL, NULL, group->GroupId));
  *ret_group = group;
  return NULL;
}

Error *ec2_groups_open_ipv6(Call *call, const char *vpc_id) {
  Ec2Records groups = {0}, rules = {0};
  TRY(ec2_all(call, &ec2_security_groups, &groups));
  for (gsize i = 0; i < groups.n; i++) {
    const Ec2SecurityGroup *group = groups.v[i];
    gboolean all_out = FALSE, all_out6 = FALSE;
    if (strcmp(group->VpcId, vpc_id) != 0)
      continue;
    TRY(ec2_rules_of(call, group->GroupId, &rules));
    for (gsize j = 0; j < rules.n; j++) {
      const Ec2SecurityGroupRule *rule = rules.v[j];
      gboolean all = rule->IsEgress.v && strcmp(rule->IpProtocol, "-1") == 0;
      all_out = all_out || (all && g_strcmp0(rule->CidrIpv4, "0.0.0.0/0") == 0);
      all_out6 = all_out6 || (all && g_strcmp0(rule->CidrIpv6, "::/0") == 0);
    }
    if (all_out && !all_out6)
      TRY(add_rule(call, group->GroupId, TRUE, NULL, "::/0", NULL));
  }
  return NULL;
}

static Error *find_named(Call *call, const char *vpc_id, const char *name, Ec2SecurityGroup **ret_group) {
  Ec2Records groups = {0};
  TRY(ec2_all(call, &ec2_security_groups, &groups));
  *ret_group = NULL;
  for (gsize i = 0; i < groups.n; i++) {
    Ec2SecurityGroup *group = groups.v[i];
    if (strcmp(group->VpcId, vpc_id) == 0 && strcmp(group->GroupName, name) == 0)
      *ret_group = group;
  }
  return NULL;
}

Error *ec2_default_group(Call *call, const char *vpc_id, Ec2SecurityGroup **ret_group) {
  TRY(find_named(call, vpc_id, "default", ret_group));
  return *ret_group ? NULL : error_fault("VPC %s has no default security group", vpc_id);
}

Error *ec2_group_given(Call *call, const char *id, const char *name, const Ec2SecurityGroup **ret_group) {
  const Ec2Vpc *vpc = NULL;
  Ec2SecurityGroup *group = NULL;
  if (id)
    return ec2_get(call, &ec2_security_groups, id, ret_group);
  if (!name)
    return error_answer("MissingParameter", "The request must contain the parameter groupName or groupId");
  TRY(ec2_default_vpc(call, &vpc));
  if (vpc)
    TRY(find_named(call, vpc->VpcId, name, &group));
  if (!group)
    return error_answer("InvalidGroup.NotFound", "The security group '%s' does not exist%s%s", name, vpc ? " in default VPC " : "", vpc ? vpc->VpcId : "");
  *ret_group = group;
  return NULL;
}

OPERATION(CreateSecurityGroup, create_security_group, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_security_group(Call *call, const Ec2CreateSecurityGroupInput *in, Ec2CreateSecurityGroupOutput *ret_out) {
  const Ec2Vpc *vpc = NULL;
  Ec2SecurityGroup *group = NULL;
  if (in->VpcId)
    TRY(ec2_get(call, &ec2_vpcs, in->VpcId, &vpc));
  else
    TRY(ec2_default_vpc(call, &vpc));
  if (!vpc)
    return error_answer("VPCIdNotSpecified", "No default VPC for this user");
  if (!in->GroupName || !*in->GroupName || strlen(in->GroupName) > 255)
    return error_answer("InvalidParameterValue", "Value (%s) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.", in->GroupName ? in->GroupName : "");
  if (g_str_has_prefix(in->GroupName, "sg-"))
    return error_answer("InvalidParameterValue", "Value (%s) for parameter GroupName is invalid. Group names may not be in the format sg-*", in->GroupName);
  if (strcmp(in->GroupName, "default") == 0)
    return error_answer("InvalidParameterValue", "Cannot use reserved security group name: default");
  TRY(find_named(call, vpc->VpcId, in->GroupName, &group));
  if (group)
    return error_answer("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", in->GroupName, vpc->VpcId);
  TRY(ec2_quota(call, &ec2_security_groups, NULL));
  TRY(ec2_group_make(call, vpc->VpcId, in->GroupName, in->Description ? in->Description : "", ec2_tags(call, &in->TagSpecifications, "security-group"), &group));
  ret_out->GroupId = group->GroupId;
  ret_out->Tags = group->Tags;
  ec2_changed(call, vpc->VpcId);
  return NULL;
}

static Error *check_unused(Call *call, const Ec2SecurityGroup *group) {
  Ec2Records records = {0};
  gboolean used = FALSE;
  TRY(ec2_all(call, &ec2_interfaces, &records));
  for (gsize i = 0; i < records.n; i++)
    for (gsize j = 0; j < ((const Ec2NetworkInterface *) records.v[i])->Groups.n; j++)
      used = used || strcmp(((const Ec2NetworkInterface *) records.v[i])->Groups.v[j]->GroupId, group->GroupId) == 0;
  TRY(ec2_all(call, &ec2_rules, &records));
  for (gsize i = 0; i < records.n; i++) {
    const Ec2SecurityGroupRule *rule = records.v[i];
    const Ec2ReferencedSecurityGroup *peer = rule->ReferencedGroupInfo;   /* one of a peered VPC goes, and leaves a stale rule */
    used = used || (peer && !peer->VpcPeeringConnectionId && strcmp(peer->GroupId, group->GroupId) == 0 && strcmp(rule->GroupId, group->GroupId) != 0);
  }
  return used ? error_answer("DependencyViolation", "resource %s has a dependent object", group->GroupId) : NULL;
}

OPERATION(DeleteSecurityGroup, delete_security_group, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_security_group(Call *call, const Ec2DeleteSecurityGroupInput *in, Ec2DeleteSecurityGroupOutput *ret_out) {
  const Ec2SecurityGroup *group = NULL;
  Ec2Records rules = {0};
  TRY(ec2_group_given(call, in->GroupId, in->GroupName, &group));
  if (strcmp(group->GroupName, "default") == 0)
    return error_answer("CannotDelete", "the specified group: \"%s\" name: \"default\" cannot be deleted by a user", group->GroupId);
  TRY(check_unused(call, group));
  TRY(ec2_rules_of(call, group->GroupId, &rules));
  for (gsize i = 0; i < rules.n; i++)
    TRY(ec2_delete(call, &ec2_rules, ((const Ec2SecurityGroupRule *) rules.v[i])->SecurityGroupRuleId));
  TRY(ec2_delete(call, &ec2_security_groups, group->GroupId));
  ec2_changed(call, group->VpcId);
  return NULL;
}

/* --- rules as permissions: one for each protocol and range of ports --- */

static Ec2IpPermission *permission_for(Call *call, Ec2IpPermissionList *list, const Ec2SecurityGroupRule *rule) {
  for (gsize i = 0; i < list->n; i++) {
    Ec2IpPermission *known = list->v[i];
    if (strcmp(known->IpProtocol, rule->IpProtocol) == 0 && (strcmp(rule->IpProtocol, "-1") == 0 || (known->FromPort.v == rule->FromPort.v && known->ToPort.v == rule->ToPort.v)))
      return known;
  }
  Ec2IpPermission *permission = ARENA_NEW(call->arena, Ec2IpPermission);
  permission->IpProtocol = rule->IpProtocol;
  if (strcmp(rule->IpProtocol, "-1") != 0) {
    permission->FromPort = rule->FromPort;
    permission->ToPort = rule->ToPort;
  }
  LIST_EMPTY(call->arena, &permission->IpRanges);
  LIST_EMPTY(call->arena, &permission->Ipv6Ranges);
  LIST_EMPTY(call->arena, &permission->PrefixListIds);
  LIST_EMPTY(call->arena, &permission->UserIdGroupPairs);
  LIST_APPEND(call->arena, list, permission);
  return permission;
}

static void add_peer(Call *call, Ec2IpPermission *permission, const Ec2SecurityGroupRule *rule) {
  if (rule->CidrIpv4) {
    Ec2IpRange *range = ARENA_NEW(call->arena, Ec2IpRange);
    *range = (Ec2IpRange){.CidrIp = rule->CidrIpv4, .Description = rule->Description};
    LIST_APPEND(call->arena, &permission->IpRanges, range);
  } else if (rule->CidrIpv6) {
    Ec2Ipv6Range *range = ARENA_NEW(call->arena, Ec2Ipv6Range);
    *range = (Ec2Ipv6Range){.CidrIpv6 = rule->CidrIpv6, .Description = rule->Description};
    LIST_APPEND(call->arena, &permission->Ipv6Ranges, range);
  } else if (rule->PrefixListId) {
    Ec2PrefixListId *list = ARENA_NEW(call->arena, Ec2PrefixListId);
    *list = (Ec2PrefixListId){.PrefixListId = rule->PrefixListId, .Description = rule->Description};
    LIST_APPEND(call->arena, &permission->PrefixListIds, list);
  } else if (rule->ReferencedGroupInfo) {
    Ec2UserIdGroupPair *pair = ARENA_NEW(call->arena, Ec2UserIdGroupPair);
    const Ec2ReferencedSecurityGroup *peer = rule->ReferencedGroupInfo;
    *pair = (Ec2UserIdGroupPair){.GroupId = peer->GroupId, .UserId = peer->UserId, .Description = rule->Description};
    if (peer->VpcPeeringConnectionId)
      pair->VpcId = peer->VpcId, pair->VpcPeeringConnectionId = peer->VpcPeeringConnectionId, pair->PeeringStatus = peer->PeeringStatus;
    LIST_APPEND(call->arena, &permission->UserIdGroupPairs, pair);
  }
}

static Error *fill_permissions(Call *call, Ec2SecurityGroup *group) {
  Ec2Records rules = {0};
  TRY(ec2_rules_of(call, group->GroupId, &rules));
  LIST_EMPTY(call->arena, &group->IpPermissions);
  LIST_EMPTY(call->arena, &group->IpPermissionsEgress);
  for (gsize i = 0; i < rules.n; i++) {
    const Ec2SecurityGroupRule *rule = rules.v[i];
    add_peer(call, permission_for(call, rule->IsEgress.v ? &group->IpPermissionsEgress : &group->IpPermissions, rule), rule);
  }
  return NULL;
}

static Error *fill_group(Call *call, void *record) { return fill_permissions(call, record); }

/* Names are a filter; a group of a VPC that is not there is named in the answer. */
static Error *check_names(Call *call, const StringList *names) {
  Ec2Records groups = {0};
  if (names->n)
    TRY(ec2_all(call, &ec2_security_groups, &groups));
  for (gsize i = 0; i < names->n; i++) {
    gboolean there = FALSE;
    for (gsize j = 0; j < groups.n; j++)
      there = there || strcmp(((const Ec2SecurityGroup *) groups.v[j])->GroupName, names->v[i]) == 0;
    if (!there)
      return error_answer("InvalidGroup.NotFound", "The security group '%s' does not exist", names->v[i]);
  }
  return NULL;
}

OPERATION(DescribeSecurityGroups, describe_security_groups, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_security_groups(Call *call, const Ec2DescribeSecurityGroupsInput *in, Ec2DescribeSecurityGroupsOutput *ret_out) {
  Ec2FilterList all = {0};
  Ec2Filter by_name = {.Name = "group-name", .Values = in->GroupNames}, *one = &by_name;
  TRY(check_names(call, &in->GroupNames));
  for (gsize i = 0; i < in->Filters.n; i++)
    LIST_APPEND(call->arena, &all, in->Filters.v[i]);
  if (in->GroupNames.n)
    LIST_APPEND(call->arena, &all, one);
  return ec2_describe(call, &(Ec2Describe){&ec2_security_groups, &in->GroupIds, &all, in->MaxResults, in->NextToken, "groupIds", fill_group},
                      &ret_out->SecurityGroups, &ret_out->NextToken);
}
