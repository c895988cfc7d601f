/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <openssl/types.h>

#include "base/util.h"

/* Certificates and keys for tests, made when they are needed. What fails aborts. */

struct certs {
	EVP_PKEY *key;
	X509 *cert;
};

struct certs_spec {
	const char *name;           /* common name; NULL: none */
	const char *dns;            /* alternative name; NULL: none */
	const char *address;        /* the same, a number; NULL: none */
	const struct certs *issuer; /* NULL: signs itself, and is a CA */
	int from_s, to_s;           /* validity, relative to now; 0 and 0: an hour around it */
};

struct certs certs_make(const struct certs_spec *spec);
void certs_fini(struct certs *c);

/* PEM text for a file; append: behind what it has. */
void certs_write_cert(const struct certs *c, const char *path, bool append);
void certs_write_key(const struct certs *c, const char *path, const char *passphrase);
