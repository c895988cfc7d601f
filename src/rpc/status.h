/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/* The status codes of gRPC, by the standard's numbers, and what other codes mean as one of them. */
enum rpc_status {
	RPC_OK = 0,
	RPC_CANCELLED = 1,
	RPC_UNKNOWN = 2,
	RPC_INVALID_ARGUMENT = 3,
	RPC_DEADLINE_EXCEEDED = 4,
	RPC_NOT_FOUND = 5,
	RPC_ALREADY_EXISTS = 6,
	RPC_PERMISSION_DENIED = 7,
	RPC_RESOURCE_EXHAUSTED = 8,
	RPC_FAILED_PRECONDITION = 9,
	RPC_ABORTED = 10,
	RPC_OUT_OF_RANGE = 11,
	RPC_UNIMPLEMENTED = 12,
	RPC_INTERNAL = 13,
	RPC_UNAVAILABLE = 14,
	RPC_DATA_LOSS = 15,
	RPC_UNAUTHENTICATED = 16,
};

enum { RPC_STATUS_COUNT = 17 };

/* "NOT_FOUND"; "UNKNOWN" for a number that is none. */
const char *rpc_status_name(enum rpc_status status);

/* The text of grpc-status: a number that gRPC does not define, or no number, is RPC_UNKNOWN. */
enum rpc_status rpc_status_parse(const char *text);

/* A response without grpc-status (gRPC's "HTTP to gRPC status code mapping"). */
enum rpc_status rpc_status_of_http(unsigned http_status);

/* A stream that was reset with this HTTP/2 error code, as a client sees it. */
enum rpc_status rpc_status_of_reset(uint32_t error_code);
