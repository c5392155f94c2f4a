/* KMS: the root of all keys, and AWS managed keys. */
#include "services/kms/kms.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <openssl/hmac.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const Table kms_key_table = { "kms.key" };
const Table kms_alias_table = { "kms.alias" };
const Table kms_grant_table = { "kms.grant" };

const ManagedKey kms_managed_keys[] = {
  { "aws/acm", "acm" }, { "aws/backup", "backup" }, { "aws/dynamodb", "dynamodb" }, { "aws/ebs", "ec2" }, { "aws/elasticfilesystem", "elasticfilesystem" },
  { "aws/es", "es" }, { "aws/kinesis", "kinesis" }, { "aws/lambda", "lambda" }, { "aws/logs", "logs" }, { "aws/rds", "rds" }, { "aws/s3", "s3" },
  { "aws/secretsmanager", "secretsmanager" }, { "aws/sns", "sns" }, { "aws/sqs", "sqs" }, { "aws/ssm", "ssm" }, { "aws/xray", "xray" }, { NULL, NULL },
};

const KmsState *
kms_state(const Call *call)
{
  return haar_state(call->haar, "kms");
}

static Error *
read_root(const char *path, KmsState *state, gboolean *ret_there)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  *ret_there = fd >= 0;
  if (fd < 0)
    return errno == ENOENT ? NULL : error_fault("%s: %s", path, g_strerror(errno));
  struct stat status = { 0 };
  gboolean whole = read(fd, state->root, sizeof state->root) == (gssize) sizeof state->root && fstat(fd, &status) == 0;
  close(fd);
  state->made_ms = status.st_mtime * 1000;
  return whole ? NULL : error_fault("%s: the root of all KMS keys is damaged; without it nothing that they encrypted can be read", path);
}

/* Written whole under another name first, so that a crash leaves no half of it. */
static Error *
make_root(const char *path, KmsState *state)
{
  g_autofree char *temporary = g_strconcat(path, ".new", NULL);
  id_random(state->root, sizeof state->root);
  g_unlink(temporary);
  int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return error_fault("%s: %s", temporary, g_strerror(errno));
  gboolean good = write(fd, state->root, sizeof state->root) == (gssize) sizeof state->root && fsync(fd) == 0;
  close(fd);
  if (!good || rename(temporary, path) != 0)
    return error_fault("%s: %s", path, g_strerror(errno));
  state->made_ms = clock_real();
  return NULL;
}

static Error *
start(Haar *haar)
{
  g_autofree KmsState *state = g_new0(KmsState, 1);
  g_autofree char *path = g_build_filename(haar->data_directory, "kms.root", NULL);
  gboolean there = FALSE;
  TRY(read_root(path, state, &there));
  if (!there)
    TRY(make_root(path, state));
  jobs_register(haar->jobs, KMS_DELETE_JOB, kms_delete_job);
  jobs_register(haar->jobs, KMS_ROTATE_JOB, kms_rotate_job);
  haar_set_state(haar, "kms", g_steal_pointer(&state));
  return NULL;
}

static void
stop(Haar *haar)
{
  KmsState *state = haar_state(haar, "kms");
  if (!state)
    return;
  explicit_bzero(state, sizeof *state);
  g_free(state);
  haar_set_state(haar, "kms", NULL);
}

const ServiceHooks kms_hooks = { .start = start, .stop = stop };

const ManagedKey *
managed_key_find(const char *alias)
{
  for (const ManagedKey *managed = kms_managed_keys; managed->alias; managed++)
    if (strcmp(managed->alias, alias) == 0)
      return managed;
  return NULL;
}

static char *
managed_policy(Arena *arena, const ManagedKey *managed, const char *region, const char *account)
{
  return arena_printf(
    arena,
    "{\"Version\":\"2012-10-17\",\"Id\":\"auto-%s-2\",\"Statement\":[{\"Sid\":\"Allow access through %s for all principals in the account that are "
    "authorized to use it\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"*\"},\"Action\":[\"kms:Encrypt\",\"kms:Decrypt\",\"kms:ReEncrypt*\","
    "\"kms:GenerateDataKey*\",\"kms:CreateGrant\",\"kms:DescribeKey\"],\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"kms:CallerAccount\":\"%s\","
    "\"kms:ViaService\":\"%s.%s.amazonaws.com\"}}},{\"Sid\":\"Allow direct access to key metadata to the account\",\"Effect\":\"Allow\","
    "\"Principal\":{\"AWS\":\"arn:aws:iam::%s:root\"},\"Action\":[\"kms:Describe*\",\"kms:Get*\",\"kms:List*\",\"kms:RevokeGrant\"],\"Resource\":\"*\"}]}",
    managed->service, managed->service, account, managed->service, region, account);
}

KmsKeyRecord *
managed_key_record(const Call *call, const ManagedKey *managed, const char *account)
{
  const KmsState *state = kms_state(call);
  guint8 digest[32];
  guint size = sizeof digest;
  g_autofree char *name = g_strdup_printf("%s/%s/%s", call->region, account, managed->alias);
  HMAC(EVP_sha256(), state->root, sizeof state->root, (const guint8 *) name, strlen(name), digest, &size);
  const char *hex = text_hex(call->arena, digest, 16);
  KmsKeyRecord *key = ARENA_NEW(call->arena, KmsKeyRecord);
  KmsMaterialRecord *material = ARENA_NEW(call->arena, KmsMaterialRecord);
  LIST_APPEND(call->arena, &key->Materials, material); /* no sealed bytes: derived, see material_open */
  key->KeyId = arena_printf(call->arena, "%.8s-%.4s-4%.3s-8%.3s-%.12s", hex, hex + 8, hex + 13, hex + 17, hex + 20);
  key->Account = account;
  key->Region = call->region;
  key->Arn = arn_format(call->arena, "kms", call->region, account, "key/%s", key->KeyId);
  key->CreationDate = OPT_TIME(state->made_ms);
  key->Description = arena_printf(call->arena, "Default key that protects my %s data when no other key is defined", managed->service);
  key->Spec = "SYMMETRIC_DEFAULT";
  key->Usage = "ENCRYPT_DECRYPT";
  key->State = "Enabled";
  key->Policy = managed_policy(call->arena, managed, call->region, account);
  key->Rotates = OPT_BOOL(TRUE);
  key->ManagedBy = managed->alias;
  return key;
}

void
kms_table_key(const char *region, const char *account, const char *name, Key *key)
{
  key_init(key);
  key_add(key, region);
  key_add(key, account);
  if (name)
    key_add(key, name);
}

Error *
kms_page(Arena *arena, gsize n, const char *marker, OptInt limit, gint64 most, KmsPage *ret)
{
  guint64 from = 0;
  if (marker && !g_ascii_string_to_unsigned(marker, 16, 0, G_MAXUINT32, &from, NULL))
    return error_answer("InvalidMarkerException", "Invalid marker");
  ret->from = MIN(from, n);
  ret->to = MIN(ret->from + (gsize) OPT_OR(limit, most), n);
  ret->truncated = ret->to < n;
  ret->marker = ret->truncated ? arena_printf(arena, "%08x", (guint) ret->to) : NULL;
  return NULL;
}
