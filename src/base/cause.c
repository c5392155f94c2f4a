#include "base/cause.h"

const CauseInfo causes[CAUSES] = {
#define CAUSE(id, slug, title) [CAUSE_##id] = {slug, title},
#include "base/cause.def"
#undef CAUSE
};
