/* Resources that are a policy of others: AWS::SNS::TopicPolicy, AWS::SQS::QueuePolicy with their lists, and the inline ones. */
#include <string.h>

#include "stack/resource.h"

static gboolean
list_has(const Json *list, const char *text)
{
  for (guint i = 0; list && list->type == JSON_ARRAY && i < list->n; i++)
    if (g_strcmp0(json_string(list->items[i]), text) == 0)
      return TRUE;
  return FALSE;
}

/* To all of a list that are not in another one. */
static Error *
set_all(ResourceCall *rc, const Json *list, const Json *but, const char *document, ResourceSetPolicy set)
{
  for (guint i = 0; list && list->type == JSON_ARRAY && i < list->n; i++)
    if (json_string(list->items[i]) && !list_has(but, json_string(list->items[i])))
      TRY(set(rc, json_string(list->items[i]), document));
  return NULL;
}

Error *
resource_policy_put(ResourceCall *rc, ResourceResult *ret, const char *property, ResourceSetPolicy set)
{
  const Json *list = json_get(rc->properties, property), *old = json_get(rc->old_properties, property);
  const char *document = property_document(rc, "PolicyDocument");
  if (!rc->physical_id) {
    ret->physical_id = resource_name(rc, 128, FALSE);
    resource_attribute(rc, ret, "Id", ret->physical_id);
  }
  TRY(set_all(rc, old, list, "", set));
  return document ? set_all(rc, list, NULL, document, set) : NULL;
}

Error *
resource_policy_remove(ResourceCall *rc, const char *property, ResourceSetPolicy set)
{
  return set_all(rc, json_get(rc->properties, property), NULL, "", set);
}

Error *
resource_inline_policy_put(ResourceCall *rc, ResourceResult *ret, const char *property, ResourceSetPolicy set)
{
  const char *target = rc->physical_id ? rc->physical_id : property_text(rc, property);
  if (!rc->physical_id)
    ret->physical_id = target;
  return set(rc, target, property_document(rc, "PolicyDocument"));
}
