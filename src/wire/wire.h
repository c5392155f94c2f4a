/* wire: shapes and protocols. */
#pragma once

#include "wire/body.h"
#include "wire/codec.h"
#include "wire/event_pattern.h"
#include "wire/json.h"
#include "wire/protocol.h"
#include "wire/shape.h"
#include "wire/sigv4.h"
#include "wire/value.h"
