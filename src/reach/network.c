/* network: addresses, and finding things in a VPC. */
#include "reach/reach.h"

#include <arpa/inet.h>
#include <string.h>

const ReachStageInfo reach_stages[STAGE_COUNT] = {
#define STAGE(id, prefix, priority, what) [STAGE_##id] = {#id, prefix, priority, what},
#include "reach/pipeline.def"
#undef STAGE
};

Network *network_new(const char *vpc_id) {
  Arena *arena = arena_new();
  Network *network = ARENA_NEW(arena, Network);
  network->arena = arena;
  network->vpc_id = arena_strdup(arena, vpc_id);
  return network;
}

void network_free(Network *network) {
  if (network)
    arena_free(network->arena);
}

#define FIND(array, n, id_)                                  \
  do {                                                       \
    for (gsize i_ = 0; (id_) && i_ < network->n; i_++)       \
      if (strcmp(network->array[i_].id, (id_)) == 0)         \
        return &network->array[i_];                          \
    return NULL;                                             \
  } while (0)

const Subnet *network_subnet(const Network *network, const char *id) { FIND(subnets, n_subnets, id); }
const RouteTable *network_route_table(const Network *network, const char *id) { FIND(route_tables, n_route_tables, id); }
const SecurityGroup *network_group(const Network *network, const char *id) { FIND(groups, n_groups, id); }
const NetworkAcl *network_acl(const Network *network, const char *id) { FIND(acls, n_acls, id); }
const Eni *network_eni(const Network *network, const char *id) { FIND(enis, n_enis, id); }
const Endpoint *network_endpoint(const Network *network, const char *id) { FIND(endpoints, n_endpoints, id); }
const PrefixList *network_prefix_list(const Network *network, const char *id) { FIND(prefix_lists, n_prefix_lists, id); }

const Eni *network_eni_at(const Network *network, guint32 address) {
  for (gsize i = 0; i < network->n_enis; i++)
    if (network->enis[i].address == address)
      return &network->enis[i];
  return NULL;
}

const Eni *network_eni_public(const Network *network, guint32 address) {
  for (gsize i = 0; address && i < network->n_enis; i++)
    if (network->enis[i].public_address == address)
      return &network->enis[i];
  return NULL;
}

gboolean network_is_local(const Network *network, guint32 address) {
  for (gsize i = 0; i < network->cidrs.n; i++)
    if (cidr_has(&network->cidrs.v[i], address))
      return TRUE;
  return FALSE;
}

/* A number of at most max at *at; moves behind it. FALSE: there is none, or it has more than digits digits. */
static gboolean take_number(const char **at, guint max, guint digits, guint *ret_value) {
  guint value = 0, n = 0;
  for (; g_ascii_isdigit(**at) && n <= digits; (*at)++, n++)
    value = value * 10 + (guint) (**at - '0');
  *ret_value = value;
  return n > 0 && n <= digits && value <= max;
}

static gboolean take_address(const char **at, guint32 *ret_address) {
  guint32 address = 0;
  for (int i = 0; i < 4; i++) {
    guint part = 0;
    if ((i > 0 && *(*at)++ != '.') || !take_number(at, 255, 3, &part))
      return FALSE;
    address = address << 8 | part;
  }
  *ret_address = address;
  return TRUE;
}

gboolean address_parse(const char *text, guint32 *ret_address) {
  guint32 address = 0;
  if (!text || !take_address(&text, &address) || *text)
    return FALSE;
  *ret_address = address;
  return TRUE;
}

gboolean cidr_parse(const char *text, Cidr *ret_cidr) {
  guint32 address = 0;
  guint prefix = 0;
  if (!text || !take_address(&text, &address) || *text++ != '/' || !take_number(&text, 32, 2, &prefix) || *text)
    return FALSE;
  *ret_cidr = (Cidr){address, (guint8) prefix};
  return TRUE;
}

static guint32 mask(guint8 prefix) { return prefix ? ~0U << (32 - prefix) : 0; }

gboolean cidr_has(const Cidr *cidr, guint32 address) { return ((cidr->address ^ address) & mask(cidr->prefix)) == 0; }

gboolean cidr_overlaps(const Cidr *a, const Cidr *b) {
  return ((a->address ^ b->address) & mask(MIN(a->prefix, b->prefix))) == 0;
}

guint32 cidr_base(const Cidr *cidr) { return cidr->address & mask(cidr->prefix); }

guint32 cidr_size(const Cidr *cidr) { return cidr->prefix ? 1U << (32 - cidr->prefix) : ~0U; }

char *address_text(Arena *arena, guint32 address) {
  return arena_printf(arena, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

char *cidr_text(Arena *arena, const Cidr *cidr) { return arena_printf(arena, "%s/%u", address_text(arena, cidr->address), cidr->prefix); }

guint32 reach_service_address(const char *service) {
  Cidr range;
  if (strcmp(service, "s3") == 0 && cidr_parse(REACH_S3, &range))
    return cidr_base(&range) + 1;
  if (strcmp(service, "dynamodb") == 0 && cidr_parse(REACH_DYNAMODB, &range))
    return cidr_base(&range) + 1;
  cidr_parse(REACH_SERVICES, &range);
  return cidr_base(&range) + 1 + g_str_hash(service) % 4093;
}
