#include "reach/reach.h"

#include <string.h>

static guint32 ip(const char *text) {
  guint32 address = 0;
  g_assert_true(address_parse(text, &address));
  return address;
}

static Ip at(const char *text) {
  Ip address = {0};
  g_assert_true(ip_parse(text, &address));
  return address;
}

static Cidr cidr(const char *text) {
  Cidr cidr = {0};
  g_assert_true(cidr_parse(text, &cidr));
  return cidr;
}

static Range range(const char *text) {
  Range range = {0};
  g_assert_true(range_parse(text, &range));
  return range;
}

/* 10.0.0.0/16: a function in a private subnet, a database in another, an endpoint, an isolated subnet. */
static Network *example(void) {
  Network *n = network_new("vpc-1");
  Arena *a = n->arena;
  Cidr whole = cidr("10.0.0.0/16");
  n->cidrs = (CidrList){1, arena_memdup(a, &whole, sizeof whole)};
  n->internet_gateway = "igw-1";
  Subnet subnets[] = {{"subnet-pub", "us-east-1a", cidr("10.0.1.0/24"), "rtb-pub", "acl-1"},
                      {"subnet-a", "us-east-1a", cidr("10.0.10.0/24"), "rtb-priv", "acl-1"},
                      {"subnet-b", "us-east-1b", cidr("10.0.20.0/24"), "rtb-none", "acl-2"}};
  Route to_igw[] = {{range("0.0.0.0/0"), NULL, TARGET_INTERNET_GATEWAY, "igw-1"}};
  Route to_endpoint[] = {{{{0, 0}, 0}, "pl-s3", TARGET_GATEWAY_ENDPOINT, "vpce-s3"}};
  RouteTable tables[] = {{"rtb-pub", 1, arena_memdup(a, to_igw, sizeof to_igw)},
                         {"rtb-priv", 1, arena_memdup(a, to_endpoint, sizeof to_endpoint)}, {"rtb-none", 0, NULL}};
  GroupRule app[] = {{"sgr-1", TRUE, -1, -1, -1, PEER_CIDR, range("0.0.0.0/0"), NULL}};
  GroupRule db[] = {{"sgr-2", FALSE, 6, 3306, 3306, PEER_GROUP, {{0, 0}, 0}, "sg-app"}};
  SecurityGroup groups[] = {{"sg-app", "app", 1, arena_memdup(a, app, sizeof app)}, {"sg-db", "db", 1, arena_memdup(a, db, sizeof db)}};
  AclEntry all[] = {{100, TRUE, TRUE, -1, -1, -1, range("0.0.0.0/0")}, {100, FALSE, TRUE, -1, -1, -1, range("0.0.0.0/0")}};
  AclEntry some[] = {{90, FALSE, FALSE, 6, 22, 22, range("10.0.10.0/24")}, {100, FALSE, TRUE, -1, -1, -1, range("0.0.0.0/0")}, {100, TRUE, TRUE, 6, 1024, 65535, range("10.0.10.0/24")}};
  NetworkAcl acls[] = {{"acl-1", 2, arena_memdup(a, all, sizeof all)}, {"acl-2", 3, arena_memdup(a, some, sizeof some)}};
  static const char *in_app[] = {"sg-app"}, *in_db[] = {"sg-db"};
  Eni enis[] = {
    {.id = "eni-fn", .subnet = "subnet-a", .address = ip("10.0.10.5"), .n_groups = 1, .groups = in_app},
    {.id = "eni-db", .subnet = "subnet-b", .address = ip("10.0.20.5"), .n_groups = 1, .groups = in_db},
    {.id = "eni-pub", .subnet = "subnet-pub", .address = ip("10.0.1.5"), .n_groups = 1, .groups = in_app},
    {.id = "eni-iso", .subnet = "subnet-b", .address = ip("10.0.20.6"), .n_groups = 1, .groups = in_app}};
  Endpoint endpoints[] = {{"vpce-s3", TRUE, "s3", "pl-s3", FALSE}};
  Range s3 = range(REACH_S3);
  PrefixList lists[] = {{"pl-s3", "com.amazonaws.us-east-1.s3", {1, arena_memdup(a, &s3, sizeof s3)}}};
#define SET(member, array) n->member = arena_memdup(a, array, sizeof array), n->n_##member = G_N_ELEMENTS(array)
  SET(subnets, subnets), SET(route_tables, tables), SET(groups, groups), SET(acls, acls), SET(enis, enis), SET(endpoints, endpoints), SET(prefix_lists, lists);
  return n;
}

static void test_verdicts(void) {
  static const struct { const char *eni, *to; guint16 port; gboolean delivered; ReachStage stage; const char *rule; } cases[] = {
    {"eni-fn", "10.0.20.5", 3306, TRUE, 0, NULL},
    {"eni-fn", "10.0.20.5", 3307, FALSE, STAGE_GROUP_IN, "sg-db"},
    {"eni-fn", "10.0.20.5", 22, FALSE, STAGE_ACL_IN, "acl-2:90"},
    {"eni-fn", "198.18.16.1", 443, TRUE, 0, NULL},
    {"eni-fn", "198.18.32.1", 443, FALSE, STAGE_ROUTE, "rtb-priv"},
    {"eni-iso", "198.18.16.1", 443, FALSE, STAGE_ROUTE, "rtb-none"},
    {"eni-fn", "10.0.99.9", 443, FALSE, STAGE_ROUTE, "local"},
    {"eni-pub", "8.8.8.8", 443, FALSE, STAGE_ROUTE, "igw"},
    {"eni-db", "10.0.10.5", 80, FALSE, STAGE_GROUP_OUT, "sg-db"},
    {"eni-fn", "10.0.10.5", 80, TRUE, 0, NULL},
    {"eni-db", "10.0.0.2", 53, TRUE, 0, NULL},
    {"eni-db", "10.0.0.2", 80, FALSE, STAGE_DELIVER, "resolver"},
  };
  g_autoptr(Network) network = example();
  g_autoptr(Arena) arena = arena_new();
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    Verdict verdict;
    Packet packet = {.eni = cases[i].eni, .destination = at(cases[i].to), .protocol = 6, .port = cases[i].port};
    g_assert_null(reach_walk(network, &packet, arena, &verdict));
    g_test_message("%s to %s:%u: %s", cases[i].eni, cases[i].to, cases[i].port, verdict.steps[verdict.n_steps - 1].text);
    g_assert_cmpint(verdict.delivered, ==, cases[i].delivered);
    if (cases[i].delivered)
      continue;
    g_assert_cmpint(verdict.stage, ==, cases[i].stage);
    g_assert_cmpstr(verdict.rule, ==, cases[i].rule);
  }
}

static void test_explanation(void) {
  g_autoptr(Network) network = example();
  g_autoptr(Arena) arena = arena_new();
  Blocked b = {.stage = STAGE_GROUP_IN, .rule = "sg-db", .eni = "eni-fn", .source = at("10.0.10.5"), .destination = at("10.0.20.5"), .protocol = 6, .port = 3307};
  Explanation e = reach_explain(network, arena, &b);
  g_assert_cmpint(e.id, ==, CAUSE_GROUP_INBOUND);
  g_assert_cmpstr(e.why, ==, "No inbound rule of sg-db, the security groups of 10.0.20.5 (eni-db), allows TCP port 3307 from 10.0.10.5 (eni-fn).");
  g_assert_cmpstr(e.mend, ==, "Add an inbound rule to sg-db for TCP port 3307 from sg-app.");
  g_assert_cmpstr(e.command, ==, "aws ec2 authorize-security-group-ingress --group-id sg-db --protocol tcp --port 3307 --source-group sg-app");
  g_assert_cmpstr(e.snippet, ==, "InboundRule:\n  Type: AWS::EC2::SecurityGroupIngress\n  Properties:\n    GroupId: sg-db\n    IpProtocol: tcp\n    FromPort: 3307\n"
                  "    ToPort: 3307\n    SourceSecurityGroupId: sg-app");
  b = (Blocked){.stage = STAGE_ROUTE, .rule = "rtb-none", .source = at("10.0.20.6"), .destination = at("198.18.32.1"), .protocol = 6, .port = 443, .source_name = "function pay"};
  e = reach_explain(network, arena, &b);
  g_assert_cmpstr(e.why, ==, "Route table rtb-none of the subnet of function pay (10.0.20.6, eni-iso) has no route to 198.18.32.1.");
  g_assert_nonnull(strstr(e.mend, "gateway endpoint for dynamodb"));
  g_assert_cmpstr(e.command, ==, "aws ec2 create-vpc-endpoint --vpc-id vpc-1 --service-name com.amazonaws.us-east-1.dynamodb --route-table-ids rtb-none");
  for (int stage = 0; stage < STAGE_COUNT; stage++) {
    b = (Blocked){.stage = (ReachStage) stage, .rule = "x", .source = ip_of4(1), .destination = ip_of4(2), .protocol = 6, .port = 3};
    g_assert_nonnull(reach_explain(NULL, arena, &b).why);
  }
}

/* An endpoint that is there and not used: the cause is its name, not the missing route. */
static void test_endpoints_explained(void) {
  g_autoptr(Network) network = example();
  g_autoptr(Arena) arena = arena_new();
  Endpoint endpoints[] = {{"vpce-s3", TRUE, "s3", "pl-s3", FALSE}, {"vpce-kms", FALSE, "kms", NULL, FALSE}, {"vpce-sqs", FALSE, "sqs", NULL, TRUE}};
  network->endpoints = endpoints;
  network->n_endpoints = G_N_ELEMENTS(endpoints);
  static const struct { const char *service, *command; Cause id; } cases[] = {
    {"s3", "aws ec2 modify-vpc-endpoint --vpc-endpoint-id vpce-s3 --add-route-table-ids rtb-none", CAUSE_NO_WAY_TO_SERVICE},
    {"kms", "aws ec2 modify-vpc-endpoint --vpc-endpoint-id vpce-kms --private-dns-enabled", CAUSE_PRIVATE_DNS},
    {"sqs", "aws ec2 modify-vpc-attribute --vpc-id vpc-1 --enable-dns-hostnames '{\"Value\":true}'", CAUSE_PRIVATE_DNS},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    Blocked b = {.stage = STAGE_ROUTE, .rule = "rtb-none", .source = at("10.0.20.6"), .destination = at("198.18.1.1"), .protocol = 6, .port = 443, .service = cases[i].service};
    Explanation e = reach_explain(network, arena, &b);
    g_assert_cmpstr(e.command, ==, cases[i].command);
    g_assert_cmpint(e.id, ==, cases[i].id);
  }
}

/* Replies have causes of their own. */
static void test_replies_explained(void) {
  g_autoptr(Network) network = example();
  g_autoptr(Arena) arena = arena_new();
  Blocked b = {.stage = STAGE_GROUP_OUT, .rule = "sg-db", .source = at("10.0.20.5"), .destination = at("10.0.10.5"), .protocol = 6, .source_port = 3306, .port = 40000, .reply = TRUE};
  Explanation e = reach_explain(network, arena, &b);
  g_assert_cmpint(e.id, ==, CAUSE_GROUP_REPLY);
  g_assert_cmpstr(e.command, ==, "aws ec2 authorize-security-group-egress --group-id sg-db --ip-permissions "
                  "'IpProtocol=tcp,FromPort=3306,ToPort=3306,UserIdGroupPairs=[{GroupId=sg-app}]'");
  b.stage = STAGE_ACL_OUT;
  b.rule = "acl-2:*";
  e = reach_explain(network, arena, &b);
  g_assert_cmpint(e.id, ==, CAUSE_ACL_REPLY);
  g_assert_cmpstr(e.command, ==, "aws ec2 create-network-acl-entry --network-acl-id acl-2 --egress --rule-number 100 --protocol 6 --port-range From=1024,To=65535 "
                  "--cidr-block 10.0.10.5/32 --rule-action allow");
}

static void test_cidr(void) {
  Cidr cidr;
  g_assert_true(cidr_parse("10.0.0.0/8", &cidr));
  g_assert_true(cidr_has(&cidr, ip("10.255.255.255")));
  g_assert_false(cidr_has(&cidr, ip("11.0.0.0")));
  static const char *const bad[] = {"10.0.0.0", "10.0.0/8", "10.0.0.0/33", "10.0.0.256/8", "10.0.0.0/", " 10.0.0.0/8", "10.0.0.0/8 ", "0010.0.0.0/8", ""};
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_false(cidr_parse(bad[i], &cidr));
}

static void test_range(void) {
  static const char *const good[] = {"10.0.0.0/8", "0.0.0.0/0", "::/0", "2001:db8::/32", "2001:db8:1:2::/64", "2001:db8::1/128"};
  static const char *const bad[] = {"::", "::/129", "::/", ":::/8", "10.0.0.0/64", "2001:db8::/ 32", "::ffff:10.0.0.0/104", "g::/8", "/8", ""};
  g_autoptr(Arena) arena = arena_new();
  Range found;
  for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
    g_assert_true(range_parse(good[i], &found));
    g_assert_cmpstr(range_text(arena, &found), ==, good[i]);
  }
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_false(range_parse(bad[i], &found));
  Range whole = range("2001:db8:1:200::/56"), part = range("2001:db8:1:2ff::/64"), all4 = range("0.0.0.0/0"), all6 = range("::/0");
  g_assert_true(range_has(&whole, part.address) && range_overlaps(&whole, &part) && range_overlaps(&part, &whole));
  g_assert_false(range_has(&whole, at("2001:db8:1:300::1")));
  g_assert_true(range_has(&all6, part.address) && !range_has(&all4, part.address) && !range_has(&all6, at("10.0.0.1")));
  g_assert_true(range_has(&all4, at("10.0.0.1")) && !range_overlaps(&all4, &all6));
}

/* "GROUP_OUT- ROUTE+": the stages that were asked, and whether they let it through; replies in brackets. */
static char *stages(const Verdict *verdict) {
  GString *out = g_string_new(NULL);
  for (gsize i = 0; i < verdict->n_steps; i++)
    g_string_append_printf(out, verdict->steps[i].reply ? "(%s%c)" : "%s%c ", reach_stages[verdict->steps[i].stage].id, verdict->steps[i].passed ? '+' : '-');
  return g_string_free(out, FALSE);
}

static void test_through(void) {
  g_autoptr(Network) n = example();
  g_autoptr(Arena) arena = arena_new();
  Verdict verdict = {0};
  Packet packet = {.eni = "eni-iso", .destination = at("10.0.10.5"), .protocol = 6, .port = 22};
  g_assert_null(reach_walk(n, &packet, arena, &verdict));
  g_autofree char *first = stages(&verdict);
  g_assert_cmpstr(first, ==, "ROUTE+ GROUP_OUT+ ACL_OUT- ");
  packet.through = TRUE;
  g_assert_null(reach_walk(n, &packet, arena, &verdict));
  g_autofree char *all = stages(&verdict);
  g_assert_cmpstr(all, ==, "ROUTE+ GROUP_OUT+ ACL_OUT- ACL_IN+ GROUP_IN- (ACL_OUT+)(ACL_IN+)");
  g_assert_true(!verdict.delivered && verdict.stage == STAGE_ACL_OUT);
  packet.destination = at("203.0.113.9");
  g_assert_null(reach_walk(n, &packet, arena, &verdict));
  g_autofree char *no_route = stages(&verdict);
  g_assert_cmpstr(no_route, ==, "ROUTE- GROUP_OUT+ ACL_OUT- ");
}

static void test_inbound(void) {
  g_autoptr(Network) n = example();
  g_autoptr(Arena) arena = arena_new();
  Verdict verdict = {0};
  Packet packet = {.eni = "eni-pub", .destination = at("10.0.1.5"), .source = at("203.0.113.9"), .protocol = 6, .port = 443, .through = TRUE};
  g_assert_null(reach_walk_inbound(n, &packet, arena, &verdict));
  g_assert_true(!verdict.delivered && verdict.stage == STAGE_ROUTE);
  n->enis[2].public_address = ip("198.18.128.9");
  g_assert_null(reach_walk_inbound(n, &packet, arena, &verdict));
  g_autofree char *closed = stages(&verdict);
  g_assert_cmpstr(closed, ==, "ROUTE+ ACL_IN+ GROUP_IN- (ACL_OUT+)");
  GroupRule open[] = {{"sgr-9", FALSE, 6, 443, 443, PEER_CIDR, range("0.0.0.0/0"), NULL}};
  n->groups[0].rules = arena_memdup(n->arena, open, sizeof open);
  g_assert_null(reach_walk_inbound(n, &packet, arena, &verdict));
  g_assert_true(verdict.delivered && verdict.receiver == &n->enis[2] && !verdict.source);
}

/* A NAT gateway's replies go as the route table of its subnet says. */
static void test_nat_replies(void) {
  g_autoptr(Network) n = example();
  g_autoptr(Arena) arena = arena_new();
  Verdict verdict = {0};
  Packet packet = {.eni = "eni-fn", .destination = at("198.18.1.1"), .protocol = 6, .port = 443};
  Route to_nat[] = {{range("0.0.0.0/0"), NULL, TARGET_NAT_GATEWAY, "nat-1"}};
  Route astray[] = {{range("0.0.0.0/0"), NULL, TARGET_INTERNET_GATEWAY, "igw-1"}, {range("10.0.10.0/24"), NULL, TARGET_INTERFACE, "eni-pub"}};
  Eni nat = {.id = "eni-nat", .subnet = "subnet-pub", .address = ip("10.0.1.9"), .public_address = ip("198.18.128.9"), .kind = ENI_NAT, .owner = "nat-1"};
  network_eni_put(n, &nat);
  n->route_tables[1] = (RouteTable){"rtb-priv", 1, to_nat};
  g_assert_null(reach_walk(n, &packet, arena, &verdict));
  g_autofree char *back = stages(&verdict);
  g_assert_cmpstr(back, ==, "ROUTE+ GROUP_OUT+ ACL_OUT+ ACL_IN+ ROUTE+ ACL_OUT+ (ACL_IN+)(ACL_OUT+)(ACL_IN+)");
  g_assert_true(verdict.delivered);
  n->route_tables[0] = (RouteTable){"rtb-pub", 2, astray};
  g_assert_null(reach_walk(n, &packet, arena, &verdict));
  g_assert_true(!verdict.delivered && verdict.reply && verdict.stage == STAGE_ROUTE);
  g_assert_cmpstr(verdict.rule, ==, "rtb-pub");
}

/* What is behind a gateway: as AWS has it, nothing, or what the host reaches; nobody carries private addresses. */
static void test_internet(void) {
  g_autoptr(Network) n = example();
  g_autoptr(Arena) arena = arena_new();
  n->enis[2].public_address = ip("198.18.128.9");
  static const struct { Internet internet; const char *to; int protocol; const char *rule; } cases[] = {
    {INTERNET_ASSUMED, "9.9.9.9", 6, NULL}, {INTERNET_ASSUMED, "192.168.0.1", 6, NULL}, {INTERNET_NONE, "9.9.9.9", 6, "internet"}, {INTERNET_NONE, "198.18.1.1", 6, NULL},
    {INTERNET_NONE, "198.18.128.77", 6, NULL}, {INTERNET_NONE, "192.168.0.1", 6, "private"}, {INTERNET_HOST, "9.9.9.9", 17, NULL}, {INTERNET_HOST, "9.9.9.9", 1, "internet"},
    {INTERNET_HOST, "192.168.0.1", 6, "private"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    Verdict verdict = {0};
    Packet packet = {.eni = "eni-pub", .destination = at(cases[i].to), .protocol = cases[i].protocol, .port = 443};
    n->internet = cases[i].internet;
    g_assert_null(reach_walk(n, &packet, arena, &verdict));
    g_assert_cmpstr(verdict.rule, ==, cases[i].rule);
    g_assert_true(cases[i].rule ? verdict.stage == STAGE_DELIVER : verdict.delivered);
  }
  Blocked b = {.stage = STAGE_DELIVER, .rule = "internet", .source = at("10.0.1.5"), .destination = at("9.9.9.9"), .protocol = 6, .port = 443, .destination_name = "api.example.com"};
  Explanation e = reach_explain(n, arena, &b);
  g_assert_cmpint(e.id, ==, CAUSE_NO_INTERNET);
  g_assert_cmpstr(e.why, ==, "The VPC let TCP port 443 from 10.0.1.5 (eni-pub) out to api.example.com (9.9.9.9) on the internet, but this haar has no way there. "
                  "On AWS it would arrive.");
  g_assert_cmpstr(e.command, ==, "haar stop; haar serve --egress=host");
  b.protocol = 1;
  g_assert_null(reach_explain(n, arena, &b).command);
  b.rule = "private";
  g_assert_cmpint(reach_explain(n, arena, &b).id, ==, CAUSE_PRIVATE_ADDRESS);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/reach/cidr", test_cidr);
  g_test_add_func("/reach/range", test_range);
  g_test_add_func("/reach/verdicts", test_verdicts);
  g_test_add_func("/reach/through", test_through);
  g_test_add_func("/reach/inbound", test_inbound);
  g_test_add_func("/reach/nat", test_nat_replies);
  g_test_add_func("/reach/internet", test_internet);
  g_test_add_func("/reach/explanation", test_explanation);
  g_test_add_func("/reach/explanation/endpoints", test_endpoints_explained);
  g_test_add_func("/reach/explanation/replies", test_replies_explained);
  return g_test_run();
}
