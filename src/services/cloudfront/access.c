/* How CloudFront is known to S3: origin access identities (old) and origin access controls.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html */
#include "services/cloudfront/cloudfront.h"

#include <string.h>

/* All of a kind, and which of them the page has: from the marker on. */
static Error *
page_of(Call *call, PolicyKind kind, const char *marker, const char *max_items, PolicyRecords *ret_records, ListPage *ret_page)
{
  gsize from = 0;
  TRY(policies_list(call, kind, NULL, ret_records));
  while (marker && from < ret_records->n && strcmp(ret_records->v[from]->Id, marker) < 0)
    from++;
  return list_page(max_items, from, ret_records->n, ret_page);
}

/* --- identities --- */

static CloudfrontCloudFrontOriginAccessIdentity *
show_identity(Call *call, const CloudfrontPolicyRecord *record)
{
  CloudfrontCloudFrontOriginAccessIdentity *identity = ARENA_NEW(call->arena, CloudfrontCloudFrontOriginAccessIdentity);
  *identity = (CloudfrontCloudFrontOriginAccessIdentity) {
    .Id = record->Id, .S3CanonicalUserId = record->Canonical, .CloudFrontOriginAccessIdentityConfig = record->Identity};
  return identity;
}

OPERATION(CreateCloudFrontOriginAccessIdentity, create_identity, .txn = TXN_WRITE)
static Error *
create_identity(Call *call, const CloudfrontCreateCloudFrontOriginAccessIdentityInput *in, CloudfrontCreateCloudFrontOriginAccessIdentityOutput *ret_out)
{
  const CloudfrontCloudFrontOriginAccessIdentityConfig *config = in->CloudFrontOriginAccessIdentityConfig;
  CloudfrontPolicyRecord record = {.Name = config->CallerReference, .Canonical = id_hex(call->arena, 64),
                                   .Identity = in->CloudFrontOriginAccessIdentityConfig};
  TRY(policy_create(call, KIND_IDENTITY, &record));
  ret_out->CloudFrontOriginAccessIdentity = show_identity(call, &record);
  ret_out->ETag = record.ETag;
  ret_out->Location = arena_printf(call->arena, "https://cloudfront.amazonaws.com/2020-05-31/origin-access-identity/cloudfront/%s", record.Id);
  return NULL;
}

OPERATION(GetCloudFrontOriginAccessIdentity, get_identity, .txn = TXN_READ, .authorize = identity_resource)
static Error *
get_identity(Call *call, const CloudfrontGetCloudFrontOriginAccessIdentityInput *in, CloudfrontGetCloudFrontOriginAccessIdentityOutput *ret_out)
{
  CloudfrontPolicyRecord *record = NULL;
  TRY(policy_get(call, KIND_IDENTITY, in->Id, &record));
  ret_out->CloudFrontOriginAccessIdentity = show_identity(call, record);
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(GetCloudFrontOriginAccessIdentityConfig, get_identity_config, .txn = TXN_READ, .authorize = identity_resource)
static Error *
get_identity_config(Call *call, const CloudfrontGetCloudFrontOriginAccessIdentityConfigInput *in,
                    CloudfrontGetCloudFrontOriginAccessIdentityConfigOutput *ret_out)
{
  CloudfrontPolicyRecord *record = NULL;
  TRY(policy_get(call, KIND_IDENTITY, in->Id, &record));
  ret_out->CloudFrontOriginAccessIdentityConfig = record->Identity;
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(UpdateCloudFrontOriginAccessIdentity, update_identity, .txn = TXN_WRITE, .authorize = identity_resource)
static Error *
update_identity(Call *call, const CloudfrontUpdateCloudFrontOriginAccessIdentityInput *in, CloudfrontUpdateCloudFrontOriginAccessIdentityOutput *ret_out)
{
  CloudfrontPolicyRecord *record = NULL;
  TRY(policy_begin(call, KIND_IDENTITY, in->Id, in->IfMatch, &record));
  if (strcmp(record->Identity->CallerReference, in->CloudFrontOriginAccessIdentityConfig->CallerReference))
    return error_answer("IllegalUpdate", "The update contains modifications that are not allowed.");
  record->Identity = in->CloudFrontOriginAccessIdentityConfig;
  TRY(policy_put(call, KIND_IDENTITY, record));
  ret_out->CloudFrontOriginAccessIdentity = show_identity(call, record);
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(DeleteCloudFrontOriginAccessIdentity, delete_identity, .txn = TXN_WRITE, .authorize = identity_resource)
static Error *
delete_identity(Call *call, const CloudfrontDeleteCloudFrontOriginAccessIdentityInput *in, CloudfrontDeleteCloudFrontOriginAccessIdentityOutput *ret_out)
{
  return policy_delete(call, KIND_IDENTITY, in->Id, in->IfMatch);
}

OPERATION(ListCloudFrontOriginAccessIdentities, list_identities, .txn = TXN_READ)
static Error *
list_identities(Call *call, const CloudfrontListCloudFrontOriginAccessIdentitiesInput *in, CloudfrontListCloudFrontOriginAccessIdentitiesOutput *ret_out)
{
  PolicyRecords records = {0};
  ListPage page;
  TRY(page_of(call, KIND_IDENTITY, in->Marker, in->MaxItems, &records, &page));
  CloudfrontCloudFrontOriginAccessIdentityList *list = ret_out->CloudFrontOriginAccessIdentityList = ARENA_NEW(call->arena, CloudfrontCloudFrontOriginAccessIdentityList);
  for (gsize i = page.from; i < page.to; i++) {
    CloudfrontCloudFrontOriginAccessIdentitySummary *summary = ARENA_NEW(call->arena, CloudfrontCloudFrontOriginAccessIdentitySummary);
    *summary = (CloudfrontCloudFrontOriginAccessIdentitySummary) {records.v[i]->Id, records.v[i]->Canonical, records.v[i]->Identity->Comment};
    LIST_APPEND(call->arena, &list->Items, summary);
  }
  LIST_FINISH(list, in->Marker, &page, records.v[page.to]->Id);
  return NULL;
}

/* --- controls --- */

static CloudfrontOriginAccessControl *
show_control(Call *call, const CloudfrontPolicyRecord *record)
{
  CloudfrontOriginAccessControl *control = ARENA_NEW(call->arena, CloudfrontOriginAccessControl);
  *control = (CloudfrontOriginAccessControl) {.Id = record->Id, .OriginAccessControlConfig = record->Control};
  return control;
}

OPERATION(CreateOriginAccessControl, create_control, .txn = TXN_WRITE)
static Error *
create_control(Call *call, const CloudfrontCreateOriginAccessControlInput *in, CloudfrontCreateOriginAccessControlOutput *ret_out)
{
  CloudfrontPolicyRecord record = {.Name = in->OriginAccessControlConfig->Name, .Control = in->OriginAccessControlConfig};
  TRY(policy_create(call, KIND_CONTROL, &record));
  ret_out->OriginAccessControl = show_control(call, &record);
  ret_out->ETag = record.ETag;
  ret_out->Location = arena_printf(call->arena, "https://cloudfront.amazonaws.com/2020-05-31/origin-access-control/%s", record.Id);
  return NULL;
}

OPERATION(GetOriginAccessControl, get_control, .txn = TXN_READ, .authorize = control_resource)
static Error *
get_control(Call *call, const CloudfrontGetOriginAccessControlInput *in, CloudfrontGetOriginAccessControlOutput *ret_out)
{
  CloudfrontPolicyRecord *record = NULL;
  TRY(policy_get(call, KIND_CONTROL, in->Id, &record));
  ret_out->OriginAccessControl = show_control(call, record);
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(GetOriginAccessControlConfig, get_control_config, .txn = TXN_READ, .authorize = control_resource)
static Error *
get_control_config(Call *call, const CloudfrontGetOriginAccessControlConfigInput *in, CloudfrontGetOriginAccessControlConfigOutput *ret_out)
{
  CloudfrontPolicyRecord *record = NULL;
  TRY(policy_get(call, KIND_CONTROL, in->Id, &record));
  ret_out->OriginAccessControlConfig = record->Control;
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(UpdateOriginAccessControl, update_control, .txn = TXN_WRITE, .authorize = control_resource)
static Error *
update_control(Call *call, const CloudfrontUpdateOriginAccessControlInput *in, CloudfrontUpdateOriginAccessControlOutput *ret_out)
{
  CloudfrontPolicyRecord *record = NULL;
  TRY(policy_begin(call, KIND_CONTROL, in->Id, in->IfMatch, &record));
  record->Name = in->OriginAccessControlConfig->Name;
  record->Control = in->OriginAccessControlConfig;
  TRY(policy_put(call, KIND_CONTROL, record));
  ret_out->OriginAccessControl = show_control(call, record);
  ret_out->ETag = record->ETag;
  return NULL;
}

OPERATION(DeleteOriginAccessControl, delete_control, .txn = TXN_WRITE, .authorize = control_resource)
static Error *
delete_control(Call *call, const CloudfrontDeleteOriginAccessControlInput *in, CloudfrontDeleteOriginAccessControlOutput *ret_out)
{
  return policy_delete(call, KIND_CONTROL, in->Id, in->IfMatch);
}

OPERATION(ListOriginAccessControls, list_controls, .txn = TXN_READ)
static Error *
list_controls(Call *call, const CloudfrontListOriginAccessControlsInput *in, CloudfrontListOriginAccessControlsOutput *ret_out)
{
  PolicyRecords records = {0};
  ListPage page;
  TRY(page_of(call, KIND_CONTROL, in->Marker, in->MaxItems, &records, &page));
  CloudfrontOriginAccessControlList *list = ret_out->OriginAccessControlList = ARENA_NEW(call->arena, CloudfrontOriginAccessControlList);
  for (gsize i = page.from; i < page.to; i++) {
    const CloudfrontOriginAccessControlConfig *config = records.v[i]->Control;
    CloudfrontOriginAccessControlSummary *summary = ARENA_NEW(call->arena, CloudfrontOriginAccessControlSummary);
    *summary = (CloudfrontOriginAccessControlSummary) {
      .Id = records.v[i]->Id, .Description = config->Description ? config->Description : "", .Name = config->Name, .SigningProtocol = config->SigningProtocol,
      .SigningBehavior = config->SigningBehavior, .OriginAccessControlOriginType = config->OriginAccessControlOriginType};
    LIST_APPEND(call->arena, &list->Items, summary);
  }
  LIST_FINISH(list, in->Marker, &page, records.v[page.to]->Id);
  return NULL;
}
