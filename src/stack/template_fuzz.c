/* Templates from anyone: parse, decide conditions, order, evaluate every property and output. */
#include "stack/graph.h"
#include "stack/dynamic.h"
#include "stack/intrinsics.h"
#include "stack/parameters.h"
#include "stack/plan.h"
#include "stack/spec.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Error *
any_value(Eval *eval, const char *logical_id, const char *attribute, Json **ret_value)
{
  *ret_value = json_new_string(eval->arena, attribute ? attribute : logical_id);
  return NULL;
}

static Error *
any_import(Eval *eval, const char *name, Json **ret_value)
{
  *ret_value = json_new_string(eval->arena, name);
  return NULL;
}

/* A value for each parameter, as a request would give it. */
static Json *
give_parameters(Arena *arena, const Template *template)
{
  Json *list = json_new_array(arena);
  for (guint i = 0; template->parameters && i < template->parameters->n; i++) {
    Json *item = json_new_object(arena);
    json_set(arena, item, "ParameterKey", json_new_string(arena, template->parameters->members[i].key));
    if (i % 2)
      json_set(arena, item, "ParameterValue", json_new_string(arena, "a,1"));
    json_append(arena, list, item);
  }
  return list;
}

/* Such parameters are read from a service, and there is none here. */
static gboolean
needs_service(const Template *template)
{
  for (guint i = 0; template->parameters && i < template->parameters->n; i++) {
    if (g_str_has_prefix(json_string(json_get(template->parameters->members[i].value, "Type")), "AWS::SSM::Parameter::Value<"))
      return TRUE;
  }
  return FALSE;
}

static void
evaluate(Eval *eval, const Json *section, const char *what)
{
  for (guint i = 0; section && i < section->n; i++) {
    const Json *value = json_get(section->members[i].value, what);
    Json *result = NULL;
    eval->depth = 0;
    g_autoptr(Error) wrong = value ? eval_value(eval, value, &result) : NULL;
    g_autoptr(Error) unpruned = value ? eval_prune(eval, value, &result) : NULL;
  }
}

static void
use(Arena *arena, const Template *template)
{
  Json *texts = NULL, *values = NULL;
  Graph graph;
  StringList capabilities = { 0 };
  const char *reason = NULL;
  Call call = { .arena = arena, .region = "us-east-1", .account = "000000000000" };
  g_autoptr(Error) wrong = parameters_resolve(&call, template, give_parameters(arena, template), NULL, &texts, &values);
  parameters_declare(arena, template);
  plan_capabilities(arena, template, &capabilities, &reason);
  g_auto(Eval) eval = { .arena = arena, .template = template, .parameters = values, .region = "us-east-1", .account = "000000000000",
    .stack_name = "s", .stack_id = "i", .resource = any_value, .import = any_import };
  eval_init(&eval);
  g_autoptr(Error) undecided = eval_conditions(&eval);
  evaluate(&eval, template->resources, "Properties");
  evaluate(&eval, template->outputs, "Value");
  g_autoptr(Error) circular = graph_build(arena, template->resources, &graph);
  for (guint i = 0; i < template->resources->n; i++) {
    const Json *resource = template->resources->members[i].value;
    const SpecResource *spec = spec_find(json_string(json_get(resource, "Type")));
    g_autoptr(Error) misfit = spec ? spec_check(arena, spec, "R", json_get(resource, "Properties"), 1) : NULL;
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(Arena) arena = arena_new();
  Template template = { 0 };
  SecretReference secret = { 0 };
  g_autoptr(Error) bad = template_parse(arena, (const char *) data, size, &template);
  if (!bad && !needs_service(&template))
    use(arena, &template);
  if (size < 4096 && !memchr(data, 0, size))
    dynamic_parse_secret(arena, arena_strndup(arena, (const char *) data, size), &secret);
  return 0;
}
