/* Dropped connections, refused names and denied calls of the last hour, each with who, what, where, why and what mends it. */
#include "services/ec2/why.h"

#include <string.h>

enum { HOUR_MS = 3600 * 1000, ENTRIES_MAX = 500 };

/* --- places --- */

void place_clear(Place *place) {
  g_clear_pointer(&place->network, network_free);
  g_clear_pointer(&place->owners, owners_free);
}

static void place_free(gpointer place) {
  place_clear(place);
  g_free(place);
}

/* Every VPC (or the one): networks; owners are loaded only for the one. */
static Error *find_places(Call *call, Txn *txn, const char *vpc_id, GPtrArray *places) {
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(txn, &ec2_vpcs.table, &(CursorOptions){0}, &cursor));
  while (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    char *region = NULL, *account = NULL, *id = NULL;
    gsize size = 0;
    if (!key_read(&reader, call->arena, &region, &size) || !key_read(&reader, call->arena, &account, &size) || !key_read(&reader, call->arena, &id, &size) ||
        (vpc_id && strcmp(vpc_id, id) != 0))
      continue;
    Place *place = g_new0(Place, 1);
    g_ptr_array_add(places, place);
    TRY(ec2_network(txn, region, account, id, &place->network));
    if (place->network)
      ec2_network_faults(call->haar, place->network);
    TRY(owners_load(call->haar, account, region, &place->owners));
  }
  return NULL;
}

Error *places_all(Call *call, GPtrArray **ret_places) {
  g_autoptr(Txn) txn = NULL;
  g_autoptr(GPtrArray) places = g_ptr_array_new_with_free_func(place_free);
  TRY(store_begin_read(call->haar->store, &txn));
  TRY(find_places(call, txn, NULL, places));
  *ret_places = g_steal_pointer(&places);
  return NULL;
}

Error *place_find(Call *call, const char *vpc_id, Place *ret_place) {
  g_autoptr(Txn) txn = NULL;
  g_autoptr(GPtrArray) places = g_ptr_array_new_with_free_func(place_free);
  *ret_place = (Place){0};
  TRY(store_begin_read(call->haar->store, &txn));
  TRY(find_places(call, txn, vpc_id, places));
  if (places->len == 0)
    return owners_load(call->haar, call->account, call->region, &ret_place->owners);
  Place *place = places->pdata[0];
  *ret_place = *place;
  *place = (Place){0};
  return NULL;
}

/* --- JSON --- */

void set_text(Call *call, Json *object, const char *key, const char *text) {
  json_set(call->arena, object, key, text ? json_new_string(call->arena, text) : json_new_null(call->arena));
}

static void set_int(Call *call, Json *object, const char *key, gint64 value) { json_set(call->arena, object, key, json_new_int(call->arena, value)); }

Json *party_json(Call *call, const Party *party) {
  Json *object = json_new_object(call->arena);
  set_text(call, object, "kind", party->kind);
  set_text(call, object, "name", party->name);
  set_text(call, object, "label", party->label ? party->label : party->address);
  const char *const more[][2] = {{"interface", party->eni}, {"address", party->address}, {"subnet", party->subnet}, {"host", party->host}};
  for (gsize i = 0; i < G_N_ELEMENTS(more); i++)
    if (more[i][1])
      set_text(call, object, more[i][0], more[i][1]);
  return object;
}

static void set_cause(Call *call, Json *object, Cause cause) {
  set_text(call, object, "cause", causes[cause].slug);
  set_text(call, object, "page", arena_printf(call->arena, "docs/explain/%s.md", causes[cause].slug));
}

void set_explanation(Call *call, Json *object, const Owners *owners, const Explanation *explanation) {
  set_cause(call, object, explanation->id);
  set_text(call, object, "why", explanation->why);
  set_text(call, object, "mend", explanation->mend);
  set_text(call, object, "command", explanation->command);
  set_text(call, object, "snippet", owners ? owners_references(owners, call->arena, explanation->snippet) : explanation->snippet);
}

void set_network(Call *call, Json *out) {
  const Haar *haar = call->haar;
  json_set(call->arena, out, "network", json_new_bool(call->arena, haar->fabric != NULL));
  if (!haar->fabric)
    set_text(call, out, "network_off_reason", haar->network_off_reason ? haar->network_off_reason : "--network=off");
}

const char *party_service(const Party *party) { return strcmp(party->kind, "service") == 0 ? party->name : NULL; }

/* --- what AWS would show --- */

/* boto3 (botocore's defaults: https://docs.aws.amazon.com/boto3/latest/guide/configuration.html) waits 60 s for a connection and tries five times. */
static const char *wait_of(const Party *who, int port) {
  if (port == 3306)
    return "MySQL clients wait 10 s or more: \"Can't connect to MySQL server (timed out)\"";
  if (who->runtime && g_str_has_prefix(who->runtime, "nodejs"))
    return "the AWS SDK for JavaScript waits as long as the system does, about two minutes an attempt, three times";
  if (who->runtime && g_str_has_prefix(who->runtime, "provided"))
    return "the program's own time-out decides";
  return "boto3 waits 60 s for a connection and tries 5 times: ConnectTimeoutError";
}

static const char *shown_blocked(Call *call, const Party *who, int protocol, int port) {
  const char *what = protocol == 6 ? arena_printf(call->arena, "the connection hangs without an error; %s", wait_of(who, port)) : "no answer comes";
  if (who->timeout_s)
    return arena_printf(call->arena, "%s; Lambda ends the function first: \"Task timed out after %" G_GINT64_FORMAT ".00 seconds\"", what, who->timeout_s);
  return what;
}

/* --- dropped packets --- */

typedef struct Gather {
  Call *call;
  Json *list;
  gint64 since;
  const char *of;            /* only this one's, or NULL */
  Place place;               /* the last that was looked at */
  Owners *none;              /* of the default account, for what has no VPC */
} Gather;

/* The place of a VPC; it is kept while the next one asks for the same. */
static Error *at_place(Gather *gather, const char *vpc_id) {
  if (gather->place.network && strcmp(gather->place.network->vpc_id, vpc_id) == 0)
    return NULL;
  place_clear(&gather->place);
  return place_find(gather->call, vpc_id, &gather->place);
}

static gboolean is_of(const Gather *gather, const Party *who) {
  const char *of = gather->of;
  const char *const names[] = {who->name, who->eni, who->address, who->label, who->subnet};
  for (gsize i = 0; of && i < G_N_ELEMENTS(names); i++)
    if (g_strcmp0(names[i], of) == 0)
      return TRUE;
  g_auto(GStrv) labels = g_strsplit(who->label ? who->label : "", " or ", -1);
  g_autofree char *function = g_strdup_printf("function %s", of ? of : "");
  return !of || g_strv_contains((const char *const *) labels, function);
}

static Json *entry_new(Call *call, const char *kind, const char *id, gint64 time_ms, guint count) {
  Json *entry = json_new_object(call->arena);
  set_text(call, entry, "kind", kind);
  set_text(call, entry, "id", id);
  set_text(call, entry, "time", text_iso8601(call->arena, time_ms, TRUE));
  set_int(call, entry, "count", count);
  return entry;
}

static void set_packet(Call *call, Json *entry, const Drop *drop) {
  set_text(call, entry, "vpc", drop->vpc_id);
  set_text(call, entry, "eni", drop->eni_id);
  set_text(call, entry, "source", drop->source);
  set_int(call, entry, "sourcePort", drop->source_port);
  set_text(call, entry, "destination", drop->destination);
  set_int(call, entry, "destinationPort", drop->destination_port);
  set_int(call, entry, "protocol", drop->protocol);
  json_set(call->arena, entry, "reply", json_new_bool(call->arena, drop->reply));
  set_text(call, entry, "stage", reach_stages[drop->stage].what);
  set_text(call, entry, "rule", drop->rule);
}

/* What people call the rule: rules without an id are named for what they are. */
static const char *rule_named(const Owners *owners, Arena *arena, const Drop *drop) {
  static const struct { ReachStage stage; const char *rule, *name; } names[] = {   /* a row each of what has no id */
    {STAGE_ROUTE, "local", "(the VPC's own addresses)"}, {STAGE_ROUTE, "igw", "(the internet gateway)"}, {STAGE_ROUTE, "blackhole", "(a blackhole)"},
    {STAGE_ROUTE, "eigw", "(the egress-only gateway)"}, {STAGE_DELIVER, "internet", "(haar has no way to the internet)"}, {STAGE_DELIVER, "private", "(no address of the internet)"},
    {STAGE_DELIVER, "nobody", "(a public address that nothing has)"},
    {STAGE_DELIVER, "port", "(a port that endpoints do not answer on)"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
    if (drop->stage == names[i].stage && strcmp(drop->rule, names[i].rule) == 0)
      return names[i].name;
  return owners_named(owners, arena, drop->rule);
}

static Error *add_drop(Gather *gather, const Drop *drop) {
  Call *call = gather->call;
  TRY(at_place(gather, drop->vpc_id));
  Owners *owners = gather->place.owners;
  const Network *network = gather->place.network;
  Party source = owners_party(owners, network, drop->source, drop->reply ? NULL : drop->eni_id, drop->time_ms), destination = owners_party(owners, network, drop->destination, NULL, drop->time_ms);
  const Party *who = drop->reply ? &destination : &source, *to = drop->reply ? &source : &destination;
  guint16 port = drop->reply ? drop->source_port : drop->destination_port;
  if (!is_of(gather, who))
    return NULL;
  Blocked blocked = {.stage = drop->stage, .rule = drop->rule, .eni = *drop->eni_id ? drop->eni_id : NULL, .protocol = drop->protocol, .source_port = drop->source_port,
                     .port = drop->destination_port, .reply = drop->reply, .source_name = source.label, .destination_name = destination.label,
                     .service = party_service(&destination)};
  ip_parse(drop->source, &blocked.source);
  ip_parse(drop->destination, &blocked.destination);
  Explanation explanation = reach_explain(network, call->arena, &blocked);
  Json *entry = entry_new(call, "connection", arena_printf(call->arena, "c%" G_GUINT64_FORMAT, drop->sequence), drop->time_ms, drop->count);
  set_packet(call, entry, drop);
  json_set(call->arena, entry, "who", party_json(call, who));
  json_set(call->arena, entry, "to", party_json(call, to));
  set_int(call, entry, "port", port);
  set_text(call, entry, "rule_name", rule_named(owners, call->arena, drop));
  set_explanation(call, entry, owners, &explanation);
  const char *shown = shown_blocked(call, who, drop->protocol, port);
  set_text(call, entry, "shown", explanation.id == CAUSE_NO_INTERNET ? arena_printf(call->arena, "nothing: it would arrive. Here, %s", shown) : shown);
  json_append(call->arena, gather->list, entry);
  return NULL;
}

static Error *add_drops(Gather *gather, const char *vpc_id) {
  g_autofree Drop *drops = NULL;
  guint n = 0;
  fabric_drops(gather->call->haar->fabric, vpc_id, gather->since, ENTRIES_MAX, &drops, &n);
  for (guint i = 0; i < n; i++)
    TRY(add_drop(gather, &drops[i]));
  return NULL;
}

/* --- refused names --- */

/* A private hosted zone has it, but the VPC does not ask it. */
static Explanation explain_silent_zone(Call *call, const RefusedName *name) {
  return (Explanation){
    .id = CAUSE_DNS_OFF,
    .why = arena_printf(call->arena, "A private hosted zone of %s is for %s, but it does not answer there: private zones need the VPC's attributes enableDnsSupport and "
                        "enableDnsHostnames, and the second one is off.", name->vpc_id, name->name),
    .mend = "Switch enableDnsHostnames on.",
    .command = arena_printf(call->arena, "aws ec2 modify-vpc-attribute --vpc-id %s --enable-dns-hostnames '{\"Value\":true}'", name->vpc_id),
    .snippet = arena_printf(call->arena, "EnableDnsSupport: true        # of the VPC %s\nEnableDnsHostnames: true", name->vpc_id)};
}

static Explanation explain_unknown(Call *call, const RefusedName *name) {
  Arena *arena = call->arena;
  Explanation e = {.id = CAUSE_UNKNOWN_NAME};
  if (*name->vpc_id && fabric_zone_silent(call->haar->fabric, name->vpc_id, name->name))
    return explain_silent_zone(call, name);
  if (strstr(name->name, ".rds.amazonaws.com")) {
    e.why = arena_printf(arena, "No DB instance or cluster has the endpoint %s.", name->name);
    e.mend = "Take the endpoint's name from the resource (!GetAtt Cluster.Endpoint.Address), not from a copy.";
    e.command = "aws rds describe-db-clusters --query 'DBClusters[].[DBClusterIdentifier,Endpoint,ReaderEndpoint]'";
  } else if (strstr(name->name, ".vpce.amazonaws.com")) {
    e.why = arena_printf(arena, "No VPC endpoint has the name %s.", name->name);
    e.mend = "Take the name from the endpoint's DNS entries.";
    e.command = "aws ec2 describe-vpc-endpoints --query 'VpcEndpoints[].DnsEntries[].DnsName'";
  } else {
    gboolean alone = fabric_internet(call->haar->fabric) == INTERNET_NONE;
    const char *vpc = *name->vpc_id ? name->vpc_id : NULL;
    e.why = arena_printf(arena, "The resolver of %s does not know %s: it is no name of an AWS service%s, and %s.", vpc ? vpc : "functions without a VPC", name->name,
                         vpc ? ", of this VPC or of a private hosted zone of it" : " or of a hosted zone", alone ? "nothing is asked outside" : "nor does the resolver of this machine");
    e.mend = arena_printf(arena, "%s%s", alone ? "If it is a name on the internet: on AWS it would be found; haar serve --egress=host asks this machine's resolver for it. " : "",
                          vpc ? "If it is yours: a record in a private hosted zone of the VPC." : "If it is yours: a record in a public hosted zone.");
    e.snippet = arena_printf(arena, "PrivateRecord:\n  Type: AWS::Route53::RecordSet\n  Properties:\n    HostedZoneId: !Ref PrivateZone\n    Name: %s\n    Type: A\n    TTL: \"60\"\n"
                             "    ResourceRecords:\n      - <address>", name->name);
  }
  return e;
}

/* What the name would lead to if the resolver were on. */
static Explanation explain_off(Call *call, const RefusedName *name) {
  g_auto(GStrv) addresses = fabric_resolve(call->haar->fabric, name->vpc_id, name->name);
  g_autofree char *joined = g_strjoinv(", ", addresses);
  return (Explanation){
    .id = CAUSE_DNS_OFF,
    .why = arena_printf(call->arena, "%s has no resolver: its attribute enableDnsSupport is off, so that %s leads nowhere (it would be %s).", name->vpc_id, name->name,
                        *joined ? joined : "unknown all the same"),
    .mend = "Switch enableDnsSupport on; private DNS of endpoints needs enableDnsHostnames too.",
    .command = arena_printf(call->arena, "aws ec2 modify-vpc-attribute --vpc-id %s --enable-dns-support '{\"Value\":true}'", name->vpc_id),
    .snippet = arena_printf(call->arena, "EnableDnsSupport: true        # of the VPC %s\nEnableDnsHostnames: true", name->vpc_id)};
}

static const char *shown_name(Call *call, const Party *who, const RefusedName *name) {
  const char *error = name->cause == NAME_UNKNOWN ? "[Errno -2] Name or service not known" : "[Errno -3] Temporary failure in name resolution";
  const char *boto = strstr(name->name, "amazonaws.com") && who->runtime && g_str_has_prefix(who->runtime, "python")
    ? arena_printf(call->arena, "; boto3: Could not connect to the endpoint URL: \"https://%s/\"", name->name) : "";
  return arena_printf(call->arena, "%s: \"%s\"%s", name->cause == NAME_UNKNOWN ? "an error at once" : "an error after some seconds", error, boto);
}

static Error *add_name(Gather *gather, const RefusedName *name) {
  Call *call = gather->call;
  TRY(at_place(gather, name->vpc_id));
  Owners *owners = gather->place.owners;
  Party who = owners_party(owners, gather->place.network, name->source, name->eni_id, name->time_ms);
  if (!is_of(gather, &who))
    return NULL;
  Explanation explanation = name->cause == NAME_DNS_OFF ? explain_off(call, name)
    : name->cause == NAME_UNKNOWN ? explain_unknown(call, name)
    : (Explanation){.id = CAUSE_FAULT, .why = arena_printf(call->arena, "A fault that was injected here keeps %s from being resolved in %s.", name->name, name->vpc_id),
                    .mend = "It ends when the fault is lifted.", .command = "haar fault lift all"};
  Json *entry = entry_new(call, "name", arena_printf(call->arena, "n%" G_GUINT64_FORMAT, name->sequence), name->time_ms, name->count);
  set_text(call, entry, "vpc", name->vpc_id);
  set_text(call, entry, "name", name->name);
  set_text(call, entry, "stage", "resolver");
  json_set(call->arena, entry, "who", party_json(call, &who));
  set_explanation(call, entry, owners, &explanation);
  set_text(call, entry, "shown", shown_name(call, &who, name));
  json_append(call->arena, gather->list, entry);
  return NULL;
}

static Error *add_names(Gather *gather, const char *vpc_id) {
  g_autofree RefusedName *names = NULL;
  guint n = 0;
  fabric_refused_names(gather->call->haar->fabric, vpc_id, gather->since, ENTRIES_MAX, &names, &n);
  for (guint i = 0; i < n; i++)
    TRY(add_name(gather, &names[i]));
  return NULL;
}

/* --- denied calls --- */

static const struct { const char *kind; Cause cause; } denials[] = {
  {"identity-based policy", CAUSE_DENIED_IDENTITY}, {"permissions boundary", CAUSE_DENIED_BOUNDARY}, {"session policy", CAUSE_DENIED_SESSION},
  {"resource-based policy", CAUSE_DENIED_RESOURCE}, {"role trust policy", CAUSE_DENIED_TRUST}, {"VPC endpoint policy", CAUSE_DENIED_ENDPOINT},
};

static Cause denial_cause(const Json *denial) {
  const char *kind = json_string(json_get(denial, "policy_kind"));
  const Json *explicit = json_get(denial, "explicit_deny");
  if (json_get(denial, "fault"))
    return CAUSE_INJECTED_ERROR;
  if (explicit && explicit->type == JSON_TRUE)
    return CAUSE_DENIED_EXPLICIT;
  for (gsize i = 0; i < G_N_ELEMENTS(denials); i++)
    if (g_strcmp0(kind, denials[i].kind) == 0)
      return denials[i].cause;
  return CAUSE_DENIED_IDENTITY;
}

static const char *document(Call *call, const char *statement) {
  return arena_printf(call->arena, "{\"Version\":\"2012-10-17\",\"Statement\":[%s]}", statement);
}

/* The command that gives the permission, where there is one that takes nothing else away. */
static const char *denial_command(Call *call, Cause cause, const Json *denial) {
  const char *arn = json_string(json_get(denial, "principal")), *mend = json_string(json_get(denial, "mend"));
  const char *endpoint = json_string(json_get(denial, "endpoint")), *fault = json_string(json_get(denial, "fault"));
  if (fault)
    return arena_printf(call->arena, "haar fault lift %s", fault);
  if (!mend || !arn)
    return NULL;
  if (cause == CAUSE_DENIED_ENDPOINT && endpoint)
    return arena_printf(call->arena, "aws ec2 modify-vpc-endpoint --vpc-endpoint-id %s --policy-document '%s'   # the whole policy: keep its other statements", endpoint,
                        document(call, mend));
  const char *role = strstr(arn, ":assumed-role/"), *user = strstr(arn, ":user/");
  if (cause != CAUSE_DENIED_IDENTITY || (!role && !user))
    return NULL;
  g_auto(GStrv) parts = g_strsplit(role ? role : user, "/", -1);
  const char *name = role ? parts[1] : parts[g_strv_length(parts) - 1];
  return arena_printf(call->arena, "aws iam put-%s-policy --%s-name %s --policy-name haar-mend --policy-document '%s'", role ? "role" : "user", role ? "role" : "user", name,
                      document(call, mend));
}

/* Who called: a session of a function's role has the function's name. */
static Party denial_party(const Owners *owners, const Json *denial) {
  const char *arn = json_string(json_get(denial, "principal"));
  const char *session = arn ? strrchr(arn, '/') : NULL;
  const OwnedFunction *function = session && strstr(arn, ":assumed-role/") ? owners_function(owners, session + 1) : NULL;
  if (!function)
    return (Party){.kind = "principal", .name = session ? session + 1 : arn, .label = arn};
  return (Party){.kind = "function", .name = function->name, .label = arena_printf(owners->call->arena, "function %s", function->name),
                 .timeout_s = function->timeout_s, .runtime = function->runtime};
}

static void add_denial(Gather *gather, Json *denial) {
  Call *call = gather->call;
  Cause cause = denial_cause(denial);
  Party who = denial_party(gather->none, denial);
  const char *mend = json_string(json_get(denial, "mend"));
  if (!is_of(gather, &who))
    return;
  Json *entry = json_copy(call->arena, denial);
  set_text(call, entry, "kind", "denial");
  set_text(call, entry, "id", arena_printf(call->arena, "d%s", json_string(json_get(denial, "request_id"))));
  set_int(call, entry, "count", 1);
  json_set(call->arena, entry, "who", party_json(call, &who));
  set_cause(call, entry, cause);
  set_text(call, entry, "why", json_string(json_get(denial, "message")));
  set_text(call, entry, "shown", "an error at once, with these words (AccessDenied, AccessDeniedException, UnauthorizedOperation: each service has its own code)");
  set_text(call, entry, "mend", cause == CAUSE_INJECTED_ERROR ? "It ends when the fault is lifted." : cause == CAUSE_DENIED_EXPLICIT ? "Narrow that statement, or remove it: nothing can allow what a Deny forbids." : "Allow the action there.");
  set_text(call, entry, "command", denial_command(call, cause, denial));
  set_text(call, entry, "snippet", mend ? arena_printf(call->arena, "Statement:\n  - %s", mend) : NULL);
  json_append(call->arena, gather->list, entry);
}

static Error *add_denials(Gather *gather) {
  Json *list = NULL;
  TRY(server_denials(gather->call->haar->server, gather->call->arena, gather->since, ENTRIES_MAX, &list));
  for (guint32 i = 0; i < list->n; i++)
    add_denial(gather, list->items[i]);
  return NULL;
}

/* --- the list --- */

static int newest_first(const void *a, const void *b) {
  const Json *const *one = a, *const *two = b;
  return strcmp(json_string(json_get(*two, "time")), json_string(json_get(*one, "time")));
}

static gint64 number_or(const Json *in, const char *key, gint64 other) {
  const Json *value = json_get(in, key);
  return value && (value->type == JSON_STRING || value->type == JSON_NUMBER) ? g_ascii_strtoll(value->text, NULL, 10) : other;
}

static void gather_clear(Gather *gather) {
  place_clear(&gather->place);
  g_clear_pointer(&gather->none, owners_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Gather, gather_clear)

static Error *gather_all(Gather *gather, const char *vpc_id) {
  if (gather->call->haar->fabric) {
    TRY(add_drops(gather, vpc_id));
    TRY(add_names(gather, vpc_id));
  }
  TRY(owners_load(gather->call->haar, gather->call->account, gather->call->region, &gather->none));
  return add_denials(gather);
}

/* in: since_ms (of the last hour, if none), of (a function, database, interface, address), vpc. */
Error *admin_why(Call *call, const Json *in, Json **ret_out) {
  g_auto(Gather) gather = {.call = call, .list = json_new_array(call->arena), .since = clock_now() - number_or(in, "since_ms", HOUR_MS), .of = json_string(json_get(in, "of"))};
  TRY(gather_all(&gather, json_string(json_get(in, "vpc"))));
  if (gather.list->n)
    qsort(gather.list->items, gather.list->n, sizeof *gather.list->items, newest_first);
  *ret_out = json_new_object(call->arena);
  set_network(call, *ret_out);
  json_set(call->arena, *ret_out, "entries", gather.list);
  return NULL;
}

/* Only the packets. */
Error *admin_drops(Call *call, const Json *in, Json **ret_out) {
  g_auto(Gather) gather = {.call = call, .list = json_new_array(call->arena), .since = clock_now() - HOUR_MS};
  if (!call->haar->fabric)
    return error_answer("NetworkOff", "The network is off: %s", call->haar->network_off_reason ? call->haar->network_off_reason : "--network=off");
  TRY(add_drops(&gather, json_string(json_get(in, "vpc"))));
  *ret_out = json_new_object(call->arena);
  json_set(call->arena, *ret_out, "drops", gather.list);
  return NULL;
}
