/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * How many processors this process may keep busy: those its affinity mask names, or fewer where
 * the cgroup it lives in (v2 cpu.max, at any level above it) grants less time; at least 1.
 */
unsigned cpus_usable(void);
