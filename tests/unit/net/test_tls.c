/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A client and a server of ours, joined by memory; and against OpenSSL's own where ours does not
 * do the wrong thing that is to be refused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/path.h"
#include "certs.h"
#include "net/tls.h"

enum { PIECES = 1 << 20 };

static char dir[] = "/tmp/test-tls-XXXXXX";
static struct certs ca, server_cert, client_cert, other_ca, stranger, nameless, late, early,
	numbered;

/* dir/name, of which a few live at once. */
static const char *in_dir(const char *name)
{
	static char paths[8][128];
	static unsigned at;
	char *path = paths[at++ % ARRAY_SIZE(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static void write_text(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(in_dir(name), "w");

	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), mode), 0);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void make_pair(struct certs *c, const char *file, const struct certs_spec *spec)
{
	char name[64];

	*c = certs_make(spec);
	snprintf(name, sizeof(name), "%s.pem", file);
	certs_write_cert(c, in_dir(name), false);
	snprintf(name, sizeof(name), "%s.key", file);
	certs_write_key(c, in_dir(name), NULL);
}

static int set_up(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	make_pair(&ca, "ca", &(struct certs_spec){.name = "the CA"});
	make_pair(&other_ca, "other-ca", &(struct certs_spec){.name = "another CA"});
	make_pair(&server_cert, "server",
		&(struct certs_spec){.name = "worker", .dns = "worker.test", .issuer = &ca});
	make_pair(&numbered, "numbered",
		&(struct certs_spec){.name = "worker", .address = "10.9.8.7", .issuer = &ca});
	make_pair(&client_cert, "client",
		&(struct certs_spec){.name = "alice\tof\nus", .issuer = &ca});
	make_pair(&nameless, "nameless", &(struct certs_spec){.dns = "laptop.test", .issuer = &ca});
	make_pair(&stranger, "stranger",
		&(struct certs_spec){.name = "mallory", .dns = "worker.test", .issuer = &other_ca});
	make_pair(&late, "late",
		&(struct certs_spec){.name = "old", .issuer = &ca, .from_s = -7200, .to_s = -3600});
	make_pair(&early, "early",
		&(struct certs_spec){.name = "new", .issuer = &ca, .from_s = 3600, .to_s = 7200});
	certs_write_key(&server_cert, in_dir("locked.key"), "secret");
	return 0;
}

static int tear_down(void **state)
{
	struct certs *all[] = {&ca, &server_cert, &client_cert, &other_ca, &stranger, &nameless,
		&late, &early, &numbered};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		certs_fini(all[i]);
	return fs_remove_tree(dir);
}

/* ---- two ends ---- */

struct end {
	struct tls_context *context;
	struct tls *tls;
	struct buf plain;
	int result;
};

static void end_open(struct end *e, bool client, const char *pair, const char *trust,
	const char *name, bool http1)
{
	char cert[64], key[64];
	AUTO(util_free) char *why = NULL;
	struct tls_files files = {.ca = trust ? in_dir(trust) : NULL};
	int r;

	*e = (struct end){.plain = BUF_INIT};
	if (pair) {
		snprintf(cert, sizeof(cert), "%s.pem", pair);
		snprintf(key, sizeof(key), "%s.key", pair);
		files.cert = in_dir(cert);
		files.key = in_dir(key);
	}
	r = client ? tls_client(&files, &e->context, &why)
		   : tls_server(&files, http1, &e->context, &why);
	if (r != 0)
		fail_msg("%s", why);
	assert_int_equal(tls_new(e->context, name, &e->tls), 0);
}

static void end_close(struct end *e)
{
	tls_free(e->tls);
	tls_context_free(e->context);
	buf_fini(&e->plain);
}

/* At most n bytes of output at a time. True if there were any. */
static bool carry(struct end *from, struct end *to, size_t n)
{
	const void *data;
	size_t have;
	bool any = false;

	for (;;) {
		AUTO(util_free) void *exact = NULL;

		tls_output(from->tls, &data, &have);
		if (have == 0)
			return any;
		any = true;
		have = MIN(have, n);
		/* Memory that ends where the bytes do, and is gone after. */
		exact = malloc(have);
		assert_non_null(exact);
		memcpy(exact, data, have);
		tls_consumed(from->tls, have);
		to->result = tls_feed(to->tls, exact, have, &to->plain);
	}
}

static void settle(struct end *a, struct end *b, size_t n)
{
	bool moved = true;

	while (moved) {
		moved = carry(a, b, n);
		moved = carry(b, a, n) || moved;
	}
}

static void pair_open(struct end *server, struct end *client, bool verify)
{
	end_open(server, false, "server", verify ? "ca.pem" : NULL, NULL, false);
	end_open(client, true, verify ? "client" : NULL, "ca.pem", "worker.test", false);
}

/* ---- what works ---- */

static void test_talk(void **state)
{
	static const size_t pieces[] = {1, 7, 1000, PIECES};

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct end s, c;

		pair_open(&s, &c, false);
		assert_false(tls_ready(s.tls) || tls_ready(c.tls));
		assert_int_equal(tls_write(s.tls, "x", 1), -EAGAIN);
		settle(&c, &s, pieces[i]);
		assert_true(tls_ready(s.tls) && tls_ready(c.tls));
		assert_int_equal(tls_protocol(s.tls), TLS_PROTOCOL_H2);
		assert_int_equal(tls_protocol(c.tls), TLS_PROTOCOL_H2);
		assert_string_equal(tls_peer(s.tls), "");
		assert_string_equal(tls_peer(c.tls), "worker");
		assert_int_equal(tls_write(c.tls, "question", 8), 0);
		assert_int_equal(tls_write(s.tls, "answer", 6), 0);
		settle(&c, &s, pieces[i]);
		assert_string_equal(buf_str(&s.plain), "question");
		assert_string_equal(buf_str(&c.plain), "answer");
		tls_close(c.tls);
		tls_close(c.tls);
		assert_int_equal(tls_write(c.tls, "x", 1), -EPIPE);
		settle(&c, &s, pieces[i]);
		assert_int_equal(s.result, TLS_CLOSED);
		assert_int_equal(tls_eof(s.tls), 0);
		/* One direction is closed; the other is not. */
		assert_int_equal(tls_write(s.tls, "!", 1), 0);
		settle(&c, &s, pieces[i]);
		assert_string_equal(buf_str(&c.plain), "answer!");
		assert_int_equal(tls_eof(c.tls), -ECONNRESET);
		assert_true(tls_held(s.tls) >= TLS_SESSION_COST);
		end_close(&s);
		end_close(&c);
	}
}

static void test_much(void **state)
{
	enum { MUCH = 1000003 };
	AUTO(util_free) uint8_t *data = malloc(MUCH);
	struct end s, c;

	for (size_t i = 0; i < MUCH; i++)
		data[i] = (uint8_t)(i * 2654435761U >> 24);
	pair_open(&s, &c, true);
	settle(&c, &s, PIECES);
	for (int i = 0; i < 4; i++)
		assert_int_equal(tls_write(c.tls, data, MUCH), 0);
	/* Nothing of it is taken once too much waits. */
	assert_int_equal(tls_write(c.tls, data, MUCH), -ENOBUFS);
	settle(&c, &s, 70000);
	assert_int_equal(s.plain.len, 4 * MUCH);
	assert_memory_equal(s.plain.data + 3 * MUCH, data, MUCH);
	assert_int_equal(tls_write(c.tls, data, MUCH), 0);
	settle(&c, &s, PIECES);
	assert_int_equal(s.plain.len, 5 * MUCH);
	assert_int_equal(s.result, 0);
	end_close(&s);
	end_close(&c);
}

/* ---- who may talk to whom ---- */

static void test_client_certificates(void **state)
{
	static const struct {
		const char *pair, *peer, *why;
	} cases[] = {
		{"client", "alice?of?us", ""},
		{"nameless", "laptop.test", ""},
		{"stranger", "",
			"the peer's certificate was refused: unable to get local issuer "
			"certificate"},
		{NULL, "", "peer did not return a certificate"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct end s, c;

		end_open(&s, false, "server", "ca.pem", NULL, false);
		end_open(&c, true, cases[i].pair, "ca.pem", "worker.test", false);
		settle(&c, &s, PIECES);
		assert_string_equal(tls_reason(s.tls), cases[i].why);
		assert_int_equal(s.result, *cases[i].why ? -EPROTO : 0);
		assert_int_equal(tls_ready(s.tls), !*cases[i].why);
		assert_string_equal(tls_peer(s.tls), cases[i].peer);
		/* The client hears of it, and an error stays. */
		assert_int_equal(c.result, *cases[i].why ? -EPROTO : 0);
		if (*cases[i].why) {
			assert_int_equal(tls_feed(s.tls, "x", 1, &s.plain), -EPROTO);
			assert_int_equal(tls_write(s.tls, "x", 1), -EPIPE);
			assert_int_equal(s.plain.len, 0);
		}
		end_close(&s);
		end_close(&c);
	}
}

static void test_server_certificates(void **state)
{
	static const struct {
		const char *pair, *trust, *name;
		bool ok;
	} cases[] = {
		{"server", "ca.pem", "worker.test", true},
		{"server", "ca.pem", "other.test", false},
		{"server", "ca.pem", "10.9.8.7", false},
		{"numbered", "ca.pem", "10.9.8.7", true},
		{"numbered", "ca.pem", "10.9.8.6", false},
		{"server", "other-ca.pem", "worker.test", false},
		{"stranger", "ca.pem", "worker.test", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct end s, c;

		end_open(&s, false, cases[i].pair, NULL, NULL, false);
		end_open(&c, true, NULL, cases[i].trust, cases[i].name, false);
		settle(&c, &s, PIECES);
		assert_int_equal(tls_ready(c.tls), cases[i].ok);
		assert_int_equal(c.result, cases[i].ok ? 0 : -EPROTO);
		assert_int_equal(*tls_reason(c.tls) == '\0', cases[i].ok);
		end_close(&s);
		end_close(&c);
	}
}

static void test_names(void **state)
{
	struct tls_files files = {.ca = in_dir("ca.pem")};
	struct tls_context *c;
	char *why = NULL, longest[2 * TLS_NAME_MAX];
	struct tls *t;

	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(tls_client(&files, &c, &why), 0);
	assert_int_equal(tls_new(c, NULL, &t), -EINVAL);
	assert_int_equal(tls_new(c, "", &t), -EINVAL);
	assert_int_equal(tls_new(c, longest, &t), -EINVAL);
	tls_context_free(c);
	files.ca = NULL;
	assert_int_equal(tls_client(&files, &c, &why), 0);
	tls_context_free(c);
}

/* ---- peers that are not ours ---- */

struct raw {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out;
};

static void raw_open(struct raw *w, bool client, const char *alpn, int version)
{
	w->ctx = SSL_CTX_new(client ? TLS_client_method() : TLS_server_method());
	assert_non_null(w->ctx);
	SSL_CTX_set_min_proto_version(w->ctx, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(w->ctx, version);
	if (!client) {
		SSL_CTX_use_certificate(w->ctx, server_cert.cert);
		SSL_CTX_use_PrivateKey(w->ctx, server_cert.key);
	}
	w->ssl = SSL_new(w->ctx);
	w->in = BIO_new(BIO_s_mem());
	w->out = BIO_new(BIO_s_mem());
	SSL_set_bio(w->ssl, w->in, w->out);
	if (alpn)
		SSL_set_alpn_protos(w->ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn));
	if (client)
		SSL_set_connect_state(w->ssl);
	else
		SSL_set_accept_state(w->ssl);
}

static void raw_close(struct raw *w)
{
	SSL_free(w->ssl);
	SSL_CTX_free(w->ctx);
}

static bool raw_carry(struct raw *w, struct end *e)
{
	char data[4096];
	const void *out;
	size_t n;
	int got = BIO_read(w->out, data, sizeof(data));

	if (got > 0)
		e->result = tls_feed(e->tls, data, (size_t)got, &e->plain);
	tls_output(e->tls, &out, &n);
	if (n > 0)
		BIO_write(w->in, out, (int)n);
	tls_consumed(e->tls, n);
	return got > 0 || n > 0;
}

static void raw_settle(struct raw *w, struct end *e)
{
	do
		SSL_do_handshake(w->ssl);
	while (raw_carry(w, e));
}

static void test_alpn(void **state)
{
	static const struct {
		const char *offer;
		bool http1;
		enum tls_protocol protocol;
		const char *why;
	} cases[] = {
		{"\x02h2", false, TLS_PROTOCOL_H2, ""},
		{"\x08http/1.1\x02h2", false, TLS_PROTOCOL_H2, ""},
		{"\x08http/1.1\x02h2", true, TLS_PROTOCOL_H2, ""},
		{"\x08http/1.1", true, TLS_PROTOCOL_HTTP1, ""},
		{"\x08http/1.1", false, TLS_PROTOCOL_NONE, "no application protocol"},
		{"\x03"
		 "foo\x02h3",
			true, TLS_PROTOCOL_NONE, "no application protocol"},
		{NULL, false, TLS_PROTOCOL_NONE, ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct end s;
		struct raw w;

		end_open(&s, false, "server", NULL, NULL, cases[i].http1);
		raw_open(&w, true, cases[i].offer, TLS1_3_VERSION);
		raw_settle(&w, &s);
		assert_string_equal(tls_reason(s.tls), cases[i].why);
		assert_int_equal(tls_ready(s.tls), !*cases[i].why);
		if (tls_ready(s.tls))
			assert_int_equal(tls_protocol(s.tls), cases[i].protocol);
		raw_close(&w);
		end_close(&s);
	}
}

static void test_old_versions(void **state)
{
	static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION};

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct end s, c;
		struct raw w;

		end_open(&s, false, "server", NULL, NULL, false);
		raw_open(&w, true, "\x02h2", versions[i]);
		SSL_set_security_level(w.ssl, 0);
		raw_settle(&w, &s);
		assert_int_equal(s.result, -EPROTO);
		assert_string_equal(tls_reason(s.tls), "unsupported protocol");
		raw_close(&w);
		end_close(&s);

		end_open(&c, true, NULL, "ca.pem", "worker.test", false);
		raw_open(&w, false, NULL, versions[i]);
		raw_settle(&w, &c);
		assert_int_equal(c.result, -EPROTO);
		raw_close(&w);
		end_close(&c);
	}
}

/* TLS 1.2 as HTTP/2 wants it, and not with what else it has. */
static void test_version_1_2(void **state)
{
	static const struct {
		const char *ciphers;
		bool good;
	} cases[] = {{"ECDHE+AESGCM", true}, {"ECDHE+CHACHA20", true}, {"ECDHE+AES+SHA", false},
		{"kRSA", false}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct end s;
		struct raw w;

		end_open(&s, false, "server", NULL, NULL, false);
		raw_open(&w, true, "\x02h2", TLS1_2_VERSION);
		assert_int_equal(SSL_set_cipher_list(w.ssl, cases[i].ciphers), 1);
		raw_settle(&w, &s);
		assert_int_equal(tls_ready(s.tls), cases[i].good);
		if (cases[i].good) {
			assert_int_equal(tls_protocol(s.tls), TLS_PROTOCOL_H2);
			/* It is not begun anew. */
			SSL_renegotiate(w.ssl);
			SSL_do_handshake(w.ssl);
			raw_settle(&w, &s);
			assert_true(SSL_renegotiate_pending(w.ssl));
		} else {
			assert_int_equal(s.result, -EPROTO);
			assert_string_equal(tls_reason(s.tls), "no shared cipher");
		}
		raw_close(&w);
		end_close(&s);
	}
}

static void test_server_without_h2(void **state)
{
	struct end c;
	struct raw w;

	end_open(&c, true, NULL, "ca.pem", "worker.test", false);
	raw_open(&w, false, NULL, TLS1_3_VERSION);
	raw_settle(&w, &c);
	assert_int_equal(c.result, -EPROTO);
	assert_string_equal(
		tls_reason(c.tls), "the server did not choose h2: it does not speak gRPC");
	assert_false(tls_ready(c.tls));
	raw_close(&w);
	end_close(&c);
}

/* A peer that has us answer and does not read is ended at the limit. */
static void test_key_update_flood(void **state)
{
	static const size_t pieces[] = {1 << 20, 1 << 10, 1};
	AUTO(util_free) char *data = calloc(1, pieces[0]);
	struct end s;
	struct raw w;

	end_open(&s, false, "server", NULL, NULL, false);
	raw_open(&w, true, "\x02h2", TLS1_3_VERSION);
	raw_settle(&w, &s);
	assert_true(tls_ready(s.tls));
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		while (tls_write(s.tls, data, pieces[i]) == 0) {
		}
	assert_int_equal(tls_write(s.tls, data, 1), -ENOBUFS);
	for (int i = 0; i < 100 && s.result == 0; i++) {
		int n;

		SSL_key_update(w.ssl, SSL_KEY_UPDATE_REQUESTED);
		/* The update goes out with the next byte. */
		assert_int_equal(SSL_write(w.ssl, data, 1), 1);
		while ((n = BIO_read(w.out, data, 1 << 10)) > 0)
			s.result = tls_feed(s.tls, data, (size_t)n, &s.plain);
	}
	assert_int_equal(s.result, -ENOBUFS);
	assert_string_equal(tls_reason(s.tls), "the peer does not read what we answer");
	assert_true(tls_held(s.tls) <= TLS_SESSION_COST + 2 * TLS_OUTPUT_MAX);
	raw_close(&w);
	end_close(&s);
}

static void test_rubbish(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} cases[] = {
		{"GET / HTTP/1.1\r\n\r\n", 18},
		{"\x16\x03\x01\xff\xff\x01", 6},             /* a record longer than any */
		{"\x16\x03\x01\x00\x04\x01\xff\xff\xff", 9}, /* a hello of 16 MiB */
		{"\x15\x03\x01\x00\x02\x02\x28", 7},         /* an alert at once */
		{"\x17\x03\x03\x00\x01\x00", 6},             /* data before the handshake */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct end s;

		end_open(&s, false, "server", NULL, NULL, false);
		s.result = tls_feed(s.tls, cases[i].text, cases[i].n, &s.plain);
		if (s.result != -EPROTO)
			fail_msg("case %zu: %d", i, s.result);
		assert_true(*tls_reason(s.tls));
		assert_int_equal(s.plain.len, 0);
		tls_close(s.tls);
		end_close(&s);
	}
}

/* One bit of each record in turn. */
static void test_altered(void **state)
{
	for (size_t at = 0; at < 40; at++) {
		struct end s, c;
		uint8_t copy[64];
		const void *data;
		size_t n;

		pair_open(&s, &c, false);
		settle(&c, &s, PIECES);
		assert_int_equal(tls_write(c.tls, "not to be changed", 17), 0);
		tls_output(c.tls, &data, &n);
		assert_int_equal(n, 17 + 22);
		memcpy(copy, data, n);
		copy[at % n] ^= 1 << at % 8;
		s.result = tls_feed(s.tls, copy, n, &s.plain);
		/* A longer record is waited for; all else is seen at once. */
		assert_int_equal(s.plain.len, 0);
		assert_true(s.result == -EPROTO || at == 3 || at == 4);
		end_close(&s);
		end_close(&c);
	}
}

/* ---- files ---- */

static void check_files(const struct tls_files *f, bool client, const char *name, const char *want)
{
	AUTO(util_free) char *why = NULL;
	AUTO(util_free) char *expected = NULL;
	struct tls_context *c = NULL;
	int r = client ? tls_client(f, &c, &why) : tls_server(f, false, &c, &why);

	assert_int_equal(r, TLS_BAD_FILES);
	assert_null(c);
	assert_non_null(why);
	assert_true(asprintf(&expected, "%s: %s", in_dir(name), want) > 0);
	if (strncmp(why, expected, strlen(expected)) != 0)
		fail_msg("\"%s\", expected \"%s\"", why, expected);
	assert_null(strchr(why, '\n'));
}

static void test_bad_files(void **state)
{
	static const struct {
		const char *cert, *key, *ca, *name, *why;
	} cases[] = {
		{"none.pem", "server.key", NULL, "none.pem", "No such file or directory"},
		{"server.pem", "none.key", NULL, "none.key", "No such file or directory"},
		{"server.pem", "server.key", "none.ca", "none.ca", "No such file or directory"},
		{"", "server.key", NULL, "", "not a regular file"},
		{"server.key", "server.key", NULL, "server.key", "there is no certificate in it"},
		{"server.pem", "server.pem", NULL, "server.pem", "others can get at this private"},
		{"server.pem", "empty", NULL, "empty", "there is no private key in it"},
		{"server.pem", "client.key", NULL, "client.key", "this is not the key of the"},
		{"server.pem", "locked.key", NULL, "locked.key", "the key has a passphrase"},
		{"server.pem", "open.key", NULL, "open.key", "others can get at this private key"},
		{"broken.pem", "server.key", NULL, "broken.pem", "certificate 1 in it is damaged"},
		{"server.pem", "server.key", "broken.pem", "broken.pem", "certificate 1 in it is"},
		{"server.pem", "server.key", "empty", "empty", "there is no CA certificate in it"},
		{"late.pem", "late.key", NULL, "late.pem", "the certificate ended on 2"},
		{"early.pem", "early.key", NULL, "early.pem", "the certificate begins on 2"},
	};

	write_text("empty", "", 0600);
	write_text("broken.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
		0600);
	certs_write_key(&server_cert, in_dir("open.key"), NULL);
	assert_int_equal(chmod(in_dir("open.key"), 0604), 0);
	assert_int_equal(chmod(in_dir("server.pem"), 0644), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tls_files f = {.cert = in_dir(cases[i].cert),
			.key = in_dir(cases[i].key),
			.ca = cases[i].ca ? in_dir(cases[i].ca) : NULL};

		check_files(&f, false, cases[i].name, cases[i].why);
		check_files(&f, true, cases[i].name, cases[i].why);
	}
}

/* Our certificate, then one between it and the root. */
static void test_chain(void **state)
{
	struct end s, c;

	certs_write_cert(&server_cert, in_dir("chain.pem"), false);
	certs_write_cert(&ca, in_dir("chain.pem"), true);
	certs_write_key(&server_cert, in_dir("chain.key"), NULL);
	end_open(&s, false, "chain", NULL, NULL, false);
	end_open(&c, true, NULL, "ca.pem", "worker.test", false);
	settle(&c, &s, PIECES);
	assert_true(tls_ready(c.tls));
	end_close(&s);
	end_close(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talk),
		cmocka_unit_test(test_much),
		cmocka_unit_test(test_client_certificates),
		cmocka_unit_test(test_server_certificates),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_alpn),
		cmocka_unit_test(test_old_versions),
		cmocka_unit_test(test_version_1_2),
		cmocka_unit_test(test_server_without_h2),
		cmocka_unit_test(test_key_update_flood),
		cmocka_unit_test(test_rubbish),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_chain),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
