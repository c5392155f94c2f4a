/* security_group: groups, and which interfaces are in them. Their rules are in security_group_rule.c.
 * https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html */
#include "services/ec2/ec2.h"

#include <string.h>

static const Ec2Path filters[] = {
  {"group-id", "GroupId"}, {"group-name", "GroupName"}, {"vpc-id", "VpcId"}, {"description", "Description"}, {"owner-id", "OwnerId"},
  {"ip-permission.cidr", "IpPermissions.IpRanges.CidrIp"}, {"ip-permission.from-port", "IpPermissions.FromPort"}, {"ip-permission.to-port", "IpPermissions.ToPort"},
  {"ip-permission.protocol", "IpPermissions.IpProtocol"}, {"ip-permission.group-id", "IpPermissions.UserIdGroupPairs.GroupId"},
  {"egress.ip-permission.cidr", "IpPermissionsEgress.IpRanges.CidrIp"}, {"egress.ip-permission.group-id", "IpPermissionsEgress.UserIdGroupPairs.GroupId"}, {NULL, NULL},
};
const Ec2Kind ec2_security_groups = {.type = "security-group", .prefix = "sg", .table = {"ec2.security_group"}, EC2_KIND(SecurityGroup, GroupId, Tags),
  .not_found = "InvalidGroup.NotFound", .not_found_text = "The security group '%s' does not exist", .filters = filters};

static Error *add_rule(Call *call, const char *group_id, gboolean egress, const char *cidr, const char *peer_group) {
  Ec2SecurityGroupRule *rule = ARENA_NEW(call->arena, Ec2SecurityGroupRule);
  *rule = (Ec2SecurityGroupRule){.SecurityGroupRuleId = id_resource(call->arena, "sgr"), .GroupId = group_id, .GroupOwnerId = call->account,
                                 .IsEgress = OPT_BOOL(egress), .IpProtocol = "-1", .FromPort = OPT_INT(-1), .ToPort = OPT_INT(-1), .CidrIpv4 = cidr};
  if (peer_group) {
    rule->ReferencedGroupInfo = ARENA_NEW(call->arena, Ec2ReferencedSecurityGroup);
    *rule->ReferencedGroupInfo = (Ec2ReferencedSecurityGroup){.GroupId = peer_group, .UserId = call->account};
  }
  return ec2_put(call, &ec2_rules, rule);
}

Error *ec2_group_make(Call *call, const char *vpc_id, const char *name, const char *description, Ec2TagList tags, Ec2SecurityGroup **ret_group) {
  Ec2SecurityGroup *group = ARENA_NEW(call->arena, Ec2SecurityGroup);
  *group = (Ec2SecurityGroup){.GroupId = id_resource(call->arena, "sg"), .GroupName = name, .Description = description, .VpcId = vpc_id,
                              .OwnerId = call->account, .Tags = tags};
  TRY(ec2_put(call, &ec2_security_groups, group));
  TRY(add_rule(call, group->GroupId, TRUE, "0.0.0.0/0", NULL));
  if (strcmp(name, "default") == 0)
    TRY(add_rule(call, group->GroupId, FALSE, NULL, group->GroupId));
  *ret_group = group;
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

OPERATION(CreateSecurityGroup, create_security_group, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_security_group(Call *call, const Ec2CreateSecurityGroupInput *in, Ec2CreateSecurityGroupOutput *ret_out) {
  const Ec2Vpc *vpc = NULL;
  Ec2SecurityGroup *group = NULL;
  if (!in->VpcId)
    return error_answer("VPCIdNotSpecified", "No default VPC for this user");
  TRY(ec2_get(call, &ec2_vpcs, in->VpcId, &vpc));
  if (!in->GroupName || !*in->GroupName || strlen(in->GroupName) > 255)
    return error_answer("InvalidParameterValue", "Value (%s) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.", in->GroupName ? in->GroupName : "");
  if (g_str_has_prefix(in->GroupName, "sg-"))
    return error_answer("InvalidParameterValue", "Value (%s) for parameter GroupName is invalid. Group names may not be in the format sg-*", in->GroupName);
  if (strcmp(in->GroupName, "default") == 0)
    return error_answer("InvalidParameterValue", "Cannot use reserved security group name: default");
  TRY(find_named(call, in->VpcId, in->GroupName, &group));
  if (group)
    return error_answer("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", in->GroupName, in->VpcId);
  TRY(ec2_group_make(call, in->VpcId, in->GroupName, in->Description ? in->Description : "", ec2_tags(call, &in->TagSpecifications, "security-group"), &group));
  ret_out->GroupId = group->GroupId;
  ret_out->Tags = group->Tags;
  ec2_changed(call, in->VpcId);
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
    used = used || (rule->ReferencedGroupInfo && strcmp(rule->ReferencedGroupInfo->GroupId, group->GroupId) == 0 && strcmp(rule->GroupId, group->GroupId) != 0);
  }
  return used ? error_answer("DependencyViolation", "resource %s has a dependent object", group->GroupId) : NULL;
}

OPERATION(DeleteSecurityGroup, delete_security_group, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_security_group(Call *call, const Ec2DeleteSecurityGroupInput *in, Ec2DeleteSecurityGroupOutput *ret_out) {
  const Ec2SecurityGroup *group = NULL;
  Ec2Records rules = {0};
  TRY(ec2_get(call, &ec2_security_groups, in->GroupId, &group));
  if (strcmp(group->GroupName, "default") == 0)
    return error_answer("CannotDelete", "the specified group: \"%s\" name: \"default\" cannot be deleted by a user", in->GroupId);
  TRY(check_unused(call, group));
  TRY(ec2_rules_of(call, in->GroupId, &rules));
  for (gsize i = 0; i < rules.n; i++)
    TRY(ec2_delete(call, &ec2_rules, ((const Ec2SecurityGroupRule *) rules.v[i])->SecurityGroupRuleId));
  TRY(ec2_delete(call, &ec2_security_groups, in->GroupId));
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
    *pair = (Ec2UserIdGroupPair){.GroupId = rule->ReferencedGroupInfo->GroupId, .UserId = rule->ReferencedGroupInfo->UserId, .Description = rule->Description};
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

OPERATION(DescribeSecurityGroups, describe_security_groups, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_security_groups(Call *call, const Ec2DescribeSecurityGroupsInput *in, Ec2DescribeSecurityGroupsOutput *ret_out) {
  Ec2SecurityGroupList all = {0};
  LIST_EMPTY(call->arena, &ret_out->SecurityGroups);
  TRY(ec2_describe(call, &(Ec2Describe){&ec2_security_groups, &in->GroupIds, NULL, OPT_INT(G_MAXINT32), in->NextToken}, &all, NULL));
  for (gsize i = 0; i < all.n; i++) {
    gboolean passes = TRUE;
    if (in->GroupNames.n && !string_list_has(&in->GroupNames, all.v[i]->GroupName))
      continue;
    TRY(fill_permissions(call, all.v[i]));
    TRY(ec2_filter(call, filters, &Ec2SecurityGroup_shape, all.v[i], &in->Filters, &passes));
    if (!passes)
      continue;
    if (in->MaxResults.set && (gint64) ret_out->SecurityGroups.n >= in->MaxResults.v) {
      ret_out->NextToken = ret_out->SecurityGroups.v[ret_out->SecurityGroups.n - 1]->GroupId;
      break;
    }
    LIST_APPEND(call->arena, &ret_out->SecurityGroups, all.v[i]);
  }
  return NULL;
}
