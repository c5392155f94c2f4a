/* launch_client: haar's side of launching: specs as bytes. Numbers are gint64, strings a length (-1: NULL) and bytes. */
#include <string.h>
#include <unistd.h>

#include "warden/protocol.h"

static void
put_int(GByteArray *out, gint64 value)
{
  g_byte_array_append(out, (const guint8 *) &value, sizeof value);
}

static void
put_text(GByteArray *out, const char *text)
{
  put_int(out, text ? (gint64) strlen(text) : -1);
  if (text)
    g_byte_array_append(out, (const guint8 *) text, (guint) strlen(text));
}

static void
put_list(GByteArray *out, const char *const *list)
{
  gint64 n = list ? (gint64) g_strv_length((char **) list) : 0;
  put_int(out, n);
  for (gint64 i = 0; i < n; i++)
    put_text(out, list[i]);
}

static void
put_mounts(GByteArray *out, const LaunchSpec *spec)
{
  put_int(out, (gint64) spec->n_mounts);
  for (gsize i = 0; i < spec->n_mounts; i++) {
    const LaunchMount *mount = &spec->mounts[i];
    put_int(out, mount->kind);
    put_text(out, mount->source);
    put_text(out, mount->target);
    put_text(out, mount->content);
    put_int(out, mount->read_only);
    put_int(out, mount->optional);
    put_int(out, mount->size);
  }
}

/* Descriptors that are given are sent in this order; their flags say which. */
static guint
put_fds(GByteArray *out, const LaunchSpec *spec, int *fds)
{
  const int given[] = {spec->netns_fd, spec->stdin_fd, spec->stdout_fd, spec->stderr_fd};
  guint n = 0;
  for (gsize i = 0; i < G_N_ELEMENTS(given); i++) {
    put_int(out, given[i] >= 0);
    if (given[i] >= 0)
      fds[n++] = given[i];
  }
  return n;
}

Error *
warden_launch(Warden *warden, const LaunchSpec *spec, Launched *ret_launched)
{
  g_autoptr(GByteArray) request = g_byte_array_new(), reply = g_byte_array_new();
  int fds[4], answered[2] = {-1, -1};
  guint n_fds = put_fds(request, spec, fds);
  const gint64 numbers[] = {spec->uid,       spec->gid,       spec->memory_max,   spec->cpu_quota,
                            spec->pids_max,  spec->files_max, spec->file_size_max, spec->cpu_shares};
  for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
    put_int(request, numbers[i]);
  put_text(request, spec->directory);
  put_text(request, spec->cgroup);
  put_text(request, spec->hostname);
  put_list(request, spec->argv);
  put_list(request, spec->env);
  put_mounts(request, spec);
  TRY(warden_call(warden, WARDEN_LAUNCH, request->data, request->len, fds, n_fds, reply, answered, 2));
  if (reply->len != sizeof ret_launched->pid)
    return error_fault("the warden's answer is malformed");
  memcpy(&ret_launched->pid, reply->data, sizeof ret_launched->pid);
  ret_launched->pidfd = answered[0];
  ret_launched->status_fd = answered[1];
  return NULL;
}

static Error *
ask(Warden *warden, WardenRequestType type, gint64 first, gint64 second)
{
  const gint64 numbers[] = {first, second};
  return warden_call(warden, type, numbers, sizeof numbers, NULL, 0, NULL, NULL, 0);
}

Error *
warden_kill(Warden *warden, gint64 pid, int signal)
{
  return ask(warden, WARDEN_KILL, pid, signal);
}

Error *
warden_freeze(Warden *warden, gint64 pid, gboolean frozen)
{
  return ask(warden, WARDEN_FREEZE, pid, frozen);
}

Error *
warden_forget(Warden *warden, gint64 pid)
{
  return ask(warden, WARDEN_FORGET, pid, 0);
}

Error *
warden_usage(Warden *warden, gint64 pid, LaunchUsage *ret_usage)
{
  g_autoptr(GByteArray) reply = g_byte_array_new();
  TRY(warden_call(warden, WARDEN_USAGE, &pid, sizeof pid, NULL, 0, reply, NULL, 0));
  if (reply->len != sizeof *ret_usage)
    return error_fault("the warden's answer is malformed");
  memcpy(ret_usage, reply->data, sizeof *ret_usage);
  return NULL;
}

Error *
warden_peer(Warden *warden, gint64 pid, guint32 address, guint16 port, guint16 to, gboolean *ret_held)
{
  g_autoptr(GByteArray) reply = g_byte_array_new();
  const gint64 numbers[] = {pid, address, port, to};
  gint64 held;
  TRY(warden_call(warden, WARDEN_PEER, numbers, sizeof numbers, NULL, 0, reply, NULL, 0));
  if (reply->len != sizeof held)
    return error_fault("the warden's answer is malformed");
  memcpy(&held, reply->data, sizeof held);
  *ret_held = held != 0;
  return NULL;
}

Error *
warden_own(Warden *warden, const char *path, gint64 uid, gint64 gid)
{
  g_autoptr(GByteArray) request = g_byte_array_new();
  put_int(request, uid);
  put_int(request, gid);
  put_text(request, path);
  return warden_call(warden, WARDEN_OWN, request->data, request->len, NULL, 0, NULL, NULL, 0);
}
