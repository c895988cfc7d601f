/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <uv.h>

enum { PEER_LINKS_MAX = 1024 };

int peer_serve(uv_loop_t *loop);
int peer_call(uv_loop_t *loop, int argc, char **argv);
