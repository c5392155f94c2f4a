/* Which records answer: routing policies and health.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-how-route-53-chooses-records.html */
#include "services/route53/route53.h"

#include <string.h>

enum { DEPTH_MAX = 8, MULTIVALUE_MAX = 8 };

typedef struct Chooser {
  const DnsQuestion *question;
  DnsZone *zone;
  guint depth;
} Chooser;

static gboolean is_good(const Chooser *chooser, const Route53ResourceRecordSet *set);

/* An alias to records of the zone is healthy if one of them is; one to a service is. */
static gboolean
target_is_good(const Chooser *chooser, const Route53ResourceRecordSet *set)
{
  const Route53AliasTarget *alias = set->AliasTarget;
  const GPtrArray *sets = g_hash_table_lookup(chooser->zone->names, alias->DNSName);
  Chooser below = {chooser->question, chooser->zone, chooser->depth + 1};
  gboolean found = FALSE;
  if (strcmp(plain_id(alias->HostedZoneId), chooser->zone->id) || below.depth > DEPTH_MAX)
    return TRUE;
  for (guint i = 0; sets && i < sets->len; i++) {
    const Route53ResourceRecordSet *target = sets->pdata[i];
    if (strcmp(target->Type, set->Type))
      continue;
    found = TRUE;
    if (is_good(&below, target))
      return TRUE;
  }
  return !found;
}

static gboolean
is_good(const Chooser *chooser, const Route53ResourceRecordSet *set)
{
  const DnsQuestion *question = chooser->question;
  if (set->HealthCheckId && !question->healthy(question->data, set->HealthCheckId))
    return FALSE;
  return !set->AliasTarget || !OPT_OR(set->AliasTarget->EvaluateTargetHealth, FALSE) || target_is_good(chooser, set);
}

static guint
random_below(guint n)
{
  guint32 value = 0;
  id_random(&value, sizeof value);
  return value % n;
}

/* --- weighted --- */

/* One of the records by weight; equal shares if all weights are 0. NULL: there are none. */
static const Route53ResourceRecordSet *
draw(const GPtrArray *sets)
{
  guint sum = 0, at = 0;
  for (guint i = 0; i < sets->len; i++)
    sum += (guint) ((const Route53ResourceRecordSet *) sets->pdata[i])->Weight.v;
  if (!sets->len)
    return NULL;
  if (!sum)
    return sets->pdata[random_below(sets->len)];
  guint drawn = random_below(sum);
  for (guint i = 0; i < sets->len; i++) {
    at += (guint) ((const Route53ResourceRecordSet *) sets->pdata[i])->Weight.v;
    if (drawn < at)
      return sets->pdata[i];
  }
  return NULL;
}

/* Those of weight 0 are considered only when all others are unhealthy. */
static const Route53ResourceRecordSet *
choose_weighted(const Chooser *chooser, const GPtrArray *sets)
{
  g_autoptr(GPtrArray) weighing = g_ptr_array_new(), zero = g_ptr_array_new(), all = g_ptr_array_new();
  for (guint i = 0; i < sets->len; i++) {
    const Route53ResourceRecordSet *set = sets->pdata[i];
    g_ptr_array_add(all, (gpointer) set);
    if (is_good(chooser, set))
      g_ptr_array_add(set->Weight.v ? weighing : zero, (gpointer) set);
  }
  return draw(weighing->len ? weighing : zero->len ? zero : all);
}

/* --- failover --- */

static const Route53ResourceRecordSet *
choose_failover(const Chooser *chooser, const GPtrArray *sets)
{
  const Route53ResourceRecordSet *primary = NULL, *secondary = NULL;
  for (guint i = 0; i < sets->len; i++) {
    const Route53ResourceRecordSet *set = sets->pdata[i];
    if (!strcmp(set->Failover, "PRIMARY"))
      primary = set;
    else
      secondary = set;
  }
  if (!primary || !secondary)
    return primary ? primary : secondary;
  return !is_good(chooser, primary) && is_good(chooser, secondary) ? secondary : primary;
}

/* --- latency: the region that asks, then those of its continent, then the others --- */

static guint
distance(const char *from, const char *to)
{
  if (!strcmp(from, to))
    return 0;
  gsize area = strcspn(from, "-");
  return strncmp(from, to, area + 1) ? 2 : 1;
}

static const Route53ResourceRecordSet *
choose_latency(const Chooser *chooser, const GPtrArray *sets)
{
  const Route53ResourceRecordSet *best = NULL;
  for (int any = 0; any <= 1 && !best; any++)
    for (guint i = 0; i < sets->len; i++) {
      const Route53ResourceRecordSet *set = sets->pdata[i];
      if ((any || is_good(chooser, set)) &&
          (!best || distance(chooser->question->region, set->Region) < distance(chooser->question->region, best->Region)))
        best = set;
    }
  return best;
}

/* --- geolocation: where the region's users are taken to be --- */

typedef struct Place { const char *region, *country, *continent; } Place;
static const Place places[] = {
  {"af-south-1", "ZA", "AF"},     {"ap-east-1", "HK", "AS"},      {"ap-northeast-1", "JP", "AS"}, {"ap-northeast-2", "KR", "AS"},
  {"ap-northeast-3", "JP", "AS"}, {"ap-south-1", "IN", "AS"},     {"ap-southeast-1", "SG", "AS"}, {"ap-southeast-2", "AU", "OC"},
  {"ca-central-1", "CA", "NA"},   {"eu-central-1", "DE", "EU"},   {"eu-north-1", "SE", "EU"},     {"eu-west-1", "IE", "EU"},
  {"eu-west-2", "GB", "EU"},      {"eu-west-3", "FR", "EU"},      {"me-south-1", "BH", "AS"},     {"sa-east-1", "BR", "SA"},
  {"us-east-1", "US", "NA"},      {"us-east-2", "US", "NA"},      {"us-west-1", "US", "NA"},      {"us-west-2", "US", "NA"},
};

/* 3: the country, 2: the continent, 1: the default, 0: another place. */
static guint
nearness(const char *region, const Route53GeoLocation *location)
{
  for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
    if (strcmp(places[i].region, region))
      continue;
    if (!location->SubdivisionCode && !g_strcmp0(location->CountryCode, places[i].country))
      return 3;
    if (!g_strcmp0(location->ContinentCode, places[i].continent))
      return 2;
  }
  return g_strcmp0(location->CountryCode, "*") ? 0 : 1;
}

static const Route53ResourceRecordSet *
choose_location(const Chooser *chooser, const GPtrArray *sets)
{
  const Route53ResourceRecordSet *best = NULL;
  for (int any = 0; any <= 1 && !best; any++) {
    guint nearest = 0;
    for (guint i = 0; i < sets->len; i++) {
      const Route53ResourceRecordSet *set = sets->pdata[i];
      guint near = nearness(chooser->question->region, set->GeoLocation);
      if (near > nearest && (any || is_good(chooser, set))) {
        nearest = near;
        best = set;
      }
    }
  }
  return best;
}

/* --- multivalue answer: up to eight healthy ones, at random --- */

static void
choose_many(const Chooser *chooser, const GPtrArray *sets, GPtrArray *ret_chosen)
{
  g_autoptr(GPtrArray) good = g_ptr_array_new();
  for (guint i = 0; i < sets->len; i++)
    if (is_good(chooser, sets->pdata[i]))
      g_ptr_array_add(good, sets->pdata[i]);
  for (guint i = 0; !good->len && i < sets->len; i++)
    g_ptr_array_add(good, sets->pdata[i]);
  for (guint n = 0; n < MULTIVALUE_MAX && good->len; n++)
    g_ptr_array_add(ret_chosen, g_ptr_array_remove_index_fast(good, random_below(good->len)));
}

/* --- all --- */

void
dns_choose(const DnsQuestion *question, DnsZone *zone, const GPtrArray *sets, const char *type, GPtrArray *ret_chosen)
{
  g_autoptr(GPtrArray) candidates = g_ptr_array_new();
  const Chooser chooser = {question, zone, 0};
  for (guint i = 0; i < sets->len; i++)
    if (!strcmp(((const Route53ResourceRecordSet *) sets->pdata[i])->Type, type))
      g_ptr_array_add(candidates, sets->pdata[i]);
  if (!candidates->len)
    return;
  const Route53ResourceRecordSet *first = candidates->pdata[0], *chosen = first;
  if (first->Weight.set)
    chosen = choose_weighted(&chooser, candidates);
  else if (first->Failover)
    chosen = choose_failover(&chooser, candidates);
  else if (first->Region)
    chosen = choose_latency(&chooser, candidates);
  else if (first->GeoLocation)
    chosen = choose_location(&chooser, candidates);
  else if (OPT_OR(first->MultiValueAnswer, FALSE)) {
    choose_many(&chooser, candidates, ret_chosen);
    return;
  }
  if (chosen)
    g_ptr_array_add(ret_chosen, (gpointer) chosen);
}
