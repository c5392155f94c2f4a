#include "server/server.h"

#include "server/admin.h"
#include "server/clock.h"
#include "server/operate.h"
#include "server/listener.h"
#include "server/pipeline.h"
#include "server/session.h"
#include "server/wait.h"

enum { WORKERS_MAX = 256, DRAIN_MS = 5000 };

static void
do_work(gpointer data, gpointer server)
{
  ServerWork *work = data;
  work->run(work->data);
  g_free(work);
}

void
server_work(Server *server, void (*run)(gpointer data), gpointer data)
{
  ServerWork *work = g_new0(ServerWork, 1);
  *work = (ServerWork){run, data};
  g_thread_pool_push(server->workers, work, NULL);
}

static Error *
start(Server *server)
{
  g_autofree char *directory = g_build_filename(server->haar->data_directory, "ca", NULL);
  TRY(ca_open(directory, &server->ca));
  TRY(http_server_new(&pipeline_events, server, server->ca, &server->http));
  return listeners_new(server->http, &server->listeners);
}

Error *
server_new(Haar *haar, Server **ret_server)
{
  Server *server = g_new0(Server, 1);
  server->haar = haar;
  server->started_us = clock_monotonic_us();
  server->admin = admin_new();
  server->denials = denials_new();
  server->waits = waits_new();
  server->activities = activities_new();
  server->sessions = sessions_new();
  server->faults = faults_new();
  server->workers = g_thread_pool_new(do_work, server, WORKERS_MAX, FALSE, NULL);
  haar->server = server;
  admin_add_own(haar);
  clock_admin(haar);
  denials_admin(haar);
  operate_admin(haar);
  faults_admin(haar);
  *ret_server = server;
  return start(server);
}

void
server_stop(Server *server)
{
  gint64 until = clock_real() + DRAIN_MS;
  if (server->listeners)
    listeners_stop(server->listeners);
  waits_stop(server->waits);
  while (server->http && http_server_busy(server->http) && clock_real() < until)
    g_usleep(5 * 1000);
}

/* Calls that are still running are left to the end of the process, which is near. */
void
server_free(Server *server)
{
  if (!server)
    return;
  if (server->http && !http_server_free(server->http)) {
    log_warning("%u calls were still running and are given up", http_server_busy(server->http));
    return;
  }
  listeners_free(server->listeners);
  g_thread_pool_free(server->workers, FALSE, TRUE);
  ca_free(server->ca);
  admin_free(server->admin);
  denials_free(server->denials);
  waits_free(server->waits);
  activities_free(server->activities);
  sessions_free(server->sessions);
  faults_free(server->faults);
  g_free(server);
}

guint
server_listen(Server *server, int fd, const ListenerInfo *info)
{
  return listeners_add(server->listeners, fd, info);
}

void
server_unlisten(Server *server, guint id)
{
  listeners_remove(server->listeners, id);
}

const char *
server_ca_pem(const Server *server)
{
  return ca_pem(server->ca);
}

const char *
server_ca_path(const Server *server)
{
  return ca_path(server->ca);
}

Error *
server_ca_sign(const Server *server, const char *name, const char *key_pem, char **ret_pem)
{
  return ca_sign(server->ca, name, key_pem, ret_pem);
}
