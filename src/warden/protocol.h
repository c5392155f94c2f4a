/* protocol: what the two sides say to each other. Only the warden's own files include it.
 *
 * One request, one answer, over SOCK_SEQPACKET. A message is a header and a payload; a payload over WARDEN_INLINE bytes travels in a
 * memory file, the first descriptor of the message. A refused request is answered with the text of the error. */
#pragma once

#include "warden/warden.h"

typedef enum {
#define REQUEST(id, function) WARDEN_##id,
#include "warden/protocol.def"
#undef REQUEST
  WARDEN_REQUESTS
} WardenRequestType;

enum { WARDEN_INLINE = 32 * 1024, WARDEN_FDS = 8, WARDEN_PAYLOAD_MAX = 64 * 1024 * 1024 };

typedef struct WardenHeader {
  guint32 type;       /* request: WardenRequestType. Answer: 0 = done, 1 = refused, payload is the reason */
  guint32 size;       /* of the payload */
  guint32 in_file;    /* the payload is in the first descriptor */
} WardenHeader;

typedef struct WardenMessage {
  WardenHeader header;
  GByteArray *data;
  int fds[WARDEN_FDS];
  guint n_fds;
} WardenMessage;

void warden_message_clear(WardenMessage *message);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(WardenMessage, warden_message_clear)
/* Sends; descriptors stay the caller's. */
Error *warden_send(int socket, guint32 type, const void *data, gsize size, const int *fds, guint n_fds) ERROR_MUST_USE;
/* Receives into an empty message. *ret_end: the other side is gone. */
Error *warden_receive(int socket, WardenMessage *message, gboolean *ret_end) ERROR_MUST_USE;

/* haar's side: one request and its answer. reply may be NULL; ret_fds takes at most n_ret_fds descriptors, missing ones are -1. */
Error *warden_call(Warden *warden, WardenRequestType type, const void *data, gsize size, const int *fds, guint n_fds,
  GByteArray *reply, int *ret_fds, guint n_ret_fds) ERROR_MUST_USE;

/* The warden's side. */
typedef struct WardenState {
  gboolean root;               /* no user namespace of its own */
  int home;                    /* its own empty network namespace */
  int socket;
  GHashTable *namespaces;      /* Netns -> WardenNamespace * */
  gpointer children;           /* launch.c's own */
} WardenState;

/* Parses what is left of a request, in order. A request that is too short is a fault. */
typedef struct WardenInput { const guint8 *at, *end; const int *fds; guint n_fds; } WardenInput;
typedef struct WardenOutput { GByteArray *data; int fds[WARDEN_FDS]; guint n_fds; /* descriptors are closed after they are sent */ } WardenOutput;

Error *warden_take(WardenInput *in, void *ret_value, gsize size) ERROR_MUST_USE;
/* A socket on the connection tracking of the namespace that the warden is in. */
Error *flow_socket(const WardenSocket *spec, int *ret_fd) ERROR_MUST_USE;

#define REQUEST(id, function) Error *function(WardenState *state, WardenInput *in, WardenOutput *out) ERROR_MUST_USE;
#include "warden/protocol.def"
#undef REQUEST

/* Makes the calling process the warden and serves until haar is gone. Never returns. */
void warden_main(int socket, pid_t parent) G_GNUC_NORETURN;
/* Leaves haar's namespaces, drops what is not needed. On refusal *ret_reason says which setting forbids it. */
gboolean warden_isolate(WardenState *state, pid_t parent, char **ret_reason);
/* haar's side, after the fork: no capability, none to be gained, no system call that needs one. */
Error *warden_confine_caller(void) ERROR_MUST_USE;
/* Enters a namespace by handle; the caller goes home with warden_go_home. */
Error *warden_enter(WardenState *state, Netns netns) ERROR_MUST_USE;
void warden_go_home(WardenState *state);
/* Processes of the namespace that the caller is in may ping. */
void warden_allow_ping(void);
/* The nft context of a namespace, made at first use: NULL if it is unknown. For nft.c. */
struct nft_ctx *warden_nft_context(WardenState *state, Netns netns);
/* Called at start and between requests: launch.c reaps what has ended. A descriptor to poll for it, or -1. */
int warden_children_start(WardenState *state);
void warden_children_reap(WardenState *state);
/* At the end: ends what runs, removes what is left of it on the machine. */
void warden_children_stop(WardenState *state);
