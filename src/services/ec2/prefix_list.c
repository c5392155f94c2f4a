/* prefix_list: the address ranges of S3 and DynamoDB, and the lists of all kinds as they are described.
 * https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html */
#include "services/ec2/ec2.h"

#include <string.h>

static const char *const gateway_services[] = {"dynamodb", "s3"};

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

static const Ec2Path filters[] = {{"prefix-list-id", "PrefixListId"}, {"prefix-list-name", "PrefixListName"}, {NULL, NULL}};

static const char *aws_service(Call *call, const char *id) {
  for (gsize i = 0; i < G_N_ELEMENTS(gateway_services); i++)
    if (g_strcmp0(id, ec2_prefix_list_id(call->arena, call->region, gateway_services[i])) == 0)
      return gateway_services[i];
  return NULL;
}

gboolean ec2_list_is_aws(Call *call, const char *id) { return aws_service(call, id) != NULL; }

/* A list that rules and routes may name: AWS's, or one's own. *ret_max: how many rules it counts as. */
Error *ec2_list_check(Call *call, const char *id, gint64 *ret_max) {
  const Ec2ManagedPrefixList *list = NULL;
  *ret_max = 1;
  if (ec2_list_is_aws(call, id))
    return NULL;
  TRY(ec2_get(call, &ec2_managed_lists, id, &list));
  *ret_max = list->MaxEntries.v;
  return NULL;
}

OPERATION(DescribePrefixLists, describe_prefix_lists, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_prefix_lists(Call *call, const Ec2DescribePrefixListsInput *in, Ec2DescribePrefixListsOutput *ret_out) {
  TRY(ec2_filters_check(filters, &in->Filters));
  for (gsize i = 0; i < in->PrefixListIds.n; i++)
    if (!aws_service(call, in->PrefixListIds.v[i]))
      return error_answer("InvalidPrefixListId.NotFound", "The prefix list ID '%s' does not exist", in->PrefixListIds.v[i]);
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

static Ec2ManagedPrefixList *aws_list(Call *call, const char *service) {
  Ec2ManagedPrefixList *list = ARENA_NEW(call->arena, Ec2ManagedPrefixList);
  *list = (Ec2ManagedPrefixList){.PrefixListId = ec2_prefix_list_id(call->arena, call->region, service), .AddressFamily = "IPv4", .State = "create-complete",
                                 .PrefixListName = arena_printf(call->arena, "com.amazonaws.%s.%s", call->region, service), .OwnerId = "AWS"};
  list->PrefixListArn = arn_format(call->arena, "ec2", call->region, "aws", "prefix-list/%s", list->PrefixListId);
  LIST_EMPTY(call->arena, &list->Tags);
  return list;
}

/* The ids that are one's own; AWS's are added to the answer before them. */
static Error *add_aws_lists(Call *call, const Ec2DescribeManagedPrefixListsInput *in, StringList *own, Ec2ManagedPrefixListSet *out) {
  for (gsize i = 0; i < in->PrefixListIds.n; i++)
    if (!aws_service(call, in->PrefixListIds.v[i]))
      LIST_APPEND(call->arena, own, in->PrefixListIds.v[i]);
  for (gsize i = 0; i < G_N_ELEMENTS(gateway_services) && !in->NextToken; i++) {
    Ec2ManagedPrefixList *list = aws_list(call, gateway_services[i]);
    gboolean passes = TRUE;
    TRY(ec2_filter(call, ec2_managed_lists.filters, &Ec2ManagedPrefixList_shape, list, &in->Filters, &passes));
    if (passes && (in->PrefixListIds.n == 0 || string_list_has(&in->PrefixListIds, list->PrefixListId)))
      LIST_APPEND(call->arena, out, list);
  }
  return NULL;
}

OPERATION(DescribeManagedPrefixLists, describe_managed_prefix_lists, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_managed_prefix_lists(Call *call, const Ec2DescribeManagedPrefixListsInput *in, Ec2DescribeManagedPrefixListsOutput *ret_out) {
  StringList own = {0};
  Ec2ManagedPrefixListSet mine = {0};
  TRY(ec2_filters_check(ec2_managed_lists.filters, &in->Filters));
  LIST_EMPTY(call->arena, &ret_out->PrefixLists);
  TRY(add_aws_lists(call, in, &own, &ret_out->PrefixLists));
  if (in->PrefixListIds.n && own.n == 0)
    return NULL;
  TRY(ec2_describe(call, &(Ec2Describe){&ec2_managed_lists, &own, &in->Filters, in->MaxResults, in->NextToken, "prefixListIds", NULL}, &mine, &ret_out->NextToken));
  for (gsize i = 0; i < mine.n; i++)
    LIST_APPEND(call->arena, &ret_out->PrefixLists, mine.v[i]);
  return NULL;
}

OPERATION(GetManagedPrefixListEntries, get_managed_prefix_list_entries, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *get_managed_prefix_list_entries(Call *call, const Ec2GetManagedPrefixListEntriesInput *in, Ec2GetManagedPrefixListEntriesOutput *ret_out) {
  const char *service = aws_service(call, in->PrefixListId);
  const Ec2ManagedPrefixList *list = NULL;
  Ec2PrefixListEntrySet entries = {0};
  guint64 from = 0;
  if (service) {
    Ec2PrefixListEntry *entry = ARENA_NEW(call->arena, Ec2PrefixListEntry);
    entry->Cidr = range_of(service);
    LIST_APPEND(call->arena, &ret_out->Entries, entry);
    return NULL;
  }
  if (in->NextToken && !g_ascii_string_to_unsigned(in->NextToken, 10, 1, 1000, &from, NULL))
    return error_answer("InvalidNextToken", "The token '%s' is invalid", in->NextToken);
  TRY(ec2_get(call, &ec2_managed_lists, in->PrefixListId, &list));
  TRY(ec2_list_entries(call, list->PrefixListId, OPT_OR(in->TargetVersion, list->Version.v), &entries));
  LIST_EMPTY(call->arena, &ret_out->Entries);
  for (gsize i = from; i < entries.n; i++) {
    if ((gint64) ret_out->Entries.n >= OPT_OR(in->MaxResults, 100)) {
      ret_out->NextToken = arena_printf(call->arena, "%" G_GSIZE_FORMAT, i);
      break;
    }
    LIST_APPEND(call->arena, &ret_out->Entries, entries.v[i]);
  }
  return NULL;
}
