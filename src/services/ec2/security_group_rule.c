/* security_group_rule: what a group allows. A rule has one peer; a permission of a call may name several.
 * https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html */
#include "services/ec2/ec2.h"

#include <string.h>

enum { RULES_MAX = 60 };

static const Ec2Path filters[] = {
  {"group-id", "GroupId"}, {"security-group-rule-id", "SecurityGroupRuleId"}, {NULL, NULL},
};
const Ec2Kind ec2_rules = {.type = "security-group-rule", .prefix = "sgr", .table = {"ec2.security_group_rule"}, EC2_KIND(SecurityGroupRule, SecurityGroupRuleId, Tags),
  .malformed = "InvalidSecurityGroupRuleId.Malformed", .not_found = "InvalidSecurityGroupRuleId.NotFound",
  .not_found_text = "The security group rule ID '%s' does not exist", .filters = filters};

Error *ec2_rules_of(Call *call, const char *group_id, Ec2Records *ret_rules) {
  Ec2Records all = {0}, own = {0};
  TRY(ec2_all(call, &ec2_rules, &all));
  for (gsize i = 0; i < all.n; i++)
    if (strcmp(((const Ec2SecurityGroupRule *) all.v[i])->GroupId, group_id) == 0)
      LIST_APPEND(call->arena, &own, all.v[i]);
  *ret_rules = own;
  return NULL;
}

/* What a call says, in either of its two ways. */
typedef struct Given {
  const char *group_id, *group_name, *cidr, *protocol, *peer_name;
  OptInt from, to;
  const Ec2IpPermissionList *permissions;
  gboolean egress;
  Ec2TagList tags;
} Given;

static Error *protocol_name(Call *call, const char *given, const char **ret_name) {
  static const char *const names[][2] = {{"6", "tcp"}, {"17", "udp"}, {"1", "icmp"}, {"58", "icmpv6"}, {"all", "-1"}};
  gint64 number = 0;
  if (!given)
    return error_answer("MissingParameter", "The request must contain the parameter ipProtocol");
  *ret_name = g_ascii_strdown(given, -1);
  arena_own(call->arena, (gpointer) *ret_name, g_free);
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    if (strcmp(*ret_name, names[i][0]) == 0)
      *ret_name = names[i][1];
    if (strcmp(*ret_name, names[i][1]) == 0)
      return NULL;
  }
  if (g_ascii_string_to_signed(given, 10, 0, 255, &number, NULL))
    return NULL;
  return error_answer("InvalidPermission.Malformed", "Unsupported IP protocol \"%s\"  - supported: [-1, tcp, udp, icmp, icmpv6]", given);
}

static gboolean has_ports(const char *protocol) { return strcmp(protocol, "tcp") == 0 || strcmp(protocol, "udp") == 0; }

static Error *check_ports(const Ec2IpPermission *p, const char *protocol) {
  if (!has_ports(protocol))
    return NULL;
  if (!p->FromPort.set || !p->ToPort.set)
    return error_answer("InvalidParameterValue", "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.");
  if (p->FromPort.v > p->ToPort.v || p->FromPort.v < 0 || p->ToPort.v > 65535)
    return error_answer("InvalidParameterValue", "Invalid TCP port range (%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT ")", p->FromPort.v, p->ToPort.v);
  return NULL;
}

static Ec2SecurityGroupRule *rule_new(Call *call, const Ec2SecurityGroup *group, const Given *given, const Ec2IpPermission *p, const char *protocol, const char *description) {
  Ec2SecurityGroupRule *rule = ARENA_NEW(call->arena, Ec2SecurityGroupRule);
  gboolean ports = strcmp(protocol, "-1") != 0;
  *rule = (Ec2SecurityGroupRule){.SecurityGroupRuleId = id_resource(call->arena, "sgr"), .GroupId = group->GroupId, .GroupOwnerId = call->account,
                                 .IsEgress = OPT_BOOL(given->egress), .IpProtocol = protocol, .FromPort = OPT_INT(ports ? OPT_OR(p->FromPort, -1) : -1),
                                 .ToPort = OPT_INT(ports ? OPT_OR(p->ToPort, -1) : -1), .Description = description, .Tags = given->tags};
  return rule;
}

/* The active peering between two VPCs. */
static Error *peering_between(Call *call, const char *a, const char *b, const Ec2VpcPeeringConnection **ret_peering) {
  Ec2Records peerings = {0};
  TRY(ec2_all(call, &ec2_peerings, &peerings));
  for (gsize i = 0; i < peerings.n; i++) {
    const Ec2VpcPeeringConnection *peering = peerings.v[i];
    const char *from = peering->RequesterVpcInfo->VpcId, *to = peering->AccepterVpcInfo->VpcId;
    if (ec2_peering_active(peering) && ((strcmp(from, a) == 0 && strcmp(to, b) == 0) || (strcmp(from, b) == 0 && strcmp(to, a) == 0)))
      *ret_peering = peering;
  }
  return NULL;
}

/* By id, or by name in the VPC. A group of another VPC: over an active peering only.
 * https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-security-groups.html */
static Error *peer_group(Call *call, const Ec2SecurityGroup *group, const Ec2UserIdGroupPair *pair, Ec2SecurityGroupRule *rule) {
  const Ec2SecurityGroup *peer = NULL;
  if (pair->GroupId)
    TRY(ec2_get(call, &ec2_security_groups, pair->GroupId, &peer));
  Ec2Records groups = {0};
  if (!peer)
    TRY(ec2_all(call, &ec2_security_groups, &groups));
  for (gsize i = 0; i < groups.n; i++) {
    const Ec2SecurityGroup *other = groups.v[i];
    if (g_strcmp0(other->GroupName, pair->GroupName) == 0 && strcmp(other->VpcId, group->VpcId) == 0)
      peer = other;
  }
  const Ec2VpcPeeringConnection *peering = NULL;
  if (peer && strcmp(peer->VpcId, group->VpcId) != 0)
    TRY(peering_between(call, group->VpcId, peer->VpcId, &peering));
  if (!peer || (strcmp(peer->VpcId, group->VpcId) != 0 && !peering))
    return error_answer("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.");
  rule->ReferencedGroupInfo = ARENA_NEW(call->arena, Ec2ReferencedSecurityGroup);
  *rule->ReferencedGroupInfo = (Ec2ReferencedSecurityGroup){.GroupId = peer->GroupId, .UserId = call->account, .VpcId = peer->VpcId,
                                                             .VpcPeeringConnectionId = peering ? peering->VpcPeeringConnectionId : NULL,
                                                             .PeeringStatus = peering ? "active" : NULL};
  return NULL;
}

/* Appends the rules of one permission. */
static Error *rules_of_permission(Call *call, const Ec2SecurityGroup *group, const Given *given, const Ec2IpPermission *p, Ec2SecurityGroupRuleList *rules) {
  const char *protocol = NULL;
  TRY(protocol_name(call, p->IpProtocol, &protocol));
  TRY(check_ports(p, protocol));
  for (gsize i = 0; i < p->IpRanges.n; i++) {
    Ec2SecurityGroupRule *rule = rule_new(call, group, given, p, protocol, p->IpRanges.v[i]->Description);
    Cidr cidr = {0};
    if (!cidr_parse(p->IpRanges.v[i]->CidrIp, &cidr))
      return error_answer("InvalidParameterValue", "CIDR block %s is malformed", p->IpRanges.v[i]->CidrIp ? p->IpRanges.v[i]->CidrIp : "");
    cidr.address = cidr_base(&cidr);
    rule->CidrIpv4 = cidr_text(call->arena, &cidr);
    LIST_APPEND(call->arena, rules, rule);
  }
  for (gsize i = 0; i < p->Ipv6Ranges.n; i++) {
    Ec2SecurityGroupRule *rule = rule_new(call, group, given, p, protocol, p->Ipv6Ranges.v[i]->Description);
    Range range = {0};
    if (!range_parse(p->Ipv6Ranges.v[i]->CidrIpv6, &range) || range_is4(&range))
      return error_answer("InvalidParameterValue", "CIDR block %s is malformed", p->Ipv6Ranges.v[i]->CidrIpv6 ? p->Ipv6Ranges.v[i]->CidrIpv6 : "");
    range.address = range_base(&range);
    rule->CidrIpv6 = range_text(call->arena, &range);
    LIST_APPEND(call->arena, rules, rule);
  }
  for (gsize i = 0; i < p->PrefixListIds.n; i++) {
    Ec2SecurityGroupRule *rule = rule_new(call, group, given, p, protocol, p->PrefixListIds.v[i]->Description);
    gint64 ignored = 0;
    TRY(ec2_list_check(call, p->PrefixListIds.v[i]->PrefixListId, &ignored));
    rule->PrefixListId = p->PrefixListIds.v[i]->PrefixListId;
    LIST_APPEND(call->arena, rules, rule);
  }
  for (gsize i = 0; i < p->UserIdGroupPairs.n; i++) {
    Ec2SecurityGroupRule *rule = rule_new(call, group, given, p, protocol, p->UserIdGroupPairs.v[i]->Description);
    TRY(peer_group(call, group, p->UserIdGroupPairs.v[i], rule));
    LIST_APPEND(call->arena, rules, rule);
  }
  return NULL;
}

/* The permission that the single-rule parameters of a call make. */
static Ec2IpPermission *single(Call *call, const Given *given) {
  Ec2IpPermission *p = ARENA_NEW(call->arena, Ec2IpPermission);
  *p = (Ec2IpPermission){.IpProtocol = given->protocol, .FromPort = given->from, .ToPort = given->to};
  if (given->cidr) {
    Ec2IpRange *range = ARENA_NEW(call->arena, Ec2IpRange);
    range->CidrIp = given->cidr;
    LIST_APPEND(call->arena, &p->IpRanges, range);
  }
  if (given->peer_name) {
    Ec2UserIdGroupPair *pair = ARENA_NEW(call->arena, Ec2UserIdGroupPair);
    if (g_str_has_prefix(given->peer_name, "sg-"))
      pair->GroupId = given->peer_name;
    else
      pair->GroupName = given->peer_name;
    LIST_APPEND(call->arena, &p->UserIdGroupPairs, pair);
  }
  return p;
}

static Error *given_rules(Call *call, const Given *given, Ec2SecurityGroup **ret_group, Ec2SecurityGroupRuleList *ret_rules) {
  const Ec2SecurityGroup *group = NULL;
  TRY(ec2_group_given(call, given->group_id, given->group_name, &group));
  *ret_group = (Ec2SecurityGroup *) group;
  if (given->permissions->n && given->protocol)
    return error_answer("InvalidParameterCombination", "The parameter ipPermissions cannot be used with the parameter ipProtocol");
  if (given->permissions->n == 0 && !given->protocol)
    return NULL;
  if (given->permissions->n == 0)
    return rules_of_permission(call, *ret_group, given, single(call, given), ret_rules);
  for (gsize i = 0; i < given->permissions->n; i++)
    TRY(rules_of_permission(call, *ret_group, given, given->permissions->v[i], ret_rules));
  return NULL;
}

static const char *peer_of(const Ec2SecurityGroupRule *rule) {
  return rule->CidrIpv4 ? rule->CidrIpv4 : rule->CidrIpv6 ? rule->CidrIpv6 : rule->PrefixListId ? rule->PrefixListId
       : rule->ReferencedGroupInfo ? rule->ReferencedGroupInfo->GroupId : "";
}

static gboolean same_rule(const Ec2SecurityGroupRule *a, const Ec2SecurityGroupRule *b) {
  return a->IsEgress.v == b->IsEgress.v && strcmp(a->IpProtocol, b->IpProtocol) == 0 && a->FromPort.v == b->FromPort.v && a->ToPort.v == b->ToPort.v &&
         strcmp(peer_of(a), peer_of(b)) == 0;
}

static const Ec2SecurityGroupRule *find_same(const Ec2Records *rules, const Ec2SecurityGroupRule *rule) {
  for (gsize i = 0; i < rules->n; i++)
    if (same_rule(rules->v[i], rule))
      return rules->v[i];
  return NULL;
}

static Error *duplicate(const Ec2SecurityGroupRule *rule) {
  g_autofree char *protocol = g_ascii_strup(strcmp(rule->IpProtocol, "-1") == 0 ? "ALL" : rule->IpProtocol, -1);
  if (has_ports(rule->IpProtocol))
    return error_answer("InvalidPermission.Duplicate", "the specified rule \"peer: %s, %s, from port: %" G_GINT64_FORMAT ", to port: %" G_GINT64_FORMAT
                        ", ALLOW\" already exists", peer_of(rule), protocol, rule->FromPort.v, rule->ToPort.v);
  return error_answer("InvalidPermission.Duplicate", "the specified rule \"peer: %s, %s, ALLOW\" already exists", peer_of(rule), protocol);
}

/* A rule counts for its family; a prefix list as many as it may have entries, for both. */
static Error *count_rule(Call *call, const Ec2SecurityGroupRule *rule, gint64 counts[2]) {
  gint64 weight = 1;
  if (rule->PrefixListId) {
    g_autoptr(Error) gone = ec2_list_check(call, rule->PrefixListId, &weight);
    if (gone && gone->kind != ERROR_ANSWER)
      return g_steal_pointer(&gone);
  }
  if (!rule->CidrIpv6)
    counts[0] += weight;
  if (!rule->CidrIpv4)
    counts[1] += weight;
  return NULL;
}

static Error *check_count(Call *call, const Ec2Records *known, const Ec2SecurityGroupRuleList *added, gboolean egress) {
  gint64 counts[2] = {0};
  for (gsize i = 0; i < known->n; i++)
    if (((const Ec2SecurityGroupRule *) known->v[i])->IsEgress.v == egress)
      TRY(count_rule(call, known->v[i], counts));
  for (gsize i = 0; i < added->n; i++)
    TRY(count_rule(call, added->v[i], counts));
  if (counts[0] > RULES_MAX || counts[1] > RULES_MAX)
    return error_answer("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.");
  return NULL;
}

static Error *authorize_rules(Call *call, const Given *given, Ec2SecurityGroupRuleList *ret_rules) {
  Ec2SecurityGroup *group = NULL;
  Ec2Records known = {0};
  TRY(given_rules(call, given, &group, ret_rules));
  if (ret_rules->n == 0)
    return error_answer("MissingParameter", "Either 'ipPermissions' or 'ipProtocol' with a source should be provided.");
  TRY(ec2_rules_of(call, group->GroupId, &known));
  TRY(check_count(call, &known, ret_rules, given->egress));
  for (gsize i = 0; i < ret_rules->n; i++) {
    if (find_same(&known, ret_rules->v[i]))
      return duplicate(ret_rules->v[i]);
    for (gsize j = 0; j < i; j++)
      if (same_rule(ret_rules->v[i], ret_rules->v[j]))
        return error_answer("InvalidParameterValue", "The same permission must not appear multiple times");
    TRY(ec2_put(call, &ec2_rules, ret_rules->v[i]));
  }
  return ec2_part_changed(call, group->VpcId, &ec2_security_groups, group->GroupId);
}

static Error *revoke_by_id(Call *call, const Ec2SecurityGroup *group, const StringList *ids) {
  for (gsize i = 0; i < ids->n; i++) {
    const Ec2SecurityGroupRule *rule = NULL;
    TRY(ec2_get(call, &ec2_rules, ids->v[i], &rule));
    if (strcmp(rule->GroupId, group->GroupId) != 0)
      return error_answer("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '%s' does not exist", ids->v[i]);
    TRY(ec2_delete(call, &ec2_rules, ids->v[i]));
  }
  return NULL;
}

static Error *revoke_rules(Call *call, const Given *given, const StringList *ids) {
  Ec2SecurityGroup *group = NULL;
  Ec2SecurityGroupRuleList rules = {0};
  Ec2Records known = {0};
  TRY(given_rules(call, given, &group, &rules));
  TRY(revoke_by_id(call, group, ids));
  TRY(ec2_rules_of(call, group->GroupId, &known));
  for (gsize i = 0; i < rules.n; i++) {
    const Ec2SecurityGroupRule *rule = find_same(&known, rules.v[i]);
    if (!rule)
      return error_answer("InvalidPermission.NotFound", "The specified rule does not exist in this security group.");
    TRY(ec2_delete(call, &ec2_rules, rule->SecurityGroupRuleId));
  }
  return ec2_part_changed(call, group->VpcId, &ec2_security_groups, group->GroupId);
}

#define GIVEN(is_egress, name) ((Given){.group_id = in->GroupId, .group_name = (name), .cidr = in->CidrIp, .protocol = in->IpProtocol, .peer_name = in->SourceSecurityGroupName, \
  .from = in->FromPort, .to = in->ToPort, .permissions = &in->IpPermissions, .egress = (is_egress)})

OPERATION(AuthorizeSecurityGroupIngress, authorize_ingress, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *authorize_ingress(Call *call, const Ec2AuthorizeSecurityGroupIngressInput *in, Ec2AuthorizeSecurityGroupIngressOutput *ret_out) {
  Given given = GIVEN(FALSE, in->GroupName);
  given.tags = ec2_tags(call, &in->TagSpecifications, "security-group-rule");
  ret_out->Return = OPT_BOOL(TRUE);
  return authorize_rules(call, &given, &ret_out->SecurityGroupRules);
}

OPERATION(AuthorizeSecurityGroupEgress, authorize_egress, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *authorize_egress(Call *call, const Ec2AuthorizeSecurityGroupEgressInput *in, Ec2AuthorizeSecurityGroupEgressOutput *ret_out) {
  Given given = GIVEN(TRUE, NULL);
  given.tags = ec2_tags(call, &in->TagSpecifications, "security-group-rule");
  ret_out->Return = OPT_BOOL(TRUE);
  return authorize_rules(call, &given, &ret_out->SecurityGroupRules);
}

OPERATION(RevokeSecurityGroupIngress, revoke_ingress, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *revoke_ingress(Call *call, const Ec2RevokeSecurityGroupIngressInput *in, Ec2RevokeSecurityGroupIngressOutput *ret_out) {
  Given given = GIVEN(FALSE, in->GroupName);
  ret_out->Return = OPT_BOOL(TRUE);
  return revoke_rules(call, &given, &in->SecurityGroupRuleIds);
}

OPERATION(RevokeSecurityGroupEgress, revoke_egress, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *revoke_egress(Call *call, const Ec2RevokeSecurityGroupEgressInput *in, Ec2RevokeSecurityGroupEgressOutput *ret_out) {
  Given given = GIVEN(TRUE, NULL);
  ret_out->Return = OPT_BOOL(TRUE);
  return revoke_rules(call, &given, &in->SecurityGroupRuleIds);
}

OPERATION(DescribeSecurityGroupRules, describe_rules, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_rules(Call *call, const Ec2DescribeSecurityGroupRulesInput *in, Ec2DescribeSecurityGroupRulesOutput *ret_out) {
  return ec2_describe(call, &(Ec2Describe){&ec2_rules, &in->SecurityGroupRuleIds, &in->Filters, in->MaxResults, in->NextToken, "securityGroupRuleIds", NULL},
                      &ret_out->SecurityGroupRules, &ret_out->NextToken);
}

static Error *update_descriptions(Call *call, const Given *given, const Ec2SecurityGroupRuleDescriptionList *by_id) {
  Ec2SecurityGroup *group = NULL;
  Ec2SecurityGroupRuleList rules = {0};
  Ec2Records known = {0};
  TRY(given_rules(call, given, &group, &rules));
  TRY(ec2_rules_of(call, group->GroupId, &known));
  for (gsize i = 0; i < rules.n; i++) {
    const Ec2SecurityGroupRule *same = find_same(&known, rules.v[i]);
    if (!same)
      return error_answer("InvalidPermission.NotFound", "The specified rule does not exist in this security group.");
    Ec2SecurityGroupRule changed = *same;
    changed.Description = rules.v[i]->Description;
    TRY(ec2_put(call, &ec2_rules, &changed));
  }
  for (gsize i = 0; i < by_id->n; i++) {
    Ec2SecurityGroupRule *rule = NULL;
    TRY(ec2_get(call, &ec2_rules, by_id->v[i]->SecurityGroupRuleId, &rule));
    rule->Description = by_id->v[i]->Description;
    TRY(ec2_put(call, &ec2_rules, rule));
  }
  return NULL;
}

OPERATION(UpdateSecurityGroupRuleDescriptionsIngress, update_descriptions_ingress, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *update_descriptions_ingress(Call *call, const Ec2UpdateSecurityGroupRuleDescriptionsIngressInput *in,
                                          Ec2UpdateSecurityGroupRuleDescriptionsIngressOutput *ret_out) {
  ret_out->Return = OPT_BOOL(TRUE);
  return update_descriptions(call, &(Given){.group_id = in->GroupId, .permissions = &in->IpPermissions}, &in->SecurityGroupRuleDescriptions);
}

OPERATION(UpdateSecurityGroupRuleDescriptionsEgress, update_descriptions_egress, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *update_descriptions_egress(Call *call, const Ec2UpdateSecurityGroupRuleDescriptionsEgressInput *in,
                                         Ec2UpdateSecurityGroupRuleDescriptionsEgressOutput *ret_out) {
  ret_out->Return = OPT_BOOL(TRUE);
  return update_descriptions(call, &(Given){.group_id = in->GroupId, .permissions = &in->IpPermissions, .egress = TRUE}, &in->SecurityGroupRuleDescriptions);
}

/* --- a rule changed as a whole --- */

static Error *requested_peer(Call *call, const Ec2SecurityGroup *group, const Ec2SecurityGroupRuleRequest *request, Ec2IpPermission *p) {
  guint peers = (request->CidrIpv4 != NULL) + (request->CidrIpv6 != NULL) + (request->PrefixListId != NULL) + (request->ReferencedGroupId != NULL);
  (void) group;
  if (peers != 1)
    return error_answer(peers ? "InvalidParameterCombination" : "MissingParameter",
                        "The request must contain exactly one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId");
  Ec2IpRange *range = ARENA_NEW(call->arena, Ec2IpRange);
  Ec2Ipv6Range *range6 = ARENA_NEW(call->arena, Ec2Ipv6Range);
  Ec2PrefixListId *list = ARENA_NEW(call->arena, Ec2PrefixListId);
  Ec2UserIdGroupPair *pair = ARENA_NEW(call->arena, Ec2UserIdGroupPair);
  *range = (Ec2IpRange){.CidrIp = request->CidrIpv4, .Description = request->Description};
  *range6 = (Ec2Ipv6Range){.CidrIpv6 = request->CidrIpv6, .Description = request->Description};
  *list = (Ec2PrefixListId){.PrefixListId = request->PrefixListId, .Description = request->Description};
  *pair = (Ec2UserIdGroupPair){.GroupId = request->ReferencedGroupId, .Description = request->Description};
  if (request->CidrIpv4)
    LIST_APPEND(call->arena, &p->IpRanges, range);
  if (request->CidrIpv6)
    LIST_APPEND(call->arena, &p->Ipv6Ranges, range6);
  if (request->PrefixListId)
    LIST_APPEND(call->arena, &p->PrefixListIds, list);
  if (request->ReferencedGroupId)
    LIST_APPEND(call->arena, &p->UserIdGroupPairs, pair);
  return NULL;
}

static Error *modify_rule(Call *call, const Ec2SecurityGroup *group, const Ec2SecurityGroupRuleUpdate *update) {
  Ec2SecurityGroupRule *old = NULL;
  Ec2SecurityGroupRuleList rules = {0};
  Ec2Records known = {0};
  const Ec2SecurityGroupRuleRequest *request = update->SecurityGroupRule;
  TRY(ec2_get(call, &ec2_rules, update->SecurityGroupRuleId, &old));
  if (strcmp(old->GroupId, group->GroupId) != 0)
    return error_answer("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '%s' does not exist", update->SecurityGroupRuleId);
  if (!request)
    return error_answer("MissingParameter", "The request must contain the parameter SecurityGroupRule");
  Ec2IpPermission *p = ARENA_NEW(call->arena, Ec2IpPermission);
  *p = (Ec2IpPermission){.IpProtocol = request->IpProtocol, .FromPort = request->FromPort, .ToPort = request->ToPort};
  TRY(requested_peer(call, group, request, p));
  TRY(rules_of_permission(call, group, &(Given){.egress = old->IsEgress.v, .tags = old->Tags}, p, &rules));
  rules.v[0]->SecurityGroupRuleId = old->SecurityGroupRuleId;
  TRY(ec2_rules_of(call, group->GroupId, &known));
  const Ec2SecurityGroupRule *same = find_same(&known, rules.v[0]);
  if (same && strcmp(same->SecurityGroupRuleId, old->SecurityGroupRuleId) != 0)
    return duplicate(rules.v[0]);
  return ec2_put(call, &ec2_rules, rules.v[0]);
}

OPERATION(ModifySecurityGroupRules, modify_rules, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *modify_rules(Call *call, const Ec2ModifySecurityGroupRulesInput *in, Ec2ModifySecurityGroupRulesOutput *ret_out) {
  const Ec2SecurityGroup *group = NULL;
  TRY(ec2_get(call, &ec2_security_groups, in->GroupId, &group));
  for (gsize i = 0; i < in->SecurityGroupRules.n; i++)
    TRY(modify_rule(call, group, in->SecurityGroupRules.v[i]));
  ret_out->Return = OPT_BOOL(TRUE);
  return ec2_part_changed(call, group->VpcId, &ec2_security_groups, group->GroupId);
}
