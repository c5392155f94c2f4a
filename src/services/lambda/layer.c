/* Layers. https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html */
#include <string.h>

#include "services/lambda/lambda.h"

const Table lambda_layers = {"lambda.layer"}; /* region, account, layer, version -> LayerRecord */

enum { LAYERS_MAX = 5 };

/* A layer's name, and a version or 0. */
typedef struct LayerName { const char *name; gint64 version; } LayerName;

/* Reads "name", "arn:...:layer:name" or "arn:...:layer:name:3". */
static Error *
read_name(Call *call, const char *text, LayerName *ret)
{
  Arn arn;
  *ret = (LayerName) {text, 0};
  if (!arn_parse(call->arena, text, &arn))
    return NULL;
  g_auto(GStrv) parts = g_strsplit(arn.resource, ":", 4);
  guint n = g_strv_length(parts);
  if (n < 2 || strcmp(parts[0], "layer") != 0)
    return error_answer("InvalidParameterValueException", "%s is no layer", text);
  *ret = (LayerName) {arena_strdup(call->arena, parts[1]), n > 2 ? g_ascii_strtoll(parts[2], NULL, 10) : 0};
  return NULL;
}

static char *
layer_arn(const Call *call, const char *name)
{
  return call_arn(call, "lambda", "layer:%s", name);
}

static char *
version_arn(const Call *call, const char *name, gint64 version)
{
  return call_arn(call, "lambda", "layer:%s:%" G_GINT64_FORMAT, name, version);
}

static void
layer_key(const Call *call, const LayerName *name, Key *key)
{
  call_key(call, key);
  key_add(key, name->name);
  if (name->version)
    key_add_int(key, name->version);
}

static Error *
find(Call *call, const LayerName *name, LambdaLayerRecord **ret)
{
  Key key;
  void *record;
  layer_key(call, name, &key);
  TRY(record_get(call->txn, &lambda_layers, &key, &LambdaLayerRecord_shape, call->arena, &record));
  *ret = record;
  return NULL;
}

static Error *
get(Call *call, const LayerName *name, LambdaLayerRecord **ret)
{
  TRY(find(call, name, ret));
  return *ret ? NULL : error_answer("ResourceNotFoundException", "Layer version %s does not exist.", version_arn(call, name->name, name->version));
}

/* The newest first. */
typedef struct { gsize n; LambdaLayerRecord **v; } Layers;

static Error *
all(Call *call, const char *name, Layers *ret)
{
  Key prefix;
  call_key(call, &prefix);
  if (name)
    key_add(&prefix, name);
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &lambda_layers, &(CursorOptions) {.prefix = &prefix, .reverse = TRUE}, &cursor));
  while (cursor_next(cursor)) {
    gsize size;
    const guint8 *data = cursor_value(cursor, &size);
    void *record;
    TRY(record_decode(call->arena, &LambdaLayerRecord_shape, data, size, &record));
    LIST_APPEND(call->arena, ret, record);
  }
  return NULL;
}

static LambdaLayerVersionContentOutput *
content_of(Call *call, const LambdaLayerRecord *record)
{
  LambdaLayerVersionContentOutput *content = ARENA_NEW(call->arena, LambdaLayerVersionContentOutput);
  content->CodeSha256 = record->sha256;
  content->CodeSize = record->size;
  content->Location = download_location(call, record->code);
  return content;
}

static Error *
authorize_layer(Call *call, const void *in, Authorization *auth)
{
  LayerName name;
  TRY(read_name(call, *(const char *const *) in, &name));
  auth->resource = layer_arn(call, name.name);
  return NULL;
}

/* LayerName is the first member of these inputs. */
G_STATIC_ASSERT(G_STRUCT_OFFSET(LambdaPublishLayerVersionInput, LayerName) == 0);
G_STATIC_ASSERT(G_STRUCT_OFFSET(LambdaGetLayerVersionInput, LayerName) == 0);
G_STATIC_ASSERT(G_STRUCT_OFFSET(LambdaDeleteLayerVersionInput, LayerName) == 0);

static Error *
insert(Call *call, gpointer data)
{
  LambdaLayerRecord *record = data;
  Layers versions = {0};
  Key key;
  TRY(all(call, record->name, &versions));
  record->version = OPT_INT(versions.n ? versions.v[0]->version.v + 1 : 1);
  layer_key(call, &(LayerName) {record->name, record->version.v}, &key);
  return record_put(call->txn, &lambda_layers, &key, &LambdaLayerRecord_shape, record);
}

OPERATION(PublishLayerVersion, publish_layer_version, .txn = TXN_NONE, .authorize = authorize_layer)
static Error *
publish_layer_version(Call *call, const LambdaPublishLayerVersionInput *in, LambdaPublishLayerVersionOutput *ret_out)
{
  LayerName name;
  gint64 size;
  TRY(read_name(call, in->LayerName, &name));
  LambdaLayerRecord record = {.name = name.name, .description = in->Description, .license = in->LicenseInfo, .runtimes = in->CompatibleRuntimes,
                              .created = lambda_timestamp(call->arena, call->now)};
  LambdaFunctionCode code = {
    .ZipFile = in->Content->ZipFile, .S3Bucket = in->Content->S3Bucket, .S3Key = in->Content->S3Key, .S3ObjectVersion = in->Content->S3ObjectVersion};
  TRY(code_fetch(call, &code, &record.code, &record.sha256, &size));
  record.size = OPT_INT(size);
  TRY(call_write(call, insert, &record));
  *ret_out = (LambdaPublishLayerVersionOutput) {
    .Content = content_of(call, &record),
    .LayerArn = layer_arn(call, name.name),
    .LayerVersionArn = version_arn(call, name.name, record.version.v),
    .Description = record.description,
    .CreatedDate = record.created,
    .Version = record.version,
    .CompatibleRuntimes = record.runtimes,
    .LicenseInfo = record.license,
  };
  return NULL;
}

OPERATION(GetLayerVersion, get_layer_version, .txn = TXN_READ, .authorize = authorize_layer)
static Error *
get_layer_version(Call *call, const LambdaGetLayerVersionInput *in, LambdaGetLayerVersionOutput *ret_out)
{
  LayerName name;
  LambdaLayerRecord *record;
  TRY(read_name(call, in->LayerName, &name));
  name.version = in->VersionNumber.v;
  TRY(get(call, &name, &record));
  *ret_out = (LambdaGetLayerVersionOutput) {
    .Content = content_of(call, record),
    .LayerArn = layer_arn(call, name.name),
    .LayerVersionArn = version_arn(call, name.name, name.version),
    .Description = record->description,
    .CreatedDate = record->created,
    .Version = record->version,
    .CompatibleRuntimes = record->runtimes,
    .LicenseInfo = record->license,
  };
  return NULL;
}

/* Functions that have it keep it, as on AWS: what they run is theirs. */
OPERATION(DeleteLayerVersion, delete_layer_version, .txn = TXN_WRITE, .authorize = authorize_layer)
static Error *
delete_layer_version(Call *call, const LambdaDeleteLayerVersionInput *in, LambdaDeleteLayerVersionOutput *ret_out)
{
  LayerName name;
  Key key;
  TRY(read_name(call, in->LayerName, &name));
  name.version = in->VersionNumber.v;
  layer_key(call, &name, &key);
  return store_delete(call->txn, &lambda_layers, &key, NULL);
}

static LambdaLayerVersionsListItem *
list_item(Call *call, const LambdaLayerRecord *record)
{
  LambdaLayerVersionsListItem *item = ARENA_NEW(call->arena, LambdaLayerVersionsListItem);
  item->LayerVersionArn = version_arn(call, record->name, record->version.v);
  item->Version = record->version;
  item->Description = record->description;
  item->CreatedDate = record->created;
  item->CompatibleRuntimes = record->runtimes;
  item->LicenseInfo = record->license;
  return item;
}

OPERATION(ListLayerVersions, list_layer_versions, .txn = TXN_READ)
static Error *
list_layer_versions(Call *call, const LambdaListLayerVersionsInput *in, LambdaListLayerVersionsOutput *ret_out)
{
  LayerName name;
  Layers versions = {0};
  TRY(read_name(call, in->LayerName, &name));
  TRY(all(call, name.name, &versions));
  LIST_EMPTY(call->arena, &ret_out->LayerVersions);
  for (gsize i = 0; i < versions.n; i++)
    LIST_APPEND(call->arena, &ret_out->LayerVersions, list_item(call, versions.v[i]));
  return NULL;
}

OPERATION(ListLayers, list_layers, .txn = TXN_READ)
static Error *
list_layers(Call *call, const LambdaListLayersInput *in, LambdaListLayersOutput *ret_out)
{
  Layers versions = {0};
  TRY(all(call, NULL, &versions));
  LIST_EMPTY(call->arena, &ret_out->Layers);
  for (gsize i = 0; i < versions.n; i++) {
    if (i && strcmp(versions.v[i]->name, versions.v[i - 1]->name) == 0)
      continue;
    LambdaLayersListItem *item = ARENA_NEW(call->arena, LambdaLayersListItem);
    item->LayerName = versions.v[i]->name;
    item->LayerArn = layer_arn(call, versions.v[i]->name);
    item->LatestMatchingVersion = list_item(call, versions.v[i]);
    LIST_APPEND(call->arena, &ret_out->Layers, item);
  }
  return NULL;
}

/* --- layers of functions --- */

typedef struct Resolve {
  const StringList *arns;
  LambdaLayersReferenceList *shown;
  StringList codes;
} Resolve;

static Error *
resolve(Call *call, gpointer data)
{
  Resolve *work = data;
  for (gsize i = 0; i < work->arns->n; i++) {
    LayerName name;
    LambdaLayerRecord *record;
    TRY(read_name(call, work->arns->v[i], &name));
    TRY(find(call, &name, &record));
    if (!record || !name.version)
      return error_answer("InvalidParameterValueException", "Layer version %s does not exist.", work->arns->v[i]);
    LambdaLayer *layer = ARENA_NEW(call->arena, LambdaLayer);
    layer->Arn = work->arns->v[i];
    layer->CodeSize = record->size;
    LIST_APPEND(call->arena, work->shown, layer);
    LIST_APPEND(call->arena, &work->codes, record->code);
  }
  return NULL;
}

Error *
lambda_layers_resolve(Call *call, const StringList *arns, LambdaLayersReferenceList *ret_shown, const char **ret_code)
{
  *ret_shown = (LambdaLayersReferenceList) {0};
  *ret_code = NULL;
  if (!arns->n)
    return NULL;
  if (arns->n > LAYERS_MAX)
    return error_answer("InvalidParameterValueException", "Cannot reference more than %d layers.", LAYERS_MAX);
  Resolve work = {.arns = arns, .shown = ret_shown};
  TRY(call_read(call, resolve, &work));
  return code_merge(call, &work.codes, ret_code);
}
