/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"

/*
 * What a launcher and its agent say to each other, over a Unix stream socket on one machine.
 *
 * The launcher sends one request; the agent sends one reply when there is something to do or to
 * tell. The open connection is a lease: while it is open the agent's work for it goes on, and
 * after IPC_REPLY_LOCAL it is the local slot itself. The launcher keeps it open across exec, so
 * it closes when the compiler and everything the compiler started has ended.
 *
 * Numbers are in the machine's own order. A request is a header, then NUL-terminated strings:
 * the version of the launcher, its working directory, the compiler's path, argv, environment.
 */

enum {
	IPC_MAGIC = 0x31434344,  /* "DCC1": changes whenever the layout does */
	IPC_BODY_MAX = 64 << 20, /* the kernel allows argv and environment together far less */
	IPC_STRINGS_MAX = 1 << 20,
	IPC_REPLY_MAX = 1 << 30,
};

enum ipc_request_type {
	IPC_RUN = 1, /* a compiler command */
	IPC_JOBS,    /* text: one line per job */
	IPC_STATS,   /* text: one line per host */
	IPC_PID,     /* text: the agent's process id */
	IPC_STOP,    /* no reply; the connection closes when the agent has ended */
};

enum ipc_flag {
	IPC_STDERR_TTY = 1 << 0, /* the compiler would find a colour terminal there */
	IPC_EXPLAIN = 1 << 1,    /* say in one line where it ran and why */
	IPC_STORY = 1 << 2,      /* and the whole story of it */
	IPC_TERMINAL = 1 << 3,   /* stderr is a terminal, of whatever kind */
};

struct ipc_request_header {
	uint32_t magic;
	uint32_t body; /* bytes behind the header */
	uint32_t type;
	uint32_t flags;
	uint32_t umask;
	uint32_t n_argv;
	uint32_t n_env;
};

struct ipc_request {
	enum ipc_request_type type;
	unsigned flags;
	unsigned umask;
	const char *version;
	const char *cwd;
	const char *compiler; /* absolute path of what argv[0] means */
	char *const *argv;
	char *const *envp;
};

int ipc_request_write(const struct ipc_request *r, struct buf *ret) MUST_CHECK;

/*
 * The header's lengths checked: 0, or -EBADMSG. After that, header.body bytes are the body.
 */
int ipc_request_header_check(const struct ipc_request_header *h) MUST_CHECK;

/*
 * The strings of *ret point into body (header.body bytes), the arrays are one allocation that
 * ipc_request_fini frees. -EBADMSG: counts and strings do not agree. -ENOMEM.
 */
int ipc_request_parse(
	const struct ipc_request_header *h, char *body, struct ipc_request *ret) MUST_CHECK;
void ipc_request_fini(struct ipc_request *r);

enum ipc_reply_type {
	IPC_REPLY_DONE = 1, /* exit with status; out and err are the compiler's */
	IPC_REPLY_LOCAL,    /* say err, exec the compiler, keeping the connection open */
	IPC_REPLY_RETIRED,  /* another version's agent: start a new one */
};

struct ipc_reply_header {
	uint32_t magic;
	uint32_t type;
	uint32_t status; /* exit code */
	uint32_t log;    /* bytes of log text, then of out, then of err */
	uint32_t out;
	uint32_t err;
};

/* 0, or -EBADMSG: not a reply, or lengths past IPC_REPLY_MAX. */
int ipc_reply_header_check(const struct ipc_reply_header *h) MUST_CHECK;
