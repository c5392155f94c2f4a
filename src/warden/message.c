/* message: payloads and descriptors over the socket pair. */
#include "warden/protocol.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

void warden_message_clear(WardenMessage *message) {
  g_clear_pointer(&message->data, g_byte_array_unref);
  for (guint i = 0; i < message->n_fds; i++)
    if (message->fds[i] >= 0)
      close(message->fds[i]);
  message->n_fds = 0;
}

static Error *payload_file(const void *data, gsize size, int *ret_fd) {
  int fd = memfd_create("warden", MFD_CLOEXEC);
  if (fd < 0)
    return error_fault("memfd_create: %s", g_strerror(errno));
  for (gsize done = 0; done < size;) {
    ssize_t n = write(fd, (const guint8 *) data + done, size - done);
    if (n < 0) {
      close(fd);
      return error_fault("write to a memory file: %s", g_strerror(errno));
    }
    done += (gsize) n;
  }
  *ret_fd = fd;
  return NULL;
}

static Error *send_parts(int socket, const WardenHeader *header, const void *data, const int *fds, guint n_fds) {
  struct iovec parts[2] = {{(void *) header, sizeof *header}, {(void *) data, header->in_file ? 0 : header->size}};
  union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int) * (WARDEN_FDS + 1))]; } control = {0};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  if (n_fds > 0) {
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
    memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
  }
  while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
    if (errno != EINTR)
      return error_fault("the warden's socket: %s", g_strerror(errno));
  return NULL;
}

Error *warden_send(int socket, guint32 type, const void *data, gsize size, const int *fds, guint n_fds) {
  WardenHeader header = {type, (guint32) size, size > WARDEN_INLINE};
  int all[WARDEN_FDS + 1];
  if (n_fds > WARDEN_FDS || size > WARDEN_PAYLOAD_MAX)
    return error_fault("a message of %" G_GSIZE_FORMAT " bytes and %u descriptors is too large", size, n_fds);
  if (!header.in_file)
    return send_parts(socket, &header, data, fds, n_fds);
  TRY(payload_file(data, size, &all[0]));
  if (n_fds > 0)
    memcpy(all + 1, fds, sizeof(int) * n_fds);
  Error *error = send_parts(socket, &header, NULL, all, n_fds + 1);
  close(all[0]);
  return error;
}

static Error *read_file(WardenMessage *message) {
  if (message->n_fds < 1 || message->header.size > WARDEN_PAYLOAD_MAX)
    return error_fault("a malformed message");
  g_byte_array_set_size(message->data, message->header.size);
  for (gsize done = 0; done < message->header.size;) {
    ssize_t n = pread(message->fds[0], message->data->data + done, message->header.size - done, (off_t) done);
    if (n <= 0)
      return error_fault("a memory file is shorter than it says");
    done += (gsize) n;
  }
  close(message->fds[0]);
  message->n_fds--;
  memmove(message->fds, message->fds + 1, sizeof(int) * message->n_fds);
  return NULL;
}

Error *warden_receive(int socket, WardenMessage *message, gboolean *ret_end) {
  int received[WARDEN_FDS + 1];
  union { struct cmsghdr header; char space[CMSG_SPACE(sizeof received)]; } control = {0};
  message->data = g_byte_array_new();
  message->n_fds = 0;
  g_byte_array_set_size(message->data, WARDEN_INLINE);
  struct iovec parts[2] = {{&message->header, sizeof message->header}, {message->data->data, WARDEN_INLINE}};
  struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t n;
  while ((n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {}
  *ret_end = n == 0 || (n < 0 && errno == ECONNRESET);
  if (*ret_end)
    return NULL;
  if (n < 0)
    return error_fault("the warden's socket: %s", g_strerror(errno));
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
      guint n_fds = (guint) ((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      memcpy(received, CMSG_DATA(c), n_fds * sizeof(int));
      for (guint i = 0; i < n_fds; i++)
        if (message->n_fds < WARDEN_FDS)
          message->fds[message->n_fds++] = received[i];
        else
          close(received[i]);
    }
  if (n < (ssize_t) sizeof message->header || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
    return error_fault("a malformed message");
  if (message->header.in_file)
    return read_file(message);
  if ((gsize) n - sizeof message->header != message->header.size)
    return error_fault("a malformed message");
  g_byte_array_set_size(message->data, message->header.size);
  return NULL;
}

Error *warden_take(WardenInput *in, void *ret_value, gsize size) {
  if ((gsize) (in->end - in->at) < size)
    return error_fault("a request is too short");
  memcpy(ret_value, in->at, size);
  in->at += size;
  return NULL;
}
