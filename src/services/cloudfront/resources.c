#include "services/cloudfront/cloudfront.h"
#include "stack/resource.h"

#include <string.h>

/* --- from a template's notation to the API's: lists without Quantity, other spellings --- */

static const Member *
find_member(const Shape *shape, const char *name)
{
  static const char *const renamed[][2] = {{"IPV6Enabled", "IsIPV6Enabled"}, {"OriginCustomHeaders", "CustomHeaders"}, {"Locations", "Items"}};
  for (guint i = 0; i < shape->n_members; i++)
    if (!g_ascii_strcasecmp(shape->members[i].name, name))
      return &shape->members[i];
  for (guint i = 0; i < G_N_ELEMENTS(renamed); i++)
    if (!strcmp(name, renamed[i][0]) && find_member(shape, renamed[i][1]))
      return find_member(shape, renamed[i][1]);
  return NULL;
}

static Json *convert(Arena *arena, const Shape *shape, const Json *json);

static Json *
convert_list(Arena *arena, const Shape *shape, const Json *json)
{
  Json *list = json_new_array(arena);
  for (guint i = 0; json->type == JSON_ARRAY && i < json->n; i++)
    json_append(arena, list, convert(arena, shape->element, json->items[i]));
  return list;
}

/* AllowedMethods and CachedMethods stand side by side in a template. */
static void
join_methods(Arena *arena, const Shape *shape, const Json *json, Json *out)
{
  const Json *cached = json_get(json, "CachedMethods");
  const Member *allowed = find_member(shape, "AllowedMethods");
  if (!allowed || !cached)
    return;
  Json *methods = json_get(out, "AllowedMethods");
  if (!methods)
    methods = convert(arena, allowed->shape, cached);
  json_set(arena, methods, "CachedMethods", convert(arena, find_member(allowed->shape, "CachedMethods")->shape, cached));
  json_set(arena, out, "AllowedMethods", methods);
}

/* What the API wants and a template may leave out. */
static void
add_defaults(Arena *arena, const Shape *shape, Json *out)
{
  static const struct { const char *shape, *member; const char *text; } texts[] = {
    {"DistributionConfig", "Comment", ""}, {"LoggingConfig", "Prefix", ""}, {"LoggingConfig", "Bucket", ""}, {"S3OriginConfig", "OriginAccessIdentity", ""},
    {"CloudFrontOriginAccessIdentityConfig", "Comment", ""},
  };
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    if (!strcmp(shape->name, texts[i].shape) && !json_get(out, texts[i].member))
      json_set(arena, out, texts[i].member, json_new_string(arena, texts[i].text));
  static const struct { const char *member; gint64 port; } ports[] = {{"HTTPPort", 80}, {"HTTPSPort", 443}};
  for (guint i = 0; i < G_N_ELEMENTS(ports); i++)
    if (!strcmp(shape->name, "CustomOriginConfig") && !json_get(out, ports[i].member))
      json_set(arena, out, ports[i].member, json_new_int(arena, ports[i].port));
  if (!strcmp(shape->name, "LoggingConfig")) {
    json_set(arena, out, "Enabled", json_new_bool(arena, TRUE));
    if (!json_get(out, "IncludeCookies"))
      json_set(arena, out, "IncludeCookies", json_new_bool(arena, FALSE));
  }
  if (!strcmp(shape->name, "ForwardedValues") && !json_get(out, "Cookies")) {
    Json *cookies = json_new_object(arena);
    json_set(arena, cookies, "Forward", json_new_string(arena, "none"));
    json_set(arena, out, "Cookies", cookies);
  }
}

static Json *
convert_struct(Arena *arena, const Shape *shape, const Json *json)
{
  const Member *items = find_member(shape, "Items"), *quantity = find_member(shape, "Quantity");
  Json *out = json_new_object(arena);
  if (json->type == JSON_ARRAY && items)
    json_set(arena, out, "Items", convert_list(arena, items->shape, json));
  for (guint i = 0; json->type == JSON_OBJECT && i < json->n; i++) {
    const Member *member = find_member(shape, json->members[i].key);
    if (member)
      json_set(arena, out, member->name, convert(arena, member->shape, json->members[i].value));
  }
  const Json *list = json_get(out, "Items");
  if (items && quantity && !json_get(out, "Quantity"))
    json_set(arena, out, "Quantity", json_new_int(arena, list ? list->n : 0));
  if (json->type == JSON_ARRAY && find_member(shape, "Enabled"))
    json_set(arena, out, "Enabled", json_new_bool(arena, list && list->n > 0));
  if (json->type == JSON_OBJECT)
    join_methods(arena, shape, json, out);
  add_defaults(arena, shape, out);
  return out;
}

static Json *
convert(Arena *arena, const Shape *shape, const Json *json)
{
  if (shape->type == SHAPE_STRUCTURE)
    return convert_struct(arena, shape, json);
  return shape->type == SHAPE_LIST ? convert_list(arena, shape, json) : json_copy(arena, json);
}

static Error *
read_config(const ResourceCall *rc, const char *property, const Shape *shape, void **ret_config)
{
  Arena *arena = rc->call->arena;
  const Json *json = json_get(rc->properties, property);
  if (!json)
    return error_answer("ValidationError", "%s needs a %s", rc->logical_id, property);
  *ret_config = arena_alloc(arena, shape->size);
  return shape_from_json(arena, shape, convert(arena, shape, json), TRUE, *ret_config);
}

/* --- AWS::CloudFront::Distribution --- */

static Error *
create_distribution(ResourceCall *rc, ResourceResult *ret)
{
  Arena *arena = rc->call->arena;
  StringMap tags = resource_tags(rc);
  void *config = NULL;
  CloudfrontCreateDistributionWithTagsOutput out = {0};
  CloudfrontCreateDistributionWithTagsInput in = {.DistributionConfigWithTags = ARENA_NEW(arena, CloudfrontDistributionConfigWithTags)};
  TRY(read_config(rc, "DistributionConfig", &CloudfrontDistributionConfig_shape, &config));
  in.DistributionConfigWithTags->DistributionConfig = config;
  in.DistributionConfigWithTags->DistributionConfig->CallerReference = rc->token;
  in.DistributionConfigWithTags->Tags = ARENA_NEW(arena, CloudfrontTags);
  for (gsize i = 0; i < tags.n; i++) {
    CloudfrontTag *tag = ARENA_NEW(arena, CloudfrontTag);
    *tag = (CloudfrontTag) {tags.v[i].key, tags.v[i].value};
    LIST_APPEND(arena, &in.DistributionConfigWithTags->Tags->Items, tag);
  }
  TRY(resource_operation(rc, &CloudfrontOperationCreateDistributionWithTags, &in, &out));
  ret->physical_id = out.Distribution->Id;
  resource_attribute(rc, ret, "Id", out.Distribution->Id);
  resource_attribute(rc, ret, "DomainName", out.Distribution->DomainName);
  return NULL;
}

static Error *
read_current(ResourceCall *rc, CloudfrontGetDistributionConfigOutput *ret_out)
{
  CloudfrontGetDistributionConfigInput in = {.Id = rc->physical_id};
  return resource_operation(rc, &CloudfrontOperationGetDistributionConfig, &in, ret_out);
}

static Error *
put_tags(ResourceCall *rc)
{
  Arena *arena = rc->call->arena;
  StringMap tags = resource_tags(rc);
  const char *arn = distribution_arn(arena, rc->call->account, rc->physical_id);
  CloudfrontListTagsForResourceInput list = {.Resource = arn};
  CloudfrontListTagsForResourceOutput listed = {0};
  CloudfrontUntagResourceInput remove = {.Resource = arn, .TagKeys = ARENA_NEW(arena, CloudfrontTagKeys)};
  CloudfrontUntagResourceOutput removed = {0};
  CloudfrontTagResourceInput put = {.Resource = arn, .Tags = ARENA_NEW(arena, CloudfrontTags)};
  CloudfrontTagResourceOutput done = {0};
  TRY(resource_operation(rc, &CloudfrontOperationListTagsForResource, &list, &listed));
  for (gsize i = 0; i < listed.Tags->Items.n; i++)
    if (!string_map_get(&tags, listed.Tags->Items.v[i]->Key))
      LIST_APPEND(arena, &remove.TagKeys->Items, listed.Tags->Items.v[i]->Key);
  for (gsize i = 0; i < tags.n; i++) {
    CloudfrontTag *tag = ARENA_NEW(arena, CloudfrontTag);
    *tag = (CloudfrontTag) {tags.v[i].key, tags.v[i].value};
    LIST_APPEND(arena, &put.Tags->Items, tag);
  }
  if (remove.TagKeys->Items.n)
    TRY(resource_operation(rc, &CloudfrontOperationUntagResource, &remove, &removed));
  return put.Tags->Items.n ? resource_operation(rc, &CloudfrontOperationTagResource, &put, &done) : NULL;
}

static Error *
update_distribution(ResourceCall *rc, ResourceResult *ret)
{
  CloudfrontGetDistributionConfigOutput current = {0};
  CloudfrontUpdateDistributionOutput out = {0};
  void *config = NULL;
  TRY(read_config(rc, "DistributionConfig", &CloudfrontDistributionConfig_shape, &config));
  TRY(read_current(rc, &current));
  CloudfrontUpdateDistributionInput in = {.Id = rc->physical_id, .IfMatch = current.ETag, .DistributionConfig = config};
  in.DistributionConfig->CallerReference = current.DistributionConfig->CallerReference;
  TRY(resource_operation(rc, &CloudfrontOperationUpdateDistribution, &in, &out));
  return put_tags(rc);
}

/* As on AWS it is disabled first. */
static Error *
delete_distribution(ResourceCall *rc)
{
  CloudfrontGetDistributionConfigOutput current = {0};
  g_autoptr(Error) gone = read_current(rc, &current);
  if (error_is(gone, "NoSuchDistribution"))
    return NULL;
  if (gone)
    return g_steal_pointer(&gone);
  const char *etag = current.ETag;
  if (OPT_OR(current.DistributionConfig->Enabled, FALSE)) {
    CloudfrontUpdateDistributionInput update = {.Id = rc->physical_id, .IfMatch = etag, .DistributionConfig = current.DistributionConfig};
    CloudfrontUpdateDistributionOutput updated = {0};
    update.DistributionConfig->Enabled = OPT_BOOL(FALSE);
    TRY(resource_operation(rc, &CloudfrontOperationUpdateDistribution, &update, &updated));
    etag = updated.ETag;
  }
  CloudfrontDeleteDistributionInput in = {.Id = rc->physical_id, .IfMatch = etag};
  CloudfrontDeleteDistributionOutput out = {0};
  return resource_operation(rc, &CloudfrontOperationDeleteDistribution, &in, &out);
}

RESOURCE(AWS::CloudFront::Distribution, cloudfront_distribution, .create = create_distribution, .update = update_distribution,
         .delete = delete_distribution,
         .no_effect = "DistributionConfig.PriceClass DistributionConfig.HttpVersion DistributionConfig.IPV6Enabled "
                      "DistributionConfig.Restrictions")

/* --- policies, identities, controls: five types of one life ---------------------------------------------------------------
 * The names of operations and members follow from the noun; Get answers the ETag that Update and Delete want. */

#define POLICY_RESOURCE(id, Noun, Config)                                                                             \
  static Error *create_##id(ResourceCall *rc, ResourceResult *ret)                                                    \
  {                                                                                                                   \
    Cloudfront##Create##Noun##Input in = {0};                                                                         \
    Cloudfront##Create##Noun##Output out = {0};                                                                       \
    void *config = NULL;                                                                                              \
    TRY(read_config(rc, #Config, &Cloudfront##Config##_shape, &config));                                              \
    in.Config = config;                                                                                               \
    set_reference_##id(rc, config);                                                                                   \
    TRY(resource_operation(rc, &CloudfrontOperationCreate##Noun, &in, &out));                                         \
    ret->physical_id = out.Noun->Id;                                                                                  \
    resource_attribute(rc, ret, "Id", out.Noun->Id);                                                                  \
    return NULL;                                                                                                      \
  }                                                                                                                   \
  static Error *etag_##id(ResourceCall *rc, const char **ret_etag)                                                    \
  {                                                                                                                   \
    Cloudfront##Get##Noun##Input in = {.Id = rc->physical_id};                                                        \
    Cloudfront##Get##Noun##Output out = {0};                                                                          \
    TRY(resource_operation(rc, &CloudfrontOperationGet##Noun, &in, &out));                                            \
    *ret_etag = out.ETag;                                                                                             \
    return NULL;                                                                                                      \
  }                                                                                                                   \
  static Error *update_##id(ResourceCall *rc, ResourceResult *ret)                                                    \
  {                                                                                                                   \
    Cloudfront##Update##Noun##Input in = {.Id = rc->physical_id};                                                     \
    Cloudfront##Update##Noun##Output out = {0};                                                                       \
    void *config = NULL;                                                                                              \
    TRY(read_config(rc, #Config, &Cloudfront##Config##_shape, &config));                                              \
    in.Config = config;                                                                                               \
    TRY(keep_reference_##id(rc, config));                                                                             \
    TRY(etag_##id(rc, &in.IfMatch));                                                                                  \
    return resource_operation(rc, &CloudfrontOperationUpdate##Noun, &in, &out);                                       \
  }                                                                                                                   \
  static Error *delete_##id(ResourceCall *rc)                                                                         \
  {                                                                                                                   \
    Cloudfront##Delete##Noun##Input in = {.Id = rc->physical_id};                                                     \
    Cloudfront##Delete##Noun##Output out = {0};                                                                       \
    g_autoptr(Error) gone = etag_##id(rc, &in.IfMatch);                                                               \
    if (error_is(gone, "NoSuch" #Noun))                                                                               \
      return NULL;                                                                                                    \
    return gone ? g_steal_pointer(&gone) : resource_operation(rc, &CloudfrontOperationDelete##Noun, &in, &out);       \
  }

#define NO_REFERENCE(id)                                                      \
  static void set_reference_##id(const ResourceCall *rc, void *config) { }     \
  static Error *keep_reference_##id(ResourceCall *rc, void *config) { return NULL; }

NO_REFERENCE(cache)
NO_REFERENCE(request)
NO_REFERENCE(response)
NO_REFERENCE(control)

static void
set_reference_identity(const ResourceCall *rc, void *config)
{
  ((CloudfrontCloudFrontOriginAccessIdentityConfig *) config)->CallerReference = rc->token;
}

static Error *
keep_reference_identity(ResourceCall *rc, void *config)
{
  CloudfrontGetCloudFrontOriginAccessIdentityConfigInput in = {.Id = rc->physical_id};
  CloudfrontGetCloudFrontOriginAccessIdentityConfigOutput out = {0};
  TRY(resource_operation(rc, &CloudfrontOperationGetCloudFrontOriginAccessIdentityConfig, &in, &out));
  ((CloudfrontCloudFrontOriginAccessIdentityConfig *) config)->CallerReference = out.CloudFrontOriginAccessIdentityConfig->CallerReference;
  return NULL;
}

POLICY_RESOURCE(cache, CachePolicy, CachePolicyConfig)
POLICY_RESOURCE(request, OriginRequestPolicy, OriginRequestPolicyConfig)
POLICY_RESOURCE(response, ResponseHeadersPolicy, ResponseHeadersPolicyConfig)
POLICY_RESOURCE(control, OriginAccessControl, OriginAccessControlConfig)
POLICY_RESOURCE(identity, CloudFrontOriginAccessIdentity, CloudFrontOriginAccessIdentityConfig)

static Error *
create_identity_resource(ResourceCall *rc, ResourceResult *ret)
{
  TRY(create_identity(rc, ret));
  CloudfrontGetCloudFrontOriginAccessIdentityInput in = {.Id = ret->physical_id};
  CloudfrontGetCloudFrontOriginAccessIdentityOutput out = {0};
  TRY(resource_operation(rc, &CloudfrontOperationGetCloudFrontOriginAccessIdentity, &in, &out));
  resource_attribute(rc, ret, "S3CanonicalUserId", out.CloudFrontOriginAccessIdentity->S3CanonicalUserId);
  return NULL;
}

RESOURCE(AWS::CloudFront::CachePolicy, cloudfront_cache_policy, .create = create_cache, .update = update_cache, .delete = delete_cache)
RESOURCE(AWS::CloudFront::OriginRequestPolicy, cloudfront_request_policy, .create = create_request, .update = update_request, .delete = delete_request)
RESOURCE(AWS::CloudFront::ResponseHeadersPolicy, cloudfront_response_policy, .create = create_response, .update = update_response, .delete = delete_response)
RESOURCE(AWS::CloudFront::OriginAccessControl, cloudfront_access_control, .create = create_control, .update = update_control, .delete = delete_control)
RESOURCE(AWS::CloudFront::CloudFrontOriginAccessIdentity, cloudfront_access_identity, .create = create_identity_resource, .update = update_identity,
         .delete = delete_identity)
