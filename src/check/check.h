/* check: what a template's functions, databases and endpoints will need to reach and cannot, without deploying it and without a daemon.
 *
 * The template is read as CloudFormation reads it; what is known only on AWS (a parameter without a default, an import) stays a symbol, and
 * says nothing: a rule finds only what the template itself shows. Everything is in the arena that the caller gives. Any thread. */
#pragma once

#include "base/base.h"
#include "wire/json.h"

typedef enum { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR } Severity;
/* CERTAIN: as written it fails. LIKELY: it fails if the evidence of a need (a role, a variable) is used. POSSIBLE: a hint. */
typedef enum { CERTAINTY_POSSIBLE, CERTAINTY_LIKELY, CERTAINTY_CERTAIN } Certainty;

typedef enum {
#define RULE(id, name, severity, on, title) RULE_##id,
#include "check/rules.def"
#undef RULE
  RULE_COUNT
} RuleId;

typedef struct Rule {
  const char *name;          /* "no-way-to-service" */
  Severity severity;         /* of a certain or likely finding; a possible one is at most a warning */
  gboolean on;               /* without being enabled */
  const char *title;
} Rule;
/* Indexed by RuleId. */
extern const Rule check_rules[RULE_COUNT];
/* By name; RULE_COUNT: there is none. */
RuleId check_rule_find(const char *name);

typedef struct Finding {
  RuleId rule;
  Severity severity;
  Certainty certainty;
  const char *file;          /* the template, or a file of a function's code */
  guint line, column;        /* from 1 */
  const char *logical_id;    /* or NULL: the template as a whole */
  const char *what;          /* what will happen on AWS */
  const char *why;           /* the way, hop by hop */
  const char *reason;        /* why it is that certain */
  const char *mend;          /* a snippet of the template, in its language, or NULL */
  const char *key;           /* what findings that are told once have in common, or NULL */
} Finding;

typedef struct CheckRequest {
  const char *path;          /* as it is shown; code folders are relative to its folder */
  const char *text;
  gsize size;
  const char *region;        /* NULL: us-east-1 */
  char **parameters;         /* "Name=value", or NULL */
  const Json *parameter_list;/* list of {ParameterKey, ParameterValue}, or NULL; `parameters` win */
  gboolean off[RULE_COUNT];  /* rules that are not looked at */
} CheckRequest;

typedef struct CheckResult {
  gsize n;
  Finding *findings;         /* in the order of file and line */
  gsize n_suppressed;        /* by Metadata */
} CheckResult;

/* Checks one template. Not YAML or JSON, a parameter that it does not have: an answer. What CloudFormation would refuse in its form is a
 * finding. arena. */
Error *check_template(Arena *arena, const CheckRequest *request, CheckResult *ret_result) ERROR_MUST_USE;

const char *check_severity_name(Severity severity);
const char *check_certainty_name(Certainty certainty);

/* Reports: appended to out. */
void check_report_human(GString *out, const CheckResult *result, gboolean colour);
void check_report_github(GString *out, const CheckResult *result);
/* All templates' results in one document. https://docs.oasis-open.org/sarif/sarif/v2.1.0/ */
void check_report_json(GString *out, const CheckResult *results, gsize n);
void check_report_sarif(GString *out, const CheckResult *results, gsize n);
