#include "server/ca.h"

#include <fcntl.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LEAVES_MAX = 1024, NAME_MAX_SIZE = 253, DAY = 24 * 3600 };

typedef struct Leaf {
  gnutls_pcert_st certificate;
} Leaf;

struct Ca {
  char *path, *pem;
  gnutls_x509_crt_t certificate;
  gnutls_x509_privkey_t key;
  gnutls_x509_privkey_t leaf_key;
  gnutls_privkey_t leaf_private;
  GMutex lock;
  GHashTable *leaves; /* name -> Leaf; never shrinks: sessions point into it */
};

#define TRY_TLS(call, what)                                                                                                                \
  do {                                                                                                                                     \
    int tls_result_ = (call);                                                                                                              \
    if (tls_result_ < 0)                                                                                                                   \
      return error_fault("%s: %s", (what), gnutls_strerror(tls_result_));                                                                  \
  } while (0)

/* --- certificates --- */

static Error *
new_key(gnutls_x509_privkey_t *ret_key)
{
  TRY_TLS(gnutls_x509_privkey_init(ret_key), "a key");
  TRY_TLS(gnutls_x509_privkey_generate(*ret_key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), "a P-256 key");
  return NULL;
}

/* What leaf and authority have in common: serial number, key, name, validity. */
static Error *
fill_certificate(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key, const char *common_name, int days)
{
  guint8 serial[16];
  id_random(serial, sizeof serial);
  serial[0] &= 0x7f;
  serial[0] |= 0x40;
  time_t now = (time_t) (clock_real() / 1000);
  TRY_TLS(gnutls_x509_crt_set_version(certificate, 3), "version");
  TRY_TLS(gnutls_x509_crt_set_serial(certificate, serial, sizeof serial), "serial");
  TRY_TLS(gnutls_x509_crt_set_key(certificate, key), "key");
  TRY_TLS(gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, common_name, (unsigned) strlen(common_name)), "name");
  TRY_TLS(gnutls_x509_crt_set_activation_time(certificate, now - DAY), "activation");
  TRY_TLS(gnutls_x509_crt_set_expiration_time(certificate, now + (time_t) days * DAY), "expiration");
  guint8 id[20];
  size_t size = sizeof id;
  TRY_TLS(gnutls_x509_crt_get_key_id(certificate, 0, id, &size), "key id");
  TRY_TLS(gnutls_x509_crt_set_subject_key_id(certificate, id, size), "key id");
  return NULL;
}

static Error *
make_authority(gnutls_x509_privkey_t key, gnutls_x509_crt_t *ret_certificate)
{
  g_autofree char *name = g_strdup_printf("haar local CA (%s)", g_get_host_name());
  name[MIN(strlen(name), 64)] = '\0';
  TRY_TLS(gnutls_x509_crt_init(ret_certificate), "a certificate");
  TRY(fill_certificate(*ret_certificate, key, name, 3650));
  TRY_TLS(gnutls_x509_crt_set_basic_constraints(*ret_certificate, 1, 0), "constraints");
  TRY_TLS(gnutls_x509_crt_set_key_usage(*ret_certificate, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN), "usage");
  TRY_TLS(gnutls_x509_crt_sign2(*ret_certificate, *ret_certificate, key, GNUTLS_DIG_SHA256, 0), "signing");
  return NULL;
}

static Error *
add_name(gnutls_x509_crt_t certificate, const char *name)
{
  TRY_TLS(gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, name, (unsigned) strlen(name), GNUTLS_FSAN_APPEND), "name");
  return NULL;
}

static Error *
add_local_names(gnutls_x509_crt_t certificate)
{
  static const char *const names[] = {"localhost", "*.localhost", "localhost.localstack.cloud", "*.localhost.localstack.cloud"};
  static const guint8 v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
    TRY(add_name(certificate, names[i]));
  TRY_TLS(gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, v4, sizeof v4, GNUTLS_FSAN_APPEND), "address");
  TRY_TLS(gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, v6, sizeof v6, GNUTLS_FSAN_APPEND), "address");
  return NULL;
}

static Error *
fill_leaf(const Ca *ca, gnutls_x509_crt_t certificate, const char *name)
{
  guint8 id[20];
  size_t size = sizeof id;
  unsigned critical = 0;
  /* the common name has at most 64 characters; clients look at the alternative names only */
  TRY(fill_certificate(certificate, ca->leaf_key, *name && strlen(name) <= 64 ? name : "haar", 825));
  TRY(*name ? add_name(certificate, name) : add_local_names(certificate));
  TRY_TLS(gnutls_x509_crt_set_basic_constraints(certificate, 0, -1), "constraints");
  TRY_TLS(gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_DIGITAL_SIGNATURE), "usage");
  TRY_TLS(gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_SERVER, 0), "purpose");
  TRY_TLS(gnutls_x509_crt_get_subject_key_id(ca->certificate, id, &size, &critical), "key id");
  TRY_TLS(gnutls_x509_crt_set_authority_key_id(certificate, id, size), "key id");
  TRY_TLS(gnutls_x509_crt_sign2(certificate, ca->certificate, ca->key, GNUTLS_DIG_SHA256, 0), "signing");
  return NULL;
}

static Error *
make_leaf(const Ca *ca, const char *name, Leaf **ret_leaf)
{
  gnutls_x509_crt_t certificate;
  TRY_TLS(gnutls_x509_crt_init(&certificate), "a certificate");
  Error *error = fill_leaf(ca, certificate, name);
  if (!error) {
    *ret_leaf = g_new0(Leaf, 1);
    int result = gnutls_pcert_import_x509(&(*ret_leaf)->certificate, certificate, 0);
    if (result < 0)
      error = error_fault("a certificate: %s", gnutls_strerror(result));
  }
  gnutls_x509_crt_deinit(certificate);
  return error;
}

static Error *
fill_signed(const Ca *ca, gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key, const char *name, char **ret_pem)
{
  gnutls_datum_t pem = {0};
  TRY(fill_certificate(certificate, key, name, 3650));
  TRY(add_name(certificate, name));
  TRY_TLS(gnutls_x509_crt_set_basic_constraints(certificate, 0, -1), "constraints");
  TRY_TLS(gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_DIGITAL_SIGNATURE), "usage");
  TRY_TLS(gnutls_x509_crt_sign2(certificate, ca->certificate, ca->key, GNUTLS_DIG_SHA256, 0), "signing");
  TRY_TLS(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &pem), "a certificate");
  *ret_pem = g_strndup((const char *) pem.data, pem.size);
  gnutls_free(pem.data);
  return NULL;
}

Error *
ca_sign(const Ca *ca, const char *name, const char *key_pem, char **ret_pem)
{
  gnutls_x509_crt_t certificate;
  gnutls_x509_privkey_t key;
  const gnutls_datum_t pem = {(guint8 *) key_pem, (unsigned) strlen(key_pem)};
  TRY_TLS(gnutls_x509_privkey_init(&key), "a key");
  int result = gnutls_x509_privkey_import2(key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
  Error *error = result < 0 ? error_fault("a key: %s", gnutls_strerror(result)) : NULL;
  if (!error) {
    result = gnutls_x509_crt_init(&certificate);
    error = result < 0 ? error_fault("a certificate: %s", gnutls_strerror(result)) : fill_signed(ca, certificate, key, name, ret_pem);
    if (result >= 0)
      gnutls_x509_crt_deinit(certificate);
  }
  gnutls_x509_privkey_deinit(key);
  return error;
}

/* --- files --- */

/* Without a sync, which costs more than the rest of a first start: a file that a power cut left empty is made anew. */
static Error *
write_file(const char *path, const gnutls_datum_t *content, mode_t mode)
{
  g_autofree char *temporary = g_strconcat(path, ".new", NULL);
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0)
    return error_fault("cannot write %s: %s", path, g_strerror(errno));
  gboolean good = write(fd, content->data, content->size) == (ssize_t) content->size;
  close(fd);
  if (!good || rename(temporary, path) != 0)
    return error_fault("cannot write %s: %s", path, g_strerror(errno));
  return NULL;
}

static Error *
save_authority(Ca *ca, const char *key_path)
{
  gnutls_datum_t pem = {0}, key = {0};
  TRY_TLS(gnutls_x509_privkey_export2(ca->key, GNUTLS_X509_FMT_PEM, &key), "the CA's key");
  Error *error = write_file(key_path, &key, 0600);
  gnutls_memset(key.data, 0, key.size);
  gnutls_free(key.data);
  TRY(error);
  TRY_TLS(gnutls_x509_crt_export2(ca->certificate, GNUTLS_X509_FMT_PEM, &pem), "the CA's certificate");
  error = write_file(ca->path, &pem, 0644);
  ca->pem = g_strndup((const char *) pem.data, pem.size);
  gnutls_free(pem.data);
  return error;
}

static Error *
load_authority(Ca *ca, const char *key_path)
{
  gnutls_datum_t pem = {0}, key = {0};
  TRY_TLS(gnutls_load_file(ca->path, &pem), ca->path);
  ca->pem = g_strndup((const char *) pem.data, pem.size);
  TRY_TLS(gnutls_x509_crt_init(&ca->certificate), "a certificate");
  int result = gnutls_x509_crt_import(ca->certificate, &pem, GNUTLS_X509_FMT_PEM);
  gnutls_free(pem.data);
  TRY_TLS(result, ca->path);
  TRY_TLS(gnutls_load_file(key_path, &key), key_path);
  TRY_TLS(gnutls_x509_privkey_init(&ca->key), "a key");
  result = gnutls_x509_privkey_import(ca->key, &key, GNUTLS_X509_FMT_PEM);
  gnutls_memset(key.data, 0, key.size);
  gnutls_free(key.data);
  TRY_TLS(result, key_path);
  return NULL;
}

static gboolean
has_content(const char *path)
{
  struct stat status;
  return stat(path, &status) == 0 && status.st_size > 0;
}

static Error *
read_or_make(Ca *ca, const char *directory)
{
  g_autofree char *key_path = g_build_filename(directory, "ca.key", NULL);
  if (has_content(key_path) && has_content(ca->path))
    TRY(load_authority(ca, key_path));
  else {
    TRY(new_key(&ca->key));
    TRY(make_authority(ca->key, &ca->certificate));
    TRY(save_authority(ca, key_path));
  }
  TRY(new_key(&ca->leaf_key));
  TRY_TLS(gnutls_privkey_init(&ca->leaf_private), "a key");
  TRY_TLS(gnutls_privkey_import_x509(ca->leaf_private, ca->leaf_key, 0), "a key");
  return NULL;
}

Error *
ca_open(const char *directory, Ca **ret_ca)
{
  if (g_mkdir_with_parents(directory, 0700) != 0)
    return error_fault("cannot make %s: %s", directory, g_strerror(errno));
  g_autoptr(Ca) ca = g_new0(Ca, 1);
  ca->path = g_build_filename(directory, "ca.pem", NULL);
  ca->leaves = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_mutex_init(&ca->lock);
  TRY(read_or_make(ca, directory));
  *ret_ca = g_steal_pointer(&ca);
  return NULL;
}

void
ca_free(Ca *ca)
{
  if (!ca)
    return;
  GHashTableIter iter;
  gpointer leaf;
  g_hash_table_iter_init(&iter, ca->leaves);
  while (g_hash_table_iter_next(&iter, NULL, &leaf)) {
    gnutls_pcert_deinit(&((Leaf *) leaf)->certificate);
    g_free(leaf);
  }
  g_hash_table_unref(ca->leaves);
  gnutls_privkey_deinit(ca->leaf_private);
  gnutls_x509_privkey_deinit(ca->leaf_key);
  gnutls_x509_privkey_deinit(ca->key);
  gnutls_x509_crt_deinit(ca->certificate);
  g_mutex_clear(&ca->lock);
  g_free(ca->path);
  g_free(ca->pem);
  g_free(ca);
}

const char *
ca_pem(const Ca *ca)
{
  return ca->pem;
}

const char *
ca_path(const Ca *ca)
{
  return ca->path;
}

/* --- by name --- */

static gboolean
is_host_name(const char *name)
{
  gsize size = strlen(name);
  if (!size || size > NAME_MAX_SIZE || !strchr(name, '.'))
    return FALSE;
  for (const char *c = name; *c; c++)
    if (!g_ascii_isalnum(*c) && !strchr("-._", *c))
      return FALSE;
  return TRUE;
}

gboolean
ca_certificate(Ca *ca, const char *name, gnutls_pcert_st **ret_certificate, gnutls_privkey_t *ret_key)
{
  g_autofree char *lower = g_ascii_strdown(is_host_name(name) ? name : "", -1);
  g_mutex_lock(&ca->lock);
  Leaf *leaf = g_hash_table_lookup(ca->leaves, lower);
  if (!leaf && g_hash_table_size(ca->leaves) < LEAVES_MAX) {
    g_autoptr(Error) error = make_leaf(ca, lower, &leaf);
    if (error)
      log_error("a certificate for \"%s\": %s", lower, error->message);
    else
      g_hash_table_insert(ca->leaves, g_steal_pointer(&lower), leaf);
  }
  if (!leaf)
    leaf = g_hash_table_lookup(ca->leaves, "");
  g_mutex_unlock(&ca->lock);
  if (!leaf)
    return FALSE;
  *ret_certificate = &leaf->certificate;
  *ret_key = ca->leaf_private;
  return TRUE;
}
