/* From a question to the rows of its answer: names, wildcards, aliases, what is delegated. */
#include "services/route53/route53.h"

#include <string.h>

#include "fabric/fabric.h"

enum { HOPS_MAX = 8, SERVICE_TTL = 60 };

static void
add_row(const DnsQuestion *q, DnsRows *rows, const char *name, const char *type, gint64 ttl, const char *text)
{
  const DnsRow row = {name, type, text, ttl};
  LIST_APPEND(q->arena, rows, row);
}

static gboolean
has_type(const GPtrArray *sets, const char *type)
{
  for (guint i = 0; sets && i < sets->len; i++)
    if (!strcmp(((const Route53ResourceRecordSet *) sets->pdata[i])->Type, type))
      return TRUE;
  return FALSE;
}

static const char *
parent(const char *name)
{
  const char *dot = strchr(name, '.');
  return dot && dot[1] ? dot + 1 : NULL;
}

/* The records of a name, or of the wildcard that stands for it; NULL: there is no such name. */
static const GPtrArray *
find_sets(const DnsQuestion *q, const DnsZone *zone, const char *name)
{
  const GPtrArray *sets = g_hash_table_lookup(zone->names, name);
  const char *above = parent(name);
  while (!sets && above && domain_within(above, zone->name)) {
    sets = g_hash_table_lookup(zone->names, arena_printf(q->arena, "\\052.%s", above));
    if (!sets && g_hash_table_contains(zone->names, above))
      return NULL;
    above = parent(above);
  }
  return sets;
}

/* The name servers that a name of the zone was given to, or NULL. */
static const Route53ResourceRecordSet *
find_delegation(const DnsZone *zone, const char *name, const char *type)
{
  const Route53ResourceRecordSet *found = NULL;
  for (const char *at = name; at && strcmp(at, zone->name); at = parent(at)) {
    const GPtrArray *sets = g_hash_table_lookup(zone->names, at);
    if (at == name && !strcmp(type, "DS"))
      continue;
    for (guint i = 0; sets && i < sets->len; i++)
      if (!strcmp(((const Route53ResourceRecordSet *) sets->pdata[i])->Type, "NS"))
        found = sets->pdata[i];
  }
  return found;
}

/* What the region's own resolver has for a name: services, endpoints, databases. */
static void
add_service_addresses(const DnsQuestion *q, const char *owner, const char *target, DnsAnswer *answer)
{
  g_autofree char *name = g_strndup(target, strlen(target) - g_str_has_suffix(target, "."));
  g_auto(GStrv) addresses = q->haar && q->haar->fabric ? fabric_resolve(q->haar->fabric, q->vpc_id, name) : NULL;
  gboolean ours = g_str_has_suffix(name, ".amazonaws.com") || g_str_has_suffix(name, ".cloudfront.net");
  for (guint i = 0; addresses && addresses[i]; i++) {
    const char *type = strchr(addresses[i], ':') ? "AAAA" : "A";
    if (!strcmp(type, q->type))
      add_row(q, &answer->answer, owner, type, SERVICE_TTL, arena_strdup(q->arena, addresses[i]));
  }
  if (!addresses && ours && !strcmp(q->type, "A"))
    add_row(q, &answer->answer, owner, "A", SERVICE_TTL, "127.0.0.1");
}

static void answer_sets(const DnsQuestion *q, DnsZone *zone, const GPtrArray *sets, const char *owner, const char *type, guint hop, DnsAnswer *answer);

static void
answer_alias(const DnsQuestion *q, DnsZone *zone, const Route53ResourceRecordSet *set, const char *owner, guint hop, DnsAnswer *answer)
{
  const Route53AliasTarget *alias = set->AliasTarget;
  if (strcmp(plain_id(alias->HostedZoneId), zone->id)) {
    add_service_addresses(q, owner, alias->DNSName, answer);
    return;
  }
  const GPtrArray *sets = find_sets(q, zone, alias->DNSName);
  if (sets && hop < HOPS_MAX)
    answer_sets(q, zone, sets, owner, set->Type, hop + 1, answer);
}

static void
answer_sets(const DnsQuestion *q, DnsZone *zone, const GPtrArray *sets, const char *owner, const char *type, guint hop, DnsAnswer *answer)
{
  g_autoptr(GPtrArray) chosen = g_ptr_array_new();
  dns_choose(q, zone, sets, type, chosen);
  for (guint i = 0; i < chosen->len; i++) {
    const Route53ResourceRecordSet *set = chosen->pdata[i];
    if (set->AliasTarget)
      answer_alias(q, zone, set, owner, hop, answer);
    for (gsize j = 0; j < set->ResourceRecords.n; j++)
      add_row(q, &answer->answer, owner, set->Type, set->TTL.v, set->ResourceRecords.v[j]->Value);
  }
}

static void
add_authority(const DnsQuestion *q, DnsZone *zone, const char *type, DnsAnswer *answer)
{
  const GPtrArray *sets = g_hash_table_lookup(zone->names, zone->name);
  DnsAnswer own = {0};
  answer_sets(q, zone, sets, zone->name, type, 0, &own);
  answer->authority = own.answer;
}

/* The name in *name is looked up in the zone. *name becomes what is to be looked up next, or NULL. */
static void
answer_name(const DnsQuestion *q, DnsZone *zone, const char **name, guint hop, DnsAnswer *answer)
{
  const char *owner = *name;
  const Route53ResourceRecordSet *delegation = zone->private_zone ? NULL : find_delegation(zone, owner, q->type);
  const GPtrArray *sets = find_sets(q, zone, owner);
  *name = NULL;
  if (delegation) {
    answer->authoritative = answer->answer.n > 0;
    for (gsize i = 0; i < delegation->ResourceRecords.n; i++)
      add_row(q, &answer->authority, delegation->Name, "NS", delegation->TTL.v, delegation->ResourceRecords.v[i]->Value);
    return;
  }
  gsize before = answer->answer.n;
  gboolean cname = sets && has_type(sets, "CNAME") && strcmp(q->type, "CNAME");
  answer->no_name = !sets && hop == 0;
  if (sets)
    answer_sets(q, zone, sets, owner, cname ? "CNAME" : q->type, 0, answer);
  if (cname && answer->answer.n > before)
    *name = domain_name(q->arena, answer->answer.v[answer->answer.n - 1].text);
  if (answer->answer.n == before)
    add_authority(q, zone, "SOA", answer);
}

static DnsZone *
zone_of(const DnsQuestion *q, const char *name)
{
  DnsView *view = edge_of(q->haar)->view;
  DnsZone *zone = q->vpc_id ? view_find(view, q->vpc_id, TRUE, name) : NULL;
  return zone ? zone : view_find(view, q->vpc_id, FALSE, name);
}

/* A CNAME is followed within its zone; by a resolver everywhere. */
void
dns_answer(const DnsQuestion *question, DnsZone *zone, DnsAnswer *ret_answer)
{
  const char *name = question->name;
  g_autoptr(DnsZone) at = g_atomic_rc_box_acquire(zone);
  ret_answer->authoritative = TRUE;
  for (guint hop = 0; name && hop < HOPS_MAX; hop++) {
    answer_name(question, at, &name, hop, ret_answer);
    if (!name || (domain_within(name, at->name) && !question->recursive))
      continue;
    if (!question->recursive)
      return;
    DnsZone *next = zone_of(question, name);
    if (!next) {
      add_service_addresses(question, name, name, ret_answer);
      return;
    }
    view_release(at);
    at = next;
  }
}
