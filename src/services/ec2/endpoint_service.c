/* endpoint_service: the services that endpoints may be made for: those that AWS has and haar knows the name of. Listed are those that answer here.
 * https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html */
#include "services/ec2/ec2.h"

#include <string.h>

/* name: com.amazonaws.<region>.<name>. service: the folder that answers for it. */
static const struct { const char *name, *service; gboolean gateway, no_private_dns; } services[] = {
  {"apigateway", "apigateway", FALSE, FALSE}, {"application-autoscaling", "application-autoscaling", FALSE, FALSE}, {"athena", "athena", FALSE, FALSE},
  {"autoscaling", "autoscaling", FALSE, FALSE}, {"batch", "batch", FALSE, FALSE}, {"cloudformation", "cloudformation", FALSE, FALSE},
  {"cloudtrail", "cloudtrail", FALSE, FALSE}, {"codebuild", "codebuild", FALSE, FALSE}, {"cognito-idp", "cognito-idp", FALSE, FALSE},
  {"config", "config", FALSE, FALSE}, {"dynamodb", "dynamodb", TRUE, FALSE}, {"dynamodb", "dynamodb", FALSE, TRUE}, {"ec2", "ec2", FALSE, FALSE},
  {"ecr.api", "ecr", FALSE, FALSE}, {"ecr.dkr", "ecr", FALSE, FALSE}, {"ecs", "ecs", FALSE, FALSE}, {"ecs-agent", "ecs", FALSE, FALSE},
  {"ecs-telemetry", "ecs", FALSE, FALSE}, {"elasticache", "elasticache", FALSE, FALSE}, {"elasticfilesystem", "efs", FALSE, FALSE},
  {"elasticloadbalancing", "elbv2", FALSE, FALSE}, {"email-smtp", "ses", FALSE, FALSE}, {"events", "events", FALSE, FALSE},
  {"execute-api", "apigateway", FALSE, FALSE}, {"glue", "glue", FALSE, FALSE}, {"guardduty-data", "guardduty", FALSE, FALSE},
  {"kinesis-firehose", "firehose", FALSE, FALSE}, {"kinesis-streams", "kinesis", FALSE, FALSE}, {"kms", "kms", FALSE, FALSE},
  {"lambda", "lambda", FALSE, FALSE}, {"logs", "logs", FALSE, FALSE}, {"monitoring", "cloudwatch", FALSE, FALSE}, {"rds", "rds", FALSE, FALSE},
  {"rds-data", "rds-data", FALSE, FALSE}, {"s3", "s3", TRUE, FALSE}, {"s3", "s3", FALSE, FALSE}, {"sagemaker.api", "sagemaker", FALSE, FALSE},
  {"secretsmanager", "secretsmanager", FALSE, FALSE}, {"servicecatalog", "servicecatalog", FALSE, FALSE}, {"sns", "sns", FALSE, FALSE},
  {"sqs", "sqs", FALSE, FALSE}, {"ssm", "ssm", FALSE, FALSE}, {"ssmmessages", "ssm", FALSE, FALSE}, {"ec2messages", "ssm", FALSE, FALSE},
  {"states", "stepfunctions", FALSE, FALSE}, {"sts", "sts", FALSE, FALSE}, {"sync-states", "stepfunctions", FALSE, FALSE}, {"xray", "xray", FALSE, FALSE},
};

/* Services are folders; their models' names differ from the endpoints' in a few. */
static gboolean answers(gsize i) {
  return haar_service(services[i].service) != NULL || haar_service(services[i].name) != NULL;
}

gboolean ec2_endpoint_service_known(const char *name, gboolean gateway) {
  for (gsize i = 0; i < G_N_ELEMENTS(services); i++)
    if (strcmp(services[i].name, name) == 0 && services[i].gateway == gateway)
      return TRUE;
  return FALSE;
}

static Ec2ServiceDetail *detail(Call *call, gsize at) {
  const char *name = services[at].name;
  gboolean gateway = services[at].gateway;
  Ec2ServiceDetail *d = ARENA_NEW(call->arena, Ec2ServiceDetail);
  Ec2ServiceTypeDetail *type = ARENA_NEW(call->arena, Ec2ServiceTypeDetail);
  g_autofree char *id = g_strdup_printf("%s.%s.%d", call->region, name, gateway);
  *d = (Ec2ServiceDetail){.ServiceName = arena_printf(call->arena, "com.amazonaws.%s.%s", call->region, name), .ServiceId = arena_printf(call->arena, "vpce-svc-%08x", g_str_hash(id)),
                          .Owner = "amazon", .VpcEndpointPolicySupported = OPT_BOOL(TRUE), .AcceptanceRequired = OPT_BOOL(FALSE), .ManagesVpcEndpoints = OPT_BOOL(FALSE)};
  type->ServiceType = gateway ? "Gateway" : "Interface";
  LIST_APPEND(call->arena, &d->ServiceType, type);
  for (char zone = 'a'; zone <= 'f'; zone++)
    LIST_APPEND(call->arena, &d->AvailabilityZones, arena_printf(call->arena, "%s%c", call->region, zone));
  LIST_APPEND(call->arena, &d->BaseEndpointDnsNames, arena_printf(call->arena, "%s.%s.%s", name, call->region, gateway ? "amazonaws.com" : "vpce.amazonaws.com"));
  LIST_APPEND(call->arena, &d->SupportedIpAddressTypes, "ipv4");
  LIST_EMPTY(call->arena, &d->Tags);
  if (gateway || services[at].no_private_dns)
    return d;
  Ec2PrivateDnsDetails *private = ARENA_NEW(call->arena, Ec2PrivateDnsDetails);
  d->PrivateDnsName = private->PrivateDnsName = arena_printf(call->arena, "%s%s.%s.amazonaws.com", strcmp(name, "execute-api") == 0 ? "*." : "", name, call->region);
  d->PrivateDnsNameVerificationState = "verified";
  LIST_APPEND(call->arena, &d->PrivateDnsNames, private);
  return d;
}

static const Ec2Path filters[] = {{"owner", "Owner"}, {"service-name", "ServiceName"}, {"service-type", "ServiceType.ServiceType"},
                                  {"supported-ip-address-types", "SupportedIpAddressTypes"}, {NULL, NULL}};

static Error *check_given(Call *call, const Ec2DescribeVpcEndpointServicesInput *in) {
  TRY(ec2_filters_check(filters, &in->Filters));
  g_autofree char *prefix = g_strdup_printf("com.amazonaws.%s.", call->region);
  for (gsize i = 0; i < in->ServiceNames.n; i++) {
    gboolean known = FALSE;
    for (gsize j = 0; j < G_N_ELEMENTS(services); j++)
      known = known || (g_str_has_prefix(in->ServiceNames.v[i], prefix) && strcmp(in->ServiceNames.v[i] + strlen(prefix), services[j].name) == 0 && answers(j));
    if (!known)
      return error_answer("InvalidServiceName", "The Vpc Endpoint Service '%s' does not exist", in->ServiceNames.v[i]);
  }
  return NULL;
}

OPERATION(DescribeVpcEndpointServices, describe_endpoint_services, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_endpoint_services(Call *call, const Ec2DescribeVpcEndpointServicesInput *in, Ec2DescribeVpcEndpointServicesOutput *ret_out) {
  guint64 from = 0;
  TRY(check_given(call, in));
  if (in->NextToken && !g_ascii_string_to_unsigned(in->NextToken, 10, 1, G_N_ELEMENTS(services), &from, NULL))
    return error_answer("InvalidNextToken", "The token '%s' is invalid", in->NextToken);
  LIST_EMPTY(call->arena, &ret_out->ServiceNames);
  LIST_EMPTY(call->arena, &ret_out->ServiceDetails);
  for (gsize i = from; i < G_N_ELEMENTS(services); i++) {
    Ec2ServiceDetail *d = detail(call, i);
    gboolean passes = TRUE;
    TRY(ec2_filter(call, filters, &Ec2ServiceDetail_shape, d, &in->Filters, &passes));
    if (!passes || !answers(i) || (in->ServiceNames.n && !string_list_has(&in->ServiceNames, d->ServiceName)))
      continue;
    if ((gint64) ret_out->ServiceDetails.n >= OPT_OR(in->MaxResults, 1000)) {
      ret_out->NextToken = arena_printf(call->arena, "%" G_GSIZE_FORMAT, i);
      return NULL;
    }
    LIST_APPEND(call->arena, &ret_out->ServiceDetails, d);
    if (!string_list_has(&ret_out->ServiceNames, d->ServiceName))
      LIST_APPEND(call->arena, &ret_out->ServiceNames, d->ServiceName);
  }
  return NULL;
}
