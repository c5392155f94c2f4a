/* Delegation sets: the four name servers of a zone.
 * https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateReusableDelegationSet.html */
#include "services/route53/route53.h"

#include <string.h>

enum { SETS_MAX = 100 };

Route53DelegationSet *
delegation_make(Arena *arena, gboolean private_zone)
{
  static const char *const tops[] = {"co.uk", "com", "org", "net"};
  static const guint bases[] = {1536, 0, 1024, 512};
  Route53DelegationSet *set = ARENA_NEW(arena, Route53DelegationSet);
  for (guint i = 0; i < G_N_ELEMENTS(tops); i++) {
    guint16 number = 0;
    if (!private_zone)
      id_random(&number, sizeof number);
    number %= 512;
    LIST_APPEND(arena, &set->NameServers, arena_printf(arena, "ns-%u.awsdns-%02u.%s", bases[i] + number, number / 8, tops[i]));
  }
  return set;
}

static void
set_key(Key *key, const char *id)
{
  key_strings(key, plain_id(id), NULL);
}

Error *
delegation_get(Call *call, const char *id, Route53DelegationRecord **ret_set)
{
  Key key;
  void *record = NULL;
  set_key(&key, id);
  TRY(record_get(call->txn, &route53_sets, &key, &Route53DelegationRecord_shape, call->arena, &record));
  *ret_set = record;
  if (!record || strcmp((*ret_set)->Account, call->account))
    return error_answer("NoSuchDelegationSet", "No delegation set found with ID: %s", plain_id(id));
  return NULL;
}

typedef struct SetRecords { gsize n; Route53DelegationRecord **v; } SetRecords;

static Error *
sets_all(Call *call, SetRecords *ret_sets)
{
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &route53_sets, &(CursorOptions) {0}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &Route53DelegationRecord_shape, data, size, &record));
    if (!strcmp(((Route53DelegationRecord *) record)->Account, call->account))
      LIST_APPEND(call->arena, ret_sets, (Route53DelegationRecord *) record);
  }
  return NULL;
}

OPERATION(CreateReusableDelegationSet, create_set, .txn = TXN_WRITE)
static Error *
create_set(Call *call, const Route53CreateReusableDelegationSetInput *in, Route53CreateReusableDelegationSetOutput *ret_out)
{
  SetRecords sets = {0};
  Route53ZoneRecord *zone = NULL;
  TRY(sets_all(call, &sets));
  for (gsize i = 0; i < sets.n; i++)
    if (!strcmp(sets.v[i]->Set->CallerReference, in->CallerReference))
      return error_answer("DelegationSetAlreadyCreated", "A delegation set with the same owner and caller reference combination has already been created.");
  if (sets.n >= SETS_MAX)
    return error_answer("LimitsExceeded", "Limits Exceeded: MaxReusableDelegationSets - Cannot create more reusable delegation sets");
  if (in->HostedZoneId)
    TRY(zone_get(call, in->HostedZoneId, &zone));
  Route53DelegationSet *set = zone ? zone->DelegationSet : delegation_make(call->arena, FALSE);
  if (set->Id)
    return error_answer("DelegationSetAlreadyReusable", "The delegation set of %s is already reusable.", plain_id(in->HostedZoneId));
  set->Id = arena_printf(call->arena, "/delegationset/N%s", id_alphabet(call->arena, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 13));
  set->CallerReference = in->CallerReference;
  if (zone)
    TRY(zone_put(call, zone));
  ret_out->DelegationSet = set;
  ret_out->Location = arena_printf(call->arena, "https://route53.amazonaws.com/2013-04-01%s", set->Id);
  Key key;
  set_key(&key, set->Id);
  return record_put(call->txn, &route53_sets, &key, &Route53DelegationRecord_shape, &(Route53DelegationRecord) {set, call->account});
}

OPERATION(GetReusableDelegationSet, get_set, .txn = TXN_READ)
static Error *
get_set(Call *call, const Route53GetReusableDelegationSetInput *in, Route53GetReusableDelegationSetOutput *ret_out)
{
  Route53DelegationRecord *record = NULL;
  TRY(delegation_get(call, in->Id, &record));
  ret_out->DelegationSet = record->Set;
  return NULL;
}

OPERATION(ListReusableDelegationSets, list_sets, .txn = TXN_READ)
static Error *
list_sets(Call *call, const Route53ListReusableDelegationSetsInput *in, Route53ListReusableDelegationSetsOutput *ret_out)
{
  SetRecords sets = {0};
  Page page;
  gsize from = 0;
  TRY(sets_all(call, &sets));
  while (in->Marker && from < sets.n && strcmp(plain_id(sets.v[from]->Set->Id), plain_id(in->Marker)) < 0)
    from++;
  TRY(zones_page(call, in->MaxItems, from, sets.n, &page));
  LIST_EMPTY(call->arena, &ret_out->DelegationSets);
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->DelegationSets, sets.v[i]->Set);
  ret_out->Marker = in->Marker ? in->Marker : "";
  ret_out->MaxItems = page.max;
  ret_out->IsTruncated = OPT_BOOL(page.truncated);
  if (page.truncated)
    ret_out->NextMarker = plain_id(sets.v[page.to]->Set->Id);
  return NULL;
}

OPERATION(DeleteReusableDelegationSet, delete_set, .txn = TXN_WRITE)
static Error *
delete_set(Call *call, const Route53DeleteReusableDelegationSetInput *in, Route53DeleteReusableDelegationSetOutput *ret_out)
{
  Route53DelegationRecord *record = NULL;
  ZoneRecords zones = {0};
  Key key;
  TRY(delegation_get(call, in->Id, &record));
  TRY(zones_all(call, &zones));
  for (gsize i = 0; i < zones.n; i++)
    if (zones.v[i]->DelegationSet && !g_strcmp0(zones.v[i]->DelegationSet->Id, record->Set->Id))
      return error_answer("DelegationSetInUse", "The delegation set %s is used by the hosted zone %s.", plain_id(in->Id), plain_id(zones.v[i]->Zone->Id));
  set_key(&key, in->Id);
  return store_delete(call->txn, &route53_sets, &key, NULL);
}
