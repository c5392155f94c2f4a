#include "services/rds/rds.h"

#include <string.h>

#define TTL_SECONDS 5

/* Aurora's names hold a part that is the same for all of an account in a region. */
static char *
account_part(const Call *call)
{
  g_autofree char *text = g_strconcat(call->account, "/", call->region, NULL);
  g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
  return arena_printf(call->arena, "c%.11s", sum);
}

static char *
endpoint(const Call *call, const char *id, const char *kind)
{
  g_autofree char *lower = g_ascii_strdown(id, -1);
  return arena_printf(call->arena, "%s.%s%s.%s.rds.amazonaws.com", lower, kind, account_part(call), call->region);
}

char *
endpoint_writer(const Call *call, const char *cluster_id)
{
  return endpoint(call, cluster_id, "cluster-");
}

char *
endpoint_reader(const Call *call, const char *cluster_id)
{
  return endpoint(call, cluster_id, "cluster-ro-");
}

char *
endpoint_instance(const Call *call, const char *instance_id)
{
  return endpoint(call, instance_id, "");
}

RdsDBClusterMember *
cluster_writer(const RdsDBCluster *cluster)
{
  for (gsize i = 0; i < cluster->DBClusterMembers.n; i++)
    if (OPT_OR(cluster->DBClusterMembers.v[i]->IsClusterWriter, FALSE))
      return cluster->DBClusterMembers.v[i];
  return NULL;
}

RdsDBClusterMember *
cluster_member(const RdsDBCluster *cluster, const char *instance_id)
{
  for (gsize i = 0; i < cluster->DBClusterMembers.n; i++)
    if (!g_ascii_strcasecmp(cluster->DBClusterMembers.v[i]->DBInstanceIdentifier, instance_id))
      return cluster->DBClusterMembers.v[i];
  return NULL;
}

Error *
endpoints_publish(Call *call, const RdsClusterRecord *cluster)
{
  const RdsDBCluster *c = cluster->Cluster;
  Fabric *fabric = call->haar->fabric;
  g_autoptr(GPtrArray) writers = g_ptr_array_new(), readers = g_ptr_array_new();
  if (!fabric)
    return NULL;
  for (gsize i = 0; i < c->DBClusterMembers.n; i++) {
    RdsInstanceRecord *instance = NULL;
    const RdsDBClusterMember *member = c->DBClusterMembers.v[i];
    TRY(instance_get(call, member->DBInstanceIdentifier, &instance));
    if (!instance->Address)
      continue;
    const char *const own[] = {instance->Address, NULL};
    fabric_name_set(fabric, endpoint_instance(call, member->DBInstanceIdentifier), own, NULL, TTL_SECONDS);
    if (!strcmp(instance->Instance->DBInstanceStatus, "available"))
      g_ptr_array_add(OPT_OR(member->IsClusterWriter, FALSE) ? writers : readers, (gpointer) instance->Address);
  }
  /* Without a replica the reader name is the writer's too. */
  for (guint i = 0; !readers->len && i < writers->len; i++)
    g_ptr_array_add(readers, writers->pdata[i]);
  g_ptr_array_add(writers, NULL);
  g_ptr_array_add(readers, NULL);
  fabric_name_set(fabric, c->Endpoint, (const char *const *) writers->pdata, NULL, TTL_SECONDS);
  fabric_name_set(fabric, c->ReaderEndpoint, (const char *const *) readers->pdata, NULL, TTL_SECONDS);
  return NULL;
}
