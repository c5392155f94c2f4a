/* check: a template from its text to its findings. */
#include "check/model.h"
#include "check/sam.h"

#include "stack/yaml.h"

#include <string.h>

/* Values that are transforms haar does not expand, as the template names them; NULL: none. */
static const Json *
foreign_transform(const Json *root)
{
  const Json *transform = json_get(root, "Transform");
  for (guint i = 0; i < list_n(transform); i++) {
    const Json *item = list_at(transform, i);
    const char *name = json_string(item) ? json_string(item) : json_string(json_get(item, "Name"));
    if (name && strcmp(name, "AWS::LanguageExtensions") != 0)
      return item;
  }
  return NULL;
}

/* Whether AWS SAM's is the only transform that haar does not expand as CloudFormation does. */
static gboolean
is_sam(const Json *root)
{
  const Json *transform = json_get(root, "Transform");
  gboolean found = FALSE;
  for (guint i = 0; i < list_n(transform); i++) {
    const char *name = json_string(list_at(transform, i));
    if (!name || (strcmp(name, "AWS::Serverless-2016-10-31") != 0 && strcmp(name, "AWS::LanguageExtensions") != 0))
      return FALSE;
    found = found || strcmp(name, "AWS::LanguageExtensions") != 0;
  }
  return found;
}

static Error *
parse_root(Check *check, Json **ret_root)
{
  const CheckRequest *request = check->request;
  if (check->is_json)
    return json_parse(check->arena, request->text, request->size, ret_root);
  return yaml_parse(check->arena, request->text, request->size, ret_root);
}

static void
tell_transform(Check *check, const Json *transform)
{
  const char *name = json_string(transform) ? json_string(transform) : json_string(json_get(transform, "Name"));
  tell(check, &(Telling){ RULE_NOT_ANALYSED, CERTAINTY_CERTAIN, { NULL, transform },
    arena_printf(check->arena, "nothing was checked: the transform %s makes the template's resources on AWS", name),
    "haar expands AWS::LanguageExtensions, and of AWS::Serverless-2016-10-31 what is known to it", "the transform is in the template",
    NULL });
}

typedef struct Wanted {
  const char *name;
  const Json *at;
} Wanted;

static Error *
look_for(const Reference *reference, gpointer data)
{
  Wanted *wanted = data;
  if (!wanted->at && g_strcmp0(reference->name, wanted->name) == 0)
    wanted->at = reference->at;
  return NULL;
}

/* Where a refusal points to: the line that it names, or the first use of the name in its brackets. NULL: it does not say. */
static const Json *
refused_place(Check *check, const Json *root, const char *message)
{
  const char *line = strstr(message, "(line "), *open = strchr(message, '['), *close = open ? strpbrk(open, ",]") : NULL;
  if (line) {
    Json *place = json_new_null(check->arena);
    place->line = (guint32) g_ascii_strtoull(line + strlen("(line "), NULL, 10);
    return place;
  }
  if (!close)
    return NULL;
  g_autofree char *name = g_strndup(open + 1, (gsize) (close - open) - 1);
  Wanted wanted = { name, NULL };
  g_autoptr(Error) error = template_references(check->arena, root, look_for, &wanted);
  return wanted.at;
}

/* What CloudFormation refuses as a whole: one finding. */
static void
tell_refused(Check *check, const Json *root, const char *message)
{
  tell(check, &(Telling){ RULE_TEMPLATE_REFUSED, CERTAINTY_CERTAIN, { NULL, refused_place(check, root, message) }, "AWS refuses the template",
    arena_strdup(check->arena, message), "CloudFormation's own rules for templates", NULL });
}

static void
run_rules(Check *check)
{
  network_build(check);
  listeners_build(check);
  functions_build(check);
  network_finish(check);
  needs_build(check);
  rules_specification(check);
  rules_network(check);
  rules_groups(check);
  rules_paths(check);
  rules_endpoints(check);
  rules_policies(check);
  rules_denies(check);
  rules_code(check);
}

/* A template of SAM's, expanded as far as it is known what the transform does. */
static Error *
read_sam(Check *check, const Json *root)
{
  StringList left = { 0 };
  g_autoptr(Error) error = template_read(check->arena, sam_expand(check->arena, root, &left), &check->template);
  if (error) { /* it may refer to what the transform makes in a way that is not known here */
    check->template = (Template){ .metadata = json_get(root, "Metadata") };
    tell_transform(check, foreign_transform(root));
    return NULL;
  }
  check->template.text = check->request->text;
  check->template.size = check->request->size;
  TRY(model_read(check));
  run_rules(check);
  for (gsize i = 0; i < left.n; i++) {
    const Item *item = item_find(check, left.v[i]);
    if (item)
      tell(check, &(Telling){ RULE_NOT_ANALYSED, CERTAINTY_CERTAIN, { item, json_get(item->resource, "Type") },
        arena_printf(check->arena, "what the transform makes of %s was not looked into", item->id),
        "haar knows what AWS SAM makes of functions, tables, layers and APIs", "the type is one of SAM's", NULL });
  }
  return NULL;
}

static Error *
read_and_run(Check *check)
{
  Json *root = NULL;
  g_autoptr(Error) error = template_parse(check->arena, check->request->text, check->request->size, &check->template);
  if (!error) {
    TRY(model_read(check));
    run_rules(check);
    return NULL;
  }
  g_autoptr(Error) unreadable = parse_root(check, &root);
  if (error->kind == ERROR_FAULT || unreadable || root->type != JSON_OBJECT) /* no YAML or JSON at all */
    return g_steal_pointer(&error);
  if (is_sam(root))
    return read_sam(check, root);
  check->template.metadata = json_get(root, "Metadata");
  const Json *transform = foreign_transform(root);
  if (transform)
    tell_transform(check, transform);
  else
    tell_refused(check, root, error->message);
  return NULL;
}

static gint
by_place(gconstpointer a, gconstpointer b)
{
  const Finding *x = a, *y = b;
  int order = strcmp(x->file, y->file);
  if (order)
    return order;
  if (x->line != y->line)
    return x->line < y->line ? -1 : 1;
  return x->rule != y->rule ? (x->rule < y->rule ? -1 : 1) : strcmp(x->why, y->why);
}

static gboolean
is_json_text(const char *text, gsize size)
{
  gsize at = 0;
  while (at < size && g_ascii_isspace(text[at]))
    at++;
  return at < size && text[at] == '{';
}

static void
check_clear(Check *check)
{
  eval_clear(&check->eval);
  g_clear_pointer(&check->vpcs, g_ptr_array_unref);
  g_clear_pointer(&check->functions, g_ptr_array_unref);
  g_clear_pointer(&check->listeners, g_hash_table_unref);
  g_clear_pointer(&check->unknown, g_hash_table_unref);
  g_clear_pointer(&check->by_id, g_hash_table_unref);
  g_clear_pointer(&check->turns, g_hash_table_unref);
  g_clear_pointer(&check->findings, g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Check, check_clear)

Error *
check_template(Arena *arena, const CheckRequest *request, CheckResult *ret_result)
{
  g_auto(Check) check = { .arena = arena, .request = request };
  g_autofree char *directory = g_path_get_dirname(request->path);
  check.directory = arena_strdup(arena, directory);
  check.is_json = is_json_text(request->text, request->size);
  check.findings = g_array_new(FALSE, TRUE, sizeof(Finding));
  check.unknown = g_hash_table_new(g_str_hash, g_str_equal);
  check.by_id = g_hash_table_new(g_str_hash, g_str_equal);
  check.turns = g_hash_table_new(g_str_hash, g_str_equal);
  check.listeners = g_hash_table_new(g_str_hash, g_str_equal);
  eval_init(&check.eval);
  TRY(read_and_run(&check));
  g_array_sort(check.findings, by_place);
  *ret_result = (CheckResult){ check.findings->len, arena_memdup(arena, check.findings->data, check.findings->len * sizeof(Finding)), check.n_suppressed };
  return NULL;
}
