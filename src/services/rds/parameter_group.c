/* parameter_group: of clusters and of instances; both are the same but for their names. */
#include "services/rds/rds.h"

#include <string.h>

static const char *const families[] = {"aurora-mysql5.7", "aurora-mysql8.0", "aurora-mysql8.4", "mysql8.0", "mysql5.7", "mariadb10.6", "mariadb10.11", NULL};

typedef struct NewGroup {
  const Table *table;
  const char *kind, *name, *family, *description;
  const RdsTagList *tags;
} NewGroup;

static Error *
create(Call *call, const NewGroup *new, RdsParameterGroupRecord **ret_record)
{
  Key key;
  void *old = NULL;
  g_autofree char *name = g_ascii_strdown(new->name, -1);
  rds_key(call, &key, name);
  TRY(record_get(call->txn, new->table, &key, &RdsParameterGroupRecord_shape, call->arena, &old));
  if (old || g_str_has_prefix(name, "default."))
    return error_answer("DBParameterGroupAlreadyExists", "Parameter group %s already exists", name);
  if (!g_strv_contains(families, new->family))
    return error_answer("InvalidParameterValue", "ParameterGroupFamily %s is not a valid parameter group family; haar has aurora-mysql5.7, 8.0 and 8.4",
                        new->family);
  RdsParameterGroupRecord *record = ARENA_NEW(call->arena, RdsParameterGroupRecord);
  *record = (RdsParameterGroupRecord) {.Name = arena_strdup(call->arena, name), .Family = new->family, .Description = new->description,
                                       .ARN = rds_arn(call, new->kind, name), .Tags = *new->tags};
  *ret_record = record;
  return record_put(call->txn, new->table, &key, &RdsParameterGroupRecord_shape, record);
}

static Error *
modify(Call *call, const Table *table, const char *name, const RdsParametersList *parameters)
{
  Key key;
  RdsParameterGroupRecord *record = NULL;
  gboolean now = FALSE;
  TRY(parameter_group_get(call, table, name, &record));
  for (gsize i = 0; i < parameters->n; i++) {
    RdsParameter *parameter = parameters->v[i], *old = NULL;
    if (!parameter->ParameterName || !parameter->ParameterValue)
      return error_answer("InvalidParameterValue", "Each parameter needs ParameterName, ParameterValue and ApplyMethod.");
    TRY(parameter_check(parameter->ParameterName, parameter->ParameterValue));
    for (gsize j = 0; j < record->Parameters.n && !old; j++)
      if (!strcmp(record->Parameters.v[j]->ParameterName, parameter->ParameterName))
        old = record->Parameters.v[j];
    parameter->Source = "user";
    if (old)
      *old = *parameter;
    else
      LIST_APPEND(call->arena, &record->Parameters, parameter);
    now = now || (parameter_is_live(parameter->ParameterName) && g_strcmp0(parameter->ApplyMethod, "pending-reboot"));
  }
  rds_key(call, &key, name);
  TRY(record_put(call->txn, table, &key, &RdsParameterGroupRecord_shape, record));
  return now ? parameters_changed(call, table, record->Name) : NULL;
}

/* Back to what the engine has: all of them, or those that are named. */
static Error *
reset(Call *call, const Table *table, const char *name, gboolean all, const RdsParametersList *parameters)
{
  Key key;
  RdsParameterGroupRecord *record = NULL;
  gsize kept = 0;
  TRY(parameter_group_get(call, table, name, &record));
  if (!all && !parameters->n)
    return error_answer("InvalidParameterValue", "You must specify ResetAllParameters or the Parameters to reset.");
  for (gsize i = 0; i < record->Parameters.n; i++) {
    gboolean named = all;
    for (gsize j = 0; j < parameters->n && !named; j++)
      named = !g_strcmp0(parameters->v[j]->ParameterName, record->Parameters.v[i]->ParameterName);
    if (!named)
      record->Parameters.v[kept++] = record->Parameters.v[i];
  }
  record->Parameters.n = kept;
  rds_key(call, &key, name);
  TRY(record_put(call->txn, table, &key, &RdsParameterGroupRecord_shape, record));
  return parameters_changed(call, table, record->Name);
}

static Error *
check_no_instance(Call *call, const char *name)
{
  GPtrArray *instances = NULL;
  TRY(rds_records_list(call, &rds_instances, &RdsInstanceRecord_shape, &instances));
  for (guint i = 0; i < instances->len; i++) {
    const RdsDBParameterGroupStatusList *groups = &((RdsInstanceRecord *) instances->pdata[i])->Instance->DBParameterGroups;
    if (groups->n && !g_ascii_strcasecmp(groups->v[0]->DBParameterGroupName, name))
      return error_answer("InvalidDBParameterGroupState", "One or more database instances are still members of this parameter group %s, so the group "
                                                          "cannot be deleted", name);
  }
  return NULL;
}

static Error *
erase(Call *call, const Table *table, const char *name)
{
  Key key;
  RdsParameterGroupRecord *record = NULL;
  GPtrArray *clusters = NULL;
  TRY(parameter_group_get(call, table, name, &record));
  TRY(rds_records_list(call, &rds_clusters, &RdsClusterRecord_shape, &clusters));
  for (guint i = 0; table == &rds_cluster_parameter_groups && i < clusters->len; i++)
    if (!g_strcmp0(((RdsClusterRecord *) clusters->pdata[i])->Cluster->DBClusterParameterGroup, record->Name))
      return error_answer("InvalidDBParameterGroupState", "One or more database clusters are still members of this parameter group %s, so the group "
                                                          "cannot be deleted", record->Name);
  if (table == &rds_parameter_groups)
    TRY(check_no_instance(call, record->Name));
  rds_key(call, &key, name);
  return store_delete(call->txn, table, &key, NULL);
}

/* -- of clusters --------------------------------------------------------------------------------------------------------- */

static RdsDBClusterParameterGroup *
cluster_view(Arena *arena, const RdsParameterGroupRecord *record)
{
  RdsDBClusterParameterGroup *view = ARENA_NEW(arena, RdsDBClusterParameterGroup);
  *view = (RdsDBClusterParameterGroup) {record->Name, record->Family, record->Description, record->ARN};
  return view;
}

OPERATION(CreateDBClusterParameterGroup, create_cluster_group, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
create_cluster_group(Call *call, const RdsCreateDBClusterParameterGroupInput *in, RdsCreateDBClusterParameterGroupOutput *ret_out)
{
  RdsParameterGroupRecord *record = NULL;
  NewGroup new = {&rds_cluster_parameter_groups, "cluster-pg", in->DBClusterParameterGroupName, in->DBParameterGroupFamily, in->Description, &in->Tags};
  TRY(create(call, &new, &record));
  ret_out->DBClusterParameterGroup = cluster_view(call->arena, record);
  return NULL;
}

OPERATION(ModifyDBClusterParameterGroup, modify_cluster_group, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
modify_cluster_group(Call *call, const RdsModifyDBClusterParameterGroupInput *in, RdsModifyDBClusterParameterGroupOutput *ret_out)
{
  ret_out->DBClusterParameterGroupName = in->DBClusterParameterGroupName;
  return modify(call, &rds_cluster_parameter_groups, in->DBClusterParameterGroupName, &in->Parameters);
}

OPERATION(ResetDBClusterParameterGroup, reset_cluster_group, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
reset_cluster_group(Call *call, const RdsResetDBClusterParameterGroupInput *in, RdsResetDBClusterParameterGroupOutput *ret_out)
{
  ret_out->DBClusterParameterGroupName = in->DBClusterParameterGroupName;
  return reset(call, &rds_cluster_parameter_groups, in->DBClusterParameterGroupName, OPT_OR(in->ResetAllParameters, FALSE), &in->Parameters);
}

OPERATION(DescribeDBClusterParameterGroups, describe_cluster_groups, .txn = TXN_READ, .authorize = authorize_rds)
static Error *
describe_cluster_groups(Call *call, const RdsDescribeDBClusterParameterGroupsInput *in, RdsDescribeDBClusterParameterGroupsOutput *ret_out)
{
  GPtrArray *records = NULL;
  RdsParameterGroupRecord *one = NULL;
  Page page = {0};
  LIST_EMPTY(call->arena, &ret_out->DBClusterParameterGroups);
  if (in->DBClusterParameterGroupName) {
    TRY(parameter_group_get(call, &rds_cluster_parameter_groups, in->DBClusterParameterGroupName, &one));
    LIST_APPEND(call->arena, &ret_out->DBClusterParameterGroups, cluster_view(call->arena, one));
    return NULL;
  }
  TRY(rds_records_list(call, &rds_cluster_parameter_groups, &RdsParameterGroupRecord_shape, &records));
  TRY(rds_page_of(call, records->len, &in->MaxRecords, in->Marker, &page));
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->DBClusterParameterGroups, cluster_view(call->arena, records->pdata[i]));
  ret_out->Marker = page.marker;
  return NULL;
}

OPERATION(DescribeDBClusterParameters, describe_cluster_parameters, .txn = TXN_READ, .authorize = authorize_rds)
static Error *
describe_cluster_parameters(Call *call, const RdsDescribeDBClusterParametersInput *in, RdsDescribeDBClusterParametersOutput *ret_out)
{
  RdsParameterGroupRecord *record = NULL;
  TRY(parameter_group_get(call, &rds_cluster_parameter_groups, in->DBClusterParameterGroupName, &record));
  ret_out->Parameters = record->Parameters;
  if (!ret_out->Parameters.v)
    LIST_EMPTY(call->arena, &ret_out->Parameters);
  return NULL;
}

OPERATION(DeleteDBClusterParameterGroup, delete_cluster_group, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
delete_cluster_group(Call *call, const RdsDeleteDBClusterParameterGroupInput *in, RdsDeleteDBClusterParameterGroupOutput *ret_out)
{
  return erase(call, &rds_cluster_parameter_groups, in->DBClusterParameterGroupName);
}

/* -- of instances -------------------------------------------------------------------------------------------------------- */

static RdsDBParameterGroup *
instance_view(Arena *arena, const RdsParameterGroupRecord *record)
{
  RdsDBParameterGroup *view = ARENA_NEW(arena, RdsDBParameterGroup);
  *view = (RdsDBParameterGroup) {record->Name, record->Family, record->Description, record->ARN};
  return view;
}

OPERATION(CreateDBParameterGroup, create_group, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
create_group(Call *call, const RdsCreateDBParameterGroupInput *in, RdsCreateDBParameterGroupOutput *ret_out)
{
  RdsParameterGroupRecord *record = NULL;
  NewGroup new = {&rds_parameter_groups, "pg", in->DBParameterGroupName, in->DBParameterGroupFamily, in->Description, &in->Tags};
  TRY(create(call, &new, &record));
  ret_out->DBParameterGroup = instance_view(call->arena, record);
  return NULL;
}

OPERATION(ModifyDBParameterGroup, modify_group, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
modify_group(Call *call, const RdsModifyDBParameterGroupInput *in, RdsModifyDBParameterGroupOutput *ret_out)
{
  ret_out->DBParameterGroupName = in->DBParameterGroupName;
  return modify(call, &rds_parameter_groups, in->DBParameterGroupName, &in->Parameters);
}

OPERATION(ResetDBParameterGroup, reset_group, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
reset_group(Call *call, const RdsResetDBParameterGroupInput *in, RdsResetDBParameterGroupOutput *ret_out)
{
  ret_out->DBParameterGroupName = in->DBParameterGroupName;
  return reset(call, &rds_parameter_groups, in->DBParameterGroupName, OPT_OR(in->ResetAllParameters, FALSE), &in->Parameters);
}

OPERATION(DescribeDBParameterGroups, describe_groups, .txn = TXN_READ, .authorize = authorize_rds)
static Error *
describe_groups(Call *call, const RdsDescribeDBParameterGroupsInput *in, RdsDescribeDBParameterGroupsOutput *ret_out)
{
  GPtrArray *records = NULL;
  RdsParameterGroupRecord *one = NULL;
  Page page = {0};
  LIST_EMPTY(call->arena, &ret_out->DBParameterGroups);
  if (in->DBParameterGroupName) {
    TRY(parameter_group_get(call, &rds_parameter_groups, in->DBParameterGroupName, &one));
    LIST_APPEND(call->arena, &ret_out->DBParameterGroups, instance_view(call->arena, one));
    return NULL;
  }
  TRY(rds_records_list(call, &rds_parameter_groups, &RdsParameterGroupRecord_shape, &records));
  TRY(rds_page_of(call, records->len, &in->MaxRecords, in->Marker, &page));
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->DBParameterGroups, instance_view(call->arena, records->pdata[i]));
  ret_out->Marker = page.marker;
  return NULL;
}

OPERATION(DescribeDBParameters, describe_parameters, .txn = TXN_READ, .authorize = authorize_rds)
static Error *
describe_parameters(Call *call, const RdsDescribeDBParametersInput *in, RdsDescribeDBParametersOutput *ret_out)
{
  RdsParameterGroupRecord *record = NULL;
  TRY(parameter_group_get(call, &rds_parameter_groups, in->DBParameterGroupName, &record));
  ret_out->Parameters = record->Parameters;
  if (!ret_out->Parameters.v)
    LIST_EMPTY(call->arena, &ret_out->Parameters);
  return NULL;
}

OPERATION(DeleteDBParameterGroup, delete_group, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
delete_group(Call *call, const RdsDeleteDBParameterGroupInput *in, RdsDeleteDBParameterGroupOutput *ret_out)
{
  return erase(call, &rds_parameter_groups, in->DBParameterGroupName);
}
