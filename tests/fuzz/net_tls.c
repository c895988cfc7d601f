/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A TLS server, and a client of ours that helps the fuzzer past the cryptography: the input is a
 * list of steps, each a byte and what it takes, by which bytes of the fuzzer's reach the server,
 * and the client's reach it in pieces, altered or not. What the server gives as plaintext is what
 * the client wrote, or nothing: an altered byte never becomes another.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../unit/net/certs.h"
#include "net/tls.h"

enum { WRITE_MAX = 255, STEPS_MAX = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tls_context *server_context, *client_context;

/* A file that has no place. */
static const char *make_file(char path[64])
{
	int fd = memfd_create("pem", MFD_CLOEXEC);

	if (fd < 0 || fchmod(fd, 0600) < 0)
		abort();
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return path;
}

static void make_contexts(void)
{
	struct certs ca = certs_make(&(struct certs_spec){.name = "ca"});
	struct certs one =
		certs_make(&(struct certs_spec){.name = "s", .dns = "s.test", .issuer = &ca});
	char ca_path[64], cert_path[64], key_path[64];
	struct tls_files files = {
		.cert = make_file(cert_path), .key = make_file(key_path), .ca = make_file(ca_path)};
	char *why = NULL;

	certs_write_cert(&ca, ca_path, false);
	certs_write_cert(&one, cert_path, false);
	certs_write_key(&one, key_path, NULL);
	if (tls_server(&files, true, &server_context, &why) != 0 ||
		tls_client(&files, &client_context, &why) != 0)
		abort();
	certs_fini(&ca);
	certs_fini(&one);
}

struct state {
	struct tls *server, *client;
	struct buf said, heard, ignored;
	int result;
	bool forged; /* bytes that are not the client's reached the server */
};

/* Up to n bytes of from's output; alter: the place of a bit to change, or -1. */
static void carry(struct state *s, bool to_server, size_t n, int alter)
{
	struct tls *from = to_server ? s->client : s->server;
	struct tls *to = to_server ? s->server : s->client;
	const void *out;
	size_t have;
	uint8_t *copy;
	int r;

	tls_output(from, &out, &have);
	have = n < have ? n : have;
	if (have == 0)
		return;
	copy = malloc(have);
	if (!copy)
		abort();
	memcpy(copy, out, have);
	tls_consumed(from, have);
	if (alter >= 0)
		copy[(size_t)alter / 8 % have] ^= (uint8_t)(1 << alter % 8);
	r = tls_feed(to, copy, have, to_server ? &s->heard : &s->ignored);
	if (to_server) {
		s->result = r;
		s->forged |= alter >= 0;
	}
	free(copy);
}

static void check(const struct state *s)
{
	if (s->heard.len > s->said.len ||
		(s->heard.len > 0 && memcmp(s->heard.data, s->said.data, s->heard.len) != 0))
		abort();
	if (s->result == -EPROTO && !*tls_reason(s->server))
		abort();
	if (!s->forged && s->result != 0 && s->result != TLS_CLOSED)
		abort();
}

/* One step; the bytes of the input it took. */
static size_t step(struct state *s, const uint8_t *data, size_t size)
{
	size_t n = size > 1 ? data[1] : 0;
	int alter = size > 2 ? data[2] : 0;

	switch (data[0] % 8) {
	case 0:
	case 1:
		n = n < size - (size > 1 ? 2 : 1) ? n : size - (size > 1 ? 2 : 1);
		s->forged |= n > 0;
		s->result = tls_feed(s->server, data + (size > 1 ? 2 : 1), n, &s->heard);
		return 2 + n;
	case 2:
		carry(s, true, n * 16 + 1, -1);
		return 2;
	case 3:
		carry(s, false, n * 16 + 1, -1);
		return 2;
	case 4:
		carry(s, true, n + 1, alter);
		return 3;
	case 5:
		if (tls_write(s->client, data, size < WRITE_MAX ? size : WRITE_MAX) == 0 &&
			buf_append(&s->said, data, size < WRITE_MAX ? size : WRITE_MAX) < 0)
			abort();
		return 1;
	case 6:
		if (tls_write(s->server, data, size) == -EINVAL)
			abort();
		return 1;
	default:
		tls_close(n % 2 ? s->client : s->server);
		return 2;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state s = {0};

	if (!server_context)
		make_contexts();
	if (tls_new(server_context, NULL, &s.server) < 0 ||
		tls_new(client_context, "s.test", &s.client) < 0)
		abort();
	for (int i = 0; i < STEPS_MAX && size > 0; i++) {
		size_t n = step(&s, data, size);

		check(&s);
		n = n < size ? n : size;
		data += n;
		size -= n;
	}
	tls_free(s.server);
	tls_free(s.client);
	buf_fini(&s.said);
	buf_fini(&s.heard);
	buf_fini(&s.ignored);
	return 0;
}
