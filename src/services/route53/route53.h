/* route53: what the files of this service share. */
#pragma once

#include "services/route53.gen.h"
#include "server/server.h"

/* -- records. Route 53 is global: nothing is kept by region. Ids are unique in haar, so zones and checks are kept by id alone. -------- */

extern const Table route53_zones, route53_records, route53_changes, route53_checks, route53_sets;

/* A zone of the caller's account. id: with or without "/hostedzone/". Errors: NoSuchHostedZone. arena of the call. */
Error *zone_get(Call *call, const char *id, Route53ZoneRecord **ret_zone) ERROR_MUST_USE;
Error *zone_put(Call *call, const Route53ZoneRecord *zone) ERROR_MUST_USE;
typedef struct ZoneRecords { gsize n; Route53ZoneRecord **v; } ZoneRecords;
/* All zones of the account, in the order of their ids. */
Error *zones_all(Call *call, ZoneRecords *ret_zones) ERROR_MUST_USE;
/* The record set of a zone; *ret_set is NULL if there is none. name: as stored. set_identifier: or NULL. */
Error *record_set_get(Call *call, const char *zone_id, const Route53ResourceRecordSet *like, Route53ResourceRecordSet **ret_set) ERROR_MUST_USE;
Error *record_set_put(Call *call, const char *zone_id, const Route53ResourceRecordSet *set) ERROR_MUST_USE;
/* The key of a record set: the zone, then the order of ListResourceRecordSets. Members may be NULL from the end: a prefix. */
void record_set_key(Arena *arena, Key *key, const char *zone_id, const char *name, const char *type, const char *set_identifier);
/* A health check of the caller's account. Errors: NoSuchHealthCheck. */
Error *check_get(Call *call, const char *id, Route53HealthRecord **ret_check) ERROR_MUST_USE;
Error *check_put(Call *call, const Route53HealthRecord *check) ERROR_MUST_USE;
/* Records a change and answers it as PENDING. What it changed is answered by DNS from the commit on, so GetChange says INSYNC. */
Error *change_make(Call *call, const char *comment, Route53ChangeInfo **ret_change) ERROR_MUST_USE;
/* A reusable delegation set. Errors: NoSuchDelegationSet. */
Error *delegation_get(Call *call, const char *id, Route53DelegationRecord **ret_set) ERROR_MUST_USE;
/* Four name servers, one of each of the domains that Route 53 uses. private_zone: those of all private zones. */
Route53DelegationSet *delegation_make(Arena *arena, gboolean private_zone);

/* "Z123" of "/hostedzone/Z123", "hostedzone/Z123" and "Z123". */
const char *plain_id(const char *id);
/* The rows' .authorize: arn:aws:route53:::hostedzone/..., healthcheck/..., of what the input names; "*" if it names none.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53.html */
Error *zone_resource(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;
Error *check_resource(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;

typedef struct Page { gsize from, to; gboolean truncated; const char *max; } Page;
/* A page of n things from an index on. max_items: text as sent, or NULL (100). Errors: InvalidInput. */
Error *zones_page(Call *call, const char *max_items, gsize from, gsize n, Page *ret_page) ERROR_MUST_USE;

/* -- names and data ----------------------------------------------------------------------------------------------------------- */

/* The name as Route 53 keeps it: lower case, with a dot at the end, characters beyond a-z 0-9 - _ * . as \ooo. NULL: no domain name.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html */
char *domain_name(Arena *arena, const char *text);
/* "com.example.www." of "www.example.com." */
char *domain_reversed(Arena *arena, const char *name);
/* Whether name is zone or below it; both as domain_name gives them. */
gboolean domain_within(const char *name, const char *zone);
/* NULL, or why value is no data of a record of this type, in Route 53's words (arena). */
const char *rdata_problem(Arena *arena, const char *type, const char *value);
/* NULL, or what is wrong with a record set to be created, in Route 53's words (arena). */
const char *record_set_problem(Call *call, const Route53ZoneRecord *zone, const Route53ResourceRecordSet *set);
/* What kind of routing it asks for: "simple", "weighted", ... */
const char *routing_policy(const Route53ResourceRecordSet *set);

/* -- DNS ------------------------------------------------------------------------------------------------------------------------ */

typedef struct Edge Edge;       /* the service's state */
Edge *edge_of(const Haar *haar);

/* A zone as the answerer sees it. Immutable; counted. */
typedef struct DnsZone {
  Arena *arena;
  const char *id, *name, *account; /* name: as domain_name gives it */
  gboolean private_zone;
  StringList vpcs;
  GHashTable *names;             /* name -> GPtrArray of Route53ResourceRecordSet *; an empty one for a name between others */
} DnsZone;

/* The zones, kept in step with the store: a change marks its zone in the transaction, and the next query reads it again. */
typedef struct DnsView DnsView;
DnsView *view_new(Haar *haar);   /* without a store: what view_insert gives it */
void view_free(DnsView *view);
/* In a write transaction: the zone is another after the commit. */
void view_changed(DnsView *view, Txn *txn, const char *zone_id);
/* The most specific zone with this name in it: private_zones: those of the VPC; else the public ones. NULL: none. Release with view_release.
 * Any thread. */
DnsZone *view_find(DnsView *view, const char *vpc_id, gboolean private_zones, const char *name);
/* A public zone with no record yet; transfer full. name: as domain_name gives it. */
DnsZone *zone_new(const char *id, const char *name);
/* set lives as long as zone; its name: as domain_name gives it. */
void zone_add(DnsZone *zone, Route53ResourceRecordSet *set);
/* Takes zone. */
void view_insert(DnsView *view, DnsZone *zone);
DnsZone *view_zone(DnsView *view, const char *zone_id);
void view_release(DnsZone *zone);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DnsZone, view_release)

/* One row of an answer. */
typedef struct DnsRow { const char *name, *type, *text; gint64 ttl; } DnsRow;
typedef struct DnsRows { gsize n; DnsRow *v; } DnsRows;

typedef struct DnsQuestion {
  Haar *haar;
  Arena *arena;
  const char *vpc_id;            /* or NULL */
  gboolean private_zones;        /* begin in those of the VPC */
  gboolean recursive;            /* a resolver: follows aliases out of the zones */
  const char *name, *type;       /* name: as domain_name gives it */
  const char *region;            /* where it is asked from */
  gboolean (*healthy)(gpointer data, const char *check_id);
  gpointer data;                 /* of healthy */
} DnsQuestion;

typedef struct DnsAnswer {
  DnsRows answer, authority;
  gboolean no_name;              /* NXDOMAIN */
  gboolean authoritative;
} DnsAnswer;

/* Answers from a zone that view_find gave. */
void dns_answer(const DnsQuestion *question, DnsZone *zone, DnsAnswer *ret_answer);
/* What Route 53 chooses of record sets of one name and type: appended to ret_chosen.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-how-route-53-chooses-records.html */
void dns_choose(const DnsQuestion *question, DnsZone *zone, const GPtrArray *sets, const char *type, GPtrArray *ret_chosen);

/* Answers a query message. vpc_id NULL: outside. FALSE: no zone has the name (or it is no query), and nothing was written. Any thread. */
gboolean dns_message(Haar *haar, const char *vpc_id, gboolean private_zones, gboolean recursive, const guint8 *query, gsize size, GByteArray *out);
/* The name servers on the host: as dns_message, without recursion; what is of no zone is REFUSED. datagram: cut to what the asker takes. */
gboolean dns_datagram(Haar *haar, gboolean datagram, const guint8 *query, gsize size, GByteArray *out);
/* The name servers' port on the host (haar->dns_port is then the one that was opened), and the zones in the VPCs' resolvers. */
typedef struct DnsServer DnsServer;
Error *dns_server_start(Haar *haar, DnsServer **ret_server) ERROR_MUST_USE;
void dns_server_stop(DnsServer *server);

/* -- health ----------------------------------------------------------------------------------------------------------------------- */

typedef struct Health Health;
Error *health_start(Haar *haar, Health **ret_health) ERROR_MUST_USE;
void health_stop(Health *health);
/* In a write transaction: the check is new, another or gone after the commit. */
void health_changed(Health *health, Txn *txn, const char *check_id);
/* Whether records with this check are answered. One that is not there is healthy. Any thread. */
gboolean health_is_good(Health *health, const char *check_id);
typedef struct HealthReport { gboolean known, good; gint64 checked_ms, failed_ms; char *status, *failure; } HealthReport;
/* Texts: arena. */
HealthReport health_report(Health *health, Arena *arena, const char *check_id);

struct Edge {
  DnsView *view;
  Health *health;
  DnsServer *server;
};
