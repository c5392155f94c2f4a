/* cloudformation: what the service's files share. The engine is src/stack; here is only its API. */
#pragma once

#include "services/cloudformation.gen.h"
#include "stack/stack.h"

/* The operation's input as JSON (arena). */
Json *cloudformation_input(Call *call, const void *in);
/* Fills an operation's output from JSON. */
Error *cloudformation_output(Call *call, const Json *json, void *ret_out) ERROR_MUST_USE;
/* The request's text member, or NULL. */
const char *cloudformation_text(const Json *in, const char *name);
/* The template of a request: TemplateBody, or TemplateURL read from the local S3. *ret_text is NULL if there is neither. */
Error *cloudformation_template(Call *call, const Json *in, const char **ret_text) ERROR_MUST_USE;
/* A stack policy of a request: the text of body, or read from S3 at url; *ret_text is NULL if there is neither. */
Error *cloudformation_policy(Call *call, const Json *in, const char *body, const char *url, const char **ret_text) ERROR_MUST_USE;
/* A request as the engine takes it; texts and lists are the request's. */
Error *cloudformation_request(Call *call, const Json *in, StackRequest *ret_request) ERROR_MUST_USE;
/* A page of a list: at most max records from the token's place. *ret_token is NULL at the end. */
Error *cloudformation_page(Call *call, const Json *list, guint max, const char *token, Json **ret_page, const char **ret_token) ERROR_MUST_USE;
/* .authorize of operations on a stack: its ARN. */
Error *cloudformation_stack_resource(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;
