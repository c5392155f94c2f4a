/* Health checks, as operations. https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html */
#include "services/route53/route53.h"

#include <arpa/inet.h>
#include <string.h>

enum { CHECKS_MAX = 200, CHILDREN_MAX = 255, SEARCH_MAX = 255 };

typedef struct HealthRecords { gsize n; Route53HealthRecord **v; } HealthRecords;

static Error *
checks_all(Call *call, HealthRecords *ret_checks)
{
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &route53_checks, &(CursorOptions) {0}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &Route53HealthRecord_shape, data, size, &record));
    if (!strcmp(((Route53HealthRecord *) record)->Account, call->account))
      LIST_APPEND(call->arena, ret_checks, (Route53HealthRecord *) record);
  }
  return NULL;
}

/* --- what may be --- */

static Error *
check_address(const char *address)
{
  guint8 v4[4], v6[16];
  if (inet_pton(AF_INET6, address, v6) == 1)
    return error_answer("InvalidInput", "haar does not have health checks of IPv6 addresses yet: %s", address);
  gboolean good = inet_pton(AF_INET, address, v4) == 1;
  gboolean private_address = good && (v4[0] == 10 || v4[0] == 127 || v4[0] == 0 || v4[0] >= 224 || (v4[0] == 172 && v4[1] >= 16 && v4[1] < 32) ||
                                      (v4[0] == 192 && v4[1] == 168) || (v4[0] == 169 && v4[1] == 254));
  if (!good || private_address)
    return error_answer("InvalidInput", "Invalid IPv4 address: %s. Health checkers cannot reach local, private, nonroutable, or multicast ranges.", address);
  return NULL;
}

static Error *
check_endpoint(const Route53HealthCheckConfig *config)
{
  gboolean matches = g_str_has_suffix(config->Type, "_STR_MATCH"), tcp = !strcmp(config->Type, "TCP");
  if (!config->IPAddress && !config->FullyQualifiedDomainName)
    return error_answer("InvalidInput", "Invalid parameter : You must specify either IPAddress or FullyQualifiedDomainName");
  if (config->IPAddress)
    TRY(check_address(config->IPAddress));
  if (tcp && !config->Port.set)
    return error_answer("InvalidInput", "Invalid parameter : Port must be specified for health checks of type TCP");
  if (tcp && config->ResourcePath)
    return error_answer("InvalidInput", "Invalid parameter : ResourcePath cannot be specified for health checks of type TCP");
  if (matches && (!config->SearchString || !*config->SearchString))
    return error_answer("InvalidInput", "Invalid parameter : SearchString must be specified for health checks of type %s", config->Type);
  if (!matches && config->SearchString)
    return error_answer("InvalidInput", "Invalid parameter : SearchString cannot be specified for health checks of type %s", config->Type);
  if (config->SearchString && strlen(config->SearchString) > SEARCH_MAX)
    return error_answer("InvalidInput", "Invalid parameter : SearchString is longer than %d characters", SEARCH_MAX);
  if (config->RequestInterval.set && config->RequestInterval.v != 10 && config->RequestInterval.v != 30)
    return error_answer("InvalidInput", "Invalid parameter : RequestInterval must be 10 or 30");
  return NULL;
}

static Error *
check_config(Call *call, const Route53HealthCheckConfig *config)
{
  Route53HealthRecord *child = NULL;
  if (!strcmp(config->Type, "RECOVERY_CONTROL"))
    return error_answer("InvalidInput", "haar does not have health checks of type RECOVERY_CONTROL");
  if (!strcmp(config->Type, "CLOUDWATCH_METRIC"))
    return config->AlarmIdentifier ? NULL : error_answer("InvalidInput", "Invalid parameter : AlarmIdentifier must be specified for health checks of type CLOUDWATCH_METRIC");
  if (strcmp(config->Type, "CALCULATED"))
    return check_endpoint(config);
  if (!config->ChildHealthChecks.n || !config->HealthThreshold.set)
    return error_answer("InvalidInput", "Invalid parameter : ChildHealthChecks and HealthThreshold must be specified for health checks of type CALCULATED");
  if (config->ChildHealthChecks.n > CHILDREN_MAX)
    return error_answer("InvalidInput", "Invalid parameter : A calculated health check can have at most %d child health checks", CHILDREN_MAX);
  for (gsize i = 0; i < config->ChildHealthChecks.n; i++) {
    TRY(check_get(call, config->ChildHealthChecks.v[i], &child));
    if (!strcmp(child->Check->HealthCheckConfig->Type, "CALCULATED"))
      return error_answer("InvalidInput", "Invalid parameter : A calculated health check cannot have a calculated health check as a child");
  }
  return NULL;
}

static void
fill_defaults(Route53HealthCheckConfig *config)
{
  gboolean endpoint = strcmp(config->Type, "CALCULATED") && strcmp(config->Type, "CLOUDWATCH_METRIC");
  gboolean tls = g_str_has_prefix(config->Type, "HTTPS");
  config->Inverted = OPT_BOOL(OPT_OR(config->Inverted, FALSE));
  config->Disabled = OPT_BOOL(OPT_OR(config->Disabled, FALSE));
  if (!strcmp(config->Type, "CLOUDWATCH_METRIC") && !config->InsufficientDataHealthStatus)
    config->InsufficientDataHealthStatus = "LastKnownStatus";
  if (!endpoint)
    return;
  config->RequestInterval = OPT_INT(OPT_OR(config->RequestInterval, 30));
  config->FailureThreshold = OPT_INT(OPT_OR(config->FailureThreshold, 3));
  config->MeasureLatency = OPT_BOOL(OPT_OR(config->MeasureLatency, FALSE));
  config->EnableSNI = OPT_BOOL(OPT_OR(config->EnableSNI, tls));
  if (strcmp(config->Type, "TCP"))
    config->Port = OPT_INT(OPT_OR(config->Port, tls ? 443 : 80));
}

/* --- operations --- */

static const char *
config_text(Arena *arena, const Route53HealthCheckConfig *config)
{
  return json_text(arena, shape_to_json(arena, &Route53HealthCheckConfig_shape, config));
}

OPERATION(CreateHealthCheck, create_health_check, .txn = TXN_WRITE)
static Error *
create_health_check(Call *call, const Route53CreateHealthCheckInput *in, Route53CreateHealthCheckOutput *ret_out)
{
  HealthRecords all = {0};
  TRY(check_config(call, in->HealthCheckConfig));
  TRY(checks_all(call, &all));
  fill_defaults(in->HealthCheckConfig);
  for (gsize i = 0; i < all.n; i++) {
    const Route53HealthCheck *other = all.v[i]->Check;
    if (strcmp(other->CallerReference, in->CallerReference))
      continue;
    if (strcmp(config_text(call->arena, other->HealthCheckConfig), config_text(call->arena, in->HealthCheckConfig)))
      return error_answer("HealthCheckAlreadyExists", "A health check has already been created with the specified caller reference.");
    ret_out->HealthCheck = all.v[i]->Check;
  }
  if (!ret_out->HealthCheck && all.n >= CHECKS_MAX)
    return error_answer("TooManyHealthChecks", "Limits Exceeded: MaxHealthChecks - Cannot create more than %d health checks", CHECKS_MAX);
  gboolean fresh = !ret_out->HealthCheck;
  if (fresh) {
    ret_out->HealthCheck = ARENA_NEW(call->arena, Route53HealthCheck);
    *ret_out->HealthCheck = (Route53HealthCheck) {.Id = id_uuid(call->arena), .CallerReference = in->CallerReference,
                                                  .HealthCheckConfig = in->HealthCheckConfig, .HealthCheckVersion = OPT_INT(1)};
  }
  ret_out->Location = arena_printf(call->arena, "https://route53.amazonaws.com/2013-04-01/healthcheck/%s", ret_out->HealthCheck->Id);
  return fresh ? check_put(call, &(Route53HealthRecord) {.Check = ret_out->HealthCheck, .Account = call->account}) : NULL;
}

OPERATION(GetHealthCheck, get_health_check, .txn = TXN_READ, .authorize = check_resource)
static Error *
get_health_check(Call *call, const Route53GetHealthCheckInput *in, Route53GetHealthCheckOutput *ret_out)
{
  Route53HealthRecord *record = NULL;
  TRY(check_get(call, in->HealthCheckId, &record));
  ret_out->HealthCheck = record->Check;
  return NULL;
}

OPERATION(ListHealthChecks, list_health_checks, .txn = TXN_READ)
static Error *
list_health_checks(Call *call, const Route53ListHealthChecksInput *in, Route53ListHealthChecksOutput *ret_out)
{
  HealthRecords all = {0};
  Page page;
  gsize from = 0;
  TRY(checks_all(call, &all));
  while (in->Marker && from < all.n && strcmp(all.v[from]->Check->Id, in->Marker) < 0)
    from++;
  TRY(zones_page(call, in->MaxItems, from, all.n, &page));
  LIST_EMPTY(call->arena, &ret_out->HealthChecks);
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->HealthChecks, all.v[i]->Check);
  ret_out->Marker = in->Marker ? in->Marker : "";
  ret_out->MaxItems = page.max;
  ret_out->IsTruncated = OPT_BOOL(page.truncated);
  if (page.truncated)
    ret_out->NextMarker = all.v[page.to]->Check->Id;
  return NULL;
}

OPERATION(GetHealthCheckCount, get_health_check_count, .txn = TXN_READ)
static Error *
get_health_check_count(Call *call, const Route53GetHealthCheckCountInput *in, Route53GetHealthCheckCountOutput *ret_out)
{
  HealthRecords all = {0};
  TRY(checks_all(call, &all));
  ret_out->HealthCheckCount = OPT_INT((gint64) all.n);
  return NULL;
}

/* The members that both structs have and that are given. */
static void
lay_over(Route53HealthCheckConfig *config, const Route53UpdateHealthCheckInput *in)
{
#define LAY_TEXT(member) config->member = in->member ? in->member : config->member
#define LAY_OPT(member) config->member = in->member.set ? in->member : config->member
#define LAY_LIST(member) config->member = in->member.v ? in->member : config->member
  LAY_TEXT(IPAddress);
  LAY_TEXT(ResourcePath);
  LAY_TEXT(FullyQualifiedDomainName);
  LAY_TEXT(SearchString);
  LAY_TEXT(InsufficientDataHealthStatus);
  LAY_TEXT(AlarmIdentifier);
  LAY_OPT(Port);
  LAY_OPT(FailureThreshold);
  LAY_OPT(Inverted);
  LAY_OPT(Disabled);
  LAY_OPT(HealthThreshold);
  LAY_OPT(EnableSNI);
  LAY_LIST(ChildHealthChecks);
  LAY_LIST(Regions);
#undef LAY_TEXT
#undef LAY_OPT
#undef LAY_LIST
  for (gsize i = 0; i < in->ResetElements.n; i++) {
    const char *element = in->ResetElements.v[i];
    if (!strcmp(element, "FullyQualifiedDomainName"))
      config->FullyQualifiedDomainName = NULL;
    else if (!strcmp(element, "ResourcePath"))
      config->ResourcePath = NULL;
    else if (!strcmp(element, "Regions"))
      config->Regions = (StringList) {0};
    else if (!strcmp(element, "ChildHealthChecks"))
      config->ChildHealthChecks = (StringList) {0};
  }
}

OPERATION(UpdateHealthCheck, update_health_check, .txn = TXN_WRITE, .authorize = check_resource)
static Error *
update_health_check(Call *call, const Route53UpdateHealthCheckInput *in, Route53UpdateHealthCheckOutput *ret_out)
{
  Route53HealthRecord *record = NULL;
  TRY(check_get(call, in->HealthCheckId, &record));
  Route53HealthCheck *check = record->Check;
  if (in->HealthCheckVersion.set && in->HealthCheckVersion.v != check->HealthCheckVersion.v)
    return error_answer("HealthCheckVersionMismatch", "The value of HealthCheckVersion in the request doesn't match the value of HealthCheckVersion in the health check.");
  lay_over(check->HealthCheckConfig, in);
  TRY(check_config(call, check->HealthCheckConfig));
  check->HealthCheckVersion.v++;
  ret_out->HealthCheck = check;
  return check_put(call, record);
}

static Error *
check_unused(Call *call, const char *id)
{
  HealthRecords all = {0};
  TRY(checks_all(call, &all));
  for (gsize i = 0; i < all.n; i++)
    if (string_list_has(&all.v[i]->Check->HealthCheckConfig->ChildHealthChecks, id))
      return error_answer("InvalidInput", "Health check %s is a child of health check %s.", id, all.v[i]->Check->Id);
  return NULL;
}

OPERATION(DeleteHealthCheck, delete_health_check, .txn = TXN_WRITE, .authorize = check_resource)
static Error *
delete_health_check(Call *call, const Route53DeleteHealthCheckInput *in, Route53DeleteHealthCheckOutput *ret_out)
{
  Route53HealthRecord *record = NULL;
  Key key;
  TRY(check_get(call, in->HealthCheckId, &record));
  TRY(check_unused(call, record->Check->Id));
  key_strings(&key, record->Check->Id, NULL);
  health_changed(edge_of(call->haar)->health, call->txn, record->Check->Id);
  return store_delete(call->txn, &route53_checks, &key, NULL);
}

/* --- status: what haar's one checker has seen --- */

static void
observe(Call *call, const char *status, gint64 ms, Route53HealthCheckObservations *ret_list)
{
  Route53HealthCheckObservation *observation = ARENA_NEW(call->arena, Route53HealthCheckObservation);
  Route53StatusReport *report = ARENA_NEW(call->arena, Route53StatusReport);
  *report = (Route53StatusReport) {.Status = status, .CheckedTime = OPT_TIME(ms)};
  *observation = (Route53HealthCheckObservation) {.Region = "us-east-1", .IPAddress = "198.18.0.1", .StatusReport = report};
  LIST_APPEND(call->arena, ret_list, observation);
}

OPERATION(GetHealthCheckStatus, get_health_check_status, .txn = TXN_NONE, .authorize = check_resource)
static Error *
get_health_check_status(Call *call, const Route53GetHealthCheckStatusInput *in, Route53GetHealthCheckStatusOutput *ret_out)
{
  Route53GetHealthCheckInput which = {.HealthCheckId = in->HealthCheckId};
  Route53GetHealthCheckOutput found = {0};
  TRY(call_operation(call, &Route53OperationGetHealthCheck, NULL, NULL, &which, &found));
  HealthReport report = health_report(edge_of(call->haar)->health, call->arena, in->HealthCheckId);
  LIST_EMPTY(call->arena, &ret_out->HealthCheckObservations);
  if (!strcmp(found.HealthCheck->HealthCheckConfig->Type, "CALCULATED"))
    observe(call, report.good ? "Success: enough of the child health checks are healthy" : "Failure: too few of the child health checks are healthy",
            call->now, &ret_out->HealthCheckObservations);
  else if (report.known)
    observe(call, report.status, report.checked_ms, &ret_out->HealthCheckObservations);
  return NULL;
}

OPERATION(GetHealthCheckLastFailureReason, get_last_failure, .txn = TXN_NONE, .authorize = check_resource)
static Error *
get_last_failure(Call *call, const Route53GetHealthCheckLastFailureReasonInput *in, Route53GetHealthCheckLastFailureReasonOutput *ret_out)
{
  Route53GetHealthCheckInput which = {.HealthCheckId = in->HealthCheckId};
  Route53GetHealthCheckOutput found = {0};
  TRY(call_operation(call, &Route53OperationGetHealthCheck, NULL, NULL, &which, &found));
  HealthReport report = health_report(edge_of(call->haar)->health, call->arena, in->HealthCheckId);
  LIST_EMPTY(call->arena, &ret_out->HealthCheckObservations);
  if (report.failure)
    observe(call, report.failure, report.failed_ms, &ret_out->HealthCheckObservations);
  return NULL;
}
