/* shell: a process in a subnet, with groups and a role: what a bastion is used for. `haar shell` connects to a socket in the data directory (only this
 * machine's same user, or root, may), hands over its terminal, and learns the exit status. The interface lives as long as the process; both end when
 * the other side hangs up. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sandbox/sandbox.h"
#include "services/ec2/owners.h"
#include "services/ec2/shell.h"
#include "services/ec2/why.h"

enum { REQUEST_MAX = 128 * 1024, SHELLS_MAX = 32, ROLE_HOURS = 12, MEMORY_MB = 2048 };

static const char description[] = "haar shell";

struct Ec2Shells {
  Haar *haar;
  int listener, stop;        /* stop: an eventfd */
  GThread *thread;
  gint running;
};

/* One shell. */
typedef struct Session {
  Haar *haar;
  int socket, ended;         /* ended: an eventfd that the sandbox's end sets */
  int stdio[3];
  Json *request;
  Arena *arena;
  Place place;
  Call *call;                /* root's, in the place's account and region */
  const char *subnet, *role, *session_name;
  StringList groups;
  Ec2NetworkInterface *eni;
  struct { gsize n; const char **v; } env;
  guint64 use;
} Session;

/* --- what was asked for --- */

/* A resource by id, logical id, or (groups) name. */
static const char *find_id(const Session *session, const char *prefix, const char *name) {
  GHashTableIter iter;
  gpointer id, logical;
  if (g_str_has_prefix(name, prefix))
    return name;
  g_hash_table_iter_init(&iter, session->place.owners->logical);
  while (g_hash_table_iter_next(&iter, &id, &logical))
    if (g_str_has_prefix(id, prefix) && strcmp(logical, name) == 0 && (network_subnet(session->place.network, id) || network_group(session->place.network, id)))
      return id;
  for (gsize i = 0; i < session->place.network->n_groups; i++)
    if (strcmp(prefix, "sg-") == 0 && strcmp(session->place.network->groups[i].name, name) == 0)
      return session->place.network->groups[i].id;
  return NULL;
}

/* Whether this VPC has what was asked for. */
static gboolean is_place(const Session *session, const Place *place) {
  const char *vpc = json_string(json_get(session->request, "vpc")), *function = json_string(json_get(session->request, "function"));
  const char *subnet = json_string(json_get(session->request, "subnet"));
  const OwnedFunction *owned = owners_function(place->owners, function);
  Session there = *session;
  there.place = *place;
  if (!place->network)
    return FALSE;
  if (vpc && strcmp(vpc, place->network->vpc_id) != 0 && g_strcmp0(vpc, g_hash_table_lookup(place->owners->logical, place->network->vpc_id)) != 0 &&
      g_strcmp0(vpc, g_hash_table_lookup(place->owners->stacks, place->network->vpc_id)) != 0)
    return FALSE;
  if (function && (!owned || !owned->subnets.n || !network_subnet(place->network, owned->subnets.v[0])))
    return FALSE;
  const char *id = subnet ? find_id(&there, "subnet-", subnet) : NULL;
  return !subnet || (id && network_subnet(place->network, id));
}

static Error *find_place(Session *session) {
  g_autoptr(Call) call = call_new(session->haar, "000000000000", session->haar->region, NULL);
  g_autoptr(GPtrArray) places = NULL;
  Place *found = NULL;
  TRY(places_all(call, &places));
  for (guint i = 0; i < places->len; i++) {
    if (!is_place(session, places->pdata[i]))
      continue;
    if (found)
      return error_answer("Ambiguous", "There are several VPCs: say which one with --subnet, --vpc or --function (`haar net` lists them)");
    found = places->pdata[i];
  }
  if (!found)
    return error_answer("NotFound", "There is no such VPC, subnet or function in a VPC; `haar net` lists them");
  session->place = *found;
  *found = (Place){0};
  return NULL;
}

static gboolean is_private(const Network *network, const Subnet *subnet) {
  const RouteTable *table = network_route_table(network, subnet->route_table);
  const Route *route = table ? route_find(network, table, ip_of4(8U << 24 | 8U << 16 | 8U << 8 | 8U), NULL) : NULL;
  return !route || route->target != TARGET_INTERNET_GATEWAY;
}

/* The given subnet, or the first private one. */
static Error *choose_subnet(Session *session) {
  const Network *network = session->place.network;
  const char *wanted = json_string(json_get(session->request, "subnet"));
  if (wanted)
    session->subnet = find_id(session, "subnet-", wanted);
  for (gsize i = 0; !session->subnet && i < network->n_subnets; i++)
    if (is_private(network, &network->subnets[i]))
      session->subnet = network->subnets[i].id;
  if (!session->subnet && network->n_subnets)
    session->subnet = network->subnets[0].id;
  return session->subnet ? NULL : error_answer("NotFound", "%s has no subnet", network->vpc_id);
}

static Error *choose(Session *session) {
  const OwnedFunction *function = owners_function(session->place.owners, json_string(json_get(session->request, "function")));
  const Json *groups = json_get(session->request, "groups");
  session->role = json_string(json_get(session->request, "role"));
  session->session_name = "haar-shell";
  if (function) {
    session->subnet = function->subnets.v[0];
    session->groups = function->groups;
    session->role = session->role ? session->role : function->role;
    session->session_name = function->name;
  }
  if (!function || json_string(json_get(session->request, "subnet")))
    TRY(choose_subnet(session));
  for (guint32 i = 0; groups && i < groups->n; i++) {
    const char *name = json_string(groups->items[i]), *id = name ? find_id(session, "sg-", name) : NULL;
    if (!id)
      return error_answer("InvalidGroup.NotFound", "The security group '%s' does not exist in %s", name ? name : "", session->place.network->vpc_id);
    if (i == 0)
      session->groups = (StringList){0};
    LIST_APPEND(session->arena, &session->groups, id);
  }
  return NULL;
}

/* --- credentials --- */

static void set_env(Session *session, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void set_env(Session *session, const char *format, ...) {
  va_list args;
  va_start(args, format);
  const char *text = arena_vprintf(session->arena, format, args);
  va_end(args);
  LIST_APPEND(session->arena, &session->env, text);
}

typedef struct MakeSession { Principal principal; Credential *credential; } MakeSession;

static Error *make_session(Call *call, gpointer data) {
  MakeSession *make = data;
  return iam_session_create(call->txn, call->arena, &make->principal, (gint64) ROLE_HOURS * 3600 * 1000, &make->credential);
}

/* The role's session, without asking its trust policy: who may use this socket is the account's root. */
static Error *set_credentials(Session *session) {
  Call *call = session->call;
  if (!session->role)
    return NULL;
  const char *slash = strrchr(session->role, '/'), *name = slash ? slash + 1 : session->role;
  Json *in = json_new_object(call->arena), *out = NULL;
  json_set(call->arena, in, "RoleName", json_new_string(call->arena, name));
  TRY(owners_ask(session->place.owners, "iam", "GetRole", in, &out));
  const char *arn = json_string(json_path(out, "Role.Arn")), *id = json_string(json_path(out, "Role.RoleId"));
  MakeSession make = {.principal = {.type = PRINCIPAL_ROLE_SESSION, .account = call->account, .role_arn = arn,
    .arn = arena_printf(call->arena, "arn:aws:sts::%s:assumed-role/%s/%s", call->account, name, session->session_name),
    .user_id = arena_printf(call->arena, "%s:%s", id, session->session_name)}};
  TRY(call_write(call, make_session, &make));
  set_env(session, "AWS_ACCESS_KEY_ID=%s", make.credential->access_key);
  set_env(session, "AWS_SECRET_ACCESS_KEY=%s", make.credential->secret_key);
  set_env(session, "AWS_SESSION_TOKEN=%s", make.credential->session_token);
  return NULL;
}

static void set_environment(Session *session) {
  static const char bundle[] = "/etc/ssl/certs/ca-certificates.crt";
  const char *term = json_string(json_get(session->request, "term"));
  set_env(session, "AWS_REGION=%s", session->call->region);
  set_env(session, "AWS_DEFAULT_REGION=%s", session->call->region);
  set_env(session, "AWS_EC2_METADATA_DISABLED=true");
  set_env(session, "AWS_CA_BUNDLE=%s", bundle);
  set_env(session, "SSL_CERT_FILE=%s", bundle);
  set_env(session, "REQUESTS_CA_BUNDLE=%s", bundle);
  set_env(session, "CURL_CA_BUNDLE=%s", bundle);
  set_env(session, "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
  set_env(session, "HOME=/tmp");
  set_env(session, "LANG=C.UTF-8");
  set_env(session, "TERM=%s", term ? term : "dumb");
  set_env(session, "PS1=%s %s$ ", session->subnet, session->eni->PrivateIpAddress);
  LIST_APPEND(session->arena, &session->env, NULL);
}

/* --- the interface --- */

static Error *make_eni(Call *call, gpointer data) {
  Session *session = data;
  const Ec2EniSpec spec = {.subnet_id = session->subnet, .description = description, .groups = &session->groups, .type = "interface"};
  return ec2_eni_make(call, &spec, &session->eni);
}

static Error *delete_eni(Call *call, gpointer data) { return ec2_eni_delete(call, data); }

/* --- the process --- */

static void ended(Sandbox *sandbox, const SandboxExit *exit, gpointer data) {
  const Session *session = data;
  eventfd_write(session->ended, 1);
}

static const char *const *command_of(Session *session) {
  const Json *given = json_get(session->request, "command"), *tty = json_get(session->request, "tty");
  struct { gsize n; const char **v; } argv = {0};
  static const char *const terminal[] = {"/usr/bin/setsid", "--ctty", "--wait"}, *const shell[] = {"/bin/bash", "-i"}, *const plain[] = {"/bin/bash"};
  gboolean is_tty = tty && tty->type == JSON_TRUE;
  for (gsize i = 0; is_tty && i < G_N_ELEMENTS(terminal); i++)
    LIST_APPEND(session->arena, &argv, terminal[i]);
  for (guint32 i = 0; given && given->type == JSON_ARRAY && i < given->n; i++) {
    const char *word = json_string(given->items[i]);
    if (word && i == 0 && !is_tty && !strchr(word, '/')) {   /* the sandbox takes a path; env looks it up */
      static const char env[] = "/usr/bin/env";
      const char *path = env;
      LIST_APPEND(session->arena, &argv, path);
    }
    if (word)
      LIST_APPEND(session->arena, &argv, word);
  }
  const char *const *other = is_tty ? shell : plain;
  for (gsize i = 0; (!given || !given->n) && i < (is_tty ? G_N_ELEMENTS(shell) : G_N_ELEMENTS(plain)); i++)
    LIST_APPEND(session->arena, &argv, other[i]);
  LIST_APPEND(session->arena, &argv, NULL);
  return argv.v;
}

static Error *start_process(Session *session, Sandbox **ret_sandbox) {
  Haar *haar = session->haar;
  int netns = -1;
  TRY(fabric_eni_netns(haar->fabric, session->eni->NetworkInterfaceId, &netns));
  session->use = server_use_begin(haar->server, session->eni->NetworkInterfaceId, description);
  g_autofree char *resolv = fabric_resolv_conf(haar->fabric, session->eni->NetworkInterfaceId);
  SandboxSpec spec = {
    .name = "shell", .hostname = session->eni->NetworkInterfaceId, .netns = netns, .argv = command_of(session), .env = session->env.v, .directory = "/tmp",
    .resolv_conf = resolv, .ca_path = server_ca_path(haar->server), .user = "shell", .memory_max = (gint64) MEMORY_MB << 20,
    .stdin_fd = session->stdio[0], .stdout_fd = session->stdio[1], .stderr_fd = session->stdio[2], .exited = ended, .data = session};
  Error *error = sandbox_start(haar->sandboxes, &spec, ret_sandbox);
  close(netns);
  return error;
}

static void say(const Session *session, const Json *json) {
  const char *text = json_text(session->arena, json);
  if (send(session->socket, text, strlen(text), MSG_NOSIGNAL) < 0)
    log_debug("haar shell: %s", g_strerror(errno));
}

static void say_exit(const Session *session, const SandboxExit *exit) {
  Json *json = json_new_object(session->arena);
  json_set(session->arena, json, "exit", json_new_int(session->arena, exit->signal ? 128 + exit->signal : exit->status));
  say(session, json);
}

static void say_ready(const Session *session) {
  Json *json = json_new_object(session->arena);
  json_set(session->arena, json, "ready", json_new_string(session->arena, session->eni->NetworkInterfaceId));
  say(session, json);
}

/* A message of the other side: {"signal": 15}. FALSE: it has hung up. */
static gboolean take_message(const Session *session, Sandbox *sandbox) {
  char buffer[256];
  ssize_t n = recv(session->socket, buffer, sizeof buffer, 0);
  g_autoptr(Arena) arena = arena_new();
  Json *json = NULL;
  if (n <= 0)
    return FALSE;
  g_autoptr(Error) error = json_parse(arena, buffer, (gsize) n, &json);
  const Json *number = error ? NULL : json_get(json, "signal");
  gint64 which = number && number->type == JSON_NUMBER ? g_ascii_strtoll(number->text, NULL, 10) : 0;
  if (which > 0 && which < 32)
    error_free(sandbox_signal(sandbox, (int) which));
  return TRUE;
}

/* Until the process has ended, or the other side hung up. */
static void attend(Session *session, Sandbox *sandbox, int stop) {
  SandboxExit exit = {.status = -1};
  for (;;) {
    struct pollfd fds[] = {{session->socket, POLLIN, 0}, {session->ended, POLLIN, 0}, {stop, POLLIN, 0}};
    if (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno != EINTR)
      break;
    if (fds[1].revents || fds[2].revents)
      break;
    if (fds[0].revents && !take_message(session, sandbox))
      break;
  }
  if (sandbox_running(sandbox))
    sandbox_kill(sandbox);
  if (sandbox_wait(sandbox, 5000, &exit))
    say_exit(session, &exit);
}

static Error *run_session(Session *session, int stop) {
  g_autoptr(Sandbox) sandbox = NULL;
  if (!session->haar->fabric)
    return error_answer("NetworkOff", "The network is off: %s", session->haar->network_off_reason ? session->haar->network_off_reason : "--network=off");
  TRY(find_place(session));
  TRY(choose(session));
  session->call = call_new(session->haar, session->place.owners->call->account, session->place.owners->call->region, NULL);
  TRY(set_credentials(session));
  TRY(call_write(session->call, make_eni, session));
  set_environment(session);
  TRY(start_process(session, &sandbox));
  for (int i = 0; i < 3; i++) {
    close(session->stdio[i]);
    session->stdio[i] = -1;
  }
  say_ready(session);
  attend(session, sandbox, stop);
  return NULL;
}

/* --- connections --- */

static void session_clear(Session *session) {
  if (session->use)
    server_use_end(session->haar->server, session->use);
  if (session->eni) {
    g_autoptr(Error) error = call_write(session->call, delete_eni, session->eni);
    if (error)
      log_warning("haar shell: %s: %s", session->eni->NetworkInterfaceId, error->message);
  }
  place_clear(&session->place);
  call_free(session->call);
  for (int i = 0; i < 3; i++)
    if (session->stdio[i] >= 0)
      close(session->stdio[i]);
  close(session->socket);
  close(session->ended);
  arena_free(session->arena);
}

/* The first message: the request, and the three descriptors. */
static Error *receive_request(Session *session) {
  g_autofree char *buffer = g_malloc(REQUEST_MAX);
  union { char bytes[CMSG_SPACE(3 * sizeof(int))]; struct cmsghdr align; } control;
  struct iovec part = {buffer, REQUEST_MAX};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  ssize_t n = recvmsg(session->socket, &message, MSG_CMSG_CLOEXEC);
  const struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
  if (!header || header->cmsg_type != SCM_RIGHTS || header->cmsg_len < CMSG_LEN(sizeof session->stdio) || (message.msg_flags & MSG_TRUNC))
    return error_answer("ValidationException", "A shell needs a request of at most %d bytes and three descriptors", REQUEST_MAX);
  memcpy(session->stdio, CMSG_DATA(header), sizeof session->stdio);
  return json_parse(session->arena, buffer, (gsize) n, &session->request);
}

static gboolean may_use(int fd) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

typedef struct Accepted { Ec2Shells *shells; int fd; } Accepted;

static gpointer serve(gpointer data) {
  g_autofree Accepted *accepted = data;
  Ec2Shells *shells = accepted->shells;
  Session session = {.haar = shells->haar, .socket = accepted->fd, .ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .stdio = {-1, -1, -1}, .arena = arena_new()};
  g_autoptr(Error) error = may_use(accepted->fd) ? receive_request(&session) : error_answer("Forbidden", "Only the user who runs haar may open a shell");
  if (!error)
    error = run_session(&session, shells->stop);
  if (error) {
    Json *json = json_new_object(session.arena);
    json_set(session.arena, json, "error", json_new_string(session.arena, error->message));
    say(&session, json);
  }
  session_clear(&session);
  g_atomic_int_add(&shells->running, -1);
  return NULL;
}

static gpointer listen_for(gpointer data) {
  Ec2Shells *shells = data;
  for (;;) {
    struct pollfd fds[] = {{shells->listener, POLLIN, 0}, {shells->stop, POLLIN, 0}};
    if (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno != EINTR)
      return NULL;
    if (fds[1].revents)
      return NULL;
    int fd = fds[0].revents ? accept4(shells->listener, NULL, NULL, SOCK_CLOEXEC) : -1;
    if (fd < 0)
      continue;
    if (g_atomic_int_add(&shells->running, 1) >= SHELLS_MAX) {
      g_atomic_int_add(&shells->running, -1);
      close(fd);
      continue;
    }
    Accepted *accepted = g_new0(Accepted, 1);
    *accepted = (Accepted){shells, fd};
    g_thread_unref(g_thread_new("shell", serve, accepted));
  }
}

/* Bound by way of the directory's descriptor: a path may be longer than a socket's name. */
static Error *bind_listener(const char *directory, int *ret_fd) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int folder = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/shell.sock", folder);
  unlinkat(folder, "shell.sock", 0);
  int failed = fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof address) != 0 || fchmodat(folder, "shell.sock", 0600, 0) != 0 || listen(fd, SHELLS_MAX) != 0;
  const char *why = g_strerror(errno);
  close(folder);
  if (failed && fd >= 0)
    close(fd);
  *ret_fd = fd;
  return failed ? error_fault("cannot listen on %s/shell.sock: %s", directory, why) : NULL;
}

/* Interfaces of shells that ended with haar. */
static Error *sweep(Call *call, gpointer data) {
  g_autoptr(Cursor) cursor = NULL;
  struct { gsize n; void **v; } left = {0};
  TRY(cursor_open(call->txn, &ec2_interfaces.table, &(CursorOptions){0}, &cursor));
  while (cursor_next(cursor)) {
    gsize size = 0;
    const guint8 *bytes = cursor_value(cursor, &size);
    void *record = NULL;
    TRY(record_decode(call->arena, ec2_interfaces.shape, bytes, size, &record));
    if (g_strcmp0(((const Ec2NetworkInterface *) record)->Description, description) == 0)
      LIST_APPEND(call->arena, &left, record);
  }
  g_clear_pointer(&cursor, cursor_free);
  for (gsize i = 0; i < left.n; i++) {
    const Ec2NetworkInterface *eni = left.v[i];
    call->account = eni->OwnerId;
    call->region = arena_strndup(call->arena, eni->AvailabilityZone, strlen(eni->AvailabilityZone) - 1);
    TRY(ec2_eni_delete(call, eni));
  }
  return NULL;
}

Error *ec2_shells_new(Haar *haar, Ec2Shells **ret_shells) {
  g_autoptr(Call) call = call_new(haar, "000000000000", haar->region, NULL);
  TRY(call_write(call, sweep, NULL));
  Ec2Shells *shells = g_new0(Ec2Shells, 1);
  shells->haar = haar;
  shells->stop = eventfd(0, EFD_CLOEXEC);
  *ret_shells = shells;
  TRY(bind_listener(haar->data_directory, &shells->listener));
  shells->thread = g_thread_new("shells", listen_for, shells);
  return NULL;
}

void ec2_shells_free(Ec2Shells *shells) {
  if (!shells)
    return;
  eventfd_write(shells->stop, 1);
  if (shells->thread)
    g_thread_join(shells->thread);
  for (int i = 0; i < 500 && g_atomic_int_get(&shells->running); i++)
    g_usleep(10 * 1000);
  close(shells->listener);
  close(shells->stop);
  g_free(shells);
}
