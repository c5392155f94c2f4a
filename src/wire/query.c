/* The query protocol: form in, XML out. */
#include "wire/form.h"

static Error *
decode(const ServiceModel *service, const OperationModel *operation, Arena *arena, const WireRequest *request, void *in)
{
  FormNode *root = NULL;
  TRY(form_tree(arena, request, &root));
  return members_from_form(arena, operation->input, root, FALSE, in);
}

static Error *
encode(const ServiceModel *service, const OperationModel *operation, Arena *arena, const void *out, const char *request_id, WireAnswer *answer)
{
  GString *text = g_string_sized_new(512);
  g_string_append_printf(text, "<%sResponse xmlns=\"%s\">", operation->name, service->xml_uri ? service->xml_uri : "");
  if (operation->result_wrapper)
    g_string_append_printf(text, "<%s>", operation->result_wrapper);
  members_write_xml(arena, operation->output, out, text);
  if (operation->result_wrapper)
    g_string_append_printf(text, "</%s>", operation->result_wrapper);
  g_string_append_printf(text, "<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>", request_id, operation->name);
  answer_header(answer, arena, "Content-Type", "text/xml");
  answer_body(answer, text);
  return NULL;
}

static void
encode_error(const ServiceModel *service, const OperationModel *operation, Arena *arena, const ErrorAnswer *error, const char *request_id,
             WireAnswer *answer)
{
  GString *text = g_string_new("<ErrorResponse");
  if (service && service->xml_uri)
    g_string_append_printf(text, " xmlns=\"%s\"", service->xml_uri);
  g_string_append(text, "><Error>");
  xml_element(text, "Type", error->fault ? "Receiver" : "Sender");
  xml_element(text, "Code", error->shape && error->shape->error_code ? error->shape->error_code : error->code);
  xml_element(text, "Message", error->message);
  for (guint i = 0; error->fields && i + 1 < error->fields->len; i += 2)
    xml_element(text, error->fields->pdata[i], error->fields->pdata[i + 1]);
  g_string_append(text, "</Error>");
  xml_element(text, "RequestId", request_id);
  g_string_append(text, "</ErrorResponse>");
  answer_header(answer, arena, "Content-Type", "text/xml");
  answer_body(answer, text);
}

const ProtocolCodec query_codec = {.decode = decode, .encode = encode, .encode_error = encode_error};
