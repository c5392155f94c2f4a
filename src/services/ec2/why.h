/* why: what was blocked, with its cause, as `haar why` tells it. For ec2's own files. */
#pragma once

#include "services/ec2/owners.h"

/* The VPC's network, wherever it is, and who owns what there; all NULL if it is gone. vpc_id NULL: that of interface eni_id, or the first. */
typedef struct Place { Network *network; Owners *owners; } Place;
Error *place_find(Call *call, const char *vpc_id, Place *ret_place) ERROR_MUST_USE;
void place_clear(Place *place);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)
/* All VPCs of all accounts and regions, in the order of the store: Place *. */
Error *places_all(Call *call, GPtrArray **ret_places) ERROR_MUST_USE;

void set_text(Call *call, Json *object, const char *key, const char *text);
Json *party_json(Call *call, const Party *party);
/* Adds cause, page, why, shown, mend, command, snippet. */
void set_explanation(Call *call, Json *object, const Owners *owners, const Explanation *explanation);
/* The service label at a party, or NULL. */
const char *party_service(const Party *party);

/* GET /_haar/why, GET /_haar/drops, GET /_haar/net/trace */
Error *admin_why(Call *call, const Json *in, Json **ret_out) ERROR_MUST_USE;
Error *admin_drops(Call *call, const Json *in, Json **ret_out) ERROR_MUST_USE;
Error *admin_trace(Call *call, const Json *in, Json **ret_out) ERROR_MUST_USE;
/* GET /_haar/net: picture.c */
Error *admin_net(Call *call, const Json *in, Json **ret_out) ERROR_MUST_USE;
/* Says in ret_out that there is no network, if there is none. */
void set_network(Call *call, Json *out);
