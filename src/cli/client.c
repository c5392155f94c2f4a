/* The client of haar's own API. */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { ANSWER_MAX = 64 * 1024 * 1024, CONNECT_MS = 3000 };

/* What the daemon wrote when it was ready: {"pid": N, "port": N}. */
static Json *
read_state(Arena *arena, const char *directory)
{
  g_autofree char *path = g_build_filename(directory, "haar.json", NULL);
  g_autofree char *text = NULL;
  gsize size = 0;
  Json *json = NULL;
  if (!g_file_get_contents(path, &text, &size, NULL))
    return NULL;
  g_autoptr(Error) error = json_parse(arena, text, size, &json);
  return error ? NULL : json;
}

static gint64
number(const Json *json, const char *name)
{
  const Json *value = json_get(json, name);
  return value && value->type == JSON_NUMBER ? g_ascii_strtoll(value->text, NULL, 10) : 0;
}

Daemon
cli_daemon(Arena *arena, const char *data_directory)
{
  g_autofree char *directory = cli_data_directory(data_directory);
  Json *state = read_state(arena, directory);
  const char *endpoint = g_getenv("HAAR_ENDPOINT");
  gint64 port = number(state, "port");
  return (Daemon){
      .url = endpoint && *endpoint ? arena_strdup(arena, endpoint) : arena_printf(arena, "http://127.0.0.1:%d", port ? (int) port : 4566),
      .data_directory = arena_strdup(arena, directory),
      .pid = number(state, "pid"),
  };
}

static size_t
collect(char *data, size_t size, size_t n, void *to)
{
  GString *text = to;
  if (text->len + size * n > ANSWER_MAX)
    return 0;
  g_string_append_len(text, data, (gssize) (size * n));
  return size * n;
}

static CURLcode
perform(const char *url, const char *method, const char *body, GString *answer, long *ret_status, char *message)
{
  CURL *curl = curl_easy_init();
  struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long) CONNECT_MS);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
  if (body)
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
  CURLcode code = curl_easy_perform(curl);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
  return code;
}

Error *
cli_call(Arena *arena, const Daemon *daemon, const char *method, const char *path, const Json *in, Json **ret_out)
{
  g_autoptr(GString) answer = g_string_new(NULL);
  char message[CURL_ERROR_SIZE] = "";
  long status = 0;
  const char *url = arena_printf(arena, "%s/_haar/%s", daemon->url, path);
  const char *body = in ? json_text(arena, in) : strcmp(method, "POST") == 0 ? "{}" : NULL;
  CURLcode code = perform(url, method, body, answer, &status, message);
  if (code == CURLE_COULDNT_CONNECT)
    return error_answer_status(0, "NotRunning", "no haar answers at %s; `haar serve` starts one", daemon->url);
  if (code != CURLE_OK)
    return error_fault("%s: %s", url, *message ? message : curl_easy_strerror(code));
  Json *json = NULL;
  TRY(error_prefix(json_parse(arena, answer->str, answer->len, &json), "%s", url));
  if (status == 200) {
    *ret_out = json;
    return NULL;
  }
  const char *text = json_string(json_get(json, "message")), *name = json_string(json_get(json, "error"));
  return error_answer_status((int) status, name ? name : "Failed", "%s", text ? text : answer->str);
}
