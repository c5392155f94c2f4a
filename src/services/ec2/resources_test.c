/* The payment template's network, resource by resource, as the stack engine makes it. No daemon, no packets. */
#include "jobs/jobs.h"
#include "services/ec2.gen.h"
#include "stack/resource.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct World {
  Haar haar;
  char *directory;
  Call *call;
} World;

static void must(Error *error) {
  if (error)
    g_error("%s:%d %s: %s", error->file, error->line, error->code, error->message);
}

static const ResourceType *type_named(const char *name) {
  for (const ResourceType *const *type = haar_resource_types; *type; type++)
    if (strcmp((*type)->name, name) == 0)
      return *type;
  g_error("no resource type %s", name);
}

static void made(ResourceCall *rc, const char *physical_id) {
  (void) rc;
  g_assert_nonnull(physical_id);
}

static Json *parse(World *world, const char *text) {
  Json *json = NULL;
  g_autofree char *quoted = g_strdelimit(g_strdup(text), "'", '"');
  must(json_parse(world->call->arena, quoted, strlen(quoted), &json));
  return json;
}

static ResourceCall resource_call(World *world, const char *logical_id, const Json *properties) {
  static gboolean cancelled;
  static StringMapEntry tag = {"aws:cloudformation:stack-name", "pay"};
  static const StringMap tags = {1, &tag};
  return (ResourceCall){.call = world->call, .stack_name = "pay", .stack_id = "arn:aws:cloudformation:us-east-1:000000000000:stack/pay/1", .logical_id = logical_id,
                        .stack_tags = &tags, .properties = properties, .cancelled = &cancelled, .token = "0123456789AB", .made = made};
}

static ResourceResult create(World *world, const char *type, const char *properties) {
  ResourceCall rc = resource_call(world, "Thing", parse(world, properties));
  ResourceResult result = {0};
  must(type_named(type)->create(&rc, &result));
  g_assert_nonnull(result.physical_id);
  g_test_message("%s: %s", type, result.physical_id);
  return result;
}

static void update(World *world, const char *type, const char *id, const char *old, const char *new) {
  ResourceCall rc = resource_call(world, "Thing", parse(world, new));
  ResourceResult result = {.physical_id = id};
  rc.old_properties = parse(world, old);
  rc.physical_id = id;
  must(type_named(type)->update(&rc, &result));
}

static void delete(World *world, const char *type, const char *id, const char *properties) {
  ResourceCall rc = resource_call(world, "Thing", parse(world, properties));
  rc.physical_id = id;
  must(type_named(type)->delete(&rc));
  must(type_named(type)->delete(&rc));   /* what is gone is deleted */
}

static const char *format(World *world, const char *text, ...) G_GNUC_PRINTF(2, 3);
static const char *format(World *world, const char *text, ...) {
  va_list args;
  va_start(args, text);
  char *out = arena_vprintf(world->call->arena, text, args);
  va_end(args);
  return out;
}

static Ec2SecurityGroup *group(World *world, const char *id) {
  Ec2DescribeSecurityGroupsInput in = {0};
  Ec2DescribeSecurityGroupsOutput out = {0};
  LIST_APPEND(world->call->arena, &in.GroupIds, id);
  must(call_operation(world->call, &Ec2OperationDescribeSecurityGroups, NULL, NULL, &in, &out));
  return out.SecurityGroups.v[0];
}

static Ec2RouteTable *route_table(World *world, const char *id) {
  Ec2DescribeRouteTablesInput in = {0};
  Ec2DescribeRouteTablesOutput out = {0};
  LIST_APPEND(world->call->arena, &in.RouteTableIds, id);
  must(call_operation(world->call, &Ec2OperationDescribeRouteTables, NULL, NULL, &in, &out));
  return out.RouteTables.v[0];
}

static void test_network(gconstpointer data) {
  World *w = (World *) data;
  const char *vpc = create(w, "AWS::EC2::VPC", "{'CidrBlock':'10.0.0.0/16','EnableDnsHostnames':'true','Tags':[{'Key':'Name','Value':'pay'}]}").physical_id;
  const char *in_vpc = format(w, "{'VpcId':'%s'}", vpc);
  const char *subnet_properties = format(w, "{'VpcId':'%s','CidrBlock':'10.0.1.0/24','AvailabilityZone':'us-east-1a','MapPublicIpOnLaunch':true}", vpc);
  ResourceResult subnet = create(w, "AWS::EC2::Subnet", subnet_properties);
  g_assert_cmpstr(json_string(json_get(subnet.attributes, "AvailabilityZone")), ==, "us-east-1a");
  g_assert_nonnull(json_string(json_get(subnet.attributes, "NetworkAclAssociationId")));
  const char *table = create(w, "AWS::EC2::RouteTable", in_vpc).physical_id;
  const char *gateway = create(w, "AWS::EC2::InternetGateway", "{}").physical_id;
  const char *attachment = format(w, "{'VpcId':'%s','InternetGatewayId':'%s'}", vpc, gateway);
  const char *attachment_id = create(w, "AWS::EC2::VPCGatewayAttachment", attachment).physical_id;
  const char *route = format(w, "{'RouteTableId':'%s','DestinationCidrBlock':'0.0.0.0/0','GatewayId':'%s'}", table, gateway);
  const char *route_id = create(w, "AWS::EC2::Route", route).physical_id;
  g_assert_cmpstr(route_id, ==, format(w, "%s|0.0.0.0/0", table));
  const char *association = format(w, "{'SubnetId':'%s','RouteTableId':'%s'}", subnet.physical_id, table);
  const char *association_id = create(w, "AWS::EC2::SubnetRouteTableAssociation", association).physical_id;
  const char *acl = create(w, "AWS::EC2::NetworkAcl", in_vpc).physical_id;
  const char *entry = format(w, "{'NetworkAclId':'%s','RuleNumber':100,'Protocol':6,'RuleAction':'allow','CidrBlock':'0.0.0.0/0','PortRange':{'From':443,'To':443}}", acl);
  const char *entry_id = create(w, "AWS::EC2::NetworkAclEntry", entry).physical_id;
  const char *subnet_acl = format(w, "{'SubnetId':'%s','NetworkAclId':'%s'}", subnet.physical_id, acl);
  const char *subnet_acl_id = create(w, "AWS::EC2::SubnetNetworkAclAssociation", subnet_acl).physical_id;
  ResourceResult eip = create(w, "AWS::EC2::EIP", "{'Domain':'vpc'}");
  const char *nat = format(w, "{'SubnetId':'%s','AllocationId':'%s'}", subnet.physical_id, json_string(json_get(eip.attributes, "AllocationId")));
  const char *nat_id = create(w, "AWS::EC2::NatGateway", nat).physical_id;
  g_assert_cmpuint(route_table(w, table)->Routes.n, ==, 2);
  delete(w, "AWS::EC2::NatGateway", nat_id, nat);
  delete(w, "AWS::EC2::EIP", eip.physical_id, "{}");
  delete(w, "AWS::EC2::SubnetNetworkAclAssociation", subnet_acl_id, subnet_acl);
  delete(w, "AWS::EC2::NetworkAclEntry", entry_id, entry);
  delete(w, "AWS::EC2::NetworkAcl", acl, in_vpc);
  delete(w, "AWS::EC2::SubnetRouteTableAssociation", association_id, association);
  delete(w, "AWS::EC2::Route", route_id, route);
  delete(w, "AWS::EC2::VPCGatewayAttachment", attachment_id, attachment);
  delete(w, "AWS::EC2::InternetGateway", gateway, "{}");
  delete(w, "AWS::EC2::RouteTable", table, in_vpc);
  delete(w, "AWS::EC2::Subnet", subnet.physical_id, subnet_properties);
  delete(w, "AWS::EC2::VPC", vpc, "{}");
}

/* No egress in the template: all may leave. Some: only that. A standalone egress rule: the default goes. */
static void test_groups(gconstpointer data) {
  World *w = (World *) data;
  const char *vpc = create(w, "AWS::EC2::VPC", "{'CidrBlock':'10.0.0.0/16'}").physical_id;
  const char *plain_properties = format(w, "{'GroupDescription':'plain','VpcId':'%s','GroupName':'plain'}", vpc);
  const char *plain = create(w, "AWS::EC2::SecurityGroup", plain_properties).physical_id;
  g_assert_cmpuint(group(w, plain)->IpPermissionsEgress.n, ==, 1);
  const char *some_properties = format(w, "{'GroupDescription':'some','VpcId':'%s','GroupName':'some','SecurityGroupIngress':[{'IpProtocol':'tcp','FromPort':443,'ToPort':'443',"
    "'SourceSecurityGroupId':'%s'}],'SecurityGroupEgress':[{'IpProtocol':'-1','CidrIp':'127.0.0.1/32'}]}", vpc, plain);
  const char *some = create(w, "AWS::EC2::SecurityGroup", some_properties).physical_id;
  g_assert_cmpuint(group(w, some)->IpPermissionsEgress.n, ==, 1);
  g_assert_cmpstr(group(w, some)->IpPermissionsEgress.v[0]->IpRanges.v[0]->CidrIp, ==, "127.0.0.1/32");
  g_assert_cmpstr(group(w, some)->IpPermissions.v[0]->UserIdGroupPairs.v[0]->GroupId, ==, plain);
  const char *changed = format(w, "{'GroupDescription':'some','VpcId':'%s','GroupName':'some','SecurityGroupIngress':[{'IpProtocol':'tcp','FromPort':80,'ToPort':80,"
    "'CidrIp':'10.0.0.0/8'}],'SecurityGroupEgress':[{'IpProtocol':'-1','CidrIp':'0.0.0.0/0'}]}", vpc);
  update(w, "AWS::EC2::SecurityGroup", some, some_properties, changed);
  g_assert_cmpint(group(w, some)->IpPermissions.v[0]->FromPort.v, ==, 80);
  g_assert_cmpstr(group(w, some)->IpPermissionsEgress.v[0]->IpRanges.v[0]->CidrIp, ==, "0.0.0.0/0");
  const char *egress = format(w, "{'GroupId':'%s','IpProtocol':'tcp','FromPort':443,'ToPort':443,'DestinationSecurityGroupId':'%s'}", plain, some);
  const char *egress_id = create(w, "AWS::EC2::SecurityGroupEgress", egress).physical_id;
  g_assert_cmpuint(group(w, plain)->IpPermissionsEgress.n, ==, 1);
  g_assert_cmpstr(group(w, plain)->IpPermissionsEgress.v[0]->IpProtocol, ==, "tcp");
  const char *beside = format(w, "{'GroupId':'%s','IpProtocol':'tcp','FromPort':443,'ToPort':443,'CidrIp':'10.0.0.0/8'}", some);
  const char *beside_id = create(w, "AWS::EC2::SecurityGroupEgress", beside).physical_id;
  g_assert_cmpuint(group(w, some)->IpPermissionsEgress.n, ==, 2);
  const char *ingress = format(w, "{'GroupId':'%s','IpProtocol':'tcp','FromPort':3306,'ToPort':3306,'SourceSecurityGroupId':'%s','Description':'itself'}", some, some);
  const char *ingress_id = create(w, "AWS::EC2::SecurityGroupIngress", ingress).physical_id;
  delete(w, "AWS::EC2::SecurityGroupIngress", ingress_id, ingress);
  delete(w, "AWS::EC2::SecurityGroupEgress", beside_id, beside);
  delete(w, "AWS::EC2::SecurityGroupEgress", egress_id, egress);
  delete(w, "AWS::EC2::SecurityGroup", some, changed);
  delete(w, "AWS::EC2::SecurityGroup", plain, plain_properties);
  delete(w, "AWS::EC2::VPC", vpc, "{}");
}

static void test_endpoints(gconstpointer data) {
  World *w = (World *) data;
  const char *vpc = create(w, "AWS::EC2::VPC", "{'CidrBlock':'10.0.0.0/16','EnableDnsHostnames':true}").physical_id;
  const char *table = create(w, "AWS::EC2::RouteTable", format(w, "{'VpcId':'%s'}", vpc)).physical_id;
  const char *subnet = create(w, "AWS::EC2::Subnet", format(w, "{'VpcId':'%s','CidrBlock':'10.0.1.0/24'}", vpc)).physical_id;
  const char *with = format(w, "{'VpcId':'%s','ServiceName':'com.amazonaws.us-east-1.s3','RouteTableIds':['%s']}", vpc, table);
  const char *without = format(w, "{'VpcId':'%s','ServiceName':'com.amazonaws.us-east-1.s3','RouteTableIds':[],'PolicyDocument':{'Version':'2012-10-17','Statement':"
    "[{'Effect':'Allow','Principal':'*','Action':'s3:GetObject','Resource':'*'}]}}", vpc);
  const char *s3 = create(w, "AWS::EC2::VPCEndpoint", with).physical_id;
  g_assert_cmpuint(route_table(w, table)->Routes.n, ==, 2);
  update(w, "AWS::EC2::VPCEndpoint", s3, with, without);
  g_assert_cmpuint(route_table(w, table)->Routes.n, ==, 1);
  const char *interface = format(w, "{'VpcId':'%s','ServiceName':'com.amazonaws.us-east-1.secretsmanager','VpcEndpointType':'Interface','SubnetIds':['%s'],"
    "'PrivateDnsEnabled':true}", vpc, subnet);
  ResourceResult secrets = create(w, "AWS::EC2::VPCEndpoint", interface);
  g_assert_cmpuint(json_get(secrets.attributes, "NetworkInterfaceIds")->n, ==, 1);
  g_assert_cmpuint(json_get(secrets.attributes, "DnsEntries")->n, ==, 2);
  delete(w, "AWS::EC2::VPCEndpoint", secrets.physical_id, interface);
  delete(w, "AWS::EC2::VPCEndpoint", s3, without);
  delete(w, "AWS::EC2::Subnet", subnet, "{}");
  delete(w, "AWS::EC2::RouteTable", table, "{}");
  delete(w, "AWS::EC2::VPC", vpc, "{}");
}

static void world_open(World *world) {
  world->directory = g_dir_make_tmp("haar-ec2-XXXXXX", NULL);
  world->haar = (Haar){.data_directory = world->directory, .region = "us-east-1", .states = g_hash_table_new(g_str_hash, g_str_equal)};
  must(store_open(world->directory, &(StoreOptions){0}, &world->haar.store));
  must(jobs_new(world->haar.store, &world->haar, &world->haar.jobs));
  world->call = call_new(&world->haar, "000000000000", "us-east-1", NULL);
}

static void world_close(World *world) {
  call_free(world->call);
  jobs_free(world->haar.jobs);
  store_close(world->haar.store);
  g_hash_table_unref(world->haar.states);
  g_autofree char *command = g_strdup_printf("rm -rf '%s'", world->directory);
  g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL);
  g_free(world->directory);
}

int main(int argc, char **argv) {
  World world = {0};
  g_test_init(&argc, &argv, NULL);
  world_open(&world);
  g_test_add_data_func("/ec2/resources/network", &world, test_network);
  g_test_add_data_func("/ec2/resources/groups", &world, test_groups);
  g_test_add_data_func("/ec2/resources/endpoints", &world, test_endpoints);
  int bad = g_test_run();
  world_close(&world);
  return bad;
}
