/* network_groups: security groups and network ACLs of a template. */
#include "check/network.h"

#include <string.h>

/* -- groups ------------------------------------------------------------------------------------------------------------------ */

static int
protocol_number(const char *text)
{
  static const struct { const char *name; int number; } names[] = { { "tcp", 6 }, { "udp", 17 }, { "icmp", 1 }, { "icmpv6", 58 } };
  gint64 number;
  for (guint i = 0; text && i < G_N_ELEMENTS(names); i++) {
    if (g_ascii_strcasecmp(text, names[i].name) == 0)
      return names[i].number;
  }
  return text && g_ascii_string_to_signed(text, 10, -1, 255, &number, NULL) ? (int) number : -1;
}

const char *
json_text_at(const Json *json, const char *key)
{
  return template_scalar(json_get(json, key));
}

/* A prefix list as reach knows it: S3's, DynamoDB's, or, where it cannot be told, both. The two numbers are us-east-1's. */
static const char *
prefix_list_name(const Check *check, const char *text)
{
  const Item *item = item_exactly(check, text);
  if (item && strcmp(item->type, "AWS::EC2::PrefixList") == 0)
    return item->id;
  if (strcmp(text, "pl-63a5400a") == 0)
    return "pl-s3";
  return strcmp(text, "pl-02cd2c6b") == 0 ? "pl-dynamodb" : "pl-either";
}

static GroupRule
read_rule(Check *check, const Json *json, gboolean egress, const char *id)
{
  GroupRule rule = { .id = id, .egress = egress, .protocol = protocol_number(json_text_at(json, "IpProtocol")), .peer = PEER_CIDR, .cidr = everywhere4() };
  const char *group = json_text_at(json, egress ? "DestinationSecurityGroupId" : "SourceSecurityGroupId");
  const char *list = json_text_at(json, egress ? "DestinationPrefixListId" : "SourcePrefixListId");
  const char *cidr = json_text_at(json, "CidrIp") ? json_text_at(json, "CidrIp") : json_text_at(json, "CidrIpv6");
  rule.from_port = (int) json_number(json_get(json, "FromPort"), -1);
  rule.to_port = (int) json_number(json_get(json, "ToPort"), -1);
  if (rule.to_port == -1)
    rule.from_port = -1;
  if (group) {
    rule.peer = PEER_GROUP;
    rule.peer_id = group_name(check, group);
  } else if (list) {
    rule.peer = PEER_PREFIX_LIST;
    rule.peer_id = prefix_list_name(check, list);
  } else if (cidr && !range_parse(cidr, &rule.cidr)) {
    rule.cidr = everywhere4();
  }
  return rule;
}

static void
read_inline_rules(Check *check, const Item *item, const char *property, gboolean egress, GArray *rules)
{
  const Json *list = item_property(item, property);
  for (guint i = 0; i < list_n(list); i++) {
    const Json *json = list_at(list, i);
    const char *id = arena_printf(check->arena, "%s of %s", property, item->id);
    GroupRule open = { .id = id, .egress = egress, .protocol = -1, .from_port = -1, .to_port = -1, .peer = PEER_CIDR, .cidr = everywhere4() };
    GroupRule rule = json->type == JSON_OBJECT ? read_rule(check, json, egress, id) : open;
    g_array_append_val(rules, rule);
  }
}

/* Rules that are resources of their own. Returns how many. */
static guint
read_separate_rules(Check *check, const char *name, gboolean egress, GArray *rules)
{
  const Item *item;
  guint n = 0;
  for (guint i = 0; (item = item_next(check, egress ? "AWS::EC2::SecurityGroupEgress" : "AWS::EC2::SecurityGroupIngress", &i)) != NULL;) {
    const char *group = item_text(item, "GroupId");
    if (!group || strcmp(group_name(check, group), name) != 0)
      continue;
    GroupRule rule = read_rule(check, item->properties, egress, item->id);
    g_array_append_val(rules, rule);
    n++;
  }
  return n;
}

void
vpc_add_group(Vpc *vpc, const char *id, const GArray *rules)
{
  Network *network = vpc->network;
  SecurityGroup *more = ARENA_ARRAY(network->arena, SecurityGroup, network->n_groups + 1);
  if (network->n_groups)
    memcpy(more, network->groups, network->n_groups * sizeof *more);
  more[network->n_groups++] = (SecurityGroup){ id, id, rules->len, arena_memdup(network->arena, rules->data, rules->len * sizeof(GroupRule)) };
  network->groups = more;
}

void
rules_add_open(GArray *rules, gboolean egress, const char *id)
{
  GroupRule rule = { .id = id, .egress = egress, .protocol = -1, .from_port = -1, .to_port = -1, .peer = PEER_CIDR, .cidr = everywhere4() };
  g_array_append_val(rules, rule);
}

void
network_read_groups(Check *check)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::SecurityGroup", &i)) != NULL;) {
    g_autoptr(GArray) rules = g_array_new(FALSE, TRUE, sizeof(GroupRule));
    read_inline_rules(check, item, "SecurityGroupIngress", FALSE, rules);
    read_separate_rules(check, item->id, FALSE, rules);
    read_inline_rules(check, item, "SecurityGroupEgress", TRUE, rules);
    guint separate = read_separate_rules(check, item->id, TRUE, rules);
    if (!item_property(item, "SecurityGroupEgress") && separate == 0)
      rules_add_open(rules, TRUE, arena_printf(check->arena, "the default egress of %s", item->id));
    vpc_add_group(vpc_named(check, item, "VpcId"), item->id, rules);
  }
  for (guint i = 0; i < check->vpcs->len; i++) {
    Vpc *vpc = check->vpcs->pdata[i];
    g_autoptr(GArray) rules = g_array_new(FALSE, TRUE, sizeof(GroupRule));
    const char *id = arena_printf(check->arena, "the default group of %s", vpc->id);
    GroupRule itself = { .id = id, .protocol = -1, .from_port = -1, .to_port = -1, .peer = PEER_GROUP, .peer_id = id };
    g_array_append_val(rules, itself);
    rules_add_open(rules, TRUE, id);
    read_separate_rules(check, id, FALSE, rules);
    read_separate_rules(check, id, TRUE, rules);
    vpc_add_group(vpc, id, rules);
  }
}

/* -- network ACLs ------------------------------------------------------------------------------------------------------------ */

static gint
by_number(gconstpointer a, gconstpointer b)
{
  return ((const AclEntry *) a)->number - ((const AclEntry *) b)->number;
}

/* FALSE: the entry cannot be read. */
static gboolean
read_entry(const Item *item, AclEntry *ret_entry)
{
  const char *cidr = item_text(item, "CidrBlock") ? item_text(item, "CidrBlock") : item_text(item, "Ipv6CidrBlock");
  const char *action = item_text(item, "RuleAction");
  AclEntry entry = { .number = (int) json_number(item_property(item, "RuleNumber"), -1), .egress = item_bool(item, "Egress", FALSE),
    .allow = g_strcmp0(action, "allow") == 0, .protocol = protocol_number(item_text(item, "Protocol")) };
  entry.from_port = (int) json_number(item_property(item, "PortRange.From"), -1);
  entry.to_port = (int) json_number(item_property(item, "PortRange.To"), -1);
  *ret_entry = entry;
  return entry.number > 0 && action && !strchr(action, '$') && cidr && range_parse(cidr, &ret_entry->cidr);
}

static void
add_acl(Check *check, Vpc *vpc, const char *id)
{
  Network *network = vpc->network;
  const Item *item;
  gboolean known = TRUE;
  g_autoptr(GArray) entries = g_array_new(FALSE, TRUE, sizeof(AclEntry));
  for (guint i = 0; (item = item_next(check, "AWS::EC2::NetworkAclEntry", &i)) != NULL;) {
    const char *of = item_text(item, "NetworkAclId");
    AclEntry entry;
    if (!of || strcmp(plain_name(check, of), id) != 0)
      continue;
    known = known && read_entry(item, &entry);
    if (known)
      g_array_append_val(entries, entry);
  }
  if (!known)
    return; /* a subnet whose ACL is not there lets everything pass */
  g_array_sort(entries, by_number);
  NetworkAcl *more = ARENA_ARRAY(network->arena, NetworkAcl, network->n_acls + 1);
  if (network->n_acls)
    memcpy(more, network->acls, network->n_acls * sizeof *more);
  more[network->n_acls++] = (NetworkAcl){ id, entries->len, arena_memdup(network->arena, entries->data, entries->len * sizeof(AclEntry)) };
  network->acls = more;
}

void
network_read_acls(Check *check)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::NetworkAcl", &i)) != NULL;)
    add_acl(check, vpc_named(check, item, "VpcId"), item->id);
}
