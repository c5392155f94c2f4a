/* plan: a template with its parameters decided: which resources and outputs there are, and in which order. */
#pragma once

#include "stack/graph.h"
#include "stack/intrinsics.h"
#include "stack/parameters.h"

typedef struct Plan {
  Template template;
  Json *texts, *values;  /* parameters: as given, and what Ref gives */
  Eval eval;             /* callbacks not set */
  Json *resources;       /* those whose conditions hold, with Fn::If decided; name -> resource */
  Json *outputs;         /* the same */
  Graph graph;
} Plan;

/* Who asks: for pseudo parameters. */
typedef struct PlanContext {
  const char *stack_name, *stack_id;
  const Json *notification_arns;
} PlanContext;

/* Parses text, resolves parameters (given and previous as in parameters_resolve) and makes the plan. arena of call. Free with plan_clear. */
Error *plan_new(Call *call, const char *text, gsize size, const Json *given, const Json *previous, const PlanContext *context,
                Plan *ret_plan) ERROR_MUST_USE;
/* The same with parameters that are known (of a stored stack). */
Error *plan_restore(Call *call, const char *text, const Json *texts, const Json *values, const PlanContext *context, Plan *ret_plan) ERROR_MUST_USE;
void plan_clear(Plan *plan);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Plan, plan_clear)

/* The capabilities that the template asks for, as GetTemplateSummary lists them. reason: or NULL. arena. */
void plan_capabilities(Arena *arena, const Template *template, StringList *ret_capabilities, const char **ret_reason);
/* An answer InsufficientCapabilitiesException if given (list of texts) lacks one. */
Error *plan_check_capabilities(Arena *arena, const Template *template, const Json *given) ERROR_MUST_USE;
/* The RESOURCE of a type (Custom::X: of AWS::CloudFormation::CustomResource), or NULL. */
const struct ResourceType *plan_resource_type(const char *type);
