/* The key that signs messages, with a certificate of the local CA: made when it is first needed, kept beside the CA's own. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>
#include <unistd.h>

#include "services/sns/sns.h"

enum { KEY_BITS = 2048 };

struct SnsSigner {
  GMutex lock;
  EVP_PKEY *key;
  char *pem, *name;
};

SnsSigner *
sns_signer_new(void)
{
  SnsSigner *signer = g_new0(SnsSigner, 1);
  g_mutex_init(&signer->lock);
  return signer;
}

void
sns_signer_free(SnsSigner *signer)
{
  if (!signer)
    return;
  EVP_PKEY_free(signer->key);
  g_mutex_clear(&signer->lock);
  g_free(signer->pem);
  g_free(signer->name);
  g_free(signer);
}

static Error *
write_private(const char *path, const char *text)
{
  g_autofree char *temporary = g_strconcat(path, ".new", NULL);
  gsize size = strlen(text);
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  gboolean good = fd >= 0 && write(fd, text, size) == (gssize) size;
  if (fd >= 0)
    close(fd);
  return good && rename(temporary, path) == 0 ? NULL : error_fault("cannot write %s: %s", path, g_strerror(errno));
}

static char *
key_text(EVP_PKEY *key)
{
  BIO *bio = BIO_new(BIO_s_mem());
  char *data = NULL;
  PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
  long size = BIO_get_mem_data(bio, &data);
  char *text = g_strndup(data, (gsize) size);
  BIO_free(bio);
  return text;
}

/* Reads key and certificate, or makes them. The lock is held. */
static Error *
prepare(Haar *haar, SnsSigner *signer)
{
  g_autofree char *key_path = g_build_filename(haar->data_directory, "ca", "sns.key", NULL);
  g_autofree char *pem_path = g_build_filename(haar->data_directory, "ca", "sns.pem", NULL);
  g_autofree char *text = NULL;
  if (signer->key)
    return NULL;
  gboolean there = g_file_get_contents(key_path, &text, NULL, NULL) && g_file_get_contents(pem_path, &signer->pem, NULL, NULL);
  if (there) {
    BIO *bio = BIO_new_mem_buf(text, -1);
    signer->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
  } else {
    signer->key = EVP_RSA_gen(KEY_BITS);
    g_free(text);
    text = signer->key ? key_text(signer->key) : g_strdup("");
    g_clear_pointer(&signer->pem, g_free);
    TRY(server_ca_sign(haar->server, "sns.amazonaws.com", text, &signer->pem));
    TRY(write_private(key_path, text));
    TRY(write_private(pem_path, signer->pem));
  }
  if (!signer->key)
    return error_fault("%s holds no key", key_path);
  g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_MD5, signer->pem, -1);
  signer->name = g_strdup_printf("SimpleNotificationService-%s.pem", digest);
  return NULL;
}

static Error *
ready(Haar *haar, SnsSigner **ret)
{
  SnsSigner *signer = *ret = haar_state(haar, "sns");
  g_mutex_lock(&signer->lock);
  Error *error = prepare(haar, signer);
  g_mutex_unlock(&signer->lock);
  return error;
}

Error *
sns_signer_certificate(Haar *haar, const char **ret_name, const char **ret_pem)
{
  SnsSigner *signer;
  TRY(ready(haar, &signer));
  *ret_name = signer->name;
  *ret_pem = signer->pem;
  return NULL;
}

Error *
sns_sign(Call *call, const char *text, const char *version, char **ret_signature)
{
  SnsSigner *signer;
  guint8 signature[KEY_BITS / 8];
  size_t size = sizeof signature;
  TRY(ready(call->haar, &signer));
  EVP_MD_CTX *md = EVP_MD_CTX_new();
  gboolean good = EVP_DigestSignInit(md, NULL, strcmp(version, "2") == 0 ? EVP_sha256() : EVP_sha1(), NULL, signer->key) == 1 &&
                  EVP_DigestSign(md, signature, &size, (const guint8 *) text, strlen(text)) == 1;
  EVP_MD_CTX_free(md);
  if (!good)
    return error_fault("sns: a message could not be signed");
  *ret_signature = text_base64(call->arena, signature, size);
  return NULL;
}
