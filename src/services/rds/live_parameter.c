/* live_parameter: the parameters of an instance, from both of its groups, and those that reach an engine that runs: what decides what it logs.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_WorkingWithParamGroups.Overview.html */
#include "services/rds/engine.h"

#include <string.h>

#define AUDIT_EVENTS "CONNECT,QUERY,QUERY_DCL,QUERY_DDL,QUERY_DML,TABLE"

/* usual: what the server has if no group says otherwise. allowed: as AWS writes it, a range or a list. many: several of the list, with commas. */
static const struct {
  const char *name, *usual, *allowed;
  gboolean many;
} live[] = {
  {"slow_query_log", "0", "0,1", FALSE},
  {"long_query_time", "10", "0-31536000", FALSE},
  {"log_queries_not_using_indexes", "0", "0,1", FALSE},
  {"general_log", "0", "0,1", FALSE},
  {"log_output", "FILE", "TABLE,FILE,NONE", FALSE},
  {"server_audit_logging", "0", "0,1", FALSE},
  {"server_audit_events", "", AUDIT_EVENTS, TRUE},
};

/* allowed: "0-31536000". FALSE: it is no range. */
static gboolean
in_range(const char *allowed, const char *value, gboolean *ret_in)
{
  const char *dash = strchr(allowed, '-');
  char *end = NULL;
  double number = g_ascii_strtod(value, &end);
  if (!dash)
    return FALSE;
  *ret_in = g_ascii_isdigit(*value) && !*end && number >= g_ascii_strtod(allowed, NULL) && number <= g_ascii_strtod(dash + 1, NULL);
  return TRUE;
}

static gboolean
in_list(const char *allowed, const char *value, gboolean many)
{
  g_auto(GStrv) known = g_strsplit(allowed, ",", -1), given = g_strsplit(value, ",", many ? -1 : 1);
  for (char **one = given; *one; one++)
    if (!g_strv_contains((const char *const *) known, g_strstrip(*one)))
      return FALSE;
  return TRUE;
}

Error *
parameter_check(const char *name, const char *value)
{
  for (gsize i = 0; i < G_N_ELEMENTS(live); i++) {
    gboolean good = FALSE;
    if (strcmp(live[i].name, name))
      continue;
    if (!in_range(live[i].allowed, value, &good))
      good = in_list(live[i].allowed, value, live[i].many);
    if (!good)
      return error_answer("InvalidParameterValue", "Invalid parameter value: %s for: %s allowed values are: %s", value, name, live[i].allowed);
  }
  return NULL;
}

gboolean
parameter_is_live(const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS(live); i++)
    if (!strcmp(live[i].name, name))
      return TRUE;
  return FALSE;
}

static Error *
add_group(Call *call, const Table *table, const char *name, RdsParametersList *list)
{
  RdsParameterGroupRecord *group = NULL;
  if (!name || g_str_has_prefix(name, "default."))
    return NULL;
  TRY(parameter_group_get(call, table, name, &group));
  for (gsize i = 0; i < group->Parameters.n; i++)
    LIST_APPEND(call->arena, list, group->Parameters.v[i]);
  return NULL;
}

static const char *
instance_group(const RdsDBInstance *instance)
{
  return instance->DBParameterGroups.n ? instance->DBParameterGroups.v[0]->DBParameterGroupName : NULL;
}

/* The later of two of one name holds. */
Error *
parameters_load(Call *call, InstanceWork *work)
{
  work->parameters = (RdsParametersList) {0};
  TRY(add_group(call, &rds_cluster_parameter_groups, work->cluster->Cluster->DBClusterParameterGroup, &work->parameters));
  return add_group(call, &rds_parameter_groups, instance_group(work->instance->Instance), &work->parameters);
}

static const char *
value_of(const InstanceWork *work, const char *name, const char *usual)
{
  const char *value = usual;
  for (gsize i = 0; i < work->parameters.n; i++)
    if (!strcmp(work->parameters.v[i]->ParameterName, name))
      value = work->parameters.v[i]->ParameterValue;
  return value;
}

void
parameters_apply(Call *call, const InstanceWork *work)
{
  g_autoptr(GString) problem = g_string_new(NULL);
  g_autoptr(MYSQL) mysql = engine_connect(call->haar, rds_arn(call, "db", work->id), 0, problem, NULL);
  for (gsize i = 0; mysql && i < G_N_ELEMENTS(live); i++) {
    const char *value = value_of(work, live[i].name, live[i].usual);
    gboolean number = *value && strspn(value, "0123456789.") == strlen(value);
    g_autofree char *text = number ? g_strdup(value) : sql_quote(value);
    g_autofree char *sql = g_strdup_printf("SET GLOBAL %s=%s", live[i].name, text);
    g_autoptr(Error) error = engine_run(mysql, sql);
    if (error)
      log_warning("database instance %s: the parameter %s is not %s: %s", work->id, live[i].name, value, error->message);
  }
  if (!mysql)
    log_warning("database instance %s: its parameters stay as they were: %s", work->id, problem->str);
}

Error *
parameters_changed(Call *call, const Table *table, const char *group)
{
  GPtrArray *instances = NULL;
  TRY(rds_records_list(call, &rds_instances, &RdsInstanceRecord_shape, &instances));
  for (guint i = 0; i < instances->len; i++) {
    const RdsDBInstance *instance = ((RdsInstanceRecord *) instances->pdata[i])->Instance;
    RdsClusterRecord *cluster = NULL;
    if (strcmp(instance->DBInstanceStatus, "available"))
      continue;
    TRY(cluster_get(call, instance->DBClusterIdentifier, &cluster));
    const char *own = table == &rds_parameter_groups ? instance_group(instance) : cluster->Cluster->DBClusterParameterGroup;
    if (own && !g_ascii_strcasecmp(own, group))
      TRY(instance_job_put(call, RDS_INSTANCE_JOB, instance->DBInstanceIdentifier));
  }
  return NULL;
}
