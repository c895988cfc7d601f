/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * The Remote Execution part of a running distccd: store, action cache, sandbox and services, from
 * --store on. Without that option each of these does nothing.
 */

struct server;

/* 0, or -errno after a log line that names the directory and what is wrong. */
int remote_open(struct server *s) MUST_CHECK;
/* No new work; what runs for others is ended. Its handles leave the loop in their time. */
void remote_stop(struct server *s);
/* After the loop has ended. */
void remote_close(struct server *s);
