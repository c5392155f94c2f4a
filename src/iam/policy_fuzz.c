/* Policy documents from anyone: parse, and evaluate what parses. */
#include "iam/policy.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(Arena) arena = arena_new();
  char *document = arena_strndup(arena, (const char *) data, size);
  StringMap given = { 0 };
  MAP_SET(arena, &given, "aws:SourceIp", "10.0.0.1");
  MAP_SET(arena, &given, "aws:CurrentTime", "2026-11-23T00:00:00Z");
  MAP_SET(arena, &given, "aws:username", "alice*");
  ContextView context = { arena, &given, NULL };
  for (PolicyUse use = POLICY_ANY; use <= POLICY_RESOURCE; use++) {
    Policy *policy = NULL;
    g_autoptr(Error) bad = policy_parse(arena, document, use, &policy);
    for (gsize i = 0; !bad && i < policy->statements.n; i++) {
      PolicyStatement *statement = &policy->statements.v[i];
      conditions_hold(policy, statement, &context);
      for (gsize j = 0; j < statement->resources.n; j++) {
        const char *pattern = pattern_expand(policy, &context, statement->resources.v[j], TRUE);
        if (pattern)
          pattern_match(pattern, "arn:aws:s3:::bucket/alice", FALSE);
      }
    }
  }
  return 0;
}
