/* ca: the local certificate authority, in DATA/ca/: ca.pem (for clients to trust) and ca.key (0600). Leaf certificates for any name are
 * made on demand and kept in memory. All P-256. */
#pragma once

#include <gnutls/abstract.h>

#include "base/base.h"

typedef struct Ca Ca;

/* Reads the authority below directory, or makes it. Errors: faults in a user's terms. */
Error *ca_open(const char *directory, Ca **ret_ca) ERROR_MUST_USE;
void ca_free(Ca *ca);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ca, ca_free)
const char *ca_pem(const Ca *ca);
const char *ca_path(const Ca *ca);
/* A certificate for an RSA key (PEM) under a name, for ten years, signed by the authority: for what is not TLS. PEM, transfer full. */
Error *ca_sign(const Ca *ca, const char *name, const char *key_pem, char **ret_pem) ERROR_MUST_USE;
/* The certificate for a server name ("" or no host name: the one for localhost). They live as long as ca. Any thread. */
gboolean ca_certificate(Ca *ca, const char *name, gnutls_pcert_st **ret_certificate, gnutls_privkey_t *ret_key);
