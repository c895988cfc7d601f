/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "reapi/tree.h"

/*
 * The bytes of a Directory, written without going through messages: a tree has one of these for
 * each directory, and that is most of what making it costs. Private to reapi/.
 */

enum encode_kind { /* the numbers of Directory's fields */
	ENCODE_FILE = 1,
	ENCODE_DIRECTORY = 2,
	ENCODE_SYMLINK = 3,
};

struct encode_node {
	enum encode_kind kind;
	bool executable;
	size_t name_len;
	size_t target_len;
	const char *name;
	const char *target;         /* symlink */
	struct reapi_digest digest; /* file, directory */
	struct reapi_props props;   /* not of a directory: its own message has them */
};

/* Append one child, tag and length included. Children go in the order of kinds, then names. */
int reapi_encode_node(const struct encode_node *node, struct buf *ret) MUST_CHECK;

/* Append what a directory says of itself, behind its children; nothing for no props. */
int reapi_encode_directory_props(const struct reapi_props *props, struct buf *ret) MUST_CHECK;

/* Append a field of a message that is there as bytes. number: below 16. */
int reapi_encode_bytes(unsigned number, const void *data, size_t n, struct buf *ret) MUST_CHECK;
