/* rules: whether one rule speaks of a packet. For reach's own files. */
#pragma once

#include "reach/reach.h"

/* The far end of a packet as a rule sees it. */
typedef struct Far { Ip address; int protocol; guint16 port; } Far;

/* Whether a rule for this protocol and ports (ICMP: type and code) speaks of it. */
gboolean ports_match(int protocol, int from_port, int to_port, const Far *far);
/* The first rule of these groups, in this direction, that allows it; NULL: none. */
const GroupRule *groups_allow(const Network *network, const Eni *eni, gboolean egress, const Far *far);
/* The entry that decides; NULL: the last, unnumbered one ("*"), which denies. */
const AclEntry *acl_decide(const NetworkAcl *acl, gboolean egress, const Far *far);
/* "sg-1,sg-2" (arena). */
const char *groups_text(const Eni *eni, Arena *arena);
