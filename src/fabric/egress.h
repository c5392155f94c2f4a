/* egress: a way out to the host's real network, and its resolver. For fabric's own files. */
#pragma once

#include "fabric/vpc.h"

/* Opens it for all of the fabric; ends with egress_free. */
Error *egress_new(Fabric *fabric, Egress **ret_egress) ERROR_MUST_USE;
void egress_free(Egress *egress);
/* How a destination is dialled: a connecting, non-blocking socket (SOCK_STREAM or SOCK_DGRAM), or -1. For tests, before anything leaves. */
typedef int (*EgressDial)(int type, Ip address, guint16 port);
void egress_set_dial(Egress *egress, EgressDial dial);
/* Whether it leads to this address: a global one that is not the host's own. Any thread. */
gboolean egress_allows(Ip address);

/* A query (a DNS message) for the host's resolver; its answer is sent to reply_fd: to client, or (tcp) with its length in front. */
typedef struct EgressQuestion {
  const guint8 *query;
  gsize size;
  const char *vpc_id;     /* NULL: outside */
  Ip from;                /* who asks */
  int reply_fd;           /* copied */
  gboolean tcp;
  const struct sockaddr *client;
  socklen_t client_size;
} EgressQuestion;
/* FALSE: it cannot be asked. Any thread. */
gboolean egress_ask(Egress *egress, const EgressQuestion *question);
