/* nft: packet rules, by libnftables, one context a namespace. The library is not thread-safe; the warden has one thread. */
#include "warden/protocol.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <string.h>

static Error *run(struct nft_ctx *nft, const char *commands, GByteArray *output) {
  if (!nft)
    return error_fault("nftables is not to be had: %s", g_strerror(errno));
  nft_ctx_buffer_output(nft);
  nft_ctx_buffer_error(nft);
  if (nft_run_cmd_from_buffer(nft, commands) != 0) {
    g_auto(GStrv) lines = g_strsplit(nft_ctx_get_error_buffer(nft), "\n", 3);
    return error_fault("nft: %s: %.200s", lines[0] ? lines[0] : "refused", lines[0] && lines[1] ? lines[1] : "");
  }
  const char *text = nft_ctx_get_output_buffer(nft);
  g_byte_array_append(output, (const guint8 *) text, (guint) strlen(text));
  return NULL;
}

Error *handle_nft(WardenState *state, WardenInput *in, WardenOutput *out) {
  Netns netns = 0;
  TRY(warden_take(in, &netns, sizeof netns));
  g_autofree char *commands = g_strndup((const char *) in->at, (gsize) (in->end - in->at));
  TRY(warden_enter(state, netns));
  Error *error = run(warden_nft_context(state, netns), commands, out->data);
  warden_go_home(state);
  return error;
}
