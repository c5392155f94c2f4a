#include "services/s3/post_policy.h"

#include <string.h>

static const char type[] = "multipart/form-data; boundary=xx";

#define PART(name, value) "--xx\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"
#define FILE_PART(name, value) "--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" name "\"\r\nContent-Type: text/plain\r\n\r\n" value "\r\n"
#define END "--xx--\r\n"

static Error *
parse(Arena *arena, const char *content_type, const char *body, Form *form)
{
  return form_parse(arena, content_type, (const guint8 *) body, strlen(body), form);
}

static void
test_form(void)
{
  g_autoptr(Arena) arena = arena_new();
  Form form = {0};
  const char *body = PART("key", "a/${filename}") PART("Empty", "") FILE_PART("C:\\\\x\\\\a b.txt", "by\r\n--x\r\ntes") PART("after", "no") END;
  g_autoptr(Error) error = parse(arena, type, body, &form);
  g_assert_null(error);
  g_assert_cmpuint(form.n, ==, 2);
  g_assert_cmpstr(form_value(&form, "KEY"), ==, "a/${filename}");
  g_assert_cmpstr(form_value(&form, "empty"), ==, "");
  g_assert_null(form_value(&form, "after"));
  g_assert_true(form.has_file);
  g_assert_cmpstr(form.file_name, ==, "a b.txt");
  g_assert_cmpstr(form.file_type, ==, "text/plain");
  g_assert_cmpmem(form.file, form.file_size, "by\r\n--x\r\ntes", strlen("by\r\n--x\r\ntes"));
  g_autoptr(Error) none = parse(arena, "multipart/form-data; charset=utf-8; boundary=\"xx\"", PART("key", "k") FILE_PART("", "") END, &form);
  g_assert_null(none);
  g_assert_cmpuint(form.file_size, ==, 0);
}

static void
test_malformed(void)
{
  static const char *const bodies[] = {
      "", "--xx", "--xx\r\n", "--yy\r\n" END, "--xx\r\nno header\r\n\r\nv\r\n" END, "--xx\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nv",
      "--xx\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nv\r\n" END, "--xx\r\nContent-Disposition: form-data\r\n\r\nv\r\n" END};
  g_autoptr(Arena) arena = arena_new();
  Form form;
  for (gsize i = 0; i < G_N_ELEMENTS(bodies); i++) {
    g_autoptr(Error) error = parse(arena, type, bodies[i], &form);
    g_assert_true(error_is(error, "MalformedPOSTRequest"));
  }
  g_autoptr(Error) no_boundary = parse(arena, "multipart/form-data", END, &form);
  g_assert_true(error_is(no_boundary, "MalformedPOSTRequest"));
  g_autofree char *much = g_strnfill(FORM_FIELDS_SIZE_MAX, 'x'), *body = g_strconcat("--xx\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n", much, "\r\n" END, NULL);
  g_autoptr(Error) large = parse(arena, type, body, &form);
  g_assert_true(error_is(large, "MaxPostPreDataLengthExceeded"));
}

typedef struct Case {
  const char *policy, *refusal; /* NULL: it is good */
} Case;

static void
test_policy(void)
{
  static const Case cases[] = {
      {"{\"expiration\":\"2030-01-01T00:00:00Z\",\"conditions\":[{\"bucket\":\"b\"},[\"starts-with\",\"$key\",\"u/\"],[\"eq\",\"$acl\",\"private\"]]}", NULL},
      {"{\"expiration\":\"2030-01-01T00:00:00.000Z\",\"conditions\":[[\"starts-with\",\"$key\",\"\"],{\"ACL\":\"private\"},[\"content-length-range\",1,\"10\"]]}", NULL},
      {"{\"expiration\":\"1999-01-01T00:00:00Z\",\"conditions\":[]}", "Invalid according to Policy: Policy expired."},
      {"{\"conditions\":[]}", "Invalid Policy: Policy missing expiration."},
      {"{\"expiration\":\"2030-01-01T00:00:00Z\"}", "Invalid Policy: Policy missing conditions."},
      {"{\"expiration\":\"soon\",\"conditions\":[]}", "Invalid Policy: Invalid 'expiration' value: 'soon'"},
      {"[]", "Invalid Policy: Invalid JSON."},
      {"{\"expiration\":\"2030-01-01T00:00:00Z\",\"conditions\":[{\"acl\":\"private\"}]}", "Invalid according to Policy: Extra input fields: key"},
      {"{\"expiration\":\"2030-01-01T00:00:00Z\",\"conditions\":[[\"eq\",\"$key\",\"x\"],{\"acl\":\"private\"}]}",
       "Invalid according to Policy: Policy Condition failed: [\"eq\", \"$key\", \"x\"]"},
      {"{\"expiration\":\"2030-01-01T00:00:00Z\",\"conditions\":[[\"starts-with\",\"$key\",\"v/\"],{\"acl\":\"private\"}]}",
       "Invalid according to Policy: Policy Condition failed: [\"starts-with\", \"$key\", \"v/\"]"},
      {"{\"expiration\":\"2030-01-01T00:00:00Z\",\"conditions\":[[\"starts-with\",\"$key\",\"\"],{\"acl\":\"private\"},{\"bucket\":\"other\"}]}",
       "Invalid according to Policy: Policy Condition failed: [\"eq\", \"$bucket\", \"other\"]"},
      {"{\"expiration\":\"2030-01-01T00:00:00Z\",\"conditions\":[[\"ends-with\",\"$key\",\"x\"]]}", "Invalid Policy: Invalid Condition: unsupported operation 'ends-with'."},
      {"{\"expiration\":\"2030-01-01T00:00:00Z\",\"conditions\":[[\"content-length-range\",5,1]]}", "Invalid Policy: Invalid content-length-range."},
  };
  g_autoptr(Arena) arena = arena_new();
  Form form = {0};
  g_autoptr(Error) error = parse(arena, type, PART("key", "u/1") PART("acl", "private") PART("x-ignore-me", "1") PART("policy", "p") FILE_PART("f", "x") END, &form);
  g_assert_null(error);
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    PostPolicyLimits limits;
    const char *policy = text_base64(arena, cases[i].policy, strlen(cases[i].policy));
    g_autoptr(Error) refused = post_policy_check(arena, policy, &form, "b", G_GINT64_CONSTANT(1700000000000), &limits);
    if (g_strcmp0(refused ? refused->message : NULL, cases[i].refusal) != 0)
      g_error("%s: %s", cases[i].policy, refused ? refused->message : "good");
  }
  PostPolicyLimits limits;
  g_autoptr(Error) no_base64 = post_policy_check(arena, "***", &form, "b", 0, &limits);
  g_assert_true(error_is(no_base64, "InvalidPolicyDocument"));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/s3/form/form", test_form);
  g_test_add_func("/s3/form/malformed", test_malformed);
  g_test_add_func("/s3/form/policy", test_policy);
  return g_test_run();
}
