/* lambda: what the service's own files share.
 *
 * function.c, version.c, alias.c, ... keep records. pool.c hands out execution environments (environment.c: a sandboxed process that
 * speaks the Runtime API to runtime.c); invoke.c runs one event in one; log.c carries what it writes to CloudWatch Logs. */
#pragma once

#include "fabric/fabric.h"
#include "jobs/jobs.h"
#include "sandbox/sandbox.h"
#include "server/server.h"
#include "services/lambda.gen.h"

extern const Table lambda_functions;   /* region, account, name, version -> FunctionRecord */
extern const Table lambda_aliases;     /* region, account, name, alias -> AliasConfiguration */
extern const Table lambda_policies;    /* region, account, name, qualifier -> PolicyRecord */
extern const Table lambda_events;      /* region, account, name, qualifier -> EventConfigRecord */
extern const Table lambda_interfaces;  /* region, account, subnet and groups -> InterfaceRecord */

#define LAMBDA_LATEST "$LATEST"

typedef struct Lambda Lambda;
typedef struct Runtime Runtime;
typedef struct Environment Environment;
typedef struct Pool Pool;
typedef struct Mappings Mappings;

/* The service's state. */
struct Lambda {
  Haar *haar;
  Runtime *runtime;          /* NULL: the network is off */
  Pool *pool;
  char *runtimes;            /* directory of the runtimes, or NULL */
  GMutex running;
  GMutex interfaces;         /* held while interfaces are made or given up: functions share them */
  GHashTable *counts;        /* region/account/name -> invocations that run; under running */
  guint total;
  GHashTable *late;          /* interface -> environments that are not ready yet; under running */
  Mappings *mappings;
  char *download_secret;     /* signs the addresses that packages are downloaded from */
};
Lambda *lambda_state(const Call *call);

/* --- name.c --- */

typedef struct FunctionName { const char *name, *qualifier; /* NULL: none */ } FunctionName;
/* Reads a name, partial or full ARN, and the Qualifier parameter (or NULL). arena. */
Error *lambda_function_name(Call *call, const char *text, const char *qualifier, FunctionName *ret) ERROR_MUST_USE;
/* A session of an execution role, for what AWS does on its behalf (arena). */
const Principal *lambda_role_session(const Call *call, const char *role_arn);
/* "arn:aws:lambda:...:function:name[:qualifier]" (arena). */
char *lambda_function_arn(const Call *call, const char *name, const char *qualifier);
/* .authorize of every operation that has a FunctionName, and perhaps a Qualifier; with the resource policy of that qualifier. */
Error *lambda_authorize(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;

/* --- record.c --- */

/* *ret: or an answer ResourceNotFoundException. version: "$LATEST" or a number. arena. */
Error *lambda_function_get(Call *call, const char *name, const char *version, LambdaFunctionRecord **ret) ERROR_MUST_USE;
Error *lambda_function_find(Call *call, const char *name, const char *version, LambdaFunctionRecord **ret) ERROR_MUST_USE;
Error *lambda_function_put(Call *call, const LambdaFunctionRecord *record) ERROR_MUST_USE;
/* Follows an alias (its main version) or takes the version; qualifier NULL: $LATEST. */
Error *lambda_function_resolve(Call *call, const FunctionName *name, LambdaFunctionRecord **ret) ERROR_MUST_USE;
void lambda_function_key(const Call *call, const char *name, const char *second, Key *key);
Error *lambda_alias_find(Call *call, const char *name, const char *alias, LambdaAliasConfiguration **ret) ERROR_MUST_USE;
Error *lambda_policy_find(Call *call, const char *name, const char *qualifier, LambdaPolicyRecord **ret) ERROR_MUST_USE;
/* What an answer shows: the configuration with a qualified ARN if qualifier is given. arena. */
LambdaFunctionConfiguration *lambda_function_shown(Call *call, const LambdaFunctionRecord *record, const char *qualifier);
gboolean lambda_function_is_version(const char *qualifier);
char *lambda_timestamp(Arena *arena, gint64 ms);

/* Refuses if an alias points to the version. */
Error *lambda_alias_check_unused(Call *call, const char *name, const char *version) ERROR_MUST_USE;
/* AWS::Lambda::Version publishes only what is new: an answer AlreadyExists if $LATEST has its version already, unless that was made under the
 * same token (a try of the same operation before haar was killed). call has no transaction. */
Error *lambda_version_claim(Call *call, const char *function, const char *token) ERROR_MUST_USE;
/* Waits until $LATEST can be published, publishes it, and puts the version's configuration into out. call has no transaction. */
Error *lambda_version_publish_when_ready(Call *call, const char *name, const char *description, LambdaFunctionConfiguration *out) ERROR_MUST_USE;

/* --- other.c: other services' operations, by name --- */

/* Runs <service>:<operation> with input as JSON. ret_out: JSON of the output, or NULL. as: NULL = the call's principal.
 * A service that is not there is an answer ServiceException that says so. call may have a transaction or none, as call_operation. */
Error *lambda_other_call(Call *call, const char *service, const char *operation, const Principal *as, const Json *in, Json **ret_out) ERROR_MUST_USE;
/* An object of the output, read whole: S3 GetObject. arena. */
Error *lambda_other_get_object(Call *call, const char *bucket, const char *key, const char *version, Blob *ret) ERROR_MUST_USE;
/* {"name": value, ...} of strings, NULL-terminated; a NULL value is left out. arena. */
Json *lambda_json_strings(Arena *arena, ...) G_GNUC_NULL_TERMINATED;

/* --- code.c --- */

/* Unpacks a zip below the data directory, under its digest; at once if it is there. *ret_sha256: base64. arena. */
Error *code_store(Call *call, const Blob *zip, const char **ret_code, const char **ret_sha256) ERROR_MUST_USE;
/* From the Code of a request: ZipFile or S3. */
Error *code_fetch(Call *call, const LambdaFunctionCode *code, const char **ret_code, const char **ret_sha256, gint64 *ret_size) ERROR_MUST_USE;
/* Where it is (arena). */
char *code_directory(Arena *arena, const Haar *haar, const char *code);
/* The package as it was uploaded (arena). */
char *code_zip_path(Arena *arena, const Haar *haar, const char *code);
/* A zip of one text file, "index.py" or "index.js", as CloudFormation's inline code; Python gets cfnresponse beside it. arena. */
Error *code_zip_inline(Call *call, const char *runtime, const char *text, Blob *ret) ERROR_MUST_USE;

/* Several unpacked packages as one: the later ones over the earlier. arena. */
Error *code_merge(Call *call, const StringList *codes, const char **ret_code) ERROR_MUST_USE;

/* --- download.c --- */

/* An address that gives the package to whoever has it, for ten minutes: by the host name of the call. arena. */
char *download_location(Call *call, const char *code);
gboolean download_serves(Haar *haar, const HttpRequest *request);
void download_serve(Haar *haar, HttpExchange *exchange);

/* --- layer.c --- */

/* Layer versions by ARN, as a configuration shows them, and what stands at /opt (NULL: nothing). call has no transaction. arena. */
Error *lambda_layers_resolve(Call *call, const StringList *arns, LambdaLayersReferenceList *ret_shown, const char **ret_code) ERROR_MUST_USE;

/* --- network.c --- */

/* Makes the interfaces that a configuration needs, as the execution role; shares those that are there. Blocks. */
Error *lambda_network_prepare(Call *call, const LambdaFunctionConfiguration *config) ERROR_MUST_USE;
/* Deletes the interfaces that no function of the account uses any more. Blocks. */
Error *lambda_network_release(Call *call) ERROR_MUST_USE;
/* The id of an interface for a new environment: one of the function's subnets, in turn. *ret NULL: the function has no VPC. arena. */
Error *lambda_network_interface(Call *call, const LambdaFunctionConfiguration *config, guint turn, const char **ret) ERROR_MUST_USE;
/* Checks subnets and groups, and that the role may make interfaces; fills VpcId. *ret NULL if there is no VPC. arena. */
Error *lambda_network_check(Call *call, const char *role, const LambdaVpcConfig *config, LambdaVpcConfigResponse **ret) ERROR_MUST_USE;

/* --- prepare.c --- */

void prepare_register(Haar *haar);
/* In a write: schedules the work that makes a function's new configuration active. */
Error *prepare_put(Call *call, const char *name) ERROR_MUST_USE;
/* In a write: schedules network_release. */
Error *release_put(Call *call) ERROR_MUST_USE;

/* --- runtime.c, environment.c, pool.c --- */

Error *runtime_new(Haar *haar, Runtime **ret) ERROR_MUST_USE;
/* What environments have written goes to their log groups, also of those at work. Returns at once. */
void runtime_flush(Runtime *runtime);
/* haar ends: invocations are given up where they are. */
void runtime_halt(Runtime *runtime);
void runtime_free(Runtime *runtime);

/* One event for a function; what an environment needs to know to be made. All strings live as long as the invocation. */
typedef struct Invocation {
  const char *request_id, *invoked_arn, *client_context, *trace_id;
  const char *region, *account;
  const LambdaFunctionConfiguration *config; /* the active one of the version that runs */
  const char *code, *layers; /* layers: or NULL */
  Blob payload;
  gboolean tail;
  gboolean late;             /* fault profile late-eni: the interface carries nothing until the runtime is ready */
} Invocation;

typedef struct InvocationResult {
  GByteArray *payload;       /* never NULL after an invocation; transfer full */
  const char *function_error;/* "Unhandled" or NULL */
  gint64 duration_us;        /* as the REPORT line has it: without INIT */
  char *log_tail;            /* with tail: base64 of the last 4 KiB; transfer full */
} InvocationResult;

Pool *pool_new(Lambda *lambda);
void pool_free(Pool *pool);
/* Runs one event in a warm or a new environment. Blocks. call has no transaction. Errors are of the service, not of the function. */
Error *pool_invoke(Pool *pool, Call *call, const Invocation *invocation, InvocationResult *ret) ERROR_MUST_USE;

/* The fault profile late-eni: begin before the process starts, end when it is ready or gone. */
void lambda_late_begin(Lambda *lambda, const char *interface);
void lambda_late_end(Lambda *lambda, const char *interface);

/* Ends the idle environments in a network interface. */
void pool_forget_interface(Pool *pool, const char *interface);

/* --- invoke.c, async.c --- */

/* What Invoke does once it is permitted: by name and qualifier. Throttling is an answer. */
typedef struct InvokeArgs {
  FunctionName name;
  const char *request_id, *client_context;
  Blob payload;
  gboolean tail;
} InvokeArgs;
Error *invoke_run(Call *call, const InvokeArgs *args, InvocationResult *ret, const char **ret_version) ERROR_MUST_USE;
void async_register(Haar *haar);
/* Takes an event for later. Blocks until it is durable. */
Error *async_put(Call *call, const InvokeArgs *args) ERROR_MUST_USE;

/* --- destination.c --- */

/* Sends text to a queue, topic or function, as a function's execution role. attributes: of the message, or NULL. call has no transaction. */
Error *destination_deliver(Call *call, const char *role, const char *target, const char *text, Json *attributes) ERROR_MUST_USE;

/* --- mapping_run.c --- */

/* Starts the threads of all enabled mappings. */
Error *mappings_start(Lambda *lambda) ERROR_MUST_USE;
/* Ends them; invocations that run are waited for. */
void mappings_stop(Lambda *lambda);
/* After a commit: starts, changes or ends the threads of a mapping as its record says. */
void mappings_changed(Call *call, const char *uuid);

/* --- metrics.c --- */

/* Measures for CloudWatch (AWS/Lambda): an invocation that ran, as the alias or version of name (took_us below 0: it did not come to run); one that was refused (throttled); how many
 * run at once; what an asynchronous event met ("AsyncEventsReceived", ...). */
void lambda_metric_invocation(Call *call, const FunctionName *name, const char *version, gboolean failed, gint64 took_us);
void lambda_metric_throttle(Call *call, const FunctionName *name);
void lambda_metric_concurrency(Call *call, const FunctionName *name, gint64 of_function, gint64 of_account);
void lambda_metric_event(Call *call, const char *function, const char *metric, const char *unit, double value);
/* A request to a function's URL, and the status it was answered with. */
void lambda_metric_url(Call *call, const FunctionName *name, int status, gint64 took_us);
/* How old the last record of a stream's batch was when the function was run with it. */
void lambda_metric_iterator_age(Call *call, const FunctionName *name, gint64 age_ms);

/* --- validate.c --- */

Error *lambda_validate_runtime(const char *runtime, const char *handler) ERROR_MUST_USE;
Error *lambda_validate_environment(const LambdaEnvironment *environment) ERROR_MUST_USE;
Error *lambda_validate_timeout(OptInt timeout) ERROR_MUST_USE;
/* The role is there, Lambda may assume it, the caller may pass it. call has no transaction. */
Error *lambda_validate_role(Call *call, const char *role) ERROR_MUST_USE;
Error *lambda_validate_signing(const char *signing) ERROR_MUST_USE;
