/* PublishVersion, ListVersionsByFunction. */
#include <string.h>

#include "services/lambda/lambda.h"

typedef struct Publish {
  const char *name, *description, *sha256, *revision;
  LambdaFunctionRecord *record;  /* out: the version */
} Publish;

static Error *
may_publish(const Publish *publish, const LambdaFunctionRecord *latest)
{
  const LambdaFunctionConfiguration *config = latest->config;
  if (g_strcmp0(config->State, "Active") != 0)
    return error_answer_status(409, "ResourceConflictException",
                               "The operation cannot be performed at this time. The function is currently in the following state: %s", config->State);
  if (g_strcmp0(config->LastUpdateStatus, "InProgress") == 0)
    return error_answer_status(409, "ResourceConflictException",
                               "The operation cannot be performed at this time. An update is in progress for resource: %s", config->FunctionArn);
  if (publish->sha256 && strcmp(publish->sha256, config->CodeSha256) != 0)
    return error_answer("InvalidParameterValueException", "CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with "
                        "the CodeSHA256 in $LATEST.", publish->sha256, config->CodeSha256);
  if (publish->revision && strcmp(publish->revision, config->RevisionId) != 0)
    return error_answer_status(412, "PreconditionFailedException",
                               "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the "
                               "latest Revision Id");
  return NULL;
}

/* The version that was made of $LATEST as it is; NULL: none. */
static Error *
find_published(Call *call, const LambdaFunctionRecord *latest, LambdaFunctionRecord **ret)
{
  gint64 last = OPT_OR(latest->lastVersion, 0);
  *ret = NULL;
  if (!last || g_strcmp0(latest->published, latest->config->RevisionId) != 0)
    return NULL;
  return lambda_function_find(call, latest->config->FunctionName, arena_printf(call->arena, "%" G_GINT64_FORMAT, last), ret);
}

/* $LATEST unchanged since its last version: that version is the answer, as on AWS. */
static Error *
publish(Call *call, gpointer data)
{
  Publish *publish_ = data;
  LambdaFunctionRecord *latest;
  TRY(lambda_function_get(call, publish_->name, LAMBDA_LATEST, &latest));
  TRY(may_publish(publish_, latest));
  TRY(find_published(call, latest, &publish_->record));
  if (publish_->record)
    return NULL;
  gint64 last = OPT_OR(latest->lastVersion, 0);
  latest->lastVersion = OPT_INT(last + 1);
  latest->published = latest->config->RevisionId;
  TRY(lambda_function_put(call, latest));
  LambdaFunctionRecord *version = publish_->record = shape_copy(call->arena, &LambdaFunctionRecord_shape, latest);
  LambdaFunctionConfiguration *config = version->config;
  config->Version = arena_printf(call->arena, "%" G_GINT64_FORMAT, last + 1);
  config->FunctionArn = lambda_function_arn(call, config->FunctionName, config->Version);
  config->RevisionId = id_uuid(call->arena);
  if (publish_->description)
    config->Description = publish_->description;
  version->active = config;
  version->reserved.set = version->lastVersion.set = FALSE;
  version->published = version->claim = NULL;
  version->tags = (StringMap) {0};
  return lambda_function_put(call, version);
}

OPERATION(PublishVersion, publish_version, .txn = TXN_WRITE, .authorize = lambda_authorize)
static Error *
publish_version(Call *call, const LambdaPublishVersionInput *in, LambdaPublishVersionOutput *ret_out)
{
  FunctionName name;
  TRY(lambda_function_name(call, in->FunctionName, NULL, &name));
  Publish work = {.name = name.name, .description = in->Description, .sha256 = in->CodeSha256, .revision = in->RevisionId};
  TRY(publish(call, &work));
  *ret_out = *lambda_function_shown(call, work.record, NULL);
  return NULL;
}

typedef struct Claim {
  const char *function, *token;
} Claim;

static Error *
claim(Call *call, gpointer data)
{
  const Claim *claim_ = data;
  FunctionName name;
  LambdaFunctionRecord *latest = NULL, *version = NULL;
  TRY(lambda_function_name(call, claim_->function, NULL, &name));
  TRY(lambda_function_get(call, name.name, LAMBDA_LATEST, &latest));
  TRY(find_published(call, latest, &version));
  if (version && g_strcmp0(latest->claim, claim_->token) != 0)
    return error_answer("AlreadyExists", "A version for this Lambda function exists ( %s ). Modify the function to create a new version.",
                        version->config->Version);
  latest->claim = claim_->token;
  return lambda_function_put(call, latest);
}

Error *
lambda_version_claim(Call *call, const char *function, const char *token)
{
  return call_write(call, claim, &(Claim) {function, token});
}

static Error *
settled(Call *call, gpointer data)
{
  Publish *work = data;
  return lambda_function_get(call, work->name, LAMBDA_LATEST, &work->record);
}

Error *
lambda_version_publish_when_ready(Call *call, const char *name, const char *description, LambdaFunctionConfiguration *out)
{
  static const gint64 patience = 30 * 1000;
  Publish work = {.name = name, .description = description};
  for (gint64 began = clock_real(); clock_real() - began < patience; g_usleep(2000)) {
    TRY(call_read(call, settled, &work));
    const LambdaFunctionConfiguration *config = work.record->config;
    if (g_strcmp0(config->State, "Pending") != 0 && g_strcmp0(config->LastUpdateStatus, "InProgress") != 0)
      break;
  }
  TRY(call_write(call, publish, &work));
  *out = *lambda_function_shown(call, work.record, NULL);
  return NULL;
}

OPERATION(ListVersionsByFunction, list_versions_by_function, .txn = TXN_READ, .authorize = lambda_authorize)
static Error *
list_versions_by_function(Call *call, const LambdaListVersionsByFunctionInput *in, LambdaListVersionsByFunctionOutput *ret_out)
{
  FunctionName name;
  LambdaFunctionRecord *latest, *record;
  TRY(lambda_function_name(call, in->FunctionName, NULL, &name));
  TRY(lambda_function_get(call, name.name, LAMBDA_LATEST, &latest));
  gint64 from = in->Marker ? g_ascii_strtoll(in->Marker, NULL, 10) : 0, last = OPT_OR(latest->lastVersion, 0);
  gsize limit = (gsize) MIN(OPT_OR(in->MaxItems, 50), 50);
  LIST_EMPTY(call->arena, &ret_out->Versions);
  if (!from)
    LIST_APPEND(call->arena, &ret_out->Versions, lambda_function_shown(call, latest, LAMBDA_LATEST));
  for (gint64 version = MAX(from, 1); version <= last; version++) {
    const char *text = arena_printf(call->arena, "%" G_GINT64_FORMAT, version);
    TRY(lambda_function_find(call, name.name, text, &record));
    if (record && ret_out->Versions.n >= limit) {
      ret_out->NextMarker = text;
      break;
    }
    if (record)
      LIST_APPEND(call->arena, &ret_out->Versions, lambda_function_shown(call, record, NULL));
  }
  return NULL;
}
