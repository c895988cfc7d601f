/* SPDX-License-Identifier: GPL-3.0-or-later */

/* rpc-peer serve | rpc-peer call PORT /METHOD [OPTION…]: see serve.c and call.c. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

int main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();
	int r = 2;

	signal(SIGPIPE, SIG_IGN);
	if (argc >= 2 && strcmp(argv[1], "serve") == 0)
		r = peer_serve(loop);
	else if (argc >= 4 && strcmp(argv[1], "call") == 0)
		r = peer_call(loop, argc - 1, argv + 1);
	else
		fprintf(stderr, "usage: rpc-peer serve | rpc-peer call PORT /METHOD [OPTION...]\n");
	uv_loop_close(loop);
	return r;
}
