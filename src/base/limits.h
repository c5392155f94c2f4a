/* limits: every size, count and time that a client controls, from limits.def. */
#pragma once

#include <glib.h>

#define LIMIT(name, value, what) static const gint64 LIMIT_##name G_GNUC_UNUSED = (value);
#include "base/limits.def"
#undef LIMIT
