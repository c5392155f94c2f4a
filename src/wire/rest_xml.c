/* REST XML: S3, Route 53, CloudFront. */
#include "wire/internal.h"
#include <string.h>

static gboolean
is_s3(const ServiceModel *service)
{
  return service && !strcmp(service->endpoint_prefix, "s3");
}

static Error *
malformed(void)
{
  return error_answer_status(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema");
}

static Error *
decode_payload(const ServiceModel *service, Arena *arena, const Member *payload, const WireRequest *request, void *value)
{
  XmlNode *root = NULL;
  const Shape *shape = payload->shape;
  if (shape->type == SHAPE_BLOB && shape->flags & SHAPE_STREAMING)
    *(Body **) value = request->stream ? request->stream : body_from_bytes(arena, request->body, request->body_size);
  else if (shape->type == SHAPE_BLOB && request->body_size)
    *(Blob *) value = (Blob){request->body, request->body_size};
  else if (shape->type == SHAPE_STRING && request->body_size)
    *(const char **) value = arena_strndup(arena, (const char *) request->body, request->body_size);
  if (shape->type != SHAPE_STRUCTURE || !request->body_size)
    return NULL;
  TRY(xml_parse(arena, (const char *) request->body, request->body_size, &root));
  if (is_s3(service) && strcmp(root->name, payload->wire))
    return malformed();
  return value_from_xml(arena, shape, root, value);
}

static Error *
decode(const ServiceModel *service, const OperationModel *operation, Arena *arena, const WireRequest *request, void *in)
{
  const Member *payload = payload_member(operation->input);
  XmlNode *root = NULL;
  void *value = NULL;
  if (payload)
    TRY(decode_payload(service, arena, payload, request, member_at(payload, in)));
  else if (request->body_size && has_body_members(operation->input)) {
    TRY(xml_parse(arena, (const char *) request->body, request->body_size, &root));
    TRY(value_from_xml(arena, operation->input, root, &value));
    memcpy(in, value, operation->input->size);
  }
  return rest_decode(arena, operation->input, request, TRUE, in);
}

/* The root elements of S3's answers, which its model does not name. */
static const char *
root_name(const ServiceModel *service, const OperationModel *operation)
{
  static const char *const roots[][2] = {
    {"CompleteMultipartUpload", "CompleteMultipartUploadResult"},
    {"CreateMultipartUpload", "InitiateMultipartUploadResult"},
    {"DeleteObjects", "DeleteResult"},
    {"GetBucketAcl", "AccessControlPolicy"},
    {"GetBucketCors", "CORSConfiguration"},
    {"GetBucketLifecycleConfiguration", "LifecycleConfiguration"},
    {"GetBucketLogging", "BucketLoggingStatus"},
    {"GetBucketNotificationConfiguration", "NotificationConfiguration"},
    {"GetBucketRequestPayment", "RequestPaymentConfiguration"},
    {"GetBucketTagging", "Tagging"},
    {"GetBucketVersioning", "VersioningConfiguration"},
    {"GetObjectAcl", "AccessControlPolicy"},
    {"GetObjectAttributes", "GetObjectAttributesResponse"},
    {"GetObjectTagging", "Tagging"},
    {"ListBuckets", "ListAllMyBucketsResult"},
    {"ListMultipartUploads", "ListMultipartUploadsResult"},
    {"ListObjectVersions", "ListVersionsResult"},
    {"ListObjects", "ListBucketResult"},
    {"ListObjectsV2", "ListBucketResult"},
    {"ListParts", "ListPartsResult"},
  };
  for (guint i = 0; is_s3(service) && i < G_N_ELEMENTS(roots); i++)
    if (!strcmp(operation->name, roots[i][0]))
      return roots[i][1];
  return operation->output->name;
}

static void
begin_document(const ServiceModel *service, const char *name, const char *uri, GString *text)
{
  g_string_append(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
  g_string_append_printf(text, "<%s", name);
  if (uri || service->xml_uri)
    g_string_append_printf(text, " xmlns=\"%s\"", uri ? uri : service->xml_uri);
  g_string_append_c(text, '>');
}

static void
encode_payload(const ServiceModel *service, Arena *arena, const Member *payload, const void *value, WireAnswer *answer)
{
  const Shape *shape = payload->shape;
  if (shape->type == SHAPE_BLOB && shape->flags & SHAPE_STREAMING) {
    answer->stream = *(Body *const *) value;
    if (answer->stream && !string_map_get(&answer->headers, "Content-Type"))
      answer_header(answer, arena, "Content-Type", "binary/octet-stream");
  }
  if (answer->stream)
    return;
  GString *text = g_string_new(NULL);
  if (shape->type == SHAPE_STRING && *(const char *const *) value) {
    g_string_append(text, *(const char *const *) value);
    answer_header(answer, arena, "Content-Type", "application/json");
  } else if (shape->type == SHAPE_STRUCTURE && value_present(shape, value)) {
    begin_document(service, payload->wire, payload->xml_uri, text);
    members_write_xml(arena, shape, *(void *const *) value, text);
    g_string_append_printf(text, "</%s>", payload->wire);
    answer_header(answer, arena, "Content-Type", is_s3(service) ? "application/xml" : "text/xml");
  } else if (shape->type == SHAPE_BLOB && !(shape->flags & SHAPE_STREAMING) && ((const Blob *) value)->data) {
    g_string_append_len(text, (const char *) ((const Blob *) value)->data, (gssize) ((const Blob *) value)->size);
  }
  answer_body(answer, text);
}

static Error *
encode(const ServiceModel *service, const OperationModel *operation, Arena *arena, const void *out, const char *request_id, WireAnswer *answer)
{
  const Member *payload = payload_member(operation->output);
  rest_encode(arena, operation->output, out, answer);
  if (payload) {
    encode_payload(service, arena, payload, member_at(payload, out), answer);
    return NULL;
  }
  GString *text = g_string_new(NULL);
  gboolean location = is_s3(service) && !strcmp(operation->name, "GetBucketLocation");
  if (location) { /* the one answer whose root is a scalar */
    const char *region = *(const char *const *) member_at(operation->output->members, out);
    begin_document(service, "LocationConstraint", NULL, text);
    xml_escape(text, region ? region : "");
    g_string_append(text, "</LocationConstraint>");
  } else if (has_body_members(operation->output)) {
    begin_document(service, root_name(service, operation), NULL, text);
    members_write_xml(arena, operation->output, out, text);
    g_string_append_printf(text, "</%s>", root_name(service, operation));
  }
  if (text->len)
    answer_header(answer, arena, "Content-Type", is_s3(service) ? "application/xml" : "text/xml");
  answer_body(answer, text);
  return NULL;
}

static void
encode_fields(const ErrorAnswer *error, GString *text)
{
  for (guint i = 0; error->fields && i + 1 < error->fields->len; i += 2)
    xml_element(text, error->fields->pdata[i], error->fields->pdata[i + 1]);
}

static void
encode_error(const ServiceModel *service, const OperationModel *operation, Arena *arena, const ErrorAnswer *error, const char *request_id,
             WireAnswer *answer)
{
  gboolean s3 = is_s3(service);
  GString *text = g_string_new(s3 ? "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>" : "<?xml version=\"1.0\"?>\n<ErrorResponse");
  if (!s3) {
    if (service && service->xml_uri)
      g_string_append_printf(text, " xmlns=\"%s\"", service->xml_uri);
    g_string_append(text, "><Error>");
    xml_element(text, "Type", error->fault ? "Receiver" : "Sender");
  }
  xml_element(text, "Code", error->shape && error->shape->error_code ? error->shape->error_code : error->code);
  xml_element(text, "Message", error->message);
  encode_fields(error, text);
  if (!s3)
    g_string_append(text, "</Error>");
  xml_element(text, "RequestId", request_id);
  if (s3)
    xml_element(text, "HostId", string_map_get(&answer->headers, "x-amz-id-2"));
  g_string_append(text, s3 ? "</Error>" : "</ErrorResponse>");
  if (answer->status == 304 || answer->status == 204) {
    g_string_free(text, TRUE);
    answer->body = g_byte_array_new();
    return;
  }
  answer_header(answer, arena, "Content-Type", s3 ? "application/xml" : "text/xml");
  answer_body(answer, text);
}

const ProtocolCodec rest_xml_codec = {.decode = decode, .encode = encode, .encode_error = encode_error};
