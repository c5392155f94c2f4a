/* evaluate: the outcome of all policies for one request. Private to src/iam. */
#pragma once

#include "iam/policy.h"

/* The kinds of policy that can stop a request. In the order of the table in explain.c. */
typedef enum { KIND_IDENTITY, KIND_BOUNDARY, KIND_SESSION, KIND_RESOURCE, KIND_TRUST, KIND_ENDPOINT } PolicyKind;

typedef struct Outcome {
  gboolean allowed, explicit_deny;
  PolicyKind kind;           /* that decided */
  const char *policy_name;   /* or NULL */
  int statement;             /* index in it, or -1 */
} Outcome;

/* Fills *ret_outcome. arena. */
Error *evaluate_request(Txn *txn, Arena *arena, const IamRequest *request, Outcome *ret_outcome) ERROR_MUST_USE;
