/* Dashboards: kept and answered; they are drawn by nothing here.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html */
#include <string.h>

#include "services/cloudwatch/cloudwatch.h"

static const Table dashboard_table = {"cloudwatch.dashboard"};
enum { PAGE = 1000 };

static void
dashboard_key(const Call *call, const char *name, Key *key)
{
  call_key(call, key);
  key_add(key, name);
}

/* Dashboards are the account's, of no region. */
static char *
dashboard_arn(const Call *call, const char *name)
{
  return arena_printf(call->arena, "arn:aws:cloudwatch::%s:dashboard/%s", call->account, name);
}

static Error *
check_name(const char *name)
{
  gboolean good = *name && strlen(name) <= 255;
  for (const char *at = name; *at; at++)
    good = good && (g_ascii_isalnum(*at) || *at == '-' || *at == '_');
  return good ? NULL : error_answer("InvalidParameterValue", "The value %s for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) and underscore (_).", name);
}

/* An answer whose body lists what is wrong, as AWS's does. */
static Error *
invalid(Call *call, const char *path, const char *message)
{
  CloudwatchDashboardInvalidInputError *value = ARENA_NEW(call->arena, CloudwatchDashboardInvalidInputError);
  CloudwatchDashboardValidationMessage *one = ARENA_NEW(call->arena, CloudwatchDashboardValidationMessage);
  *one = (CloudwatchDashboardValidationMessage){.DataPath = path, .Message = message};
  value->message = "The dashboard body is invalid, there are 1 validation error(s)";
  LIST_APPEND(call->arena, &value->dashboardValidationMessages, one);
  Error *error = error_answer("InvalidParameterInput", "The field DashboardBody must be a valid JSON object");
  error->shape = &CloudwatchDashboardInvalidInputError_shape;
  error->value = value;
  return error;
}

static Error *
check_body(Call *call, const char *body)
{
  Json *json = NULL;
  g_autoptr(Error) bad = json_parse(call->arena, body, strlen(body), &json);
  if (bad || json->type != JSON_OBJECT)
    return invalid(call, "/", "The field DashboardBody must be a valid JSON object");
  const Json *widgets = json_get(json, "widgets");
  if (!widgets || widgets->type != JSON_ARRAY)
    return invalid(call, "/", "The dashboard body must have the field widgets, an array");
  return NULL;
}

static Error *
put_authorize(Call *call, const void *in, Authorization *auth)
{
  auth->resource = dashboard_arn(call, ((const CloudwatchPutDashboardInput *) in)->DashboardName);
  return NULL;
}

OPERATION(PutDashboard, put_dashboard, .txn = TXN_WRITE, .action = "cloudwatch:PutDashboard", .authorize = put_authorize)
static Error *
put_dashboard(Call *call, const CloudwatchPutDashboardInput *in, CloudwatchPutDashboardOutput *ret_out)
{
  Key key;
  CloudwatchDashboardRecord record = {.DashboardName = in->DashboardName, .DashboardBody = in->DashboardBody, .LastModified = OPT_TIME(call->now)};
  TRY(check_name(in->DashboardName));
  TRY(check_body(call, in->DashboardBody));
  dashboard_key(call, in->DashboardName, &key);
  LIST_EMPTY(call->arena, &ret_out->DashboardValidationMessages);
  return record_put(call->txn, &dashboard_table, &key, &CloudwatchDashboardRecord_shape, &record);
}

static Error *
find(Call *call, const char *name, CloudwatchDashboardRecord **ret)
{
  Key key;
  dashboard_key(call, name, &key);
  TRY(record_get(call->txn, &dashboard_table, &key, &CloudwatchDashboardRecord_shape, call->arena, (void **) ret));
  return *ret ? NULL : error_answer("ResourceNotFound", "Dashboard %s does not exist", name);
}

static Error *
get_authorize(Call *call, const void *in, Authorization *auth)
{
  auth->resource = dashboard_arn(call, ((const CloudwatchGetDashboardInput *) in)->DashboardName);
  return NULL;
}

OPERATION(GetDashboard, get_dashboard, .action = "cloudwatch:GetDashboard", .authorize = get_authorize)
static Error *
get_dashboard(Call *call, const CloudwatchGetDashboardInput *in, CloudwatchGetDashboardOutput *ret_out)
{
  CloudwatchDashboardRecord *record = NULL;
  TRY(find(call, in->DashboardName, &record));
  *ret_out = (CloudwatchGetDashboardOutput){.DashboardArn = dashboard_arn(call, in->DashboardName), .DashboardBody = record->DashboardBody, .DashboardName = record->DashboardName};
  return NULL;
}

static Error *
delete_authorize(Call *call, const void *in, Authorization *auth)
{
  const StringList *names = &((const CloudwatchDeleteDashboardsInput *) in)->DashboardNames;
  for (gsize i = 0; i < names->n; i++) {
    auth->resource = dashboard_arn(call, names->v[i]);
    if (i + 1 < names->n)
      MAP_SET(call->arena, &auth->further, auth->action, auth->resource);
  }
  return NULL;
}

/* All of them, or none. */
OPERATION(DeleteDashboards, delete_dashboards, .txn = TXN_WRITE, .action = "cloudwatch:DeleteDashboards", .authorize = delete_authorize)
static Error *
delete_dashboards(Call *call, const CloudwatchDeleteDashboardsInput *in, CloudwatchDeleteDashboardsOutput *ret_out)
{
  for (gsize i = 0; i < in->DashboardNames.n; i++) {
    Key key;
    CloudwatchDashboardRecord *record = NULL;
    TRY(find(call, in->DashboardNames.v[i], &record));
    dashboard_key(call, in->DashboardNames.v[i], &key);
    TRY(store_delete(call->txn, &dashboard_table, &key, NULL));
  }
  return NULL;
}

OPERATION(ListDashboards, list_dashboards, .action = "cloudwatch:ListDashboards")
static Error *
list_dashboards(Call *call, const CloudwatchListDashboardsInput *in, CloudwatchListDashboardsOutput *ret_out)
{
  Key prefix;
  CloudwatchPage page;
  CloudwatchDashboardEntries all = {0};
  g_autoptr(Cursor) cursor = NULL;
  call_key(call, &prefix);
  TRY(cursor_open(call->txn, &dashboard_table, &(CursorOptions){.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    CloudwatchDashboardRecord *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &CloudwatchDashboardRecord_shape, data, size, (void **) &record));
    if (in->DashboardNamePrefix && !g_str_has_prefix(record->DashboardName, in->DashboardNamePrefix))
      continue;
    CloudwatchDashboardEntry *entry = ARENA_NEW(call->arena, CloudwatchDashboardEntry);
    *entry = (CloudwatchDashboardEntry){.DashboardName = record->DashboardName,
                                        .DashboardArn = dashboard_arn(call, record->DashboardName),
                                        .LastModified = record->LastModified,
                                        .Size = OPT_INT((gint64) strlen(record->DashboardBody))};
    LIST_APPEND(call->arena, &all, entry);
  }
  TRY(cloudwatch_page(call->arena, all.n, in->NextToken, PAGE, &page));
  LIST_EMPTY(call->arena, &ret_out->DashboardEntries);
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->DashboardEntries, all.v[i]);
  ret_out->NextToken = page.token;
  return NULL;
}
