/* https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html */
#include "services/s3/s3.h"
#include <string.h>

/* Whether a list of ETags (quoted or not), or "*", has the object's. */
static gboolean
etag_matches(const char *list, const char *etag)
{
  g_auto(GStrv) parts = g_strsplit(list, ",", 100);
  for (char **part = parts; *part; part++) {
    const char *text = g_strstrip(*part);
    if (g_str_has_prefix(text, "W/"))
      text += 2;
    gsize size = strlen(text), bare = strlen(etag);
    if (!strcmp(text, "*") || !strcmp(text, etag) || (bare > 2 && size == bare - 2 && !strncmp(text, etag + 1, size)))
      return TRUE;
  }
  return FALSE;
}

Error *
check_conditions(const Conditions *conditions, const S3ObjectRecord *object, gboolean copy)
{
  gint64 modified = object->Modified.ms / 1000;
  gboolean none_match = conditions->if_none_match && etag_matches(conditions->if_none_match, object->ETag);
  if (conditions->if_match && !etag_matches(conditions->if_match, object->ETag))
    return precondition_failed(copy ? "x-amz-copy-source-If-Match" : "If-Match");
  if (!conditions->if_match && conditions->if_unmodified_since.set && modified > conditions->if_unmodified_since.ms / 1000)
    return precondition_failed(copy ? "x-amz-copy-source-If-Unmodified-Since" : "If-Unmodified-Since");
  gboolean not_modified =
    !conditions->if_none_match && conditions->if_modified_since.set && modified <= conditions->if_modified_since.ms / 1000;
  if (!none_match && !not_modified)
    return NULL;
  if (copy)
    return precondition_failed(none_match ? "x-amz-copy-source-If-None-Match" : "x-amz-copy-source-If-Modified-Since");
  return error_answer_status(304, "NotModified", "Not Modified");
}

Error *
check_write_conditions(const char *if_match, const char *if_none_match, const char *key, const S3ObjectRecord *object)
{
  gboolean exists = object && !OPT_OR(object->DeleteMarker, FALSE);
  if (if_none_match && strcmp(if_none_match, "*"))
    return not_implemented("If-None-Match with anything but *");
  if (if_none_match && exists)
    return precondition_failed("If-None-Match");
  if (if_match && !exists)
    return no_such_key(key);
  if (if_match && !etag_matches(if_match, object->ETag))
    return precondition_failed("If-Match");
  return NULL;
}
