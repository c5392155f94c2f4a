/* managed_list: customer-managed prefix lists. Each change makes a version with all its entries; what refers to the list sees the newest.
 * https://docs.aws.amazon.com/vpc/latest/userguide/managed-prefix-lists.html */
#include "services/ec2/ec2.h"

#include <string.h>

enum { LISTS_MAX = 100, ENTRIES_MAX = 1000, CHANGE_MAX = 100, VERSIONS_MAX = 100, DESCRIPTION_MAX = 255 };

static const Ec2Path filters[] = {{"prefix-list-id", "PrefixListId"}, {"prefix-list-name", "PrefixListName"}, {"owner-id", "OwnerId"}, {NULL, NULL}};
const Ec2Kind ec2_managed_lists = {.type = "prefix-list", .prefix = "pl", .table = {"ec2.managed_prefix_list"}, EC2_KIND(ManagedPrefixList, PrefixListId, Tags),
  .malformed = "InvalidPrefixListId.Malformed", .not_found = "InvalidPrefixListID.NotFound",
  .not_found_text = "The prefix list ID '%s' does not exist", .filters = filters};
const Table ec2_list_versions = {"ec2.managed_prefix_list_version"}; /* region, account, id, version -> PrefixListVersion */

static void version_key(const Call *call, const char *id, gint64 version, Key *key) {
  call_key(call, key);
  key_add(key, id);
  key_add_int(key, version);
}

Error *ec2_list_entries(Call *call, const char *id, gint64 version, Ec2PrefixListEntrySet *ret_entries) {
  Key key;
  void *record = NULL;
  version_key(call, id, version, &key);
  TRY(record_get(call->txn, &ec2_list_versions, &key, &Ec2PrefixListVersion_shape, call->arena, &record));
  if (!record)
    return error_answer("InvalidPrefixListVersion.NotFound", "The prefix list '%s' has no version %" G_GINT64_FORMAT, id, version);
  *ret_entries = ((const Ec2PrefixListVersion *) record)->Entries;
  LIST_EMPTY(call->arena, ret_entries);
  return NULL;
}

static Error *put_version(Call *call, const Ec2ManagedPrefixList *list, const Ec2PrefixListEntrySet *entries) {
  Key key;
  Ec2PrefixListVersion version = {.PrefixListId = list->PrefixListId, .Version = list->Version, .Entries = *entries};
  version_key(call, list->PrefixListId, list->Version.v, &key);
  TRY(record_put(call->txn, &ec2_list_versions, &key, &Ec2PrefixListVersion_shape, &version));
  version_key(call, list->PrefixListId, list->Version.v - VERSIONS_MAX, &key);
  return store_delete(call->txn, &ec2_list_versions, &key, NULL);
}

/* --- entries --- */

static gssize entry_at(const Ec2PrefixListEntrySet *entries, const char *cidr) {
  for (gsize i = 0; i < entries->n; i++)
    if (strcmp(entries->v[i]->Cidr, cidr) == 0)
      return (gssize) i;
  return -1;
}

/* A range as it is kept: of the list's family, bits behind the prefix cleared. */
static Error *entry_range(Call *call, const char *family, const char *text, const char **ret_text) {
  Range range = {0};
  if (!range_parse(text, &range) || range_is4(&range) != (strcmp(family, "IPv4") == 0))
    return error_answer("InvalidParameterValue", "The CIDR %s is not a valid %s CIDR.", text ? text : "", family);
  range.address = range_base(&range);
  *ret_text = range_text(call->arena, &range);
  return NULL;
}

static Error *add_entries(Call *call, const char *family, const Ec2AddPrefixListEntries *given, Ec2PrefixListEntrySet *entries) {
  if (given->n > CHANGE_MAX)
    return error_answer("InvalidParameterValue", "The maximum number of entries that can be added at once is %d.", CHANGE_MAX);
  for (gsize i = 0; i < given->n; i++) {
    const char *cidr = NULL, *description = given->v[i]->Description;
    TRY(entry_range(call, family, given->v[i]->Cidr, &cidr));
    if (description && g_utf8_strlen(description, -1) > DESCRIPTION_MAX)
      return error_answer("InvalidParameterValue", "The description of %s is longer than %d characters.", cidr, DESCRIPTION_MAX);
    Ec2PrefixListEntry *entry = ARENA_NEW(call->arena, Ec2PrefixListEntry);
    *entry = (Ec2PrefixListEntry){.Cidr = cidr, .Description = description};
    gssize at = entry_at(entries, cidr);
    if (at >= 0)
      entries->v[at] = entry;
    else
      LIST_APPEND(call->arena, entries, entry);
  }
  return NULL;
}

static Error *remove_entries(Call *call, const char *family, const Ec2RemovePrefixListEntries *given, Ec2PrefixListEntrySet *entries) {
  for (gsize i = 0; i < given->n; i++) {
    const char *cidr = NULL;
    TRY(entry_range(call, family, given->v[i]->Cidr, &cidr));
    gssize at = entry_at(entries, cidr);
    if (at < 0)
      return error_answer("InvalidParameterValue", "The prefix list has no entry %s.", cidr);
    memmove(&entries->v[at], &entries->v[at + 1], (entries->n - (gsize) at - 1) * sizeof *entries->v);
    entries->n--;
  }
  return NULL;
}

static Error *check_size(const Ec2ManagedPrefixList *list, const Ec2PrefixListEntrySet *entries) {
  if ((gint64) entries->n > list->MaxEntries.v)
    return error_answer("PrefixListMaxEntriesExceeded", "The prefix list has a maximum of %" G_GINT64_FORMAT " entries, %" G_GSIZE_FORMAT " were given.", list->MaxEntries.v, entries->n);
  return NULL;
}

/* --- what refers to a list --- */

typedef Error *(*Referrer)(Call *call, const char *id, const char *owner, gpointer data);

static Error *each_referrer(Call *call, const char *list_id, Referrer function, gpointer data) {
  Ec2Records records = {0};
  TRY(ec2_all(call, &ec2_rules, &records));
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  for (gsize i = 0; i < records.n; i++) {
    const Ec2SecurityGroupRule *rule = records.v[i];
    if (g_strcmp0(rule->PrefixListId, list_id) == 0 && g_hash_table_add(seen, (gpointer) rule->GroupId))
      TRY(function(call, rule->GroupId, rule->GroupOwnerId, data));
  }
  TRY(ec2_all(call, &ec2_route_tables, &records));
  for (gsize i = 0; i < records.n; i++) {
    const Ec2RouteTable *table = records.v[i];
    gboolean refers = FALSE;
    for (gsize j = 0; j < table->Routes.n; j++)
      refers = refers || g_strcmp0(table->Routes.v[j]->DestinationPrefixListId, list_id) == 0;
    if (refers)
      TRY(function(call, table->RouteTableId, table->OwnerId, data));
  }
  return NULL;
}

static Error *refuse(Call *call, const char *id, const char *owner, gpointer data) {
  (void) call, (void) owner;
  return error_answer("DependencyViolation", "The prefix list '%s' is in use by %s and cannot be deleted.", (const char *) data, id);
}

/* Packets in every VPC that refers to it. */
static Error *vpc_changed(Call *call, const char *id, const char *owner, gpointer data) {
  (void) owner, (void) data;
  if (g_str_has_prefix(id, "sg-")) {
    const Ec2SecurityGroup *group = NULL;
    TRY(ec2_find(call, &ec2_security_groups, id, &group));
    if (group)
      ec2_changed_now(call, group->VpcId);
    return NULL;
  }
  const Ec2RouteTable *table = NULL;
  TRY(ec2_find(call, &ec2_route_tables, id, &table));
  if (table)
    ec2_changed_now(call, table->VpcId);
  return NULL;
}

/* --- operations --- */

static Error *get_list(Call *call, const char *id, Ec2ManagedPrefixList **ret_list) {
  if (ec2_list_is_aws(call, id))
    return error_answer("OperationNotPermitted", "The prefix list '%s' is managed by AWS.", id);
  return ec2_get(call, &ec2_managed_lists, id, ret_list);
}

static Error *check_name(const char *name) {
  if (!name || !*name || strlen(name) > 255 || g_str_has_prefix(name, "com.amazonaws"))
    return error_answer("InvalidParameterValue", "The prefix list name '%s' is invalid. It has up to 255 characters and does not start with com.amazonaws.", name ? name : "");
  return NULL;
}

OPERATION(CreateManagedPrefixList, create_list, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_list(Call *call, const Ec2CreateManagedPrefixListInput *in, Ec2CreateManagedPrefixListOutput *ret_out) {
  gboolean seen = FALSE;
  Ec2Records all = {0};
  Ec2PrefixListEntrySet entries = {0};
  TRY(ec2_token_seen(call, in, ret_out, &seen));
  if (seen)
    return NULL;
  TRY(check_name(in->PrefixListName));
  if (strcmp(in->AddressFamily, "IPv4") != 0 && strcmp(in->AddressFamily, "IPv6") != 0)
    return error_answer("InvalidParameterValue", "The address family '%s' is invalid. Valid values: IPv4, IPv6.", in->AddressFamily);
  if (in->MaxEntries.v < 1 || in->MaxEntries.v > ENTRIES_MAX)
    return error_answer("InvalidParameterValue", "Value (%" G_GINT64_FORMAT ") for parameter MaxEntries is invalid. It is from 1 to %d.", in->MaxEntries.v, ENTRIES_MAX);
  TRY(ec2_all(call, &ec2_managed_lists, &all));
  if (all.n >= LISTS_MAX)
    return error_answer("PrefixListLimitExceeded", "The maximum number of prefix lists has been reached.");
  Ec2ManagedPrefixList *list = ARENA_NEW(call->arena, Ec2ManagedPrefixList);
  *list = (Ec2ManagedPrefixList){.PrefixListId = id_resource(call->arena, "pl"), .PrefixListName = in->PrefixListName, .AddressFamily = in->AddressFamily,
                                 .State = "create-complete", .MaxEntries = in->MaxEntries, .Version = OPT_INT(1), .OwnerId = call->account,
                                 .Tags = ec2_tags(call, &in->TagSpecifications, "prefix-list")};
  list->PrefixListArn = call_arn(call, "ec2", "prefix-list/%s", list->PrefixListId);
  TRY(add_entries(call, list->AddressFamily, &in->Entries, &entries));
  TRY(check_size(list, &entries));
  TRY(put_version(call, list, &entries));
  TRY(ec2_put(call, &ec2_managed_lists, list));
  ret_out->PrefixList = list;
  return ec2_token_keep(call, in, ret_out);
}

static Error *new_version(Call *call, Ec2ManagedPrefixList *list, const Ec2PrefixListEntrySet *entries) {
  TRY(check_size(list, entries));
  list->Version.v++;
  TRY(put_version(call, list, entries));
  return each_referrer(call, list->PrefixListId, vpc_changed, NULL);
}

static Error *check_version(const Ec2ManagedPrefixList *list, OptInt current) {
  if (!current.set)
    return error_answer("MissingParameter", "The request must contain the parameter CurrentVersion");
  if (current.v != list->Version.v)
    return error_answer("PrefixListVersionMismatch", "The prefix list has the incorrect version number: it is at version %" G_GINT64_FORMAT ".", list->Version.v);
  return NULL;
}

OPERATION(ModifyManagedPrefixList, modify_list, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *modify_list(Call *call, const Ec2ModifyManagedPrefixListInput *in, Ec2ModifyManagedPrefixListOutput *ret_out) {
  Ec2ManagedPrefixList *list = NULL;
  Ec2PrefixListEntrySet entries = {0};
  gboolean change = in->AddEntries.n || in->RemoveEntries.n;
  TRY(get_list(call, in->PrefixListId, &list));
  if (in->PrefixListName)
    TRY(check_name(in->PrefixListName));
  if (change && in->MaxEntries.set)
    return error_answer("InvalidParameterCombination", "Entries and MaxEntries cannot be changed in the same request.");
  TRY(ec2_list_entries(call, list->PrefixListId, list->Version.v, &entries));
  if (in->MaxEntries.set && (in->MaxEntries.v > ENTRIES_MAX || in->MaxEntries.v < (gint64) MAX(entries.n, 1)))
    return error_answer("InvalidParameterValue", "Value (%" G_GINT64_FORMAT ") for parameter MaxEntries is invalid. It is from 1 to %d, and at least the number of entries.",
                        in->MaxEntries.v, ENTRIES_MAX);
  list->PrefixListName = in->PrefixListName ? in->PrefixListName : list->PrefixListName;
  list->MaxEntries = in->MaxEntries.set ? in->MaxEntries : list->MaxEntries;
  if (change) {
    TRY(check_version(list, in->CurrentVersion));
    TRY(remove_entries(call, list->AddressFamily, &in->RemoveEntries, &entries));
    TRY(add_entries(call, list->AddressFamily, &in->AddEntries, &entries));
    TRY(new_version(call, list, &entries));
  }
  list->State = "modify-complete";
  ret_out->PrefixList = list;
  return ec2_put(call, &ec2_managed_lists, list);
}

OPERATION(RestoreManagedPrefixListVersion, restore_list, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *restore_list(Call *call, const Ec2RestoreManagedPrefixListVersionInput *in, Ec2RestoreManagedPrefixListVersionOutput *ret_out) {
  Ec2ManagedPrefixList *list = NULL;
  Ec2PrefixListEntrySet entries = {0};
  TRY(get_list(call, in->PrefixListId, &list));
  TRY(check_version(list, in->CurrentVersion));
  TRY(ec2_list_entries(call, list->PrefixListId, in->PreviousVersion.v, &entries));
  TRY(new_version(call, list, &entries));
  list->State = "restore-complete";
  ret_out->PrefixList = list;
  return ec2_put(call, &ec2_managed_lists, list);
}

OPERATION(DeleteManagedPrefixList, delete_list, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_list(Call *call, const Ec2DeleteManagedPrefixListInput *in, Ec2DeleteManagedPrefixListOutput *ret_out) {
  Ec2ManagedPrefixList *list = NULL;
  Key prefix;
  TRY(get_list(call, in->PrefixListId, &list));
  TRY(each_referrer(call, in->PrefixListId, refuse, (gpointer) in->PrefixListId));
  call_key(call, &prefix);
  key_add(&prefix, in->PrefixListId);
  TRY(store_delete_prefix(call->txn, &ec2_list_versions, &prefix, NULL));
  list->State = "delete-complete";
  ret_out->PrefixList = list;
  return ec2_delete(call, &ec2_managed_lists, in->PrefixListId);
}

static Error *add_association(Call *call, const char *id, const char *owner, gpointer data) {
  Ec2PrefixListAssociation *association = ARENA_NEW(call->arena, Ec2PrefixListAssociation);
  *association = (Ec2PrefixListAssociation){.ResourceId = id, .ResourceOwner = owner};
  LIST_APPEND(call->arena, &((Ec2GetManagedPrefixListAssociationsOutput *) data)->PrefixListAssociations, association);
  return NULL;
}

OPERATION(GetManagedPrefixListAssociations, get_associations, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *get_associations(Call *call, const Ec2GetManagedPrefixListAssociationsInput *in, Ec2GetManagedPrefixListAssociationsOutput *ret_out) {
  const Ec2ManagedPrefixList *list = NULL;
  if (!ec2_list_is_aws(call, in->PrefixListId))
    TRY(ec2_get(call, &ec2_managed_lists, in->PrefixListId, &list));
  LIST_EMPTY(call->arena, &ret_out->PrefixListAssociations);
  return each_referrer(call, in->PrefixListId, add_association, ret_out);
}
