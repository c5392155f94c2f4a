/* code: the text of a function's code, where the template has it or names a folder beside it. */
#include "check/model.h"

#include <string.h>

enum { CODE_FILES_MAX = 200, CODE_FILE_MAX = 512 * 1024, CODE_DEPTH_MAX = 6, FACTS_MAX = 1000 };

#define ADD(list, n, max, Type, item)                               \
  do {                                                              \
    if ((n) >= (max))                                               \
      return;                                                       \
    if (((n) & ((n) - 1)) == 0) {                                   \
      Type *more_ = ARENA_ARRAY(arena, Type, (n) ? (n) * 2 : 1);    \
      if (n)                                                        \
        memcpy(more_, (list), (n) * sizeof(Type));                  \
      (list) = more_;                                               \
    }                                                               \
    (list)[(n)++] = *(item);                                        \
  } while (0)

void
code_add_client(Arena *arena, Code *code, const CodeClient *client)
{
  ADD(code->clients, code->n_clients, FACTS_MAX, CodeClient, client);
}

void
code_add_call(Arena *arena, Code *code, const CodeCall *call)
{
  ADD(code->calls, code->n_calls, FACTS_MAX, CodeCall, call);
}

void
code_add_host(Arena *arena, Code *code, const CodeHost *host)
{
  ADD(code->hosts, code->n_hosts, FACTS_MAX, CodeHost, host);
}

typedef void (*Reader)(Arena *arena, const char *text, gsize size, const char *file, guint first, Code *code);

static Reader
reader_of_runtime(const char *runtime)
{
  if (runtime && g_str_has_prefix(runtime, "python"))
    return python_read;
  return runtime && g_str_has_prefix(runtime, "nodejs") ? javascript_read : NULL;
}

static Reader
reader_of_file(const char *name)
{
  if (g_str_has_suffix(name, ".py"))
    return python_read;
  if (g_str_has_suffix(name, ".js") || g_str_has_suffix(name, ".mjs") || g_str_has_suffix(name, ".cjs") || g_str_has_suffix(name, ".ts"))
    return javascript_read;
  return NULL;
}

typedef struct Folder {
  Check *check;
  Code *code;
  guint files;
} Folder;

static void
read_file(Folder *folder, const char *path, const char *shown)
{
  g_autofree char *text = NULL;
  gsize size = 0;
  Reader reader = reader_of_file(path);
  if (!reader || folder->files >= CODE_FILES_MAX || !g_file_get_contents(path, &text, &size, NULL))
    return;
  folder->files++;
  if (size > CODE_FILE_MAX)
    return;
  folder->code->read = TRUE;
  reader(folder->check->arena, text, size, arena_strdup(folder->check->arena, shown), 1, folder->code);
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
  return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Packages that were installed beside the code are not the function's own. */
static gboolean
is_own(const char *name)
{
  static const char *const others[] = { "node_modules", "site-packages", "boto3", "botocore", "__pycache__", "tests", "test", NULL };
  return name[0] != '.' && !g_strv_contains(others, name) && !g_str_has_suffix(name, ".dist-info");
}

static void
read_folder(Folder *folder, const char *path, const char *shown, guint depth)
{
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  for (const char *name; dir && (name = g_dir_read_name(dir)) != NULL && names->len < CODE_FILES_MAX * 4;)
    g_ptr_array_add(names, g_strdup(name));
  g_ptr_array_sort(names, by_name);
  for (guint i = 0; i < names->len; i++) {
    const char *name = names->pdata[i];
    g_autofree char *child = g_build_filename(path, name, NULL), *shown_child = g_build_filename(shown, name, NULL);
    if (!is_own(name) || g_file_test(child, G_FILE_TEST_IS_SYMLINK))
      continue;
    if (!g_file_test(child, G_FILE_TEST_IS_DIR))
      read_file(folder, child, shown_child);
    else if (depth < CODE_DEPTH_MAX)
      read_folder(folder, child, shown_child, depth + 1);
  }
}

/* How many functions have the same local code. */
static guint
sharers(const Check *check, const char *local)
{
  const Item *item;
  guint n = 0;
  for (guint i = 0; (item = item_next(check, "AWS::Lambda::Function", &i)) != NULL;)
    n += g_strcmp0(item_text(item, "Code"), local) == 0;
  return n;
}

/* Of a folder that is not the function's alone only the handler's file: "orders/create.handler" -> orders/create.py. */
static void
read_handler(Folder *folder, const Item *function, const char *path, const char *shown)
{
  static const char *const suffixes[] = { ".py", ".js", ".mjs", ".cjs", ".ts" };
  const char *handler = item_text(function, "Handler"), *dot = handler ? strrchr(handler, '.') : NULL;
  g_autofree char *module = dot ? g_strndup(handler, (gsize) (dot - handler)) : NULL;
  gboolean python = module && g_str_has_prefix(item_text(function, "Runtime") ? item_text(function, "Runtime") : "", "python");
  for (char *at = module; python && *at; at++)
    *at = *at == '.' ? '/' : *at;
  for (guint i = 0; module && !strstr(module, "..") && i < G_N_ELEMENTS(suffixes); i++) {
    g_autofree char *name = g_strconcat(module, suffixes[i], NULL), *file = g_build_filename(path, name, NULL);
    g_autofree char *shown_file = g_build_filename(shown, name, NULL);
    read_file(folder, file, shown_file);
  }
}

void
code_read(Check *check, const Item *function, Code *ret_code)
{
  const Json *code = json_path(function->resource, "Properties.Code");
  const char *inline_text = item_text(function, "Code.ZipFile"), *local = item_text(function, "Code");
  Reader reader = reader_of_runtime(item_text(function, "Runtime"));
  if (inline_text && reader) {
    const Json *at = item_property(function, "Code.ZipFile");
    ret_code->read = ret_code->inline_text = TRUE;
    reader(check->arena, inline_text, strlen(inline_text), check->request->path, at->line + (check->is_json || !strchr(inline_text, '\n') ? 0 : 1),
           ret_code);
  }
  if (!code || !local || strchr(local, '$') || strstr(local, "://"))
    return;
  Folder folder = { check, ret_code, 0 };
  g_autofree char *path = g_build_filename(check->directory, local, NULL);
  g_autofree char *given_directory = g_path_get_dirname(check->request->path);
  g_autofree char *shown = strcmp(given_directory, ".") == 0 ? g_strdup(local) : g_build_filename(given_directory, local, NULL);
  const char *short_shown = g_str_has_prefix(shown, "./") ? shown + 2 : shown;
  if (!g_file_test(path, G_FILE_TEST_IS_DIR))
    read_file(&folder, path, short_shown);
  else if (sharers(check, local) > 1)
    read_handler(&folder, function, path, short_shown);
  else
    read_folder(&folder, path, short_shown, 0);
}
