/* policy: a parsed policy document. Private to src/iam.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html */
#pragma once

#include "iam/iam.h"

/* How context values and policy values are compared; see condition.c. */
typedef enum {
  COMPARE_STRING, COMPARE_STRING_IGNORE_CASE, COMPARE_STRING_LIKE, COMPARE_NUMERIC, COMPARE_DATE, COMPARE_BOOL, COMPARE_BINARY,
  COMPARE_IP, COMPARE_ARN, COMPARE_NULL,
} Compare;

typedef enum { RELATION_EQUAL, RELATION_LESS, RELATION_LESS_EQUAL, RELATION_GREATER, RELATION_GREATER_EQUAL } Relation;

typedef struct ConditionOperator {
  const char *name;
  Compare compare;
  Relation relation;
  gboolean negated;
} ConditionOperator;

typedef enum { SET_NONE, SET_FOR_ANY, SET_FOR_ALL } SetQualifier;

typedef struct PolicyCondition {
  const ConditionOperator *operator;
  SetQualifier set;
  gboolean if_exists;
  const char *key;
  StringList values;
} PolicyCondition;

/* "AWS", "Service", "Federated", "CanonicalUser"; of Principal: "*" the type is "AWS" and the value "*". */
typedef struct PolicyPrincipal { const char *type, *value; } PolicyPrincipal;

typedef struct PolicyStatement {
  const char *sid; /* or NULL */
  gboolean allow;
  gboolean has_principal, not_principal, not_action, has_resource, not_resource;
  struct { gsize n; PolicyPrincipal *v; } principals;
  StringList actions, resources;
  struct { gsize n; PolicyCondition *v; } conditions;
} PolicyStatement;

typedef struct Policy {
  gboolean variables; /* Version 2012-10-17: ${...} has a meaning */
  struct { gsize n; PolicyStatement *v; } statements;
} Policy;

/* What a policy is for decides which elements it must and must not have. */
typedef enum { POLICY_ANY, POLICY_IDENTITY, POLICY_RESOURCE } PolicyUse;

/* Parses and checks. Bad: an answer MalformedPolicyDocument. arena. */
Error *policy_parse(Arena *arena, const char *document, PolicyUse use, Policy **ret_policy) ERROR_MUST_USE;
/* The same from this thread's cache of parsed policies: the result lives until policy_cache_trim. A document that does not parse gives
 * NULL: it allows nothing. */
const Policy *policy_cached(const char *document);
/* Makes room in this thread's cache; before, never during, an evaluation. */
void policy_cache_trim(void);

/* The operator of "StringEqualsIfExists", "ForAllValues:StringLike", ...; FALSE if there is none of that name. */
gboolean condition_operator_parse(const char *text, PolicyCondition *ret_condition);

/* What conditions and variables are looked up in: keys do not mind case. */
typedef struct ContextView {
  Arena *arena;
  const StringMap *given;   /* or NULL */
  const StringMap *derived; /* of the principal and the time: used for keys that given lacks */
} ContextView;

/* The first value of a key, or NULL. */
const char *context_value(const ContextView *context, const char *key);
/* All values of a key (arena). */
StringList context_values(const ContextView *context, const char *key);
/* Whether all conditions of the statement hold. */
gboolean conditions_hold(const Policy *policy, const PolicyStatement *statement, const ContextView *context);

/* A pattern made ready: variables replaced, wildcards told apart from the same characters in a variable's value. wildcards = FALSE: '*'
 * and '?' stand for themselves. NULL: a variable has no value, so nothing matches. arena. */
const char *pattern_expand(const Policy *policy, const ContextView *context, const char *text, gboolean wildcards);
/* Whether text matches a pattern of pattern_expand. */
gboolean pattern_match(const char *pattern, const char *text, gboolean ignore_case);
