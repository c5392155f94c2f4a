/* rules_network: what is wrong with the network whoever uses it: ranges, gateways, DNS, zones. */
#include "check/model.h"

#include <string.h>

/* -- ranges ------------------------------------------------------------------------------------------------------------------ */

/* https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html */
static void
check_range(Check *check, const Item *item, const Item *vpc)
{
  const char *text = item_text(item, "CidrBlock"), *outer_text = vpc ? item_text(vpc, "CidrBlock") : NULL;
  Cidr cidr, outer;
  if (!cidr_parse(text, &cidr))
    return;
  if (cidr.prefix < 16 || cidr.prefix > 28 || cidr_base(&cidr) != cidr.address)
    tell(check, &(Telling){ RULE_CIDR_OUTSIDE, CERTAINTY_CERTAIN, { item, item_property(item, "CidrBlock") },
      arena_printf(check->arena, "AWS refuses %s: The CIDR '%s' is invalid.", item->id, text),
      arena_printf(check->arena, "a range has a prefix from /16 to /28 and begins at its first address, %s/%u",
                   address_text(check->arena, cidr_base(&cidr)), cidr.prefix), "AWS documents the sizes", NULL });
  guint i = 0;
  const Item *more = item_next(check, "AWS::EC2::VPCCidrBlock", &i);
  if (vpc && !more && cidr_parse(outer_text, &outer) && (cidr.prefix < outer.prefix || !cidr_has(&outer, cidr.address)))
    tell(check, &(Telling){ RULE_CIDR_OUTSIDE, CERTAINTY_CERTAIN, { item, item_property(item, "CidrBlock") },
      arena_printf(check->arena, "AWS refuses %s: The CIDR '%s' is invalid.", item->id, text),
      arena_printf(check->arena, "%s has %s, and %s is not within it", vpc->id, outer_text, text), "both ranges are in the template", NULL });
}

static void
check_overlap(Check *check, const Item *item, const Item *vpc, guint before)
{
  Cidr cidr, other_cidr;
  const Item *other;
  if (!cidr_parse(item_text(item, "CidrBlock"), &cidr))
    return;
  for (guint i = 0; i < before && (other = item_next(check, "AWS::EC2::Subnet", &i)) != NULL;) {
    if (other == item || item_exactly(check, item_text(other, "VpcId")) != vpc || !cidr_parse(item_text(other, "CidrBlock"), &other_cidr) ||
        !cidr_overlaps(&cidr, &other_cidr))
      continue;
    if (other > item || (item_property(item, "CidrBlock") && json_string(json_get(item->resource, "Condition")) &&
                         json_string(json_get(other->resource, "Condition")) && item->maybe && other->maybe))
      continue;
    tell(check, &(Telling){ RULE_CIDR_OVERLAP, CERTAINTY_CERTAIN, { item, item_property(item, "CidrBlock") },
      arena_printf(check->arena, "AWS refuses %s: The CIDR '%s' conflicts with another subnet", item->id, item_text(item, "CidrBlock")),
      arena_printf(check->arena, "%s (line %u) has %s", other->id, other->line, item_text(other, "CidrBlock")), "both ranges are in the template", NULL });
    return;
  }
}

static void
check_subnets(Check *check)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::VPC", &i)) != NULL;)
    check_range(check, item, NULL);
  for (guint i = 0; (item = item_next(check, "AWS::EC2::Subnet", &i)) != NULL;) {
    const Item *vpc = item_exactly(check, item_text(item, "VpcId"));
    check_range(check, item, vpc);
    check_overlap(check, item, vpc, i);
  }
}

/* -- gateways ---------------------------------------------------------------------------------------------------------------- */

static void
check_nat_gateways(Check *check)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::NatGateway", &i)) != NULL;) {
    const char *text = item_text(item, "SubnetId"), *name = text ? plain_name(check, text) : NULL;
    Vpc *vpc = name ? vpc_of_subnet(check, name) : NULL;
    const Subnet *subnet = vpc ? network_subnet(vpc->network, name) : NULL;
    if (!subnet || !item_find(check, name) || g_strcmp0(item_text(item, "ConnectivityType"), "private") == 0 ||
        g_hash_table_contains(vpc->permissive, subnet->route_table) || subnet_is_public(vpc->network, subnet))
      continue;
    tell(check, &(Telling){ RULE_NAT_PRIVATE, CERTAINTY_CERTAIN, { item, item_property(item, "SubnetId") },
      arena_printf(check->arena, "what is sent through %s never leaves the VPC: connections through it hang", item->id),
      arena_printf(check->arena, "%s is in %s -> %s has no route to an internet gateway", item->id, name, subnet->route_table),
      "a public NAT gateway is put into a public subnet",
      arena_printf(check->arena, "{\"%s\": {\"Properties\": {\"SubnetId\": {\"Ref\": \"%s\"}}}}", item->id, public_subnet(check, vpc)) });
  }
}

static gboolean
depends_on(const Item *item, const char *id)
{
  const Json *depends = json_get(item->resource, "DependsOn");
  for (guint i = 0; i < list_n(depends); i++) {
    if (g_strcmp0(json_string(list_at(depends, i)), id) == 0)
      return TRUE;
  }
  return FALSE;
}

static const Item *
attachment_of(const Check *check, const Item *gateway)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::VPCGatewayAttachment", &i)) != NULL;) {
    if (item_exactly(check, item_text(item, "InternetGatewayId")) == gateway)
      return item;
  }
  return NULL;
}

/* https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-dependson.html */
static void
check_gateway_routes(Check *check)
{
  const Item *item;
  for (guint i = 0; (item = item_next(check, "AWS::EC2::Route", &i)) != NULL;) {
    const Item *gateway = item_exactly(check, item_text(item, "GatewayId"));
    if (!gateway || strcmp(gateway->type, "AWS::EC2::InternetGateway") != 0)
      continue;
    const Item *attachment = attachment_of(check, gateway);
    const char *of = item_text(item, "RouteTableId");
    if (!attachment) {
      tell(check, &(Telling){ RULE_ROUTE_BLACKHOLE, CERTAINTY_LIKELY, { item, item_property(item, "GatewayId") },
        arena_printf(check->arena, "AWS refuses %s: route table and network gateway belong to different networks", item->id),
        arena_printf(check->arena, "%s -> %s, which no AWS::EC2::VPCGatewayAttachment attaches", of ? plain_name(check, of) : item->id, gateway->id),
        "no attachment of it is in the template",
        arena_printf(check->arena, "{\"%s\": {\"Type\": \"AWS::EC2::VPCGatewayAttachment\", \"Properties\": {\"VpcId\": {\"Ref\": \"%s\"}, "
          "\"InternetGatewayId\": {\"Ref\": \"%s\"}}}}", free_id(check, "InternetGatewayAttachment"),
          check->vpcs->len ? ((Vpc *) check->vpcs->pdata[0])->id : "Vpc", gateway->id) });
    } else if (!depends_on(item, attachment->id)) {
      tell(check, &(Telling){ RULE_GATEWAY_DEPENDENCY, CERTAINTY_LIKELY, { item, NULL },
        arena_printf(check->arena, "%s may be made before the gateway is attached, and then fails: route table and network gateway belong to different "
                     "networks", item->id),
        arena_printf(check->arena, "%s refers to %s, not to %s: CloudFormation makes both at the same time", item->id, gateway->id, attachment->id),
        "which of the two is first is chance; AWS's page on DependsOn names this case",
        arena_printf(check->arena, "{\"%s\": {\"DependsOn\": \"%s\"}}", item->id, attachment->id) });
    }
  }
}

/* -- DNS --------------------------------------------------------------------------------------------------------------------- */

static void
check_dns(Check *check)
{
  for (guint i = 0; i < check->functions->len; i++) {
    const Function *function = check->functions->pdata[i];
    const Vpc *vpc = function->vpc;
    if (!vpc || !vpc->item || vpc->network->dns_support || !function->n_needs)
      continue;
    const Need *need = &function->needs[0];
    tell(check, &(Telling){ RULE_VPC_DNS_OFF, need->certainty, { vpc->item, item_property(vpc->item, "EnableDnsSupport") },
      arena_printf(check->arena, "%s finds no host name: each call fails as if the name did not exist", function->item->id),
      arena_printf(check->arena, "%s in %s -> %s has EnableDnsSupport false: there is no resolver at its base plus two", function->item->id,
                   words(check->arena, &function->subnets), vpc->id), words(check->arena, &need->because),
      arena_printf(check->arena, "{\"%s\": {\"Properties\": {\"EnableDnsSupport\": true}}}", vpc->id) });
    return;
  }
}

/* -- databases --------------------------------------------------------------------------------------------------------------- */

/* https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html */
static void
check_subnet_group(Check *check, const Item *item)
{
  const Json *list = item_property(item, "SubnetIds");
  const char *zone = NULL;
  for (guint i = 0; i < list_n(list); i++) {
    const Item *subnet = item_exactly(check, template_scalar(list_at(list, i)));
    const char *its_zone = subnet ? item_text(subnet, "AvailabilityZone") : NULL;
    if (!subnet || (list_n(list) > 1 && (!its_zone || is_unknown(check, its_zone))) || (zone && strcmp(zone, its_zone) != 0))
      return;
    zone = its_zone ? its_zone : "one zone";
  }
  if (!zone)
    return;
  tell(check, &(Telling){ RULE_ONE_ZONE, CERTAINTY_CERTAIN, { item, list },
    arena_printf(check->arena, "AWS refuses %s: The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Add subnets to cover at "
                 "least 2 AZs.", item->id),
    arena_printf(check->arena, "all of its subnets are in %s", zone), "RDS documents that a subnet group covers two zones at least", NULL });
}

void
rules_network(Check *check)
{
  const Item *item;
  check_subnets(check);
  check_nat_gateways(check);
  check_gateway_routes(check);
  check_dns(check);
  for (guint i = 0; (item = item_next(check, "AWS::RDS::DBSubnetGroup", &i)) != NULL;)
    check_subnet_group(check, item);
}
