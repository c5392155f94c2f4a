#include "services/rds/rds.h"

#include <string.h>

/* The versions that a cluster may name. What runs is the machine's MariaDB; see README.md. */
static const struct { const char *version, *family; } versions[] = {
  {"5.7.mysql_aurora.2.11.4", "aurora-mysql5.7"}, {"8.0.mysql_aurora.3.02.0", "aurora-mysql8.0"}, {"8.0.mysql_aurora.3.04.0", "aurora-mysql8.0"},
  {"8.0.mysql_aurora.3.05.2", "aurora-mysql8.0"}, {"8.0.mysql_aurora.3.08.0", "aurora-mysql8.0"},
};

OPERATION(DescribeDBEngineVersions, describe_db_engine_versions, .txn = TXN_READ)
static Error *
describe_db_engine_versions(Call *call, const RdsDescribeDBEngineVersionsInput *in, RdsDescribeDBEngineVersionsOutput *ret_out)
{
  LIST_EMPTY(call->arena, &ret_out->DBEngineVersions);
  for (guint i = 0; i < G_N_ELEMENTS(versions); i++) {
    if ((in->Engine && strcmp(in->Engine, "aurora-mysql")) || (in->EngineVersion && strcmp(in->EngineVersion, versions[i].version)) ||
        (in->DBParameterGroupFamily && strcmp(in->DBParameterGroupFamily, versions[i].family)))
      continue;
    RdsDBEngineVersion *version = ARENA_NEW(call->arena, RdsDBEngineVersion);
    *version = (RdsDBEngineVersion) {.Engine = "aurora-mysql", .EngineVersion = versions[i].version, .DBParameterGroupFamily = versions[i].family,
                                     .DBEngineDescription = "Aurora MySQL", .DBEngineVersionDescription = "Aurora MySQL, run by MariaDB in haar",
                                     .Status = "available", .SupportsLogExportsToCloudwatchLogs = OPT_BOOL(TRUE), .SupportsReadReplica = OPT_BOOL(FALSE)};
    log_types_list(call->arena, &version->ExportableLogTypes);
    LIST_EMPTY(call->arena, &version->ValidUpgradeTarget);
    LIST_APPEND(call->arena, &version->SupportedEngineModes, "provisioned");
    LIST_APPEND(call->arena, &ret_out->DBEngineVersions, version);
  }
  return NULL;
}
