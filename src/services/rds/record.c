#include "services/rds/rds.h"

#include <string.h>

const Table rds_clusters = {"rds.clusters"};
const Table rds_instances = {"rds.instances"};
const Table rds_subnet_groups = {"rds.subnet_groups"};
const Table rds_cluster_parameter_groups = {"rds.cluster_parameter_groups"};
const Table rds_parameter_groups = {"rds.parameter_groups"};

void
rds_key(const Call *call, Key *key, const char *id)
{
  g_autofree char *lower = g_ascii_strdown(id, -1);
  call_key(call, key);
  key_add(key, lower);
}

char *
rds_arn(const Call *call, const char *kind, const char *id)
{
  return call_arn(call, "rds", "%s:%s", kind, id);
}

/* Identifiers may be given as ARNs too: the part behind the last colon. */
static const char *
bare(const char *id)
{
  const char *colon = g_str_has_prefix(id, "arn:") ? strrchr(id, ':') : NULL;
  return colon ? colon + 1 : id;
}

static Error *
get(Call *call, const Table *table, const Shape *shape, const char *id, const char *code, const char *what, void *ret_record)
{
  Key key;
  void *record = NULL;
  rds_key(call, &key, bare(id));
  TRY(record_get(call->txn, table, &key, shape, call->arena, &record));
  if (!record)
    return error_answer_status(404, code, "%s %s not found.", what, bare(id));
  *(void **) ret_record = record;
  return NULL;
}

void
cluster_complete(Arena *arena, RdsDBCluster *cluster)
{
  LIST_EMPTY(arena, &cluster->AvailabilityZones);
  LIST_EMPTY(arena, &cluster->ReadReplicaIdentifiers);
  LIST_EMPTY(arena, &cluster->DBClusterMembers);
  LIST_EMPTY(arena, &cluster->VpcSecurityGroups);
  LIST_EMPTY(arena, &cluster->AssociatedRoles);
  LIST_EMPTY(arena, &cluster->TagList);
  LIST_EMPTY(arena, &cluster->DomainMemberships);
}

void
instance_complete(Arena *arena, RdsDBInstance *instance)
{
  LIST_EMPTY(arena, &instance->DBSecurityGroups);
  LIST_EMPTY(arena, &instance->VpcSecurityGroups);
  LIST_EMPTY(arena, &instance->DBParameterGroups);
  LIST_EMPTY(arena, &instance->ReadReplicaDBInstanceIdentifiers);
  LIST_EMPTY(arena, &instance->OptionGroupMemberships);
  LIST_EMPTY(arena, &instance->DomainMemberships);
  LIST_EMPTY(arena, &instance->AssociatedRoles);
  LIST_EMPTY(arena, &instance->TagList);
  if (!instance->PendingModifiedValues)
    instance->PendingModifiedValues = ARENA_NEW(arena, RdsPendingModifiedValues);
}

void
snapshot_complete(Arena *arena, RdsDBClusterSnapshot *snapshot)
{
  LIST_EMPTY(arena, &snapshot->AvailabilityZones);
  LIST_EMPTY(arena, &snapshot->TagList);
}

Error *
cluster_get(Call *call, const char *id, RdsClusterRecord **ret_cluster)
{
  TRY(get(call, &rds_clusters, &RdsClusterRecord_shape, id, "DBClusterNotFoundFault", "DBCluster", ret_cluster));
  cluster_complete(call->arena, (*ret_cluster)->Cluster);
  return NULL;
}

Error *
instance_get(Call *call, const char *id, RdsInstanceRecord **ret_instance)
{
  TRY(get(call, &rds_instances, &RdsInstanceRecord_shape, id, "DBInstanceNotFound", "DBInstance", ret_instance));
  instance_complete(call->arena, (*ret_instance)->Instance);
  return NULL;
}

Error *
subnet_group_get(Call *call, const char *name, RdsSubnetGroupRecord **ret_group)
{
  return get(call, &rds_subnet_groups, &RdsSubnetGroupRecord_shape, name, "DBSubnetGroupNotFoundFault", "DB subnet group", ret_group);
}

Error *
parameter_group_get(Call *call, const Table *table, const char *name, RdsParameterGroupRecord **ret_group)
{
  gboolean cluster = table == &rds_cluster_parameter_groups;
  return get(call, table, &RdsParameterGroupRecord_shape, name, "DBParameterGroupNotFound", cluster ? "DBClusterParameterGroup" : "DBParameterGroup",
             ret_group);
}

Error *
cluster_put(Call *call, const RdsClusterRecord *cluster)
{
  Key key;
  rds_key(call, &key, cluster->Cluster->DBClusterIdentifier);
  return record_put(call->txn, &rds_clusters, &key, &RdsClusterRecord_shape, cluster);
}

Error *
instance_put(Call *call, const RdsInstanceRecord *instance)
{
  Key key;
  rds_key(call, &key, instance->Instance->DBInstanceIdentifier);
  return record_put(call->txn, &rds_instances, &key, &RdsInstanceRecord_shape, instance);
}

Error *
rds_records_list(Call *call, const Table *table, const Shape *shape, GPtrArray **ret_records)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  GPtrArray *records = g_ptr_array_new();
  arena_own(call->arena, records, (GDestroyNotify) g_ptr_array_unref);
  call_key(call, &prefix);
  TRY(cursor_open(call->txn, table, &(CursorOptions) {.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, shape, data, size, &record));
    g_ptr_array_add(records, record);
  }
  *ret_records = records;
  return NULL;
}

Error *
rds_identifier_check(const char *what, const char *id)
{
  gsize n = strlen(id);
  gboolean good = n && n <= 63 && g_ascii_isalpha(*id) && id[n - 1] != '-' && !strstr(id, "--");
  for (const char *c = id; good && *c; c++)
    good = g_ascii_isalnum(*c) || *c == '-';
  if (good)
    return NULL;
  return error_answer("InvalidParameterValue",
                      "The parameter %s is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII letters, digits, and "
                      "hyphens; and must not end with a hyphen or contain two consecutive hyphens.", what);
}

/* Which member of an input names which kind of resource. */
Error *
authorize_rds(Call *call, const void *in, Authorization *auth)
{
  static const struct { const char *member, *kind; } names[] = {
    {"DBInstanceIdentifier", "db"}, {"DBClusterIdentifier", "cluster"}, {"DBSubnetGroupName", "subgrp"},
    {"DBClusterParameterGroupName", "cluster-pg"}, {"DBParameterGroupName", "pg"},
  };
  const Shape *shape = call->operation->model->input;
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    for (guint j = 0; j < shape->n_members; j++) {
      const char *id = strcmp(shape->members[j].name, names[i].member) ? NULL : *(const char *const *) ((const char *) in + shape->members[j].offset);
      if (!id)
        continue;
      auth->resource = g_str_has_prefix(id, "arn:") ? id : rds_arn(call, names[i].kind, id);
      return NULL;
    }
  return NULL;
}

Error *
rds_page_of(Call *call, gsize n, const OptInt *max_records, const char *marker, Page *ret_page)
{
  gint64 max = OPT_OR(*max_records, 100), from = 0;
  if (max < 20 || max > 100)
    return error_answer("InvalidParameterValue", "Invalid value %" G_GINT64_FORMAT " for MaxRecords. Must be between 20 and 100", max);
  if (marker && !g_ascii_string_to_signed(marker, 10, 0, G_MAXINT32, &from, NULL))
    return error_answer("InvalidParameterValue", "The parameter Marker is not valid.");
  ret_page->from = MIN((gsize) from, n);
  ret_page->to = MIN(ret_page->from + (gsize) max, n);
  ret_page->marker = ret_page->to < n ? arena_printf(call->arena, "%" G_GSIZE_FORMAT, ret_page->to) : NULL;
  return NULL;
}

gboolean
rds_filter_allows(const RdsFilterList *filters, const char *name, const char *value)
{
  for (gsize i = 0; i < filters->n; i++) {
    gboolean found = strcmp(filters->v[i]->Name, name) != 0;
    for (gsize j = 0; j < filters->v[i]->Values.n && !found; j++)
      found = value && !g_ascii_strcasecmp(bare(filters->v[i]->Values.v[j]), bare(value));
    if (!found)
      return FALSE;
  }
  return TRUE;
}

Error *
rds_filters_check(const RdsFilterList *filters, const char *known)
{
  g_auto(GStrv) names = g_strsplit(known, " ", -1);
  for (gsize i = 0; i < filters->n; i++)
    if (!g_strv_contains((const char *const *) names, filters->v[i]->Name))
      return error_answer("InvalidParameterValue", "Unrecognized filter name: %s", filters->v[i]->Name);
  return NULL;
}
