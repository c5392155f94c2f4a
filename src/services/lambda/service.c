#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "services/lambda/url.h"

/* The runtimes are beside the program: in the source tree of a build, or in $prefix/share/haar. Returns: transfer full, or NULL. */
static char *
find_runtimes(void)
{
  static const char *const places[] = {"../runtimes", "../../runtimes", "../share/haar/runtimes"};
  char program[PATH_MAX] = {0};
  if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
    return NULL;
  g_autofree char *directory = g_path_get_dirname(program);
  for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
    g_autofree char *path = g_build_filename(directory, places[i], NULL), *probe = g_build_filename(path, "python/bootstrap.py", NULL);
    if (access(probe, R_OK) == 0)
      return g_canonicalize_filename(path, NULL);
  }
  return NULL;
}

static Error *
start(Haar *haar)
{
  Lambda *lambda = g_new0(Lambda, 1);
  lambda->haar = haar;
  lambda->runtimes = find_runtimes();
  lambda->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  lambda->late = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_mutex_init(&lambda->running);
  g_mutex_init(&lambda->interfaces);
  g_autoptr(Arena) arena = arena_new();
  lambda->download_secret = g_strdup(id_hex(arena, 40));
  haar_set_state(haar, "lambda", lambda);
  prepare_register(haar);
  async_register(haar);
  if (haar->sandboxes && haar->fabric)
    TRY(runtime_new(haar, &lambda->runtime));
  lambda->pool = pool_new(lambda);
  return mappings_start(lambda);
}

static void
halt(Haar *haar)
{
  const Lambda *lambda = haar_state(haar, "lambda");
  if (lambda)
    runtime_halt(lambda->runtime);
}

static void
stop(Haar *haar)
{
  Lambda *lambda = haar_state(haar, "lambda");
  if (!lambda)
    return;
  mappings_stop(lambda);
  pool_free(lambda->pool);
  runtime_free(lambda->runtime);
  g_hash_table_unref(lambda->counts);
  g_hash_table_unref(lambda->late);
  g_mutex_clear(&lambda->running);
  g_mutex_clear(&lambda->interfaces);
  g_free(lambda->runtimes);
  g_free(lambda->download_secret);
  g_free(lambda);
}

static gboolean
serves(Haar *haar, const HttpRequest *request)
{
  return url_is_host(request->host) || download_serves(haar, request);
}

static void
serve(Haar *haar, HttpExchange *exchange)
{
  if (url_is_host(http_request(exchange)->host))
    url_serve(haar, exchange);
  else
    download_serve(haar, exchange);
}

const ServiceHooks lambda_hooks = {.start = start, .halt = halt, .stop = stop, .serves = serves, .serve = serve};
