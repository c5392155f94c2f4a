/* Whether a record set may be: what is about it alone, and what is about the zone.
 * https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html */
#include "services/route53/route53.h"

#include <string.h>

enum { VALUES_MAX = 400 };

const char *
routing_policy(const Route53ResourceRecordSet *set)
{
  if (set->Weight.set)
    return "weighted";
  if (set->Failover)
    return "failover";
  if (set->Region)
    return "latency";
  if (set->GeoLocation)
    return "geolocation";
  return OPT_OR(set->MultiValueAnswer, FALSE) ? "multivalue answer" : "simple";
}

static const char *
check_values(Arena *arena, const Route53ResourceRecordSet *set)
{
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  for (gsize i = 0; i < set->ResourceRecords.n; i++) {
    const char *value = set->ResourceRecords.v[i]->Value, *problem = rdata_problem(arena, set->Type, value);
    if (problem)
      return arena_printf(arena, "Invalid Resource Record: '%s'", problem);
    if (!g_hash_table_add(seen, (gpointer) value))
      return arena_printf(arena, "Duplicate Resource Record: '%s'", value);
  }
  if (set->ResourceRecords.n > VALUES_MAX)
    return arena_printf(arena, "Number of records limit of %d exceeded.", VALUES_MAX);
  if (!strcmp(set->Type, "CNAME") && set->ResourceRecords.n > 1)
    return arena_printf(arena, "RRSet of type CNAME with DNS name %s has more than one resource record.", set->Name);
  return NULL;
}

/* Aliases within haar's zones have to lead to something; others are names of services. */
static const char *
check_alias(Call *call, const Route53ZoneRecord *zone, const Route53ResourceRecordSet *set)
{
  const Route53AliasTarget *alias = set->AliasTarget;
  const char *target = domain_name(call->arena, alias->DNSName), *own = plain_id(zone->Zone->Id);
  if (!target)
    return arena_printf(call->arena, "Invalid alias target DNS name: '%s'", alias->DNSName);
  if (!strcmp(set->Type, "NS") || !strcmp(set->Type, "SOA"))
    return arena_printf(call->arena, "RRSet with DNS name %s, type %s, cannot be an alias", set->Name, set->Type);
  if (domain_within(target, "cloudfront.net.") && OPT_OR(alias->EvaluateTargetHealth, FALSE))
    return "EvaluateTargetHealth cannot be true for an alias whose target is a CloudFront distribution.";
  if (strcmp(plain_id(alias->HostedZoneId), own))
    return NULL;
  const char *where = arena_printf(call->arena, "Tried to create an alias that targets %s, type %s in zone %s, but", target, set->Type, own);
  if (!domain_within(target, zone->Zone->Name))
    return arena_printf(call->arena, "%s the alias target name does not lie within the target zone", where);
  return NULL;
}

const char *
record_set_problem(Call *call, const Route53ZoneRecord *zone, const Route53ResourceRecordSet *set)
{
  gboolean apex = !strcmp(set->Name, zone->Zone->Name);
  if (!domain_within(set->Name, zone->Zone->Name))
    return arena_printf(call->arena, "RRSet with DNS name %s is not permitted in zone %s", set->Name, zone->Zone->Name);
  if (apex && !strcmp(set->Type, "CNAME"))
    return arena_printf(call->arena, "RRSet of type CNAME with DNS name %s is not permitted at apex in zone %s", set->Name, zone->Zone->Name);
  if (!apex && !strcmp(set->Type, "SOA"))
    return arena_printf(call->arena, "RRSet of type SOA with DNS name %s is only permitted at apex in zone %s", set->Name, zone->Zone->Name);
  if (OPT_OR(set->MultiValueAnswer, FALSE) && (!strcmp(set->Type, "NS") || !strcmp(set->Type, "CNAME")))
    return arena_printf(call->arena, "RRSet with DNS name %s, type %s, cannot be a multivalue answer", set->Name, set->Type);
  return set->AliasTarget ? check_alias(call, zone, set) : check_values(call->arena, set);
}
