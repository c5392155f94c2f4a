/* Patterns of paths, parts of queries and cookies, ranges, freshness: what needs nothing but its arguments. */
#include "services/cloudfront/cloudfront.h"

#include <stdio.h>
#include <string.h>

/* --- headers --- */

const char *
header_get(const HeaderList *headers, const char *name)
{
  for (gsize i = 0; i < headers->n; i++)
    if (!g_ascii_strcasecmp(headers->v[i].key, name))
      return headers->v[i].value;
  return NULL;
}

void
header_add(Arena *arena, HeaderList *headers, const char *name, const char *value)
{
  const StringMapEntry entry = {name, value};
  LIST_APPEND(arena, headers, entry);
}

void
header_remove(HeaderList *headers, const char *name)
{
  gsize kept = 0;
  for (gsize i = 0; i < headers->n; i++)
    if (g_ascii_strcasecmp(headers->v[i].key, name))
      headers->v[kept++] = headers->v[i];
  headers->n = kept;
}

void
header_set(Arena *arena, HeaderList *headers, const char *name, const char *value)
{
  header_remove(headers, name);
  header_add(arena, headers, name, value);
}

/* --- paths: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesCacheBehavior.html --- */

gboolean
path_matches(const char *pattern, const char *path)
{
  return text_glob(*pattern == '/' ? pattern + 1 : pattern, *path == '/' ? path + 1 : path);
}

/* --- queries and cookies --- */

static gboolean
selected(Selection selection, const StringList *names, const char *name, gboolean globs)
{
  if (selection == SELECT_NONE || selection == SELECT_ALL)
    return selection == SELECT_ALL;
  gboolean found = FALSE;
  for (gsize i = 0; names && i < names->n && !found; i++)
    found = globs ? text_glob(names->v[i], name) : !strcmp(names->v[i], name);
  return found == (selection == SELECT_LISTED);
}

char *
query_select(Arena *arena, const char *query, Selection selection, const StringList *names)
{
  g_autoptr(GString) out = g_string_new(NULL);
  g_auto(GStrv) parts = g_strsplit(query, "&", -1);
  for (guint i = 0; parts[i]; i++) {
    g_autofree char *raw = g_strndup(parts[i], strcspn(parts[i], "="));
    const char *name = text_uri_decode(arena, raw, TRUE);
    if (*parts[i] && selected(selection, names, name ? name : raw, FALSE))
      g_string_append_printf(out, "%s%s", out->len ? "&" : "", parts[i]);
  }
  return arena_strndup(arena, out->str, out->len);
}

static int
compare_texts(gconstpointer a, gconstpointer b)
{
  return strcmp(*(const char *const *) a, *(const char *const *) b);
}

char *
cookies_select(Arena *arena, const char *header, Selection selection, const StringList *names)
{
  g_autoptr(GPtrArray) kept = g_ptr_array_new();
  g_auto(GStrv) parts = g_strsplit(header ? header : "", ";", -1);
  for (guint i = 0; parts[i]; i++) {
    char *cookie = g_strstrip(parts[i]);
    g_autofree char *name = g_strndup(cookie, strcspn(cookie, "="));
    if (*cookie && selected(selection, names, name, TRUE))
      g_ptr_array_add(kept, cookie);
  }
  if (!kept->len)
    return NULL;
  g_ptr_array_sort(kept, compare_texts);
  return text_join(arena, "; ", (const char *const *) kept->pdata, kept->len);
}

/* --- freshness --- */

/* A directive of Cache-Control; *ret_seconds: its number. */
static gboolean
directive(const char *header, const char *name, gint64 *ret_seconds)
{
  g_auto(GStrv) parts = g_strsplit(header ? header : "", ",", -1);
  gsize size = strlen(name);
  for (guint i = 0; parts[i]; i++) {
    const char *part = g_strstrip(parts[i]);
    if (g_ascii_strncasecmp(part, name, size) || (part[size] && part[size] != '='))
      continue;
    if (ret_seconds && part[size] == '=') {
      const char *number = part + size + 1 + (part[size + 1] == '"');
      *ret_seconds = CLAMP(g_ascii_strtoll(number, NULL, 10), 0, G_MAXINT32);
    }
    return TRUE;
  }
  return FALSE;
}

static gint64
http_time(const char *text)
{
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  int day = 0, year = 0, hour = 0, minute = 0, second = 0;
  char month[4] = "";
  if (!text || sscanf(text, "%*3s, %d %3s %d %d:%d:%d", &day, month, &year, &hour, &minute, &second) != 6)
    return -1;
  const char *at = strstr(months, month);
  if (!at || strlen(month) != 3)
    return -1;
  g_autoptr(GDateTime) time = g_date_time_new_utc(year, (int) (at - months) / 3 + 1, day, hour, minute, second);
  return time ? g_date_time_to_unix(time) * 1000 : -1;
}

Freshness
freshness_of(const HeaderList *headers, const TtlRange *range, gint64 now_ms)
{
  const char *control = header_get(headers, "Cache-Control"), *expires = header_get(headers, "Expires");
  gint64 seconds = range->normal;
  gboolean refused = directive(control, "no-store", NULL) || directive(control, "no-cache", NULL) || directive(control, "private", NULL);
  if (refused)
    seconds = 0;
  else if (!directive(control, "s-maxage", &seconds) && !directive(control, "max-age", &seconds) && expires)
    seconds = MAX(0, (http_time(expires) - now_ms) / 1000);
  seconds = MAX(MIN(seconds, range->max), range->min);
  return (Freshness) {.ttl_ms = seconds * 1000, .keep = seconds > 0 || (!refused && range->max > 0)};
}

/* --- ranges --- */

gboolean
byte_range(const char *header, gsize size, gsize *ret_from, gsize *ret_size, gboolean *ret_bad)
{
  static const char unit[] = "bytes=";
  *ret_bad = FALSE;
  if (!header || g_ascii_strncasecmp(header, unit, strlen(unit)) || strchr(header, ','))
    return FALSE;
  const char *at = header + strlen(unit), *dash = strchr(at, '-');
  guint64 first = 0, last = 0;
  if (!dash)
    return FALSE;
  g_autofree char *from = g_strndup(at, (gsize) (dash - at));
  gboolean has_first = g_ascii_string_to_unsigned(from, 10, 0, G_MAXINT64, &first, NULL);
  gboolean has_last = g_ascii_string_to_unsigned(dash + 1, 10, 0, G_MAXINT64, &last, NULL);
  if ((!has_first && *from) || (!has_last && dash[1]) || (!has_first && !has_last) || (has_first && has_last && last < first))
    return FALSE;
  if (!has_first) { /* the last n bytes */
    first = last < size ? size - last : 0;
    *ret_bad = last == 0 || size == 0;
    last = size ? size - 1 : 0;
  } else {
    *ret_bad = first >= size;
    last = has_last && last < size ? last : size ? size - 1 : 0;
  }
  *ret_from = (gsize) first;
  *ret_size = *ret_bad ? 0 : (gsize) (last - first + 1);
  return TRUE;
}
