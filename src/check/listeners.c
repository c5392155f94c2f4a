/* listeners: what waits for connections in a VPC: databases, caches, proxies. */
#include "check/model.h"

#include <string.h>

typedef struct Kind {
  const char *type, *title;
  const char *groups, *subnet_group, *subnets;   /* properties; subnet_group: of a resource that has `subnets` */
  int port;                                      /* 0: as the engine has it */
} Kind;

static const Kind kinds[] = {
  { "AWS::RDS::DBCluster", "the database cluster", "VpcSecurityGroupIds", "DBSubnetGroupName", "SubnetIds", 0 },
  { "AWS::RDS::DBInstance", "the database", "VPCSecurityGroups", "DBSubnetGroupName", "SubnetIds", 0 },
  { "AWS::RDS::DBProxy", "the database proxy", "VpcSecurityGroupIds", NULL, "VpcSubnetIds", 0 },
  { "AWS::ElastiCache::ReplicationGroup", "the cache", "SecurityGroupIds", "CacheSubnetGroupName", "SubnetIds", 6379 },
  { "AWS::ElastiCache::CacheCluster", "the cache", "VpcSecurityGroupIds", "CacheSubnetGroupName", "SubnetIds", 0 },
  { "AWS::ElastiCache::ServerlessCache", "the cache", "SecurityGroupIds", NULL, "SubnetIds", 6379 },
  { "AWS::DocDB::DBCluster", "the document database", "VpcSecurityGroupIds", "DBSubnetGroupName", "SubnetIds", 27017 },
  { "AWS::Neptune::DBCluster", "the graph database", "VpcSecurityGroupIds", "DBSubnetGroupName", "SubnetIds", 8182 },
  { "AWS::Redshift::Cluster", "the warehouse", "VpcSecurityGroupIds", "ClusterSubnetGroupName", "SubnetIds", 5439 },
  { "AWS::OpenSearchService::Domain", "the search domain", "VPCOptions.SecurityGroupIds", NULL, "VPCOptions.SubnetIds", 443 },
};

static const Kind *
kind_of(const Item *item)
{
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
    if (strcmp(kinds[i].type, item->type) == 0)
      return &kinds[i];
  }
  return NULL;
}

static int
engine_port(const Item *item)
{
  static const struct { const char *part; int port; } engines[] = {
    { "postgres", 5432 }, { "POSTGRESQL", 5432 }, { "oracle", 1521 }, { "sqlserver", 1433 }, { "SQLSERVER", 1433 }, { "memcached", 11211 },
    { "redis", 6379 }, { "valkey", 6379 }, { "mysql", 3306 }, { "MYSQL", 3306 }, { "mariadb", 3306 },
  };
  const char *engine = item_text(item, "Engine") ? item_text(item, "Engine") : item_text(item, "EngineFamily");
  for (guint i = 0; engine && i < G_N_ELEMENTS(engines); i++) {
    if (strstr(engine, engines[i].part))
      return engines[i].port;
  }
  return 0;
}

/* The port, or 0: not known. An Aurora PostgreSQL cluster without Port listens on 3306 or 5432, by its engine mode: not known.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbcluster.html */
static int
listener_port(const Item *item, const Kind *kind)
{
  const Json *port = item_property(item, "Port");
  if (port)
    return (int) json_number(port, 0);
  if (g_strcmp0(item_text(item, "Engine"), "aurora-postgresql") == 0)
    return 0;
  return kind->port ? kind->port : engine_port(item);
}

static void
read_list(Check *check, const Json *list, gboolean groups, StringList *into)
{
  for (guint i = 0; i < list_n(list); i++) {
    const char *text = template_scalar(list_at(list, i));
    if (text)
      words_add(check->arena, into, groups ? group_name(check, text) : plain_name(check, text));
  }
}

static Vpc *
find_vpc(const Check *check, const Listener *listener)
{
  for (gsize i = 0; i < listener->subnets.n; i++) {
    Vpc *vpc = vpc_of_subnet(check, listener->subnets.v[i]);
    if (vpc)
      return vpc;
  }
  for (gsize i = 0; i < listener->groups.n; i++) {
    const Item *group = item_find(check, listener->groups.v[i]);
    if (group && item_text(group, "VpcId"))
      return vpc_find(check, item_text(group, "VpcId"));
  }
  return NULL;
}

gboolean
listener_of(Check *check, const Item *item, Listener *ret_listener)
{
  const Item *cluster = item_exactly(check, item_text(item, "DBClusterIdentifier"));
  if (cluster)
    item = cluster;
  const Kind *kind = kind_of(item);
  if (!kind)
    return FALSE;
  Listener listener = { .item = item, .port = listener_port(item, kind), .title = arena_printf(check->arena, "%s %s", kind->title, item->id) };
  const Json *subnets = kind->subnet_group ? NULL : item_property(item, kind->subnets);
  const Item *group = kind->subnet_group ? item_exactly(check, item_text(item, kind->subnet_group)) : NULL;
  if (group)
    subnets = item_property(group, kind->subnets);
  read_list(check, subnets, FALSE, &listener.subnets);
  read_list(check, item_property(item, kind->groups), TRUE, &listener.groups);
  listener.vpc = find_vpc(check, &listener);
  if (listener.vpc && listener.groups.n == 0)
    words_add(check->arena, &listener.groups, arena_printf(check->arena, "the default group of %s", listener.vpc->id));
  if (listener.vpc && listener.subnets.n == 0)
    words_add(check->arena, &listener.subnets, arena_printf(check->arena, "a subnet of %s", item->id));
  *ret_listener = listener;
  return TRUE;
}

void
listeners_build(Check *check)
{
  for (guint i = 0; i < check->n_items; i++) {
    Listener listener;
    const Item *item = &check->items[i];
    if (!kind_of(item) || !listener_of(check, item, &listener) || listener.item != item || !listener.vpc)
      continue;
    for (gsize j = 0; j < listener.subnets.n; j++) {
      const char *eni = vpc_add_eni(check, listener.vpc, item->id, listener.subnets.v[j], ENI_ORDINARY, &listener.groups);
      if (eni)
        words_add(check->arena, &listener.enis, eni);
    }
    g_hash_table_insert(check->listeners, (gpointer) item->id, arena_memdup(check->arena, &listener, sizeof listener));
  }
}

const Listener *
listener_find(const Check *check, const Item *item)
{
  return g_hash_table_lookup(check->listeners, item->id);
}
