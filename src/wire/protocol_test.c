#include "wire/test_shapes.h"
#include <string.h>

static TestInput *
decoded(Arena *arena, Protocol protocol, const char *body)
{
  WireRequest request = {.method = "POST", .path = "/", .query = "", .body = (const guint8 *) body, .body_size = strlen(body)};
  TestInput *input = ARENA_NEW(arena, TestInput);
  Error *error = wire_decode(protocol, &test_service, &test_operation, arena, &request, input);
  g_assert_null(error);
  return input;
}

static void
check_input(const TestInput *input)
{
  g_assert_cmpstr(input->TableName, ==, "orders");
  g_assert_cmpint(input->Limit.v, ==, 7);
  g_assert_cmpuint(input->Flat.n, ==, 2);
  g_assert_cmpstr(input->Flat.v[1], ==, "b c");
  g_assert_cmpuint(input->Items.n, ==, 1);
  g_assert_cmpstr(input->Items.v[0]->Name, ==, "x");
  g_assert_cmpstr(string_map_get(&input->Items.v[0]->Labels, "k"), ==, "v");
  g_assert_nonnull(input->Token);
}

static void
test_decode(void)
{
  g_autoptr(Arena) arena = arena_new();
  check_input(decoded(arena, PROTOCOL_JSON, "{\"TableName\":\"orders\",\"Limit\":7,\"Flat\":[\"a\",\"b c\"],\"Mode\":null,"
                                            "\"Items\":[{\"Name\":\"x\",\"Labels\":{\"k\":\"v\"}}],\"New\":{}}"));
  check_input(decoded(arena, PROTOCOL_REST_JSON, "{\"TableName\":\"orders\",\"Limit\":7,\"Flat\":[\"a\",\"b c\"],"
                                                 "\"Items\":[{\"Name\":\"x\",\"Labels\":{\"k\":\"v\"}}]}"));
  check_input(decoded(arena, PROTOCOL_QUERY, "Action=PutThing&TableName=orders&Limit=7&Flat.2=b+c&Flat.1=a&Items.member.1.Name=x"
                                             "&Items.member.1.Labels.entry.1.key=k&Items.member.1.Labels.entry.1.value=v"));
  check_input(decoded(arena, PROTOCOL_EC2, "Action=PutThing&TableName=orders&Limit=7&Flat.2=b%20c&Flat.1=a&Items.1.Name=x"
                                           "&Items.1.Labels.1.key=k&Items.1.Labels.1.value=v"));
  check_input(decoded(arena, PROTOCOL_REST_XML, "<?xml version=\"1.0\"?><In xmlns=\"urn:x\"><TableName>orders</TableName><Limit> 7 </Limit><Flat>a</Flat>"
                                                "<Flat>b c</Flat><Items><member><Name>x</Name><Labels><entry><key>k</key><value>v</value>"
                                                "</entry></Labels></member></Items></In>"));
}

static char *
encoded(Arena *arena, Protocol protocol)
{
  TestItem out = {.Name = "a<b", .Count = OPT_INT(3), .On = OPT_BOOL(TRUE), .At = OPT_TIME(1422776343000)};
  LIST_APPEND(arena, &out.Tags, "t");
  MAP_SET(arena, &out.Labels, "k", "v");
  WireAnswer answer = {0};
  g_assert_null(wire_encode(protocol, &test_service, &test_operation, arena, &out, "req-1", &answer));
  g_assert_cmpint(answer.status, ==, 200);
  g_assert_cmpstr(string_map_get(&answer.headers, "x-amzn-RequestId"), ==, "req-1");
  char *text = arena_strndup(arena, (char *) answer.body->data, answer.body->len);
  wire_answer_clear(&answer);
  return text;
}

#define MEMBERS_XML                                                                                                                     \
  "<Name>a&lt;b</Name><Count>3</Count><On>true</On><At>2015-02-01T07:39:03.000Z</At><Tags><member>t</member></Tags>"                   \
  "<Labels><entry><key>k</key><value>v</value></entry></Labels>"

static void
test_encode(void)
{
  g_autoptr(Arena) arena = arena_new();
  const char *json = "{\"Name\":\"a<b\",\"Count\":3,\"On\":true,\"At\":1422776343,\"Tags\":[\"t\"],\"Labels\":{\"k\":\"v\"}}";
  g_assert_cmpstr(encoded(arena, PROTOCOL_JSON), ==, json);
  g_assert_cmpstr(encoded(arena, PROTOCOL_REST_JSON), ==, json);
  g_assert_cmpstr(encoded(arena, PROTOCOL_QUERY), ==,
                  "<PutThingResponse xmlns=\"https://test.amazonaws.com/doc/2012-01-01/\"><PutThingResult>" MEMBERS_XML
                  "</PutThingResult><ResponseMetadata><RequestId>req-1</RequestId></ResponseMetadata></PutThingResponse>");
  g_assert_cmpstr(encoded(arena, PROTOCOL_EC2), ==,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PutThingResponse xmlns=\"https://test.amazonaws.com/doc/2012-01-01/\">"
                  "<requestId>req-1</requestId>" MEMBERS_XML "</PutThingResponse>");
  g_assert_cmpstr(encoded(arena, PROTOCOL_REST_XML), ==,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Item xmlns=\"https://test.amazonaws.com/doc/2012-01-01/\">" MEMBERS_XML "</Item>");
}

static char *
encoded_error(Arena *arena, Protocol protocol, Error *owned, int *ret_status)
{
  g_autoptr(Error) error = owned;
  WireAnswer answer = {0};
  wire_encode_error(protocol, &test_service, &test_operation, arena, error, "req-1", &answer);
  *ret_status = answer.status;
  char *text = arena_strndup(arena, (char *) answer.body->data, answer.body->len);
  wire_answer_clear(&answer);
  return text;
}

static void
test_errors(void)
{
  static const struct {
    Protocol protocol;
    const char *text;
  } rows[] = {
    {PROTOCOL_JSON, "{\"__type\":\"NoSuchThing\",\"message\":\"No \\\"x\\\"\"}"},
    {PROTOCOL_REST_JSON, "{\"message\":\"No \\\"x\\\"\"}"},
    {PROTOCOL_QUERY, "<ErrorResponse xmlns=\"https://test.amazonaws.com/doc/2012-01-01/\"><Error><Type>Sender</Type><Code>NoSuchThing</Code>"
                     "<Message>No &quot;x&quot;</Message></Error><RequestId>req-1</RequestId></ErrorResponse>"},
    {PROTOCOL_EC2, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>NoSuchThing</Code><Message>No &quot;x&quot;"
                   "</Message></Error></Errors><RequestID>req-1</RequestID></Response>"},
  };
  g_autoptr(Arena) arena = arena_new();
  int status = 0;
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_assert_cmpstr(encoded_error(arena, rows[i].protocol, error_answer("NoSuchThing", "No \"x\""), &status), ==, rows[i].text);
    g_assert_cmpint(status, ==, 400);
  }
  g_assert_cmpstr(encoded_error(arena, PROTOCOL_JSON, error_fault("disk full"), &status), ==,
                  "{\"__type\":\"InternalFailure\",\"message\":\"We encountered an internal error. Please try again.\"}");
  g_assert_cmpint(status, ==, 500);
  Error *breach = error_answer("ValidationException", "1 validation error detected: Value null at 'vpcId' failed to satisfy constraint: "
                                                      "Member must not be null");
  g_assert_nonnull(strstr(encoded_error(arena, PROTOCOL_EC2, breach, &status),
                          "<Code>MissingParameter</Code><Message>The request must contain the parameter VpcId</Message>"));
}

/* -- URIs ---------------------------------------------------------------------------------------------------------------------------- */

static const Shape empty = {.name = "Empty", .type = SHAPE_STRUCTURE, .size = 1};
static const Member part_members[] = {
  {.name = "UploadId", .wire = "uploadId", .shape = &test_string, .location = LOCATION_QUERY, .flags = MEMBER_REQUIRED},
};
static const Shape part_input = {.name = "Part", .type = SHAPE_STRUCTURE, .size = sizeof(char *), .members = part_members, .n_members = 1};
static const Member copy_members[] = {
  {.name = "CopySource", .wire = "x-amz-copy-source", .shape = &test_string, .location = LOCATION_HEADER, .flags = MEMBER_REQUIRED},
};
static const Shape copy_input = {.name = "Copy", .type = SHAPE_STRUCTURE, .size = sizeof(char *), .members = copy_members, .n_members = 1};
static const OperationModel models[] = {
  {.name = "ListBuckets", .method = "GET", .uri = "/", .input = &empty},
  {.name = "ListObjects", .method = "GET", .uri = "/{Bucket}", .input = &empty},
  {.name = "ListObjectsV2", .method = "GET", .uri = "/{Bucket}?list-type=2", .input = &empty},
  {.name = "GetBucketAcl", .method = "GET", .uri = "/{Bucket}?acl", .input = &empty},
  {.name = "GetObject", .method = "GET", .uri = "/{Bucket}/{Key+}", .input = &empty},
  {.name = "PutObject", .method = "PUT", .uri = "/{Bucket}/{Key+}", .input = &empty},
  {.name = "UploadPart", .method = "PUT", .uri = "/{Bucket}/{Key+}", .input = &part_input},
  {.name = "CopyObject", .method = "PUT", .uri = "/{Bucket}/{Key+}", .input = &copy_input},
  {.name = "GetRole", .method = "GET", .uri = "/v1/roles/{Name}/tags", .input = &empty},
};

static const char *
routed(Arena *arena, const char *method, const char *path, const char *query, gboolean copy, StringMap *labels)
{
  StringMap headers = {0};
  const char *best = "none";
  int points = -1;
  if (copy)
    MAP_SET(arena, &headers, "x-amz-copy-source", "a/b");
  else
    MAP_SET(arena, &headers, "host", "x");
  for (guint i = 0; i < G_N_ELEMENTS(models); i++) {
    StringMap found = {0};
    WireRequest request = {.method = method, .path = path, .query = query, .headers = &headers};
    int score = wire_uri_match(models + i, &request, arena, &found);
    if (score > points) {
      points = score;
      best = models[i].name;
      *labels = found;
    }
  }
  return best;
}

static void
test_uri(void)
{
  static const struct {
    const char *method, *path, *query;
    gboolean copy;
    const char *operation, *key;
  } rows[] = {
    {"GET", "/", "", FALSE, "ListBuckets", NULL},
    {"GET", "/b", "", FALSE, "ListObjects", NULL},
    {"GET", "/b/", "prefix=list-type", FALSE, "ListObjects", NULL},
    {"GET", "/b", "list-type=2&prefix=", FALSE, "ListObjectsV2", NULL},
    {"GET", "/b/", "acl", FALSE, "GetBucketAcl", NULL},
    {"GET", "/b/k%20x/y", "", FALSE, "GetObject", "k x/y"},
    {"GET", "/b//y/", "", FALSE, "GetObject", "/y/"},
    {"GET", "/b/a+b", "", FALSE, "GetObject", "a+b"},
    {"PUT", "/b/k", "", FALSE, "PutObject", "k"},
    {"PUT", "/b/k", "partNumber=1&uploadId=x", FALSE, "UploadPart", "k"},
    {"PUT", "/b/k", "", TRUE, "CopyObject", "k"},
    {"GET", "/v1/roles/r/tags", "", FALSE, "GetRole", NULL},
    {"DELETE", "/b", "", FALSE, "none", NULL},
    {"GET", "/b/%zz", "", FALSE, "none", NULL},
  };
  g_autoptr(Arena) arena = arena_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    StringMap labels = {0};
    g_assert_cmpstr(routed(arena, rows[i].method, rows[i].path, rows[i].query, rows[i].copy, &labels), ==, rows[i].operation);
    g_assert_cmpstr(string_map_get(&labels, "Key"), ==, rows[i].key);
  }
}

static void
test_xml(void)
{
  static const char *const bad[] = {"", "<a>", "<a></b>", "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "text"};
  g_autoptr(Arena) arena = arena_new();
  XmlNode *root = NULL;
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(Error) error = xml_parse(arena, bad[i], strlen(bad[i]), &root);
    g_assert_true(error_is(error, "MalformedXML"));
  }
  g_autoptr(GString) deep = g_string_new(NULL);
  for (int i = 0; i < 100; i++)
    g_string_append(deep, "<a>");
  g_autoptr(Error) error = xml_parse(arena, deep->str, deep->len, &root);
  g_assert_true(error_is(error, "MalformedXML"));
  g_assert_null(xml_parse(arena, "<x:a b='1'>t&amp;u<c/>v</x:a>", 29, &root));
  g_assert_cmpstr(root->name, ==, "a");
  g_assert_cmpstr(root->text, ==, "t&uv");
  g_assert_cmpstr(root->attributes->value, ==, "1");
  g_assert_nonnull(xml_child(root, "c"));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/protocol/decode", test_decode);
  g_test_add_func("/protocol/encode", test_encode);
  g_test_add_func("/protocol/errors", test_errors);
  g_test_add_func("/protocol/uri", test_uri);
  g_test_add_func("/protocol/xml", test_xml);
  return g_test_run();
}
