/* network_acl: numbered entries, the first that speaks of the packet decides; replies are packets like any other.
 * https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html */
#include "reach/rules.h"

static gboolean entry_matches(const AclEntry *entry, const Far *far) {
  return range_has(&entry->cidr, far->address) && ports_match(entry->protocol, entry->from_port, entry->to_port, far);
}

const AclEntry *acl_decide(const NetworkAcl *acl, gboolean egress, const Far *far) {
  for (gsize i = 0; i < acl->n_entries; i++)
    if (acl->entries[i].egress == egress && entry_matches(&acl->entries[i], far))
      return &acl->entries[i];
  return NULL;
}
