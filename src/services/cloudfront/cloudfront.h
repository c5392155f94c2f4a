/* cloudfront: what the files of this service share. */
#pragma once

#include "services/cloudfront.gen.h"
#include "server/server.h"

/* -- records. CloudFront is global: nothing is kept by region, and ids are unique in haar ---------------------------------------- */

extern const Table cloudfront_distributions, cloudfront_policies, cloudfront_invalidations;

/* A distribution of the caller's account. Errors: NoSuchDistribution. arena of the call. */
Error *distribution_get(Call *call, const char *id, CloudfrontDistributionRecord **ret_distribution) ERROR_MUST_USE;
/* Gives it a new ETag and time. The data plane knows it after the commit. */
Error *distribution_put(Call *call, CloudfrontDistributionRecord *distribution) ERROR_MUST_USE;
typedef struct DistributionRecords { gsize n; CloudfrontDistributionRecord **v; } DistributionRecords;
/* account NULL: of all. */
Error *distributions_all(Txn *txn, Arena *arena, const char *account, DistributionRecords *ret_distributions) ERROR_MUST_USE;

/* Cache policies, origin request policies, response headers policies, access identities and controls have one record and one life. */
typedef enum { KIND_CACHE, KIND_REQUEST, KIND_RESPONSE, KIND_IDENTITY, KIND_CONTROL, N_KINDS } PolicyKind;
/* Also those that AWS manages. txn: any. *ret_policy is NULL if there is none. account NULL: of any. */
Error *policy_look(Txn *txn, Arena *arena, const char *account, PolicyKind kind, const char *id, CloudfrontPolicyRecord **ret_policy) ERROR_MUST_USE;
/* Errors: NoSuchCachePolicy, ... */
Error *policy_get(Call *call, PolicyKind kind, const char *id, CloudfrontPolicyRecord **ret_policy) ERROR_MUST_USE;
/* Gives the record its id, ETag and time. Errors: ...AlreadyExists, TooMany.... */
Error *policy_create(Call *call, PolicyKind kind, CloudfrontPolicyRecord *policy) ERROR_MUST_USE;
/* The policy, if if_match is its ETag and it is not AWS's: to be changed, then policy_put. Errors: NoSuch..., InvalidIfMatchVersion, PreconditionFailed, IllegalUpdate. */
Error *policy_begin(Call *call, PolicyKind kind, const char *id, const char *if_match, CloudfrontPolicyRecord **ret_policy) ERROR_MUST_USE;
Error *policy_put(Call *call, PolicyKind kind, CloudfrontPolicyRecord *policy) ERROR_MUST_USE;
/* Errors: ...InUse, and those of policy_begin. */
Error *policy_delete(Call *call, PolicyKind kind, const char *id, const char *if_match) ERROR_MUST_USE;
typedef struct PolicyRecords { gsize n; CloudfrontPolicyRecord **v; } PolicyRecords;
/* type: "managed", "custom" or NULL (both). */
Error *policies_list(Call *call, PolicyKind kind, const char *type, PolicyRecords *ret_policies) ERROR_MUST_USE;
/* AWS's policies of a kind, arena. */
void policies_managed(Arena *arena, PolicyKind kind, PolicyRecords *ret_policies);
gboolean policy_is_managed(PolicyKind kind, const char *id);
/* "arn:aws:cloudfront::account:cache-policy/id" (arena). */
char *policy_arn(Arena *arena, const char *account, PolicyKind kind, const char *id);
char *distribution_arn(Arena *arena, const char *account, const char *id);

/* A new ETag: "E" and 13 letters and digits (arena). */
char *etag_new(Arena *arena);
/* Errors: InvalidIfMatchVersion, PreconditionFailed. */
Error *etag_check(const char *if_match, const char *etag) ERROR_MUST_USE;
/* A page of n things. marker: the last id of the page before, or NULL. Errors: InvalidArgument. */
typedef struct ListPage { gsize from, to; gboolean truncated; gint64 max; } ListPage;
Error *list_page(const char *max_items, gsize from, gsize n, ListPage *ret_page) ERROR_MUST_USE;
/* What every list says of itself. list: a generated list with Items; next: where the next page begins. */
#define LIST_FINISH(list, marker, page, next)              \
  do {                                                     \
    (list)->Marker = (marker) ? (marker) : "";             \
    (list)->MaxItems = OPT_INT((page)->max);               \
    (list)->IsTruncated = OPT_BOOL((page)->truncated);     \
    (list)->Quantity = OPT_INT((gint64) (list)->Items.n);  \
    if ((page)->truncated)                                 \
      (list)->NextMarker = (next);                         \
  } while (0)

/* The rows' .authorize: the ARN of what the input names.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudfront.html */
Error *distribution_resource(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;
Error *cache_policy_resource(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;
Error *request_policy_resource(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;
Error *response_policy_resource(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;
Error *identity_resource(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;
Error *control_resource(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;

/* Each Quantity is the number of its Items, anywhere in the value. Errors: InconsistentQuantities. */
Error *quantities_check(const Shape *shape, const void *value) ERROR_MUST_USE;
/* Fills in what AWS answers for what was left out. */
void config_fill(Arena *arena, CloudfrontDistributionConfig *config);
/* Whether a distribution may be like this. own_id: of the distribution itself, or NULL. Errors: AWS's, by name. */
Error *config_check(Call *call, const CloudfrontDistributionConfig *config, const char *own_id) ERROR_MUST_USE;

/* -- data plane ------------------------------------------------------------------------------------------------------------------- */

typedef struct Cdn Cdn;           /* the service's state */
typedef struct Site Site;
typedef struct Cache Cache;

/* A behaviour with its policies; default_behaviour: no pattern. */
typedef struct Behaviour {
  const CloudfrontCacheBehavior *config;
  const CloudfrontCachePolicyConfig *cache;         /* or NULL: the old settings (ForwardedValues) */
  const CloudfrontOriginRequestPolicyConfig *request;
  const CloudfrontResponseHeadersPolicyConfig *response;
} Behaviour;

/* A distribution as the data plane sees it. Immutable; counted. */
struct Site {
  Arena *arena;
  const CloudfrontDistributionRecord *distribution;
  GArray *behaviours;             /* Behaviour; the default one last */
  GHashTable *controls;           /* id of an origin access control -> its CloudfrontPolicyRecord */
  GHashTable *identities;
};
void site_release(Site *site);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Site, site_release)

struct Cdn {
  Haar *haar;
  GMutex lock;
  GHashTable *hosts;              /* domain name or alias -> Site * */
  gboolean stale;                 /* something was changed: read all again */
  Cache *cache;
  GHashTable *logs;               /* distribution -> the lines of its log, under lock */
  GMutex clients_lock;
  gint in_flight;                 /* requests being served */
  GQueue clients;                 /* CURL *, with their open connections */
};
Cdn *cdn_of(const Haar *haar);
/* In a write transaction: distributions or policies are other ones after the commit. */
void cdn_changed(const Haar *haar, Txn *txn);
/* The site of a host name, aliases with a wildcard too, or NULL. Any thread. */
Site *cdn_site(Cdn *cdn, const char *host);

/* One header of several, in order. */
typedef StringMap HeaderList;
const char *header_get(const HeaderList *headers, const char *name);
void header_add(Arena *arena, HeaderList *headers, const char *name, const char *value);
/* Replaces all of the name. */
void header_set(Arena *arena, HeaderList *headers, const char *name, const char *value);
void header_remove(HeaderList *headers, const char *name);

/* Path patterns: '*' and '?', case counts, a slash at the begin may be left out. */
gboolean path_matches(const char *pattern, const char *path);
typedef enum { SELECT_NONE, SELECT_LISTED, SELECT_ALL, SELECT_EXCEPT } Selection;
/* The parameters of a query that are selected, in their order (arena). */
char *query_select(Arena *arena, const char *query, Selection selection, const StringList *names);
/* The cookies of a Cookie header that are selected, sorted if sorted; NULL: none (arena). Names may have '*' and '?'. */
char *cookies_select(Arena *arena, const char *header, Selection selection, const StringList *names);

/* What a response says about how long it may be kept. */
typedef struct Freshness { gint64 ttl_ms; gboolean keep; } Freshness;
typedef struct TtlRange { gint64 min, normal, max; } TtlRange; /* seconds */
/* https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Expiration.html */
Freshness freshness_of(const HeaderList *headers, const TtlRange *range, gint64 now_ms);
/* One range of "bytes=..." of size bytes. FALSE: to be ignored. *ret_bad: none of it is there (416). */
gboolean byte_range(const char *header, gsize size, gsize *ret_from, gsize *ret_size, gboolean *ret_bad);

/* A response: of an origin, or kept. */
typedef struct Response {
  int status;
  HeaderList headers;
  const guint8 *body;
  gsize size;
} Response;

/* A kept response. Immutable; counted. */
typedef struct CacheEntry {
  char *key, *site_id, *path;     /* path: with the query that is part of the key */
  Arena *arena;
  Response response;
  gint64 stored_ms, until_ms;
  gsize cost;
  GList *link;                    /* the cache's own */
} CacheEntry;
Cache *cache_new(gsize max_bytes);
void cache_free(Cache *cache);
/* A copy of response is kept, the least recently used go if there is no room. */
void cache_put(Cache *cache, const char *key, const char *site_id, const char *path, const Response *response, gint64 now_ms, gint64 ttl_ms);
CacheEntry *cache_get(Cache *cache, const char *key);
void cache_entry_release(CacheEntry *entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CacheEntry, cache_entry_release)
/* Drops what matches: a path, with '*' at its end for all that begin so. site_id's alone. */
void cache_invalidate(Cache *cache, const char *site_id, const char *pattern);

/* One request on its way. */
typedef struct Passage {
  Haar *haar;
  Cdn *cdn;
  HttpExchange *exchange;
  const HttpRequest *request;
  Arena *arena;
  const Site *site;
  const Behaviour *behaviour;
  const char *path, *query;       /* as asked, after the default root object */
  const char *method;
  const guint8 *body;
  gsize body_size;
  const char *cf_id;              /* X-Amz-Cf-Id */
  gint64 begun_us;
  gboolean error_page;            /* this is the request for a custom error page */
} Passage;

typedef struct OriginAnswer {
  Response response;
  gboolean failed;                /* no response: status and reason are CloudFront's own */
  const char *reason;
} OriginAnswer;
/* What is asked of an origin: headers as they go there. */
typedef struct OriginRequest {
  const char *method, *path, *query;
  HeaderList headers;
} OriginRequest;
/* Builds what goes to the origin, of the behaviour's settings. https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html */
void origin_request_make(const Passage *p, OriginRequest *ret_request);
/* The cache key of the request (arena), and the path with the query that is part of it. */
const char *cache_key(const Passage *p, const char **ret_path);
TtlRange behaviour_ttls(const Behaviour *behaviour);
gboolean behaviour_compresses(const Passage *p);
/* Asks the behaviour's origin, or its group's members in turn. Blocks. */
void origin_ask(const Passage *p, OriginRequest *request, OriginAnswer *ret_answer);
/* Custom origins, by HTTP; S3 origins, as operations of S3. */
void origin_ask_custom(const Passage *p, const CloudfrontOrigin *origin, const OriginRequest *request, OriginAnswer *ret_answer);
void origin_ask_s3(const Passage *p, const CloudfrontOrigin *origin, const OriginRequest *request, OriginAnswer *ret_answer);
gboolean origin_is_s3(const CloudfrontOrigin *origin);

/* Sends response with CloudFront's own headers: range, response headers policy, X-Cache. x_cache: "Hit from cloudfront". */
void send_response(const Passage *p, const Response *response, const char *x_cache, gint64 age_s);
/* CloudFront's own page. */
void send_error(const Passage *p, int status, const char *reason);
void error_page(const Passage *p, int status, const char *reason, Response *ret_response);
/* gzip, if the behaviour and the viewer want it and it is worth it: the response is changed. */
void compress_response(const Passage *p, Response *response);

gboolean gzip_all(const guint8 *data, gsize size, GByteArray *out);
/* Writes the line of a request that was answered, if the distribution has logs. */
void log_request(const Passage *p, int status, gsize size, const char *x_cache, const HeaderList *headers);
/* Has the logs put into their buckets each minute. */
void logs_start(Cdn *cdn);

gboolean cloudfront_serves(Haar *haar, const HttpRequest *request);
void cloudfront_serve(Haar *haar, HttpExchange *exchange);
