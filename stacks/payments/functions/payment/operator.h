/* operator: what the function answers besides payments, to those who run it.
 *
 *   GET /health                     200 if this version can pay, 503 with what it lacks
 *   {"action": "ledger", ...}       the ledger's rows of a payment, by invoking the function directly
 *   a custom resource's request     CloudFormation asks this version whether it may be promoted: what it needs of the stack is tried, and the
 *                                   stack's operation fails if it cannot be reached
 *
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html */
#pragma once

#include "handler_parts.h"
#include "json.h"

typedef const Failure *OperatorFunction(Handler *handler, const Json *event, PaymentAnswer *ret_answer);

/* What an event asks for; NULL: it is a payment. */
OperatorFunction *operator_find(const Json *event);
/* A failure that names what is missing in the environment. */
const Failure *operator_check_environment(Handler *handler);
