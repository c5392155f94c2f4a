/* line: the packets that wait, in the order in which they go, and the thread that takes them in and lets them out. */
#include "fabric/line.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The header of a packet on the line: a mark that is no group address, a byte for each slot, the device's number. */
enum { MARKED = 6, SLOT_BYTES = 1, NUMBER_BYTES = 9, PACKET_MAX = 80 * 1024, AT_A_TIME = 64, ROUNDS_MAX = 1024, SOCKET_BUFFER = 8 << 20 };
/* Of all that waits in a VPC. */
enum { BYTES_MAX = 64 << 20, PACKETS_MAX = 65536 };

typedef struct LineDevice { int index; guint8 mac[6]; } LineDevice;

typedef struct Waiting {
  gint64 due_us;
  guint64 sequence;
  guint32 device;    /* of Line.devices */
  guint8 slots;      /* bits */
  gsize size;
  guint8 data[];     /* virtio_net_hdr, Ethernet header, packet */
} Waiting;

struct Line {
  Fabric *fabric;
  Netns router;
  int fd, wake;
  GThread *thread;
  GMutex lock;
  gboolean stop;
  LineSlot slots[LINE_SLOTS];
  GArray *devices;              /* LineDevice; what is gone stays, so that no number means another */
  GHashTable *numbers;          /* name -> index of devices + 1 */
  GHashTable *last;             /* device and slots -> due_us of the last packet: none overtakes another */
  GSequence *waiting;           /* Waiting *, by due_us and sequence */
  gsize bytes;                  /* of waiting */
  guint64 sequence, dropped;
  guint8 buffer[PACKET_MAX];
};

static gint compare_waiting(gconstpointer x, gconstpointer y, gpointer data) {
  const Waiting *a = x, *b = y;
  (void) data;
  return a->due_us != b->due_us ? (a->due_us < b->due_us ? -1 : 1) : a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

/* --- in and out. Lock held --- */

static void send_one(Line *line, Waiting *packet) {
  const LineDevice *device = &g_array_index(line->devices, LineDevice, packet->device);
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = device->index, .sll_halen = ETH_ALEN};
  guint8 *header = packet->data + sizeof(struct virtio_net_hdr);
  memcpy(to.sll_addr, device->mac, ETH_ALEN);
  memcpy(header, device->mac, ETH_ALEN);
  memcpy(header + ETH_ALEN, router_mac, ETH_ALEN);
  if (sendto(line->fd, packet->data, packet->size, MSG_DONTWAIT, (const struct sockaddr *) &to, sizeof to) < 0)
    line->dropped++;
}

/* Those whose time has come, in order. */
static void send_due(Line *line, gint64 now) {
  while (!g_sequence_is_empty(line->waiting)) {
    GSequenceIter *first = g_sequence_get_begin_iter(line->waiting);
    Waiting *packet = g_sequence_get(first);
    if (packet->due_us > now)
      return;
    send_one(line, packet);
    line->bytes -= packet->size;
    g_sequence_remove(first);
  }
}

/* When a packet that came now may go on. */
static gint64 due_of(const Line *line, const Waiting *packet, gint64 now) {
  gint64 due = now;
  for (guint i = 0; i < LINE_SLOTS; i++) {
    const LineSlot *slot = &line->slots[i];
    if (!(packet->slots & 1U << i))
      continue;
    due += (gint64) slot->delay_ms * 1000;
    if (slot->jitter_ms)
      due += g_random_int_range(-(gint32) slot->jitter_ms * 1000, (gint32) slot->jitter_ms * 1000 + 1);
  }
  return MAX(due, now);
}

/* Takes data; what cannot wait is dropped, as on a full queue of a router. */
static void take_in(Line *line, const guint8 *data, gsize size, gint64 now) {
  const guint8 *header = data + sizeof(struct virtio_net_hdr);
  if (size < sizeof(struct virtio_net_hdr) + ETH_HLEN || header[0] != MARKED)
    return;
  guint32 device = (guint32) header[NUMBER_BYTES] << 16 | (guint32) header[NUMBER_BYTES + 1] << 8 | header[NUMBER_BYTES + 2];
  if (device >= line->devices->len || line->bytes + size > BYTES_MAX || (guint) g_sequence_get_length(line->waiting) >= PACKETS_MAX) {
    line->dropped++;
    return;
  }
  Waiting *packet = g_malloc(sizeof *packet + size);
  *packet = (Waiting){.sequence = ++line->sequence, .device = device, .size = size};
  for (guint i = 0; i < LINE_SLOTS; i++)
    packet->slots |= (guint8) (header[SLOT_BYTES + i] ? 1U << i : 0);
  packet->due_us = due_of(line, packet, now);
  gpointer key = GUINT_TO_POINTER(device << LINE_SLOTS | packet->slots);
  gint64 *last = g_hash_table_lookup(line->last, key);
  if (!last)
    g_hash_table_insert(line->last, key, last = g_new0(gint64, 1));
  packet->due_us = *last = MAX(*last, packet->due_us);
  memcpy(packet->data, data, size);
  line->bytes += size;
  g_sequence_insert_sorted(line->waiting, packet, compare_waiting, NULL);
}

/* TRUE: there may be more. */
static gboolean receive_some(Line *line) {
  for (int i = 0; i < AT_A_TIME; i++) {
    ssize_t n = recv(line->fd, line->buffer, sizeof line->buffer, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return FALSE;
    if (n > 0)
      take_in(line, line->buffer, (gsize) n, clock_monotonic_us());
  }
  return TRUE;
}

/* How long nothing is due; NULL: until something comes. */
static const struct timespec *time_left(const Line *line, struct timespec *ret_time) {
  if (g_sequence_is_empty(line->waiting))
    return NULL;
  const Waiting *first = g_sequence_get(g_sequence_get_begin_iter(line->waiting));
  gint64 left = MAX(first->due_us - clock_monotonic_us(), 0);
  *ret_time = (struct timespec){left / G_USEC_PER_SEC, left % G_USEC_PER_SEC * 1000};
  return ret_time;
}

static gpointer run(gpointer data) {
  Line *line = data;
  for (gboolean more = FALSE;;) {
    struct timespec time = {0};
    g_mutex_lock(&line->lock);
    more = receive_some(line);
    send_due(line, clock_monotonic_us());
    const struct timespec *left = more ? &time : time_left(line, &time);
    gboolean stop = line->stop;
    g_mutex_unlock(&line->lock);
    if (stop)
      return NULL;
    struct pollfd wait[] = {{line->fd, POLLIN, 0}, {line->wake, POLLIN, 0}};
    guint64 woken = 0;
    if (ppoll(wait, G_N_ELEMENTS(wait), left, NULL) > 0 && (wait[1].revents & POLLIN) && read(line->wake, &woken, sizeof woken) < 0)
      log_debug("line: %s", g_strerror(errno));
  }
}

static void wake(const Line *line) {
  guint64 one = 1;
  if (write(line->wake, &one, sizeof one) < 0)
    log_debug("line: %s", g_strerror(errno));
}

/* --- made and changed --- */

Error *line_new(Fabric *fabric, Netns router, Line **ret_line) {
  g_autoptr(GArray) ops = net_ops();
  WardenSocket spec = {.kind = WARDEN_SOCKET_PACKET, .device = "line_p", .backlog = SOCKET_BUFFER};
  int fd = -1;
  net_device(ops, NET_LINK_DELETE, "line");
  net_nowhere(ops, "line");
  TRY(net_run(fabric, router, ops));
  TRY(warden_socket(fabric->warden, router, &spec, &fd));
  int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) {
    close(fd);
    return error_fault("eventfd: %s", g_strerror(errno));
  }
  Line *line = g_new0(Line, 1);
  line->fabric = fabric;
  line->router = router;
  line->fd = fd;
  line->wake = wake_fd;
  g_mutex_init(&line->lock);
  line->devices = g_array_new(FALSE, TRUE, sizeof(LineDevice));
  line->numbers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  line->last = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
  line->waiting = g_sequence_new(g_free);
  line->thread = g_thread_new("fabric-line", run, line);
  *ret_line = line;
  return NULL;
}

/* Packets that wait for one of these slots are due now, in the order in which they came. Lock held. */
static void release(Line *line, guint8 slots) {
  gint64 now = clock_monotonic_us();
  for (GSequenceIter *at = g_sequence_get_begin_iter(line->waiting); !g_sequence_iter_is_end(at); at = g_sequence_iter_next(at)) {
    Waiting *packet = g_sequence_get(at);
    if (packet->slots & slots)
      packet->due_us = MIN(packet->due_us, now);
  }
  g_sequence_sort(line->waiting, compare_waiting, NULL);
  g_hash_table_remove_all(line->last);
  send_due(line, now);
}

void line_set(Line *line, const LineSlot *slots) {
  guint8 lifted = 0;
  g_mutex_lock(&line->lock);
  for (int i = 0; i < ROUNDS_MAX && receive_some(line); i++)   /* what came before the change */
    continue;
  for (guint i = 0; i < LINE_SLOTS; i++)
    if (memcmp(&slots[i], &line->slots[i], sizeof *slots) != 0)
      lifted |= (guint8) (1U << i);
  memcpy(line->slots, slots, sizeof line->slots);
  if (lifted)
    release(line, lifted);
  g_mutex_unlock(&line->lock);
  wake(line);
}

void line_free(Line *line) {
  static const LineSlot none[LINE_SLOTS];
  if (!line)
    return;
  line_set(line, none);
  g_mutex_lock(&line->lock);
  line->stop = TRUE;
  g_mutex_unlock(&line->lock);
  wake(line);
  g_thread_join(line->thread);
  if (line->dropped)
    log_info("%" G_GUINT64_FORMAT " packets found no place on the line of a rehearsed latency", line->dropped);
  g_autoptr(GArray) ops = net_ops();
  net_device(ops, NET_LINK_DELETE, "line");
  error_free(net_run(line->fabric, line->router, ops));
  close(line->fd);
  close(line->wake);
  g_sequence_free(line->waiting);
  g_hash_table_unref(line->last);
  g_hash_table_unref(line->numbers);
  g_array_unref(line->devices);
  g_mutex_clear(&line->lock);
  g_free(line);
}

/* --- rules --- */

void line_begin(const Line *line, GString *commands) {
  (void) line;
  g_string_append(commands, "add table netdev line\ndelete table netdev line\nadd table netdev line\nadd chain netdev line wait\n");
  for (guint i = 0; i < LINE_SLOTS; i++)
    g_string_append_printf(commands, "add rule netdev line wait meta mark and 0x%08x != 0 @ll,%u,8 set 1\n", LINE_MARK << i, (SLOT_BYTES + i) * 8);
  g_string_append(commands, "add rule netdev line wait fwd to \"line\"\n");
}

/* The number of a device's name, which it keeps. */
static guint32 number_of(Line *line, const char *device, int index, const guint8 mac[6]) {
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&line->lock);
  guint known = GPOINTER_TO_UINT(g_hash_table_lookup(line->numbers, device));
  LineDevice entry = {.index = index};
  memcpy(entry.mac, mac, sizeof entry.mac);
  if (!known) {
    g_array_append_val(line->devices, entry);
    known = line->devices->len;
    g_hash_table_insert(line->numbers, g_strdup(device), GUINT_TO_POINTER(known));
  } else {
    g_array_index(line->devices, LineDevice, known - 1) = entry;
  }
  return known - 1;
}

void line_device(Line *line, GString *commands, const char *device, const guint8 mac[6]) {
  struct ifreq request = {0};
  g_strlcpy(request.ifr_name, device, sizeof request.ifr_name);
  if (ioctl(line->fd, SIOCGIFINDEX, &request) < 0)
    return;
  guint32 number = number_of(line, device, request.ifr_ifindex, mac);
  g_string_append_printf(commands,
                         "# device %d\nadd chain netdev line at_%s { type filter hook egress device \"%s\" priority 0; }\n"
                         "add rule netdev line at_%s meta mark and 0x%08x != 0 ether daddr set %02x:00:00:00:00:00 ether saddr set 00:00:00:%02x:%02x:%02x goto wait\n",
                         request.ifr_ifindex, device, device, device, LINE_MARK * ((1U << LINE_SLOTS) - 1), MARKED, number >> 16 & 255, number >> 8 & 255, number & 255);
}
