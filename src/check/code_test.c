/* What the lexers of Python and JavaScript see, and whether it runs when the module is loaded. */
#include <string.h>

#include "check/model.h"

/* "secretsmanager client 2 module; dynamodb PutItem 5 handler; ..." (transfer full). */
static char *
facts(const Code *code)
{
  g_autoptr(GString) out = g_string_new(NULL);
  for (gsize i = 0; i < code->n_clients; i++)
    g_string_append_printf(out, "%s client %u %s; ", code->clients[i].service->sdk, code->clients[i].line, code->clients[i].module_level ? "module" : "handler");
  for (gsize i = 0; i < code->n_calls; i++)
    g_string_append_printf(out, "%s %s %u %s; ", code->calls[i].service ? code->calls[i].service->sdk : "database", code->calls[i].action,
                           code->calls[i].line, code->calls[i].module_level ? "module" : "handler");
  for (gsize i = 0; i < code->n_hosts; i++)
    g_string_append_printf(out, "host %s %u; ", code->hosts[i].host, code->hosts[i].line);
  if (code->connect_timeout)
    g_string_append_printf(out, "connects in %d s; ", (int) code->connect_timeout);
  return g_string_free(g_steal_pointer(&out), FALSE);
}

typedef struct Case { const char *text, *facts; } Case;

static void
compare(const Case *cases, gsize n, void (*reader)(Arena *, const char *, gsize, const char *, guint, Code *))
{
  for (gsize i = 0; i < n; i++) {
    g_autoptr(Arena) arena = arena_new();
    Code code = { 0 };
    reader(arena, cases[i].text, strlen(cases[i].text), "f", 1, &code);
    g_autofree char *seen = facts(&code);
    g_assert_cmpstr(seen, ==, cases[i].facts);
  }
}

static void
test_python(void)
{
  static const Case cases[] = {
    { "import boto3\ns3 = boto3.client('s3')\n", "s3 client 2 module; " },
    { "def handler(event, context):\n  s3 = boto3.client('s3')\n  s3.put_object(Bucket='b')\n", "s3 client 2 handler; s3 PutObject 3 handler; " },
    { "s = boto3.client(\"secretsmanager\")\nP = s.get_secret_value(SecretId='x')['SecretString']\n",
      "secretsmanager client 1 module; secretsmanager GetSecretValue 2 module; " },
    { "try:\n  t = boto3.resource('dynamodb').Table('t')\n  t.load()\nexcept Exception:\n  pass\n", "dynamodb client 2 module; dynamodb Load 3 module; " },
    { "class A:\n  c = boto3.client('sqs')\n  def f(self):\n    c.send_message()\n", "sqs client 2 module; sqs SendMessage 4 handler; " },
    { "f = lambda: boto3.client('kms')\ng = boto3.client('sns')\n", "kms client 1 handler; sns client 2 module; " },
    { "if __name__ == '__main__':\n  boto3.client('s3').list_buckets()\n", "s3 client 2 handler; " },
    { "# boto3.client('s3')\n\"\"\"\nboto3.client('s3')\n\"\"\"\n'boto3.client(\"s3\")'\n", "" },
    { "import pymysql\nc = pymysql.connect(host='x')\n", "database connect 2 module; " },
    { "c = boto3.client('s3', config=Config(connect_timeout=5))\n", "s3 client 1 module; connects in 5 s; " },
    { "def h(e, c):\n  requests.get('https://api.shop.test/v1')\n  print(f'https://no.call')\nu = 'https://alone.test'\n",
      "host api.shop.test 2; " },
    { "c = boto3.client('nonsense')\nc.get()\n", "" },
    { "async def h(e, c):\n  x = boto3.client('s3')\n\ny = boto3.client('ssm')\n", "s3 client 2 handler; ssm client 4 module; " },
    { "c = boto3.client('s3')\nurl = c.generate_presigned_url('get_object')\nw = c.get_waiter('x')\n", "s3 client 1 module; " },
    { "def h(e, c):\n  x = f(\n    1\n  ).g(boto3.client('s3'))\n", "s3 client 4 handler; " },   /* no new line begins behind the bracket */
    { "c = boto3.client(r's3')\nd = {'a': 1.5, 'b': \"\"\"x\ny\"\"\"}; boto3.client('sns')\n", "s3 client 1 module; sns client 3 module; " },
    { "c = (\n    boto3\n  .client('s3')\n)\n", "s3 client 3 module; " },
  };
  compare(cases, G_N_ELEMENTS(cases), python_read);
}

static void
test_javascript(void)
{
  static const Case cases[] = {
    { "const c = new S3Client({});\n", "s3 client 1 module; " },
    { "exports.handler = async (event) => {\n  const c = new S3Client({});\n  await c.send(new PutObjectCommand({}));\n};\n",
      "s3 client 2 handler; s3 PutObject 3 handler; " },
    { "const c = new SecretsManagerClient({});\nconst s = await c.send(new GetSecretValueCommand({}));\n",
      "secretsmanager client 1 module; secretsmanager GetSecretValue 2 module; " },
    { "const AWS = require('aws-sdk');\nconst d = new AWS.DynamoDB.DocumentClient();\nfunction f() { return d.put({}).promise(); }\n",
      "dynamodb client 2 module; dynamodb Put 3 handler; " },
    { "const f = () => new SQSClient({})\nconst g = new SNSClient({})\n", "sqs client 1 handler; sns client 2 module; " },
    { "// new S3Client()\n/* new S3Client() */ const t = `new S3Client() ${a + '}'}`;\nconst r = /new S3Client\\(/;\n", "" },
    { "if (process.env.X) { const c = new KMSClient({}); }\n", "kms client 1 module; " },
    { "class A { make() { return new SSMClient({}); } }\nconst k = new STSClient({});\n", "ssm client 1 handler; sts client 2 module; " },
    { "const h = async (e) => fetch('https://api.shop.test/v1');\nconst u = 'https://alone.test';\n", "host api.shop.test 1; " },
    { "const base = new DynamoDBClient({ requestHandler: { connectionTimeout: 3000 } });\nconst d = DynamoDBDocumentClient.from(base);\n"
      "d.send(command);\n", "dynamodb client 1 module; dynamodb send 3 module; connects in 3 s; " },
    { "const c = await mysql.createConnection({});\n", "database createConnection 1 module; " },
    { "const s = new Set();\nconst e = new LambdaError('x');\n", "" },
  };
  compare(cases, G_N_ELEMENTS(cases), javascript_read);
}

static void
test_patterns(void)
{
  g_assert_true(patterns_overlap("s3:*", "s3:PutObject", TRUE));
  g_assert_true(patterns_overlap("S3:putobject", "s3:PutObject", TRUE));
  g_assert_true(patterns_overlap("arn:aws:s3:::a*/x", "arn:aws:s3:::ab/*", FALSE));
  g_assert_true(patterns_overlap("*", "", FALSE));
  g_assert_false(patterns_overlap("s3:Get*", "s3:Put*", TRUE));
  g_assert_false(patterns_overlap("arn:aws:s3:::a/*", "arn:aws:s3:::b/*", FALSE));
  g_assert_false(patterns_overlap("a?", "a", FALSE));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/check/code/python", test_python);
  g_test_add_func("/check/code/javascript", test_javascript);
  g_test_add_func("/check/patterns", test_patterns);
  return g_test_run();
}
