/* EC2's own form of the query protocol: other names, lists without "member", answers without wrapper. */
#include "wire/form.h"

static Error *
decode(const ServiceModel *service, const OperationModel *operation, Arena *arena, const WireRequest *request, void *in)
{
  FormNode *root = NULL;
  TRY(form_tree(arena, request, &root));
  return members_from_form(arena, operation->input, root, TRUE, in);
}

static Error *
encode(const ServiceModel *service, const OperationModel *operation, Arena *arena, const void *out, const char *request_id, WireAnswer *answer)
{
  GString *text = g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
  const char *version = service->api_version ? service->api_version : "2016-11-15";
  g_string_append_printf(text, "<%sResponse xmlns=\"%s\">", operation->name,
                         service->xml_uri ? service->xml_uri : arena_printf(arena, "http://ec2.amazonaws.com/doc/%s/", version));
  xml_element(text, "requestId", request_id);
  members_write_xml(arena, operation->output, out, text);
  g_string_append_printf(text, "</%sResponse>", operation->name);
  answer_header(answer, arena, "Content-Type", "text/xml;charset=UTF-8");
  answer_body(answer, text);
  return NULL;
}

static void
encode_error(const ServiceModel *service, const OperationModel *operation, Arena *arena, const ErrorAnswer *error, const char *request_id,
             WireAnswer *answer)
{
  GString *text = g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>");
  xml_element(text, "Code", error->code);
  xml_element(text, "Message", error->message);
  g_string_append(text, "</Error></Errors>");
  xml_element(text, "RequestID", request_id);
  g_string_append(text, "</Response>");
  answer_header(answer, arena, "Content-Type", "text/xml;charset=UTF-8");
  answer_body(answer, text);
}

const ProtocolCodec ec2_codec = {.decode = decode, .encode = encode, .encode_error = encode_error};
