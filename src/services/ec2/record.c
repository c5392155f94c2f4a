/* record: resources in the store, found by their ids, listed, tagged. */
#include "services/ec2/ec2.h"

#include <string.h>

const Ec2Kind *const ec2_kinds[] = {
  &ec2_vpcs, &ec2_subnets, &ec2_internet_gateways, &ec2_route_tables, &ec2_security_groups, &ec2_rules, &ec2_acls, &ec2_endpoints,
  &ec2_interfaces, &ec2_addresses, &ec2_nat_gateways, &ec2_dhcp_options, &ec2_peerings, &ec2_egress_gateways, &ec2_managed_lists, &ec2_flow_logs, &ec2_insights_paths,
  &ec2_insights_analyses, NULL,
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

/* The prefix and up to 17 hexadecimal digits. */
static gboolean well_formed(const Ec2Kind *kind, const char *id) {
  gsize n = strlen(kind->prefix);
  if (strncmp(id, kind->prefix, n) != 0 || id[n] != '-')
    return FALSE;
  const char *digits = id + n + 1;
  gsize length = strlen(digits);
  return length > 0 && length <= 17 && strspn(digits, "0123456789abcdef") == length;
}

const Ec2Kind *ec2_kind_of(const char *id) {
  for (const Ec2Kind *const *kind = ec2_kinds; *kind; kind++)
    if (well_formed(*kind, id))
      return *kind;
  return NULL;
}

Error *ec2_no_such(const Ec2Kind *kind, const char *id) {
  if (!well_formed(kind, id))
    return error_answer(kind->malformed, "Invalid id: \"%s\" (expecting \"%s-...\")", id, kind->prefix);
  g_auto(GStrv) parts = g_strsplit(kind->not_found_text, "%s", 2);
  return error_answer(kind->not_found, "%s%s%s", parts[0], id, parts[1]);
}

Error *ec2_get(Call *call, const Ec2Kind *kind, const char *id, void *ret) {
  void *record = NULL;
  if (!id)
    return error_answer("MissingParameter", "The request must contain the parameter %s id", kind->type);
  if (well_formed(kind, id))
    TRY(ec2_find(call, kind, id, &record));
  if (!record)
    return ec2_no_such(kind, id);
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
