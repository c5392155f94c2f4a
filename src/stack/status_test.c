#include "stack/status.h"

#include <string.h>

static void
test_names(void)
{
  for (guint i = STACK_REVIEW_IN_PROGRESS; i <= STACK_UPDATE_ROLLBACK_COMPLETE; i++)
    g_assert_cmpint(stack_status_of(stack_status_name(i)), ==, i);
  g_assert_cmpstr(stack_status_name(STACK_UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS), ==, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS");
  g_assert_cmpint(stack_status_of("nonsense"), ==, STACK_DELETE_COMPLETE);
  g_assert_cmpint(stack_status_of(NULL), ==, STACK_DELETE_COMPLETE);
}

/* What ends may begin again only where AWS lets it. */
static void
test_moves(void)
{
  static const StackStatus updatable[] = { STACK_CREATE_COMPLETE, STACK_UPDATE_COMPLETE, STACK_UPDATE_ROLLBACK_COMPLETE, STACK_UPDATE_FAILED,
    STACK_CREATE_FAILED };
  for (guint i = STACK_REVIEW_IN_PROGRESS; i <= STACK_UPDATE_ROLLBACK_COMPLETE; i++) {
    gboolean expected = FALSE;
    for (guint j = 0; j < G_N_ELEMENTS(updatable); j++)
      expected = expected || updatable[j] == i;
    g_assert_cmpint(stack_status_updatable(i), ==, expected);
    g_assert_cmpint(stack_status_moving(i), ==, i != STACK_REVIEW_IN_PROGRESS && strstr(stack_status_name(i), "IN_PROGRESS") != NULL);
    /* Whatever has ended, and still is, can be deleted. */
    if (!stack_status_moving(i) && i != STACK_DELETE_COMPLETE)
      g_assert_true(state_may(&stack_states, i, STACK_DELETE_IN_PROGRESS));
    g_assert_false(state_may(&stack_states, STACK_DELETE_COMPLETE, i));
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/stack/status/names", test_names);
  g_test_add_func("/stack/status/moves", test_moves);
  return g_test_run();
}
