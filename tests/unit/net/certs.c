/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certs.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { HALF_HOUR = 1800, VERSION_3 = 2, TEXT_MAX = 300 };

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(e && X509_add_ext(cert, e, -1));
	X509_EXTENSION_free(e);
}

static void extend_all(X509 *cert, X509 *issuer, const struct certs_spec *spec)
{
	char text[TEXT_MAX];

	extend(cert, issuer, NID_basic_constraints, spec->issuer ? "CA:FALSE" : "critical,CA:TRUE");
	if (spec->dns || spec->address) {
		snprintf(text, sizeof(text), "%s%s%s%s%s", spec->dns ? "DNS:" : "",
			spec->dns ? spec->dns : "", spec->dns && spec->address ? "," : "",
			spec->address ? "IP:" : "", spec->address ? spec->address : "");
		extend(cert, issuer, NID_subject_alt_name, text);
	}
}

struct certs certs_make(const struct certs_spec *spec)
{
	static long serial;
	struct certs c = {.key = EVP_EC_gen("P-256"), .cert = X509_new()};
	const struct certs *issuer = spec->issuer ? spec->issuer : &c;
	bool default_time = spec->from_s == 0 && spec->to_s == 0;
	X509_NAME *name = c.cert ? X509_get_subject_name(c.cert) : NULL;

	must(c.key && c.cert && X509_set_version(c.cert, VERSION_3));
	must(ASN1_INTEGER_set(X509_get_serialNumber(c.cert), ++serial));
	must(X509_gmtime_adj(
		X509_getm_notBefore(c.cert), default_time ? -HALF_HOUR : spec->from_s));
	must(X509_gmtime_adj(X509_getm_notAfter(c.cert), default_time ? HALF_HOUR : spec->to_s));
	if (spec->name)
		must(X509_NAME_add_entry_by_txt(
			name, "CN", MBSTRING_UTF8, (const unsigned char *)spec->name, -1, -1, 0));
	else
		must(X509_NAME_add_entry_by_txt(
			name, "O", MBSTRING_UTF8, (const unsigned char *)"org", -1, -1, 0));
	must(X509_set_issuer_name(c.cert, X509_get_subject_name(issuer->cert)));
	must(X509_set_pubkey(c.cert, c.key));
	extend_all(c.cert, issuer->cert, spec);
	must(X509_sign(c.cert, issuer->key, EVP_sha256()) > 0);
	return c;
}

void certs_fini(struct certs *c)
{
	EVP_PKEY_free(c->key);
	X509_free(c->cert);
	*c = (struct certs){0};
}

void certs_write_cert(const struct certs *c, const char *path, bool append)
{
	FILE *f = fopen(path, append ? "a" : "w");

	must(f && PEM_write_X509(f, c->cert) && fclose(f) == 0);
}

void certs_write_key(const struct certs *c, const char *path, const char *passphrase)
{
	FILE *f = fopen(path, "w");

	must(f && fchmod(fileno(f), 0600) == 0);
	must(PEM_write_PrivateKey(f, c->key, passphrase ? EVP_aes_256_cbc() : NULL,
		(const unsigned char *)passphrase, passphrase ? (int)strlen(passphrase) : 0, NULL,
		NULL));
	must(fclose(f) == 0);
}
