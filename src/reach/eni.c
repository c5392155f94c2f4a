/* eni: an interface's addresses; and interfaces that come and go in a network that is kept. */
#include "reach/reach.h"

#include <string.h>

gboolean eni_has_ip(const Eni *eni, Ip address) {
  if (ip_is4(address) && eni->address == ip_to4(address))
    return eni->address != 0;
  for (gsize i = 0; i < eni->n_more; i++)
    if (ip_equal(eni->more[i].address, address))
      return TRUE;
  return FALSE;
}

gboolean eni_ip(const Eni *eni, gboolean ipv6, Ip *ret_address) {
  if (!ipv6 && eni->address) {
    *ret_address = ip_of4(eni->address);
    return TRUE;
  }
  for (gsize i = 0; i < eni->n_more; i++)
    if (ip_is4(eni->more[i].address) != ipv6) {
      *ret_address = eni->more[i].address;
      return TRUE;
    }
  return FALSE;
}

guint32 eni_public(const Eni *eni, Ip address) {
  if (ip_is4(address) && ip_to4(address) == eni->address)
    return eni->public_address;
  for (gsize i = 0; i < eni->n_more; i++)
    if (ip_equal(eni->more[i].address, address))
      return eni->more[i].public_address;
  return 0;
}

gboolean eni_equal(const Eni *a, const Eni *b) {
  gboolean equal = strcmp(a->id, b->id) == 0 && g_strcmp0(a->subnet, b->subnet) == 0 && a->kind == b->kind && a->address == b->address &&
                   a->public_address == b->public_address && g_strcmp0(a->owner, b->owner) == 0 && a->no_source_check == b->no_source_check &&
                   a->ordinary_dns == b->ordinary_dns && a->n_groups == b->n_groups && a->n_more == b->n_more;
  for (gsize i = 0; equal && i < a->n_groups; i++)
    equal = strcmp(a->groups[i], b->groups[i]) == 0;
  for (gsize i = 0; equal && i < a->n_more; i++)
    equal = ip_equal(a->more[i].address, b->more[i].address) && a->more[i].public_address == b->more[i].public_address;
  return equal;
}

void eni_copy(Arena *arena, const Eni *eni, Eni *ret_copy) {
  Eni copy = *eni;
  copy.id = arena_strdup(arena, eni->id);
  copy.subnet = arena_strdup(arena, eni->subnet);
  copy.owner = arena_strdup(arena, eni->owner);
  copy.groups = ARENA_ARRAY(arena, const char *, eni->n_groups + 1);
  for (gsize i = 0; i < eni->n_groups; i++)
    copy.groups[i] = arena_strdup(arena, eni->groups[i]);
  copy.more = eni->n_more ? arena_memdup(arena, eni->more, eni->n_more * sizeof *eni->more) : NULL;
  *ret_copy = copy;
}

/* What is no longer used stays in the arenas; when it is more than what is used, the interfaces move to a new one. */
static void compact(Network *network) {
  if (network->enis_gone < network->n_enis + 256)
    return;
  Arena *arena = arena_new();
  for (gsize i = 0; i < network->n_enis; i++)
    eni_copy(arena, &network->enis[i], &network->enis[i]);
  if (network->eni_arena)
    arena_free(network->eni_arena);
  network->eni_arena = arena;
  network->enis_gone = 0;
}

static void make_room(Network *network) {
  if (network->eni_room > network->n_enis)
    return;
  gboolean own = network->eni_room > 0;
  network->eni_room = MAX(64, network->n_enis * 2);
  Eni *enis = g_new0(Eni, network->eni_room);
  if (network->n_enis)
    memcpy(enis, network->enis, network->n_enis * sizeof *enis);
  if (own)
    g_free(network->enis);
  network->enis = enis;
}

void network_eni_put(Network *network, const Eni *eni) {
  Eni *there = (Eni *) network_eni(network, eni->id);
  if (!network->eni_arena)
    network->eni_arena = arena_new();
  if (there) {
    eni_copy(network->eni_arena, eni, there);
    network->enis_gone++;
  } else {
    make_room(network);
    eni_copy(network->eni_arena, eni, &network->enis[network->n_enis++]);
  }
  compact(network);
}

gboolean network_eni_remove(Network *network, const char *id) {
  Eni *there = (Eni *) network_eni(network, id);
  if (!there)
    return FALSE;
  *there = network->enis[--network->n_enis];
  network->enis_gone++;
  compact(network);
  return TRUE;
}
