/* internal: what the runtime's own files share. */
#pragma once

#include "lambda_runtime.h"

#include <stdbool.h>

/* A growing buffer, always NUL-terminated once it holds anything. Zero-initialise; free with buffer_clear. */
typedef struct Buffer {
  char *data;
  size_t size, capacity;
} Buffer;

/* Returns false if memory is exhausted; the buffer is then unchanged. */
bool buffer_append(Buffer *buffer, const void *data, size_t size);
bool buffer_append_text(Buffer *buffer, const char *text);
/* Appends a quoted JSON string; bytes that are not UTF-8 become U+FFFD. */
bool buffer_append_json(Buffer *buffer, const char *text);
/* Empties it and keeps its memory. */
void buffer_reset(Buffer *buffer);
void buffer_clear(Buffer *buffer);

struct LambdaAnswer {
  Buffer body;
  char *error_type, *error_message; /* set: the invocation failed */
};

void answer_reset(LambdaAnswer *answer);

/* The Runtime API's client: one kept-alive connection. */
typedef struct Client Client;

/* api: "host:port", as in AWS_LAMBDA_RUNTIME_API. Returns NULL if memory is exhausted. */
Client *client_new(const char *api);
void client_free(Client *client);
/* Waits for the next invocation, as long as it takes. Results are valid until the next call of any client function.
 * Returns 0, or -1 after a line on standard error. */
int client_next(Client *client, LambdaEvent *ret_event, LambdaContext *ret_context);
/* Sends the answer, or the error, of an invocation. An answer that the service refuses is reported as that invocation's error. */
int client_answer(Client *client, const char *request_id, const LambdaAnswer *answer);
/* Reports that initialisation failed. */
int client_init_error(Client *client, const char *type, const char *message);
