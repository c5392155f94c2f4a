/* resources: what the two files of EC2's CloudFormation types share. All results: the call's arena. */
#pragma once

#include "services/ec2.gen.h"
#include "stack/resource.h"

/* The resource's and the stack's tags, as a create call takes them. */
Ec2TagSpecificationList ec2_resource_tags(ResourceCall *rc, const char *type);
Error *ec2_update_tags(ResourceCall *rc, const char *id) ERROR_MUST_USE;
/* A property that is a list of strings. */
StringList ec2_property_list(const ResourceCall *rc, const Json *properties, const char *name);
Json *ec2_json_list(Arena *arena, const StringList *list);
void ec2_attribute_list(const ResourceCall *rc, ResourceResult *ret, const char *name, const StringList *list);
/* Takes error; what says that the thing is not there is success. */
/* CloudFormation tries again what still has dependents: the interfaces of a function go a moment after it. TRUE: the deletion answered
 * DependencyViolation (error is freed) and is to be tried once more; *began_us: 0 before the first try. */
gboolean ec2_try_again(ResourceCall *rc, Error **error, gint64 *began_us);
Error *ec2_gone_is_good(Error *error) ERROR_MUST_USE;
