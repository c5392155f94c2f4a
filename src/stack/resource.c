#include "stack/resource.h"
#include "stack/template.h"
#include <string.h>

enum { PAUSE_SLICE_MS = 20, SUFFIX = 12 };

void
resource_made(ResourceCall *rc, const char *physical_id)
{
  if (rc->made)
    rc->made(rc, physical_id);
}

const char *
property_text(const ResourceCall *rc, const char *name)
{
  return template_scalar(json_get(rc->properties, name));
}

gint64
property_int(const ResourceCall *rc, const char *name, gint64 otherwise)
{
  const char *text = property_text(rc, name);
  return text && *text ? g_ascii_strtoll(text, NULL, 10) : otherwise;
}

gboolean
property_bool(const ResourceCall *rc, const char *name, gboolean otherwise)
{
  const char *text = property_text(rc, name);
  return text && *text ? g_ascii_strcasecmp(text, "true") == 0 : otherwise;
}

const char *
property_document(const ResourceCall *rc, const char *name)
{
  const Json *json = json_get(rc->properties, name);
  if (!json || json->type == JSON_STRING)
    return json_string(json);
  return json_text(rc->call->arena, json);
}

gboolean
property_changed(const ResourceCall *rc, const char *name)
{
  const Json *old = json_get(rc->old_properties, name), *new = json_get(rc->properties, name);
  return old && new ? !json_equal(old, new) : old != new;
}

gboolean
property_gone(const ResourceCall *rc, const char *name)
{
  return json_get(rc->old_properties, name) && !json_get(rc->properties, name);
}

Error *
property_input(const ResourceCall *rc, const Shape *input, void *in)
{
  return rc->properties ? shape_from_json(rc->call->arena, input, rc->properties, TRUE, in) : NULL;
}

char *
resource_name(const ResourceCall *rc, gsize max, gboolean lower)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  g_autofree char *seed = g_strdup_printf("%s %s %s", rc->stack_id, rc->logical_id, rc->token ? rc->token : "");
  g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
  guint8 digest[32];
  gsize size = sizeof digest;
  char suffix[SUFFIX + 1] = "";
  g_checksum_update(checksum, (const guchar *) seed, -1);
  g_checksum_get_digest(checksum, digest, &size);
  for (guint i = 0; i < SUFFIX; i++)
    suffix[i] = alphabet[digest[i] % (sizeof alphabet - 1)];
  /* The stack's name is cut first, then the logical id: the suffix is what makes it unique. */
  gsize room = max > SUFFIX + 2 ? max - SUFFIX - 2 : 2;
  gsize stack = strlen(rc->stack_name), logical = strlen(rc->logical_id);
  if (stack + logical > room) {
    stack = MAX(room > logical ? room - logical : 0, MIN(stack, room / 2));
    logical = MIN(logical, room - stack);
  }
  char *name = arena_printf(rc->call->arena, "%.*s-%.*s-%s", (int) stack, rc->stack_name, (int) logical, rc->logical_id, suffix);
  for (char *at = name; lower && *at; at++)
    *at = g_ascii_tolower(*at);
  return name;
}

static StringMap
all_tags(Arena *arena, const Json *properties, const StringMap *stack_tags)
{
  StringMap tags = { 0 };
  const Json *own = json_get(properties, "Tags");
  for (gsize i = 0; stack_tags && i < stack_tags->n; i++)
    MAP_SET(arena, &tags, stack_tags->v[i].key, stack_tags->v[i].value);
  for (guint i = 0; own && own->type == JSON_ARRAY && i < own->n; i++) {
    const char *key = template_scalar(json_get(own->items[i], "Key")), *value = template_scalar(json_get(own->items[i], "Value"));
    if (key)
      MAP_SET(arena, &tags, key, value ? value : "");
  }
  for (guint i = 0; own && own->type == JSON_OBJECT && i < own->n; i++) {
    const char *value = template_scalar(own->members[i].value);
    MAP_SET(arena, &tags, own->members[i].key, value ? value : "");
  }
  return tags;
}

StringMap
resource_tags(const ResourceCall *rc)
{
  return all_tags(rc->call->arena, rc->properties, rc->stack_tags);
}

StringList
resource_gone_tags(const ResourceCall *rc)
{
  StringMap now = resource_tags(rc), before = all_tags(rc->call->arena, rc->old_properties, rc->old_stack_tags);
  StringList gone = { 0 };
  for (gsize i = 0; i < before.n; i++) {
    if (!string_map_get(&now, before.v[i].key))
      LIST_APPEND(rc->call->arena, &gone, before.v[i].key);
  }
  return gone;
}

Error *
resource_pause(const ResourceCall *rc, guint ms)
{
  gint64 until = clock_monotonic_us() + (gint64) ms * 1000;
  for (;;) {
    if (rc->cancelled && g_atomic_int_get(rc->cancelled))
      return error_answer("OperationCancelled", "Resource creation cancelled");
    gint64 left = until - clock_monotonic_us();
    if (left <= 0)
      return NULL;
    g_usleep((gulong) MIN(left, PAUSE_SLICE_MS * 1000));
  }
}

Error *
resource_operation(ResourceCall *rc, const Operation *operation, const void *in, void *ret_out)
{
  TRY(shape_validate(operation->model->input, in));
  return call_operation(rc->call, operation, NULL, "cloudformation", in, ret_out);
}

void
resource_attribute(const ResourceCall *rc, ResourceResult *ret, const char *name, const char *text)
{
  if (!ret->attributes)
    ret->attributes = json_new_object(rc->call->arena);
  json_set(rc->call->arena, ret->attributes, name, json_new_string(rc->call->arena, text ? text : ""));
}
