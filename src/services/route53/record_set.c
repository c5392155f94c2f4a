/* Record sets: changes, all or nothing, and lists.
 * https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html */
#include "services/route53/route53.h"

#include <string.h>

enum { BATCH_RECORDS_MAX = 1000, BATCH_TEXT_MAX = 32000, ZONE_RECORDS_MAX = 10000 };

/* A batch on its way. */
typedef struct Batch {
  Call *call;
  Route53ZoneRecord *zone;
  const char *zone_id;
  StringList problems;
} Batch;

static void
problem(Batch *batch, const char *text)
{
  LIST_APPEND(batch->call->arena, &batch->problems, text);
}

/* --- the shape of a change --- */

static const char *
change_words(Arena *arena, const Route53Change *change)
{
  const Route53ResourceRecordSet *set = change->ResourceRecordSet;
  return arena_printf(arena, "Change with [Action=%s, Name=%s, Type=%s, SetIdentifier=%s]", change->Action, set->Name, set->Type,
                      set->SetIdentifier ? set->SetIdentifier : "null");
}

static guint
count_policies(const Route53ResourceRecordSet *set)
{
  return (guint) set->Weight.set + (set->Region != NULL) + (set->Failover != NULL) + (set->GeoLocation != NULL) +
         OPT_OR(set->MultiValueAnswer, FALSE) + (set->CidrRoutingConfig != NULL);
}

static Error *
check_shape(Arena *arena, const Route53Change *change)
{
  const Route53ResourceRecordSet *set = change->ResourceRecordSet;
  guint policies = count_policies(set);
  gboolean values = set->TTL.set && set->ResourceRecords.n;
  const char *where = change_words(arena, change);
  if (set->AliasTarget && (set->TTL.set || set->ResourceRecords.n))
    return error_answer("InvalidInput", "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
                                        "TrafficPolicyInstanceId], but found more than one in %s", where);
  if (!set->AliasTarget && !values && (set->TTL.set || set->ResourceRecords.n))
    return error_answer("InvalidInput", "Invalid request: Missing field '%s' in %s", set->TTL.set ? "ResourceRecords" : "TTL", where);
  if (!set->AliasTarget && !values)
    return error_answer("InvalidInput", "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
                                        "TrafficPolicyInstanceId], but found none in %s", where);
  if (policies > 1)
    return error_answer("InvalidInput", "Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, MultiValueAnswer, or "
                                        "CidrRoutingConfig], but found more than one in %s", where);
  if (policies && !set->SetIdentifier)
    return error_answer("InvalidInput", "Invalid request: Missing field 'SetIdentifier' in %s", where);
  if (!policies && set->SetIdentifier)
    return error_answer("InvalidInput", "Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, MultiValueAnswer, or "
                                        "CidrRoutingConfig], but found none in %s", where);
  if (set->CidrRoutingConfig || set->TrafficPolicyInstanceId)
    return error_answer("InvalidInput", "haar does not have %s yet; %s", set->CidrRoutingConfig ? "IP-based routing" : "traffic policies", where);
  return NULL;
}

static Error *
check_batch(Call *call, const Route53ChangeBatch *batch)
{
  gsize records = 0, text = 0;
  for (gsize i = 0; i < batch->Changes.n; i++) {
    const Route53Change *change = batch->Changes.v[i];
    gsize weight = strcmp(change->Action, "UPSERT") ? 1 : 2;
    TRY(check_shape(call->arena, change));
    for (gsize j = 0; j < change->ResourceRecordSet->ResourceRecords.n; j++)
      text += weight * strlen(change->ResourceRecordSet->ResourceRecords.v[j]->Value);
    records += weight * MAX(change->ResourceRecordSet->ResourceRecords.n, 1);
  }
  if (records > BATCH_RECORDS_MAX)
    return error_answer("InvalidChangeBatch", "[Number of records limit of %d exceeded.]", BATCH_RECORDS_MAX);
  if (text > BATCH_TEXT_MAX)
    return error_answer("InvalidChangeBatch", "[Number of characters limit of %d exceeded.]", BATCH_TEXT_MAX);
  return NULL;
}

/* --- what is there of the name already --- */

typedef struct Sets { gsize n; Route53ResourceRecordSet **v; } Sets;

static Error *
sets_of_name(Batch *batch, const char *name, Sets *ret_sets)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  record_set_key(batch->call->arena, &prefix, batch->zone_id, name, NULL, NULL);
  TRY(cursor_open(batch->call->txn, &route53_records, &(CursorOptions) {.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *set = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(batch->call->arena, &Route53ResourceRecordSet_shape, data, size, &set));
    LIST_APPEND(batch->call->arena, ret_sets, (Route53ResourceRecordSet *) set);
  }
  return NULL;
}

static const char *
conflict(Batch *batch, const Route53ResourceRecordSet *set, const Route53ResourceRecordSet *other)
{
  Arena *arena = batch->call->arena;
  const char *zone = batch->zone->Zone->Name;
  gboolean cname = !strcmp(set->Type, "CNAME"), other_cname = !strcmp(other->Type, "CNAME");
  if (cname && !other_cname)
    return arena_printf(arena, "RRSet of type CNAME with DNS name %s is not permitted as it conflicts with other records with the same DNS name in zone %s",
                        set->Name, zone);
  if (!cname && other_cname)
    return arena_printf(arena, "RRSet of type %s with DNS name %s is not permitted because a conflicting RRSet of type CNAME with the same DNS name "
                               "already exists in zone %s", set->Type, set->Name, zone);
  if (strcmp(set->Type, other->Type) || !g_strcmp0(set->SetIdentifier, other->SetIdentifier))
    return NULL;
  if (strcmp(routing_policy(set), routing_policy(other)))
    return arena_printf(arena, "RRSet with DNS name %s, type %s, SetIdentifier %s cannot be created as other RRSets exist with the same name and type.",
                        set->Name, set->Type, set->SetIdentifier ? set->SetIdentifier : "null");
  if ((set->Failover && !strcmp(set->Failover, other->Failover)) || (set->Region && !strcmp(set->Region, other->Region)))
    return arena_printf(arena, "RRSet with DNS name %s, type %s, SetIdentifier %s and %s %s cannot be created because an RRSet with the same %s exists.",
                        set->Name, set->Type, set->SetIdentifier, set->Failover ? "failover" : "region",
                        set->Failover ? set->Failover : set->Region, set->Failover ? "failover" : "region");
  return NULL;
}

/* Records of one name, type and policy have one TTL: the last that was given. */
static Error *
level_ttl(Batch *batch, const Route53ResourceRecordSet *set, const Sets *others)
{
  for (gsize i = 0; set->TTL.set && i < others->n; i++) {
    Route53ResourceRecordSet *other = others->v[i];
    if (strcmp(other->Type, set->Type) || !other->TTL.set || other->TTL.v == set->TTL.v)
      continue;
    other->TTL = set->TTL;
    TRY(record_set_put(batch->call, batch->zone_id, other));
  }
  return NULL;
}

/* --- the three actions --- */

static const char *
set_words(Arena *arena, const Route53ResourceRecordSet *set)
{
  const char *identifier = set->SetIdentifier ? arena_printf(arena, ", set-identifier='%s'", set->SetIdentifier) : "";
  return arena_printf(arena, "resource record set [name='%s', type='%s'%s]", set->Name, set->Type, identifier);
}

static Error *
put_set(Batch *batch, const Route53ResourceRecordSet *set, const Route53ResourceRecordSet *existing)
{
  Sets others = {0};
  TRY(sets_of_name(batch, set->Name, &others));
  for (gsize i = 0; i < others.n; i++) {
    const char *text = conflict(batch, set, others.v[i]);
    if (text) {
      problem(batch, text);
      return NULL;
    }
  }
  TRY(level_ttl(batch, set, &others));
  batch->zone->Count.v += !existing;
  return record_set_put(batch->call, batch->zone_id, set);
}

static gboolean
same_values(const Route53ResourceRecordSet *a, const Route53ResourceRecordSet *b)
{
  if (a->ResourceRecords.n != b->ResourceRecords.n)
    return FALSE;
  for (gsize i = 0; i < a->ResourceRecords.n; i++) {
    gboolean found = FALSE;
    for (gsize j = 0; j < b->ResourceRecords.n; j++)
      found = found || !strcmp(a->ResourceRecords.v[i]->Value, b->ResourceRecords.v[j]->Value);
    if (!found)
      return FALSE;
  }
  return TRUE;
}

static gboolean
same_alias(Arena *arena, const Route53AliasTarget *a, const Route53AliasTarget *b)
{
  if (!a || !b)
    return a == b;
  return !strcmp(plain_id(a->HostedZoneId), plain_id(b->HostedZoneId)) &&
         !g_strcmp0(domain_name(arena, a->DNSName), domain_name(arena, b->DNSName)) &&
         OPT_OR(a->EvaluateTargetHealth, FALSE) == OPT_OR(b->EvaluateTargetHealth, FALSE);
}

static gboolean
same_set(Arena *arena, const Route53ResourceRecordSet *a, const Route53ResourceRecordSet *b)
{
  return a->TTL.set == b->TTL.set && a->TTL.v == b->TTL.v && a->Weight.set == b->Weight.set && a->Weight.v == b->Weight.v &&
         !g_strcmp0(a->Region, b->Region) && !g_strcmp0(a->Failover, b->Failover) && !g_strcmp0(a->HealthCheckId, b->HealthCheckId) &&
         OPT_OR(a->MultiValueAnswer, FALSE) == OPT_OR(b->MultiValueAnswer, FALSE) && same_alias(arena, a->AliasTarget, b->AliasTarget) &&
         same_values(a, b);
}

static Error *
delete_set(Batch *batch, const Route53ResourceRecordSet *set, const Route53ResourceRecordSet *existing)
{
  Arena *arena = batch->call->arena;
  Key key;
  gboolean apex = !strcmp(set->Name, batch->zone->Zone->Name);
  if (!existing) {
    problem(batch, arena_printf(arena, "Tried to delete %s but it was not found", set_words(arena, set)));
    return NULL;
  }
  if (!same_set(arena, set, existing)) {
    problem(batch, arena_printf(arena, "Tried to delete %s but the values provided do not match the current values", set_words(arena, set)));
    return NULL;
  }
  if (apex && !strcmp(set->Type, "SOA"))
    problem(batch, "A HostedZone must contain exactly one SOA record.");
  if (apex && !strcmp(set->Type, "NS"))
    problem(batch, "A HostedZone must contain at least one NS record for the zone itself.");
  batch->zone->Count.v--;
  record_set_key(arena, &key, batch->zone_id, set->Name, set->Type, set->SetIdentifier ? set->SetIdentifier : "");
  return store_delete(batch->call->txn, &route53_records, &key, NULL);
}

static Error *
apply_change(Batch *batch, const Route53Change *change)
{
  Call *call = batch->call;
  Route53ResourceRecordSet *set = change->ResourceRecordSet, *existing = NULL;
  Route53HealthRecord *check = NULL;
  const char *name = domain_name(call->arena, set->Name);
  if (!name) {
    problem(batch, arena_printf(call->arena, "FATAL problem: DomainLabelEmpty (Domain label is empty) encountered with '%s'", set->Name));
    return NULL;
  }
  set->Name = name;
  TRY(record_set_get(call, batch->zone_id, set, &existing));
  if (!strcmp(change->Action, "DELETE"))
    return delete_set(batch, set, existing);
  const char *text = record_set_problem(call, batch->zone, set);
  if (!text && existing && !strcmp(change->Action, "CREATE"))
    text = arena_printf(call->arena, "Tried to create %s but it already exists", set_words(call->arena, set));
  if (text) {
    problem(batch, text);
    return NULL;
  }
  if (set->HealthCheckId)
    TRY(check_get(call, set->HealthCheckId, &check));
  if (set->AliasTarget)
    set->AliasTarget->DNSName = domain_name(call->arena, set->AliasTarget->DNSName);
  return put_set(batch, set, existing);
}

/* Aliases of this zone have to lead to records that are there once the batch is done. */
static Error *
check_targets(Batch *batch, const Route53ChangeBatch *changes)
{
  for (gsize i = 0; i < changes->Changes.n; i++) {
    const Route53ResourceRecordSet *set = changes->Changes.v[i]->ResourceRecordSet;
    const Route53AliasTarget *alias = set->AliasTarget;
    gboolean found = FALSE;
    Sets sets = {0};
    if (!alias || !strcmp(changes->Changes.v[i]->Action, "DELETE") || strcmp(plain_id(alias->HostedZoneId), batch->zone_id))
      continue;
    TRY(sets_of_name(batch, alias->DNSName, &sets));
    for (gsize j = 0; j < sets.n; j++)
      found = found || !strcmp(sets.v[j]->Type, set->Type) || !strcmp(sets.v[j]->Type, "CNAME");
    if (!found)
      problem(batch, arena_printf(batch->call->arena, "Tried to create an alias that targets %s, type %s in zone %s, but that target was not found",
                                  alias->DNSName, set->Type, batch->zone_id));
  }
  return NULL;
}

OPERATION(ChangeResourceRecordSets, change_record_sets, .txn = TXN_WRITE, .authorize = zone_resource)
static Error *
change_record_sets(Call *call, const Route53ChangeResourceRecordSetsInput *in, Route53ChangeResourceRecordSetsOutput *ret_out)
{
  Batch batch = {.call = call, .zone_id = plain_id(in->HostedZoneId)};
  TRY(zone_get(call, in->HostedZoneId, &batch.zone));
  TRY(check_batch(call, in->ChangeBatch));
  for (gsize i = 0; i < in->ChangeBatch->Changes.n; i++)
    TRY(apply_change(&batch, in->ChangeBatch->Changes.v[i]));
  if (!batch.problems.n)
    TRY(check_targets(&batch, in->ChangeBatch));
  if (batch.zone->Count.v > ZONE_RECORDS_MAX)
    problem(&batch, arena_printf(call->arena, "Number of records limit of %d exceeded.", ZONE_RECORDS_MAX));
  if (batch.problems.n)
    return error_answer("InvalidChangeBatch", "[%s]", text_join(call->arena, ", ", batch.problems.v, batch.problems.n));
  batch.zone->Zone->ResourceRecordSetCount = batch.zone->Count;
  TRY(zone_put(call, batch.zone));
  return change_make(call, in->ChangeBatch->Comment, &ret_out->ChangeInfo);
}

/* --- lists --- */

static Error *
start_key(Call *call, const Route53ListResourceRecordSetsInput *in, Key *ret_from)
{
  const char *name = in->StartRecordName ? domain_name(call->arena, in->StartRecordName) : NULL;
  if (in->StartRecordName && !name)
    return error_answer("InvalidInput", "The domain name '%s' is not valid", in->StartRecordName);
  if (in->StartRecordType && !name)
    return error_answer("InvalidInput", "Name must be specified if type is specified");
  if (in->StartRecordIdentifier && !in->StartRecordType)
    return error_answer("InvalidInput", "Type must be specified if identifier is specified");
  record_set_key(call->arena, ret_from, plain_id(in->HostedZoneId), name, in->StartRecordType, in->StartRecordIdentifier);
  return NULL;
}

OPERATION(ListResourceRecordSets, list_record_sets, .txn = TXN_READ, .authorize = zone_resource)
static Error *
list_record_sets(Call *call, const Route53ListResourceRecordSetsInput *in, Route53ListResourceRecordSetsOutput *ret_out)
{
  Route53ZoneRecord *zone = NULL;
  Page page;
  Key prefix, from;
  g_autoptr(Cursor) cursor = NULL;
  TRY(zone_get(call, in->HostedZoneId, &zone));
  TRY(zones_page(call, in->MaxItems, 0, ZONE_RECORDS_MAX * 2, &page));
  TRY(start_key(call, in, &from));
  record_set_key(call->arena, &prefix, plain_id(in->HostedZoneId), NULL, NULL, NULL);
  TRY(cursor_open(call->txn, &route53_records, &(CursorOptions) {.prefix = &prefix, .from = &from}, &cursor));
  LIST_EMPTY(call->arena, &ret_out->ResourceRecordSets);
  ret_out->MaxItems = page.max;
  ret_out->IsTruncated = OPT_BOOL(FALSE);
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *found = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &Route53ResourceRecordSet_shape, data, size, &found));
    Route53ResourceRecordSet *set = found;
    if (ret_out->ResourceRecordSets.n == page.to) {
      ret_out->IsTruncated = OPT_BOOL(TRUE);
      ret_out->NextRecordName = set->Name;
      ret_out->NextRecordType = set->Type;
      ret_out->NextRecordIdentifier = set->SetIdentifier;
      break;
    }
    LIST_APPEND(call->arena, &ret_out->ResourceRecordSets, set);
  }
  return NULL;
}
