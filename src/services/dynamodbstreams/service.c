#include "server/haar.h"

extern const ServiceHooks dynamodbstreams_hooks;

const ServiceHooks dynamodbstreams_hooks = {.access_denied_code = "AccessDeniedException"};
