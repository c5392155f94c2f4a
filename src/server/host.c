#include "server/host.h"

#include <string.h>

/* The name without one of the known endings, or NULL. */
static char *
without_ending(Arena *arena, const char *host, gboolean *ret_local)
{
  static const struct {
    const char *ending;
    gboolean local;
  } endings[] = {
      {"vpce.amazonaws.com", FALSE},        {"amazonaws.com", FALSE}, {"api.aws", FALSE},
      {"localhost.localstack.cloud", TRUE}, {"localhost", TRUE},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(endings); i++) {
    const char *ending = endings[i].ending;
    if (strcmp(host, ending) != 0 && !(g_str_has_suffix(host, ending) && host[strlen(host) - strlen(ending) - 1] == '.'))
      continue;
    *ret_local = endings[i].local;
    gsize size = strlen(host) - strlen(ending);
    return arena_strndup(arena, host, size ? size - 1 : 0);
  }
  return NULL;
}

/* "us-east-1", "eu-central-2", "us-gov-west-1" */
static gboolean
is_region(const char *label)
{
  gsize size = strlen(label);
  const char *dash = strchr(label, '-');
  return size >= 8 && g_ascii_isalpha(label[0]) && g_ascii_isalpha(label[1]) && dash == label + 2 && strrchr(label, '-') != dash &&
         g_ascii_isdigit(label[size - 1]);
}

static gboolean
is_s3_label(const char *label)
{
  return strcmp(label, "s3") == 0 || (g_str_has_prefix(label, "s3-") && is_region(label + 3));
}

static char *
join(Arena *arena, char **labels, guint from, guint to)
{
  return to > from ? text_join(arena, ".", (const char *const *) labels + from, to - from) : NULL;
}

/* Looks at the labels before "amazonaws.com", from the right: [prefix.]service[.dualstack][.region] */
static HostName
read_labels(Arena *arena, char **labels, gboolean local)
{
  HostName name = {.local = local};
  guint n = g_strv_length(labels);
  if (n && is_region(labels[n - 1]))
    name.region = arena_strdup(arena, labels[--n]);
  if (n && strcmp(labels[n - 1], "dualstack") == 0)
    n--;
  if (!n)
    return name;
  const char *last = labels[n - 1];
  if (is_s3_label(last)) {
    name.service = "s3";
    if (last[2])
      name.region = arena_strdup(arena, last + 3);
    name.prefix = join(arena, labels, 0, n - 1);
    return name;
  }
  /* "bucket.localhost": no service is named; "dynamodb.localhost" looks the same, the caller decides */
  name.service = arena_strdup(arena, last);
  name.prefix = join(arena, labels, 0, n - 1);
  return name;
}

HostName
host_parse(Arena *arena, const char *host)
{
  HostName name = {0};
  char *rest = without_ending(arena, host, &name.local);
  if (!rest)
    return name;
  g_auto(GStrv) labels = g_strsplit(*rest ? rest : "", ".", 16);
  return read_labels(arena, labels, name.local);
}
