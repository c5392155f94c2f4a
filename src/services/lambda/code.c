/* Code: zips, unpacked once under their digest, read-only to those who run them. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "services/lambda/lambda.h"
#include "store/seal.h"

enum { UNZIPPED_MAX = 262144000, ENTRIES_MAX = 100000 };

char *
code_directory(Arena *arena, const Haar *haar, const char *code)
{
  return arena_printf(arena, "%s/lambda/%s", haar->data_directory, code);
}

char *
code_zip_path(Arena *arena, const Haar *haar, const char *code)
{
  return arena_printf(arena, "%s/lambda/%s.sealed", haar->data_directory, code);
}

static Error *
bad_zip(void)
{
  return error_answer("InvalidParameterValueException", "Could not unzip uploaded file. Please check your file, then try to upload again.");
}

/* Relative, without ".." and without anything that a path on this machine could be made of. */
static gboolean
good_path(const char *path)
{
  if (!*path || *path == '/' || strlen(path) > 1024 || !g_utf8_validate(path, -1, NULL))
    return FALSE;
  g_auto(GStrv) parts = g_strsplit(path, "/", -1);
  for (gsize i = 0; parts[i]; i++)
    if (strcmp(parts[i], "..") == 0)
      return FALSE;
  return TRUE;
}

static mode_t
entry_mode(zip_t *zip, zip_uint64_t index)
{
  zip_uint8_t system;
  zip_uint32_t attributes;
  if (zip_file_get_external_attributes(zip, index, 0, &system, &attributes) < 0 || system != ZIP_OPSYS_UNIX)
    return 0755;
  mode_t mode = (mode_t) (attributes >> 16) & 0777;
  return mode | 0444;
}

static Error *
write_entry(zip_t *zip, zip_uint64_t index, const char *path, gint64 *total)
{
  zip_file_t *file = zip_fopen_index(zip, index, 0);
  if (!file)
    return bad_zip();
  int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  Error *error = fd < 0 ? error_fault("%s: %s", path, g_strerror(errno)) : NULL;
  static const gsize piece = 64 * 1024;
  g_autofree char *buffer = g_malloc(piece);
  while (!error) {
    zip_int64_t n = zip_fread(file, buffer, piece);
    if (n <= 0) {
      error = n < 0 ? bad_zip() : NULL;
      break;
    }
    if ((*total += n) > UNZIPPED_MAX)
      error = error_answer("InvalidParameterValueException", "Unzipped size must be smaller than %d bytes", UNZIPPED_MAX);
    else if (write(fd, buffer, (gsize) n) != n)
      error = error_fault("%s: %s", path, g_strerror(errno));
  }
  zip_fclose(file);
  if (fd >= 0) {
    if (!error && fchmod(fd, entry_mode(zip, index)) < 0)
      error = error_fault("%s: %s", path, g_strerror(errno));
    close(fd);
  }
  return error;
}

static Error *
unpack_entry(zip_t *zip, zip_uint64_t index, const char *directory, gint64 *total)
{
  const char *name = zip_get_name(zip, index, 0);
  if (!name || !good_path(name))
    return bad_zip();
  g_autofree char *path = g_build_filename(directory, name, NULL), *parent = g_path_get_dirname(path);
  gboolean is_directory = g_str_has_suffix(name, "/");
  if (g_mkdir_with_parents(is_directory ? path : parent, 0755) < 0)
    return error_fault("%s: %s", path, g_strerror(errno));
  return is_directory ? NULL : write_entry(zip, index, path, total);
}

static Error *
unpack(const Blob *blob, const char *directory)
{
  zip_error_t why;
  zip_error_init(&why);
  zip_source_t *source = zip_source_buffer_create(blob->data, blob->size, 0, &why);
  zip_t *zip = source ? zip_open_from_source(source, ZIP_RDONLY, &why) : NULL;
  zip_error_fini(&why);
  if (!zip) {
    if (source)
      zip_source_free(source);
    return bad_zip();
  }
  zip_int64_t n = zip_get_num_entries(zip, 0);
  gint64 total = 0;
  Error *error = n > ENTRIES_MAX ? bad_zip() : n == 0 ? error_answer("InvalidParameterValueException", "Uploaded file must be a non-empty zip") : NULL;
  for (zip_int64_t i = 0; i < n && !error; i++)
    error = unpack_entry(zip, (zip_uint64_t) i, directory, &total);
  zip_discard(zip);
  return error;
}

static void
remove_tree(const char *path)
{
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
    g_autofree char *inner = g_build_filename(path, name, NULL);
    if (g_file_test(inner, G_FILE_TEST_IS_DIR) && !g_file_test(inner, G_FILE_TEST_IS_SYMLINK))
      remove_tree(inner);
    else
      unlink(inner);
  }
  rmdir(path);
}

Error *
code_store(Call *call, const Blob *zip, const char **ret_code, const char **ret_sha256)
{
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  g_checksum_update(sum, zip->data, (gssize) zip->size);
  guint8 digest[32];
  gsize size = sizeof digest;
  *ret_code = arena_strdup(call->arena, g_checksum_get_string(sum));
  g_checksum_get_digest(sum, digest, &size);
  *ret_sha256 = text_base64(call->arena, digest, size);
  const char *directory = code_directory(call->arena, call->haar, *ret_code), *package = code_zip_path(call->arena, call->haar, *ret_code);
  if (g_file_test(directory, G_FILE_TEST_IS_DIR) && g_file_test(package, G_FILE_TEST_IS_REGULAR))
    return NULL;
  const char *part = arena_printf(call->arena, "%s.%s", directory, id_hex(call->arena, 8));
  if (g_mkdir_with_parents(part, 0755) < 0)
    return error_fault("%s: %s", part, g_strerror(errno));
  Error *error = unpack(zip, part);
  if (!error)
    error = store_seal_file(call->haar->store, package, zip->data, zip->size);
  if (!error && rename(part, directory) < 0 && errno != ENOTEMPTY && errno != EEXIST)
    error = error_fault("%s: %s", directory, g_strerror(errno));
  remove_tree(part);
  return error;
}

Error *
code_fetch(Call *call, const LambdaFunctionCode *code, const char **ret_code, const char **ret_sha256, gint64 *ret_size)
{
  Blob zip = code->ZipFile;
  if (code->ImageUri)
    return error_answer("InvalidParameterValueException", "haar does not run container images: give ZipFile or S3Bucket and S3Key.");
  if (!zip.data && (!code->S3Bucket || !code->S3Key))
    return error_answer("InvalidParameterValueException", "Please provide a source for function code.");
  if (!zip.data) {
    g_autoptr(Error) error = lambda_other_get_object(call, code->S3Bucket, code->S3Key, code->S3ObjectVersion, &zip);
    if (error && error->kind == ERROR_ANSWER)
      return error_answer("InvalidParameterValueException", "Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %s", error->code,
                          error->message);
    if (error)
      return g_steal_pointer(&error);
  }
  *ret_size = (gint64) zip.size;
  return code_store(call, &zip, ret_code, ret_sha256);
}

/* --- layers --- */

/* Links the files of one tree into another, over what is there. */
static Error *
link_tree(const char *from, const char *to, guint depth)
{
  if (depth > LIMIT_NESTING_MAX)
    return error_answer("InvalidParameterValueException", "A layer has folders deeper than %d.", (int) LIMIT_NESTING_MAX);
  if (g_mkdir_with_parents(to, 0755) < 0)
    return error_fault("%s: %s", to, g_strerror(errno));
  g_autoptr(GDir) dir = g_dir_open(from, 0, NULL);
  for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
    g_autofree char *source = g_build_filename(from, name, NULL), *target = g_build_filename(to, name, NULL);
    if (g_file_test(source, G_FILE_TEST_IS_DIR)) {
      TRY(link_tree(source, target, depth + 1));
      continue;
    }
    unlink(target);
    if (link(source, target) < 0)
      return error_fault("%s: %s", target, g_strerror(errno));
  }
  return NULL;
}

Error *
code_merge(Call *call, const StringList *codes, const char **ret_code)
{
  const char *names = text_join(call->arena, " ", codes->v, codes->n);
  g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, names, -1);
  *ret_code = codes->n == 1 ? codes->v[0] : arena_strdup(call->arena, digest);
  const char *directory = code_directory(call->arena, call->haar, *ret_code);
  if (g_file_test(directory, G_FILE_TEST_IS_DIR))
    return NULL;
  const char *part = arena_printf(call->arena, "%s.%s", directory, id_hex(call->arena, 8));
  Error *error = NULL;
  for (gsize i = 0; i < codes->n && !error; i++)
    error = link_tree(code_directory(call->arena, call->haar, codes->v[i]), part, 0);
  if (!error && rename(part, directory) < 0 && errno != ENOTEMPTY && errno != EEXIST)
    error = error_fault("%s: %s", directory, g_strerror(errno));
  remove_tree(part);
  return error;
}

/* --- inline code --- */

static gboolean
add_text(zip_t *zip, const char *name, const char *text)
{
  zip_source_t *source = zip_source_buffer(zip, text, strlen(text), 0);
  zip_int64_t index = source ? zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8) : -1;
  if (index < 0) {
    zip_source_free(source);
    return FALSE;
  }
  zip_file_set_external_attributes(zip, (zip_uint64_t) index, 0, ZIP_OPSYS_UNIX, (zip_uint32_t) (S_IFREG | 0644) << 16);
  /* Always the same time, so that the same text has the same digest. */
  zip_file_set_mtime(zip, (zip_uint64_t) index, 315532800, 0);
  return TRUE;
}

Error *
code_zip_inline(Call *call, const char *runtime, const char *text, Blob *ret)
{
  gboolean python = runtime && g_str_has_prefix(runtime, "python"), node = runtime && g_str_has_prefix(runtime, "nodejs");
  if (!python && !node)
    return error_answer("InvalidParameterValueException", "ZipFile can only be used with the runtimes of Python and Node.js.");
  const Lambda *lambda = lambda_state(call);
  g_autofree char *helper = NULL, *path = g_strdup_printf("%s/%s", lambda->runtimes ? lambda->runtimes : "",
                                                          python ? "python/cfnresponse.py" : "nodejs/cfn-response.js");
  zip_error_t why;
  zip_error_init(&why);
  zip_source_t *buffer = zip_source_buffer_create(NULL, 0, 0, &why);
  zip_t *zip = buffer ? zip_open_from_source(buffer, ZIP_TRUNCATE, &why) : NULL;
  zip_error_fini(&why);
  if (!zip)
    return error_fault("libzip makes no archive");
  zip_source_keep(buffer);
  gboolean good = add_text(zip, python ? "index.py" : "index.js", text);
  if (good && g_file_get_contents(path, &helper, NULL, NULL))
    good = add_text(zip, python ? "cfnresponse.py" : "cfn-response.js", helper);
  if (!good || zip_close(zip) < 0) {
    zip_discard(zip);
    zip_source_free(buffer);
    return error_fault("libzip makes no archive");
  }
  zip_source_open(buffer);
  zip_source_seek(buffer, 0, SEEK_END);
  ret->size = (gsize) zip_source_tell(buffer);
  zip_source_seek(buffer, 0, SEEK_SET);
  guint8 *data = arena_alloc(call->arena, ret->size);
  zip_int64_t n = zip_source_read(buffer, data, ret->size);
  zip_source_close(buffer);
  zip_source_free(buffer);
  ret->data = data;
  return n == (zip_int64_t) ret->size ? NULL : error_fault("libzip gives no archive back");
}
