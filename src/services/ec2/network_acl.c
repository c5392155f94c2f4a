/* network_acl: numbered entries for subnets. https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html */
#include "services/ec2/ec2.h"

#include <string.h>

enum { LAST_RULE = 32767, ENTRIES_MAX = 40 };

static const Ec2Path filters[] = {
  {"network-acl-id", "NetworkAclId"}, {"vpc-id", "VpcId"}, {"default", "IsDefault"}, {"owner-id", "OwnerId"},
  {"association.subnet-id", "Associations.SubnetId"}, {"association.association-id", "Associations.NetworkAclAssociationId"},
  {"association.network-acl-id", "Associations.NetworkAclId"}, {"entry.cidr", "Entries.CidrBlock"}, {"entry.ipv6-cidr", "Entries.Ipv6CidrBlock"},
  {"entry.icmp.code", "Entries.IcmpTypeCode.Code"}, {"entry.icmp.type", "Entries.IcmpTypeCode.Type"},
  {"entry.port-range.from", "Entries.PortRange.From"}, {"entry.port-range.to", "Entries.PortRange.To"}, {"entry.protocol", "Entries.Protocol"},
  {"entry.rule-action", "Entries.RuleAction"}, {"entry.egress", "Entries.Egress"}, {"entry.rule-number", "Entries.RuleNumber"}, {NULL, NULL},
};
const Ec2Kind ec2_acls = {.type = "network-acl", .prefix = "acl", .table = {"ec2.network_acl"}, EC2_KIND(NetworkAcl, NetworkAclId, Tags),
  .malformed = "InvalidNetworkAclId.Malformed", .not_found = "InvalidNetworkAclID.NotFound",
  .not_found_text = "The networkAcl ID '%s' does not exist", .filters = filters};

static void add_entry(Call *call, Ec2NetworkAcl *acl, gint64 number, gboolean egress, const char *action, gboolean ipv6) {
  Ec2NetworkAclEntry *entry = ARENA_NEW(call->arena, Ec2NetworkAclEntry);
  *entry = (Ec2NetworkAclEntry){.RuleNumber = OPT_INT(number), .Egress = OPT_BOOL(egress), .RuleAction = action, .Protocol = "-1",
                                .CidrBlock = ipv6 ? NULL : "0.0.0.0/0", .Ipv6CidrBlock = ipv6 ? "::/0" : NULL};
  LIST_APPEND(call->arena, &acl->Entries, entry);
}

static gssize entry_at(const Ec2NetworkAcl *acl, gint64 number, gboolean egress) {
  for (gsize i = 0; i < acl->Entries.n; i++)
    if (acl->Entries.v[i]->RuleNumber.v == number && acl->Entries.v[i]->Egress.v == egress)
      return (gssize) i;
  return -1;
}

static int compare_entries(const void *a, const void *b) {
  const Ec2NetworkAclEntry *x = *(Ec2NetworkAclEntry *const *) a, *y = *(Ec2NetworkAclEntry *const *) b;
  return x->Egress.v != y->Egress.v ? y->Egress.v - x->Egress.v : (x->RuleNumber.v > y->RuleNumber.v) - (x->RuleNumber.v < y->RuleNumber.v);
}

/* The last entry for IPv6, and in a default ACL the one that allows all. */
static void open_ipv6(Call *call, Ec2NetworkAcl *acl) {
  for (int egress = 1; egress >= 0; egress--) {
    if (acl->IsDefault.v && entry_at(acl, 101, egress) < 0)
      add_entry(call, acl, 101, egress, "allow", TRUE);
    if (entry_at(acl, LAST_RULE + 1, egress) < 0)
      add_entry(call, acl, LAST_RULE + 1, egress, "deny", TRUE);
  }
  qsort(acl->Entries.v, acl->Entries.n, sizeof *acl->Entries.v, compare_entries);
}

Error *ec2_acls_open_ipv6(Call *call, const char *vpc_id) {
  Ec2Records acls = {0};
  TRY(ec2_all(call, &ec2_acls, &acls));
  for (gsize i = 0; i < acls.n; i++) {
    Ec2NetworkAcl *acl = acls.v[i];
    if (strcmp(acl->VpcId, vpc_id) != 0)
      continue;
    open_ipv6(call, acl);
    TRY(ec2_put(call, &ec2_acls, acl));
  }
  return NULL;
}

Error *ec2_acl_make(Call *call, const char *vpc_id, gboolean is_default, Ec2TagList tags, Ec2NetworkAcl **ret_acl) {
  const Ec2Vpc *vpc = NULL;
  Ec2NetworkAcl *acl = ARENA_NEW(call->arena, Ec2NetworkAcl);
  *acl = (Ec2NetworkAcl){.NetworkAclId = id_resource(call->arena, "acl"), .VpcId = vpc_id, .OwnerId = call->account, .IsDefault = OPT_BOOL(is_default), .Tags = tags};
  LIST_EMPTY(call->arena, &acl->Associations);
  for (int egress = 1; egress >= 0; egress--) {
    if (is_default)
      add_entry(call, acl, 100, egress, "allow", FALSE);
    add_entry(call, acl, LAST_RULE, egress, "deny", FALSE);
  }
  TRY(ec2_find(call, &ec2_vpcs, vpc_id, &vpc));
  if (vpc && vpc->Ipv6CidrBlockAssociationSet.n)
    open_ipv6(call, acl);
  *ret_acl = acl;
  return ec2_put(call, &ec2_acls, acl);
}

/* Takes the subnet from the ACL that has it; gives it to acl_id, if that is not NULL. */
Error *ec2_acl_associate(Call *call, const char *acl_id, const char *subnet_id) {
  Ec2Records acls = {0};
  TRY(ec2_all(call, &ec2_acls, &acls));
  for (gsize i = 0; i < acls.n; i++) {
    Ec2NetworkAcl *acl = acls.v[i];
    gsize before = acl->Associations.n;
    for (gsize j = 0; j < acl->Associations.n; j++)
      if (strcmp(acl->Associations.v[j]->SubnetId, subnet_id) == 0)
        acl->Associations.v[j--] = acl->Associations.v[--acl->Associations.n];
    gboolean wanted = acl_id && strcmp(acl->NetworkAclId, acl_id) == 0;
    if (wanted) {
      Ec2NetworkAclAssociation *association = ARENA_NEW(call->arena, Ec2NetworkAclAssociation);
      *association = (Ec2NetworkAclAssociation){.NetworkAclAssociationId = id_resource(call->arena, "aclassoc"), .NetworkAclId = acl_id, .SubnetId = subnet_id};
      LIST_APPEND(call->arena, &acl->Associations, association);
    }
    if (wanted || acl->Associations.n != before)
      TRY(ec2_put(call, &ec2_acls, acl));
  }
  return NULL;
}

OPERATION(CreateNetworkAcl, create_network_acl, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_network_acl(Call *call, const Ec2CreateNetworkAclInput *in, Ec2CreateNetworkAclOutput *ret_out) {
  const Ec2Vpc *vpc = NULL;
  TRY(ec2_get(call, &ec2_vpcs, in->VpcId, &vpc));
  TRY(ec2_quota(call, &ec2_acls, in->VpcId));
  TRY(ec2_acl_make(call, in->VpcId, FALSE, ec2_tags(call, &in->TagSpecifications, "network-acl"), &ret_out->NetworkAcl));
  ec2_changed_now(call, in->VpcId);
  return NULL;
}

OPERATION(DeleteNetworkAcl, delete_network_acl, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_network_acl(Call *call, const Ec2DeleteNetworkAclInput *in, Ec2DeleteNetworkAclOutput *ret_out) {
  const Ec2NetworkAcl *acl = NULL;
  TRY(ec2_get(call, &ec2_acls, in->NetworkAclId, &acl));
  if (acl->IsDefault.v)
    return error_answer("InvalidParameterValue", "cannot delete default network ACL %s", in->NetworkAclId);
  if (acl->Associations.n)
    return error_answer("DependencyViolation", "The networkAcl '%s' has dependencies and cannot be deleted.", in->NetworkAclId);
  TRY(ec2_delete(call, &ec2_acls, in->NetworkAclId));
  ec2_changed_now(call, acl->VpcId);
  return NULL;
}

OPERATION(DescribeNetworkAcls, describe_network_acls, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_network_acls(Call *call, const Ec2DescribeNetworkAclsInput *in, Ec2DescribeNetworkAclsOutput *ret_out) {
  return ec2_describe(call, &(Ec2Describe){&ec2_acls, &in->NetworkAclIds, &in->Filters, in->MaxResults, in->NextToken, "networkAclIds", NULL}, &ret_out->NetworkAcls, &ret_out->NextToken);
}

static Error *check_entry(const Ec2NetworkAclEntry *entry) {
  Cidr cidr = {0};
  Range range = {0};
  gint64 number = 0;
  if (entry->RuleNumber.v < 1 || entry->RuleNumber.v >= LAST_RULE)
    return error_answer("InvalidParameterValue", "Value (%" G_GINT64_FORMAT ") for parameter ruleNumber is invalid. Rule number must be between 1 and 32766.", entry->RuleNumber.v);
  if (entry->CidrBlock && !cidr_parse(entry->CidrBlock, &cidr))
    return error_answer("InvalidParameterValue", "Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", entry->CidrBlock);
  if (entry->Ipv6CidrBlock && (!range_parse(entry->Ipv6CidrBlock, &range) || range_is4(&range)))
    return error_answer("InvalidParameterValue", "Value (%s) for parameter ipv6CidrBlock is invalid. This is not a valid IPv6 CIDR block.", entry->Ipv6CidrBlock);
  if (entry->CidrBlock && entry->Ipv6CidrBlock)
    return error_answer("InvalidParameterCombination", "The parameters CidrBlock and Ipv6CidrBlock cannot be used together");
  if (!entry->CidrBlock && !entry->Ipv6CidrBlock)
    return error_answer("MissingParameter", "The request must contain the parameter CidrBlock or Ipv6CidrBlock");
  if (!entry->Protocol || !entry->RuleAction)
    return error_answer("MissingParameter", "The request must contain the parameters protocol and ruleAction");
  if (!g_ascii_string_to_signed(entry->Protocol, 10, -1, 255, &number, NULL))
    return error_answer("InvalidParameterValue", "Value (%s) for parameter protocol is invalid. Unknown protocol", entry->Protocol);
  if (strcmp(entry->RuleAction, "allow") != 0 && strcmp(entry->RuleAction, "deny") != 0)
    return error_answer("InvalidParameterValue", "Value (%s) for parameter ruleAction is invalid.", entry->RuleAction);
  if (entry->PortRange && (entry->PortRange->From.v < 0 || entry->PortRange->To.v > 65535 || entry->PortRange->From.v > entry->PortRange->To.v))
    return error_answer("InvalidParameterValue", "Value (%" G_GINT64_FORMAT "-%" G_GINT64_FORMAT ") for parameter portRange is invalid.", entry->PortRange->From.v, entry->PortRange->To.v);
  if ((strcmp(entry->Protocol, "6") == 0 || strcmp(entry->Protocol, "17") == 0) && !entry->PortRange)
    return error_answer("MissingParameter", "The request must contain the parameter PortRange for TCP and UDP");
  return NULL;
}

static Error *put_acl(Call *call, Ec2NetworkAcl *acl) {
  qsort(acl->Entries.v, acl->Entries.n, sizeof *acl->Entries.v, compare_entries);
  TRY(ec2_put(call, &ec2_acls, acl));
  return ec2_part_changed(call, acl->VpcId, &ec2_acls, acl->NetworkAclId);
}

/* "tcp" and the like are taken as their numbers. */
static const char *protocol_number(const char *protocol) {
  static const char *const names[][2] = {{"tcp", "6"}, {"udp", "17"}, {"icmp", "1"}, {"all", "-1"}};
  for (gsize i = 0; protocol && i < G_N_ELEMENTS(names); i++)
    if (g_ascii_strcasecmp(protocol, names[i][0]) == 0)
      return names[i][1];
  return protocol;
}

#define ENTRY(in) ((Ec2NetworkAclEntry){.RuleNumber = (in)->RuleNumber, .Egress = OPT_BOOL((in)->Egress.v), .RuleAction = (in)->RuleAction, \
  .Protocol = protocol_number((in)->Protocol), .CidrBlock = (in)->CidrBlock, .Ipv6CidrBlock = (in)->Ipv6CidrBlock, .PortRange = (in)->PortRange, .IcmpTypeCode = (in)->IcmpTypeCode})

OPERATION(CreateNetworkAclEntry, create_network_acl_entry, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_network_acl_entry(Call *call, const Ec2CreateNetworkAclEntryInput *in, Ec2CreateNetworkAclEntryOutput *ret_out) {
  Ec2NetworkAcl *acl = NULL;
  TRY(ec2_get(call, &ec2_acls, in->NetworkAclId, &acl));
  Ec2NetworkAclEntry *entry = ARENA_NEW(call->arena, Ec2NetworkAclEntry);
  *entry = ENTRY(in);
  TRY(check_entry(entry));
  if (entry_at(acl, in->RuleNumber.v, in->Egress.v) >= 0)
    return error_answer("NetworkAclEntryAlreadyExists", "The network acl entry identified by %" G_GINT64_FORMAT " already exists.", in->RuleNumber.v);
  gsize same = 0;
  for (gsize i = 0; i < acl->Entries.n; i++)
    same += acl->Entries.v[i]->Egress.v == in->Egress.v && acl->Entries.v[i]->RuleNumber.v < LAST_RULE;
  if (same >= ENTRIES_MAX)
    return error_answer("NetworkAclEntryLimitExceeded", "The maximum number of network acl entries has been reached.");
  LIST_APPEND(call->arena, &acl->Entries, entry);
  return put_acl(call, acl);
}

static Error *no_entry(gint64 number) {
  return error_answer("InvalidNetworkAclEntry.NotFound", "The network acl entry identified by %" G_GINT64_FORMAT " does not exist.", number);
}

OPERATION(ReplaceNetworkAclEntry, replace_network_acl_entry, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *replace_network_acl_entry(Call *call, const Ec2ReplaceNetworkAclEntryInput *in, Ec2ReplaceNetworkAclEntryOutput *ret_out) {
  Ec2NetworkAcl *acl = NULL;
  TRY(ec2_get(call, &ec2_acls, in->NetworkAclId, &acl));
  Ec2NetworkAclEntry entry = ENTRY(in);
  TRY(check_entry(&entry));
  gssize at = entry_at(acl, in->RuleNumber.v, in->Egress.v);
  if (at < 0)
    return no_entry(in->RuleNumber.v);
  *acl->Entries.v[at] = entry;
  return put_acl(call, acl);
}

OPERATION(DeleteNetworkAclEntry, delete_network_acl_entry, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_network_acl_entry(Call *call, const Ec2DeleteNetworkAclEntryInput *in, Ec2DeleteNetworkAclEntryOutput *ret_out) {
  Ec2NetworkAcl *acl = NULL;
  TRY(ec2_get(call, &ec2_acls, in->NetworkAclId, &acl));
  gssize at = in->RuleNumber.v < LAST_RULE ? entry_at(acl, in->RuleNumber.v, in->Egress.v) : -1;
  if (at < 0)
    return no_entry(in->RuleNumber.v);
  acl->Entries.v[at] = acl->Entries.v[--acl->Entries.n];
  return put_acl(call, acl);
}

OPERATION(ReplaceNetworkAclAssociation, replace_network_acl_association, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *replace_network_acl_association(Call *call, const Ec2ReplaceNetworkAclAssociationInput *in, Ec2ReplaceNetworkAclAssociationOutput *ret_out) {
  Ec2Records acls = {0};
  const char *subnet = NULL;
  Ec2NetworkAcl *to = NULL;
  TRY(ec2_all(call, &ec2_acls, &acls));
  for (gsize i = 0; i < acls.n; i++)
    for (gsize j = 0; j < ((Ec2NetworkAcl *) acls.v[i])->Associations.n; j++)
      if (g_strcmp0(((Ec2NetworkAcl *) acls.v[i])->Associations.v[j]->NetworkAclAssociationId, in->AssociationId) == 0)
        subnet = ((Ec2NetworkAcl *) acls.v[i])->Associations.v[j]->SubnetId;
  if (!subnet)
    return error_answer("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", in->AssociationId);
  TRY(ec2_get(call, &ec2_acls, in->NetworkAclId, &to));
  TRY(ec2_acl_associate(call, in->NetworkAclId, subnet));
  TRY(ec2_get(call, &ec2_acls, in->NetworkAclId, &to));
  ret_out->NewAssociationId = to->Associations.v[to->Associations.n - 1]->NetworkAclAssociationId;
  ec2_changed_now(call, to->VpcId);
  return NULL;
}
