/* Formats, and which interface tells what of a connection. No packets. */
#include "services/ec2/flow.h"

#include <string.h>

static void must(Error *error) {
  if (error)
    g_error("%s: %s", error->code, error->message);
}

static Ip ip(const char *text) {
  Ip out = {0};
  g_assert_true(ip_parse(text, &out));
  return out;
}

static void test_format(void) {
  FlowFormat format;
  FlowRecord record = {.eni = "eni-1", .vpc = "vpc-1", .accepted = TRUE, .protocol = 6, .source_port = 40000, .destination_port = 443, .packets = 5, .bytes = 500,
                       .start_ms = 1418530010999, .end_ms = 1418530070000, .egress = TRUE};
  record.source = record.packet_source = ip("10.0.1.4");
  record.destination = record.packet_destination = ip("198.18.32.7");
  must(flow_format_parse(NULL, &format));
  g_autoptr(GString) line = g_string_new(NULL);
  flow_format_write(line, &format, &record, "123456789010", "us-east-1");
  g_assert_cmpstr(line->str, ==, "2 123456789010 eni-1 10.0.1.4 198.18.32.7 40000 443 6 5 500 1418530010 1418530070 ACCEPT OK");
  must(flow_format_parse("${version}  ${pkt-dst-aws-service} ${flow-direction} ${type} ${instance-id}", &format));
  g_string_truncate(line, 0);
  flow_format_write(line, &format, &record, "123456789010", "us-east-1");
  g_assert_cmpstr(line->str, ==, "5 DYNAMODB egress IPv4 -");
  record.no_data = TRUE;
  must(flow_format_parse(NULL, &format));
  g_string_truncate(line, 0);
  flow_format_write(line, &format, &record, "123456789010", "us-east-1");
  g_assert_cmpstr(line->str, ==, "2 123456789010 eni-1 - - - - - - - 1418530010 1418530070 - NODATA");
  g_autoptr(Error) unknown = flow_format_parse("${version} ${colour}", &format);
  g_assert_cmpstr(unknown->message, ==, "Unknown fields provided: ${colour}");
  g_autoptr(Error) empty = flow_format_parse("  ", &format);
  g_assert_nonnull(empty);
}

/* Two interfaces and a NAT gateway's. */
static Network *network(void) {
  Network *n = network_new("vpc-1");
  n->cidrs = (CidrList){1, ARENA_NEW(n->arena, Cidr)};
  cidr_parse("10.0.0.0/16", n->cidrs.v);
  n->subnets = ARENA_ARRAY(n->arena, Subnet, 1);
  n->subnets[n->n_subnets++] = (Subnet){.id = "subnet-1", .zone = "us-east-1a", .cidr = *n->cidrs.v};
  n->enis = ARENA_ARRAY(n->arena, Eni, 3);
  static const char *const addresses[] = {"10.0.0.4", "10.0.0.5", "10.0.0.6"}, *const ids[] = {"eni-a", "eni-b", "eni-nat"};
  for (gsize i = 0; i < 3; i++) {
    Eni *eni = &n->enis[n->n_enis++];
    *eni = (Eni){.id = ids[i], .subnet = "subnet-1", .kind = i == 2 ? ENI_NAT : ENI_ORDINARY};
    address_parse(addresses[i], &eni->address);
  }
  address_parse("198.18.128.9", &n->enis[2].public_address);
  return n;
}

static void write_down(const FlowRecord *record, gpointer data) {
  g_autoptr(Arena) arena = arena_new();
  g_string_append_printf(data, "%s %s %s>%s %s %" G_GUINT64_FORMAT "\n", record->eni, record->egress ? "out" : "in", ip_text(arena, record->source),
                         ip_text(arena, record->destination), record->accepted ? "ACCEPT" : "REJECT", record->packets);
}

static void check(Flow *flows, guint n, const char *expected) {
  g_autoptr(Network) net = network();
  g_autoptr(GString) out = g_string_new(NULL);
  flow_records(net, flows, n, write_down, out);
  g_assert_cmpstr(out->str, ==, expected);
}

static Flow flow(const char *from, const char *to, gboolean accepted) {
  Flow f = {.accepted = accepted, .protocol = 6, .source = ip(from), .destination = ip(to), .source_port = 40000, .destination_port = 443, .packets = {3, 2}};
  f.reply_source = f.destination;
  f.reply_destination = f.source;
  if (!accepted)
    f.packets[0] = 1, f.packets[1] = 0;
  return f;
}

static void test_records(void) {
  Flow plain[] = {flow("10.0.0.4", "10.0.0.5", TRUE)};
  check(plain, 1, "eni-a out 10.0.0.4>10.0.0.5 ACCEPT 3\neni-a in 10.0.0.5>10.0.0.4 ACCEPT 2\n"
                  "eni-b in 10.0.0.4>10.0.0.5 ACCEPT 3\neni-b out 10.0.0.5>10.0.0.4 ACCEPT 2\n");
  Flow nat[] = {flow("10.0.0.4", "198.18.0.1", TRUE)};
  nat[0].reply_destination = ip("198.18.128.9");
  check(nat, 1, "eni-a out 10.0.0.4>198.18.0.1 ACCEPT 3\neni-a in 198.18.0.1>10.0.0.4 ACCEPT 2\n"
                "eni-nat in 10.0.0.4>10.0.0.6 ACCEPT 3\neni-nat out 10.0.0.6>10.0.0.4 ACCEPT 2\n"
                "eni-nat out 10.0.0.6>198.18.0.1 ACCEPT 3\neni-nat in 198.18.0.1>10.0.0.6 ACCEPT 2\n");
  Flow group[] = {flow("10.0.0.4", "10.0.0.5", FALSE)};
  group[0].stage = STAGE_GROUP_IN;
  check(group, 1, "eni-a out 10.0.0.4>10.0.0.5 ACCEPT 1\neni-b in 10.0.0.4>10.0.0.5 REJECT 1\n");
  group[0].stage = STAGE_GROUP_OUT;
  check(group, 1, "eni-a out 10.0.0.4>10.0.0.5 REJECT 1\n");
  Flow dns[] = {flow("10.0.0.4", "10.0.0.2", TRUE)};
  check(dns, 1, "");
}

/* The reply that an ACL stops was counted by the kernel: it is no accepted packet. */
static void test_stopped_reply(void) {
  Flow flows[] = {flow("10.0.0.4", "10.0.0.5", TRUE), flow("10.0.0.5", "10.0.0.4", FALSE)};
  flows[0].packets[1] = 1;
  flows[1].source_port = 443;
  flows[1].destination_port = 40000;
  flows[1].stage = STAGE_ACL_OUT;
  flows[1].reply = TRUE;
  check(flows, 2, "eni-a out 10.0.0.4>10.0.0.5 ACCEPT 3\neni-b in 10.0.0.4>10.0.0.5 ACCEPT 3\neni-b out 10.0.0.5>10.0.0.4 REJECT 1\n");
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ec2/flow/format", test_format);
  g_test_add_func("/ec2/flow/records", test_records);
  g_test_add_func("/ec2/flow/stopped-reply", test_stopped_reply);
  return g_test_run();
}
