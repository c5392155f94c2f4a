#include "server/condition.h"

static void
put(const Call *call, StringMap *context, const char *key, const char *value)
{
  if (value)
    MAP_SET(call->arena, context, key, value);
}

static const char *
truth(gboolean value)
{
  return value ? "true" : "false";
}

static void
fill_network(const Call *call, gboolean forwarded, StringMap *context)
{
  const CallSource *source = call->source;
  put(call, context, "aws:SecureTransport", truth(forwarded || source->tls));
  if (forwarded)
    return;
  put(call, context, source->endpoint_id ? "aws:VpcSourceIp" : "aws:SourceIp", source->ip);
  put(call, context, "aws:SourceVpc", source->vpc_id);
  put(call, context, "aws:SourceVpce", source->endpoint_id);
  put(call, context, "aws:UserAgent", source->user_agent);
}

static void
fill_forwarded(const Call *call, StringMap *context)
{
  put(call, context, "aws:CalledVia", arena_printf(call->arena, "%s.amazonaws.com", call->via_service));
  put(call, context, "kms:ViaService", arena_printf(call->arena, "%s.%s.amazonaws.com", call->via_service, call->region));
}

void
condition_fill(const Call *call, StringMap *context)
{
  gboolean service = call->principal->type == PRINCIPAL_SERVICE;
  fill_network(call, service || call->via_service, context);
  put(call, context, "aws:RequestedRegion", call->region);
  put(call, context, "aws:ViaAWSService", truth(call->via_service != NULL));
  put(call, context, "kms:CallerAccount", call->account);
  put(call, context, "aws:SourceArn", call->source_arn);
  if (call->source_arn)
    put(call, context, "aws:SourceAccount", call->account);
  if (call->principal->type == PRINCIPAL_ROLE_SESSION)
    put(call, context, "aws:MultiFactorAuthPresent", "false");
  if (call->via_service)
    fill_forwarded(call, context);
}
