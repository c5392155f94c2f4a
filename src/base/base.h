/* base: what every part stands on. */
#pragma once

#include "base/arena.h"
#include "base/arn.h"
#include "base/cause.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/state.h"
#include "base/summary.h"
#include "base/text.h"
