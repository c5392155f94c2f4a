/* flow_log: flow logs on VPCs, subnets and interfaces. What they collect is in flow_collect.c. https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html */
#include "services/ec2/flow.h"
#include "services/s3.gen.h"
#include "services/sts.gen.h"

#include <string.h>

enum { LOGS_PER_RESOURCE = 10, RESOURCES_MAX = 1000 };

static const Ec2Path filters[] = {
  {"flow-log-id", "FlowLogId"}, {"deliver-log-status", "DeliverLogsStatus"}, {"log-destination-type", "LogDestinationType"}, {"log-group-name", "LogGroupName"},
  {"resource-id", "ResourceId"}, {"traffic-type", "TrafficType"}, {NULL, NULL},
};
const Ec2Kind ec2_flow_logs = {.type = "vpc-flow-log", .prefix = "fl", .table = {"ec2.flow_log"}, EC2_KIND(FlowLog, FlowLogId, Tags),
  .malformed = "InvalidFlowLogId.Malformed", .not_found = "InvalidFlowLogId.NotFound", .not_found_text = "The flow log ID '%s' does not exist", .filters = filters};

static Error *wrong(const char *text) { return error_answer("InvalidParameter", "%s", text); }

/* --- the destination --- */

static const char *group_of(const char *arn) {
  const char *at = arn ? strstr(arn, ":log-group:") : NULL;
  return at ? at + strlen(":log-group:") : NULL;
}

/* The role must be there and let the service use it. */
static Error *check_role(Call *call, const char *role) {
  StsAssumeRoleInput in = {.RoleArn = role, .RoleSessionName = "vpc-flow-logs"};
  StsAssumeRoleOutput out = {0};
  g_autoptr(Error) error = call_operation(call, &StsOperationAssumeRole, principal_service(call->arena, "vpc-flow-logs", call->account), NULL, &in, &out);
  if (error && error->kind == ERROR_ANSWER)
    return error_answer("InvalidParameter", "Access denied for LogDestination. The role %s cannot be assumed by vpc-flow-logs.amazonaws.com.", role);
  return g_steal_pointer(&error);
}

static Error *check_group(Call *call, const Ec2CreateFlowLogsInput *in, Ec2FlowLog *log) {
  if (in->LogGroupName && in->LogDestination)
    return error_answer("InvalidParameter", "Please only provide LogGroupName or only provide LogDestination.");
  if (!in->LogGroupName && !in->LogDestination)
    return wrong("LogDestination can't be empty.");
  if (!in->DeliverLogsPermissionArn)
    return wrong("DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs.");
  const char *group = in->LogGroupName ? in->LogGroupName : group_of(in->LogDestination);
  if (!group)
    return error_answer("InvalidParameter", "LogDestination: %s is not a valid ARN for LogDestinationType cloud-watch-logs.", in->LogDestination);
  log->LogGroupName = arena_strndup(call->arena, group, strcspn(group, ":"));
  if (in->LogDestination)
    log->LogDestination = in->LogDestination;
  log->DeliverLogsPermissionArn = in->DeliverLogsPermissionArn;
  return check_role(call, in->DeliverLogsPermissionArn);
}

static Error *check_bucket(Call *call, const Ec2CreateFlowLogsInput *in, Ec2FlowLog *log) {
  static const char prefix[] = "arn:aws:s3:::";
  const Ec2DestinationOptionsRequest *given = in->DestinationOptions;
  if (in->LogGroupName)
    return wrong("LogGroupName can't be provided if LogDestinationType is s3.");
  if (in->DeliverLogsPermissionArn)
    return wrong("DeliverLogsPermissionArn must be null if LogDestinationType is s3.");
  if (!in->LogDestination || !g_str_has_prefix(in->LogDestination, prefix) || !in->LogDestination[strlen(prefix)])
    return error_answer("InvalidParameter", "LogDestination: %s is not a valid ARN for LogDestinationType s3.", in->LogDestination ? in->LogDestination : "");
  if (strstr(in->LogDestination, "AWSLogs"))
    return wrong("AWSLogs is a reserved term: it cannot be a subfolder of LogDestination.");
  if (given && g_strcmp0(given->FileFormat, "parquet") == 0)
    return error_answer("UnsupportedOperation", "haar writes flow logs as plain text, not as Parquet.");
  log->LogDestination = in->LogDestination;
  log->DestinationOptions = ARENA_NEW(call->arena, Ec2DestinationOptionsResponse);
  *log->DestinationOptions = (Ec2DestinationOptionsResponse){.FileFormat = "plain-text", .HiveCompatiblePartitions = OPT_BOOL(given && given->HiveCompatiblePartitions.v),
                                                             .PerHourPartition = OPT_BOOL(given && given->PerHourPartition.v)};
  const char *bucket = in->LogDestination + strlen(prefix);
  S3HeadBucketInput head = {.Bucket = arena_strndup(call->arena, bucket, strcspn(bucket, "/"))};
  g_autoptr(Error) error = call_operation(call, &S3OperationHeadBucket, NULL, NULL, &head, &(S3HeadBucketOutput){0});
  if (error && error->kind == ERROR_ANSWER)
    return error_answer("InvalidParameter", "LogDestination: %s does not exist, or you may not use it.", head.Bucket);
  return g_steal_pointer(&error);
}

static Error *check_destination(Call *call, const Ec2CreateFlowLogsInput *in, Ec2FlowLog *log) {
  log->LogDestinationType = in->LogDestinationType ? in->LogDestinationType : "cloud-watch-logs";
  if (strcmp(log->LogDestinationType, "cloud-watch-logs") == 0)
    return check_group(call, in, log);
  if (strcmp(log->LogDestinationType, "s3") == 0)
    return check_bucket(call, in, log);
  return error_answer("UnsupportedOperation", "haar delivers flow logs to CloudWatch Logs and to S3, not to %s.", log->LogDestinationType);
}

/* --- operations --- */

static Error *check_request(Call *call, const Ec2CreateFlowLogsInput *in, Ec2FlowLog *log) {
  FlowFormat format;
  gint64 interval = OPT_OR(in->MaxAggregationInterval, 600);
  if (in->ResourceIds.n == 0 || in->ResourceIds.n > RESOURCES_MAX)
    return error_answer("InvalidParameter", "ResourceIds has from 1 to %d members.", RESOURCES_MAX);
  if (strcmp(in->ResourceType, "VPC") != 0 && strcmp(in->ResourceType, "Subnet") != 0 && strcmp(in->ResourceType, "NetworkInterface") != 0)
    return error_answer("UnsupportedOperation", "haar has flow logs of VPCs, subnets and network interfaces, not of %s.", in->ResourceType);
  if (!in->TrafficType)
    return wrong("TrafficType can't be empty for the resource type.");
  if (interval != 60 && interval != 600)
    return wrong("Invalid Flow Log Max Aggregation Interval");
  if (in->DeliverCrossAccountRole)
    return error_answer("UnsupportedOperation", "haar delivers flow logs within the account.");
  TRY(flow_format_parse(in->LogFormat, &format));
  *log = (Ec2FlowLog){.CreationTime = OPT_TIME(call->now), .DeliverLogsStatus = "SUCCESS", .FlowLogStatus = "ACTIVE", .TrafficType = in->TrafficType,
                      .LogFormat = in->LogFormat ? in->LogFormat : flow_format_default, .MaxAggregationInterval = OPT_INT(interval),
                      .Tags = ec2_tags(call, &in->TagSpecifications, "vpc-flow-log")};
  return check_destination(call, in, log);
}

static const Ec2Kind *kind_of(const char *resource_type) {
  return strcmp(resource_type, "VPC") == 0 ? &ec2_vpcs : strcmp(resource_type, "Subnet") == 0 ? &ec2_subnets : &ec2_interfaces;
}

static gboolean same(const Ec2FlowLog *a, const Ec2FlowLog *b) {
  return strcmp(a->ResourceId, b->ResourceId) == 0 && strcmp(a->TrafficType, b->TrafficType) == 0 && strcmp(a->LogDestinationType, b->LogDestinationType) == 0 &&
         g_strcmp0(a->LogDestination, b->LogDestination) == 0 && g_strcmp0(a->LogGroupName, b->LogGroupName) == 0 && strcmp(a->LogFormat, b->LogFormat) == 0;
}

static Error *create_one(Call *call, const Ec2FlowLog *common, const char *resource_type, const char *resource, const char **ret_id) {
  const void *there = NULL;
  Ec2Records all = {0};
  gsize n = 0;
  TRY(ec2_get(call, kind_of(resource_type), resource, &there));
  Ec2FlowLog *log = ARENA_NEW(call->arena, Ec2FlowLog);
  *log = *common;
  log->FlowLogId = id_resource(call->arena, "fl");
  log->ResourceId = resource;
  TRY(ec2_all(call, &ec2_flow_logs, &all));
  for (gsize i = 0; i < all.n; i++) {
    if (same(all.v[i], log))
      return error_answer("FlowLogAlreadyExists", "Error. There is an existing Flow Log with the same configuration and log destination.");
    n += strcmp(((const Ec2FlowLog *) all.v[i])->ResourceId, resource) == 0;
  }
  if (n >= LOGS_PER_RESOURCE)
    return error_answer("FlowLogsLimitExceeded", "The maximum number of flow logs for %s has been reached.", resource);
  *ret_id = log->FlowLogId;
  TRY(ec2_put(call, &ec2_flow_logs, log));
  return flow_collect_begin(call, log);
}

static void add_unsuccessful(Call *call, Ec2UnsuccessfulItemSet *list, const char *id, const Error *error) {
  Ec2UnsuccessfulItem *item = ARENA_NEW(call->arena, Ec2UnsuccessfulItem);
  item->ResourceId = id;
  item->Error = ARENA_NEW(call->arena, Ec2UnsuccessfulItemError);
  *item->Error = (Ec2UnsuccessfulItemError){.Code = arena_strdup(call->arena, error->code), .Message = arena_strdup(call->arena, error->message)};
  LIST_APPEND(call->arena, list, item);
}

OPERATION(CreateFlowLogs, create_flow_logs, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_flow_logs(Call *call, const Ec2CreateFlowLogsInput *in, Ec2CreateFlowLogsOutput *ret_out) {
  Ec2FlowLog common = {0};
  gboolean seen = FALSE;
  TRY(ec2_token_seen(call, in, ret_out, &seen));
  if (seen)
    return NULL;
  TRY(check_request(call, in, &common));
  LIST_EMPTY(call->arena, &ret_out->FlowLogIds);
  LIST_EMPTY(call->arena, &ret_out->Unsuccessful);
  for (gsize i = 0; i < in->ResourceIds.n; i++) {
    const char *id = NULL;
    g_autoptr(Error) error = create_one(call, &common, in->ResourceType, in->ResourceIds.v[i], &id);
    if (error && error->kind != ERROR_ANSWER)
      return g_steal_pointer(&error);
    if (error && strcmp(error->code, "FlowLogAlreadyExists") == 0 && in->ResourceIds.n == 1)
      return g_steal_pointer(&error);
    if (error)
      add_unsuccessful(call, &ret_out->Unsuccessful, in->ResourceIds.v[i], error);
    else
      LIST_APPEND(call->arena, &ret_out->FlowLogIds, id);
  }
  ret_out->ClientToken = in->ClientToken;
  return ec2_token_keep(call, in, ret_out);
}

OPERATION(DescribeFlowLogs, describe_flow_logs, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_flow_logs(Call *call, const Ec2DescribeFlowLogsInput *in, Ec2DescribeFlowLogsOutput *ret_out) {
  return ec2_describe(call, &(Ec2Describe){&ec2_flow_logs, &in->FlowLogIds, &in->Filter, in->MaxResults, in->NextToken, "flowLogIds", NULL},
                      &ret_out->FlowLogs, &ret_out->NextToken);
}

OPERATION(DeleteFlowLogs, delete_flow_logs, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_flow_logs(Call *call, const Ec2DeleteFlowLogsInput *in, Ec2DeleteFlowLogsOutput *ret_out) {
  LIST_EMPTY(call->arena, &ret_out->Unsuccessful);
  for (gsize i = 0; i < in->FlowLogIds.n; i++) {
    const Ec2FlowLog *log = NULL;
    g_autoptr(Error) error = ec2_get(call, &ec2_flow_logs, in->FlowLogIds.v[i], &log);
    if (error && error->kind != ERROR_ANSWER)
      return g_steal_pointer(&error);
    if (error) {
      add_unsuccessful(call, &ret_out->Unsuccessful, in->FlowLogIds.v[i], error);
      continue;
    }
    TRY(flow_collect_end(call, log));
    TRY(ec2_delete(call, &ec2_flow_logs, log->FlowLogId));
  }
  return NULL;
}

Error *flow_log_vpc(Call *call, const Ec2FlowLog *log, const char **ret_vpc) {
  const Ec2Subnet *subnet = NULL;
  const Ec2NetworkInterface *eni = NULL;
  const Ec2Vpc *vpc = NULL;
  *ret_vpc = NULL;
  if (g_str_has_prefix(log->ResourceId, "subnet-"))
    TRY(ec2_find(call, &ec2_subnets, log->ResourceId, &subnet));
  else if (g_str_has_prefix(log->ResourceId, "eni-"))
    TRY(ec2_find(call, &ec2_interfaces, log->ResourceId, &eni));
  else
    TRY(ec2_find(call, &ec2_vpcs, log->ResourceId, &vpc));
  *ret_vpc = subnet ? subnet->VpcId : eni ? eni->VpcId : vpc ? vpc->VpcId : NULL;
  return NULL;
}
