/* record: resources in the store, found, listed, filtered, tagged. */
#include "services/ec2/ec2.h"

#include <string.h>

enum { PAGE = 1000 };

const Ec2Kind *const ec2_kinds[] = {
  &ec2_vpcs, &ec2_subnets, &ec2_internet_gateways, &ec2_route_tables, &ec2_security_groups, &ec2_rules, &ec2_acls, &ec2_endpoints,
  &ec2_interfaces, &ec2_addresses, &ec2_nat_gateways, NULL,
};

static const char *id_of(const Ec2Kind *kind, const void *record) { return *(const char *const *) G_STRUCT_MEMBER_P(record, kind->id_offset); }

static void key_of(const Call *call, const char *id, Key *key) {
  call_key(call, key);
  key_add(key, id);
}

Error *ec2_find(Call *call, const Ec2Kind *kind, const char *id, void *ret) {
  Key key;
  void *record = NULL;
  if (id && strlen(id) < 256) {
    key_of(call, id, &key);
    TRY(record_get(call->txn, &kind->table, &key, kind->shape, call->arena, &record));
  }
  *(void **) ret = record;
  return NULL;
}

Error *ec2_get(Call *call, const Ec2Kind *kind, const char *id, void *ret) {
  void *record = NULL;
  if (!id)
    return error_answer("MissingParameter", "The request must contain the parameter %s id", kind->type);
  TRY(ec2_find(call, kind, id, &record));
  if (!record) {
    g_auto(GStrv) parts = g_strsplit(kind->not_found_text, "%s", 2);
    return error_answer(kind->not_found, "%s%s%s", parts[0], id, parts[1]);
  }
  *(void **) ret = record;
  return NULL;
}

Error *ec2_put(Call *call, const Ec2Kind *kind, const void *record) {
  Key key;
  key_of(call, id_of(kind, record), &key);
  return record_put(call->txn, &kind->table, &key, kind->shape, record);
}

Error *ec2_delete(Call *call, const Ec2Kind *kind, const char *id) {
  Key key;
  key_of(call, id, &key);
  return store_delete(call->txn, &kind->table, &key, NULL);
}

Error *ec2_all(Call *call, const Ec2Kind *kind, Ec2Records *ret) {
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  Ec2Records all = {0};
  call_key(call, &prefix);
  TRY(cursor_open(call->txn, &kind->table, &(CursorOptions){.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    const guint8 *data = cursor_value(cursor, &size);
    void *record = NULL;
    TRY(record_decode(call->arena, kind->shape, data, size, &record));
    LIST_APPEND(call->arena, &all, record);
  }
  *ret = all;
  return NULL;
}

/* --- filters --- */

static gboolean value_matches(const StringList *wanted, const char *value) {
  for (gsize i = 0; i < wanted->n; i++)
    if (text_glob(wanted->v[i], value))
      return TRUE;
  return FALSE;
}

/* Whether any value that path leads to is wanted. */
static gboolean path_matches(const Json *json, const char *path, const StringList *wanted) {
  if (!json)
    return FALSE;
  if (json->type == JSON_ARRAY) {
    for (guint32 i = 0; i < json->n; i++)
      if (path_matches(json->items[i], path, wanted))
        return TRUE;
    return FALSE;
  }
  if (*path) {
    gsize length = strcspn(path, ".");
    g_autofree char *name = g_strndup(path, length);
    return path_matches(json_get(json, name), path + length + (path[length] == '.'), wanted);
  }
  if (json->type == JSON_TRUE || json->type == JSON_FALSE)
    return value_matches(wanted, json->type == JSON_TRUE ? "true" : "false");
  return (json->type == JSON_STRING || json->type == JSON_NUMBER) && value_matches(wanted, json->text);
}

static gboolean tag_matches(const Json *json, const char *key, const StringList *wanted) {
  const Json *tags = json_get(json, "Tags");
  tags = tags ? tags : json_get(json, "TagSet");
  for (guint32 i = 0; tags && i < tags->n; i++)
    if (g_strcmp0(json_string(json_get(tags->items[i], "Key")), key) == 0 && value_matches(wanted, json_string(json_get(tags->items[i], "Value"))))
      return TRUE;
  return FALSE;
}

static Error *one_filter(const Ec2Path *paths, const Json *json, const Ec2Filter *filter, gboolean *ret_passes) {
  const char *name = filter->Name ? filter->Name : "";
  if (g_str_has_prefix(name, "tag:")) {
    *ret_passes = tag_matches(json, name + 4, &filter->Values);
    return NULL;
  }
  if (strcmp(name, "tag-key") == 0 || strcmp(name, "tag-value") == 0) {
    const char *member = name[4] == 'k' ? "Key" : "Value";
    *ret_passes = path_matches(json_get(json, "Tags"), member, &filter->Values) || path_matches(json_get(json, "TagSet"), member, &filter->Values);
    return NULL;
  }
  for (; paths->filter; paths++)
    if (strcmp(paths->filter, name) == 0) {
      *ret_passes = path_matches(json, paths->member, &filter->Values);
      return NULL;
    }
  return error_answer("InvalidParameterValue", "The filter '%s' is invalid", name);
}

Error *ec2_filter(Call *call, const Ec2Path *paths, const Shape *shape, const void *record, const Ec2FilterList *filters, gboolean *ret_passes) {
  *ret_passes = TRUE;
  if (!filters || filters->n == 0)
    return NULL;
  const Json *json = shape_to_json(call->arena, shape, record);
  for (gsize i = 0; i < filters->n && *ret_passes; i++)
    TRY(one_filter(paths, json, filters->v[i], ret_passes));
  return NULL;
}

/* --- describe --- */

static Error *records_named(Call *call, const Ec2Describe *d, Ec2Records *ret) {
  if (!d->ids || d->ids->n == 0)
    return ec2_all(call, d->kind, ret);
  Ec2Records records = {0};
  for (gsize i = 0; i < d->ids->n; i++) {
    void *record = NULL;
    TRY(ec2_get(call, d->kind, d->ids->v[i], &record));
    LIST_APPEND(call->arena, &records, record);
  }
  *ret = records;
  return NULL;
}

Error *ec2_describe(Call *call, const Ec2Describe *d, void *ret_list, const char **ret_next_token) {
  Ec2Records records = {0}, *list = ret_list;
  gint64 max = OPT_OR(d->max, PAGE);
  TRY(records_named(call, d, &records));
  LIST_EMPTY(call->arena, list);
  for (gsize i = 0; i < records.n; i++) {
    gboolean passes = TRUE;
    if (d->next_token && strcmp(id_of(d->kind, records.v[i]), d->next_token) <= 0)
      continue;
    TRY(ec2_filter(call, d->kind->filters, d->kind->shape, records.v[i], d->filters, &passes));
    if (!passes)
      continue;
    if ((gint64) list->n >= max) {
      if (ret_next_token)
        *ret_next_token = id_of(d->kind, list->v[list->n - 1]);
      return NULL;
    }
    LIST_APPEND(call->arena, list, records.v[i]);
  }
  return NULL;
}

Ec2TagList ec2_tags(Call *call, const Ec2TagSpecificationList *specifications, const char *type) {
  Ec2TagList tags = {0};
  for (gsize i = 0; i < specifications->n; i++) {
    const Ec2TagSpecification *specification = specifications->v[i];
    if (g_strcmp0(specification->ResourceType, type) != 0)
      continue;
    for (gsize j = 0; j < specification->Tags.n; j++)
      LIST_APPEND(call->arena, &tags, specification->Tags.v[j]);
  }
  return tags;
}

/* Which member of a call names its main resource; the first that is there counts. */
static const struct { const char *member, *type; } resource_members[] = {
  {"NetworkInterfaceId", "network-interface"}, {"GroupId", "security-group"}, {"RouteTableId", "route-table"}, {"NetworkAclId", "network-acl"},
  {"VpcEndpointId", "vpc-endpoint"}, {"InternetGatewayId", "internet-gateway"}, {"NatGatewayId", "natgateway"}, {"SubnetId", "subnet"},
  {"AllocationId", "elastic-ip"}, {"VpcId", "vpc"},
};

static const void *member_value(const Shape *shape, const void *in, const char *name) {
  for (guint i = 0; i < shape->n_members; i++)
    if (strcmp(shape->members[i].name, name) == 0)
      return G_STRUCT_MEMBER_P(in, shape->members[i].offset);
  return NULL;
}

/* Calls that describe have no resource, as on AWS. */
static const char *resource_of(Call *call, const Shape *shape, const void *in) {
  if (g_str_has_prefix(call->operation->name, "Describe") || g_str_has_prefix(call->operation->name, "Get"))
    return "*";
  for (gsize i = 0; i < G_N_ELEMENTS(resource_members); i++) {
    const char *const *id = member_value(shape, in, resource_members[i].member);
    if (id && *id)
      return call_arn(call, "ec2", "%s/%s", resource_members[i].type, *id);
  }
  return "*";
}

Error *ec2_authorize(Call *call, const void *in, Authorization *auth) {
  const Shape *shape = call->operation->model->input;
  const OptBool *dry_run = member_value(shape, in, "DryRun");
  auth->resource = resource_of(call, shape, in);
  if (dry_run && dry_run->v)
    return error_answer_status(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
  return NULL;
}
