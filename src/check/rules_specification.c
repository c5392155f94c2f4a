/* rules_specification: names of types and properties against CloudFormation's own specification. */
#include "check/model.h"

#include "stack/spec.h"

#include <string.h>

static void
check_type(Check *check, const Item *item)
{
  if (!g_str_has_prefix(item->type, "AWS::") || g_str_has_prefix(item->type, "AWS::Serverless::") || g_str_has_prefix(item->type, "AWS::CDK::"))
    return; /* of a registry, or made by a transform */
  const char *near = spec_nearest_type(item->type);
  tell(check, &(Telling){ RULE_UNKNOWN_TYPE, near ? CERTAINTY_CERTAIN : CERTAINTY_LIKELY, { item, json_get(item->resource, "Type") },
    arena_printf(check->arena, "AWS refuses the template: Template format error: Unrecognized resource types: [%s]", item->type),
    near ? arena_printf(check->arena, "the specification has no such type; did you mean %s?", near) : "the specification has no such type",
    near ? "a type of a similar name is there" : "unless the type is newer than the specification that haar was built with",
    near ? arena_printf(check->arena, "{\"%s\": {\"Type\": \"%s\"}}", item->id, near) : NULL });
}

/* Properties that `haar up` and `aws cloudformation package` replace: a local path is right there. */
static gboolean
is_packaged(const Item *item, const char *path)
{
  static const struct { const char *type, *path; } packaged[] = {
    { "AWS::Lambda::Function", "#/Code:" }, { "AWS::Lambda::LayerVersion", "#/Content:" }, { "AWS::ApiGateway::RestApi", "#/BodyS3Location:" },
    { "AWS::StepFunctions::StateMachine", "#/DefinitionS3Location:" },
  };
  for (guint i = 0; i < G_N_ELEMENTS(packaged); i++) {
    if (strcmp(packaged[i].type, item->type) == 0 && g_str_has_prefix(path, packaged[i].path))
      return TRUE;
  }
  return FALSE;
}

/* "#/A/B: extraneous key [C] is not permitted; did you mean D? (line 12)" */
static void
tell_property(Check *check, const Item *item, const char *line)
{
  const char *at = strstr(line, " (line "), *colon = strstr(line, ": ");
  gint64 number = at ? g_ascii_strtoll(at + strlen(" (line "), NULL, 10) : 0;
  if (is_packaged(item, line) || !colon)
    return;
  Json *place = json_new_null(check->arena);
  place->line = (guint32) number;
  gboolean near = strstr(line, "did you mean") != NULL, extraneous = strstr(line, "extraneous key") != NULL;
  const char *text = arena_strndup(check->arena, line, at ? (gsize) (at - line) : strlen(line));
  tell(check, &(Telling){ RULE_UNKNOWN_PROPERTY, extraneous && !near ? CERTAINTY_LIKELY : CERTAINTY_CERTAIN, { item, place },
    arena_printf(check->arena, "AWS refuses %s: Properties validation failed", item->id), text,
    extraneous && !near ? "unless the property is newer than the specification that haar was built with" : "CloudFormation's specification of the type",
    NULL });
}

static void
check_item(Check *check, const Item *item)
{
  const SpecResource *spec = spec_find(item->type);
  if (!spec) {
    check_type(check, item);
    return;
  }
  const Json *properties = json_get(item->resource, "Properties");
  g_autoptr(Error) error = spec_check(check->arena, spec, item->id, properties, item->line);
  if (!error)
    return;
  g_auto(GStrv) lines = g_strsplit(error->message, "\n", -1);
  for (char **line = lines; *line; line++) {
    if (**line == '#')
      tell_property(check, item, *line);
  }
}

void
rules_specification(Check *check)
{
  for (guint i = 0; i < check->n_items; i++)
    check_item(check, &check->items[i]);
}
