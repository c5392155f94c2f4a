/* peer: whose the other end of a connection is. Sandboxes of one network interface share its loopback: an address and a port there do not
 * say which of them has connected; the process that holds the socket does. */
#include "warden/launch.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct Search {
  char link[32];             /* "socket:[4711]" */
  gboolean found;
} Search;

static void
look_into(gint64 pid, gpointer data)
{
  Search *search = data;
  char path[64], link[sizeof search->link + 1];
  snprintf(path, sizeof path, "/proc/%" G_GINT64_FORMAT "/fd", pid);
  DIR *fds = search->found ? NULL : opendir(path);
  if (!fds)
    return;
  for (struct dirent *entry = readdir(fds); entry && !search->found; entry = readdir(fds)) {
    ssize_t n = readlinkat(dirfd(fds), entry->d_name, link, sizeof link - 1);
    search->found = n > 0 && (gsize) n == strlen(search->link) && memcmp(link, search->link, (gsize) n) == 0;
  }
  closedir(fds);
}

/* The inode of the socket at (address, port) that is connected to port `to`; 0: there is none. The kernel prints an address as the
 * number that its bytes are, and one of IPv4 in a socket of IPv6 behind "0000000000000000FFFF0000". */
static guint64
inode_of(gint64 init, const char *table, guint32 address, guint16 port, guint16 to)
{
  g_autofree char *path = g_strdup_printf("/proc/%" G_GINT64_FORMAT "/net/%s", init, table), *text = NULL;
  g_autofree char *from = g_strdup_printf("%08X:%04X ", address, port), *end = g_strdup_printf(":%04X ", to);
  if (!g_file_get_contents(path, &text, NULL, NULL))
    return 0;
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (guint i = 1; lines[0] && lines[i]; i++) {
    g_auto(GStrv) fields = g_strsplit(g_strstrip(lines[i]), " ", 3);
    if (g_strv_length(fields) < 3)
      continue;
    g_autofree char *local = g_strconcat(fields[1], " ", NULL);
    guint64 inode;
    const char *remote_port = strchr(fields[2], ':');
    if (g_str_has_suffix(local, from) && remote_port && g_str_has_prefix(remote_port, end) &&
        sscanf(remote_port, ":%*x %*x %*x:%*x %*x:%*x %*x %*d %*d %" G_GINT64_MODIFIER "u", &inode) == 1)
      return inode;
  }
  return 0;
}

Error *
handle_peer(WardenState *state, WardenInput *in, WardenOutput *out)
{
  gint64 numbers[4]; /* process, the peer's address and port, the port it connected to */
  TRY(warden_take(in, numbers, sizeof numbers));
  gint64 pid = numbers[0], held = 0;
  const Child *child = g_hash_table_lookup(warden_children(state)->by_pid, &pid);
  if (child && !child->ended) {
    guint32 address = (guint32) numbers[1];
    guint16 port = (guint16) numbers[2], to = (guint16) numbers[3];
    guint64 inode = inode_of(pid, "tcp", address, port, to);
    if (!inode)
      inode = inode_of(pid, "tcp6", address, port, to);
    Search search = {.found = FALSE};
    snprintf(search.link, sizeof search.link, "socket:[%" G_GUINT64_FORMAT "]", inode);
    if (inode)
      launch_each_process(pid, look_into, &search);
    held = search.found;
  }
  g_byte_array_append(out->data, (const guint8 *) &held, sizeof held);
  return NULL;
}
