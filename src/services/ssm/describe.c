/* Describing parameters: filters, history, labels, tags. */
#include "services/ssm/ssm.h"

#include <string.h>

gboolean
path_covers(const char *path, const char *name, gboolean recursive)
{
  gsize size = strlen(path);
  while (size > 0 && path[size - 1] == '/')
    size--;
  if (strncmp(name, path, size) != 0 || (name[size] != '/' && size > 0))
    return FALSE;
  const char *rest = name[size] == '/' ? name + size + 1 : name;
  return recursive || !strchr(rest, '/');
}

Error *
parameter_filters_check(const SsmParameterStringFilterList *filters)
{
  static const char *const keys[] = { "Name", "Path", "Type", "KeyId", "Tier", "DataType", "Label", NULL };
  static const char *const options[] = { "Equals", "BeginsWith", "Contains", "OneLevel", "Recursive", NULL };
  for (gsize i = 0; i < filters->n; i++) {
    const SsmParameterStringFilter *filter = filters->v[i];
    if (!g_strv_contains(keys, filter->Key) && !g_str_has_prefix(filter->Key, "tag:"))
      return error_answer("InvalidFilterKey", "The following filter key is not valid: %s. Valid filter keys include: [Path, Name, Type, KeyId, Tier].", filter->Key);
    if (filter->Option && !g_strv_contains(options, filter->Option))
      return error_answer("InvalidFilterOption", "The following filter option is not valid: %s. Valid options include: [BeginsWith, Equals].", filter->Option);
    if (filter->Values.n == 0 && !g_str_has_prefix(filter->Key, "tag:"))
      return error_answer("InvalidFilterValue", "The following filter values are missing : null for filter key %s.", filter->Key);
  }
  return NULL;
}

/* What a filter looks at; NULL: the parameter has none. */
static const char *
subject(const SsmParameterStringFilter *filter, const SsmParameterRecord *record)
{
  const SsmVersionRecord *version = version_latest(record);
  const struct { const char *key, *value; } rows[] = {
    { "Name", record->Name }, { "Type", version->Type }, { "KeyId", version->KeyId }, { "Tier", version->Tier }, { "DataType", version->DataType },
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
    if (strcmp(rows[i].key, filter->Key) == 0)
      return rows[i].value;
  for (gsize i = 0; g_str_has_prefix(filter->Key, "tag:") && i < record->Tags.n; i++)
    if (strcmp(record->Tags.v[i]->Key, filter->Key + strlen("tag:")) == 0)
      return record->Tags.v[i]->Value;
  return NULL;
}

/* Plain names are found with and without a slash in front. */
static const char *
unslash(const char *name)
{
  return name[0] == '/' && !strchr(name + 1, '/') ? name + 1 : name;
}

static gboolean
value_passes(const SsmParameterStringFilter *filter, const SsmParameterRecord *record, const char *value)
{
  const char *option = filter->Option ? filter->Option : "Equals";
  if (strcmp(filter->Key, "Path") == 0)
    return path_covers(value, record->Name, strcmp(option, "Recursive") == 0);
  if (strcmp(filter->Key, "Label") == 0)
    return string_list_has(&version_latest(record)->Labels, value);
  const char *text = subject(filter, record);
  if (!text)
    return FALSE;
  if (strcmp(option, "BeginsWith") == 0)
    return g_str_has_prefix(text, value) || g_str_has_prefix(text, unslash(value));
  if (strcmp(option, "Contains") == 0)
    return strstr(text, value) != NULL;
  return strcmp(unslash(text), unslash(value)) == 0;
}

static gboolean
filter_passes(const SsmParameterStringFilter *filter, const SsmParameterRecord *record)
{
  if (filter->Values.n == 0)
    return subject(filter, record) != NULL;
  for (gsize i = 0; i < filter->Values.n; i++)
    if (value_passes(filter, record, filter->Values.v[i]))
      return TRUE;
  return FALSE;
}

gboolean
parameter_filters_pass(const SsmParameterStringFilterList *filters, const SsmParameterRecord *record)
{
  for (gsize i = 0; i < filters->n; i++)
    if (!filter_passes(filters->v[i], record))
      return FALSE;
  return TRUE;
}

/* The older form of filters as the newer one: names by their beginning. */
static void
add_old_filters(Arena *arena, const SsmParametersFilterList *old, SsmParameterStringFilterList *out)
{
  for (gsize i = 0; i < old->n; i++) {
    SsmParameterStringFilter *filter = ARENA_NEW(arena, SsmParameterStringFilter);
    *filter = (SsmParameterStringFilter) { .Key = old->v[i]->Key, .Option = strcmp(old->v[i]->Key, "Name") == 0 ? "BeginsWith" : "Equals", .Values = old->v[i]->Values };
    LIST_APPEND(arena, out, filter);
  }
}

static SsmParameterMetadata *
metadata_make(Arena *arena, const SsmParameterRecord *record)
{
  const SsmVersionRecord *version = version_latest(record);
  SsmParameterMetadata *metadata = ARENA_NEW(arena, SsmParameterMetadata);
  *metadata = (SsmParameterMetadata) {
    .Name = record->Name, .Type = version->Type, .KeyId = version->KeyId, .LastModifiedDate = version->Date, .LastModifiedUser = version->User,
    .Description = version->Description, .AllowedPattern = version->AllowedPattern, .Version = version->Version, .Tier = version->Tier,
    .DataType = version->DataType,
  };
  LIST_EMPTY(arena, &metadata->Policies);
  return metadata;
}

OPERATION(DescribeParameters, describe_parameters)
static Error *
describe_parameters(Call *call, const SsmDescribeParametersInput *in, SsmDescribeParametersOutput *ret_out)
{
  ParameterRecords all = { 0 }, wanted = { 0 };
  SsmParameterStringFilterList filters = in->ParameterFilters;
  SsmPage page;
  if (filters.n > 0 && in->Filters.n > 0)
    return error_answer("ValidationException", "You can use either Filters or ParameterFilters in a single request.");
  add_old_filters(call->arena, &in->Filters, &filters);
  TRY(parameter_filters_check(&filters));
  TRY(parameters_all(call, &all));
  for (gsize i = 0; i < all.n; i++)
    if (parameter_filters_pass(&filters, all.v[i]))
      LIST_APPEND(call->arena, &wanted, all.v[i]);
  TRY(ssm_page(call->arena, wanted.n, in->NextToken, in->MaxResults, 50, &page));
  LIST_EMPTY(call->arena, &ret_out->Parameters);
  for (gsize i = page.from; i < page.to; i++)
    LIST_APPEND(call->arena, &ret_out->Parameters, metadata_make(call->arena, wanted.v[i]));
  ret_out->NextToken = page.token;
  return NULL;
}

OPERATION(GetParameterHistory, get_parameter_history, .authorize = name_resource)
static Error *
get_parameter_history(Call *call, const SsmGetParameterHistoryInput *in, SsmGetParameterHistoryOutput *ret_out)
{
  SsmParameterRecord *record = NULL;
  SsmPage page;
  TRY(parameter_find(call, parameter_name(call->arena, in->Name, NULL), &record));
  TRY(ssm_page(call->arena, record->Versions.n, in->NextToken, in->MaxResults, 50, &page));
  LIST_EMPTY(call->arena, &ret_out->Parameters);
  for (gsize i = page.from; i < page.to; i++) {
    const SsmVersionRecord *version = record->Versions.v[i];
    SsmParameterHistory *entry = ARENA_NEW(call->arena, SsmParameterHistory);
    *entry = (SsmParameterHistory) {
      .Name = record->Name, .Type = version->Type, .KeyId = version->KeyId, .LastModifiedDate = version->Date, .LastModifiedUser = version->User,
      .Description = version->Description, .AllowedPattern = version->AllowedPattern, .Version = version->Version, .Labels = version->Labels,
      .Tier = version->Tier, .DataType = version->DataType,
    };
    LIST_EMPTY(call->arena, &entry->Labels);
    LIST_EMPTY(call->arena, &entry->Policies);
    TRY(value_text(call, record->Arn, version, OPT_OR(in->WithDecryption, FALSE), &entry->Value));
    LIST_APPEND(call->arena, &ret_out->Parameters, entry);
  }
  ret_out->NextToken = page.token;
  return NULL;
}

static Error *
find_version(Call *call, const char *name, OptInt number, SsmParameterRecord **ret_record, SsmVersionRecord **ret)
{
  TRY(parameter_find(call, parameter_name(call->arena, name, NULL), ret_record));
  return version_select(*ret_record, number.set ? arena_printf(call->arena, "%" G_GINT64_FORMAT, number.v) : NULL, ret);
}

static gboolean
label_good(const char *label)
{
  if (g_ascii_isdigit(label[0]) || g_ascii_strncasecmp(label, "aws", 3) == 0 || g_ascii_strncasecmp(label, "ssm", 3) == 0)
    return FALSE;
  for (const char *at = label; *at; at++)
    if (!g_ascii_isalnum(*at) && !strchr(".-_", *at))
      return FALSE;
  return TRUE;
}

static gboolean
label_remove(SsmVersionRecord *version, const char *label)
{
  gsize kept = 0, before = version->Labels.n;
  for (gsize i = 0; i < before; i++)
    if (strcmp(version->Labels.v[i], label) != 0)
      version->Labels.v[kept++] = version->Labels.v[i];
  version->Labels.n = kept;
  return kept < before;
}

OPERATION(LabelParameterVersion, label_parameter_version, .txn = TXN_WRITE, .authorize = name_resource)
static Error *
label_parameter_version(Call *call, const SsmLabelParameterVersionInput *in, SsmLabelParameterVersionOutput *ret_out)
{
  SsmParameterRecord *record = NULL;
  SsmVersionRecord *version = NULL;
  TRY(find_version(call, in->Name, in->ParameterVersion, &record, &version));
  LIST_EMPTY(call->arena, &ret_out->InvalidLabels);
  for (gsize i = 0; i < in->Labels.n; i++) {
    if (!label_good(in->Labels.v[i])) {
      LIST_APPEND(call->arena, &ret_out->InvalidLabels, in->Labels.v[i]);
      continue;
    }
    for (gsize j = 0; j < record->Versions.n; j++)
      label_remove(record->Versions.v[j], in->Labels.v[i]);
    LIST_APPEND(call->arena, &version->Labels, in->Labels.v[i]);
  }
  if (version->Labels.n > 10)
    return error_answer("ParameterVersionLabelLimitExceeded",
                        "An error occurred (ParameterVersionLabelLimitExceeded) when calling the LabelParameterVersion operation: A parameter version can have "
                        "maximum 10 labels.Move one or more labels to another version and try again.");
  ret_out->ParameterVersion = version->Version;
  return parameter_put(call, record);
}

OPERATION(UnlabelParameterVersion, unlabel_parameter_version, .txn = TXN_WRITE, .authorize = name_resource)
static Error *
unlabel_parameter_version(Call *call, const SsmUnlabelParameterVersionInput *in, SsmUnlabelParameterVersionOutput *ret_out)
{
  SsmParameterRecord *record = NULL;
  SsmVersionRecord *version = NULL;
  TRY(find_version(call, in->Name, in->ParameterVersion, &record, &version));
  LIST_EMPTY(call->arena, &ret_out->RemovedLabels);
  LIST_EMPTY(call->arena, &ret_out->InvalidLabels);
  for (gsize i = 0; i < in->Labels.n; i++) {
    if (label_remove(version, in->Labels.v[i]))
      LIST_APPEND(call->arena, &ret_out->RemovedLabels, in->Labels.v[i]);
    else
      LIST_APPEND(call->arena, &ret_out->InvalidLabels, in->Labels.v[i]);
  }
  return parameter_put(call, record);
}

static Error *
find_tagged(Call *call, const char *type, const char *id, SsmParameterRecord **ret)
{
  if (strcmp(type, "Parameter") != 0)
    return error_answer("InvalidResourceType", "haar has no resources of type %s to tag: only Parameter.", type);
  TRY(parameter_look(call, parameter_name(call->arena, id, NULL), ret));
  return *ret ? NULL : error_answer("InvalidResourceId", "The resource ID \"%s\" is not valid. Verify the ID and try again.", id);
}

OPERATION(AddTagsToResource, add_tags_to_resource, .txn = TXN_WRITE, .authorize = name_resource)
static Error *
add_tags_to_resource(Call *call, const SsmAddTagsToResourceInput *in, SsmAddTagsToResourceOutput *ret_out)
{
  SsmParameterRecord *record = NULL;
  TRY(find_tagged(call, in->ResourceType, in->ResourceId, &record));
  for (gsize i = 0; i < in->Tags.n; i++) {
    gsize at = 0;
    while (at < record->Tags.n && strcmp(record->Tags.v[at]->Key, in->Tags.v[i]->Key) != 0)
      at++;
    if (at < record->Tags.n)
      record->Tags.v[at] = in->Tags.v[i];
    else
      LIST_APPEND(call->arena, &record->Tags, in->Tags.v[i]);
  }
  if (record->Tags.n > 50)
    return error_answer("TooManyTagsError", "The Targets parameter includes too many tags. Remove one or more tags and try the command again.");
  return parameter_put(call, record);
}

OPERATION(RemoveTagsFromResource, remove_tags_from_resource, .txn = TXN_WRITE, .authorize = name_resource)
static Error *
remove_tags_from_resource(Call *call, const SsmRemoveTagsFromResourceInput *in, SsmRemoveTagsFromResourceOutput *ret_out)
{
  SsmParameterRecord *record = NULL;
  gsize kept = 0;
  TRY(find_tagged(call, in->ResourceType, in->ResourceId, &record));
  for (gsize i = 0; i < record->Tags.n; i++)
    if (!string_list_has(&in->TagKeys, record->Tags.v[i]->Key))
      record->Tags.v[kept++] = record->Tags.v[i];
  record->Tags.n = kept;
  return parameter_put(call, record);
}

OPERATION(ListTagsForResource, list_tags_for_resource, .authorize = name_resource)
static Error *
list_tags_for_resource(Call *call, const SsmListTagsForResourceInput *in, SsmListTagsForResourceOutput *ret_out)
{
  SsmParameterRecord *record = NULL;
  TRY(find_tagged(call, in->ResourceType, in->ResourceId, &record));
  ret_out->TagList = record->Tags;
  LIST_EMPTY(call->arena, &ret_out->TagList);
  return NULL;
}
