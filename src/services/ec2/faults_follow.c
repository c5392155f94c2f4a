/* What a fault names by a function, a database or a subnet may get interfaces when the fault is on already. A thread looks again who it is when interfaces
 * have come, and once more a little later: the record that says whose an interface is may be written after it. */
#include "services/ec2/faults.h"

#include <string.h>

enum { LOOKS = 4, BETWEEN_US = 500 * 1000 };

/* A fault that is on: what is asked of the fabric for each of its interfaces (target: what was named), and those that have it. */
typedef struct Followed { FabricFault fault; GHashTable *interfaces; } Followed;

struct Ec2Follow {
  Haar *haar;
  GMutex lock;
  GCond cond;
  GThread *thread;         /* from the first fault on */
  GHashTable *faults;      /* name -> Followed * */
  guint looks;             /* how many more there are to be */
  gboolean ends;
};

static void followed_free(gpointer data) {
  Followed *followed = data;
  g_free((char *) followed->fault.name);
  g_free((char *) followed->fault.target);
  g_hash_table_unref(followed->interfaces);
  g_free(followed);
}

Ec2Follow *ec2_follow_new(Haar *haar) {
  Ec2Follow *follow = g_new0(Ec2Follow, 1);
  follow->haar = haar;
  g_mutex_init(&follow->lock);
  g_cond_init(&follow->cond);
  follow->faults = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, followed_free);
  return follow;
}

void ec2_follow_free(Ec2Follow *follow) {
  g_mutex_lock(&follow->lock);
  follow->ends = TRUE;
  g_cond_signal(&follow->cond);
  g_mutex_unlock(&follow->lock);
  if (follow->thread)
    g_thread_join(follow->thread);
  g_hash_table_unref(follow->faults);
  g_cond_clear(&follow->cond);
  g_mutex_clear(&follow->lock);
  g_free(follow);
}

/* The names of the faults, and what they name: copies. */
static GPtrArray *names_of(Ec2Follow *follow) {
  GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&follow->lock);
  GHashTableIter iter;
  gpointer name, value;
  g_hash_table_iter_init(&iter, follow->faults);
  while (g_hash_table_iter_next(&iter, &name, &value)) {
    g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_add(names, g_strdup(((Followed *) value)->fault.target));
  }
  return names;
}

/* Those that are new get the fault, if it is still on. */
static void give(Ec2Follow *follow, const char *name, const StringList *interfaces) {
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&follow->lock);
  Followed *followed = g_hash_table_lookup(follow->faults, name);
  for (gsize i = 0; followed && i < interfaces->n; i++) {
    FabricFault fault = followed->fault;
    fault.target = interfaces->v[i];
    if (g_hash_table_add(followed->interfaces, g_strdup(interfaces->v[i])))
      fabric_fault_set(follow->haar->fabric, &fault);
  }
}

static void look(Ec2Follow *follow) {
  g_autoptr(GPtrArray) names = names_of(follow);
  for (guint i = 0; i < names->len; i += 2) {
    g_autoptr(Call) call = call_new(follow->haar, "000000000000", follow->haar->region, NULL);
    FaultTarget found = {0};
    g_autoptr(Error) error = ec2_fault_target(call, names->pdata[i + 1], &found);
    if (error)
      log_warning("fault %s: %s", (char *) names->pdata[i], error->message);
    else
      give(follow, names->pdata[i], &found.interfaces);
  }
}

static gpointer run(gpointer data) {
  Ec2Follow *follow = data;
  g_mutex_lock(&follow->lock);
  while (!follow->ends) {
    if (!follow->looks) {
      g_cond_wait(&follow->cond, &follow->lock);
      continue;
    }
    follow->looks--;
    g_mutex_unlock(&follow->lock);
    look(follow);
    g_mutex_lock(&follow->lock);
    gint64 until = g_get_monotonic_time() + BETWEEN_US;
    while (!follow->ends && follow->looks && g_cond_wait_until(&follow->cond, &follow->lock, until))
      ;
  }
  g_mutex_unlock(&follow->lock);
  return NULL;
}

/* Lock held. */
static void again(Ec2Follow *follow) {
  follow->looks = g_hash_table_size(follow->faults) ? LOOKS : 0;
  if (follow->looks && !follow->thread)
    follow->thread = g_thread_new("faults", run, follow);
  g_cond_signal(&follow->cond);
}

void ec2_follow_add(Ec2Follow *follow, const FabricFault *fault, const StringList *interfaces) {
  Followed *followed = g_new0(Followed, 1);
  followed->fault = *fault;
  followed->fault.name = g_strdup(fault->name);
  followed->fault.target = g_strdup(fault->target);
  followed->fault.other = NULL;
  followed->interfaces = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (gsize i = 0; i < interfaces->n; i++)
    g_hash_table_add(followed->interfaces, g_strdup(interfaces->v[i]));
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&follow->lock);
  g_hash_table_replace(follow->faults, g_strdup(fault->name), followed);
  again(follow);
}

void ec2_follow_remove(Ec2Follow *follow, const char *name) {
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&follow->lock);
  g_hash_table_remove(follow->faults, name);
}

void ec2_follow_changed(Ec2Follow *follow) {
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&follow->lock);
  if (g_hash_table_size(follow->faults))
    again(follow);
}
