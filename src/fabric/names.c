/* names: what the resolver of a VPC knows. Nothing is ever asked elsewhere.
 * https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html */
#include "fabric/vpc.h"

#include <string.h>

enum { SERVICE_TTL = 60, ENDPOINT_TTL = 60, INSTANCE_TTL = 60 };

typedef struct Lookup {
  Fabric *fabric;
  const Network *network;   /* NULL: outside */
  Arena *arena;
  const char *name;         /* lower case, no dot at the end */
  GArray *addresses;        /* Ip */
  const char *target;
  guint ttl;
} Lookup;

static gboolean answer_ip(Lookup *l, Ip address, guint ttl) {
  g_array_append_val(l->addresses, address);
  l->ttl = ttl;
  return TRUE;
}

static gboolean answer(Lookup *l, guint32 address, guint ttl) { return answer_ip(l, ip_of4(address), ttl); }

/* What is before suffix, or NULL. */
static const char *before(Lookup *l, const char *name, const char *suffix) {
  gsize n = strlen(name), m = strlen(suffix);
  return n > m && strcmp(name + n - m, suffix) == 0 ? arena_strndup(l->arena, name, n - m) : NULL;
}

static const char *last_label(const char *name) {
  const char *dot = strrchr(name, '.');
  return dot ? dot + 1 : name;
}

/* A region's name has two dashes: "us-east-1". */
static gboolean is_region(const char *label) {
  guint dashes = 0;
  for (const char *at = label; *at; at++)
    dashes += *at == '-';
  return dashes == 2 && g_ascii_isdigit(label[strlen(label) - 1]) && strncmp(label, "s3-", 3) != 0;
}

static const char *without_last_label(Lookup *l, const char *name) {
  const char *dot = strrchr(name, '.');
  return dot ? arena_strndup(l->arena, name, (gsize) (dot - name)) : "";
}

/* The service of a public host name: "dynamodb" of dynamodb.us-east-1.amazonaws.com; NULL: no service has this name.
 * *ret_exact: it is the service's own name, not one below it. *ret_dualstack: it has IPv6 addresses too. */
static const char *service_of(Lookup *l, gboolean *ret_exact, gboolean *ret_dualstack) {
  const char *rest = before(l, l->name, ".amazonaws.com");
  if (!rest)
    *ret_dualstack = (rest = before(l, l->name, ".on.aws")) != NULL;
  if (!rest || strstr(l->name, ".rds.amazonaws.com") || strstr(l->name, ".vpce."))
    return before(l, l->name, ".cloudfront.net") ? "cloudfront" : NULL;
  if (is_region(last_label(rest)))
    rest = without_last_label(l, rest);
  if (strcmp(last_label(rest), "dualstack") == 0) {
    *ret_dualstack = TRUE;
    rest = without_last_label(l, rest);
  }
  const char *label = last_label(rest);
  *ret_exact = label == rest;
  if (strcmp(label, "ddb") == 0)
    return "dynamodb";
  return g_str_has_prefix(label, "s3-") || strcmp(label, "s3-accesspoint") == 0 ? "s3" : *label ? label : NULL;
}

char *fabric_service_of(Fabric *fabric, const char *name) {
  g_autoptr(Arena) arena = arena_new();
  g_autofree char *lower = g_ascii_strdown(name, -1);
  Lookup l = {fabric, NULL, arena, lower, NULL, NULL, 0};
  gboolean exact = FALSE, dualstack = FALSE;
  return g_strdup(service_of(&l, &exact, &dualstack));
}

static gboolean from_private_names(Lookup *l) {
  gboolean found = FALSE;
  for (gsize i = 0; l->network && i < l->network->n_names; i++)
    if (g_ascii_strcasecmp(l->network->names[i].name, l->name) == 0)
      found = answer(l, l->network->names[i].address, ENDPOINT_TTL);
  return found;
}

static gboolean from_endpoint(Lookup *l, const Endpoint *endpoint) {
  gboolean found = FALSE;
  for (gsize i = 0; i < l->network->n_enis; i++)
    if (l->network->enis[i].kind == ENI_ENDPOINT && g_strcmp0(l->network->enis[i].owner, endpoint->id) == 0)
      found = answer(l, l->network->enis[i].address, ENDPOINT_TTL);
  return found;
}

/* vpce-0a1-0b2c3d4e.secretsmanager.us-east-1.vpce.amazonaws.com, everywhere; the service's own name if private DNS is on and the VPC's
 * attributes permit. */
static gboolean from_endpoints(Lookup *l, const char *service) {
  const Network *network = l->network;
  for (gsize i = 0; network && i < network->n_endpoints; i++) {
    const Endpoint *endpoint = &network->endpoints[i];
    if (endpoint->gateway)
      continue;
    if (before(l, l->name, ".vpce.amazonaws.com") && strstr(l->name, endpoint->id))
      return from_endpoint(l, endpoint);
    if (service && endpoint->private_dns && network->dns_support && network->dns_hostnames && strcmp(endpoint->service, service) == 0)
      return from_endpoint(l, endpoint);
  }
  return FALSE;
}

/* An endpoint with private DNS is a zone of AWS's in the VPC, of the service's name: of zones that overlap, the most specific answers.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html#hosted-zone-private-considerations-private-overlapping
 * https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html#interface-endpoint-dns-hostnames */
static gsize endpoint_zone(Fabric *fabric, const char *vpc_id, const char *name) {
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GArray) addresses = g_array_new(FALSE, FALSE, sizeof(Ip));
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  const Vpc *vpc = g_hash_table_lookup(fabric->vpcs, vpc_id);
  Lookup l = {fabric, vpc ? vpc->network : NULL, arena, name, addresses, NULL, 0};
  gboolean exact = FALSE, dualstack = FALSE;
  const char *service = service_of(&l, &exact, &dualstack);
  const char *at = name;
  if (!service || g_str_has_suffix(name, ".vpce.amazonaws.com") || !from_endpoints(&l, service))
    return 0;
  for (const char *dot = name; dot; dot = strchr(dot, '.')) {   /* the last label that is the service's */
    dot += *dot == '.';
    gsize size = strlen(service);
    if (strncmp(dot, service, size) == 0 && dot[size] == '.')
      at = dot;
  }
  return strlen(at);
}

/* Private zones answer only where both DNS attributes are on.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html#hosted-zone-private-considerations-vpc-settings */
static gboolean has_dns(Fabric *fabric, const char *vpc_id) {
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  const Vpc *vpc = g_hash_table_lookup(fabric->vpcs, vpc_id);
  return vpc && vpc->network && vpc->network->dns_support && vpc->network->dns_hostnames;
}

static gsize own_zone(Fabric *fabric, const char *vpc_id, const char *name) {
  g_rw_lock_reader_lock(&fabric->zones_lock);
  gsize size = vpc_id && fabric->zones.own_zone ? fabric->zones.own_zone(fabric->zones.data, vpc_id, name) : 0;
  g_rw_lock_reader_unlock(&fabric->zones_lock);
  return size;
}

gboolean zone_is_first(Fabric *fabric, const char *vpc_id, const char *name) {
  gsize size = own_zone(fabric, vpc_id, name);
  return size > 0 && has_dns(fabric, vpc_id) && size >= endpoint_zone(fabric, vpc_id, name);
}

gboolean fabric_zone_silent(Fabric *fabric, const char *vpc_id, const char *name) { return own_zone(fabric, vpc_id, name) > 0 && !has_dns(fabric, vpc_id); }

static gboolean from_fabric_names(Lookup *l, const char *name) {
  const FabricName *known = g_hash_table_lookup(l->fabric->names, name);
  if (!known)
    return FALSE;
  l->target = arena_strdup(l->arena, known->target);
  for (guint i = 0; i < known->addresses->len; i++) {
    Ip address = {0};
    if (ip_parse(known->addresses->pdata[i], &address))
      answer_ip(l, address, known->ttl);
  }
  l->ttl = known->ttl;
  return TRUE;
}

/* "ip-10-0-1-5" or "ec2-198-18-128-4" */
static gboolean dashed_address(const char *text, const char *prefix, guint32 *ret_address) {
  if (!g_str_has_prefix(text, prefix))
    return FALSE;
  g_autofree char *dotted = g_strdelimit(g_strdup(text + strlen(prefix)), "-", '.');
  return address_parse(dotted, ret_address);
}

static const char *instance_domain(Lookup *l) {
  return strcmp(l->fabric->region, "us-east-1") == 0 ? ".ec2.internal" : arena_printf(l->arena, ".%s.compute.internal", l->fabric->region);
}

static gboolean from_instances(Lookup *l) {
  guint32 address = 0;
  if (!l->network)
    return FALSE;
  const char *host = before(l, l->name, instance_domain(l));
  if (host && dashed_address(host, "ip-", &address) && network_eni_at(l->network, address))
    return answer(l, address, INSTANCE_TTL);
  host = before(l, l->name, ".compute-1.amazonaws.com");
  if (!host)
    host = before(l, l->name, arena_printf(l->arena, ".%s.compute.amazonaws.com", l->fabric->region));
  if (!host || !dashed_address(host, "ec2-", &address))
    return FALSE;
  const Eni *eni = network_eni_public(l->network, address);
  return answer(l, eni && l->network->dns_hostnames ? eni->address : address, INSTANCE_TTL);
}

static gboolean find(Lookup *l) {
  gboolean exact = FALSE, dualstack = FALSE;
  const char *service = service_of(l, &exact, &dualstack);
  if (from_private_names(l) || from_endpoints(l, service) || from_fabric_names(l, l->name) || from_instances(l))
    return TRUE;
  if (!service || strstr(l->name, ".compute"))
    return FALSE;
  if (dualstack)
    answer_ip(l, reach_service_ip6(service), SERVICE_TTL);
  return answer(l, reach_service_address(service), SERVICE_TTL);
}

gboolean name_find(Fabric *fabric, const Network *network, Arena *arena, const char *name, GArray *addresses, const char **ret_target, guint *ret_ttl) {
  Lookup l = {fabric, network, arena, name, addresses, NULL, SERVICE_TTL};
  if (!find(&l))
    return FALSE;
  *ret_target = l.target;
  *ret_ttl = l.ttl;
  for (int depth = 0; l.target && addresses->len == 0 && depth < 8; depth++) {
    l.name = l.target;
    l.target = NULL;
    if (!find(&l))
      break;
  }
  return TRUE;
}

const char *name_of_address(Fabric *fabric, const Network *network, Arena *arena, const char *name) {
  Lookup l = {fabric, network, arena, name, NULL, NULL, 0};
  const char *reversed = before(&l, name, ".in-addr.arpa");
  guint32 address = 0;
  if (!reversed || !network || !address_parse(reversed, &address))
    return NULL;
  address = GUINT32_SWAP_LE_BE(address);
  if (!network_eni_at(network, address))
    return NULL;
  g_autofree char *dashed = g_strdelimit(g_strdup(address_text(arena, address)), ".", '-');
  return arena_printf(arena, "ip-%s%s", dashed, instance_domain(&l));
}

void fabric_name_set(Fabric *fabric, const char *name, const char *const *addresses, const char *target, guint ttl) {
  FabricName *known = g_new0(FabricName, 1);
  known->addresses = g_ptr_array_new_with_free_func(g_free);
  for (gsize i = 0; addresses && addresses[i]; i++)
    g_ptr_array_add(known->addresses, g_strdup(addresses[i]));
  known->target = target ? g_ascii_strdown(target, -1) : NULL;
  known->ttl = ttl;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  g_hash_table_replace(fabric->names, g_ascii_strdown(name, -1), known);
}

void fabric_name_remove(Fabric *fabric, const char *name) {
  g_autofree char *key = g_ascii_strdown(name, -1);
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  g_hash_table_remove(fabric->names, key);
}

void fabric_set_zones(Fabric *fabric, const FabricZones *zones) {
  g_rw_lock_writer_lock(&fabric->zones_lock);
  fabric->zones = *zones;
  g_rw_lock_writer_unlock(&fabric->zones_lock);
}

static char **zones_resolve(Fabric *fabric, const char *vpc_id, gboolean own, const char *name) {
  g_rw_lock_reader_lock(&fabric->zones_lock);
  char **found = fabric->zones.addresses ? fabric->zones.addresses(fabric->zones.data, vpc_id, own, name) : NULL;
  g_rw_lock_reader_unlock(&fabric->zones_lock);
  return found;
}

static char **own_resolve(Fabric *fabric, const char *vpc_id, const char *name) {
  g_autoptr(Arena) arena = arena_new();
  g_autoptr(GArray) addresses = g_array_new(FALSE, FALSE, sizeof(Ip));
  g_autofree char *key = g_ascii_strdown(name, -1);
  const char *target = NULL;
  guint ttl = 0;
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&fabric->lock);
  const Vpc *vpc = vpc_id ? g_hash_table_lookup(fabric->vpcs, vpc_id) : NULL;
  name_find(fabric, vpc ? vpc->network : NULL, arena, key, addresses, &target, &ttl);
  char **found = g_new0(char *, addresses->len + 1);
  for (guint i = 0; i < addresses->len; i++)
    found[i] = g_strdup(ip_text(arena, g_array_index(addresses, Ip, i)));
  return found;
}

char **fabric_resolve(Fabric *fabric, const char *vpc_id, const char *name) {
  g_autofree char *lower = g_ascii_strdown(name, -1);
  char **found = zone_is_first(fabric, vpc_id, lower) ? zones_resolve(fabric, vpc_id, TRUE, name) : NULL;
  if (found)
    return found;
  found = own_resolve(fabric, vpc_id, name);
  char **zoned = *found ? NULL : zones_resolve(fabric, vpc_id, FALSE, name);
  if (!zoned)
    return found;
  g_strfreev(found);
  return zoned;
}
