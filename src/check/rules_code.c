/* rules_code: what a function's code does while it is loaded, and how long it waits. */
#include "check/model.h"

#include <string.h>

enum { SDK_CONNECT_SECONDS = 60, LAMBDA_SECONDS = 3 };

static Place
code_place(const Function *function, const char *file, guint line)
{
  return (Place){ function->item, NULL, file, line };
}

/* https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html; the SDK for Python connects at its first call. */
static void
check_clients(Check *check, const Function *function)
{
  StringList titles = { 0 };
  const CodeClient *first = NULL;
  for (gsize i = 0; i < function->code.n_clients; i++) {
    const CodeClient *client = &function->code.clients[i];
    if (!client->module_level)
      continue;
    first = first ? first : client;
    words_add(check->arena, &titles, client->service->title);
  }
  if (!first || !function->in_vpc)
    return;
  tell(check, &(Telling){ RULE_MODULE_CLIENT, CERTAINTY_POSSIBLE, code_place(function, first->file, first->line),
    arena_printf(check->arena, "nothing: on AWS the interface is there before the code runs. Under haar's fault profile late-eni a client that "
                 "connects while it is made would hang"),
    arena_printf(check->arena, "%s makes clients of %s while it is loaded, before its handler is called", function->item->id, words(check->arena, &titles)),
    "since 2019 Lambda makes a function's interface when the function is created, and an SDK connects at its first call, not when a client is "
    "made: harmless on AWS, and what AWS recommends. What does time out is a call at module level", NULL });
}

/* https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html */
static void
check_calls(Check *check, const Function *function)
{
  for (gsize i = 0; i < function->code.n_calls; i++) {
    const CodeCall *call = &function->code.calls[i];
    if (!call->module_level)
      continue;
    const char *what = call->service ? arena_printf(check->arena, "%s of %s", call->action, call->service->title) : "a connection to a database";
    tell(check, &(Telling){ RULE_MODULE_CALL, CERTAINTY_LIKELY, code_place(function, call->file, call->line),
      arena_printf(check->arena, "if it is slow or has no way, INIT ends after 10 s (INIT_REPORT ... Status: timeout), runs again at the first "
                   "invocation, and that ends as Task timed out after %" G_GINT64_FORMAT ".00 seconds",
                   json_number(item_property(function->item, "Timeout"), LAMBDA_SECONDS)),
      arena_printf(check->arena, "%s calls %s while it is loaded%s", function->item->id, what,
                   function->in_vpc ? ", through its VPC" : ""),
      "INIT has 10 seconds; an SDK waits for 60 s to connect. Make the call in the handler, at its first use", NULL });
    return;
  }
}

static void
check_timeout(Check *check, const Function *function)
{
  gint64 timeout = json_number(item_property(function->item, "Timeout"), LAMBDA_SECONDS);
  gint64 connect = function->code.connect_timeout ? function->code.connect_timeout : SDK_CONNECT_SECONDS;
  if (!function->in_vpc || !function->code.n_clients || timeout > connect)
    return;
  tell(check, &(Telling){ RULE_TIMEOUT_HIDES, CERTAINTY_LIKELY, { function->item, item_property(function->item, "Timeout") },
    arena_printf(check->arena, "a connection that is blocked ends as Task timed out after %" G_GINT64_FORMAT ".00 seconds, which does not name what it waited for",
                 timeout),
    arena_printf(check->arena, "%s has %" G_GINT64_FORMAT " s, and its SDK waits for %" G_GINT64_FORMAT " s before it says what it could not connect to",
                 function->item->id, timeout, connect),
    "with a connect time-out of a few seconds the SDK's own error would name the host", NULL });
}

void
rules_code(Check *check)
{
  for (guint i = 0; i < check->functions->len; i++) {
    const Function *function = check->functions->pdata[i];
    check_clients(check, function);
    check_calls(check, function);
    check_timeout(check, function);
  }
}
