/* network: what the files share that make networks out of a template. For network*.c. */
#pragma once

#include "check/model.h"

static inline Range
everywhere4(void)
{
  return (Range){ ip_of4(0), 0 };
}

/* The text of a member, or NULL. */
const char *json_text_at(const Json *json, const char *key);
/* The VPC that a property names, made if it is outside the template. */
Vpc *vpc_named(Check *check, const Item *item, const char *property);
/* The other VPC of a peering connection, if it is of the template too; else NULL. */
Vpc *vpc_peer_of(const Check *check, const Vpc *vpc, const Item *peering);
/* A range for a subnet of which none is known, which then is the VPC's. */
Cidr vpc_imagine_range(Vpc *vpc);
/* subnet is copied; its texts are not. */
void vpc_add_subnet(Vpc *vpc, const Subnet *subnet);
/* rules: GroupRule, copied. */
void vpc_add_group(Vpc *vpc, const char *id, const GArray *rules);
/* A rule that allows everything. */
void rules_add_open(GArray *rules, gboolean egress, const char *id);

/* In the order in which they are called: endpoints before tables, whose routes they are; interfaces last. */
void network_read_groups(Check *check);
void network_read_acls(Check *check);
void network_read_endpoints(Check *check);
void network_read_tables(Check *check);
void network_place_endpoints(Check *check);
void network_place_nat_gateways(Check *check);
