/* region: regions, zones, and what the account may have. */
#include "services/ec2/ec2.h"

#include <string.h>

static const char zone_letters[EC2_ZONES + 1] = "abcdef";
static const char *const regions[] = {
  "ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3",
  "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
};

gboolean ec2_zone_known(const Call *call, const char *zone) {
  gsize n = strlen(call->region);
  return strncmp(zone, call->region, n) == 0 && zone[n] && !zone[n + 1] && strchr(zone_letters, zone[n]);
}

/* "use1-az1" */
const char *ec2_zone_id(Call *call, const char *zone) {
  g_auto(GStrv) parts = g_strsplit(call->region, "-", 3);
  if (!parts[0] || !parts[1] || !parts[2])
    return zone;
  const char *middle = strcmp(parts[1], "east") == 0 ? "e" : strcmp(parts[1], "west") == 0 ? "w" : strcmp(parts[1], "central") == 0 ? "c"
                     : strcmp(parts[1], "northeast") == 0 ? "ne" : strcmp(parts[1], "southeast") == 0 ? "se" : strcmp(parts[1], "north") == 0 ? "n" : "s";
  return arena_printf(call->arena, "%s%s%s-az%d", parts[0], middle, parts[2], zone[strlen(call->region)] - 'a' + 1);
}

Error *ec2_zone_of_id(Call *call, const char *id, const char **ret_zone) {
  for (const char *letter = zone_letters; *letter; letter++) {
    const char *name = arena_printf(call->arena, "%s%c", call->region, *letter);
    if (strcmp(ec2_zone_id(call, name), id) == 0) {
      *ret_zone = name;
      return NULL;
    }
  }
  return error_answer("InvalidParameterValue", "Value (%s) for parameter availabilityZoneId is invalid.", id);
}

const char *ec2_internal_domain(const Call *call) {
  return strcmp(call->region, "us-east-1") == 0 ? "ec2.internal" : arena_printf(call->arena, "%s.compute.internal", call->region);
}

const char *ec2_public_name(const Call *call, const char *address) {
  g_autofree char *dashed = g_strdelimit(g_strdup(address), ".", '-');
  return strcmp(call->region, "us-east-1") == 0 ? arena_printf(call->arena, "ec2-%s.compute-1.amazonaws.com", dashed)
                                                : arena_printf(call->arena, "ec2-%s.%s.compute.amazonaws.com", dashed, call->region);
}

static const Ec2Path zone_filters[] = {{"zone-name", "ZoneName"}, {"zone-id", "ZoneId"}, {"region-name", "RegionName"}, {"state", "State"}, {"zone-type", "ZoneType"},
                                       {"opt-in-status", "OptInStatus"}, {"group-name", "GroupName"}, {"message", "Messages.Message"},
                                       {"parent-zoneID", "ParentZoneId"}, {"parent-zoneName", "ParentZoneName"}, {NULL, NULL}};

OPERATION(DescribeAvailabilityZones, describe_availability_zones, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_availability_zones(Call *call, const Ec2DescribeAvailabilityZonesInput *in, Ec2DescribeAvailabilityZonesOutput *ret_out) {
  for (gsize i = 0; i < in->ZoneNames.n; i++)
    if (!ec2_zone_known(call, in->ZoneNames.v[i]))
      return error_answer("InvalidParameterValue", "Invalid availability zone: [%s]", in->ZoneNames.v[i]);
  for (gsize i = 0; i < in->ZoneIds.n; i++) {
    const char *name = NULL;
    TRY(ec2_zone_of_id(call, in->ZoneIds.v[i], &name));
  }
  TRY(ec2_filters_check(zone_filters, &in->Filters));
  LIST_EMPTY(call->arena, &ret_out->AvailabilityZones);
  for (const char *letter = zone_letters; *letter; letter++) {
    Ec2AvailabilityZone *zone = ARENA_NEW(call->arena, Ec2AvailabilityZone);
    gboolean passes = TRUE;
    const char *name = arena_printf(call->arena, "%s%c", call->region, *letter);
    *zone = (Ec2AvailabilityZone){.State = "available", .OptInStatus = "opt-in-not-required", .RegionName = call->region, .ZoneName = name,
                                  .ZoneId = ec2_zone_id(call, name), .GroupName = call->region, .NetworkBorderGroup = call->region, .ZoneType = "availability-zone"};
    TRY(ec2_filter(call, zone_filters, &Ec2AvailabilityZone_shape, zone, &in->Filters, &passes));
    if (passes && (!in->ZoneNames.n || string_list_has(&in->ZoneNames, name)) && (!in->ZoneIds.n || string_list_has(&in->ZoneIds, zone->ZoneId)))
      LIST_APPEND(call->arena, &ret_out->AvailabilityZones, zone);
  }
  return NULL;
}

static const Ec2Path region_filters[] = {{"region-name", "RegionName"}, {"endpoint", "Endpoint"}, {"opt-in-status", "OptInStatus"}, {NULL, NULL}};

OPERATION(DescribeRegions, describe_regions, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_regions(Call *call, const Ec2DescribeRegionsInput *in, Ec2DescribeRegionsOutput *ret_out) {
  TRY(ec2_filters_check(region_filters, &in->Filters));
  for (gsize i = 0; i < in->RegionNames.n; i++) {
    gboolean known = FALSE;
    for (gsize j = 0; j < G_N_ELEMENTS(regions); j++)
      known = known || strcmp(regions[j], in->RegionNames.v[i]) == 0;
    if (!known)
      return error_answer("InvalidParameterValue", "Invalid region: [%s]", in->RegionNames.v[i]);
  }
  LIST_EMPTY(call->arena, &ret_out->Regions);
  for (gsize i = 0; i < G_N_ELEMENTS(regions); i++) {
    Ec2Region *region = ARENA_NEW(call->arena, Ec2Region);
    gboolean passes = TRUE;
    *region = (Ec2Region){.RegionName = regions[i], .Endpoint = arena_printf(call->arena, "ec2.%s.amazonaws.com", regions[i]), .OptInStatus = "opt-in-not-required"};
    TRY(ec2_filter(call, region_filters, &Ec2Region_shape, region, &in->Filters, &passes));
    if (passes && (!in->RegionNames.n || string_list_has(&in->RegionNames, regions[i])))
      LIST_APPEND(call->arena, &ret_out->Regions, region);
  }
  return NULL;
}

OPERATION(DescribeAccountAttributes, describe_account_attributes, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_account_attributes(Call *call, const Ec2DescribeAccountAttributesInput *in, Ec2DescribeAccountAttributesOutput *ret_out) {
  const Ec2Vpc *vpc = NULL;
  TRY(ec2_default_vpc(call, &vpc));
  const char *const attributes[][2] = {{"supported-platforms", "VPC"}, {"default-vpc", vpc ? vpc->VpcId : "none"}, {"vpc-max-security-groups-per-interface", "16"},
                                       {"max-elastic-ips", "100"}, {"vpc-max-elastic-ips", "100"}, {"max-instances", "0"}};
  LIST_EMPTY(call->arena, &ret_out->AccountAttributes);
  for (gsize i = 0; i < G_N_ELEMENTS(attributes); i++) {
    if (in->AttributeNames.n && !string_list_has(&in->AttributeNames, attributes[i][0]))
      continue;
    Ec2AccountAttribute *attribute = ARENA_NEW(call->arena, Ec2AccountAttribute);
    Ec2AccountAttributeValue *value = ARENA_NEW(call->arena, Ec2AccountAttributeValue);
    attribute->AttributeName = attributes[i][0];
    value->AttributeValue = attributes[i][1];
    LIST_APPEND(call->arena, &attribute->AttributeValues, value);
    LIST_APPEND(call->arena, &ret_out->AccountAttributes, attribute);
  }
  return NULL;
}
