/* authorize: which resources a call names, each of which its caller must be allowed to touch: those it makes, and those whose ids it gives.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html */
#include "services/ec2/ec2.h"

#include <string.h>

enum { TAGS_MAX = 50, TAG_KEY_MAX = 128, TAG_VALUE_MAX = 256 };

/* What a call makes: it has no id yet. */
static const struct { const char *operation, *type; } makes[] = {
  {"AllocateAddress", "elastic-ip"},
  {"CreateDhcpOptions", "dhcp-options"}, {"CreateEgressOnlyInternetGateway", "egress-only-internet-gateway"}, {"CreateFlowLogs", "vpc-flow-log"},
  {"CreateInternetGateway", "internet-gateway"}, {"CreateManagedPrefixList", "prefix-list"}, {"CreateNatGateway", "natgateway"},
  {"CreateNetworkAcl", "network-acl"}, {"CreateNetworkInsightsPath", "network-insights-path"}, {"CreateNetworkInterface", "network-interface"},
  {"CreateRouteTable", "route-table"}, {"CreateSecurityGroup", "security-group"}, {"CreateSubnet", "subnet"}, {"CreateVpc", "vpc"},
  {"CreateVpcEndpoint", "vpc-endpoint"}, {"CreateVpcPeeringConnection", "vpc-peering-connection"},
  {"StartNetworkInsightsAnalysis", "network-insights-analysis"},
};

typedef struct Naming {
  Call *call;
  Authorization *auth;
  gboolean first;   /* no resource yet */
} Naming;

static const void *member_value(const Shape *shape, const void *in, const char *name) {
  for (guint i = 0; i < shape->n_members; i++)
    if (strcmp(shape->members[i].name, name) == 0)
      return G_STRUCT_MEMBER_P(in, shape->members[i].offset);
  return NULL;
}

static void add_resource(Naming *naming, const char *resource, StringMap own) {
  if (naming->first) {
    naming->auth->resource = resource;
    naming->auth->own = own;
    naming->first = FALSE;
    return;
  }
  for (gsize i = 0; i < naming->auth->also.n; i++)
    if (strcmp(naming->auth->also.v[i].resource, resource) == 0)
      return;
  if (strcmp(naming->auth->resource, resource) != 0)
    LIST_APPEND(naming->call->arena, &naming->auth->also, ((AuthorizationAlso){naming->auth->action, resource, own}));
}

/* The condition keys of a resource that is there: its tags, and its VPC. */
static Error *own_keys(Call *call, const Ec2Kind *kind, const char *id, StringMap *own) {
  void *record = NULL;
  TRY(ec2_find(call, kind, id, &record));
  if (!record)
    return NULL;
  const Ec2TagList *tags = G_STRUCT_MEMBER_P(record, kind->tags_offset);
  for (gsize i = 0; i < tags->n; i++) {
    MAP_SET(call->arena, own, arena_printf(call->arena, "aws:ResourceTag/%s", tags->v[i]->Key), tags->v[i]->Value ? tags->v[i]->Value : "");
    MAP_SET(call->arena, own, arena_printf(call->arena, "ec2:ResourceTag/%s", tags->v[i]->Key), tags->v[i]->Value ? tags->v[i]->Value : "");
  }
  const char *const *vpc = member_value(kind->shape, record, "VpcId");
  if (vpc && *vpc && kind != &ec2_vpcs)
    MAP_SET(call->arena, own, "ec2:Vpc", call_arn(call, "ec2", "vpc/%s", *vpc));
  return NULL;
}

static Error *add_id(Naming *naming, const char *id) {
  Call *call = naming->call;
  StringMap own = {0};
  const Ec2Kind *kind = id ? ec2_kind_of(id) : NULL;
  if (!kind)
    return NULL;
  TRY(own_keys(call, kind, id, &own));
  add_resource(naming, call_arn(call, "ec2", "%s/%s", kind->type, id), own);
  return NULL;
}

/* The range of a VPC or a subnet. */
#define ADD_RANGE(kind, Type, Member, id_member)                                                          \
  TRY(ec2_all(naming->call, &(kind), &records));                                                          \
  for (gsize i = 0; i < records.n; i++)                                                                   \
    for (gsize j = 0; j < ((const Ec2##Type *) records.v[i])->Member.n; j++)                              \
      if (strcmp(((const Ec2##Type *) records.v[i])->Member.v[j]->AssociationId, id) == 0)                \
        TRY(add_id(naming, ((const Ec2##Type *) records.v[i])->id_member));

static Error *add_table_association(Naming *naming, const char *id) {
  Ec2Records records = {0};
  TRY(ec2_all(naming->call, &ec2_route_tables, &records));
  for (gsize i = 0; i < records.n; i++) {
    const Ec2RouteTable *table = records.v[i];
    for (gsize j = 0; j < table->Associations.n; j++)
      if (strcmp(table->Associations.v[j]->RouteTableAssociationId, id) == 0) {
        TRY(add_id(naming, table->RouteTableId));
        TRY(add_id(naming, table->Associations.v[j]->SubnetId));
      }
  }
  return NULL;
}

static Error *add_acl_association(Naming *naming, const char *id) {
  Ec2Records records = {0};
  TRY(ec2_all(naming->call, &ec2_acls, &records));
  for (gsize i = 0; i < records.n; i++) {
    const Ec2NetworkAcl *acl = records.v[i];
    for (gsize j = 0; j < acl->Associations.n; j++)
      if (strcmp(acl->Associations.v[j]->NetworkAclAssociationId, id) == 0)
        TRY(add_id(naming, acl->NetworkAclId));
  }
  return NULL;
}

/* By the association, or by the public address. */
static Error *add_address(Naming *naming, const char *id) {
  Ec2Records records = {0};
  TRY(ec2_all(naming->call, &ec2_addresses, &records));
  for (gsize i = 0; i < records.n; i++) {
    const Ec2Address *address = records.v[i];
    if (g_strcmp0(address->AssociationId, id) != 0 && g_strcmp0(address->PublicIp, id) != 0)
      continue;
    TRY(add_id(naming, address->AllocationId));
    TRY(add_id(naming, address->NetworkInterfaceId));
  }
  return NULL;
}

static Error *add_vpc_range(Naming *naming, const char *id) {
  Ec2Records records = {0};
  ADD_RANGE(ec2_vpcs, Vpc, CidrBlockAssociationSet, VpcId)
  ADD_RANGE(ec2_vpcs, Vpc, Ipv6CidrBlockAssociationSet, VpcId)
  return NULL;
}

static Error *add_subnet_range(Naming *naming, const char *id) {
  Ec2Records records = {0};
  ADD_RANGE(ec2_subnets, Subnet, Ipv6CidrBlockAssociationSet, SubnetId)
  return NULL;
}
#undef ADD_RANGE

/* The id of an association stands for what it joins. */
static Error *add_joined(Naming *naming, const Member *member, const char *id) {
  static const struct { const char *prefix; Error *(*add)(Naming *naming, const char *id); } joins[] = {
    {"rtbassoc-", add_table_association}, {"aclassoc-", add_acl_association}, {"eipassoc-", add_address}, {"vpc-cidr-assoc-", add_vpc_range},
    {"subnet-cidr-assoc-", add_subnet_range},
  };
  if (id && strcmp(member->name, "PublicIp") == 0)
    return add_address(naming, id);
  for (gsize i = 0; id && i < G_N_ELEMENTS(joins); i++)
    if (g_str_has_prefix(id, joins[i].prefix))
      return joins[i].add(naming, id);
  return add_id(naming, id);
}

/* The call's own members: ids and lists of ids. What a rule's permission names is not authorised, as on AWS. */
static Error *add_members(Naming *naming, const Shape *shape, const void *in) {
  for (guint i = 0; i < shape->n_members; i++) {
    const Member *member = &shape->members[i];
    const void *value = G_STRUCT_MEMBER_P(in, member->offset);
    if (member->shape->type == SHAPE_STRING)
      TRY(add_joined(naming, member, *(const char *const *) value));
    if (member->shape->type != SHAPE_LIST || member->shape->element->type != SHAPE_STRING)
      continue;
    const StringList *list = value;
    for (gsize j = 0; j < list->n; j++)
      TRY(add_id(naming, list->v[j]));
  }
  return NULL;
}

static const char *made_type(const Call *call) {
  for (gsize i = 0; i < G_N_ELEMENTS(makes); i++)
    if (strcmp(makes[i].operation, call->operation->name) == 0)
      return makes[i].type;
  return NULL;
}

/* Tags that a call gives need ec2:CreateTags for what it makes. */
static void add_tagging(Naming *naming, const Shape *shape, const void *in, const char *type) {
  Call *call = naming->call;
  const Ec2TagSpecificationList *specifications = member_value(shape, in, "TagSpecifications");
  gboolean any = FALSE;
  for (gsize i = 0; specifications && i < specifications->n; i++)
    any = any || specifications->v[i]->Tags.n > 0;
  if (!any || !type)
    return;
  StringMap own = {0};
  MAP_SET(call->arena, &own, "ec2:CreateAction", call->operation->name);
  LIST_APPEND(call->arena, &naming->auth->also, ((AuthorizationAlso){"ec2:CreateTags", call_arn(call, "ec2", "%s/*", type), own}));
}

/* A role that a service is to use on the caller's behalf must be theirs to pass. */
static void add_passed_role(Naming *naming, const Shape *shape, const void *in) {
  const char *const *role = member_value(shape, in, "DeliverLogsPermissionArn");
  StringMap own = {0};
  if (!role || !*role)
    return;
  MAP_SET(naming->call->arena, &own, "iam:PassedToService", "vpc-flow-logs.amazonaws.com");
  LIST_APPEND(naming->call->arena, &naming->auth->also, ((AuthorizationAlso){"iam:PassRole", *role, own}));
}

static Error *name_resources(Call *call, const Shape *shape, const void *in, Authorization *auth) {
  Naming naming = {call, auth, TRUE};
  const char *type = made_type(call);
  if (g_str_has_prefix(call->operation->name, "Describe"))
    return NULL;
  if (type) {
    const char *const *vpc = member_value(shape, in, "VpcId");
    StringMap own = {0};
    if (vpc && *vpc)
      MAP_SET(call->arena, &own, "ec2:Vpc", call_arn(call, "ec2", "vpc/%s", *vpc));
    add_resource(&naming, call_arn(call, "ec2", "%s/*", type), own);
  }
  TRY(add_members(&naming, shape, in));
  add_tagging(&naming, shape, in, type);
  add_passed_role(&naming, shape, in);
  const char *const *service = member_value(shape, in, "ServiceName");
  if (service && *service)
    MAP_SET(call->arena, &auth->context, "ec2:VpceServiceName", *service);
  MAP_SET(call->arena, &auth->context, "ec2:Region", call->region);
  return NULL;
}

/* --- tags in a call --- */

Error *ec2_tag_check(const Ec2Tag *tag) {
  const char *key = tag->Key ? tag->Key : "", *value = tag->Value ? tag->Value : "";
  if (!*key)
    return error_answer("InvalidParameterValue", "Tag keys cannot be empty");
  if (g_utf8_strlen(key, -1) > TAG_KEY_MAX)
    return error_answer("InvalidParameterValue", "Tag key exceeds the maximum length of %d characters", TAG_KEY_MAX);
  if (g_utf8_strlen(value, -1) > TAG_VALUE_MAX)
    return error_answer("InvalidParameterValue", "Tag value exceeds the maximum length of %d characters", TAG_VALUE_MAX);
  if (g_ascii_strncasecmp(key, "aws:", 4) == 0 && !g_str_has_prefix(key, "aws:cloudformation:"))
    return error_answer("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use");
  return NULL;
}

static Error *check_specification(const Ec2TagSpecification *specification, const char *type) {
  if (g_strcmp0(specification->ResourceType, type) != 0)
    return error_answer("InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.",
                        specification->ResourceType ? specification->ResourceType : "");
  if (specification->Tags.n > TAGS_MAX)
    return error_answer("TagLimitExceeded", "The maximum number of tags for a resource has been reached.");
  for (gsize i = 0; i < specification->Tags.n; i++) {
    TRY(ec2_tag_check(specification->Tags.v[i]));
    for (gsize j = 0; j < i; j++)
      if (g_strcmp0(specification->Tags.v[i]->Key, specification->Tags.v[j]->Key) == 0)
        return error_answer("InvalidParameterValue", "Duplicate tag key '%s' specified.", specification->Tags.v[i]->Key);
  }
  return NULL;
}

static Error *check_tags(Call *call, const Shape *shape, const void *in) {
  const Ec2TagSpecificationList *specifications = member_value(shape, in, "TagSpecifications");
  const char *type = made_type(call);
  if (g_str_has_prefix(call->operation->name, "AuthorizeSecurityGroup"))
    type = "security-group-rule";
  for (gsize i = 0; specifications && i < specifications->n; i++)
    TRY(check_specification(specifications->v[i], type));
  return NULL;
}

Error *ec2_authorize(Call *call, const void *in, Authorization *auth) {
  const Shape *shape = call->operation->model->input;
  const OptBool *dry_run = member_value(shape, in, "DryRun");
  TRY(check_tags(call, shape, in));
  TRY(name_resources(call, shape, in, auth));
  if (dry_run && dry_run->v)
    auth->permitted = error_answer_status(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
  return NULL;
}
