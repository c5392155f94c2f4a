/* Parameter Store: parameters by name, and their values. */
#include "services/ssm/ssm.h"

#include <string.h>

#include "server/haar.h"
#include "services/kms.gen.h"

const ServiceHooks ssm_hooks = { 0 };

const Table ssm_parameter_table = { "ssm.parameter" };

enum { STANDARD_MAX = 4096 };

const char *
parameter_name(Arena *arena, const char *name, const char **ret_selector)
{
  Arn arn;
  if (ret_selector)
    *ret_selector = NULL;
  if (g_str_has_prefix(name, "arn:") && arn_parse(arena, name, &arn) && g_str_has_prefix(arn.resource, "parameter/")) {
    const char *rest = arn.resource + strlen("parameter");
    name = strchr(rest + 1, '/') ? rest : rest + 1; /* a path keeps its first slash, a plain name has none */
  }
  const char *colon = strchr(name, ':');
  if (!colon || !ret_selector)
    return name;
  *ret_selector = colon + 1;
  return arena_strndup(arena, name, colon - name);
}

char *
parameter_arn(const Call *call, const char *name)
{
  return call_arn(call, "ssm", "parameter%s%s", name[0] == '/' ? "" : "/", name);
}

static void
parameter_key(const Call *call, const char *name, Key *key)
{
  call_key(call, key);
  key_add(key, name);
}

Error *
parameter_look(Call *call, const char *name, SsmParameterRecord **ret)
{
  Key key;
  parameter_key(call, name, &key);
  return record_get(call->txn, &ssm_parameter_table, &key, &SsmParameterRecord_shape, call->arena, (void **) ret);
}

Error *
parameter_find(Call *call, const char *name, SsmParameterRecord **ret)
{
  TRY(parameter_look(call, name, ret));
  return *ret ? NULL : error_answer("ParameterNotFound", "Parameter %s not found.", name);
}

Error *
parameter_put(Call *call, const SsmParameterRecord *record)
{
  Key key;
  parameter_key(call, record->Name, &key);
  return record_put(call->txn, &ssm_parameter_table, &key, &SsmParameterRecord_shape, record);
}

Error *
parameter_erase(Call *call, const char *name)
{
  Key key;
  parameter_key(call, name, &key);
  return store_delete(call->txn, &ssm_parameter_table, &key, NULL);
}

Error *
parameters_all(Call *call, ParameterRecords *ret)
{
  Key prefix;
  call_key(call, &prefix);
  CursorOptions options = { .prefix = &prefix };
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, &ssm_parameter_table, &options, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    void *record = NULL;
    const guint8 *data = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &SsmParameterRecord_shape, data, size, &record));
    LIST_APPEND(call->arena, ret, (SsmParameterRecord *) record);
  }
  return NULL;
}

SsmVersionRecord *
version_latest(const SsmParameterRecord *record)
{
  return record->Versions.v[record->Versions.n - 1];
}

Error *
version_select(const SsmParameterRecord *record, const char *selector, SsmVersionRecord **ret)
{
  *ret = selector ? NULL : version_latest(record);
  gint64 number = selector ? g_ascii_strtoll(selector, NULL, 10) : 0;
  for (gsize i = 0; selector && i < record->Versions.n; i++)
    if (record->Versions.v[i]->Version.v == number || string_list_has(&record->Versions.v[i]->Labels, selector))
      *ret = record->Versions.v[i];
  if (*ret)
    return NULL;
  return error_answer("ParameterVersionNotFound",
                      "Systems Manager could not find version %s of %s. Verify the version and try again.", selector, record->Name);
}

static StringMap
encryption_context(Arena *arena, const char *arn)
{
  StringMap context = { 0 };
  MAP_SET(arena, &context, "PARAMETER_ARN", arn);
  return context;
}

/* Standard parameters are encrypted by KMS itself, larger ones with a data key.
 * https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html */
Error *
value_encrypt(Call *call, const char *arn, const char *text, SsmVersionRecord *version)
{
  gsize size = strlen(text);
  StringMap context = encryption_context(call->arena, arn);
  version->KeyId = version->KeyId ? version->KeyId : "alias/aws/ssm";
  if (size <= STANDARD_MAX) {
    KmsEncryptInput in = { .KeyId = version->KeyId, .Plaintext = { (const guint8 *) text, size }, .EncryptionContext = context };
    KmsEncryptOutput out = { 0 };
    TRY(call_operation(call, &KmsOperationEncrypt, NULL, "ssm", &in, &out));
    version->Ciphertext = out.CiphertextBlob;
    return NULL;
  }
  KmsGenerateDataKeyInput in = { .KeyId = version->KeyId, .KeySpec = "AES_256", .EncryptionContext = context };
  KmsGenerateDataKeyOutput out = { 0 };
  guint8 *sealed = NULL;
  gsize sealed_size = 0;
  TRY(call_operation(call, &KmsOperationGenerateDataKey, NULL, "ssm", &in, &out));
  TRY(store_seal(call->arena, out.Plaintext.data, text, size, &sealed, &sealed_size));
  version->DataKey = out.CiphertextBlob;
  version->Ciphertext = (Blob) { sealed, sealed_size };
  return NULL;
}

Error *
value_text(Call *call, const char *arn, const SsmVersionRecord *version, gboolean decrypt, const char **ret)
{
  if (strcmp(version->Type, "SecureString") != 0 || !decrypt) {
    *ret = version->Value ? version->Value : text_base64(call->arena, version->Ciphertext.data, version->Ciphertext.size);
    return NULL;
  }
  gboolean wrapped = version->DataKey.data != NULL;
  KmsDecryptInput in = { .CiphertextBlob = wrapped ? version->DataKey : version->Ciphertext, .EncryptionContext = encryption_context(call->arena, arn) };
  KmsDecryptOutput out = { 0 };
  TRY(call_operation(call, &KmsOperationDecrypt, NULL, "ssm", &in, &out));
  Blob plain = out.Plaintext;
  if (wrapped) {
    guint8 *data = NULL;
    TRY(store_open_sealed(call->arena, out.Plaintext.data, version->Ciphertext.data, version->Ciphertext.size, &data, &plain.size));
    plain.data = data;
  }
  *ret = arena_strndup(call->arena, (const char *) plain.data, plain.size);
  return NULL;
}

Error *
parameter_make(Call *call, const SsmParameterRecord *record, const SsmVersionRecord *version, const char *selector, gboolean decrypt, SsmParameter **ret)
{
  SsmParameter *parameter = ARENA_NEW(call->arena, SsmParameter);
  *parameter = (SsmParameter) {
    .Name = record->Name, .Type = version->Type, .Version = version->Version, .LastModifiedDate = version->Date, .ARN = record->Arn,
    .DataType = version->DataType, .Selector = selector ? arena_printf(call->arena, ":%s", selector) : NULL,
  };
  TRY(value_text(call, record->Arn, version, decrypt, &parameter->Value));
  *ret = parameter;
  return NULL;
}

static const void *
input_member(const Call *call, const void *in, const char *name)
{
  const Shape *shape = call->operation->model->input;
  for (guint i = 0; i < shape->n_members; i++)
    if (strcmp(shape->members[i].name, name) == 0)
      return (const guint8 *) in + shape->members[i].offset;
  return NULL;
}

static Error *
one_resource(Call *call, const char *name, Authorization *auth)
{
  SsmParameterRecord *record = NULL;
  const char *selector = NULL, *plain = parameter_name(call->arena, name, &selector);
  TRY(parameter_look(call, plain, &record));
  auth->resource = parameter_arn(call, plain);
  for (gsize i = 0; record && i < record->Tags.n; i++)
    MAP_SET(call->arena, &auth->context, arena_printf(call->arena, "aws:ResourceTag/%s", record->Tags.v[i]->Key), record->Tags.v[i]->Value);
  return NULL;
}

Error *
name_resource(Call *call, const void *in, Authorization *auth)
{
  static const char *const members[] = { "Name", "Path", "ResourceId" };
  for (gsize i = 0; i < G_N_ELEMENTS(members); i++) {
    const char *const *name = input_member(call, in, members[i]);
    if (name && *name)
      return one_resource(call, *name, auth);
  }
  return NULL;
}

/* All but the last are asked for here, the last by the pipeline. */
Error *
names_resource(Call *call, const void *in, Authorization *auth)
{
  const StringList *names = input_member(call, in, "Names");
  for (gsize i = 0; i < names->n; i++) {
    auth->context.n = 0;
    TRY(one_resource(call, names->v[i], auth));
    IamRequest request = { .principal = call->principal, .action = auth->action, .resource = auth->resource, .resource_account = call->account,
                           .context = &auth->context };
    if (i + 1 < names->n)
      TRY(iam_authorize(call->txn, call->arena, &request));
  }
  return NULL;
}

Error *
ssm_page(Arena *arena, gsize n, const char *token, OptInt max, gint64 most, SsmPage *ret)
{
  guint64 from = 0;
  if (token && !g_ascii_string_to_unsigned(token, 16, 0, G_MAXUINT32, &from, NULL))
    return error_answer("InvalidNextToken", "The specified token isn't valid.");
  ret->from = MIN(from, n);
  ret->to = MIN(ret->from + (gsize) OPT_OR(max, most), n);
  ret->token = ret->to < n ? arena_printf(arena, "%08x", (guint) ret->to) : NULL;
  return NULL;
}
