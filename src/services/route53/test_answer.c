/* What the name servers would answer. https://docs.aws.amazon.com/Route53/latest/APIReference/API_TestDNSAnswer.html */
#include "services/route53/route53.h"

#include <string.h>

static gboolean
check_good(gpointer data, const char *check_id)
{
  return health_is_good(data, check_id);
}

OPERATION(TestDNSAnswer, test_dns_answer, .txn = TXN_NONE)
static Error *
test_dns_answer(Call *call, const Route53TestDNSAnswerInput *in, Route53TestDNSAnswerOutput *ret_out)
{
  Edge *edge = edge_of(call->haar);
  const char *name = domain_name(call->arena, in->RecordName), *id = plain_id(in->HostedZoneId);
  g_autoptr(DnsZone) zone = view_zone(edge->view, id);
  DnsAnswer answer = {0};
  if (!zone || strcmp(zone->account, call->account))
    return error_answer("NoSuchHostedZone", "No hosted zone found with ID: %s", id);
  if (zone->private_zone)
    return error_answer("InvalidInput", "TestDNSAnswer is not supported for private hosted zones.");
  if (!name || !domain_within(name, zone->name))
    return error_answer("InvalidInput", "The record name %s is not in the hosted zone %s", in->RecordName, zone->name);
  const DnsQuestion q = {.haar = call->haar, .arena = call->arena, .name = name, .type = in->RecordType, .region = call->haar->region,
                         .healthy = check_good, .data = edge->health};
  dns_answer(&q, zone, &answer);
  LIST_EMPTY(call->arena, &ret_out->RecordData);
  for (gsize i = 0; i < answer.answer.n; i++)
    LIST_APPEND(call->arena, &ret_out->RecordData, answer.answer.v[i].text);
  const GPtrArray *apex = g_hash_table_lookup(zone->names, zone->name);
  for (guint i = 0; apex && i < apex->len; i++) {
    const Route53ResourceRecordSet *set = apex->pdata[i];
    if (!strcmp(set->Type, "NS") && set->ResourceRecords.n)
      ret_out->Nameserver = arena_strndup(call->arena, set->ResourceRecords.v[0]->Value, strlen(set->ResourceRecords.v[0]->Value) - 1);
  }
  ret_out->RecordName = name;
  ret_out->RecordType = in->RecordType;
  ret_out->ResponseCode = answer.no_name ? "NXDOMAIN" : "NOERROR";
  ret_out->Protocol = "UDP";
  return NULL;
}

static Error *
count_of(Call *call, const char *type, gint64 *ret_limit, gint64 *ret_count)
{
  if (!strcmp(type, "MAX_HOSTED_ZONES_BY_OWNER")) {
    Route53GetHostedZoneCountInput in = {0};
    Route53GetHostedZoneCountOutput out = {0};
    *ret_limit = 500;
    TRY(call_operation(call, &Route53OperationGetHostedZoneCount, NULL, NULL, &in, &out));
    *ret_count = out.HostedZoneCount.v;
  } else if (!strcmp(type, "MAX_HEALTH_CHECKS_BY_OWNER")) {
    Route53GetHealthCheckCountInput in = {0};
    Route53GetHealthCheckCountOutput out = {0};
    *ret_limit = 200;
    TRY(call_operation(call, &Route53OperationGetHealthCheckCount, NULL, NULL, &in, &out));
    *ret_count = out.HealthCheckCount.v;
  } else if (!strcmp(type, "MAX_REUSABLE_DELEGATION_SETS_BY_OWNER")) {
    Route53ListReusableDelegationSetsInput in = {0};
    Route53ListReusableDelegationSetsOutput out = {0};
    *ret_limit = 100;
    TRY(call_operation(call, &Route53OperationListReusableDelegationSets, NULL, NULL, &in, &out));
    *ret_count = (gint64) out.DelegationSets.n;
  } else {
    return error_answer("InvalidInput", "haar does not have what the limit %s is about", type);
  }
  return NULL;
}

OPERATION(GetAccountLimit, get_account_limit, .txn = TXN_READ)
static Error *
get_account_limit(Call *call, const Route53GetAccountLimitInput *in, Route53GetAccountLimitOutput *ret_out)
{
  gint64 limit = 0, count = 0;
  TRY(count_of(call, in->Type, &limit, &count));
  ret_out->Limit = ARENA_NEW(call->arena, Route53AccountLimit);
  *ret_out->Limit = (Route53AccountLimit) {in->Type, OPT_INT(limit)};
  ret_out->Count = OPT_INT(count);
  return NULL;
}
