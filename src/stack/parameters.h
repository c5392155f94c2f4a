/* parameters: a stack's parameters against a template's declarations.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html */
#pragma once

#include "stack/remote.h"
#include "stack/template.h"

/* given: list of {ParameterKey, ParameterValue, UsePreviousValue}, or NULL. previous: object name -> text of the stack as it is, or NULL.
 * *ret_texts: object name -> text as given (stored, and `previous` of the next update); *ret_values: name -> text or list of texts, what Ref
 * gives. Wrong ones: answers ValidationError in AWS's words. arena of call. SSM types are read through ssm:GetParameter. */
Error *parameters_resolve(Call *call, const Template *template, const Json *given, const Json *previous, Json **ret_texts,
                          Json **ret_values) ERROR_MUST_USE;
/* As DescribeStacks shows them: list of {ParameterKey, ParameterValue, ResolvedValue}; NoEcho ones are "****". arena. */
Json *parameters_describe(Arena *arena, const Template *template, const Json *texts, const Json *values);
/* As GetTemplateSummary and ValidateTemplate show them: list of {ParameterKey, DefaultValue, ParameterType, NoEcho, Description,
 * ParameterConstraints}. arena. */
Json *parameters_declare(Arena *arena, const Template *template);
