/* filter_tree: what filter_parse makes and filter_match walks. Only those two include it. */
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "services/logs/filter.h"

typedef enum { FILTER_ALL, FILTER_TERMS, FILTER_JSON, FILTER_FIELDS } FilterKind;
typedef enum { TERM_MUST, TERM_ANY, TERM_NOT } TermKind;
typedef enum { COMPARE_EQ, COMPARE_NE, COMPARE_LT, COMPARE_GT, COMPARE_LE, COMPARE_GE, COMPARE_TRUE, COMPARE_FALSE, COMPARE_NULL,
  COMPARE_EXISTS, COMPARE_NOT_EXISTS } Compare;
typedef enum { NODE_AND, NODE_OR, NODE_TEST } NodeKind;

typedef struct Term {
  TermKind kind;
  const char *text;
  pcre2_code *regex;        /* or NULL */
} Term;

/* One step of a selector: a member's name, an index, or all elements. */
typedef struct Step { const char *name; gint64 index; gboolean all; } Step;

typedef struct Node Node;
struct Node {
  NodeKind kind;
  Node *left, *right;       /* AND, OR */
  Step *steps;              /* JSON test: $.a.b[0] */
  gsize n_steps;
  guint field;              /* fields test: which field */
  Compare compare;
  const char *text;         /* what it is compared with, '*' is a wildcard */
  gboolean numeric;
  double number;
  pcre2_code *regex;
};

typedef struct Field { const char *name; gboolean rest; /* ... */ } Field;

struct Filter {
  FilterKind kind;
  struct { gsize n; Term *v; } terms;
  gboolean has_must, has_any;
  Node *root;               /* JSON, or the conditions of the fields (NULL: none) */
  struct { gsize n; Field *v; } fields;
};
