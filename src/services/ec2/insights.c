/* insights: Network Insights paths and their analyses (Reachability Analyzer). An analysis asks reach, as `haar why SRC DST` does; no packet is sent.
 * https://docs.aws.amazon.com/vpc/latest/reachability/what-is-reachability-analyzer.html */
#include "services/ec2/insights.h"

#include <string.h>

enum { PATHS_MAX = 100, ANALYSES_MAX = 1000 };

static const Ec2Path path_filters[] = {
  {"destination", "Destination"}, {"source", "Source"}, {"protocol", "Protocol"}, {"destination-port", "DestinationPort"}, {NULL, NULL},
};
const Ec2Kind ec2_insights_paths = {.type = "network-insights-path", .prefix = "nip", .table = {"ec2.network_insights_path"},
  EC2_KIND(NetworkInsightsPath, NetworkInsightsPathId, Tags), .malformed = "InvalidNetworkInsightsPathId.Malformed",
  .not_found = "InvalidNetworkInsightsPathId.NotFound", .not_found_text = "The network insights path ID '%s' does not exist", .filters = path_filters};

static const Ec2Path analysis_filters[] = {{"path-found", "NetworkPathFound"}, {"status", "Status"}, {NULL, NULL}};
const Ec2Kind ec2_insights_analyses = {.type = "network-insights-analysis", .prefix = "nia", .table = {"ec2.network_insights_analysis"},
  EC2_KIND(NetworkInsightsAnalysis, NetworkInsightsAnalysisId, Tags), .malformed = "InvalidNetworkInsightsAnalysisId.Malformed",
  .not_found = "InvalidNetworkInsightsAnalysisId.NotFound", .not_found_text = "The network insights analysis ID '%s' does not exist", .filters = analysis_filters};

/* --- paths --- */

/* An id, or the id at the end of an ARN. */
static const char *id_of(const char *text) {
  const char *slash = text && g_str_has_prefix(text, "arn:") ? strrchr(text, '/') : NULL;
  return slash ? slash + 1 : text;
}

static Error *check_end(Call *call, const char *what, const char *id, gboolean source) {
  const Ec2Kind *kind = id ? ec2_kind_of(id) : NULL;
  const void *there = NULL;
  Ip ip;
  if (!source && id && ip_parse(id, &ip))
    return NULL;
  gboolean taken = kind == &ec2_interfaces || kind == &ec2_internet_gateways || (!source && kind == &ec2_endpoints);
  if (!taken)
    return error_answer("UnsupportedOperation", "haar analyses paths from network interfaces and internet gateways, to network interfaces, internet gateways, VPC endpoints and "
                        "addresses: %s '%s' is none of these.", what, id ? id : "");
  return ec2_get(call, kind, id, &there);
}

static Error *check_address(const char *name, const char *text) {
  guint32 address;
  if (text && !address_parse(text, &address))
    return error_answer("InvalidParameterValue", "Value (%s) for parameter %s is invalid. It is no IPv4 address.", text, name);
  return NULL;
}

static const char *arn_of(Call *call, const char *id) {
  const Ec2Kind *kind = id ? ec2_kind_of(id) : NULL;
  return kind ? call_arn(call, "ec2", "%s/%s", kind->type, id) : NULL;
}

OPERATION(CreateNetworkInsightsPath, create_path, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_path(Call *call, const Ec2CreateNetworkInsightsPathInput *in, Ec2CreateNetworkInsightsPathOutput *ret_out) {
  const char *source = id_of(in->Source), *destination = id_of(in->Destination);
  gboolean seen = FALSE;
  Ec2Records all = {0};
  TRY(ec2_token_seen(call, in, ret_out, &seen));
  if (seen)
    return NULL;
  TRY(check_end(call, "source", source, TRUE));
  if (destination)
    TRY(check_end(call, "destination", destination, FALSE));
  if (!destination && !in->DestinationIp)
    return error_answer("MissingParameter", "The request must contain the parameter Destination or DestinationIp");
  TRY(check_address("sourceIp", in->SourceIp));
  TRY(check_address("destinationIp", in->DestinationIp));
  if (in->DestinationPort.set && (in->DestinationPort.v < 0 || in->DestinationPort.v > 65535))
    return error_answer("InvalidParameterValue", "Value ( %" G_GINT64_FORMAT " ) for parameter destinationPort is invalid.", in->DestinationPort.v);
  TRY(ec2_all(call, &ec2_insights_paths, &all));
  if (all.n >= PATHS_MAX)
    return error_answer("NetworkInsightsPathLimitExceeded", "The maximum number of network insights paths has been reached.");
  Ec2NetworkInsightsPath *path = ARENA_NEW(call->arena, Ec2NetworkInsightsPath);
  *path = (Ec2NetworkInsightsPath){.NetworkInsightsPathId = id_resource(call->arena, "nip"), .CreatedDate = OPT_TIME(call->now), .Source = source, .SourceArn = arn_of(call, source),
                                   .Destination = destination, .DestinationArn = arn_of(call, destination), .SourceIp = in->SourceIp, .DestinationIp = in->DestinationIp,
                                   .Protocol = in->Protocol, .DestinationPort = in->DestinationPort, .Tags = ec2_tags(call, &in->TagSpecifications, "network-insights-path")};
  path->NetworkInsightsPathArn = call_arn(call, "ec2", "network-insights-path/%s", path->NetworkInsightsPathId);
  ret_out->NetworkInsightsPath = path;
  TRY(ec2_put(call, &ec2_insights_paths, path));
  return ec2_token_keep(call, in, ret_out);
}

OPERATION(DescribeNetworkInsightsPaths, describe_paths, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_paths(Call *call, const Ec2DescribeNetworkInsightsPathsInput *in, Ec2DescribeNetworkInsightsPathsOutput *ret_out) {
  return ec2_describe(call, &(Ec2Describe){&ec2_insights_paths, &in->NetworkInsightsPathIds, &in->Filters, in->MaxResults, in->NextToken, "networkInsightsPathIds", NULL},
                      &ret_out->NetworkInsightsPaths, &ret_out->NextToken);
}

OPERATION(DeleteNetworkInsightsPath, delete_path, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_path(Call *call, const Ec2DeleteNetworkInsightsPathInput *in, Ec2DeleteNetworkInsightsPathOutput *ret_out) {
  const Ec2NetworkInsightsPath *path = NULL;
  Ec2Records all = {0};
  TRY(ec2_get(call, &ec2_insights_paths, in->NetworkInsightsPathId, &path));
  TRY(ec2_all(call, &ec2_insights_analyses, &all));
  for (gsize i = 0; i < all.n; i++)
    if (strcmp(((const Ec2NetworkInsightsAnalysis *) all.v[i])->NetworkInsightsPathId, in->NetworkInsightsPathId) == 0)
      return error_answer("AnalysisExistsForNetworkInsightsPath", "The network insights path '%s' has analyses and cannot be deleted.", in->NetworkInsightsPathId);
  ret_out->NetworkInsightsPathId = in->NetworkInsightsPathId;
  return ec2_delete(call, &ec2_insights_paths, in->NetworkInsightsPathId);
}

/* --- analyses --- */

OPERATION(StartNetworkInsightsAnalysis, start_analysis, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *start_analysis(Call *call, const Ec2StartNetworkInsightsAnalysisInput *in, Ec2StartNetworkInsightsAnalysisOutput *ret_out) {
  const Ec2NetworkInsightsPath *path = NULL;
  gboolean seen = FALSE;
  Ec2Records all = {0};
  TRY(ec2_token_seen(call, in, ret_out, &seen));
  if (seen)
    return NULL;
  TRY(ec2_get(call, &ec2_insights_paths, in->NetworkInsightsPathId, &path));
  if (in->FilterInArns.n || in->AdditionalAccounts.n)
    return error_answer("UnsupportedOperation", "haar analyses whole paths of one account: no FilterInArns, no AdditionalAccounts.");
  TRY(ec2_all(call, &ec2_insights_analyses, &all));
  if (all.n >= ANALYSES_MAX)
    return error_answer("NetworkInsightsAnalysisLimitExceeded", "The maximum number of network insights analyses has been reached.");
  Ec2NetworkInsightsAnalysis *analysis = ARENA_NEW(call->arena, Ec2NetworkInsightsAnalysis);
  *analysis = (Ec2NetworkInsightsAnalysis){.NetworkInsightsAnalysisId = id_resource(call->arena, "nia"), .NetworkInsightsPathId = path->NetworkInsightsPathId,
                                           .StartDate = OPT_TIME(call->now), .Status = "succeeded", .Tags = ec2_tags(call, &in->TagSpecifications, "network-insights-analysis")};
  analysis->NetworkInsightsAnalysisArn = call_arn(call, "ec2", "network-insights-analysis/%s", analysis->NetworkInsightsAnalysisId);
  TRY(insights_analyse(call, path, analysis));
  TRY(ec2_put(call, &ec2_insights_analyses, analysis));
  ret_out->NetworkInsightsAnalysis = analysis;
  return ec2_token_keep(call, in, ret_out);
}

OPERATION(DescribeNetworkInsightsAnalyses, describe_analyses, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_analyses(Call *call, const Ec2DescribeNetworkInsightsAnalysesInput *in, Ec2DescribeNetworkInsightsAnalysesOutput *ret_out) {
  Ec2NetworkInsightsAnalysisList all = {0};
  TRY(ec2_describe(call, &(Ec2Describe){&ec2_insights_analyses, &in->NetworkInsightsAnalysisIds, &in->Filters, in->MaxResults, in->NextToken, "networkInsightsAnalysisIds", NULL},
                   &all, &ret_out->NextToken));
  LIST_EMPTY(call->arena, &ret_out->NetworkInsightsAnalyses);
  for (gsize i = 0; i < all.n; i++) {
    const Ec2NetworkInsightsAnalysis *analysis = all.v[i];
    gboolean wanted = (!in->NetworkInsightsPathId || strcmp(analysis->NetworkInsightsPathId, in->NetworkInsightsPathId) == 0) &&
                      (!in->AnalysisStartTime.set || analysis->StartDate.ms >= in->AnalysisStartTime.ms) && (!in->AnalysisEndTime.set || analysis->StartDate.ms <= in->AnalysisEndTime.ms);
    if (wanted)
      LIST_APPEND(call->arena, &ret_out->NetworkInsightsAnalyses, all.v[i]);
  }
  return NULL;
}

OPERATION(DeleteNetworkInsightsAnalysis, delete_analysis, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_analysis(Call *call, const Ec2DeleteNetworkInsightsAnalysisInput *in, Ec2DeleteNetworkInsightsAnalysisOutput *ret_out) {
  const Ec2NetworkInsightsAnalysis *analysis = NULL;
  TRY(ec2_get(call, &ec2_insights_analyses, in->NetworkInsightsAnalysisId, &analysis));
  ret_out->NetworkInsightsAnalysisId = in->NetworkInsightsAnalysisId;
  return ec2_delete(call, &ec2_insights_analyses, in->NetworkInsightsAnalysisId);
}
