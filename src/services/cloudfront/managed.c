/* The policies that AWS manages, as data.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-response-headers-policies.html */
#include "services/cloudfront/cloudfront.h"

#include <string.h>

typedef struct Managed { PolicyKind kind; const char *id, *text; } Managed;

#define NO_HEADERS "'HeadersConfig':{'HeaderBehavior':'none'}"
#define NO_COOKIES "'CookiesConfig':{'CookieBehavior':'none'}"
#define NO_QUERY "'QueryStringsConfig':{'QueryStringBehavior':'none'}"
#define ALL_COOKIES "'CookiesConfig':{'CookieBehavior':'all'}"
#define ALL_QUERY "'QueryStringsConfig':{'QueryStringBehavior':'all'}"
#define KEY(gzip, brotli, rest) \
  "'ParametersInCacheKeyAndForwardedToOrigin':{'EnableAcceptEncodingGzip':" gzip ",'EnableAcceptEncodingBrotli':" brotli "," rest "}"
#define SECURITY                                                                                                                        \
  "'SecurityHeadersConfig':{'XSSProtection':{'Override':false,'Protection':true,'ModeBlock':true},'FrameOptions':{'Override':false,"    \
  "'FrameOption':'SAMEORIGIN'},'ReferrerPolicy':{'Override':false,'ReferrerPolicy':'strict-origin-when-cross-origin'},"                 \
  "'ContentTypeOptions':{'Override':true},'StrictTransportSecurity':{'Override':false,'IncludeSubdomains':false,'Preload':false,"       \
  "'AccessControlMaxAgeSec':31536000}}"
#define CORS(methods, expose)                                                                                                     \
  "'CorsConfig':{'AccessControlAllowOrigins':{'Quantity':1,'Items':['*']},'AccessControlAllowHeaders':{'Quantity':1,'Items':['*']},"    \
  "'AccessControlAllowMethods':" methods ",'AccessControlAllowCredentials':false," expose "'OriginOverride':false}"
#define SIMPLE CORS("{'Quantity':2,'Items':['GET','HEAD']}", "")
#define PREFLIGHT                                                                                                                       \
  CORS("{'Quantity':7,'Items':['DELETE','GET','HEAD','OPTIONS','PATCH','POST','PUT']}",                                                 \
       "'AccessControlExposeHeaders':{'Quantity':1,'Items':['*']},")

static const Managed managed[] = {
  {KIND_CACHE, "658327ea-f89d-4fab-a63d-7e88639e58f6",
   "{'Name':'Managed-CachingOptimized','Comment':'Policy with caching enabled. Supports Gzip and Brotli compression.','DefaultTTL':86400,"
   "'MaxTTL':31536000,'MinTTL':1," KEY("true", "true", NO_HEADERS "," NO_COOKIES "," NO_QUERY) "}"},
  {KIND_CACHE, "b2884449-e4de-46a7-ac36-70bc7f1ddd6d",
   "{'Name':'Managed-CachingOptimizedForUncompressedObjects','Comment':'Default policy when compression is disabled','DefaultTTL':86400,"
   "'MaxTTL':31536000,'MinTTL':1," KEY("false", "false", NO_HEADERS "," NO_COOKIES "," NO_QUERY) "}"},
  {KIND_CACHE, "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
   "{'Name':'Managed-CachingDisabled','Comment':'Policy with caching disabled','DefaultTTL':0,'MaxTTL':0,'MinTTL':0,"
   KEY("false", "false", NO_HEADERS "," NO_COOKIES "," NO_QUERY) "}"},
  {KIND_CACHE, "08627262-05a9-4f76-9ded-b50ca2e3a84f",
   "{'Name':'Managed-Elemental-MediaPackage','Comment':'Policy for Elemental MediaPackage Origin','DefaultTTL':86400,'MaxTTL':31536000,'MinTTL':0,"
   KEY("true", "false", "'HeadersConfig':{'HeaderBehavior':'whitelist','Headers':{'Quantity':1,'Items':['origin']}}," NO_COOKIES
       ",'QueryStringsConfig':{'QueryStringBehavior':'whitelist','QueryStrings':{'Quantity':4,'Items':['aws.manifestfilter','end','m','start']}}") "}"},
  {KIND_CACHE, "83da9c7e-98b4-4e11-a168-04f0df8e2c65",
   "{'Name':'UseOriginCacheControlHeaders','Comment':'Policy for origins that return Cache-Control headers. Query strings are not included in the "
   "cache key.','DefaultTTL':0,'MaxTTL':31536000,'MinTTL':0,"
   KEY("true", "true", "'HeadersConfig':{'HeaderBehavior':'whitelist','Headers':{'Quantity':4,'Items':['host','origin','x-http-method-override',"
       "'x-http-method']}}," ALL_COOKIES "," NO_QUERY) "}"},
  {KIND_CACHE, "4cc15a8a-d715-48a4-82b8-cc0b614638fe",
   "{'Name':'UseOriginCacheControlHeaders-QueryStrings','Comment':'Policy for origins that return Cache-Control headers and serve different content "
   "based on values present in the query string.','DefaultTTL':0,'MaxTTL':31536000,'MinTTL':0,"
   KEY("true", "true", "'HeadersConfig':{'HeaderBehavior':'whitelist','Headers':{'Quantity':4,'Items':['host','origin','x-http-method-override',"
       "'x-http-method']}}," ALL_COOKIES "," ALL_QUERY) "}"},
  {KIND_REQUEST, "216adef6-5c7f-47e4-b989-5492eafa07d3",
   "{'Name':'Managed-AllViewer','Comment':'Policy to forward all parameters in viewer requests','HeadersConfig':{'HeaderBehavior':'allViewer'},"
   ALL_COOKIES "," ALL_QUERY "}"},
  {KIND_REQUEST, "b689b0a8-53d0-40ab-baf2-68738e2966ac",
   "{'Name':'Managed-AllViewerExceptHostHeader','Comment':'Policy to forward all parameters in viewer requests except for the Host header',"
   "'HeadersConfig':{'HeaderBehavior':'allExcept','Headers':{'Quantity':1,'Items':['host']}}," ALL_COOKIES "," ALL_QUERY "}"},
  {KIND_REQUEST, "59781a5b-3903-41f3-afcb-af62929ccde1",
   "{'Name':'Managed-CORS-CustomOrigin','Comment':'Policy for CORS with a custom origin','HeadersConfig':{'HeaderBehavior':'whitelist',"
   "'Headers':{'Quantity':1,'Items':['origin']}}," NO_COOKIES "," NO_QUERY "}"},
  {KIND_REQUEST, "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf",
   "{'Name':'Managed-CORS-S3Origin','Comment':'Policy for S3 origin with CORS','HeadersConfig':{'HeaderBehavior':'whitelist','Headers':{'Quantity':3,"
   "'Items':['origin','access-control-request-headers','access-control-request-method']}}," NO_COOKIES "," NO_QUERY "}"},
  {KIND_REQUEST, "acba4595-bd28-49b8-b9fe-13317c0390fa",
   "{'Name':'Managed-UserAgentRefererHeaders','Comment':'Policy to forward user-agent and referer headers to origin','HeadersConfig':{"
   "'HeaderBehavior':'whitelist','Headers':{'Quantity':2,'Items':['user-agent','referer']}}," NO_COOKIES "," NO_QUERY "}"},
  {KIND_RESPONSE, "60669652-455b-4ae9-85a4-c4c02393f86c",
   "{'Name':'Managed-SimpleCORS','Comment':'Allows all origins for simple CORS requests',"
   "'CorsConfig':{'AccessControlAllowOrigins':{'Quantity':1,'Items':['*']},'AccessControlAllowHeaders':{'Quantity':1,'Items':['*']},"
   "'AccessControlAllowMethods':{'Quantity':2,'Items':['GET','HEAD']},'AccessControlAllowCredentials':false,'OriginOverride':false}}"},
  {KIND_RESPONSE, "5cc3b908-e619-4b99-88e5-2cf7f45965bd",
   "{'Name':'Managed-CORS-With-Preflight','Comment':'Allows all origins for CORS requests, including preflight requests'," PREFLIGHT "}"},
  {KIND_RESPONSE, "67f7725c-6f97-4210-82d7-5512b31e9d03",
   "{'Name':'Managed-SecurityHeadersPolicy','Comment':'Adds a set of security headers to every response'," SECURITY "}"},
  {KIND_RESPONSE, "e61eb60c-9c35-4d20-a928-2b84e02af89c",
   "{'Name':'Managed-CORS-and-SecurityHeadersPolicy','Comment':'Allows all origins for simple CORS requests and adds security headers'," SIMPLE "," SECURITY "}"},
  {KIND_RESPONSE, "eaab4381-ed33-4a86-88ca-d9558dc6cd63",
   "{'Name':'Managed-CORS-with-preflight-and-SecurityHeadersPolicy','Comment':'Allows all origins for CORS requests, including preflight requests, "
   "and adds security headers'," PREFLIGHT "," SECURITY "}"},
};

static void *
read_text(Arena *arena, const Shape *shape, const char *text)
{
  char *json_source = g_strdelimit(arena_strdup(arena, text), "'", '"');
  Json *json = NULL;
  void *value = arena_alloc(arena, shape->size);
  g_autoptr(Error) error = json_parse(arena, json_source, strlen(json_source), &json);
  if (!error)
    error = shape_from_json(arena, shape, json, FALSE, value);
  g_assert(!error);
  return value;
}

static CloudfrontPolicyRecord *
make(Arena *arena, const Managed *row)
{
  CloudfrontPolicyRecord *record = ARENA_NEW(arena, CloudfrontPolicyRecord);
  *record = (CloudfrontPolicyRecord) {.Id = row->id, .ETag = "E23ZP02F085DFQ", .Modified = OPT_TIME(1590969600000)};
  if (row->kind == KIND_CACHE) {
    record->Cache = read_text(arena, &CloudfrontCachePolicyConfig_shape, row->text);
    record->Name = record->Cache->Name;
  } else if (row->kind == KIND_REQUEST) {
    record->Request = read_text(arena, &CloudfrontOriginRequestPolicyConfig_shape, row->text);
    record->Name = record->Request->Name;
  } else {
    record->Response = read_text(arena, &CloudfrontResponseHeadersPolicyConfig_shape, row->text);
    record->Name = record->Response->Name;
  }
  return record;
}

void
policies_managed(Arena *arena, PolicyKind kind, PolicyRecords *ret_policies)
{
  for (guint i = 0; i < G_N_ELEMENTS(managed); i++)
    if (managed[i].kind == kind)
      LIST_APPEND(arena, ret_policies, make(arena, &managed[i]));
}

gboolean
policy_is_managed(PolicyKind kind, const char *id)
{
  for (guint i = 0; i < G_N_ELEMENTS(managed); i++)
    if (managed[i].kind == kind && !strcmp(managed[i].id, id))
      return TRUE;
  return FALSE;
}
