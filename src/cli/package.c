/* package: local code of functions goes to a bucket, as `aws cloudformation package` does. A property's path is replaced in the template's text by
 * its place in the bucket, in the same line, so that messages still name the lines that the user wrote. */
#include <curl/curl.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "cli/stack.h"
#include "stack/template.h"

enum { CODE_MAX = 250 * 1024 * 1024 };
static const char bucket[] = "haar-packages";

/* -- zip --------------------------------------------------------------------------------------------------------------------- */

static Error *
add_file(zip_t *zip, const char *path, const char *name)
{
  GStatBuf status;
  zip_source_t *source = g_stat(path, &status) ? NULL : zip_source_file(zip, path, 0, -1);
  zip_int64_t index = source ? zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8) : -1;
  if (index < 0)
    return error_fault("packing %s: %s", path, source ? zip_strerror(zip) : g_strerror(errno));
  zip_file_set_external_attributes(zip, (zip_uint64_t) index, 0, ZIP_OPSYS_UNIX, (zip_uint32_t) (status.st_mode & 0xffff) << 16);
  zip_file_set_mtime(zip, (zip_uint64_t) index, 315619200, 0); /* 1980: the same code is the same archive */
  return NULL;
}

static int
by_name(const void *a, const void *b)
{
  return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static Error *
add_tree(zip_t *zip, const char *path, const char *prefix)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GDir) dir = g_dir_open(path, 0, &error);
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  if (!dir)
    return error_fault("%s", error->message);
  for (const char *name; (name = g_dir_read_name(dir));)
    g_ptr_array_add(names, g_strdup(name));
  qsort(names->pdata, names->len, sizeof *names->pdata, by_name);
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *child = g_build_filename(path, names->pdata[i], NULL);
    g_autofree char *name = *prefix ? g_strconcat(prefix, "/", names->pdata[i], NULL) : g_strdup(names->pdata[i]);
    TRY(g_file_test(child, G_FILE_TEST_IS_DIR) ? add_tree(zip, child, name) : add_file(zip, child, name));
  }
  return NULL;
}

/* An archive of a directory (*ret_path: transfer full, to be removed), or the file itself if it is one. */
static Error *
pack(const char *path, char **ret_path)
{
  g_autofree char *name = g_build_filename(g_get_tmp_dir(), "haar-package-XXXXXX", NULL);
  int code = 0, fd = g_mkstemp(name);
  if (fd < 0)
    return error_fault("cannot make a file in %s: %s", g_get_tmp_dir(), g_strerror(errno));
  close(fd);
  zip_t *zip = zip_open(name, ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (!zip)
    return error_fault("cannot make %s", name);
  g_autofree char *base = g_path_get_basename(path);
  Error *error = g_file_test(path, G_FILE_TEST_IS_DIR) ? add_tree(zip, path, "") : add_file(zip, path, base);
  if (!error && zip_close(zip)) {
    error = error_fault("packing %s: %s", path, zip_strerror(zip));
    zip_discard(zip);
  } else if (error) {
    zip_discard(zip);
  }
  if (error)
    g_unlink(name);
  else
    *ret_path = g_steal_pointer(&name);
  return error;
}

/* -- upload ------------------------------------------------------------------------------------------------------------------ */

static size_t
discard(char *data, size_t size, size_t n, void *to)
{
  g_string_append_len(to, data, (gssize) MIN(size * n, 2000));
  return size * n;
}

static Error *
upload(const Daemon *daemon, const char *key, const char *data, gsize size)
{
  g_autoptr(GString) answer = g_string_new(NULL);
  g_autofree char *url = g_strdup_printf("%s/%s/%s", daemon->url, bucket, key);
  long status = 0;
  CURL *curl = curl_easy_init();
  struct curl_slist *headers = curl_slist_append(NULL, "x-amz-content-sha256: UNSIGNED-PAYLOAD");
  headers = curl_slist_append(headers, "Expect:");
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "PUT");
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, data);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) size);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, "aws:amz:us-east-1:s3");
  curl_easy_setopt(curl, CURLOPT_USERPWD, "test:test");
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
  CURLcode code = curl_easy_perform(curl);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
  if (code != CURLE_OK)
    return error_fault("%s: %s", url, curl_easy_strerror(code));
  return status == 200 ? NULL : error_answer("UploadFailed", "uploading the code: status %ld: %s", status, answer->str);
}

static Error *
ensure_bucket(Arena *arena, const Daemon *daemon)
{
  Json *out = NULL;
  g_autoptr(Error) error = cli_operation(arena, daemon, "s3", "CreateBucket", cli_object(arena, "Bucket", bucket, NULL), &out);
  return error && !error_is(error, "BucketAlreadyOwnedByYou") && !error_is(error, "BucketAlreadyExists") ? g_steal_pointer(&error) : NULL;
}

/* Packs and uploads what is at path; *ret_key is its name in the bucket (arena): its digest, so that the same code is the same place. */
static Error *
put_code(Arena *arena, const Daemon *daemon, const char *path, const char **ret_key)
{
  gboolean archive = g_str_has_suffix(path, ".zip") && !g_file_test(path, G_FILE_TEST_IS_DIR);
  g_autofree char *packed = NULL, *data = NULL, *sum = NULL;
  g_autoptr(GError) error = NULL;
  gsize size = 0;
  if (!archive)
    TRY(pack(path, &packed));
  gboolean read = g_file_get_contents(packed ? packed : path, &data, &size, &error);
  if (packed)
    g_unlink(packed);
  if (!read)
    return error_fault("%s", error->message);
  if (size > CODE_MAX)
    return error_answer("CodeTooLarge", "%s is larger than %d bytes", path, CODE_MAX);
  sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *) data, size);
  *ret_key = arena_printf(arena, "%s.zip", sum);
  TRY(ensure_bucket(arena, daemon));
  return upload(daemon, *ret_key, data, size);
}

Error *
package_put_template(Arena *arena, const Daemon *daemon, const char *text, const char **ret_url)
{
  g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
  const char *key = arena_printf(arena, "%s.template", sum);
  TRY(ensure_bucket(arena, daemon));
  TRY(upload(daemon, key, text, strlen(text)));
  *ret_url = arena_printf(arena, "https://%s.s3.us-east-1.amazonaws.com/%s", bucket, key);
  return NULL;
}

/* -- the template ------------------------------------------------------------------------------------------------------------ */

/* Byte offset of a line and column (from 1). */
static gsize
offset_of(const char *text, gsize size, guint32 line, guint32 column)
{
  gsize at = 0;
  for (guint32 i = 1; i < line && at < size; at++)
    i += text[at] == '\n';
  return MIN(at + column - 1, size);
}

/* Where the scalar at this offset ends: a quoted one at its quote, a plain one at the line's end or a comment. */
static gsize
scalar_end(const char *text, gsize size, gsize at)
{
  char quote = at < size && (text[at] == '"' || text[at] == '\'') ? text[at] : 0;
  gsize end = at + (quote != 0);
  while (end < size && (quote ? text[end] != quote : text[end] != '\n' && !(text[end] == '#' && text[end - 1] == ' ')))
    end++;
  if (quote)
    return MIN(end + 1, size);
  while (end > at && g_ascii_isspace(text[end - 1]))
    end--;
  return end;
}

typedef struct Patch {
  gsize from, to;
  const char *key;
} Patch;

static int
by_place(const void *a, const void *b)
{
  const Patch *x = a, *y = b;
  return x->from < y->from ? -1 : x->from > y->from;
}

/* The local path of a function's Code, or NULL: code that is inline or in S3 is an object, as are intrinsic functions. */
static const Json *
local_code(const Json *resource)
{
  const char *type = json_string(json_get(resource, "Type"));
  const Json *code = json_path(resource, "Properties.Code");
  return !g_strcmp0(type, "AWS::Lambda::Function") && code && code->type == JSON_STRING ? code : NULL;
}

static Error *
package_resource(Arena *arena, const Daemon *daemon, const char *template_path, const char *text, gsize size, const Json *code, GArray *patches)
{
  g_autofree char *directory = g_path_get_dirname(template_path);
  g_autofree char *path = g_path_is_absolute(code->text) ? g_strdup(code->text) : g_build_filename(directory, code->text, NULL);
  Patch patch = {.from = offset_of(text, size, code->line, code->column)};
  if (!g_file_test(path, G_FILE_TEST_EXISTS))
    return error_answer("NoSuchCode", "%s:%u: there is no file or directory %s (build it, or mend the path of Code)", template_path, code->line, path);
  patch.to = scalar_end(text, size, patch.from);
  TRY(put_code(arena, daemon, path, &patch.key));
  g_array_append_val(patches, patch);
  return NULL;
}

Error *
package_template(Arena *arena, const Daemon *daemon, const char *path, const char *text, gsize size, Package *ret_package)
{
  Template template = {0};
  g_autoptr(GArray) patches = g_array_new(FALSE, FALSE, sizeof(Patch));
  TRY(error_prefix(template_parse(arena, text, size, &template), "%s", path));
  for (guint i = 0; template.resources && i < template.resources->n; i++) {
    const Json *code = local_code(template.resources->members[i].value);
    if (code)
      TRY(package_resource(arena, daemon, path, text, size, code, patches));
  }
  qsort(patches->data, patches->len, sizeof(Patch), by_place);
  g_autoptr(GString) out = g_string_new(NULL);
  gsize at = 0;
  for (guint i = 0; i < patches->len; i++) {
    const Patch *patch = &g_array_index(patches, Patch, i);
    g_string_append_len(out, text + at, (gssize) (patch->from - at));
    g_string_append_printf(out, "{\"S3Bucket\": \"%s\", \"S3Key\": \"%s\"}", bucket, patch->key);
    at = patch->to;
  }
  g_string_append_len(out, text + at, (gssize) (size - at));
  *ret_package = (Package) {arena_memdup(arena, out->str, out->len), patches->len, template.resources};
  return NULL;
}
