/* Trails. https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html */
#include <string.h>

#include "services/cloudtrail/cloudtrail.h"

const Table trail_trails = {"cloudtrail.trail"};

enum { NAME_MIN = 3, NAME_MAX_ = 128, SELECTORS = 5, RESOURCES = 250 };

static void
trail_key(const Call *call, const char *name, Key *key)
{
  key_strings(key, call->region, call->account, name, NULL);
}

/* The name in a name or ARN. */
static const char *
name_of(const char *text)
{
  const char *slash = strrchr(text, '/');
  return g_str_has_prefix(text, "arn:") && slash ? slash + 1 : text;
}

Error *
trail_look(Call *call, const char *name, CloudtrailTrailRecord **ret)
{
  Key key;
  void *value = NULL;
  trail_key(call, name_of(name), &key);
  TRY(record_get(call->txn, &trail_trails, &key, &CloudtrailTrailRecord_shape, call->arena, &value));
  *ret = value;
  return NULL;
}

static Error *
find(Call *call, const char *name, CloudtrailTrailRecord **ret)
{
  TRY(trail_look(call, name, ret));
  return *ret ? NULL : error_answer("TrailNotFoundException", "Unknown trail: %s for the user: %s", name, call->account);
}

Error *
trail_put(Call *call, const CloudtrailTrailRecord *trail)
{
  Key key;
  trail_key(call, trail->trail->Name, &key);
  return record_put(call->txn, &trail_trails, &key, &CloudtrailTrailRecord_shape, trail);
}

static Error *
authorize(Call *call, const void *in, Authorization *auth)
{
  const char *name = *(const char *const *) in;
  auth->resource = call_arn(call, "cloudtrail", "trail/%s", name ? name_of(name) : "");
  return NULL;
}

static Error *
each(Call *call, GPtrArray *ret)
{
  Key prefix;
  g_autoptr(Cursor) cursor = NULL;
  key_strings(&prefix, call->region, call->account, NULL);
  TRY(cursor_open(call->txn, &trail_trails, &(CursorOptions){.prefix = &prefix}, &cursor));
  while (cursor_next(cursor)) {
    gsize size;
    void *value = NULL;
    const guint8 *bytes = cursor_value(cursor, &size);
    TRY(record_decode(call->arena, &CloudtrailTrailRecord_shape, bytes, size, &value));
    g_ptr_array_add(ret, value);
  }
  return NULL;
}

/* --- checks --- */

static Error *
check_name(const char *name)
{
  gsize size = strlen(name);
  gboolean good = size >= NAME_MIN && size <= NAME_MAX_ && g_ascii_isalnum(name[0]) && g_ascii_isalnum(name[size - 1]) &&
                  strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == size;
  if (size < NAME_MIN)
    return error_answer("InvalidTrailNameException", "Trail name too short. Minimum allowed length: %d characters. Specified name length: %" G_GSIZE_FORMAT
                                                     " characters.", NAME_MIN, size);
  return good ? NULL
              : error_answer("InvalidTrailNameException", "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), "
                                                          "hyphens (-), and underscores (_), and must start and end with a letter or number.");
}

/* AWS writes an empty object to see whether the bucket lets it. */
static Error *
check_bucket(Call *call, const CloudtrailTrail *trail)
{
  g_autoptr(Error) error = trail_write(call, trail, trail_folder(call, trail), "", 0);
  if (error && error->kind == ERROR_FAULT)
    return g_steal_pointer(&error);
  if (error_is(error, "NoSuchBucket"))
    return error_answer("S3BucketDoesNotExistException", "S3 bucket %s does not exist!", trail->S3BucketName);
  return error ? error_answer("InsufficientS3BucketPolicyException", "Incorrect S3 bucket policy is detected for bucket: %s", trail->S3BucketName) : NULL;
}

static Error *
check_not_here(const char *topic, const char *group, gboolean organization)
{
  if (topic)
    return error_answer("UnsupportedOperationException", "haar's trails send no notifications: leave SnsTopicName out");
  if (group)
    return error_answer("UnsupportedOperationException", "haar's trails do not write to CloudWatch Logs: leave CloudWatchLogsLogGroupArn out");
  return organization ? error_answer("UnsupportedOperationException", "haar has no organizations: leave IsOrganizationTrail out") : NULL;
}

/* --- operations --- */

static Error *
create(Call *call, gpointer data)
{
  CloudtrailTrailRecord *record = data, *old = NULL;
  g_autoptr(GPtrArray) all = g_ptr_array_new();
  TRY(trail_look(call, record->trail->Name, &old));
  if (old)
    return error_answer("TrailAlreadyExistsException", "Trail %s already exists for customer: %s", record->trail->Name, call->account);
  TRY(each(call, all));
  if (all->len >= TRAIL_TRAILS_MAX)
    return error_answer("MaximumNumberOfTrailsExceededException", "User: %s already has %u trails in %s.", call->account, all->len, call->region);
  return trail_put(call, record);
}

OPERATION(CreateTrail, create_trail, .txn = TXN_NONE, .authorize = authorize)
static Error *
create_trail(Call *call, const CloudtrailCreateTrailInput *in, CloudtrailCreateTrailOutput *ret_out)
{
  CloudtrailTrail *trail = ARENA_NEW(call->arena, CloudtrailTrail);
  CloudtrailTrailRecord record = {.trail = trail, .tags = in->TagsList, .logging = OPT_BOOL(FALSE)};
  TRY(check_name(in->Name));
  TRY(check_not_here(in->SnsTopicName, in->CloudWatchLogsLogGroupArn, OPT_OR(in->IsOrganizationTrail, FALSE)));
  trail->Name = in->Name;
  trail->S3BucketName = in->S3BucketName;
  trail->S3KeyPrefix = in->S3KeyPrefix;
  trail->IncludeGlobalServiceEvents = OPT_BOOL(OPT_OR(in->IncludeGlobalServiceEvents, TRUE));
  trail->IsMultiRegionTrail = OPT_BOOL(OPT_OR(in->IsMultiRegionTrail, FALSE));
  trail->HomeRegion = call->region;
  trail->TrailARN = call_arn(call, "cloudtrail", "trail/%s", in->Name);
  trail->LogFileValidationEnabled = OPT_BOOL(OPT_OR(in->EnableLogFileValidation, FALSE));
  trail->KmsKeyId = in->KmsKeyId;
  trail->HasCustomEventSelectors = OPT_BOOL(FALSE);
  trail->HasInsightSelectors = OPT_BOOL(FALSE);
  trail->IsOrganizationTrail = OPT_BOOL(FALSE);
  TRY(check_bucket(call, trail));
  TRY(call_write(call, create, &record));
  *ret_out = (CloudtrailCreateTrailOutput){
      .Name = trail->Name, .S3BucketName = trail->S3BucketName, .S3KeyPrefix = trail->S3KeyPrefix, .TrailARN = trail->TrailARN,
      .IncludeGlobalServiceEvents = trail->IncludeGlobalServiceEvents, .IsMultiRegionTrail = trail->IsMultiRegionTrail,
      .LogFileValidationEnabled = trail->LogFileValidationEnabled, .KmsKeyId = trail->KmsKeyId, .IsOrganizationTrail = trail->IsOrganizationTrail};
  return NULL;
}

typedef struct Change {
  const CloudtrailUpdateTrailInput *in;
  CloudtrailTrailRecord *record;
} Change;

static Error *
read_change(Call *call, gpointer data)
{
  Change *change = data;
  return find(call, change->in->Name, &change->record);
}

static Error *
write_change(Call *call, gpointer data)
{
  return trail_put(call, data);
}

OPERATION(UpdateTrail, update_trail, .txn = TXN_NONE, .authorize = authorize)
static Error *
update_trail(Call *call, const CloudtrailUpdateTrailInput *in, CloudtrailUpdateTrailOutput *ret_out)
{
  Change change = {.in = in};
  TRY(check_not_here(in->SnsTopicName, in->CloudWatchLogsLogGroupArn, OPT_OR(in->IsOrganizationTrail, FALSE)));
  TRY(call_read(call, read_change, &change));
  CloudtrailTrail *trail = change.record->trail;
  trail->S3BucketName = in->S3BucketName ? in->S3BucketName : trail->S3BucketName;
  trail->S3KeyPrefix = in->S3KeyPrefix ? in->S3KeyPrefix : trail->S3KeyPrefix;
  trail->KmsKeyId = in->KmsKeyId ? (*in->KmsKeyId ? in->KmsKeyId : NULL) : trail->KmsKeyId;
  if (in->IsMultiRegionTrail.set)
    trail->IsMultiRegionTrail = in->IsMultiRegionTrail;
  if (in->IncludeGlobalServiceEvents.set)
    trail->IncludeGlobalServiceEvents = in->IncludeGlobalServiceEvents;
  if (in->EnableLogFileValidation.set)
    trail->LogFileValidationEnabled = in->EnableLogFileValidation;
  TRY(check_bucket(call, trail));
  TRY(call_write(call, write_change, change.record));
  *ret_out = (CloudtrailUpdateTrailOutput){
      .Name = trail->Name, .S3BucketName = trail->S3BucketName, .S3KeyPrefix = trail->S3KeyPrefix, .TrailARN = trail->TrailARN,
      .IncludeGlobalServiceEvents = trail->IncludeGlobalServiceEvents, .IsMultiRegionTrail = trail->IsMultiRegionTrail,
      .LogFileValidationEnabled = trail->LogFileValidationEnabled, .KmsKeyId = trail->KmsKeyId};
  return NULL;
}

OPERATION(DeleteTrail, delete_trail, .txn = TXN_WRITE, .authorize = authorize)
static Error *
delete_trail(Call *call, const CloudtrailDeleteTrailInput *in, CloudtrailDeleteTrailOutput *ret_out)
{
  CloudtrailTrailRecord *record = NULL;
  Key key;
  TRY(find(call, in->Name, &record));
  TRY(trail_schedule(call, record, -1));
  trail_key(call, record->trail->Name, &key);
  TRY(store_delete(call->txn, &trail_trails, &key, NULL));
  return record_selectors(call);
}

OPERATION(GetTrail, get_trail, .txn = TXN_READ, .authorize = authorize)
static Error *
get_trail(Call *call, const CloudtrailGetTrailInput *in, CloudtrailGetTrailOutput *ret_out)
{
  CloudtrailTrailRecord *record = NULL;
  TRY(find(call, in->Name, &record));
  ret_out->Trail = record->trail;
  return NULL;
}

OPERATION(DescribeTrails, describe_trails, .txn = TXN_READ)
static Error *
describe_trails(Call *call, const CloudtrailDescribeTrailsInput *in, CloudtrailDescribeTrailsOutput *ret_out)
{
  g_autoptr(GPtrArray) all = g_ptr_array_new();
  TRY(each(call, all));
  LIST_EMPTY(call->arena, &ret_out->trailList);
  for (guint i = 0; i < all->len; i++) {
    CloudtrailTrail *trail = ((CloudtrailTrailRecord *) all->pdata[i])->trail;
    if (!in->trailNameList.n || string_list_has(&in->trailNameList, trail->Name) || string_list_has(&in->trailNameList, trail->TrailARN))
      LIST_APPEND(call->arena, &ret_out->trailList, trail);
  }
  return NULL;
}

OPERATION(ListTrails, list_trails, .txn = TXN_READ)
static Error *
list_trails(Call *call, const CloudtrailListTrailsInput *in, CloudtrailListTrailsOutput *ret_out)
{
  g_autoptr(GPtrArray) all = g_ptr_array_new();
  TRY(each(call, all));
  LIST_EMPTY(call->arena, &ret_out->Trails);
  for (guint i = 0; i < all->len; i++) {
    const CloudtrailTrail *trail = ((CloudtrailTrailRecord *) all->pdata[i])->trail;
    CloudtrailTrailInfo *info = ARENA_NEW(call->arena, CloudtrailTrailInfo);
    *info = (CloudtrailTrailInfo){.TrailARN = trail->TrailARN, .Name = trail->Name, .HomeRegion = trail->HomeRegion};
    LIST_APPEND(call->arena, &ret_out->Trails, info);
  }
  return NULL;
}

OPERATION(StartLogging, start_logging, .txn = TXN_WRITE, .authorize = authorize)
static Error *
start_logging(Call *call, const CloudtrailStartLoggingInput *in, CloudtrailStartLoggingOutput *ret_out)
{
  CloudtrailTrailRecord *record = NULL;
  TRY(find(call, in->Name, &record));
  if (OPT_OR(record->logging, FALSE))
    return NULL;
  record->logging = OPT_BOOL(TRUE);
  record->started = record->delivered = OPT_INT(call->now);
  TRY(trail_put(call, record));
  TRY(trail_schedule(call, record, 0));
  return record_selectors(call);
}

OPERATION(StopLogging, stop_logging, .txn = TXN_WRITE, .authorize = authorize)
static Error *
stop_logging(Call *call, const CloudtrailStopLoggingInput *in, CloudtrailStopLoggingOutput *ret_out)
{
  CloudtrailTrailRecord *record = NULL;
  TRY(find(call, in->Name, &record));
  record->logging = OPT_BOOL(FALSE);
  record->stopped = OPT_INT(call->now);
  TRY(trail_put(call, record));
  TRY(trail_schedule(call, record, -1));
  return record_selectors(call);
}

OPERATION(GetTrailStatus, get_trail_status, .txn = TXN_READ, .authorize = authorize)
static Error *
get_trail_status(Call *call, const CloudtrailGetTrailStatusInput *in, CloudtrailGetTrailStatusOutput *ret_out)
{
  CloudtrailTrailRecord *record = NULL;
  TRY(find(call, in->Name, &record));
  ret_out->IsLogging = OPT_BOOL(OPT_OR(record->logging, FALSE));
  ret_out->LatestDeliveryError = record->error;
  if (record->started.set)
    ret_out->StartLoggingTime = OPT_TIME(record->started.v);
  if (record->stopped.set)
    ret_out->StopLoggingTime = OPT_TIME(record->stopped.v);
  if (record->deliveries.set)
    ret_out->LatestDeliveryTime = OPT_TIME(record->deliveries.v);
  return NULL;
}

/* --- event selectors --- */

static Error *
check_selectors(const CloudtrailPutEventSelectorsInput *in)
{
  gsize resources = 0;
  if (in->AdvancedEventSelectors.n)
    return error_answer("UnsupportedOperationException", "haar has no advanced event selectors: use EventSelectors");
  if (!in->EventSelectors.n || in->EventSelectors.n > SELECTORS)
    return error_answer("InvalidEventSelectorsException", "The event selectors have to be 1 to %d.", SELECTORS);
  for (gsize i = 0; i < in->EventSelectors.n; i++)
    for (gsize k = 0; k < in->EventSelectors.v[i]->DataResources.n; k++) {
      const CloudtrailDataResource *resource = in->EventSelectors.v[i]->DataResources.v[k];
      resources += resource->Values.n;
      if (g_strcmp0(resource->Type, "AWS::S3::Object") != 0 && g_strcmp0(resource->Type, "AWS::Lambda::Function") != 0 &&
          g_strcmp0(resource->Type, "AWS::DynamoDB::Table") != 0)
        return error_answer("InvalidEventSelectorsException", "The data resource type %s is not valid.", resource->Type ? resource->Type : "");
    }
  return resources > RESOURCES ? error_answer("InvalidEventSelectorsException", "More than %d data resources.", RESOURCES) : NULL;
}

OPERATION(PutEventSelectors, put_event_selectors, .txn = TXN_WRITE, .authorize = authorize)
static Error *
put_event_selectors(Call *call, const CloudtrailPutEventSelectorsInput *in, CloudtrailPutEventSelectorsOutput *ret_out)
{
  CloudtrailTrailRecord *record = NULL;
  TRY(find(call, in->TrailName, &record));
  TRY(check_selectors(in));
  record->selectors = in->EventSelectors;
  record->trail->HasCustomEventSelectors = OPT_BOOL(TRUE);
  ret_out->TrailARN = record->trail->TrailARN;
  ret_out->EventSelectors = in->EventSelectors;
  TRY(trail_put(call, record));
  return record_selectors(call);
}

OPERATION(GetEventSelectors, get_event_selectors, .txn = TXN_READ, .authorize = authorize)
static Error *
get_event_selectors(Call *call, const CloudtrailGetEventSelectorsInput *in, CloudtrailGetEventSelectorsOutput *ret_out)
{
  CloudtrailTrailRecord *record = NULL;
  TRY(find(call, in->TrailName, &record));
  ret_out->TrailARN = record->trail->TrailARN;
  ret_out->EventSelectors = record->selectors;
  if (!record->selectors.n) {
    CloudtrailEventSelector *all = ARENA_NEW(call->arena, CloudtrailEventSelector);
    *all = (CloudtrailEventSelector){.ReadWriteType = "All", .IncludeManagementEvents = OPT_BOOL(TRUE)};
    LIST_EMPTY(call->arena, &all->DataResources);
    LIST_APPEND(call->arena, &ret_out->EventSelectors, all);
  }
  return NULL;
}

/* --- tags --- */

static void
take_away(Call *call, CloudtrailTrailRecord *record, const char *key)
{
  CloudtrailTagsList kept = {0};
  for (gsize i = 0; i < record->tags.n; i++)
    if (strcmp(record->tags.v[i]->Key, key) != 0)
      LIST_APPEND(call->arena, &kept, record->tags.v[i]);
  record->tags = kept;
}

OPERATION(AddTags, add_tags, .txn = TXN_WRITE, .authorize = authorize)
static Error *
add_tags(Call *call, const CloudtrailAddTagsInput *in, CloudtrailAddTagsOutput *ret_out)
{
  CloudtrailTrailRecord *record = NULL;
  TRY(find(call, in->ResourceId, &record));
  for (gsize i = 0; i < in->TagsList.n; i++) {
    take_away(call, record, in->TagsList.v[i]->Key);
    LIST_APPEND(call->arena, &record->tags, in->TagsList.v[i]);
  }
  return trail_put(call, record);
}

OPERATION(RemoveTags, remove_tags, .txn = TXN_WRITE, .authorize = authorize)
static Error *
remove_tags(Call *call, const CloudtrailRemoveTagsInput *in, CloudtrailRemoveTagsOutput *ret_out)
{
  CloudtrailTrailRecord *record = NULL;
  TRY(find(call, in->ResourceId, &record));
  for (gsize i = 0; i < in->TagsList.n; i++)
    take_away(call, record, in->TagsList.v[i]->Key);
  return trail_put(call, record);
}

OPERATION(ListTags, list_tags, .txn = TXN_READ)
static Error *
list_tags(Call *call, const CloudtrailListTagsInput *in, CloudtrailListTagsOutput *ret_out)
{
  LIST_EMPTY(call->arena, &ret_out->ResourceTagList);
  for (gsize i = 0; i < in->ResourceIdList.n; i++) {
    CloudtrailTrailRecord *record = NULL;
    TRY(find(call, in->ResourceIdList.v[i], &record));
    CloudtrailResourceTag *tags = ARENA_NEW(call->arena, CloudtrailResourceTag);
    *tags = (CloudtrailResourceTag){.ResourceId = in->ResourceIdList.v[i], .TagsList = record->tags};
    LIST_APPEND(call->arena, &ret_out->ResourceTagList, tags);
  }
  return NULL;
}
