/* Writing and reading parameters.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html */
#include "services/ssm/ssm.h"

#include <string.h>

enum { STANDARD_MAX = 4096, ADVANCED_MAX = 8192, VERSIONS_MAX = 100, LEVELS_MAX = 15 };

static Error *
check_name(const char *name)
{
  const char *bare = name[0] == '/' ? name + 1 : name;
  guint levels = 0;
  if (g_ascii_strncasecmp(bare, "aws", 3) == 0)
    return error_answer_status(400, "AccessDeniedException", "No access to reserved parameter name: %s.", name);
  if (g_ascii_strncasecmp(bare, "ssm", 3) == 0)
    return error_answer("ValidationException",
                        "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of sub-paths divided by "
                        "slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_");
  for (const char *at = name; *at; at++) {
    levels += *at == '/';
    if (!g_ascii_isalnum(*at) && !strchr("/.-_", *at))
      return error_answer("ValidationException", "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). If formed as a path, it can "
                                                 "consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers "
                                                 "and the following 3 symbols .-_");
  }
  if (strchr(bare, '/') && name[0] != '/')
    return error_answer("ValidationException", "Parameter name must be a fully qualified name: a name with a path begins with a slash.");
  if (levels > LEVELS_MAX)
    return error_answer("HierarchyLevelLimitExceededException", "A hierarchy can have a maximum of %d levels.", LEVELS_MAX);
  return NULL;
}

static Error *
check_value(const char *value, const char *pattern, const char *tier)
{
  gboolean advanced = strcmp(tier, "Advanced") == 0;
  gsize size = strlen(value);
  if (size == 0)
    return error_answer("ValidationException", "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length "
                                               "greater than or equal to 1.");
  if (size > ADVANCED_MAX || (!advanced && size > STANDARD_MAX))
    return error_answer("ValidationException",
                        "%s tier parameters support a maximum parameter value of %d characters. To create a larger parameter value, upgrade the parameter to "
                        "use the advanced-parameter tier. For more information, see "
                        "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html",
                        advanced ? "Advanced" : "Standard", advanced ? ADVANCED_MAX : STANDARD_MAX);
  if (!pattern)
    return NULL;
  g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
  if (!regex)
    return error_answer("InvalidAllowedPatternException", "The request doesn't meet the regular expression requirement: %s", pattern);
  if (!g_regex_match(regex, value, 0, NULL))
    return error_answer("ParameterPatternMismatchException", "Parameter value, cannot be validated against allowedPattern: %s", pattern);
  return NULL;
}

/* The version that the input makes; of an existing parameter what is not said stays as it was. */
static Error *
version_make(Call *call, const SsmPutParameterInput *in, const SsmVersionRecord *last, SsmVersionRecord **ret)
{
  SsmVersionRecord *version = ARENA_NEW(call->arena, SsmVersionRecord);
  gboolean large = strlen(in->Value) > STANDARD_MAX;
  version->Version = OPT_INT(last ? last->Version.v + 1 : 1);
  version->Type = in->Type ? in->Type : last ? last->Type : NULL;
  if (!version->Type)
    return error_answer("ValidationException", "A parameter type is required when you create a parameter.");
  if (last && strcmp(last->Type, version->Type) != 0)
    return error_answer("HierarchyTypeMismatchException", "Parameter Store doesn't support changing a parameter type in a hierarchy. For example, you can't "
                                                          "change a parameter from a String type to a SecureString type. You must create a new, unique parameter.");
  version->KeyId = in->KeyId;
  version->Description = in->Description ? in->Description : last ? last->Description : NULL;
  version->AllowedPattern = in->AllowedPattern ? in->AllowedPattern : last ? last->AllowedPattern : NULL;
  version->Tier = in->Tier && strcmp(in->Tier, "Intelligent-Tiering") == 0 ? (large ? "Advanced" : "Standard") : in->Tier ? in->Tier : last ? last->Tier : "Standard";
  version->DataType = in->DataType ? in->DataType : "text";
  version->Date = OPT_TIME(call->now);
  version->User = call->principal->arn;
  if (strcmp(version->DataType, "text") != 0)
    return error_answer("ValidationException", "haar checks no parameters of data type %s: leave DataType out.", version->DataType);
  *ret = version;
  return check_value(in->Value, version->AllowedPattern, version->Tier);
}

static Error *
set_value(Call *call, const SsmPutParameterInput *in, const SsmParameterRecord *record, SsmVersionRecord *version)
{
  if (strcmp(version->Type, "SecureString") == 0)
    return value_encrypt(call, record->Arn, in->Value, version);
  if (in->KeyId)
    return error_answer("ValidationException", "KeyId is required for SecureString type parameter only.");
  version->Value = in->Value;
  return NULL;
}

/* The oldest goes when there are too many, unless it has a label. */
static Error *
add_version(Arena *arena, SsmParameterRecord *record, SsmVersionRecord *version)
{
  if (record->Versions.n >= VERSIONS_MAX) {
    if (record->Versions.v[0]->Labels.n > 0)
      return error_answer("ParameterMaxVersionLimitExceeded", "You attempted to create a new version of %s by calling the PutParameter API with the overwrite "
                                                              "flag. Version %" G_GINT64_FORMAT ", the oldest version, can't be deleted because it has a label "
                                                              "associated with it. Move the label to another version of the parameter, and try again.",
                          record->Name, record->Versions.v[0]->Version.v);
    memmove(record->Versions.v, record->Versions.v + 1, --record->Versions.n * sizeof *record->Versions.v);
  }
  LIST_APPEND(arena, &record->Versions, version);
  return NULL;
}

OPERATION(PutParameter, put_parameter, .txn = TXN_WRITE, .authorize = name_resource)
static Error *
put_parameter(Call *call, const SsmPutParameterInput *in, SsmPutParameterOutput *ret_out)
{
  SsmParameterRecord *record = NULL;
  SsmVersionRecord *version = NULL;
  TRY(check_name(in->Name));
  TRY(parameter_look(call, in->Name, &record));
  if (record && !OPT_OR(in->Overwrite, FALSE))
    return error_answer("ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.");
  if (record && in->Tags.n > 0)
    return error_answer("ValidationException", "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove "
                                               "overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.");
  if (in->Policies && strcmp(in->Policies, "") != 0 && strcmp(in->Policies, "[]") != 0 && strcmp(in->Policies, "{}") != 0)
    return error_answer("InvalidPolicyTypeException", "haar has no parameter policies: leave Policies out.");
  TRY(version_make(call, in, record ? version_latest(record) : NULL, &version));
  if (!record) {
    record = ARENA_NEW(call->arena, SsmParameterRecord);
    record->Name = in->Name;
    record->Arn = parameter_arn(call, in->Name);
    record->Tags = in->Tags;
  }
  TRY(set_value(call, in, record, version));
  TRY(add_version(call->arena, record, version));
  ret_out->Version = version->Version;
  ret_out->Tier = version->Tier;
  return parameter_put(call, record);
}

OPERATION(GetParameter, get_parameter, .authorize = name_resource)
static Error *
get_parameter(Call *call, const SsmGetParameterInput *in, SsmGetParameterOutput *ret_out)
{
  SsmParameterRecord *record = NULL;
  SsmVersionRecord *version = NULL;
  const char *selector = NULL, *name = parameter_name(call->arena, in->Name, &selector);
  TRY(parameter_find(call, name, &record));
  TRY(version_select(record, selector, &version));
  return parameter_make(call, record, version, selector, OPT_OR(in->WithDecryption, FALSE), &ret_out->Parameter);
}

static Error *
get_one(Call *call, const char *asked, gboolean decrypt, SsmGetParametersOutput *out)
{
  SsmParameterRecord *record = NULL;
  SsmVersionRecord *version = NULL;
  SsmParameter *parameter = NULL;
  const char *selector = NULL, *name = parameter_name(call->arena, asked, &selector);
  TRY(parameter_look(call, name, &record));
  g_autoptr(Error) none = record ? version_select(record, selector, &version) : NULL;
  if (!version) {
    LIST_APPEND(call->arena, &out->InvalidParameters, asked);
    return NULL;
  }
  TRY(parameter_make(call, record, version, selector, decrypt, &parameter));
  LIST_APPEND(call->arena, &out->Parameters, parameter);
  return NULL;
}

OPERATION(GetParameters, get_parameters, .authorize = names_resource)
static Error *
get_parameters(Call *call, const SsmGetParametersInput *in, SsmGetParametersOutput *ret_out)
{
  LIST_EMPTY(call->arena, &ret_out->Parameters);
  LIST_EMPTY(call->arena, &ret_out->InvalidParameters);
  for (gsize i = 0; i < in->Names.n; i++)
    TRY(get_one(call, in->Names.v[i], OPT_OR(in->WithDecryption, FALSE), ret_out));
  return NULL;
}

OPERATION(GetParametersByPath, get_parameters_by_path, .authorize = name_resource)
static Error *
get_parameters_by_path(Call *call, const SsmGetParametersByPathInput *in, SsmGetParametersByPathOutput *ret_out)
{
  ParameterRecords all = { 0 }, wanted = { 0 };
  SsmPage page;
  if (in->Path[0] != '/')
    return error_answer("ValidationException", "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward "
                                               "slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). It must use only letters, numbers, "
                                               "or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All "
                                               "sub-paths, if specified, must use the forward slash symbol \"/\". Valid example: /get/parameters2-/by1./path0_.");
  TRY(parameter_filters_check(&in->ParameterFilters));
  TRY(parameters_all(call, &all));
  for (gsize i = 0; i < all.n; i++)
    if (path_covers(in->Path, all.v[i]->Name, OPT_OR(in->Recursive, FALSE)) && parameter_filters_pass(&in->ParameterFilters, all.v[i]))
      LIST_APPEND(call->arena, &wanted, all.v[i]);
  TRY(ssm_page(call->arena, wanted.n, in->NextToken, in->MaxResults, 10, &page));
  LIST_EMPTY(call->arena, &ret_out->Parameters);
  for (gsize i = page.from; i < page.to; i++) {
    SsmParameter *parameter = NULL;
    TRY(parameter_make(call, wanted.v[i], version_latest(wanted.v[i]), NULL, OPT_OR(in->WithDecryption, FALSE), &parameter));
    LIST_APPEND(call->arena, &ret_out->Parameters, parameter);
  }
  ret_out->NextToken = page.token;
  return NULL;
}

OPERATION(DeleteParameter, delete_parameter, .txn = TXN_WRITE, .authorize = name_resource)
static Error *
delete_parameter(Call *call, const SsmDeleteParameterInput *in, SsmDeleteParameterOutput *ret_out)
{
  SsmParameterRecord *record = NULL;
  const char *name = parameter_name(call->arena, in->Name, NULL);
  TRY(parameter_find(call, name, &record));
  return parameter_erase(call, name);
}

OPERATION(DeleteParameters, delete_parameters, .txn = TXN_WRITE, .authorize = names_resource)
static Error *
delete_parameters(Call *call, const SsmDeleteParametersInput *in, SsmDeleteParametersOutput *ret_out)
{
  LIST_EMPTY(call->arena, &ret_out->DeletedParameters);
  LIST_EMPTY(call->arena, &ret_out->InvalidParameters);
  for (gsize i = 0; i < in->Names.n; i++) {
    SsmParameterRecord *record = NULL;
    const char *name = parameter_name(call->arena, in->Names.v[i], NULL);
    TRY(parameter_look(call, name, &record));
    if (record) {
      TRY(parameter_erase(call, name));
      LIST_APPEND(call->arena, &ret_out->DeletedParameters, in->Names.v[i]);
    } else {
      LIST_APPEND(call->arena, &ret_out->InvalidParameters, in->Names.v[i]);
    }
  }
  return NULL;
}
