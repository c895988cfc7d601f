/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reapi/status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "reapi/message.h"
#include "reapi/path.h"
#include "reapi/resource.h"

static const char url_prefix[] = "type.googleapis.com/";
static const char missing_type[] = "MISSING";

enum {
	URL_MAX = 256,
	SUBJECT_SIZE = 6 + REAPI_HASH_HEX + 1 + 20 + 1, /* "blobs/HASH/SIZE" and a NUL */
	CODE_MAX = 16,
};

pb_any *reapi_any_new(struct reapi_arena *a, const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	pb_any *any = reapi_arena_alloc(a, sizeof(*any));
	uint8_t *bytes = reapi_arena_alloc(a, n);
	char url[URL_MAX];
	int len = snprintf(url, sizeof(url), "%s%s", url_prefix, m->descriptor->name);

	if (!any || !bytes || len < 0 || len >= URL_MAX)
		return NULL;
	protobuf_c_message_pack(m, bytes);
	*any = (pb_any)PB_INIT(ANY);
	any->type_url = reapi_arena_strndup(a, url, (size_t)len);
	any->value = (ProtobufCBinaryData){.len = n, .data = bytes};
	return any->type_url ? any : NULL;
}

bool reapi_any_is(const pb_any *any, const ProtobufCMessageDescriptor *type)
{
	const char *slash = strrchr(any->type_url, '/');

	return slash && str_eq(slash + 1, type->name);
}

int reapi_any_unpack(struct reapi_arena *a, const pb_any *any,
	const ProtobufCMessageDescriptor *type, void *ret_message, struct reapi_violation *v)
{
	if (!any)
		return reapi_violate(v, REAPI_INVALID, "there is no %s", type->short_name);
	if (!reapi_any_is(any, type))
		return reapi_violate(v, REAPI_INVALID, "there is a %.128s instead of a %s",
			any->type_url, type->short_name);
	return reapi_unpack(a, type, any->value.data, any->value.len, ret_message, v);
}

static char *text_of(struct reapi_arena *a, const char *text)
{
	size_t n = strlen(text);
	char *copy = reapi_arena_strndup(a, text, n);

	if (!copy || reapi_text_valid(copy, n))
		return copy;
	for (char *p = copy; *p; p++)
		if (*p & (char)0x80)
			*p = '?';
	return copy;
}

gr_status *reapi_status_new(struct reapi_arena *a, int code, const char *text)
{
	gr_status *s = reapi_arena_alloc(a, sizeof(*s));

	if (!s)
		return NULL;
	*s = (gr_status)GR_INIT(STATUS);
	s->code = code;
	s->message = text_of(a, text);
	return s->message ? s : NULL;
}

static bool add_detail(struct reapi_arena *a, gr_status *s, const ProtobufCMessage *m)
{
	pb_any **details = reapi_arena_calloc(a, s->n_details + 1, sizeof(*details));
	pb_any *any = reapi_any_new(a, m);

	if (!details || !any)
		return false;
	if (s->n_details > 0)
		memcpy(details, s->details, s->n_details * sizeof(*details));
	details[s->n_details++] = any;
	s->details = details;
	return true;
}

static gr_precondition_failure_violation *missing_new(
	struct reapi_arena *a, const struct reapi_digest *d)
{
	gr_precondition_failure_violation *m = reapi_arena_alloc(a, sizeof(*m));
	char *subject = reapi_arena_alloc(a, SUBJECT_SIZE);
	char hex[REAPI_HASH_HEX + 1];

	if (!m || !subject)
		return NULL;
	reapi_digest_hex(d, hex);
	snprintf(subject, SUBJECT_SIZE, "blobs/%s/%" PRIu64, hex, d->size);
	*m = (gr_precondition_failure_violation)GR_INIT(PRECONDITION_FAILURE__VIOLATION);
	m->type = (char *)missing_type;
	m->subject = subject;
	return m;
}

gr_status *reapi_status_new_missing(
	struct reapi_arena *a, const struct reapi_digest *missing, size_t n)
{
	gr_precondition_failure failure = GR_INIT(PRECONDITION_FAILURE);
	size_t named = MIN(n, (size_t)REAPI_STATUS_MISSING_MAX);
	char text[128], hex[REAPI_HASH_HEX + 1];
	gr_status *s;

	failure.violations = reapi_arena_calloc(a, named, sizeof(*failure.violations));
	if (!failure.violations)
		return NULL;
	for (size_t i = 0; i < named; i++) {
		failure.violations[i] = missing_new(a, &missing[i]);
		if (!failure.violations[i])
			return NULL;
	}
	failure.n_violations = named;
	if (n == 1) {
		reapi_digest_hex(&missing[0], hex);
		snprintf(
			text, sizeof(text), "blob %s/%" PRIu64 " is missing", hex, missing[0].size);
	} else {
		snprintf(text, sizeof(text), "%zu blobs are missing", n);
	}
	s = reapi_status_new(a, GR_ENUM(CODE__FAILED_PRECONDITION), text);
	return s && add_detail(a, s, &failure.base) ? s : NULL;
}

bool reapi_status_add_retry(struct reapi_arena *a, gr_status *s, uint64_t delay_ms)
{
	pb_duration delay = PB_INIT(DURATION);
	gr_retry_info retry = GR_INIT(RETRY_INFO);

	delay.seconds = (int64_t)(delay_ms / 1000);
	delay.nanos = (int32_t)(delay_ms % 1000) * 1000000;
	retry.retry_delay = &delay;
	return add_detail(a, s, &retry.base);
}

int reapi_status_code(enum reapi_outcome outcome)
{
	switch (outcome) {
	case REAPI_TOO_BIG:
		return GR_ENUM(CODE__RESOURCE_EXHAUSTED);
	case REAPI_MISSING:
		return GR_ENUM(CODE__FAILED_PRECONDITION);
	default:
		return GR_ENUM(CODE__INVALID_ARGUMENT);
	}
}

/* "blobs/HASH/SIZE", with an instance name in front or not. */
static void take_missing(
	const gr_precondition_failure *failure, struct reapi_arena *a, struct reapi_status *s)
{
	struct reapi_digest *missing =
		reapi_arena_calloc(a, failure->n_violations, sizeof(*missing));
	size_t n = 0;

	if (!missing)
		return;
	for (size_t i = 0; i < failure->n_violations; i++) {
		struct reapi_resource r;

		if (str_eq(failure->violations[i]->type, missing_type) &&
			reapi_resource_parse(failure->violations[i]->subject, REAPI_RESOURCE_READ,
				&r, NULL) == 0)
			missing[n++] = r.digest;
	}
	s->missing = missing;
	s->n_missing = n;
}

static void take_retry(const gr_retry_info *retry, struct reapi_status *s)
{
	const pb_duration *d = retry->retry_delay;
	uint64_t ms;

	if (!d || d->seconds < 0 || d->nanos < 0 || d->nanos > 999999999)
		return;
	if (__builtin_mul_overflow((uint64_t)d->seconds, 1000, &ms))
		return;
	s->has_retry = true;
	s->retry_ms = ms + (uint64_t)d->nanos / 1000000;
}

static void take_detail(const pb_any *any, struct reapi_arena *a, struct reapi_status *s)
{
	gr_precondition_failure *failure;
	gr_retry_info *retry;

	if (!s->missing &&
		reapi_any_unpack(a, any, GR_TYPE(precondition_failure), &failure, NULL) == 0)
		take_missing(failure, a, s);
	else if (reapi_any_unpack(a, any, GR_TYPE(retry_info), &retry, NULL) == 0)
		take_retry(retry, s);
}

int reapi_status_read(struct reapi_arena *a, const gr_status *s, struct reapi_status *ret,
	struct reapi_violation *v)
{
	struct reapi_status status = {.code = s->code};

	if (s->code < 0 || s->code > CODE_MAX)
		status.code = GR_ENUM(CODE__UNKNOWN);
	status.text = reapi_arena_strndup(a, s->message, strlen(s->message));
	for (size_t i = 0; i < s->n_details; i++)
		take_detail(s->details[i], a, &status);
	if (a->no_memory)
		return -ENOMEM;
	if (a->exhausted)
		return reapi_violate(v, REAPI_TOO_BIG, "the status is too big");
	*ret = status;
	return 0;
}

int reapi_status_parse(struct reapi_arena *a, const void *data, size_t n, struct reapi_status *ret,
	struct reapi_violation *v)
{
	gr_status *s;
	int r;

	if (n > REAPI_STATUS_BYTES_MAX)
		return reapi_violate(v, REAPI_TOO_BIG, "a status of %zu bytes is too big", n);
	r = reapi_unpack(a, GR_TYPE(status), data, n, &s, v);
	return r == 0 ? reapi_status_read(a, s, ret, v) : r;
}
