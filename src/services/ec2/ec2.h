/* ec2: what EC2's own files share: resources as rows. Each resource is stored in the API's own shape under region, account, id. */
#pragma once

#include "reach/reach.h"
#include "server/server.h"
#include "services/ec2.gen.h"

/* A filter of a describe call: its name and the member that it looks at; lists on the way are looked through. */
typedef struct Ec2Path { const char *filter, *member; } Ec2Path;

/* A kind of resource. */
typedef struct Ec2Kind {
  const char *type;           /* as tags name it: "route-table" */
  const char *prefix;         /* of its ids: "rtb" */
  Table table;
  const Shape *shape;
  guint32 id_offset, tags_offset;
  const char *malformed;      /* error code of an id that cannot be one */
  const char *not_found;      /* error code */
  const char *not_found_text; /* with %s for the id */
  const Ec2Path *filters;     /* ends with NULLs */
} Ec2Kind;

#define EC2_KIND(Type, Id, Tags_) .shape = &Ec2##Type##_shape, .id_offset = G_STRUCT_OFFSET(Ec2##Type, Id), .tags_offset = G_STRUCT_OFFSET(Ec2##Type, Tags_)

extern const Ec2Kind ec2_vpcs, ec2_subnets, ec2_internet_gateways, ec2_route_tables, ec2_security_groups, ec2_rules, ec2_acls, ec2_endpoints,
  ec2_interfaces, ec2_addresses, ec2_nat_gateways, ec2_dhcp_options, ec2_peerings, ec2_egress_gateways, ec2_managed_lists, ec2_flow_logs, ec2_insights_paths, ec2_insights_analyses;
/* All of them, NULL-terminated. */
extern const Ec2Kind *const ec2_kinds[];
extern const Table ec2_vpc_attributes, ec2_endpoint_policies;
extern const Table ec2_list_versions; /* region, account, list, version -> PrefixListVersion: the entries of one's own prefix lists */
extern const Table ec2_eni_wires; /* region, account, VPC, interface -> EniWires: what packets need to know of an interface, and no more */

/* Records of a kind, as Ec2Vpc ** and the like. arena. */
typedef struct Ec2Records { gsize n; void **v; } Ec2Records;

/* *ret is NULL if there is none. arena. */
Error *ec2_find(Call *call, const Ec2Kind *kind, const char *id, void *ret) ERROR_MUST_USE;
/* The same; none, no id, or what cannot be one, is AWS's answer. */
Error *ec2_get(Call *call, const Ec2Kind *kind, const char *id, void *ret) ERROR_MUST_USE;
Error *ec2_put(Call *call, const Ec2Kind *kind, const void *record) ERROR_MUST_USE;
Error *ec2_delete(Call *call, const Ec2Kind *kind, const char *id) ERROR_MUST_USE;
Error *ec2_all(Call *call, const Ec2Kind *kind, Ec2Records *ret) ERROR_MUST_USE;
/* The kind of which this can be an id, or NULL. */
const Ec2Kind *ec2_kind_of(const char *id);
/* A describe call: by ids (or all), filters, pages. ret_list: a generated list of pointers. */
typedef struct Ec2Describe {
  const Ec2Kind *kind;
  const StringList *ids;
  const Ec2FilterList *filters;
  OptInt max;
  const char *next_token;
  const char *ids_name;                        /* the call's member of ids, for messages */
  Error *(*fill)(Call *call, void *record);    /* sets what is not stored, before filters look; or NULL */
} Ec2Describe;
Error *ec2_describe(Call *call, const Ec2Describe *d, void *ret_list, const char **ret_next_token) ERROR_MUST_USE;
/* The same of a kind that has no records at all (and no table): every id and token is of none. */
Error *ec2_describe_none(Call *call, const Ec2Describe *d) ERROR_MUST_USE;
/* AWS's answer for an id of this kind that is of none, or cannot be an id. */
Error *ec2_no_such(const Ec2Kind *kind, const char *id) ERROR_MUST_USE;
/* Whether a record passes the filters. An unknown filter: an answer InvalidParameterValue. */
Error *ec2_filter(Call *call, const Ec2Path *paths, const Shape *shape, const void *record, const Ec2FilterList *filters, gboolean *ret_passes) ERROR_MUST_USE;
/* Whether all filters are among paths (or tag filters) and have values. */
Error *ec2_filters_check(const Ec2Path *paths, const Ec2FilterList *filters) ERROR_MUST_USE;
/* First and last lines of an operation with a ClientToken. *ret_seen: *ret_out is what the same call answered before; do nothing. */
Error *ec2_token_seen(Call *call, const void *in, void *ret_out, gboolean *ret_seen) ERROR_MUST_USE;
Error *ec2_token_keep(Call *call, const void *in, const void *out) ERROR_MUST_USE;
/* Whether a tag may be set: lengths, reserved keys. */
Error *ec2_tag_check(const Ec2Tag *tag) ERROR_MUST_USE;
/* The tags that a create call gives this type. */
Ec2TagList ec2_tags(Call *call, const Ec2TagSpecificationList *specifications, const char *type);
/* Rows' .authorize: every resource that the call makes or names; a dry run is answered DryRunOperation once it is permitted. */
Error *ec2_authorize(Call *call, const void *in, Authorization *auth) ERROR_MUST_USE;

/* The VPC has changed: after the commit the fabric is brought in line. vpc_id NULL: all of the region. */
void ec2_changed(Call *call, const char *vpc_id);
/* The same, and packets obey before the call is answered: for rules and routes. */
void ec2_changed_now(Call *call, const char *vpc_id);
/* The same for what is in one record, and was stored in it: a security group (its rules), a route table (its routes), a network ACL (its entries). Nothing else
 * of the VPC is read. */
Error *ec2_part_changed(Call *call, const char *vpc_id, const Ec2Kind *kind, const char *id) ERROR_MUST_USE;
Error *ec2_network_part(Call *call, const char *vpc_id, const Ec2Kind *kind, const char *id, Network **ret_part) ERROR_MUST_USE;
/* One interface has changed, or is gone: after the commit the fabric is told of it alone. */
void ec2_eni_changed(Call *call, const char *vpc_id, const Ec2EniWires *wires);
void ec2_eni_gone(Call *call, const char *vpc_id, const char *eni_id);
/* Packets obey what this call has changed before it is answered. */
void ec2_settle(Call *call);
/* An interface as reach sees it; strings are the record's. FALSE: it has no address. */
gboolean ec2_wires_eni(Arena *arena, const Ec2EniWires *wires, Eni *ret_eni);
/* A VPC as reach sees it; *ret_network NULL: it is gone. region, account: where it is. alone: without the VPCs that it is peered with. */
Error *ec2_network_alone(Txn *txn, const char *region, const char *account, const char *vpc_id, Network **ret_network) ERROR_MUST_USE;
Error *ec2_network(Txn *txn, const char *region, const char *account, const char *vpc_id, Network **ret_network) ERROR_MUST_USE;
/* Drops and traces for `haar why` and `haar net`. */
void ec2_register_admin(Haar *haar);

/* Zones, and what names the region gives. */
enum { EC2_ZONES = 6 };
/* The zone with this id; none: AWS's answer. */
Error *ec2_zone_of_id(Call *call, const char *id, const char **ret_zone) ERROR_MUST_USE;
/* "ec2.internal" and the like; "ec2-198-18-128-4.compute-1.amazonaws.com" (arena). */
const char *ec2_internal_domain(const Call *call);
const char *ec2_public_name(const Call *call, const char *address);
/* The kinds of `haar fault` that are of the network. */
void ec2_register_faults(Haar *haar);
void ec2_faults_stop(Haar *haar);
/* An interface has come or changed: faults that name who has it are to hold for it. */
void ec2_faults_eni(Haar *haar);
/* Gives the fabric every VPC again. */
Error *ec2_apply_all(Haar *haar) ERROR_MUST_USE;
/* What faults make of a network that was read. */
void ec2_network_faults(Haar *haar, Network *network);

gboolean ec2_zone_known(const Call *call, const char *zone);
const char *ec2_zone_id(Call *call, const char *zone);
const char *ec2_prefix_list_id(Arena *arena, const char *region, const char *service);

/* --- what one noun needs of another --- */
/* Whether one more of a kind may be made; vpc_id: where, or NULL. */
Error *ec2_quota(Call *call, const Ec2Kind *kind, const char *vpc_id) ERROR_MUST_USE;
/* The account's default VPC in the region; NULL: there is none. */
Error *ec2_default_vpc(Call *call, const Ec2Vpc **ret_vpc) ERROR_MUST_USE;
/* The id of the default set of DHCP options; it is stored if it was not. Needs a write transaction. */
Error *ec2_dhcp_default(Call *call, const char **ret_id) ERROR_MUST_USE;
/* A range of a VPC: between /16 and /28, the bits behind the prefix are cleared. */
Error *ec2_vpc_range(const char *text, Cidr *ret_cidr) ERROR_MUST_USE;
Ec2VpcCidrBlockAssociation *ec2_range_association(Call *call, const char *cidr);
/* Gives the VPC an IPv6 range; gives the subnet text, which must lie in one of its VPC's. The caller stores the record. */
Error *ec2_vpc_add_ipv6(Call *call, Ec2Vpc *vpc) ERROR_MUST_USE;
Error *ec2_subnet_add_ipv6(Call *call, const Ec2Vpc *vpc, Ec2Subnet *subnet, const char *text) ERROR_MUST_USE;
/* A VPC has got IPv6: groups that allow all out, and default ACLs, allow it too. */
Error *ec2_groups_open_ipv6(Call *call, const char *vpc_id) ERROR_MUST_USE;
Error *ec2_acls_open_ipv6(Call *call, const char *vpc_id) ERROR_MUST_USE;
gboolean ec2_peering_active(const Ec2VpcPeeringConnection *peering);
/* The VPC goes: its peering connections end. */
Error *ec2_peerings_end(Call *call, const char *vpc_id) ERROR_MUST_USE;
/* A prefix list that rules and routes may name. *ret_max: how many rules it counts as. AWS's: S3, DynamoDB. */
Error *ec2_list_check(Call *call, const char *id, gint64 *ret_max) ERROR_MUST_USE;
gboolean ec2_list_is_aws(Call *call, const char *id);
Error *ec2_list_entries(Call *call, const char *id, gint64 version, Ec2PrefixListEntrySet *ret_entries) ERROR_MUST_USE;
/* Whether AWS has endpoints of this type for com.amazonaws.<region>.<name>. */
gboolean ec2_endpoint_service_known(const char *name, gboolean gateway);
/* A group by id, or by name in the default VPC. */
Error *ec2_group_given(Call *call, const char *id, const char *name, const Ec2SecurityGroup **ret_group) ERROR_MUST_USE;
Error *ec2_vpc_attributes_put(Call *call, const Ec2VpcAttributes *attributes) ERROR_MUST_USE;
Error *ec2_vpc_attributes_get(Call *call, const char *vpc_id, Ec2VpcAttributes **ret_attributes) ERROR_MUST_USE;
Error *ec2_default_group(Call *call, const char *vpc_id, Ec2SecurityGroup **ret_group) ERROR_MUST_USE;
Error *ec2_group_make(Call *call, const char *vpc_id, const char *name, const char *description, Ec2TagList tags, Ec2SecurityGroup **ret_group) ERROR_MUST_USE;
Error *ec2_acl_make(Call *call, const char *vpc_id, gboolean is_default, Ec2TagList tags, Ec2NetworkAcl **ret_acl) ERROR_MUST_USE;
Error *ec2_acl_associate(Call *call, const char *acl_id, const char *subnet_id) ERROR_MUST_USE;
Error *ec2_route_table_make(Call *call, const Ec2Vpc *vpc, gboolean is_main, Ec2TagList tags, Ec2RouteTable **ret_table) ERROR_MUST_USE;
Error *ec2_rules_of(Call *call, const char *group_id, Ec2Records *ret_rules) ERROR_MUST_USE;

typedef struct Ec2EniSpec {
  const char *subnet_id, *description, *address;  /* address NULL: the next free one */
  const StringList *groups;                       /* none: the default group; NULL: no group at all */
  const char *type;                               /* "interface", "vpc_endpoint", "nat_gateway", "lambda" */
  const char *owner;                              /* of an endpoint or NAT gateway, or NULL */
  Ec2TagList tags;
  StringList secondary, ipv6;                     /* further addresses */
  gint64 n_secondary, n_ipv6;                     /* or so many, whichever are free */
} Ec2EniSpec;
Error *ec2_eni_make(Call *call, const Ec2EniSpec *spec, Ec2NetworkInterface **ret_eni) ERROR_MUST_USE;
/* Stores a changed interface, and what packets need of it. */
Error *ec2_eni_put(Call *call, const Ec2NetworkInterface *eni) ERROR_MUST_USE;
Error *ec2_eni_delete(Call *call, const Ec2NetworkInterface *eni) ERROR_MUST_USE;
/* ids none: the VPC's default group. */
Error *ec2_eni_groups(Call *call, const char *vpc_id, const StringList *ids, Ec2GroupIdentifierList *ret_groups) ERROR_MUST_USE;
/* Further addresses of an interface: wanted, or any that is free. The caller stores the interface. */
Error *ec2_eni_add_secondary(Call *call, Ec2NetworkInterface *eni, const char *wanted) ERROR_MUST_USE;
Error *ec2_eni_add_ipv6(Call *call, Ec2NetworkInterface *eni, const char *wanted) ERROR_MUST_USE;
/* The address may be given again. */
Error *ec2_eni_free_address(Call *call, const Ec2NetworkInterface *eni, const char *text) ERROR_MUST_USE;
/* An Elastic IP stands for one of its private addresses, or no more. The caller stores both. */
void ec2_eni_associate(Call *call, Ec2NetworkInterface *eni, const Ec2Address *elastic);
void ec2_eni_disassociate(Ec2NetworkInterface *eni, const char *association_id);
/* Takes Elastic IPs from what has them; stores all. */
Error *ec2_address_loosen(Call *call, const char *allocation_id) ERROR_MUST_USE;
Error *ec2_addresses_loosen(Call *call, const Ec2NetworkInterface *eni) ERROR_MUST_USE;
/* Adds or removes the routes of a gateway endpoint. */
Error *ec2_endpoint_routes(Call *call, const Ec2VpcEndpoint *endpoint, const StringList *tables, gboolean add) ERROR_MUST_USE;
/* How many free addresses a subnet has: 5 are AWS's, the rest is what no interface has. */
Error *ec2_subnet_free(Call *call, const Ec2Subnet *subnet, gint64 *ret_free) ERROR_MUST_USE;
