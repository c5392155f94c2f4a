/* What is stored, and how it is found. */
#include "services/route53/route53.h"

#include <string.h>

Error *
zone_get(Call *call, const char *id, Route53ZoneRecord **ret_zone)
{
  Key key;
  void *record = NULL;
  key_strings(&key, plain_id(id), NULL);
  TRY(record_get(call->txn, &route53_zones, &key, &Route53ZoneRecord_shape, call->arena, &record));
  Route53ZoneRecord *zone = record;
  if (!zone || strcmp(zone->Account, call->account))
    return error_answer("NoSuchHostedZone", "No hosted zone found with ID: %s", plain_id(id));
  *ret_zone = zone;
  return NULL;
}

Error *
zone_put(Call *call, const Route53ZoneRecord *zone)
{
  Key key;
  key_strings(&key, plain_id(zone->Zone->Id), NULL);
  view_changed(edge_of(call->haar)->view, call->txn, plain_id(zone->Zone->Id));
  return record_put(call->txn, &route53_zones, &key, &Route53ZoneRecord_shape, zone);
}

Error *
zones_all(Call *call, ZoneRecords *ret_zones)
{
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &route53_zones, &(CursorOptions) {0}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &Route53ZoneRecord_shape, data, size, &record));
    if (!strcmp(((Route53ZoneRecord *) record)->Account, call->account))
      LIST_APPEND(call->arena, ret_zones, (Route53ZoneRecord *) record);
  }
  return NULL;
}

void
record_set_key(Arena *arena, Key *key, const char *zone_id, const char *name, const char *type, const char *set_identifier)
{
  key_strings(key, zone_id, NULL);
  if (name)
    key_add(key, domain_reversed(arena, name));
  if (name && type)
    key_add(key, type);
  if (name && type && set_identifier)
    key_add(key, set_identifier);
}

Error *
record_set_get(Call *call, const char *zone_id, const Route53ResourceRecordSet *like, Route53ResourceRecordSet **ret_set)
{
  Key key;
  void *set = NULL;
  record_set_key(call->arena, &key, zone_id, like->Name, like->Type, like->SetIdentifier ? like->SetIdentifier : "");
  TRY(record_get(call->txn, &route53_records, &key, &Route53ResourceRecordSet_shape, call->arena, &set));
  *ret_set = set;
  return NULL;
}

Error *
record_set_put(Call *call, const char *zone_id, const Route53ResourceRecordSet *set)
{
  Key key;
  record_set_key(call->arena, &key, zone_id, set->Name, set->Type, set->SetIdentifier ? set->SetIdentifier : "");
  return record_put(call->txn, &route53_records, &key, &Route53ResourceRecordSet_shape, set);
}

Error *
check_get(Call *call, const char *id, Route53HealthRecord **ret_check)
{
  Key key;
  void *record = NULL;
  key_strings(&key, plain_id(id), NULL);
  TRY(record_get(call->txn, &route53_checks, &key, &Route53HealthRecord_shape, call->arena, &record));
  Route53HealthRecord *check = record;
  if (!check || strcmp(check->Account, call->account))
    return error_answer("NoSuchHealthCheck", "No health check exists with the specified ID: %s", plain_id(id));
  *ret_check = check;
  return NULL;
}

Error *
check_put(Call *call, const Route53HealthRecord *check)
{
  Key key;
  key_strings(&key, check->Check->Id, NULL);
  health_changed(edge_of(call->haar)->health, call->txn, check->Check->Id);
  return record_put(call->txn, &route53_checks, &key, &Route53HealthRecord_shape, check);
}

Error *
change_make(Call *call, const char *comment, Route53ChangeInfo **ret_change)
{
  Key key;
  Route53ChangeInfo *change = ARENA_NEW(call->arena, Route53ChangeInfo);
  const char *id = arena_printf(call->arena, "C%s", id_alphabet(call->arena, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 20));
  *change = (Route53ChangeInfo) {
    .Id = arena_printf(call->arena, "/change/%s", id), .Status = "PENDING", .SubmittedAt = OPT_TIME(call->now), .Comment = comment};
  Route53ChangeRecord record = {change, call->account};
  key_strings(&key, id, NULL);
  TRY(record_put(call->txn, &route53_changes, &key, &Route53ChangeRecord_shape, &record));
  *ret_change = change;
  return NULL;
}

static Error *
change_resource(Call *call, const void *in, Authorization *auth)
{
  auth->resource = arena_printf(call->arena, "arn:aws:route53:::change/%s", plain_id(call_input_text(call, in, "Id")));
  return NULL;
}

OPERATION(GetChange, get_change, .txn = TXN_READ, .authorize = change_resource)
static Error *
get_change(Call *call, const Route53GetChangeInput *in, Route53GetChangeOutput *ret_out)
{
  Key key;
  void *found = NULL;
  key_strings(&key, plain_id(in->Id), NULL);
  TRY(record_get(call->txn, &route53_changes, &key, &Route53ChangeRecord_shape, call->arena, &found));
  const Route53ChangeRecord *record = found;
  if (!record || strcmp(record->Account, call->account))
    return error_answer("NoSuchChange", "Could not find resource with ID: %s", plain_id(in->Id));
  ret_out->ChangeInfo = record->Change;
  ret_out->ChangeInfo->Status = "INSYNC";
  return NULL;
}
