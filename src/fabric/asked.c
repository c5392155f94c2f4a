/* asked: what the resolvers were asked: the name that led to an address, and names that were refused. Both for explanations, both bounded. */
#include "fabric/vpc.h"

#include <string.h>

enum { NAMES_KEPT = 4096 };

static char *asked_key(const char *vpc_id, Ip address) {
  return g_strdup_printf("%s %" G_GINT64_MODIFIER "x %" G_GINT64_MODIFIER "x", vpc_id ? vpc_id : "", address.high, address.low);
}

void asked_note(Fabric *fabric, const char *vpc_id, const char *name, const GArray *addresses) {
  if (g_hash_table_size(fabric->asked) > NAMES_KEPT)
    g_hash_table_remove_all(fabric->asked);
  for (guint i = 0; i < addresses->len; i++)
    g_hash_table_replace(fabric->asked, asked_key(vpc_id, g_array_index(addresses, Ip, i)), g_strdup(name));
}

/* What a C library adds to a name that it was told: the search domain of resolv.conf. */
static gboolean is_search(const char *name) {
  gboolean internal = g_str_has_suffix(name, ".ec2.internal") || g_str_has_suffix(name, ".compute.internal");
  return internal && !g_str_has_prefix(name, "ip-");
}

static gboolean same_question(const RefusedName *a, const RefusedName *b) {
  return a->cause == b->cause && strcmp(a->name, b->name) == 0 && strcmp(a->source, b->source) == 0 && strcmp(a->vpc_id, b->vpc_id) == 0;
}

void asked_refuse(Fabric *fabric, const char *vpc_id, const char *name, Ip from, NameRefusal cause) {
  g_autoptr(Arena) arena = arena_new();
  RefusedName refused = {.time_ms = clock_now(), .count = 1, .cause = cause};
  const Vpc *vpc = vpc_id ? g_hash_table_lookup(fabric->vpcs, vpc_id) : NULL;
  const Eni *eni = vpc && vpc->network ? network_eni_ip(vpc->network, from) : NULL;
  if (is_search(name) || g_str_has_suffix(name, ".arpa"))
    return;
  g_strlcpy(refused.vpc_id, vpc_id ? vpc_id : "", sizeof refused.vpc_id);
  g_strlcpy(refused.eni_id, eni ? eni->id : vpc_id ? "" : outside_at(fabric, from), sizeof refused.eni_id);
  g_strlcpy(refused.name, name, sizeof refused.name);
  g_strlcpy(refused.source, ip_text(arena, from), sizeof refused.source);
  guint64 first = fabric->n_refused > REFUSED_KEPT ? fabric->n_refused - REFUSED_KEPT : 0;
  for (guint64 i = fabric->n_refused; i-- > first;) {
    RefusedName *known = &fabric->refused[i % REFUSED_KEPT];
    if (same_question(known, &refused)) {
      known->count++;
      known->time_ms = refused.time_ms;
      return;
    }
  }
  refused.sequence = fabric->n_refused;
  fabric->refused[fabric->n_refused++ % REFUSED_KEPT] = refused;
}

char *fabric_asked_name(Fabric *fabric, const char *vpc_id, const char *address) {
  Ip value = {0};
  if (!ip_parse(address, &value))
    return NULL;
  g_autofree char *key = asked_key(vpc_id, value);
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  return g_strdup(g_hash_table_lookup(fabric->asked, key));
}

void fabric_refused_names(Fabric *fabric, const char *vpc_id, gint64 since_ms, guint max, RefusedName **ret_names, guint *ret_n) {
  g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(RefusedName));
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  guint64 first = fabric->n_refused > REFUSED_KEPT ? fabric->n_refused - REFUSED_KEPT : 0;
  for (guint64 i = fabric->n_refused; i-- > first && found->len < max;) {
    const RefusedName *name = &fabric->refused[i % REFUSED_KEPT];
    if (name->time_ms >= since_ms && (!vpc_id || strcmp(name->vpc_id, vpc_id) == 0))
      g_array_append_val(found, *name);
  }
  *ret_n = found->len;
  *ret_names = (RefusedName *) (void *) g_array_free(g_steal_pointer(&found), FALSE);
}
