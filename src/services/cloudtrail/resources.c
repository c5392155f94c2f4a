/* AWS::CloudTrail::Trail */
#include <string.h>

#include "services/cloudtrail/cloudtrail.h"
#include "stack/resource.h"

static Error *
set_selectors(ResourceCall *rc, const char *name)
{
  CloudtrailPutEventSelectorsInput in = {0};
  if (!json_get(rc->properties, "EventSelectors"))
    return NULL;
  TRY(property_input(rc, CloudtrailOperationPutEventSelectors.model->input, &in));
  in.TrailName = name;
  return resource_operation(rc, &CloudtrailOperationPutEventSelectors, &in, &(CloudtrailPutEventSelectorsOutput){0});
}

static Error *
set_logging(ResourceCall *rc, const char *name)
{
  if (property_bool(rc, "IsLogging", TRUE))
    return resource_operation(rc, &CloudtrailOperationStartLogging, &(CloudtrailStartLoggingInput){.Name = name}, &(CloudtrailStartLoggingOutput){0});
  return resource_operation(rc, &CloudtrailOperationStopLogging, &(CloudtrailStopLoggingInput){.Name = name}, &(CloudtrailStopLoggingOutput){0});
}

static Error *
create_trail(ResourceCall *rc, ResourceResult *ret)
{
  CloudtrailCreateTrailInput in = {0};
  CloudtrailCreateTrailOutput out = {0};
  TRY(property_input(rc, CloudtrailOperationCreateTrail.model->input, &in));
  in.Name = property_text(rc, "TrailName");
  if (!in.Name)
    in.Name = resource_name(rc, 128, FALSE);
  in.EnableLogFileValidation = OPT_BOOL(property_bool(rc, "EnableLogFileValidation", FALSE));
  in.KmsKeyId = property_text(rc, "KMSKeyId");
  StringMap tags = resource_tags(rc);
  for (gsize i = 0; i < tags.n; i++) {
    CloudtrailTag *tag = ARENA_NEW(rc->call->arena, CloudtrailTag);
    *tag = (CloudtrailTag){.Key = tags.v[i].key, .Value = tags.v[i].value};
    LIST_APPEND(rc->call->arena, &in.TagsList, tag);
  }
  TRY(resource_operation(rc, &CloudtrailOperationCreateTrail, &in, &out));
  ret->physical_id = in.Name;
  resource_attribute(rc, ret, "Arn", out.TrailARN);
  resource_made(rc, ret->physical_id);
  TRY(set_selectors(rc, in.Name));
  return set_logging(rc, in.Name);
}

static Error *
update_trail(ResourceCall *rc, ResourceResult *ret)
{
  CloudtrailUpdateTrailInput in = {0};
  TRY(property_input(rc, CloudtrailOperationUpdateTrail.model->input, &in));
  in.Name = rc->physical_id;
  in.EnableLogFileValidation = OPT_BOOL(property_bool(rc, "EnableLogFileValidation", FALSE));
  in.KmsKeyId = property_text(rc, "KMSKeyId") ? property_text(rc, "KMSKeyId") : "";
  TRY(resource_operation(rc, &CloudtrailOperationUpdateTrail, &in, &(CloudtrailUpdateTrailOutput){0}));
  TRY(set_selectors(rc, rc->physical_id));
  return set_logging(rc, rc->physical_id);
}

static Error *
delete_trail(ResourceCall *rc)
{
  g_autoptr(Error) error = resource_operation(rc, &CloudtrailOperationDeleteTrail, &(CloudtrailDeleteTrailInput){.Name = rc->physical_id},
                                              &(CloudtrailDeleteTrailOutput){0});
  return error_is(error, "TrailNotFoundException") ? NULL : g_steal_pointer(&error);
}

RESOURCE(AWS::CloudTrail::Trail, cloudtrail_trail, .create = create_trail, .update = update_trail, .delete = delete_trail,
         .no_effect = "AdvancedEventSelectors InsightSelectors EnableLogFileValidation")
