/* Stacks, resources, events and change sets hold the values of parameters, NoEcho ones too: they are sealed, "S" before. */
#include "stack/record.h"
#include "store/seal.h"
#include <string.h>

static const Table stacks = { "stack.stacks" };
static const Table names = { "stack.names" };
static const Table resources = { "stack.resources" };
static const Table events = { "stack.events" };
static const Table change_sets = { "stack.change_sets" };
static const Table exports = { "stack.exports" };
static const Table imports = { "stack.imports" };

Json *
record_time(Arena *arena, gint64 ms)
{
  Json *json = ARENA_NEW(arena, Json);
  json->type = JSON_NUMBER;
  json->text = arena_printf(arena, "%" G_GINT64_FORMAT ".%03d", ms / 1000, (int) (ms % 1000));
  json->n = (guint32) strlen(json->text);
  return json;
}

static gboolean
is_sealed(const Table *table)
{
  return table == &stacks || table == &resources || table == &events || table == &change_sets;
}

static Error *
put(Txn *txn, const Table *table, const Key *key, const Json *json)
{
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GString) text = g_string_new(NULL);
  guint8 *sealed = NULL;
  gsize size = 0;
  json_write(text, json);
  if (!is_sealed(table))
    return store_put(txn, table, key, text->str, text->len);
  TRY(store_txn_seal(txn, arena, text->str, text->len, &sealed, &size));
  g_string_assign(text, "S");
  g_string_append_len(text, (const char *) sealed, (gssize) size);
  return store_put(txn, table, key, text->str, text->len);
}

/* A value as it is stored; those of an older haar are not sealed. */
static Error *
parse(Txn *txn, Arena *arena, const void *data, gsize size, Json **ret_json)
{
  const char *text = data;
  guint8 *plain = NULL;
  if (size == 0 || *text != 'S')
    return json_parse(arena, text, size, ret_json);
  TRY(store_txn_unseal(txn, arena, text + 1, size - 1, &plain, &size));
  return json_parse(arena, (const char *) plain, size, ret_json);
}

static Error *
get(Txn *txn, Arena *arena, const Table *table, const Key *key, Json **ret_json)
{
  const void *data = NULL;
  gsize size = 0;
  *ret_json = NULL;
  TRY(store_get(txn, table, key, &data, &size));
  return data ? parse(txn, arena, data, size, ret_json) : NULL;
}

/* All values under a prefix, in order, as JSON. */
static Error *
list_all(Txn *txn, Arena *arena, const Table *table, const Key *prefix, gboolean reverse, Json *list)
{
  g_autoptr(Cursor) cursor = NULL;
  CursorOptions options = { .prefix = prefix, .reverse = reverse };
  TRY(cursor_open(txn, table, &options, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    const guint8 *data = cursor_value(cursor, &size);
    Json *json = NULL;
    TRY(parse(txn, arena, data, size, &json));
    json_append(arena, list, json);
  }
  return NULL;
}

static const char *
member(const Json *json, const char *name)
{
  const char *text = json_string(json_get(json, name));
  return text ? text : "";
}

Error *
stack_record_get(Txn *txn, Arena *arena, const char *region, const char *account, const char *name_or_id, Json **ret_stack)
{
  Key key;
  const char *id = name_or_id;
  *ret_stack = NULL;
  if (!g_str_has_prefix(name_or_id, "arn:")) {
    const void *data = NULL;
    gsize size = 0;
    key_strings(&key, region, account, name_or_id, NULL);
    TRY(store_get(txn, &names, &key, &data, &size));
    if (!data)
      return NULL;
    id = arena_strndup(arena, data, size);
  }
  key_strings(&key, region, account, id, NULL);
  return get(txn, arena, &stacks, &key, ret_stack);
}

Error *
stack_record_put(Txn *txn, Arena *arena, const char *region, const char *account, const Json *stack)
{
  Key key;
  const char *id = member(stack, "StackId"), *name = member(stack, "StackName");
  key_strings(&key, region, account, name, NULL);
  if (strcmp(member(stack, "StackStatus"), "DELETE_COMPLETE") == 0) {
    Json *owner = NULL;
    TRY(stack_record_get(txn, arena, region, account, name, &owner));
    if (owner && strcmp(member(owner, "StackId"), id) == 0)
      TRY(store_delete(txn, &names, &key, NULL));
  } else {
    TRY(store_put(txn, &names, &key, id, strlen(id)));
  }
  key_strings(&key, region, account, id, NULL);
  return put(txn, &stacks, &key, stack);
}

Error *
stack_record_forget(Txn *txn, const char *region, const char *account, const Json *stack)
{
  Key key;
  const char *id = member(stack, "StackId");
  key_strings(&key, region, account, member(stack, "StackName"), NULL);
  TRY(store_delete(txn, &names, &key, NULL));
  key_strings(&key, region, account, id, NULL);
  TRY(store_delete(txn, &stacks, &key, NULL));
  key_strings(&key, id, NULL);
  TRY(store_delete_prefix(txn, &resources, &key, NULL));
  TRY(store_delete_prefix(txn, &events, &key, NULL));
  return store_delete_prefix(txn, &change_sets, &key, NULL);
}

static int
newer_first(gconstpointer a, gconstpointer b)
{
  const Json *x = *(const Json *const *) a, *y = *(const Json *const *) b;
  const Json *time_x = json_get(x, "CreationTime"), *time_y = json_get(y, "CreationTime");
  double i = time_x ? g_ascii_strtod(time_x->text, NULL) : 0, j = time_y ? g_ascii_strtod(time_y->text, NULL) : 0;
  return i < j ? 1 : i > j ? -1 : strcmp(member(x, "StackName"), member(y, "StackName"));
}

Error *
stack_record_list(Txn *txn, Arena *arena, const char *region, const char *account, Json *list)
{
  Key key;
  key_init(&key);
  if (region) {
    key_add(&key, region);
    key_add(&key, account);
  }
  TRY(list_all(txn, arena, &stacks, region ? &key : NULL, FALSE, list));
  if (list->n)
    qsort(list->items, list->n, sizeof *list->items, newer_first);
  return NULL;
}

Error *
resource_record_put(Txn *txn, Arena *arena, const char *stack_id, const Json *resource)
{
  Key key;
  key_strings(&key, stack_id, member(resource, "LogicalResourceId"), NULL);
  return put(txn, &resources, &key, resource);
}

Error *
resource_record_list(Txn *txn, Arena *arena, const char *stack_id, Json *list)
{
  Key key;
  key_strings(&key, stack_id, NULL);
  return list_all(txn, arena, &resources, &key, FALSE, list);
}

Error *
resource_record_delete(Txn *txn, const char *stack_id, const char *logical_id)
{
  Key key;
  key_strings(&key, stack_id, logical_id, NULL);
  return store_delete(txn, &resources, &key, NULL);
}

static Error *
next_event(Txn *txn, Arena *arena, const char *stack_id, gint64 *ret_number)
{
  Key key;
  g_autoptr(Cursor) cursor = NULL;
  key_strings(&key, stack_id, NULL);
  CursorOptions options = { .prefix = &key, .reverse = TRUE };
  TRY(cursor_open(txn, &events, &options, &cursor));
  *ret_number = 1;
  if (cursor_next(cursor)) {
    KeyReader reader = cursor_key_reader(cursor);
    gint64 last = 0;
    if (key_read_int(&reader, &last))
      *ret_number = last + 1;
  }
  return NULL;
}

Error *
event_record_add(Txn *txn, Arena *arena, const Json *stack, Json *event)
{
  Key key;
  gint64 number = 0, now = clock_now();
  const char *stack_id = member(stack, "StackId"), *logical_id = member(event, "LogicalResourceId");
  gboolean of_stack = strcmp(member(event, "PhysicalResourceId"), stack_id) == 0;
  TRY(next_event(txn, arena, stack_id, &number));
  json_set(arena, event, "StackId", json_new_string(arena, stack_id));
  json_set(arena, event, "StackName", json_new_string(arena, member(stack, "StackName")));
  json_set(arena, event, "Timestamp", record_time(arena, now));
  json_set(arena, event, "EventId", json_new_string(arena, of_stack ? id_uuid(arena) : arena_printf(arena, "%s-%s-%s", logical_id,
           member(event, "ResourceStatus"), text_iso8601(arena, now, TRUE))));
  key_strings(&key, stack_id, NULL);
  key_add_int(&key, number);
  return put(txn, &events, &key, event);
}

Error *
event_record_list(Txn *txn, Arena *arena, const char *stack_id, Json *list)
{
  Key key;
  key_strings(&key, stack_id, NULL);
  return list_all(txn, arena, &events, &key, TRUE, list);
}

Error *
change_set_record_put(Txn *txn, Arena *arena, const char *stack_id, const Json *change_set)
{
  Key key;
  key_strings(&key, stack_id, member(change_set, "ChangeSetName"), NULL);
  return put(txn, &change_sets, &key, change_set);
}

Error *
change_set_record_get(Txn *txn, Arena *arena, const char *stack_id, const char *name, Json **ret_change_set)
{
  Key key;
  key_strings(&key, stack_id, name, NULL);
  return get(txn, arena, &change_sets, &key, ret_change_set);
}

Error *
change_set_record_list(Txn *txn, Arena *arena, const char *stack_id, Json *list)
{
  Key key;
  key_strings(&key, stack_id, NULL);
  return list_all(txn, arena, &change_sets, &key, FALSE, list);
}

Error *
change_set_record_delete(Txn *txn, const char *stack_id, const char *name)
{
  Key key;
  key_strings(&key, stack_id, NULL);
  if (!name)
    return store_delete_prefix(txn, &change_sets, &key, NULL);
  key_add(&key, name);
  return store_delete(txn, &change_sets, &key, NULL);
}

Error *
export_record_get(Txn *txn, Arena *arena, const char *region, const char *account, const char *name, Json **ret_export)
{
  Key key;
  key_strings(&key, region, account, name, NULL);
  return get(txn, arena, &exports, &key, ret_export);
}

Error *
export_record_list(Txn *txn, Arena *arena, const char *region, const char *account, Json *list)
{
  Key key;
  key_strings(&key, region, account, NULL);
  return list_all(txn, arena, &exports, &key, FALSE, list);
}

Error *
export_record_put(Txn *txn, Arena *arena, const char *region, const char *account, const Json *export_)
{
  Key key;
  key_strings(&key, region, account, member(export_, "Name"), NULL);
  return put(txn, &exports, &key, export_);
}

Error *
export_record_delete(Txn *txn, const char *region, const char *account, const char *name)
{
  Key key;
  key_strings(&key, region, account, name, NULL);
  return store_delete(txn, &exports, &key, NULL);
}

Error *
import_record_list(Txn *txn, Arena *arena, const char *region, const char *account, const char *name, Json *list)
{
  Key key;
  key_strings(&key, region, account, name, NULL);
  return list_all(txn, arena, &imports, &key, FALSE, list);
}

Error *
import_record_replace(Txn *txn, Arena *arena, const char *region, const char *account, const Json *stack, const Json *imported)
{
  Key key;
  const Json *before = json_get(stack, "_Imports");
  for (guint i = 0; before && i < before->n; i++) {
    key_strings(&key, region, account, before->items[i]->text, member(stack, "StackId"), NULL);
    TRY(store_delete(txn, &imports, &key, NULL));
  }
  for (guint i = 0; imported && i < imported->n; i++) {
    key_strings(&key, region, account, imported->items[i]->text, member(stack, "StackId"), NULL);
    TRY(put(txn, &imports, &key, json_get(stack, "StackName")));
  }
  return NULL;
}
