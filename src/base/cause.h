/* cause: everything that haar can explain, each with its page in docs/explain/. */
#pragma once

typedef enum Cause {
#define CAUSE(id, slug, title) CAUSE_##id,
#include "base/cause.def"
#undef CAUSE
  CAUSES
} Cause;

typedef struct CauseInfo { const char *slug, *title; } CauseInfo;
/* Indexed by Cause. */
extern const CauseInfo causes[CAUSES];
