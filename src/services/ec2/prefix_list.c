/* prefix_list: the address ranges of S3 and DynamoDB, and the services that endpoints may be made for.
 * https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html */
#include "services/ec2/ec2.h"

#include <string.h>

static const char *const gateway_services[] = {"dynamodb", "s3"};
static const char *const interface_services[] = {
  "cloudformation", "ec2", "events", "execute-api", "kms", "lambda", "logs", "monitoring", "rds", "s3", "secretsmanager", "sns", "sqs", "ssm", "states", "sts",
};

/* AWS's own ids where they are known. */
const char *ec2_prefix_list_id(Arena *arena, const char *region, const char *service) {
  static const struct { const char *region, *service, *id; } known[] = {
    {"us-east-1", "s3", "pl-63a5400a"}, {"us-east-1", "dynamodb", "pl-02cd2c6b"}, {"us-east-2", "s3", "pl-7ba54012"}, {"us-east-2", "dynamodb", "pl-4ca54025"},
    {"us-west-2", "s3", "pl-68a54001"}, {"us-west-2", "dynamodb", "pl-00a54069"}, {"eu-west-1", "s3", "pl-6da54004"}, {"eu-west-1", "dynamodb", "pl-6fa54006"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
    if (strcmp(known[i].region, region) == 0 && strcmp(known[i].service, service) == 0)
      return known[i].id;
  g_autofree char *name = g_strdup_printf("%s.%s", region, service);
  return arena_printf(arena, "pl-%08x", g_str_hash(name));
}

static const char *range_of(const char *service) { return strcmp(service, "s3") == 0 ? REACH_S3 : REACH_DYNAMODB; }

static const Ec2Path filters[] = {{"prefix-list-id", "PrefixListId"}, {"prefix-list-name", "PrefixListName"}, {"owner-id", "OwnerId"}, {NULL, NULL}};

static Error *unknown_list(const char *id) { return error_answer("InvalidPrefixListID.NotFound", "The prefix list ID '%s' does not exist", id); }

static gboolean any_known(Call *call, const StringList *ids, const char **ret_unknown) {
  for (gsize i = 0; i < ids->n; i++) {
    gboolean known = FALSE;
    for (gsize j = 0; j < G_N_ELEMENTS(gateway_services); j++)
      known = known || strcmp(ids->v[i], ec2_prefix_list_id(call->arena, call->region, gateway_services[j])) == 0;
    if (!known) {
      *ret_unknown = ids->v[i];
      return FALSE;
    }
  }
  return TRUE;
}

OPERATION(DescribePrefixLists, describe_prefix_lists, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_prefix_lists(Call *call, const Ec2DescribePrefixListsInput *in, Ec2DescribePrefixListsOutput *ret_out) {
  const char *unknown = NULL;
  if (!any_known(call, &in->PrefixListIds, &unknown))
    return unknown_list(unknown);
  LIST_EMPTY(call->arena, &ret_out->PrefixLists);
  for (gsize i = 0; i < G_N_ELEMENTS(gateway_services); i++) {
    Ec2PrefixList *list = ARENA_NEW(call->arena, Ec2PrefixList);
    gboolean passes = TRUE;
    list->PrefixListId = ec2_prefix_list_id(call->arena, call->region, gateway_services[i]);
    list->PrefixListName = arena_printf(call->arena, "com.amazonaws.%s.%s", call->region, gateway_services[i]);
    LIST_APPEND(call->arena, &list->Cidrs, range_of(gateway_services[i]));
    TRY(ec2_filter(call, filters, &Ec2PrefixList_shape, list, &in->Filters, &passes));
    if (passes && (in->PrefixListIds.n == 0 || string_list_has(&in->PrefixListIds, list->PrefixListId)))
      LIST_APPEND(call->arena, &ret_out->PrefixLists, list);
  }
  return NULL;
}

OPERATION(DescribeManagedPrefixLists, describe_managed_prefix_lists, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_managed_prefix_lists(Call *call, const Ec2DescribeManagedPrefixListsInput *in, Ec2DescribeManagedPrefixListsOutput *ret_out) {
  const char *unknown = NULL;
  if (!any_known(call, &in->PrefixListIds, &unknown))
    return unknown_list(unknown);
  LIST_EMPTY(call->arena, &ret_out->PrefixLists);
  for (gsize i = 0; i < G_N_ELEMENTS(gateway_services); i++) {
    Ec2ManagedPrefixList *list = ARENA_NEW(call->arena, Ec2ManagedPrefixList);
    gboolean passes = TRUE;
    *list = (Ec2ManagedPrefixList){.PrefixListId = ec2_prefix_list_id(call->arena, call->region, gateway_services[i]), .AddressFamily = "IPv4", .State = "create-complete",
                                   .PrefixListName = arena_printf(call->arena, "com.amazonaws.%s.%s", call->region, gateway_services[i]), .OwnerId = "AWS"};
    list->PrefixListArn = arn_format(call->arena, "ec2", call->region, "aws", "prefix-list/%s", list->PrefixListId);
    TRY(ec2_filter(call, filters, &Ec2ManagedPrefixList_shape, list, &in->Filters, &passes));
    if (passes && (in->PrefixListIds.n == 0 || string_list_has(&in->PrefixListIds, list->PrefixListId)))
      LIST_APPEND(call->arena, &ret_out->PrefixLists, list);
  }
  return NULL;
}

OPERATION(GetManagedPrefixListEntries, get_managed_prefix_list_entries, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *get_managed_prefix_list_entries(Call *call, const Ec2GetManagedPrefixListEntriesInput *in, Ec2GetManagedPrefixListEntriesOutput *ret_out) {
  for (gsize i = 0; i < G_N_ELEMENTS(gateway_services); i++)
    if (g_strcmp0(in->PrefixListId, ec2_prefix_list_id(call->arena, call->region, gateway_services[i])) == 0) {
      Ec2PrefixListEntry *entry = ARENA_NEW(call->arena, Ec2PrefixListEntry);
      entry->Cidr = range_of(gateway_services[i]);
      LIST_APPEND(call->arena, &ret_out->Entries, entry);
      return NULL;
    }
  return unknown_list(in->PrefixListId ? in->PrefixListId : "");
}

static Ec2ServiceDetail *detail(Call *call, const char *service, gboolean gateway) {
  Ec2ServiceDetail *d = ARENA_NEW(call->arena, Ec2ServiceDetail);
  Ec2ServiceTypeDetail *type = ARENA_NEW(call->arena, Ec2ServiceTypeDetail);
  *d = (Ec2ServiceDetail){.ServiceName = arena_printf(call->arena, "com.amazonaws.%s.%s", call->region, service), .Owner = "amazon",
                          .VpcEndpointPolicySupported = OPT_BOOL(TRUE), .AcceptanceRequired = OPT_BOOL(FALSE), .ManagesVpcEndpoints = OPT_BOOL(FALSE)};
  type->ServiceType = gateway ? "Gateway" : "Interface";
  LIST_APPEND(call->arena, &d->ServiceType, type);
  for (char zone = 'a'; zone <= 'f'; zone++)
    LIST_APPEND(call->arena, &d->AvailabilityZones, arena_printf(call->arena, "%s%c", call->region, zone));
  LIST_APPEND(call->arena, &d->BaseEndpointDnsNames, arena_printf(call->arena, "%s.%s.%s", service, call->region, gateway ? "amazonaws.com" : "vpce.amazonaws.com"));
  if (!gateway)
    d->PrivateDnsName = arena_printf(call->arena, "%s.%s.amazonaws.com", service, call->region);
  return d;
}

static const Ec2Path service_filters[] = {{"service-name", "ServiceName"}, {"service-type", "ServiceType.ServiceType"}, {NULL, NULL}};

static Error *add_service(Call *call, const Ec2DescribeVpcEndpointServicesInput *in, const char *service, gboolean gateway, Ec2DescribeVpcEndpointServicesOutput *out) {
  Ec2ServiceDetail *d = detail(call, service, gateway);
  gboolean passes = TRUE;
  TRY(ec2_filter(call, service_filters, &Ec2ServiceDetail_shape, d, &in->Filters, &passes));
  if (!passes || (in->ServiceNames.n && !string_list_has(&in->ServiceNames, d->ServiceName)))
    return NULL;
  LIST_APPEND(call->arena, &out->ServiceDetails, d);
  if (!string_list_has(&out->ServiceNames, d->ServiceName))
    LIST_APPEND(call->arena, &out->ServiceNames, d->ServiceName);
  return NULL;
}

OPERATION(DescribeVpcEndpointServices, describe_vpc_endpoint_services, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_vpc_endpoint_services(Call *call, const Ec2DescribeVpcEndpointServicesInput *in, Ec2DescribeVpcEndpointServicesOutput *ret_out) {
  LIST_EMPTY(call->arena, &ret_out->ServiceNames);
  LIST_EMPTY(call->arena, &ret_out->ServiceDetails);
  for (gsize i = 0; i < G_N_ELEMENTS(gateway_services); i++)
    TRY(add_service(call, in, gateway_services[i], TRUE, ret_out));
  for (gsize i = 0; i < G_N_ELEMENTS(interface_services); i++)
    TRY(add_service(call, in, interface_services[i], FALSE, ret_out));
  return NULL;
}
