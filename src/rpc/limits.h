/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What a peer may make a session hold or do. Each limit names the attack, or the mistake, that it
 * stops. Those that an owner may choose are defaults of struct rpc_limits; the rest are fixed.
 */
enum {
	/* --- memory --- */

	/* One message, as gRPC everywhere: 4 MiB, and room for what wraps a 4 MiB payload. */
	RPC_MESSAGE_MAX = (4 << 20) + (64 << 10),
	/*
	 * Messages under way on one session, all calls together, by their announced lengths: a peer
	 * that starts a large message on each of a thousand streams. What is over it waits, and flow
	 * control stops its stream. Messages up to RPC_MESSAGE_SMALL do not wait.
	 */
	RPC_INBOUND_MAX = 64 << 20,
	RPC_MESSAGE_SMALL = 16 << 10,
	/*
	 * What a stream may send before we say more. It starts small, so that a thousand streams
	 * whose handlers do not read hold 64 MiB at most, and grows for those that move data, at
	 * most RPC_LARGE_STREAMS of them at once (upload of 1 MiB for each round trip).
	 */
	RPC_STREAM_WINDOW = 64 << 10,
	/* Of a client's: it has the streams that it made itself, and most objects fit. */
	RPC_STREAM_WINDOW_CLIENT = 512 << 10,
	RPC_STREAM_WINDOW_LARGE = 1 << 20,
	RPC_LARGE_STREAMS = 32,
	/* Credit for the whole connection is given back as bytes come: the streams' windows bound. */
	RPC_CONNECTION_WINDOW = 16 << 20,
	/* A slow reader: what one call, and all of a session, may queue before senders must wait. */
	RPC_CALL_QUEUE = 1 << 20,
	RPC_SESSION_QUEUE = 16 << 20,
	/* One piece of output, unless a single frame is larger. */
	RPC_OUTPUT_MAX = 256 << 10,
	/* Header bombs: names, values and 32 bytes for each, as SETTINGS_MAX_HEADER_LIST_SIZE. */
	RPC_HEADER_LIST_MAX = 16 << 10,
	RPC_FIELDS_LIST_MAX = 128, /* fields of one list */
	/* CONTINUATION flood: frames of one header block; RPC_HEADER_LIST_MAX fits into the first. */
	RPC_CONTINUATIONS_MAX = 4,
	/* A peer that never reads: control frames (acknowledgements, resets) we queue for it. */
	RPC_OUTBOUND_FRAMES_MAX = 4096,
	RPC_OUTBOUND_ACKS_MAX = 512,
	/* Entries of one SETTINGS frame. */
	RPC_SETTINGS_ENTRIES_MAX = 32,
	/*
	 * What we send with a status: its text as percent-encoded, and what grpc-status-details-bin
	 * holds. Together they stay below the 8 KiB of header fields that gRPC's own stacks accept.
	 */
	RPC_STATUS_MESSAGE_MAX = 1 << 10,
	RPC_STATUS_DETAILS_MAX = 5 << 10,

	/* --- streams --- */

	RPC_STREAMS_MAX = 1024, /* calls of one peer at once */
	/* Client: calls started and not ended; those over the server's limit wait in line. */
	RPC_CLIENT_CALLS_MAX = 16384,

	/* --- rates: so many at once, then so many a second; over it the session is closed --- */

	/* Rapid reset (CVE-2023-44487): streams opened and reset, which work is started for. */
	RPC_RESETS_BURST = 2000, /* also those that a peer makes us send, by a wrong frame */
	RPC_RESETS_PER_S = 200,
	/* PING flood; gRPC stacks measure bandwidth by PING, so ordinary peers send many. */
	RPC_PINGS_BURST = 2000,
	RPC_PINGS_PER_S = 1000,
	RPC_SETTINGS_BURST = 100,
	RPC_SETTINGS_PER_S = 10,
	/* DATA without a byte (CVE-2019-9518). */
	RPC_EMPTY_DATA_BURST = 1000,
	RPC_EMPTY_DATA_PER_S = 100,
	/* Frames that cost little: WINDOW_UPDATE, PRIORITY, resets of what is over. */
	RPC_CHEAP_BURST = 100000,
	RPC_CHEAP_PER_S = 50000,

	/* --- time, in ms --- */

	/* Slow-loris: until the peer's SETTINGS have come, and for one header block. */
	RPC_HANDSHAKE_MS = 10000,
	RPC_HEADER_BLOCK_MS = 10000,
	/* Nothing came for so long while calls are under way (server: at all): a PING is sent. */
	RPC_KEEPALIVE_MS = 60000,
	/* … and nothing came for so long after it: the peer is gone. */
	RPC_KEEPALIVE_TIMEOUT_MS = 20000,
	/* Drain: the final GOAWAY goes after a round trip, or after this. */
	RPC_DRAIN_NOTICE_MS = 1000,
	/* A peer that does not read the farewell: it is given up after this. */
	RPC_LINGER_MS = 2000,
};
