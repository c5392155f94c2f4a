#include "services/rds/rds.h"
#include "services/ec2.gen.h"

#include <string.h>

/* Reads the subnets: all in one VPC, over two zones at least. */
static Error *
fill_subnets(Call *call, const StringList *ids, RdsDBSubnetGroup *group)
{
  Ec2DescribeSubnetsInput in = {.SubnetIds = *ids};
  Ec2DescribeSubnetsOutput out = {0};
  const char *zone = NULL;
  gboolean zones = FALSE;
  group->Subnets = (RdsSubnetList) {0};
  g_autoptr(Error) error = call_operation(call, &Ec2OperationDescribeSubnets, NULL, "rds", &in, &out);
  if (error)
    return error->kind == ERROR_FAULT ? g_steal_pointer(&error) : error_answer("InvalidSubnet", "%s", error->message);
  for (gsize i = 0; i < out.Subnets.n; i++) {
    RdsSubnet *subnet = ARENA_NEW(call->arena, RdsSubnet);
    subnet->SubnetIdentifier = out.Subnets.v[i]->SubnetId;
    subnet->SubnetStatus = "Active";
    subnet->SubnetAvailabilityZone = ARENA_NEW(call->arena, RdsAvailabilityZone);
    subnet->SubnetAvailabilityZone->Name = out.Subnets.v[i]->AvailabilityZone;
    zones = zones || (zone && strcmp(zone, out.Subnets.v[i]->AvailabilityZone));
    zone = out.Subnets.v[i]->AvailabilityZone;
    if (group->VpcId && i && strcmp(group->VpcId, out.Subnets.v[i]->VpcId))
      return error_answer("InvalidSubnet", "The subnets of a DB subnet group must all be in one VPC.");
    group->VpcId = out.Subnets.v[i]->VpcId;
    LIST_APPEND(call->arena, &group->Subnets, subnet);
  }
  if (!zones)
    return error_answer("DBSubnetGroupDoesNotCoverEnoughAZs",
                        "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: %s. Add subnets to cover at "
                        "least 2 AZs.", zone ? zone : "");
  return NULL;
}

static Error *
put(Call *call, const RdsSubnetGroupRecord *record)
{
  Key key;
  rds_key(call, &key, record->Group->DBSubnetGroupName);
  return record_put(call->txn, &rds_subnet_groups, &key, &RdsSubnetGroupRecord_shape, record);
}

OPERATION(CreateDBSubnetGroup, create_db_subnet_group, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
create_db_subnet_group(Call *call, const RdsCreateDBSubnetGroupInput *in, RdsCreateDBSubnetGroupOutput *ret_out)
{
  Key key;
  void *old = NULL;
  g_autofree char *name = g_ascii_strdown(in->DBSubnetGroupName, -1);
  rds_key(call, &key, name);
  TRY(record_get(call->txn, &rds_subnet_groups, &key, &RdsSubnetGroupRecord_shape, call->arena, &old));
  if (old)
    return error_answer("DBSubnetGroupAlreadyExists", "The DB subnet group '%s' already exists.", name);
  RdsDBSubnetGroup *group = ARENA_NEW(call->arena, RdsDBSubnetGroup);
  *group = (RdsDBSubnetGroup) {.DBSubnetGroupName = arena_strdup(call->arena, name), .DBSubnetGroupDescription = in->DBSubnetGroupDescription,
                               .SubnetGroupStatus = "Complete", .DBSubnetGroupArn = rds_arn(call, "subgrp", name)};
  LIST_APPEND(call->arena, &group->SupportedNetworkTypes, "IPV4");
  TRY(fill_subnets(call, &in->SubnetIds, group));
  ret_out->DBSubnetGroup = group;
  return put(call, &(RdsSubnetGroupRecord) {group, in->Tags});
}

OPERATION(ModifyDBSubnetGroup, modify_db_subnet_group, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
modify_db_subnet_group(Call *call, const RdsModifyDBSubnetGroupInput *in, RdsModifyDBSubnetGroupOutput *ret_out)
{
  RdsSubnetGroupRecord *record = NULL;
  TRY(subnet_group_get(call, in->DBSubnetGroupName, &record));
  if (in->DBSubnetGroupDescription)
    record->Group->DBSubnetGroupDescription = in->DBSubnetGroupDescription;
  TRY(fill_subnets(call, &in->SubnetIds, record->Group));
  ret_out->DBSubnetGroup = record->Group;
  return put(call, record);
}

OPERATION(DescribeDBSubnetGroups, describe_db_subnet_groups, .txn = TXN_READ, .authorize = authorize_rds)
static Error *
describe_db_subnet_groups(Call *call, const RdsDescribeDBSubnetGroupsInput *in, RdsDescribeDBSubnetGroupsOutput *ret_out)
{
  GPtrArray *records = NULL;
  RdsSubnetGroupRecord *one = NULL;
  Page page = {0};
  LIST_EMPTY(call->arena, &ret_out->DBSubnetGroups);
  if (in->DBSubnetGroupName) {
    TRY(subnet_group_get(call, in->DBSubnetGroupName, &one));
    LIST_APPEND(call->arena, &ret_out->DBSubnetGroups, one->Group);
    return NULL;
  }
  TRY(rds_records_list(call, &rds_subnet_groups, &RdsSubnetGroupRecord_shape, &records));
  TRY(rds_page_of(call, records->len, &in->MaxRecords, in->Marker, &page));
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->DBSubnetGroups, ((RdsSubnetGroupRecord *) records->pdata[i])->Group);
  ret_out->Marker = page.marker;
  return NULL;
}

static Error *
check_unused(Call *call, const char *name)
{
  GPtrArray *clusters = NULL, *instances = NULL;
  TRY(rds_records_list(call, &rds_clusters, &RdsClusterRecord_shape, &clusters));
  TRY(rds_records_list(call, &rds_instances, &RdsInstanceRecord_shape, &instances));
  gboolean used = FALSE;
  for (guint i = 0; i < clusters->len && !used; i++)
    used = !g_strcmp0(((RdsClusterRecord *) clusters->pdata[i])->Cluster->DBSubnetGroup, name);
  for (guint i = 0; i < instances->len && !used; i++) {
    const RdsDBSubnetGroup *group = ((RdsInstanceRecord *) instances->pdata[i])->Instance->DBSubnetGroup;
    used = group && !g_strcmp0(group->DBSubnetGroupName, name);
  }
  if (used)
    return error_answer("InvalidDBSubnetGroupStateFault", "Cannot delete the subnet group '%s' because at least one database is still using it.", name);
  return NULL;
}

OPERATION(DeleteDBSubnetGroup, delete_db_subnet_group, .txn = TXN_WRITE, .authorize = authorize_rds)
static Error *
delete_db_subnet_group(Call *call, const RdsDeleteDBSubnetGroupInput *in, RdsDeleteDBSubnetGroupOutput *ret_out)
{
  RdsSubnetGroupRecord *record = NULL;
  Key key;
  TRY(subnet_group_get(call, in->DBSubnetGroupName, &record));
  TRY(check_unused(call, record->Group->DBSubnetGroupName));
  rds_key(call, &key, in->DBSubnetGroupName);
  return store_delete(call->txn, &rds_subnet_groups, &key, NULL);
}
