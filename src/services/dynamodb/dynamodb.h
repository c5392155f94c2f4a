/* dynamodb: what the files of this service share. */
#pragma once

#include "services/dynamodb/expression/expression.h"
#include "jobs/jobs.h"
#include "server/haar.h"

#define DYNAMODB_PURGE_JOB "dynamodb.purge"
#define DYNAMODB_TTL_JOB "dynamodb.ttl"
#define DYNAMODB_TRIM_JOB "dynamodb.trim"

#define ITEM_SIZE_MAX (400 * 1024)
#define PAGE_SIZE_MAX (1024 * 1024)

/* --- definition.c: a table's definition, parsed once and shared --- */

/* The table itself (name NULL), a secondary index, or the hidden index by expiry (hash NULL). */
typedef struct IndexDef {
  const char *name;
  gint64 uid;
  const char *hash, *range;         /* attribute names; range NULL: none */
  ValueType hash_type, range_type;
  gboolean global;
  gboolean project_all;
  StringList project;               /* beside the keys, without project_all */
  DynamodbProjection *projection;
} IndexDef;

typedef struct TableDef {
  gint references;
  Arena *arena;
  guint8 *raw;                      /* the record as stored: whether the definition is of this snapshot */
  gsize raw_size;
  DynamodbTableRecord *record;
  const char *name;
  IndexDef primary;
  IndexDef *indexes;                /* secondary ones, the hidden one last */
  guint n_indexes;
  gboolean stream, log;             /* stream on; stream or point-in-time recovery on */
} TableDef;

/* The table of a name or ARN, in call->txn; lives as long as the call. None: ResourceNotFoundException with this message. */
Error *table_find(Call *call, const char *name, TableDef **ret_table) ERROR_MUST_USE;
#define TABLE_NOT_FOUND "Requested resource not found"
/* *ret_table is NULL if there is none. */
Error *table_look(Call *call, const char *name, TableDef **ret_table) ERROR_MUST_USE;
/* A copy of a record that may be changed and put back. */
DynamodbTableRecord *table_record(Call *call, const TableDef *table);
Error *table_put(Call *call, const DynamodbTableRecord *record) ERROR_MUST_USE;
/* A secondary index by name, or NULL. */
const IndexDef *table_index(const TableDef *table, const char *name);
/* Numbers for tables and indexes, never used again. */
Error *table_new_uid(Call *call, gint64 *ret_uid) ERROR_MUST_USE;
/* The name in a name or an ARN (arena). */
const char *table_name_of(Call *call, const char *name_or_arn);
void definition_state_free(gpointer state);
gpointer definition_state_new(void);
extern const Table dynamodb_tables;

/* --- authorize.c: rows' .authorize --- */

Error *authorize_table(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;
Error *authorize_query(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;
Error *authorize_scan(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;
Error *authorize_arn(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;
/* Batches and transactions: each action on each table is checked. */
void authorize_also(Call *call, Authorization *auth, const char *action, const char *table, gboolean first);
/* dynamodb:LeadingKeys: the hash value of an item or key of a table. Nothing is added for callers that no condition can hold back. */
Error *authorize_leading(Call *call, Authorization *auth, const char *table, const Item *item) ERROR_MUST_USE;
void authorize_leading_value(Call *call, Authorization *auth, const Value *value);
/* Whether conditions of policies matter to the caller: not to the root and to services. */
gboolean authorize_matters(const Call *call);
/* The hash value that a query asks for; *ret is NULL if it cannot be told: the operation will say why. */
Error *query_hash(Call *call, const DynamodbQueryInput *in, const Value **ret) ERROR_MUST_USE;

/* --- row.c: items of a table --- */

/* A table opened for items: with its data key, if it is encrypted by a key of the account. Lives in the call's arena. */
typedef struct Rows {
  Call *call;
  TableDef *table;
  const guint8 *key; /* NULL: not encrypted */
} Rows;

Error *rows_open(Call *call, const char *table_name, Rows *ret_rows) ERROR_MUST_USE;
Error *rows_open_table(Call *call, TableDef *table, Rows *ret_rows) ERROR_MUST_USE;
/* The stored key of an item in an index. */
Error *row_key(const Rows *rows, const IndexDef *index, const Item *item, Key *ret_key) ERROR_MUST_USE;
/* The same for a partition: what all rows with this hash value begin with. */
void row_prefix(const Rows *rows, const IndexDef *index, const Value *hash, Key *ret_key);
/* *ret_item: v is NULL if there is none. */
Error *row_get(const Rows *rows, const Item *key, Item *ret_item) ERROR_MUST_USE;
/* A stored value to an item. */
Error *row_open(const Rows *rows, const void *data, gsize size, Item *ret_item) ERROR_MUST_USE;
/* Replaces old (v NULL: none) by new (v NULL: deleted), with indexes, counts and the log. expired: deleted by TTL. */
Error *row_write(const Rows *rows, const Item *old, const Item *new, gboolean expired) ERROR_MUST_USE;
/* Fills a new index from the table. */
Error *row_backfill(const Rows *rows, const IndexDef *index) ERROR_MUST_USE;
/* Writes all rows and the log again under another data key (NULL: none). Tables of more than 64 MiB: an answer. */
Error *row_reseal(const Rows *before, const guint8 *key) ERROR_MUST_USE;
/* Whether the item has the attributes that put it into the index. */
gboolean index_has(const IndexDef *index, const Item *item);
/* Deletes up to max rows of a table or index; *ret_left: there are more. */
Error *rows_purge(Txn *txn, gint64 uid, guint max, gboolean *ret_left) ERROR_MUST_USE;
/* The first bytes of all rows of a table or index. */
void rows_prefix(gint64 uid, Key *ret_key);
/* Counts of a table or index. */
typedef struct RowStats { gint64 count, size, sequence; } RowStats;
Error *row_stats(Txn *txn, gint64 uid, RowStats *ret_stats) ERROR_MUST_USE;
extern const Table dynamodb_items;

/* --- log.c: what changed, for streams and point-in-time recovery --- */

Error *log_append(const Rows *rows, gint64 sequence, const Item *old, const Item *new, gboolean expired) ERROR_MUST_USE;
typedef struct LogEntry {
  gint64 sequence, time_ms;
  gboolean expired;
  Item old, new; /* v NULL: none */
} LogEntry;
/* Walks a table's log: newest first if reverse. FALSE from visit ends it. */
Error *log_walk(const Rows *rows, gint64 from, gboolean reverse, gboolean (*visit)(const LogEntry *entry, gpointer data), gpointer data) ERROR_MUST_USE;
/* The number of a log's first row that is not older than since_ms, by bisection; end, which is above all numbers: there is none. */
Error *log_since(const Rows *rows, gint64 since_ms, gint64 end, gint64 *ret_sequence) ERROR_MUST_USE;
Error *log_reseal(const Rows *before, const Rows *after) ERROR_MUST_USE;
Error *log_put_trim_job(Call *call, const TableDef *table) ERROR_MUST_USE;
Error *run_trim(JobRun *run) ERROR_MUST_USE;

/* --- encryption.c --- */

/* Sets the record's description and data key as the specification asks; NULL or disabled: the service's own key. */
Error *encryption_set(Call *call, DynamodbTableRecord *record, const DynamodbSSESpecification *specification) ERROR_MUST_USE;
/* The table's data key (arena), or NULL. Fails if the caller or DynamoDB may not use the KMS key, or it is disabled. */
Error *encryption_key(Call *call, const DynamodbTableRecord *record, const guint8 **ret_key) ERROR_MUST_USE;

/* --- check.c: what a client's keys and items must be --- */

Error *check_key(Call *call, const TableDef *table, Item *key) ERROR_MUST_USE;
/* A whole item; update: it came of an UpdateItem. */
Error *check_item(const TableDef *table, const Item *item, gboolean update) ERROR_MUST_USE;
/* An index's start key. */
Error *check_start_key(Call *call, const TableDef *table, const IndexDef *index, Item *key) ERROR_MUST_USE;
/* "The X parameter is not supported here: use Y" for the parameters of before expressions. */
Error *check_legacy(gboolean given, const char *parameter, const char *instead) ERROR_MUST_USE;

/* --- capacity.c --- */

/* NULL if mode is NULL or NONE. index: NULL, or the one that was read. */
/* Counts consumed units for CloudWatch (metrics.c). index: NULL, or the one that was read. */
void measure_units(const Call *call, const TableDef *table, const IndexDef *index, gboolean write, double units);
/* The service's hook: what a call took, or why it failed. */
void dynamodb_measure(Call *call, const void *in, const void *out, const Error *error, gint64 took_us);
DynamodbConsumedCapacity *capacity(Call *call, const TableDef *table, const IndexDef *index, const char *mode, double units);
double read_units(gsize size, gboolean consistent);
double write_units(gsize old_size, gsize new_size);

/* --- item.c, update_item.c: one change of one item, as the single operations and transactions make it --- */

typedef enum { CHANGE_PUT, CHANGE_DELETE, CHANGE_UPDATE, CHANGE_CHECK } ChangeKind;

typedef struct Change {
  ChangeKind kind;
  const char *table;
  Item *item;                     /* put: the item; else the key */
  const char *condition_text, *update_text;
  const StringMap *names;
  Item *values;
  const char *expressions;        /* what the names and values are for, as in scope_init */
  const char *on_failure;         /* ReturnValuesOnConditionCheckFailure */
  /* prepared: */
  Rows rows;
  Node *condition;
  Update *update;
  /* done: */
  Item old, new;
} Change;

/* Opens the table, checks and parses. */
Error *change_prepare(Call *call, Change *change) ERROR_MUST_USE;
/* Reads the old item and checks the condition. Not met: ConditionalCheckFailedException. */
Error *change_check(Change *change) ERROR_MUST_USE;
/* Writes. */
Error *change_apply(Change *change) ERROR_MUST_USE;
/* Attributes that an update names, of an item. */
Item change_updated(const Change *change, const Item *item);

/* --- page.c: pages of Query and Scan --- */

/* Which rows, in which order. */
typedef struct Range {
  Key prefix, low, high; /* low: from here; high: before here */
  gboolean has_low, has_high, reverse;
} Range;

typedef struct Page {
  const Rows *rows;
  const IndexDef *index;
  Range range;
  const Item *start;       /* ExclusiveStartKey; v NULL: none */
  const Node *filter;
  const Projection *projection;
  gboolean count_only, fetch; /* fetch: the whole item from the table */
  gint64 limit;            /* 0: none */
  /* results */
  DynamodbItemList items;
  gint64 count, scanned;
  gsize size;
  Item last;               /* LastEvaluatedKey; v NULL: the end was reached */
} Page;

Error *page_collect(Page *page) ERROR_MUST_USE;
/* What Query and Scan have in common: index, Select, consistency. */
typedef struct PageRequest {
  const char *index_name, *select;
  gboolean consistent, projected;
  gint64 limit;
} PageRequest;
Error *page_prepare(Page *page, const Rows *rows, const PageRequest *request) ERROR_MUST_USE;

/* --- table.c and others --- */

/* What DescribeTable shows. */
Error *table_describe(Call *call, const TableDef *table, DynamodbTableDescription **ret_description) ERROR_MUST_USE;
Error *table_not_found(const char *name) ERROR_MUST_USE;
/* Checks and stores a new table; source of CreateTable and of restores. */
Error *table_create(Call *call, const DynamodbCreateTableInput *in, DynamodbTableRecord **ret_record) ERROR_MUST_USE;
/* index.c */
Error *index_check(const DynamodbCreateTableInput *in) ERROR_MUST_USE;
Error *index_describe_all(Call *call, const DynamodbCreateTableInput *in, DynamodbTableRecord *record) ERROR_MUST_USE;
Error *index_add(Call *call, DynamodbTableRecord *record, const DynamodbGlobalSecondaryIndex *index) ERROR_MUST_USE;
DynamodbProvisionedThroughputDescription *throughput(Call *call, const DynamodbProvisionedThroughput *in);

Error *run_ttl(JobRun *run) ERROR_MUST_USE;
Error *run_purge(JobRun *run) ERROR_MUST_USE;
/* A job's payload: account, region, table name; and a call made of it. */
char *job_where(Call *call, const char *table);
Error *job_call(JobRun *run, Call **ret_call, const char **ret_table) ERROR_MUST_USE;
