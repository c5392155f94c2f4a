/* https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
#include "services/s3/s3.h"
#include <string.h>

Error *
no_such_bucket(const char *bucket)
{
  return error_field(error_answer_status(404, "NoSuchBucket", "The specified bucket does not exist"), "BucketName", bucket);
}

Error *
no_such_key(const char *key)
{
  return error_field(error_answer_status(404, "NoSuchKey", "The specified key does not exist."), "Key", key);
}

Error *
no_such_version(const char *key, const char *version_id)
{
  Error *error = error_answer_status(404, "NoSuchVersion", "The specified version does not exist.");
  return error_field(error_field(error, "Key", key), "VersionId", version_id);
}

Error *
no_such_upload(const char *upload_id)
{
  return error_field(error_answer_status(404, "NoSuchUpload",
                                         "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
                                         "completed."),
                     "UploadId", upload_id);
}

Error *
malformed_xml(void)
{
  return error_answer_status(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema");
}

Error *
invalid_argument(const char *name, const char *value, const char *message)
{
  return error_field(error_field(error_answer_status(400, "InvalidArgument", "%s", message), "ArgumentName", name), "ArgumentValue", value ? value : "");
}

Error *
not_implemented(const char *what)
{
  return error_answer_status(501, "NotImplemented", "A header you provided implies functionality that is not implemented: haar's S3 has no %s", what);
}

Error *
precondition_failed(const char *condition)
{
  return error_field(error_answer_status(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"), "Condition",
                     condition);
}

void
s3_refuse(HttpExchange *exchange, const Error *error)
{
  StringMap headers = {0};
  gboolean fault = error->kind == ERROR_FAULT;
  g_autoptr(GString) text = g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
  if (fault)
    log_error("s3: %s", error->message);
  const char *code = fault ? "InternalError" : error->code, *message = fault ? "We encountered an internal error. Please try again." : error->message;
  g_autofree char *head = g_markup_printf_escaped("<Code>%s</Code><Message>%s</Message>", code, message);
  g_string_append(text, head);
  for (guint i = 0; !fault && error->fields && i + 1 < error->fields->len; i += 2) {
    g_autofree char *field = g_markup_printf_escaped("<%s>%s</%s>", (char *) error->fields->pdata[i], (char *) error->fields->pdata[i + 1],
                                                     (char *) error->fields->pdata[i]);
    g_string_append(text, field);
  }
  g_string_append_printf(text, "<RequestId>%s</RequestId></Error>", http_request_id(exchange));
  MAP_SET(http_arena(exchange), &headers, "Content-Type", "application/xml");
  http_answer(exchange, fault ? 500 : error->status ? error->status : 400, &headers, text->str, text->len);
}
