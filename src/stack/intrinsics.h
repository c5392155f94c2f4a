/* intrinsics: what a template's values mean: Ref, Fn::*, conditions, pseudo parameters.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html */
#pragma once

#include "stack/template.h"

typedef struct Eval Eval;

/* Where values that are not in the template come from. Callbacks may be NULL: such references are then errors. */
struct Eval {
  Arena *arena;
  const Template *template;
  const Json *parameters;          /* name -> text, or list of texts */
  const char *region, *account, *stack_name, *stack_id;
  const Json *notification_arns;   /* list, or NULL */
  /* Ref (attribute NULL) or GetAtt of a resource. */
  Error *(*resource)(Eval *eval, const char *logical_id, const char *attribute, Json **ret_value);
  Error *(*import)(Eval *eval, const char *name, Json **ret_value);
  gpointer data;                   /* the callbacks' own */
  GHashTable *conditions;          /* name -> state; from eval_init */
  guint depth;
  gsize bytes;                     /* of texts that functions made; bounded */
};

/* Takes the fields above `conditions` as set by the caller. Free with eval_clear. */
void eval_init(Eval *eval);
void eval_clear(Eval *eval);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Eval, eval_clear)

/* The value with every function replaced; *ret_value is NULL for AWS::NoValue. Nodes keep their lines. Wrong use: an answer
 * ValidationError "Template error: ...". arena of eval. */
Error *eval_value(Eval *eval, const Json *json, Json **ret_value) ERROR_MUST_USE;
/* The same as a text; lists are errors. what names it in messages. */
Error *eval_text(Eval *eval, const Json *json, const char *what, const char **ret_text) ERROR_MUST_USE;
/* Whether a condition of the template holds. */
Error *eval_condition(Eval *eval, const char *name, gboolean *ret_holds) ERROR_MUST_USE;
/* All conditions of the template, so that wrong ones are found. */
Error *eval_conditions(Eval *eval) ERROR_MUST_USE;
/* The value with only Fn::If decided and AWS::NoValue taken out; *ret_value may be NULL. */
Error *eval_prune(Eval *eval, const Json *json, Json **ret_value) ERROR_MUST_USE;

/* Fn::Cidr: count blocks with bits host bits (0: as the block's family has it: 8 or 64) inside block. arena. */
Error *cidr_blocks(Arena *arena, const char *block, gint64 count, gint64 bits, Json **ret_list) ERROR_MUST_USE;
