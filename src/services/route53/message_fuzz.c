/* Any bytes as a query to the name servers, over a zone with names, a wildcard, an alias and a delegation: no crash, and an answer only to
 * what is a query. */
#include <stdint.h>

#include "services/route53/route53.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Route53ResourceRecordSet *
add(DnsZone *zone, const char *name, const char *type, const char *value)
{
  Route53ResourceRecordSet *set = ARENA_NEW(zone->arena, Route53ResourceRecordSet);
  Route53ResourceRecord *record = ARENA_NEW(zone->arena, Route53ResourceRecord);
  record->Value = value;
  *set = (Route53ResourceRecordSet) {.Name = name, .Type = type, .TTL = OPT_INT(60)};
  if (value)
    LIST_APPEND(zone->arena, &set->ResourceRecords, record);
  zone_add(zone, set);
  return set;
}

static DnsZone *
make_zone(void)
{
  DnsZone *zone = zone_new("Z1", "example.com.");
  add(zone, "example.com.", "SOA", "ns.example.com. m.example.com. 1 2 3 4 5");
  add(zone, "a.example.com.", "A", "192.0.2.1");
  add(zone, "\\052.example.com.", "CNAME", "a.example.com");
  add(zone, "t.example.com.", "TXT", "\"one\" \"t\\167o\"");
  add(zone, "sub.example.com.", "NS", "ns.elsewhere.org");
  Route53ResourceRecordSet *alias = add(zone, "l.example.com.", "A", NULL);
  alias->AliasTarget = ARENA_NEW(zone->arena, Route53AliasTarget);
  *alias->AliasTarget = (Route53AliasTarget) {.HostedZoneId = "Z1", .DNSName = "l.example.com."};
  return zone;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  Haar haar = {.region = "us-east-1", .states = g_hash_table_new(g_str_hash, g_str_equal)};
  Edge edge = {.view = view_new(&haar)};
  g_autoptr(GByteArray) out = g_byte_array_new();
  haar_set_state(&haar, "route53", &edge);
  view_insert(edge.view, make_zone());
  gboolean answered = dns_datagram(&haar, TRUE, data, size, out);
  g_assert_true(!answered || (out->len >= 12 && out->data[0] == data[0] && out->data[1] == data[1]));
  view_free(edge.view);
  g_hash_table_unref(haar.states);
  return 0;
}
