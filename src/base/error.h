/* error: what a function that can fail returns. NULL is success.
 *
 * There are two kinds, never mixed:
 *  - an ANSWER is an AWS error for the client: it has AWS's code, an HTTP status and AWS's wording. The direct
 *    caller may look at its code and handle it.
 *  - a FAULT is ours (disk, kernel, a bug that can be survived). It is never matched; it travels up, gathering context,
 *    is logged once by the server and answered as InternalFailure.
 */
#pragma once

#include <glib.h>

typedef enum { ERROR_ANSWER, ERROR_FAULT } ErrorKind;

typedef struct Error Error;
struct Error {
  ErrorKind kind;
  char *code;           /* AWS's error code ("ResourceNotFoundException"); "InternalFailure" of a fault */
  int status;           /* HTTP status; 0 = take it from the service's model, else 400 */
  char *message;
  GPtrArray *fields;    /* further members of the error's body: name, value, name, value (char *), or NULL */
  const void *shape;    /* const Shape * of value, or NULL: a modelled error with structured members */
  const void *value;    /* arena of the call */
  char *denial;         /* id of the explanation for `haar why`, or NULL */
  const char *file;     /* where it was made */
  int line;
};

#define ERROR_MUST_USE G_GNUC_WARN_UNUSED_RESULT

/* An answer with an AWS code and the status of the service's model. Returns: transfer full. */
#define error_answer(code, ...) error_make(ERROR_ANSWER, __FILE__, __LINE__, 0, (code), __VA_ARGS__)
/* An answer with a given HTTP status. Returns: transfer full. */
#define error_answer_status(status, code, ...) error_make(ERROR_ANSWER, __FILE__, __LINE__, (status), (code), __VA_ARGS__)
/* A fault: text says what failed and with what (errno text included by the caller). Returns: transfer full. */
#define error_fault(...) error_make(ERROR_FAULT, __FILE__, __LINE__, 500, "InternalFailure", __VA_ARGS__)

Error *error_make(ErrorKind kind, const char *file, int line, int status, const char *code, const char *format, ...)
  G_GNUC_PRINTF(6, 7) ERROR_MUST_USE;
/* Puts "context: " before the message of error and returns it; NULL stays NULL. transfer full in and out. */
Error *error_prefix(Error *error, const char *format, ...) G_GNUC_PRINTF(2, 3) ERROR_MUST_USE;
/* Adds a member to the error's body (S3's <Key>, ...). value is copied. Returns error, for chaining. */
Error *error_field(Error *error, const char *name, const char *value) ERROR_MUST_USE;
/* An answer of another service in one's own words: what has the first code of a pair (ends with {NULL, NULL}) gets the second, status 400, and loses
 * its shape. Returns error, for chaining; NULL stays NULL. transfer full in and out. */
Error *error_rename(Error *error, const char *const (*pairs)[2]) ERROR_MUST_USE;
/* NULL if error is an answer with this code, which is no failure for the caller (what was to be deleted is gone); otherwise error. transfer full in and out. */
Error *error_forgive(Error *error, const char *code) ERROR_MUST_USE;
/* Whether error is an answer with this code. NULL is none. */
gboolean error_is(const Error *error, const char *code);
void error_free(Error *error);
/* Frees *error and sets it to NULL: for an answer that the caller handled. */
void error_clear(Error **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Error, error_free)

/* Returns from the calling function, with the error, if the expression fails. */
#define TRY(expression)                 \
  do {                                  \
    Error *try_error_ = (expression);   \
    if (try_error_)                     \
      return try_error_;                \
  } while (0)
