#include "services/rds/rds.h"

#include <string.h>

/* A tagged thing: its tags, and how to put it back. */
typedef struct Tagged {
  RdsTagList *tags;
  const Table *table;
  const Shape *shape;
  void *record;
  const char *id;
} Tagged;

static Error *
find(Call *call, const char *name, Tagged *ret_tagged)
{
  Arn arn;
  if (!arn_parse(call->arena, name, &arn) || strcmp(arn.service, "rds"))
    return error_answer("InvalidParameterValue", "Invalid resource name: %s", name);
  g_auto(GStrv) parts = g_strsplit(arn.resource, ":", 2);
  const char *kind = parts[0], *id = parts[0] && parts[1] ? arena_strdup(call->arena, parts[1]) : "";
  *ret_tagged = (Tagged) {.id = id};
  if (!strcmp(kind, "cluster")) {
    RdsClusterRecord *cluster = NULL;
    TRY(cluster_get(call, id, &cluster));
    *ret_tagged = (Tagged) {&cluster->Cluster->TagList, &rds_clusters, &RdsClusterRecord_shape, cluster, id};
  } else if (!strcmp(kind, "db")) {
    RdsInstanceRecord *instance = NULL;
    TRY(instance_get(call, id, &instance));
    *ret_tagged = (Tagged) {&instance->Instance->TagList, &rds_instances, &RdsInstanceRecord_shape, instance, id};
  } else if (!strcmp(kind, "cluster-snapshot")) {
    RdsSnapshotRecord *snapshot = NULL;
    TRY(snapshot_get(call, id, &snapshot));
    *ret_tagged = (Tagged) {&snapshot->Snapshot->TagList, &rds_snapshots, &RdsSnapshotRecord_shape, snapshot, id};
  } else if (!strcmp(kind, "subgrp")) {
    RdsSubnetGroupRecord *group = NULL;
    TRY(subnet_group_get(call, id, &group));
    *ret_tagged = (Tagged) {&group->Tags, &rds_subnet_groups, &RdsSubnetGroupRecord_shape, group, id};
  } else if (!strcmp(kind, "cluster-pg") || !strcmp(kind, "pg")) {
    const Table *table = *kind == 'c' ? &rds_cluster_parameter_groups : &rds_parameter_groups;
    RdsParameterGroupRecord *group = NULL;
    TRY(parameter_group_get(call, table, id, &group));
    *ret_tagged = (Tagged) {&group->Tags, table, &RdsParameterGroupRecord_shape, group, id};
  } else {
    return error_answer("InvalidParameterValue", "haar does not tag %s yet", kind);
  }
  return NULL;
}

static Error *
put(Call *call, const Tagged *tagged)
{
  Key key;
  rds_key(call, &key, tagged->id);
  return record_put(call->txn, tagged->table, &key, tagged->shape, tagged->record);
}

static void
drop(RdsTagList *tags, const char *key)
{
  gsize kept = 0;
  for (gsize i = 0; i < tags->n; i++)
    if (g_strcmp0(tags->v[i]->Key, key))
      tags->v[kept++] = tags->v[i];
  tags->n = kept;
}

OPERATION(AddTagsToResource, add_tags_to_resource, .txn = TXN_WRITE)
static Error *
add_tags_to_resource(Call *call, const RdsAddTagsToResourceInput *in, RdsAddTagsToResourceOutput *ret_out)
{
  Tagged tagged = {0};
  TRY(find(call, in->ResourceName, &tagged));
  for (gsize i = 0; i < in->Tags.n; i++) {
    drop(tagged.tags, in->Tags.v[i]->Key);
    LIST_APPEND(call->arena, tagged.tags, in->Tags.v[i]);
  }
  if (tagged.tags->n > 50)
    return error_answer("InvalidParameterValue", "A resource can have at most 50 tags.");
  return put(call, &tagged);
}

OPERATION(RemoveTagsFromResource, remove_tags_from_resource, .txn = TXN_WRITE)
static Error *
remove_tags_from_resource(Call *call, const RdsRemoveTagsFromResourceInput *in, RdsRemoveTagsFromResourceOutput *ret_out)
{
  Tagged tagged = {0};
  TRY(find(call, in->ResourceName, &tagged));
  for (gsize i = 0; i < in->TagKeys.n; i++)
    drop(tagged.tags, in->TagKeys.v[i]);
  return put(call, &tagged);
}

OPERATION(ListTagsForResource, list_tags_for_resource, .txn = TXN_READ)
static Error *
list_tags_for_resource(Call *call, const RdsListTagsForResourceInput *in, RdsListTagsForResourceOutput *ret_out)
{
  Tagged tagged = {0};
  TRY(find(call, in->ResourceName, &tagged));
  ret_out->TagList = *tagged.tags;
  LIST_EMPTY(call->arena, &ret_out->TagList);
  return NULL;
}
