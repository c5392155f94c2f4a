/* Hosted zones. https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHostedZone.html */
#include "services/route53/route53.h"

#include <stdlib.h>
#include <string.h>

#include "services/ec2.gen.h"

enum { ZONES_MAX = 500, RECORDS_MAX = 10000, VPCS_MAX = 300, CHECKS_MAX = 200, SETS_MAX = 100, NS_TTL = 172800, SOA_TTL = 900 };

static Error *
no_domain(const char *text)
{
  return error_answer("InvalidDomainName", "The domain name '%s' is not valid: labels are 1 to 63 characters, a name at most 255", text);
}

/* --- VPCs --- */

static Error *
check_vpc(Call *call, const Route53VPC *vpc)
{
  if (!vpc->VPCId || !vpc->VPCRegion)
    return error_answer("InvalidInput", "When you specify a VPC, you must specify values for both VPCId and VPCRegion.");
  Call in_region = *call;
  in_region.region = vpc->VPCRegion;
  Ec2DescribeVpcsInput in = {0};
  Ec2DescribeVpcsOutput out = {0};
  LIST_APPEND(call->arena, &in.VpcIds, vpc->VPCId);
  g_autoptr(Error) error = call_operation(&in_region, &Ec2OperationDescribeVpcs, principal_service(call->arena, "route53", call->account), NULL, &in, &out);
  if (error_is(error, "InvalidVpcID.NotFound"))
    return error_answer("InvalidVPCId", "The VPC: %s you have provided is not authorized to make the association, or does not exist in region %s",
                        vpc->VPCId, vpc->VPCRegion);
  return g_steal_pointer(&error);
}

static gboolean
has_vpc(const Route53ZoneRecord *zone, const Route53VPC *vpc)
{
  for (gsize i = 0; i < zone->Vpcs.n; i++)
    if (!g_strcmp0(zone->Vpcs.v[i]->VPCId, vpc->VPCId) && !g_strcmp0(zone->Vpcs.v[i]->VPCRegion, vpc->VPCRegion))
      return TRUE;
  return FALSE;
}

/* The private name of an interface endpoint is a zone of AWS's in the VPC. name: with a dot at the end. */
static Error *
check_endpoints(Call *call, const char *name, const Route53VPC *vpc)
{
  Call in_region = *call;
  in_region.region = vpc->VPCRegion;
  Ec2Filter filter = {.Name = "vpc-id"};
  Ec2DescribeVpcEndpointsInput in = {0};
  Ec2DescribeVpcEndpointsOutput out = {0};
  LIST_APPEND(call->arena, &filter.Values, vpc->VPCId);
  LIST_APPEND(call->arena, &in.Filters, &filter);
  TRY(call_operation(&in_region, &Ec2OperationDescribeVpcEndpoints, principal_service(call->arena, "route53", call->account), NULL, &in, &out));
  for (gsize i = 0; i < out.VpcEndpoints.n; i++) {
    const Ec2VpcEndpoint *endpoint = out.VpcEndpoints.v[i];
    const char *dot = strrchr(endpoint->ServiceName, '.');
    g_autofree char *own = dot ? g_strdup_printf("%s.%s.amazonaws.com.", dot + 1, vpc->VPCRegion) : NULL;
    if (endpoint->PrivateDnsEnabled.v && own && g_ascii_strcasecmp(own, name) == 0)
      return error_answer("ConflictingDomainExists", "The VPC %s in region %s has already been associated with the hosted zone of the VPC endpoint %s with the same "
                          "domain name.", vpc->VPCId, vpc->VPCRegion, endpoint->VpcEndpointId);
  }
  return NULL;
}

/* Two zones of one name would both answer in the VPC. */
static Error *
check_conflict(Call *call, const ZoneRecords *zones, const char *name, const Route53VPC *vpc)
{
  for (gsize i = 0; i < zones->n; i++)
    if (!strcmp(zones->v[i]->Zone->Name, name) && has_vpc(zones->v[i], vpc))
      return error_answer("ConflictingDomainExists",
                          "The VPC %s in region %s has already been associated with the hosted zone %s with the same domain name.", vpc->VPCId,
                          vpc->VPCRegion, plain_id(zones->v[i]->Zone->Id));
  return check_endpoints(call, name, vpc);
}

OPERATION(AssociateVPCWithHostedZone, associate_vpc, .txn = TXN_WRITE, .authorize = zone_resource)
static Error *
associate_vpc(Call *call, const Route53AssociateVPCWithHostedZoneInput *in, Route53AssociateVPCWithHostedZoneOutput *ret_out)
{
  Route53ZoneRecord *zone = NULL;
  ZoneRecords zones = {0};
  TRY(zone_get(call, in->HostedZoneId, &zone));
  if (!zone->Zone->Config->PrivateZone.v)
    return error_answer("PublicZoneVPCAssociation", "You're trying to associate a VPC with a public hosted zone. Amazon Route 53 doesn't support that.");
  TRY(check_vpc(call, in->VPC));
  TRY(zones_all(call, &zones));
  TRY(check_conflict(call, &zones, zone->Zone->Name, in->VPC));
  if (zone->Vpcs.n >= VPCS_MAX)
    return error_answer("LimitsExceeded", "Limits Exceeded: MaxVPCAssociationsPerHostedZone - Cannot associate more than %d VPCs", VPCS_MAX);
  LIST_APPEND(call->arena, &zone->Vpcs, in->VPC);
  TRY(zone_put(call, zone));
  return change_make(call, in->Comment, &ret_out->ChangeInfo);
}

OPERATION(DisassociateVPCFromHostedZone, disassociate_vpc, .txn = TXN_WRITE, .authorize = zone_resource)
static Error *
disassociate_vpc(Call *call, const Route53DisassociateVPCFromHostedZoneInput *in, Route53DisassociateVPCFromHostedZoneOutput *ret_out)
{
  Route53ZoneRecord *zone = NULL;
  gsize kept = 0;
  TRY(zone_get(call, in->HostedZoneId, &zone));
  if (!has_vpc(zone, in->VPC))
    return error_answer("VPCAssociationNotFound", "The VPC: %s and hosted zone are not associated.", in->VPC->VPCId ? in->VPC->VPCId : "");
  if (zone->Vpcs.n == 1)
    return error_answer("LastVPCAssociation", "Cannot remove the last VPC association for the private zone");
  for (gsize i = 0; i < zone->Vpcs.n; i++)
    if (g_strcmp0(zone->Vpcs.v[i]->VPCId, in->VPC->VPCId))
      zone->Vpcs.v[kept++] = zone->Vpcs.v[i];
  zone->Vpcs.n = kept;
  TRY(zone_put(call, zone));
  return change_make(call, in->Comment, &ret_out->ChangeInfo);
}

/* --- one zone --- */

static Route53ResourceRecordSet *
own_record(Arena *arena, const char *name, const char *type, gint64 ttl)
{
  Route53ResourceRecordSet *set = ARENA_NEW(arena, Route53ResourceRecordSet);
  *set = (Route53ResourceRecordSet) {.Name = name, .Type = type, .TTL = OPT_INT(ttl)};
  return set;
}

static void
add_value(Arena *arena, Route53ResourceRecordSet *set, const char *value)
{
  Route53ResourceRecord *record = ARENA_NEW(arena, Route53ResourceRecord);
  record->Value = value;
  LIST_APPEND(arena, &set->ResourceRecords, record);
}

static Error *
put_own_records(Call *call, const Route53ZoneRecord *zone)
{
  Arena *arena = call->arena;
  const char *id = plain_id(zone->Zone->Id), *name = zone->Zone->Name;
  Route53ResourceRecordSet *ns = own_record(arena, name, "NS", NS_TTL), *soa = own_record(arena, name, "SOA", SOA_TTL);
  const StringList *servers = &zone->DelegationSet->NameServers;
  for (gsize i = 0; i < servers->n; i++)
    add_value(arena, ns, arena_printf(arena, "%s.", servers->v[i]));
  add_value(arena, soa, arena_printf(arena, "%s. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400", servers->v[0]));
  TRY(record_set_put(call, id, ns));
  return record_set_put(call, id, soa);
}

static Error *
check_create(Call *call, const Route53CreateHostedZoneInput *in, const char *name)
{
  ZoneRecords zones = {0};
  TRY(zones_all(call, &zones));
  if (!in->VPC && in->HostedZoneConfig && OPT_OR(in->HostedZoneConfig->PrivateZone, FALSE))
    return error_answer("InvalidInput", "When you're creating a private hosted zone (when you specify true for PrivateZone), you must also specify "
                                        "values for VPCId and VPCRegion.");
  for (gsize i = 0; i < zones.n; i++)
    if (!strcmp(zones.v[i]->Zone->CallerReference, in->CallerReference))
      return error_answer("HostedZoneAlreadyExists", "A hosted zone has already been created with the specified caller reference.");
  if (zones.n >= ZONES_MAX)
    return error_answer("TooManyHostedZones", "Limits Exceeded: MaxHostedZones - Cannot create more than %d hosted zones", ZONES_MAX);
  if (!in->VPC)
    return NULL;
  TRY(check_vpc(call, in->VPC));
  return check_conflict(call, &zones, name, in->VPC);
}

static Error *
choose_set(Call *call, const Route53CreateHostedZoneInput *in, Route53DelegationSet **ret_set)
{
  Route53DelegationRecord *record = NULL;
  if (in->DelegationSetId)
    TRY(delegation_get(call, in->DelegationSetId, &record));
  *ret_set = record ? record->Set : delegation_make(call->arena, in->VPC != NULL);
  return NULL;
}

OPERATION(CreateHostedZone, create_hosted_zone, .txn = TXN_WRITE)
static Error *
create_hosted_zone(Call *call, const Route53CreateHostedZoneInput *in, Route53CreateHostedZoneOutput *ret_out)
{
  Arena *arena = call->arena;
  const char *name = domain_name(arena, in->Name);
  if (!name)
    return no_domain(in->Name);
  TRY(check_create(call, in, name));
  Route53HostedZone *zone = ARENA_NEW(arena, Route53HostedZone);
  Route53HostedZoneConfig *config = ARENA_NEW(arena, Route53HostedZoneConfig);
  config->Comment = in->HostedZoneConfig ? in->HostedZoneConfig->Comment : NULL;
  config->PrivateZone = OPT_BOOL(in->VPC != NULL);
  const char *id = arena_printf(arena, "Z%s", id_alphabet(arena, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 20));
  *zone = (Route53HostedZone) {.Id = arena_printf(arena, "/hostedzone/%s", id), .Name = name, .CallerReference = in->CallerReference,
                               .Config = config, .ResourceRecordSetCount = OPT_INT(2)};
  Route53ZoneRecord record = {.Zone = zone, .Account = call->account, .Count = OPT_INT(2)};
  if (in->VPC)
    LIST_APPEND(arena, &record.Vpcs, in->VPC);
  TRY(choose_set(call, in, &record.DelegationSet));
  TRY(put_own_records(call, &record));
  TRY(zone_put(call, &record));
  ret_out->HostedZone = zone;
  ret_out->VPC = in->VPC;
  ret_out->DelegationSet = in->VPC ? NULL : record.DelegationSet;
  ret_out->Location = arena_printf(arena, "https://route53.amazonaws.com/2013-04-01/hostedzone/%s", id);
  return change_make(call, NULL, &ret_out->ChangeInfo);
}

OPERATION(GetHostedZone, get_hosted_zone, .txn = TXN_READ, .authorize = zone_resource)
static Error *
get_hosted_zone(Call *call, const Route53GetHostedZoneInput *in, Route53GetHostedZoneOutput *ret_out)
{
  Route53ZoneRecord *zone = NULL;
  TRY(zone_get(call, in->Id, &zone));
  ret_out->HostedZone = zone->Zone;
  if (zone->Vpcs.n)
    ret_out->VPCs = zone->Vpcs;
  else
    ret_out->DelegationSet = zone->DelegationSet;
  return NULL;
}

OPERATION(UpdateHostedZoneComment, update_comment, .txn = TXN_WRITE, .authorize = zone_resource)
static Error *
update_comment(Call *call, const Route53UpdateHostedZoneCommentInput *in, Route53UpdateHostedZoneCommentOutput *ret_out)
{
  Route53ZoneRecord *zone = NULL;
  TRY(zone_get(call, in->Id, &zone));
  zone->Zone->Config->Comment = in->Comment;
  ret_out->HostedZone = zone->Zone;
  return zone_put(call, zone);
}

OPERATION(DeleteHostedZone, delete_hosted_zone, .txn = TXN_WRITE, .authorize = zone_resource)
static Error *
delete_hosted_zone(Call *call, const Route53DeleteHostedZoneInput *in, Route53DeleteHostedZoneOutput *ret_out)
{
  Route53ZoneRecord *zone = NULL;
  Key key;
  TRY(zone_get(call, in->Id, &zone));
  if (zone->Count.v > 2)
    return error_answer("HostedZoneNotEmpty",
                        "The specified hosted zone contains non-required resource record sets and so cannot be deleted.");
  const char *id = plain_id(in->Id);
  record_set_key(call->arena, &key, id, NULL, NULL, NULL);
  TRY(store_delete_prefix(call->txn, &route53_records, &key, NULL));
  key_strings(&key, id, NULL);
  TRY(store_delete(call->txn, &route53_zones, &key, NULL));
  view_changed(edge_of(call->haar)->view, call->txn, id);
  return change_make(call, NULL, &ret_out->ChangeInfo);
}

/* --- many --- */

OPERATION(ListHostedZones, list_hosted_zones, .txn = TXN_READ)
static Error *
list_hosted_zones(Call *call, const Route53ListHostedZonesInput *in, Route53ListHostedZonesOutput *ret_out)
{
  ZoneRecords zones = {0}, wanted = {0};
  Page page;
  gsize from = 0;
  TRY(zones_all(call, &zones));
  for (gsize i = 0; i < zones.n; i++) {
    const Route53DelegationSet *set = zones.v[i]->DelegationSet;
    if (!in->DelegationSetId || (set && !g_strcmp0(plain_id(set->Id), plain_id(in->DelegationSetId))))
      LIST_APPEND(call->arena, &wanted, zones.v[i]);
  }
  while (in->Marker && from < wanted.n && strcmp(plain_id(wanted.v[from]->Zone->Id), plain_id(in->Marker)) < 0)
    from++;
  TRY(zones_page(call, in->MaxItems, from, wanted.n, &page));
  LIST_EMPTY(call->arena, &ret_out->HostedZones);
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->HostedZones, wanted.v[i]->Zone);
  ret_out->Marker = in->Marker ? in->Marker : "";
  ret_out->MaxItems = page.max;
  ret_out->IsTruncated = OPT_BOOL(page.truncated);
  if (page.truncated)
    ret_out->NextMarker = plain_id(wanted.v[page.to]->Zone->Id);
  return NULL;
}

/* By name, labels reversed, then by id. */
static int
compare_zones(Arena *arena, const char *name_a, const char *id_a, const char *name_b, const char *id_b)
{
  int order = strcmp(domain_reversed(arena, name_a), domain_reversed(arena, name_b));
  return order ? order : strcmp(plain_id(id_a), plain_id(id_b));
}

static int
compare_records(gconstpointer a, gconstpointer b, gpointer arena)
{
  const Route53HostedZone *first = (*(Route53ZoneRecord *const *) a)->Zone, *second = (*(Route53ZoneRecord *const *) b)->Zone;
  return compare_zones(arena, first->Name, first->Id, second->Name, second->Id);
}

OPERATION(ListHostedZonesByName, list_by_name, .txn = TXN_READ)
static Error *
list_by_name(Call *call, const Route53ListHostedZonesByNameInput *in, Route53ListHostedZonesByNameOutput *ret_out)
{
  ZoneRecords zones = {0};
  Page page;
  gsize from = 0;
  const char *name = in->DNSName ? domain_name(call->arena, in->DNSName) : NULL, *id = in->HostedZoneId ? in->HostedZoneId : "";
  if (in->DNSName && !name)
    return no_domain(in->DNSName);
  if (in->HostedZoneId && !name)
    return error_answer("InvalidInput", "If you specify a value for HostedZoneId, you must also specify a value for DNSName.");
  TRY(zones_all(call, &zones));
  if (zones.n)
    g_qsort_with_data(zones.v, (gint) zones.n, sizeof *zones.v, compare_records, call->arena);
  while (name && from < zones.n && compare_zones(call->arena, zones.v[from]->Zone->Name, zones.v[from]->Zone->Id, name, id) < 0)
    from++;
  TRY(zones_page(call, in->MaxItems, from, zones.n, &page));
  LIST_EMPTY(call->arena, &ret_out->HostedZones);
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->HostedZones, zones.v[i]->Zone);
  ret_out->DNSName = in->DNSName;
  ret_out->HostedZoneId = in->HostedZoneId;
  ret_out->MaxItems = page.max;
  ret_out->IsTruncated = OPT_BOOL(page.truncated);
  if (page.truncated) {
    ret_out->NextDNSName = zones.v[page.to]->Zone->Name;
    ret_out->NextHostedZoneId = plain_id(zones.v[page.to]->Zone->Id);
  }
  return NULL;
}

OPERATION(ListHostedZonesByVPC, list_by_vpc, .txn = TXN_READ)
static Error *
list_by_vpc(Call *call, const Route53ListHostedZonesByVPCInput *in, Route53ListHostedZonesByVPCOutput *ret_out)
{
  ZoneRecords zones = {0}, wanted = {0};
  const Route53VPC vpc = {.VPCId = in->VPCId, .VPCRegion = in->VPCRegion};
  Page page;
  gsize from = 0;
  TRY(zones_all(call, &zones));
  for (gsize i = 0; i < zones.n; i++)
    if (has_vpc(zones.v[i], &vpc))
      LIST_APPEND(call->arena, &wanted, zones.v[i]);
  while (in->NextToken && from < wanted.n && strcmp(plain_id(wanted.v[from]->Zone->Id), in->NextToken) < 0)
    from++;
  TRY(zones_page(call, in->MaxItems, from, wanted.n, &page));
  LIST_EMPTY(call->arena, &ret_out->HostedZoneSummaries);
  for (gsize i = page.from; i < page.to; i++) {
    Route53HostedZoneSummary *summary = ARENA_NEW(call->arena, Route53HostedZoneSummary);
    summary->HostedZoneId = plain_id(wanted.v[i]->Zone->Id);
    summary->Name = wanted.v[i]->Zone->Name;
    summary->Owner = ARENA_NEW(call->arena, Route53HostedZoneOwner);
    summary->Owner->OwningAccount = call->account;
    LIST_APPEND(call->arena, &ret_out->HostedZoneSummaries, summary);
  }
  ret_out->MaxItems = page.max;
  if (page.truncated)
    ret_out->NextToken = plain_id(wanted.v[page.to]->Zone->Id);
  return NULL;
}

OPERATION(GetHostedZoneCount, get_hosted_zone_count, .txn = TXN_READ)
static Error *
get_hosted_zone_count(Call *call, const Route53GetHostedZoneCountInput *in, Route53GetHostedZoneCountOutput *ret_out)
{
  ZoneRecords zones = {0};
  TRY(zones_all(call, &zones));
  ret_out->HostedZoneCount = OPT_INT((gint64) zones.n);
  return NULL;
}

OPERATION(GetHostedZoneLimit, get_hosted_zone_limit, .txn = TXN_READ, .authorize = zone_resource)
static Error *
get_hosted_zone_limit(Call *call, const Route53GetHostedZoneLimitInput *in, Route53GetHostedZoneLimitOutput *ret_out)
{
  Route53ZoneRecord *zone = NULL;
  gboolean records = !strcmp(in->Type, "MAX_RRSETS_BY_ZONE");
  TRY(zone_get(call, in->HostedZoneId, &zone));
  if (!records && !zone->Vpcs.n)
    return error_answer("HostedZoneNotPrivate", "The hosted zone %s is not a private hosted zone.", plain_id(in->HostedZoneId));
  ret_out->Limit = ARENA_NEW(call->arena, Route53HostedZoneLimit);
  *ret_out->Limit = (Route53HostedZoneLimit) {in->Type, OPT_INT(records ? RECORDS_MAX : VPCS_MAX)};
  ret_out->Count = OPT_INT(records ? zone->Count.v : (gint64) zone->Vpcs.n);
  return NULL;
}
