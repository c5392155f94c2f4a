/* network_acl: numbered entries, the first that speaks of the packet decides; replies are packets like any other.
 * https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html */
#include "reach/rules.h"

static gboolean entry_matches(const AclEntry *entry, const Far *far) {
  if (!cidr_has(&entry->cidr, far->address))
    return FALSE;
  if (entry->protocol == -1)
    return TRUE;
  if (entry->protocol != far->protocol)
    return FALSE;
  if (entry->protocol != 6 && entry->protocol != 17)
    return TRUE;
  return entry->from_port == -1 || (far->port >= entry->from_port && far->port <= entry->to_port);
}

const AclEntry *acl_decide(const NetworkAcl *acl, gboolean egress, const Far *far) {
  for (gsize i = 0; i < acl->n_entries; i++)
    if (acl->entries[i].egress == egress && entry_matches(&acl->entries[i], far))
      return &acl->entries[i];
  return NULL;
}
