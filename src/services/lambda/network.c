/* Functions in VPCs: one network interface for each subnet and set of security groups, shared by all functions of the account that have it.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "services/lambda/lambda.h"
#include "wire/sealed.h"

static int
by_text(gconstpointer a, gconstpointer b)
{
  return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* "subnet-1 sg-1 sg-2": groups in order (arena). */
static const char *
interface_name(Arena *arena, const char *subnet, const StringList *groups)
{
  const char **sorted = ARENA_ARRAY(arena, const char *, groups->n + 1);
  memcpy(sorted, groups->v, groups->n * sizeof *sorted);
  qsort(sorted, groups->n, sizeof *sorted, by_text);
  return arena_printf(arena, "%s %s", subnet, text_join(arena, " ", sorted, groups->n));
}

static gboolean
has_vpc(const LambdaFunctionConfiguration *config)
{
  return config->VpcConfig && config->VpcConfig->SubnetIds.n;
}

typedef struct Find { const char *name; LambdaInterfaceRecord *record; } Find;

static Error *
find(Call *call, gpointer data)
{
  Find *find_ = data;
  Key key;
  void *record;
  call_key(call, &key);
  key_add(&key, find_->name);
  TRY(record_get(call->txn, &lambda_interfaces, &key, &LambdaInterfaceRecord_shape, call->arena, &record));
  find_->record = record;
  return NULL;
}

static Error *
keep(Call *call, gpointer data)
{
  const Find *found = data;
  Key key;
  call_key(call, &key);
  key_add(&key, found->name);
  return record_put(call->txn, &lambda_interfaces, &key, &LambdaInterfaceRecord_shape, found->record);
}

/* --- checks --- */

static Json *
string_array(Arena *arena, const StringList *list)
{
  Json *array = json_new_array(arena);
  for (gsize i = 0; i < list->n; i++)
    json_append(arena, array, json_new_string(arena, list->v[i]));
  return array;
}

static Error *
describe(Call *call, const char *operation, const char *member, const StringList *ids, Json **ret)
{
  Json *in = json_new_object(call->arena);
  json_set(call->arena, in, member, string_array(call->arena, ids));
  g_autoptr(Error) error = lambda_other_call(call, "ec2", operation, NULL, in, ret);
  if (error && error->kind == ERROR_ANSWER)
    return error_answer("InvalidParameterValueException", "Error occurred while %s. EC2 Error Code: %s. EC2 Error Message: %s", operation, error->code,
                        error->message);
  return g_steal_pointer(&error);
}

/* Whether the execution role may make interfaces: AWS makes them on its behalf. */
static Error *
role_may(Call *call, gpointer data)
{
  const Principal *role = lambda_role_session(call, data);
  static const char *const actions[] = {"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"};
  StringMap context = {0};
  for (gsize i = 0; i < G_N_ELEMENTS(actions); i++) {
    IamRequest request = {.principal = role, .action = actions[i], .resource = "*", .resource_account = call->account, .context = &context};
    g_autoptr(Error) error = iam_authorize(call->txn, call->arena, &request);
    if (error && error->kind == ERROR_ANSWER)
      return error_answer("InvalidParameterValueException", "The provided execution role does not have permissions to call %s on EC2",
                          strchr(actions[i], ':') + 1);
    if (error)
      return g_steal_pointer(&error);
  }
  return NULL;
}

Error *
lambda_network_check(Call *call, const char *role, const LambdaVpcConfig *config, LambdaVpcConfigResponse **ret)
{
  *ret = NULL;
  if (!config || (!config->SubnetIds.n && !config->SecurityGroupIds.n))
    return NULL;
  if (!config->SubnetIds.n || !config->SecurityGroupIds.n)
    return error_answer("InvalidParameterValueException", "SubnetIds and SecurityIds must coexist or be both empty list.");
  Json *subnets, *groups;
  TRY(describe(call, "DescribeSubnets", "SubnetIds", &config->SubnetIds, &subnets));
  TRY(describe(call, "DescribeSecurityGroups", "GroupIds", &config->SecurityGroupIds, &groups));
  const Json *list = json_get(subnets, "Subnets"), *all = json_get(groups, "SecurityGroups");
  const char *vpc = NULL;
  for (guint i = 0; list && i < list->n; i++) {
    const char *its = json_string(json_get(list->items[i], "VpcId"));
    if (vpc && g_strcmp0(vpc, its) != 0)
      return error_answer("InvalidParameterValueException", "The provided subnets belong to different VPCs.");
    vpc = its;
  }
  for (guint i = 0; all && i < all->n; i++)
    if (g_strcmp0(vpc, json_string(json_get(all->items[i], "VpcId"))) != 0)
      return error_answer("InvalidParameterValueException", "Security group and subnet belong to different networks.");
  LambdaVpcConfigResponse *shown = *ret = ARENA_NEW(call->arena, LambdaVpcConfigResponse);
  shown->SubnetIds = config->SubnetIds;
  shown->SecurityGroupIds = config->SecurityGroupIds;
  shown->VpcId = vpc;
  return call_read(call, role_may, (gpointer) role);
}

/* --- interfaces --- */

static Error *
make(Call *call, const LambdaFunctionConfiguration *config, const char *subnet, Find *found)
{
  Json *in = lambda_json_strings(call->arena, "SubnetId", subnet, "InterfaceType", "lambda", NULL), *out;
  json_set(call->arena, in, "Description",
           json_new_string(call->arena, arena_printf(call->arena, "AWS Lambda VPC ENI-%s-%s", config->FunctionName, id_uuid(call->arena))));
  json_set(call->arena, in, "Groups", string_array(call->arena, &config->VpcConfig->SecurityGroupIds));
  TRY(lambda_other_call(call, "ec2", "CreateNetworkInterface", principal_service(call->arena, "lambda.amazonaws.com", call->account), in, &out));
  LambdaInterfaceRecord *record = found->record = ARENA_NEW(call->arena, LambdaInterfaceRecord);
  record->interface = json_string(json_path(out, "NetworkInterface.NetworkInterfaceId"));
  record->subnet = subnet;
  record->groups = config->VpcConfig->SecurityGroupIds;
  if (!record->interface)
    return error_fault("CreateNetworkInterface gave no interface");
  return call_write(call, keep, found);
}

static Error *
find_or_make(Call *call, const LambdaFunctionConfiguration *config, const char *subnet, Find *found)
{
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&lambda_state(call)->interfaces);
  TRY(call_read(call, find, found));
  return found->record ? NULL : make(call, config, subnet, found);
}

Error *
lambda_network_prepare(Call *call, const LambdaFunctionConfiguration *config)
{
  if (!has_vpc(config))
    return NULL;
  TRY(call_read(call, role_may, (gpointer) config->Role));
  for (gsize i = 0; i < config->VpcConfig->SubnetIds.n; i++) {
    const char *subnet = config->VpcConfig->SubnetIds.v[i];
    Find found = {.name = interface_name(call->arena, subnet, &config->VpcConfig->SecurityGroupIds)};
    TRY(find_or_make(call, config, subnet, &found));
    int fd = -1;
    if (call->haar->fabric) /* it is there once packets can use it */
      TRY(fabric_eni_netns(call->haar->fabric, found.record->interface, &fd));
    if (fd >= 0)
      close(fd);
  }
  return NULL;
}

Error *
lambda_network_interface(Call *call, const LambdaFunctionConfiguration *config, guint turn, const char **ret)
{
  *ret = NULL;
  if (!has_vpc(config))
    return NULL;
  const StringList *subnets = &config->VpcConfig->SubnetIds;
  Find found = {.name = interface_name(call->arena, subnets->v[turn % subnets->n], &config->VpcConfig->SecurityGroupIds)};
  TRY(call_read(call, find, &found));
  if (!found.record)
    return error_answer_status(502, "ENINotReadyException", "The function's network interface is not there yet.");
  *ret = found.record->interface;
  return NULL;
}

/* --- giving up --- */

typedef struct Unused {
  GHashTable *used;          /* names of interfaces that functions need */
  struct { gsize n; Find *v; } all;
} Unused;

static void
use(Call *call, Unused *unused, const LambdaFunctionConfiguration *config)
{
  if (!config || !has_vpc(config))
    return;
  for (gsize i = 0; i < config->VpcConfig->SubnetIds.n; i++)
    g_hash_table_add(unused->used, (gpointer) interface_name(call->arena, config->VpcConfig->SubnetIds.v[i], &config->VpcConfig->SecurityGroupIds));
}

static Error *
each(Call *call, const Table *table, const Shape *shape, Unused *unused)
{
  Key prefix;
  call_key(call, &prefix);
  g_autoptr(Cursor) cursor = NULL;
  TRY(cursor_open(call->txn, table, &(CursorOptions) {.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size;
    const guint8 *data = cursor_value(cursor, &size);
    void *record;
    TRY(record_decode_sealed(call->txn, call->arena, shape, data, size, &record));
    if (table == &lambda_functions) {
      use(call, unused, ((LambdaFunctionRecord *) record)->config);
      use(call, unused, ((LambdaFunctionRecord *) record)->active);
      continue;
    }
    LambdaInterfaceRecord *interface = record;
    Find one = {interface_name(call->arena, interface->subnet, &interface->groups), interface};
    LIST_APPEND(call->arena, &unused->all, one);
  }
  return NULL;
}

static Error *
gather(Call *call, gpointer data)
{
  TRY(each(call, &lambda_functions, &LambdaFunctionRecord_shape, data));
  return each(call, &lambda_interfaces, &LambdaInterfaceRecord_shape, data);
}

static Error *
drop(Call *call, gpointer data)
{
  const Find *found = data;
  Key key;
  call_key(call, &key);
  key_add(&key, found->name);
  return store_delete(call->txn, &lambda_interfaces, &key, NULL);
}

Error *
lambda_network_release(Call *call)
{
  g_autoptr(GHashTable) used = g_hash_table_new(g_str_hash, g_str_equal);
  Unused unused = {.used = used};
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&lambda_state(call)->interfaces);
  TRY(call_read(call, gather, &unused));
  for (gsize i = 0; i < unused.all.n; i++) {
    Find *one = &unused.all.v[i];
    if (g_hash_table_contains(used, one->name))
      continue;
    pool_forget_interface(lambda_state(call)->pool, one->record->interface);
    Json *in = lambda_json_strings(call->arena, "NetworkInterfaceId", one->record->interface, NULL);
    g_autoptr(Error) error = lambda_other_call(call, "ec2", "DeleteNetworkInterface", principal_service(call->arena, "lambda.amazonaws.com", call->account), in, NULL);
    if (error && error->kind == ERROR_FAULT)
      return g_steal_pointer(&error);
    if (error && !g_str_has_suffix(error->code, ".NotFound"))
      return error_fault("%s: %s", one->record->interface, error->message);
    TRY(call_write(call, drop, one));
  }
  return NULL;
}

/* --- fault profile late-eni --- */

static void
set_late(Fabric *fabric, const char *interface, gboolean late)
{
  g_autofree char *name = g_strdup_printf("late-eni.%s", interface);
  const FabricFault fault = {.name = name, .kind = FABRIC_CUT, .target = interface};
  if (late)
    fabric_fault_set(fabric, &fault);
  else
    fabric_fault_remove(fabric, name);
}

/* Adds to how many hold the interface back; the first cuts it, the last brings it up. */
static void
hold(Lambda *lambda, const char *interface, int more)
{
  g_mutex_lock(&lambda->running);
  int n = GPOINTER_TO_INT(g_hash_table_lookup(lambda->late, interface)), now = n + more;
  g_hash_table_insert(lambda->late, g_strdup(interface), GINT_TO_POINTER(now));
  gboolean change = (n > 0) != (now > 0);
  if (change)
    set_late(lambda->haar->fabric, interface, now > 0);
  g_mutex_unlock(&lambda->running);
  g_autoptr(Error) error = change ? fabric_sync(lambda->haar->fabric) : NULL;
  if (error)
    log_warning("%s: %s", interface, error->message);
}

void
lambda_late_begin(Lambda *lambda, const char *interface)
{
  hold(lambda, interface, 1);
}

void
lambda_late_end(Lambda *lambda, const char *interface)
{
  hold(lambda, interface, -1);
}
