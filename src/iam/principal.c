/* Credentials, sessions, and the identity policies of users and roles, in the store. Credentials are sealed, "S" before. */
#include "iam/iam.h"
#include "store/seal.h"

#include <string.h>

static const Table credentials = { "iam.credential" };
static const Table identities = { "iam.identity" };

static const char *const type_names[] = { "anonymous", "root", "user", "session", "service" };
G_STATIC_ASSERT(G_N_ELEMENTS(type_names) == PRINCIPAL_SERVICE + 1);

static void
set_text(Arena *arena, Json *object, const char *key, const char *text)
{
  if (text)
    json_set(arena, object, key, json_new_string(arena, text));
}

static Json *
map_json(Arena *arena, const StringMap *map)
{
  Json *object = json_new_object(arena);
  for (gsize i = 0; i < map->n; i++)
    set_text(arena, object, map->v[i].key, map->v[i].value);
  return object;
}

static StringMap
json_map(Arena *arena, const Json *object)
{
  StringMap map = { 0 };
  for (guint32 i = 0; object && i < object->n; i++)
    MAP_SET(arena, &map, object->members[i].key, json_string(object->members[i].value));
  return map;
}

static gint64
json_int(const Json *json)
{
  return json && json->type == JSON_NUMBER ? g_ascii_strtoll(json->text, NULL, 10) : 0;
}

static Error *
store_json(Txn *txn, const Table *table, const char *name, const Json *json)
{
  g_autoptr(GString) text = g_string_new(NULL);
  json_write(text, json);
  Key key;
  key_strings(&key, name, NULL);
  if (table != &credentials)
    return store_put(txn, table, &key, text->str, text->len);
  g_autoptr(Arena) arena = arena_new();
  guint8 *sealed = NULL;
  gsize size = 0;
  TRY(store_txn_seal(txn, arena, text->str, text->len, &sealed, &size));
  g_string_assign(text, "S");
  g_string_append_len(text, (const char *) sealed, (gssize) size);
  return store_put(txn, table, &key, text->str, text->len);
}

/* *ret is NULL if there is none. */
static Error *
load_json(Txn *txn, Arena *arena, const Table *table, const char *name, Json **ret)
{
  const void *data = NULL;
  gsize size = 0;
  Key key;
  key_strings(&key, name, NULL);
  *ret = NULL;
  TRY(store_get(txn, table, &key, &data, &size));
  if (!data || size == 0 || *(const char *) data != 'S')
    return data ? json_parse(arena, data, size, ret) : NULL;
  guint8 *plain = NULL;
  TRY(store_txn_unseal(txn, arena, (const char *) data + 1, size - 1, &plain, &size));
  return json_parse(arena, (const char *) plain, size, ret);
}

static Json *
credential_json(Arena *arena, const Credential *credential)
{
  const Principal *principal = &credential->principal;
  Json *json = json_new_object(arena);
  set_text(arena, json, "secret", credential->secret_key);
  set_text(arena, json, "token", credential->session_token);
  json_set(arena, json, "expires", json_new_int(arena, credential->expires_ms));
  set_text(arena, json, "type", type_names[principal->type]);
  set_text(arena, json, "account", principal->account);
  set_text(arena, json, "arn", principal->arn);
  set_text(arena, json, "user_id", principal->user_id);
  set_text(arena, json, "role_arn", principal->role_arn);
  set_text(arena, json, "session_policy", principal->session_policy);
  set_text(arena, json, "source_identity", principal->source_identity);
  json_set(arena, json, "issued", json_new_int(arena, principal->issued_ms));
  json_set(arena, json, "tags", map_json(arena, &principal->tags));
  return json;
}

static Credential *
json_credential(Arena *arena, const char *access_key, const Json *json)
{
  Credential *credential = ARENA_NEW(arena, Credential);
  Principal *principal = &credential->principal;
  const char *type = json_string(json_get(json, "type"));
  for (guint i = 0; i < G_N_ELEMENTS(type_names); i++)
    if (g_strcmp0(type_names[i], type) == 0)
      principal->type = i;
  credential->access_key = principal->access_key = arena_strdup(arena, access_key);
  credential->secret_key = json_string(json_get(json, "secret"));
  credential->session_token = json_string(json_get(json, "token"));
  credential->expires_ms = json_int(json_get(json, "expires"));
  principal->account = json_string(json_get(json, "account"));
  principal->arn = json_string(json_get(json, "arn"));
  principal->user_id = json_string(json_get(json, "user_id"));
  principal->role_arn = json_string(json_get(json, "role_arn"));
  principal->session_policy = json_string(json_get(json, "session_policy"));
  principal->source_identity = json_string(json_get(json, "source_identity"));
  principal->issued_ms = json_int(json_get(json, "issued"));
  principal->tags = json_map(arena, json_get(json, "tags"));
  return credential;
}

/* The root keys that need no set-up: "test" is the root of 000000000000, any 12 digits the root of that account; the secret is "test". */
static Credential *
root_credential(Arena *arena, const char *access_key)
{
  gboolean digits = strlen(access_key) == 12 && strspn(access_key, "0123456789") == 12;
  if (!digits && strcmp(access_key, "test") != 0)
    return NULL;
  Credential *credential = ARENA_NEW(arena, Credential);
  Principal *principal = &credential->principal;
  credential->access_key = principal->access_key = arena_strdup(arena, access_key);
  credential->secret_key = "test";
  principal->type = PRINCIPAL_ROOT;
  principal->account = principal->user_id = digits ? credential->access_key : "000000000000";
  principal->arn = arn_join(arena, "iam", "", principal->account, "root");
  return credential;
}

Error *
iam_credential_find(Txn *txn, Arena *arena, const char *access_key, Credential **ret_credential)
{
  *ret_credential = root_credential(arena, access_key);
  if (*ret_credential || strlen(access_key) > 128)
    return NULL;
  Json *json = NULL;
  TRY(load_json(txn, arena, &credentials, access_key, &json));
  if (json)
    *ret_credential = json_credential(arena, access_key, json);
  return NULL;
}

Error *
iam_credential_put(Txn *txn, const Credential *credential)
{
  g_autoptr(Arena) arena = arena_new();
  return store_json(txn, &credentials, credential->access_key, credential_json(arena, credential));
}

Error *
iam_credential_delete(Txn *txn, const char *access_key)
{
  Key key;
  key_strings(&key, access_key, NULL);
  return store_delete(txn, &credentials, &key, NULL);
}

Error *
iam_session_create(Txn *txn, Arena *arena, const Principal *principal, gint64 duration_ms, Credential **ret_credential)
{
  Credential *credential = ARENA_NEW(arena, Credential);
  gint64 now = clock_now();
  guint8 secret[30], token[96];
  id_random(secret, sizeof secret);
  id_random(token, sizeof token);
  credential->principal = *principal;
  credential->principal.issued_ms = now;
  credential->access_key = credential->principal.access_key = id_unique(arena, "ASIA");
  credential->secret_key = text_base64(arena, secret, sizeof secret);
  credential->session_token = arena_printf(arena, "IQoJ%s", text_base64(arena, token, sizeof token));
  credential->expires_ms = now + duration_ms;
  TRY(iam_credential_put(txn, credential));
  *ret_credential = credential;
  return NULL;
}

static Json *
list_json(Arena *arena, const StringList *list)
{
  Json *array = json_new_array(arena);
  for (gsize i = 0; i < list->n; i++)
    json_append(arena, array, json_new_string(arena, list->v[i]));
  return array;
}

static StringList
json_list(Arena *arena, const Json *array)
{
  StringList list = { 0 };
  for (guint32 i = 0; array && i < array->n; i++)
    LIST_APPEND(arena, &list, json_string(array->items[i]));
  return list;
}

Error *
iam_identity_put(Txn *txn, const char *principal_arn, const IdentityPolicies *policies)
{
  g_autoptr(Arena) arena = arena_new();
  Json *json = json_new_object(arena);
  json_set(arena, json, "documents", list_json(arena, &policies->documents));
  json_set(arena, json, "names", list_json(arena, &policies->names));
  json_set(arena, json, "tags", map_json(arena, &policies->tags));
  set_text(arena, json, "boundary", policies->boundary);
  return store_json(txn, &identities, principal_arn, json);
}

Error *
iam_identity_delete(Txn *txn, const char *principal_arn)
{
  Key key;
  key_strings(&key, principal_arn, NULL);
  return store_delete(txn, &identities, &key, NULL);
}

Error *
iam_identity_get(Txn *txn, Arena *arena, const char *principal_arn, IdentityPolicies *ret_policies)
{
  Json *json = NULL;
  *ret_policies = (IdentityPolicies) { 0 };
  TRY(load_json(txn, arena, &identities, principal_arn, &json));
  if (!json)
    return NULL;
  ret_policies->documents = json_list(arena, json_get(json, "documents"));
  ret_policies->names = json_list(arena, json_get(json, "names"));
  ret_policies->tags = json_map(arena, json_get(json, "tags"));
  ret_policies->boundary = json_string(json_get(json, "boundary"));
  return NULL;
}
