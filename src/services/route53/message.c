/* DNS messages: a query in, an answer out. */
#include "services/route53/route53.h"

#include <ldns/ldns.h>
#include <string.h>

enum { QUERY_MAX = 4096, PLAIN_MAX = 512 };

typedef struct Exchange {
  Haar *haar;
  const char *vpc_id;
  gboolean private_zones, recursive;
} Exchange;

static void
packet_free(ldns_pkt *packet)
{
  ldns_pkt_free(packet);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ldns_pkt, packet_free)

/* The labels of a name on the wire, as domain_name gives them; NULL: the root. */
static const char *
name_of(Arena *arena, const ldns_rdf *owner)
{
  const guint8 *data = ldns_rdf_data(owner);
  gsize size = ldns_rdf_size(owner), at = 0;
  g_autoptr(GString) name = g_string_new(NULL);
  while (at < size && data[at]) {
    gsize label = data[at++];
    for (gsize i = 0; i < label && at < size; i++, at++)
      if (g_ascii_isalnum(data[at]) || data[at] == '-' || data[at] == '_')
        g_string_append_c(name, g_ascii_tolower((char) data[at]));
      else
        g_string_append_printf(name, "\\%03o", data[at]);
    g_string_append_c(name, '.');
  }
  return name->len ? arena_strndup(arena, name->str, name->len) : NULL;
}

/* Route 53's octal escapes as the decimal ones of master files. */
static const char *
master_text(Arena *arena, const char *text)
{
  g_autoptr(GString) out = g_string_new(NULL);
  for (const char *at = text; *at; at++) {
    gboolean octal = *at == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' && at[3] >= '0' && at[3] <= '7';
    if (octal) {
      g_string_append_printf(out, "\\%03d", (at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
      at += 3;
    } else if (*at == '\n' || *at == '\r') {
      g_string_append_printf(out, "\\%03d", *at);
    } else {
      g_string_append_c(out, *at);
    }
  }
  return arena_strndup(arena, out->str, out->len);
}

/* Names in the data of these types are taken as they are; without a dot at the end they are whole names too. */
static const char *
data_text(Arena *arena, const DnsRow *row)
{
  static const char *const named[] = {"CNAME", "MX", "NS", "PTR", "SRV", NULL};
  const char *text = master_text(arena, row->text);
  return g_strv_contains(named, row->type) && !g_str_has_suffix(text, ".") ? arena_printf(arena, "%s.", text) : text;
}

static gboolean
push_rows(Arena *arena, ldns_pkt *packet, ldns_pkt_section section, const DnsRows *rows)
{
  for (gsize i = 0; i < rows->n; i++) {
    const DnsRow *row = &rows->v[i];
    ldns_rr *record = NULL;
    const char *line = arena_printf(arena, "%s %" G_GINT64_FORMAT " IN %s %s", master_text(arena, row->name), row->ttl, row->type, data_text(arena, row));
    if (ldns_rr_new_frm_str(&record, line, 0, NULL, NULL) != LDNS_STATUS_OK)
      return FALSE;
    ldns_pkt_push_rr(packet, section, record);
  }
  return TRUE;
}

static const char *
type_name(Arena *arena, ldns_rr_type type)
{
  char *text = ldns_rr_type2str(type);
  const char *name = arena_strdup(arena, text);
  LDNS_FREE(text);
  return name;
}

static gboolean
check_good(gpointer data, const char *check_id)
{
  return health_is_good(data, check_id);
}

/* FALSE: no zone has the name. */
static gboolean
fill(const Exchange *x, Arena *arena, const ldns_rr *question, ldns_pkt *packet)
{
  Edge *edge = edge_of(x->haar);
  const char *name = name_of(arena, ldns_rr_owner(question));
  g_autoptr(DnsZone) zone = name ? view_find(edge->view, x->vpc_id, x->private_zones, name) : NULL;
  DnsAnswer answer = {0};
  if (!zone)
    return FALSE;
  const DnsQuestion q = {.haar = x->haar, .arena = arena, .vpc_id = x->vpc_id, .private_zones = x->private_zones, .recursive = x->recursive,
                         .name = name, .type = type_name(arena, ldns_rr_get_type(question)), .region = x->haar->region,
                         .healthy = check_good, .data = edge->health};
  dns_answer(&q, zone, &answer);
  ldns_pkt_set_aa(packet, answer.authoritative && !x->recursive);
  if (!push_rows(arena, packet, LDNS_SECTION_ANSWER, &answer.answer) || !push_rows(arena, packet, LDNS_SECTION_AUTHORITY, &answer.authority))
    ldns_pkt_set_rcode(packet, LDNS_RCODE_SERVFAIL);
  else if (answer.no_name)
    ldns_pkt_set_rcode(packet, LDNS_RCODE_NXDOMAIN);
  return TRUE;
}

static ldns_pkt *
packet_new(const Exchange *x, const ldns_pkt *asked)
{
  ldns_pkt *packet = ldns_pkt_new();
  ldns_pkt_set_id(packet, ldns_pkt_id(asked));
  ldns_pkt_set_qr(packet, TRUE);
  ldns_pkt_set_opcode(packet, ldns_pkt_get_opcode(asked));
  ldns_pkt_set_rd(packet, ldns_pkt_rd(asked));
  ldns_pkt_set_ra(packet, x->recursive);
  if (ldns_pkt_edns(asked))
    ldns_pkt_set_edns_udp_size(packet, QUERY_MAX);
  return packet;
}

static gboolean
write_packet(const ldns_pkt *packet, GByteArray *out)
{
  guint8 *wire = NULL;
  size_t size = 0;
  if (ldns_pkt2wire(&wire, packet, &size) == LDNS_STATUS_OK)
    g_byte_array_append(out, wire, (guint) size);
  LDNS_FREE(wire);
  return out->len > 0;
}

/* refuse: a name of no zone is answered too: REFUSED. */
static gboolean
answer(const Exchange *x, const guint8 *query, gsize size, gboolean refuse, gsize *ret_max, GByteArray *out)
{
  g_autoptr(ldns_pkt) asked = NULL;
  g_autoptr(Arena) arena = arena_new();
  if (size > QUERY_MAX || ldns_wire2pkt(&asked, query, size) != LDNS_STATUS_OK || ldns_pkt_qr(asked))
    return FALSE;
  const ldns_rr *question = ldns_pkt_qdcount(asked) == 1 ? ldns_rr_list_rr(ldns_pkt_question(asked), 0) : NULL;
  gboolean usual = ldns_pkt_get_opcode(asked) == LDNS_PACKET_QUERY;
  g_autoptr(ldns_pkt) packet = packet_new(x, asked);
  *ret_max = ldns_pkt_edns(asked) ? CLAMP(ldns_pkt_edns_udp_size(asked), PLAIN_MAX, QUERY_MAX) : PLAIN_MAX;
  if (question && ldns_rr_get_class(question) == LDNS_RR_CLASS_IN && usual) {
    ldns_pkt_push_rr(packet, LDNS_SECTION_QUESTION, ldns_rr_clone(question));
    if (fill(x, arena, question, packet))
      return write_packet(packet, out);
  }
  if (!refuse)
    return FALSE;
  ldns_pkt_set_rcode(packet, !usual ? LDNS_RCODE_NOTIMPL : question ? LDNS_RCODE_REFUSED : LDNS_RCODE_FORMERR);
  return write_packet(packet, out);
}

gboolean
dns_message(Haar *haar, const char *vpc_id, gboolean private_zones, gboolean recursive, const guint8 *query, gsize size, GByteArray *out)
{
  const Exchange x = {haar, vpc_id, private_zones, recursive};
  gsize max = 0;
  return answer(&x, query, size, FALSE, &max, out);
}

gboolean
dns_datagram(Haar *haar, gboolean datagram, const guint8 *query, gsize size, GByteArray *out)
{
  const Exchange x = {.haar = haar};
  gsize max = 0;
  if (!answer(&x, query, size, TRUE, &max, out))
    return FALSE;
  if (!datagram || out->len <= max)
    return TRUE;
  /* Too long: header and question alone, with the bit that says so. */
  gsize end = 12;
  while (end < out->len && out->data[end])
    end += out->data[end] + 1U;
  g_byte_array_set_size(out, (guint) MIN(end + 5, out->len));
  out->data[2] |= 2;
  memset(out->data + 6, 0, 6);
  return TRUE;
}
