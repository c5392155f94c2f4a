/* url: function URLs. url.c keeps them, url_serve.c answers their requests, url_event.c makes the events and reads the answers.
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-urls.html */
#pragma once

#include "services/lambda/lambda.h"

extern const Table lambda_urls;       /* region, account, name, alias or "" -> UrlRecord */
extern const Table lambda_url_owners; /* id -> UrlOwnerRecord: whose it is */

/* One request to a URL. */
typedef struct UrlVisit {
  HttpExchange *exchange;
  const HttpRequest *request;
  Arena *arena;
  const char *id, *region, *account;
  FunctionName name;
  const LambdaUrlRecord *url;
  const Principal *caller;   /* NULL: AuthType NONE */
  int status;                /* what was answered */
} UrlVisit;

/* In a write: deletes the URLs of a function, or with qualifier ("" for the function's own) that one. */
Error *url_delete(Call *call, const char *name, const char *qualifier) ERROR_MUST_USE;
Error *url_find(Call *call, const char *name, const char *qualifier, LambdaUrlRecord **ret) ERROR_MUST_USE;
/* Whether a request's host name is a function's URL. Quick: it is asked of each request. host may be NULL. */
gboolean url_is_host(const char *host);

void url_serve(Haar *haar, HttpExchange *exchange);

/* The event of a request, payload format 2.0 (arena). body is NULL without one. */
Json *url_event(const UrlVisit *visit, const guint8 *body, gsize size);
/* Answers with what the function returned: a response of format 2.0, or any JSON, which is the body then. */
void url_answer(UrlVisit *visit, const Blob *payload);
/* Answers {"Message": ...} with a header x-amzn-ErrorType. */
void url_answer_error(UrlVisit *visit, int status, const char *type, const char *message);
/* The headers that the URL's CORS settings put into an answer; empty if there are none, or the origin is not of them. */
void url_cors(const UrlVisit *visit, gboolean preflight, StringMap *ret_headers);
