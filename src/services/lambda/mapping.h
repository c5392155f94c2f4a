/* mapping: event source mappings, among the files that make them. mapping.c keeps the records, mapping_run.c the threads; a source (mapping_queue.c,
 * mapping_stream.c) is a row that says how one turn of polling goes. */
#pragma once

#include "services/lambda/lambda.h"

extern const Table lambda_mappings;  /* region, account, UUID -> MappingRecord */
extern const Table lambda_positions; /* region, account, UUID -> PositionRecord: how far a stream was read */

/* One turn of one thread. A mapping has one or more lanes: threads that read at the same time. */
typedef struct MappingTurn {
  Call *call;                /* without a transaction */
  const LambdaMappingRecord *mapping;
  const Principal *role;     /* the execution role */
  const gboolean *stop;      /* the mapping was changed, or haar ends */
  guint lane, lanes;
} MappingTurn;

/* Event sources: a service, what it needs to be one, and one turn of polling. */
typedef struct MappingSource {
  const char *service;       /* in the ARN */
  const char *words;         /* "SQS" */
  gint64 batch_size, batch_max;
  gboolean stream;           /* has a position, retries of batches, destinations for what is discarded */
  /* The execution role may read it, its settings fit the function's. call has no transaction. */
  Error *(*check)(Call *call, const LambdaEventSourceMappingConfiguration *config, const LambdaFunctionConfiguration *function);
  /* Where reading begins: the last sequence number that is not read, "" for the oldest record. NULL: the source has no positions. arena. */
  Error *(*begin)(Call *call, const LambdaEventSourceMappingConfiguration *config, const Principal *role, const char **ret_after);
  /* How many threads read at the same time. */
  gint64 (*lanes)(const LambdaEventSourceMappingConfiguration *config);
  /* What wakes it: a key of call_pulse. arena. */
  const char *(*pulse)(Call *call, const char *arn);
  /* Takes a batch, runs the function with it, says what is done. *ret_empty: there was nothing. */
  Error *(*turn)(MappingTurn *turn, gboolean *ret_empty);
} MappingSource;
extern const MappingSource mapping_queue, mapping_stream;
/* NULL: haar has no such source. */
const MappingSource *mapping_source(Call *call, const char *arn);

/* An InvalidParameterValueException. */
Error *mapping_wrong(const char *format, ...) G_GNUC_PRINTF(1, 2) ERROR_MUST_USE;
/* Fills in what the source has as defaults, and refuses what does not fit. *ret_role: the execution role. call has no transaction. arena. */
Error *mapping_check(Call *call, LambdaMappingRecord *record, const Principal **ret_role) ERROR_MUST_USE;
/* *ret_denied: the first of these actions (NULL-terminated) that a role may not do on a resource; NULL: it may do all. call has no transaction. */
Error *mapping_permitted(Call *call, const Principal *role, const char *const *actions, const char *resource, const char **ret_denied) ERROR_MUST_USE;

/* --- mapping_run.c --- */

/* What came of an event. */
typedef struct MappingOutcome {
  const Json *answer;        /* what the function answered; NULL: it failed, or did not run */
  gboolean ran;              /* FALSE: throttled, not ready */
  const char *request_id, *version, *function_error;
} MappingOutcome;
/* Runs the mapping's function with an event. Errors are faults. arena. */
Error *mapping_invoke(MappingTurn *turn, const Json *event, MappingOutcome *ret) ERROR_MUST_USE;
/* Whether threads of a former state of the mapping still run an event. */
gboolean mapping_is_changing(Call *call, const char *uuid);

/* --- mapping_filter.c --- */

/* Checks the patterns of a mapping. */
Error *filters_check(Arena *arena, const LambdaFilterCriteria *criteria) ERROR_MUST_USE;
/* Whether a record is wanted: by any of the filters, or there are none. */
gboolean filters_want(Arena *arena, const LambdaFilterCriteria *criteria, const Json *record);
/* The same of a message whose body may be JSON: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html */
gboolean filters_want_message(Arena *arena, const LambdaFilterCriteria *criteria, const Json *record);

/* --- mapping_position.c --- */

/* Where a lane goes on: the sequence number that was done last, "" if none was. arena. */
Error *position_get(MappingTurn *turn, const char **ret_after) ERROR_MUST_USE;
/* In a write: where all lanes of a new mapping begin. */
Error *position_begin(Call *call, const char *uuid, const char *after) ERROR_MUST_USE;
/* Durable when it returns. after NULL: only the result. Nothing is kept once the turn has been told to stop and the mapping is gone. */
Error *position_put(MappingTurn *turn, const char *after, const char *result) ERROR_MUST_USE;
/* The stream cannot be read: shown as LastProcessingResult, and said in the log, once. */
Error *position_trouble(MappingTurn *turn, const char *what) ERROR_MUST_USE;
/* What the mapping shows as LastProcessingResult; NULL: it has none. Needs call->txn. arena. */
Error *position_result(Call *call, const char *uuid, const char **ret_result) ERROR_MUST_USE;
Error *position_delete(Call *call, const char *uuid) ERROR_MUST_USE;

/* --- mapping_batch.c --- */

/* A record of a stream, as the function sees it. */
typedef struct StreamRecord {
  const char *sequence;
  gint64 time_ms;
  Json *json;
} StreamRecord;
typedef struct StreamBatch {
  gsize n;
  StreamRecord *v;
  const char *shard;
  const char *last;          /* sequence number up to which all is read, wanted or not */
} StreamBatch;
/* Runs the function with a batch until all of it is done or discarded, or the turn is to stop; puts the position after each step. */
Error *stream_batch_run(MappingTurn *turn, const StreamBatch *batch) ERROR_MUST_USE;
