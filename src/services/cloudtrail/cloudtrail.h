/* cloudtrail: what CloudTrail's own files share.
 *
 * The server shows each finished call to the hook in record.c. Management events become rows; data events (objects, items, invocations) only
 * while some trail asks for them. What an operation is, stands in a table made at start. */
#pragma once

#include "jobs/jobs.h"
#include "server/server.h"
#include "services/cloudtrail.gen.h"

extern const Table trail_events;  /* region, account, time, id -> EventRecord */
extern const Table trail_trails;  /* region, account, name -> TrailRecord */

/* https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html */
enum { TRAIL_KEPT_DAYS = 90, TRAIL_EVENTS_MAX = 100000, TRAIL_TRAILS_MAX = 5, TRAIL_PAGE = 50 };

typedef struct Trails Trails;

/* --- event.c --- */

typedef enum { EVENT_MANAGEMENT, EVENT_DATA, EVENT_NONE } EventKind;
EventKind event_kind(const Operation *operation);
gboolean event_reads(const Operation *operation);
/* The row of a call. in, out: or NULL. arena: call's. */
CloudtrailEventRecord *event_make(const Call *call, const void *in, const void *out, const Error *error);
/* The ARN that data event selectors look at; NULL: none. arena. */
const char *event_data_arn(const Call *call, const void *in, const char **ret_type);

/* --- value.c --- */

/* A value as CloudTrail writes it: names begin with a small letter, secrets are hidden, payloads left out. arena. */
Json *event_value(Arena *arena, const Shape *shape, const void *value);

/* --- record.c --- */

Error *record_start(Haar *haar) ERROR_MUST_USE;
void record_stop(Haar *haar);
gboolean record_wants(Haar *haar, const Call *call, const void *in);
void record_call(Haar *haar, const Call *call, const void *in, const void *out, const Error *error, void (*kept)(gpointer data), gpointer data);
/* Reads again what trails ask for. call has a transaction. */
Error *record_selectors(Call *call) ERROR_MUST_USE;
void record_key(const Call *call, gint64 time, const char *id, Key *key);

/* --- trail.c, deliver.c --- */

/* By name or ARN; *ret is NULL if there is none. */
Error *trail_look(Call *call, const char *name, CloudtrailTrailRecord **ret) ERROR_MUST_USE;
Error *trail_put(Call *call, const CloudtrailTrailRecord *trail) ERROR_MUST_USE;
/* Writes bytes to the trail's bucket as CloudTrail. call has no transaction. */
Error *trail_write(Call *call, const CloudtrailTrail *trail, const char *key, const void *data, gsize size) ERROR_MUST_USE;
/* "prefix/AWSLogs/account/CloudTrail/" (arena). */
char *trail_folder(Call *call, const CloudtrailTrail *trail);
/* In a write: the next delivery; due < 0: none any more. */
Error *trail_schedule(Call *call, const CloudtrailTrailRecord *trail, gint64 due) ERROR_MUST_USE;
void trail_register(Haar *haar);
void trail_admin(Haar *haar);
