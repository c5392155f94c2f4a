/* form: "A.member.1.Name=x&..." as a tree; for the query protocols. */
#pragma once

#include "wire/internal.h"

typedef struct FormNode {
  const char *name, *value; /* value NULL: only a way to others */
  gint64 index;             /* of a name that is a number, else -1 */
  struct FormNode *first, *last, *next;
} FormNode;

Error *form_tree(Arena *arena, const WireRequest *request, FormNode **ret_root) ERROR_MUST_USE;
FormNode *form_child(const FormNode *node, const char *name);
/* ec2: the EC2 protocol's names, and lists without "member". */
Error *value_from_form(Arena *arena, const Shape *shape, const FormNode *node, gboolean ec2, void *value) ERROR_MUST_USE;
Error *members_from_form(Arena *arena, const Shape *shape, const FormNode *node, gboolean ec2, void *value) ERROR_MUST_USE;
