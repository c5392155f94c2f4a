/* The distributions by host name, for the data plane; read again from the store after a change. */
#include "services/cloudfront/cloudfront.h"

#include <string.h>

static void
site_clear(gpointer data)
{
  Site *site = data;
  g_array_unref(site->behaviours);
  g_hash_table_unref(site->controls);
  g_hash_table_unref(site->identities);
  arena_free(site->arena);
}

void
site_release(Site *site)
{
  if (site)
    g_atomic_rc_box_release_full(site, site_clear);
}

static void
release(gpointer site)
{
  site_release(site);
}

static void
mark_stale(gpointer data)
{
  Cdn *cdn = data;
  g_mutex_lock(&cdn->lock);
  cdn->stale = TRUE;
  g_mutex_unlock(&cdn->lock);
}

void
cdn_changed(const Haar *haar, Txn *txn)
{
  txn_on_commit(txn, mark_stale, cdn_of(haar), NULL);
}

/* --- reading --- */

static Error *
look(Txn *txn, Site *site, PolicyKind kind, const char *id, CloudfrontPolicyRecord **ret_policy)
{
  *ret_policy = NULL;
  return id && *id ? policy_look(txn, site->arena, NULL, kind, id, ret_policy) : NULL;
}

static Error *
add_behaviour(Txn *txn, Site *site, const CloudfrontCacheBehavior *config)
{
  Behaviour behaviour = {.config = config};
  CloudfrontPolicyRecord *policy = NULL;
  TRY(look(txn, site, KIND_CACHE, config->CachePolicyId, &policy));
  behaviour.cache = policy ? policy->Cache : NULL;
  TRY(look(txn, site, KIND_REQUEST, config->OriginRequestPolicyId, &policy));
  behaviour.request = policy ? policy->Request : NULL;
  TRY(look(txn, site, KIND_RESPONSE, config->ResponseHeadersPolicyId, &policy));
  behaviour.response = policy ? policy->Response : NULL;
  g_array_append_val(site->behaviours, behaviour);
  return NULL;
}

/* The default behaviour as one without a pattern. */
static const CloudfrontCacheBehavior *
default_behaviour(Arena *arena, const CloudfrontDefaultCacheBehavior *config)
{
  CloudfrontCacheBehavior *behaviour = ARENA_NEW(arena, CloudfrontCacheBehavior);
  *behaviour = (CloudfrontCacheBehavior) {
    .TargetOriginId = config->TargetOriginId, .ViewerProtocolPolicy = config->ViewerProtocolPolicy, .AllowedMethods = config->AllowedMethods,
    .Compress = config->Compress, .CachePolicyId = config->CachePolicyId, .OriginRequestPolicyId = config->OriginRequestPolicyId,
    .ResponseHeadersPolicyId = config->ResponseHeadersPolicyId, .ForwardedValues = config->ForwardedValues, .MinTTL = config->MinTTL,
    .DefaultTTL = config->DefaultTTL, .MaxTTL = config->MaxTTL};
  return behaviour;
}

static Error *
add_access(Txn *txn, Site *site, const CloudfrontOrigin *origin)
{
  CloudfrontPolicyRecord *policy = NULL;
  const char *identity = origin->S3OriginConfig ? origin->S3OriginConfig->OriginAccessIdentity : NULL;
  const char *slash = identity ? strrchr(identity, '/') : NULL;
  TRY(look(txn, site, KIND_CONTROL, origin->OriginAccessControlId, &policy));
  if (policy)
    g_hash_table_insert(site->controls, (gpointer) policy->Id, policy);
  TRY(look(txn, site, KIND_IDENTITY, slash ? slash + 1 : NULL, &policy));
  if (policy)
    g_hash_table_insert(site->identities, (gpointer) identity, policy);
  return NULL;
}

static Error *
make_site(Txn *txn, const char *id, Site **ret_site)
{
  g_autoptr(Site) site = g_atomic_rc_box_new0(Site);
  Key key;
  void *record = NULL;
  site->arena = arena_new();
  site->behaviours = g_array_new(FALSE, TRUE, sizeof(Behaviour));
  site->controls = g_hash_table_new(g_str_hash, g_str_equal);
  site->identities = g_hash_table_new(g_str_hash, g_str_equal);
  key_strings(&key, id, NULL);
  TRY(record_get(txn, &cloudfront_distributions, &key, &CloudfrontDistributionRecord_shape, site->arena, &record));
  site->distribution = record;
  const CloudfrontDistributionConfig *config = site->distribution->Config;
  for (gsize i = 0; i < config->CacheBehaviors->Items.n; i++)
    TRY(add_behaviour(txn, site, config->CacheBehaviors->Items.v[i]));
  TRY(add_behaviour(txn, site, default_behaviour(site->arena, config->DefaultCacheBehavior)));
  for (gsize i = 0; i < config->Origins->Items.n; i++)
    TRY(add_access(txn, site, config->Origins->Items.v[i]));
  *ret_site = g_steal_pointer(&site);
  return NULL;
}

static Error *
read_all(Cdn *cdn, GHashTable *hosts)
{
  g_autoptr(Txn) txn = NULL;
  g_autoptr(Arena) arena = arena_new();
  DistributionRecords all = {0};
  TRY(store_begin_read(cdn->haar->store, &txn));
  TRY(distributions_all(txn, arena, NULL, &all));
  for (gsize i = 0; i < all.n; i++) {
    Site *site = NULL;
    TRY(make_site(txn, all.v[i]->Id, &site));
    const StringList *aliases = &site->distribution->Config->Aliases->Items;
    for (gsize j = 0; j < aliases->n; j++)
      g_hash_table_insert(hosts, g_ascii_strdown(aliases->v[j], -1), g_atomic_rc_box_acquire(site));
    g_hash_table_insert(hosts, g_strdup(site->distribution->DomainName), site);
  }
  return NULL;
}

/* Lock held. */
static void
refresh(Cdn *cdn)
{
  if (!cdn->stale)
    return;
  GHashTable *hosts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, release);
  g_autoptr(Error) error = read_all(cdn, hosts);
  if (error)
    log_error("the distributions cannot be read: %s", error->message);
  g_hash_table_unref(cdn->hosts);
  cdn->hosts = hosts;
  cdn->stale = FALSE;
}

/* "d123.cloudfront.localhost" is the same on the host, where names under localhost resolve. */
static char *
public_name(const char *host)
{
  static const char local[] = ".cloudfront.localhost";
  if (!g_str_has_suffix(host, local))
    return g_strdup(host);
  return g_strdup_printf("%.*s.cloudfront.net", (int) (strlen(host) - strlen(local)), host);
}

Site *
cdn_site(Cdn *cdn, const char *host)
{
  g_autofree char *name = public_name(host);
  g_autoptr(GMutexLocker) lock = g_mutex_locker_new(&cdn->lock);
  refresh(cdn);
  Site *site = g_hash_table_lookup(cdn->hosts, name);
  const char *dot = strchr(name, '.');
  if (!site && dot) {
    g_autofree char *wild = g_strconcat("*", dot, NULL);
    site = g_hash_table_lookup(cdn->hosts, wild);
  }
  return site ? g_atomic_rc_box_acquire(site) : NULL;
}

gboolean
cloudfront_serves(Haar *haar, const HttpRequest *request)
{
  const char *host = request->host;
  if (!host || !strchr(host, '.') || g_str_has_suffix(host, ".amazonaws.com") || g_ascii_isdigit(host[strlen(host) - 1]))
    return FALSE; /* most requests: a name of AWS, or of this machine */
  if (g_str_has_suffix(host, ".cloudfront.net") || g_str_has_suffix(host, ".cloudfront.localhost"))
    return TRUE;
  g_autoptr(Site) site = cdn_site(cdn_of(haar), host);
  return site != NULL;
}
