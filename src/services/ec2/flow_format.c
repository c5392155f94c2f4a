/* flow_format: the fields of a flow log's records, of versions 2 to 5. https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html */
#include "services/ec2/flow.h"

#include <string.h>

const char flow_format_default[] = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} "
                                   "${start} ${end} ${action} ${log-status}";

/* What a field is written from. */
typedef struct Line { const FlowFormat *format; const FlowRecord *record; const char *account, *region; } Line;

static void dash(GString *out, const Line *line) {
  (void) line;
  g_string_append_c(out, '-');
}

static void text(GString *out, const char *value) { g_string_append(out, value && *value ? value : "-"); }

static void number(GString *out, const Line *line, guint64 value) {
  if (line->record->no_data)
    g_string_append_c(out, '-');
  else
    g_string_append_printf(out, "%" G_GUINT64_FORMAT, value);
}

static void address(GString *out, const Line *line, Ip ip) {
  if (line->record->no_data) {
    g_string_append_c(out, '-');
    return;
  }
  g_autoptr(Arena) arena = arena_new();
  g_string_append(out, ip_text(arena, ip));
}

static gboolean in_range(const char *range, Ip ip) {
  Range r = {0};
  return range_parse(range, &r) && range_has(&r, ip);
}

static void service(GString *out, const Line *line, Ip ip) {
  gboolean none = line->record->no_data;
  text(out, none ? NULL : in_range(REACH_S3, ip) ? "S3" : in_range(REACH_DYNAMODB, ip) ? "DYNAMODB"
                  : in_range(REACH_SERVICES, ip) || in_range(REACH_SERVICES6, ip) ? "AMAZON" : NULL);
}

static void version(GString *out, const Line *line) { g_string_append_printf(out, "%u", line->format->version); }
static void account_id(GString *out, const Line *line) { text(out, line->account); }
static void interface_id(GString *out, const Line *line) { text(out, line->record->eni); }
static void srcaddr(GString *out, const Line *line) { address(out, line, line->record->source); }
static void dstaddr(GString *out, const Line *line) { address(out, line, line->record->destination); }
static void srcport(GString *out, const Line *line) { number(out, line, line->record->source_port); }
static void dstport(GString *out, const Line *line) { number(out, line, line->record->destination_port); }
static void protocol(GString *out, const Line *line) { number(out, line, line->record->protocol); }
static void packets(GString *out, const Line *line) { number(out, line, line->record->packets); }
static void bytes(GString *out, const Line *line) { number(out, line, line->record->bytes); }
static void start(GString *out, const Line *line) { g_string_append_printf(out, "%" G_GINT64_FORMAT, line->record->start_ms / 1000); }
static void end(GString *out, const Line *line) { g_string_append_printf(out, "%" G_GINT64_FORMAT, line->record->end_ms / 1000); }
static void action(GString *out, const Line *line) { text(out, line->record->no_data ? NULL : line->record->accepted ? "ACCEPT" : "REJECT"); }
static void log_status(GString *out, const Line *line) { text(out, line->record->no_data ? "NODATA" : "OK"); }
static void vpc_id(GString *out, const Line *line) { text(out, line->record->vpc); }
static void subnet_id(GString *out, const Line *line) { text(out, line->record->subnet); }
static void tcp_flags(GString *out, const Line *line) { number(out, line, line->record->tcp_flags); }
static void type(GString *out, const Line *line) { text(out, line->record->no_data ? NULL : ip_is4(line->record->packet_source) ? "IPv4" : "IPv6"); }
static void pkt_srcaddr(GString *out, const Line *line) { address(out, line, line->record->packet_source); }
static void pkt_dstaddr(GString *out, const Line *line) { address(out, line, line->record->packet_destination); }
static void region(GString *out, const Line *line) { text(out, line->region); }
static void az_id(GString *out, const Line *line) { text(out, line->record->zone_id); }
static void src_service(GString *out, const Line *line) { service(out, line, line->record->packet_source); }
static void dst_service(GString *out, const Line *line) { service(out, line, line->record->packet_destination); }
static void direction(GString *out, const Line *line) { text(out, line->record->no_data ? NULL : line->record->egress ? "egress" : "ingress"); }

static void path(GString *out, const Line *line) {
  if (line->record->path)
    number(out, line, line->record->path);
  else
    dash(out, line);
}

static const struct { const char *name; guint8 version; void (*write)(GString *out, const Line *line); } fields[] = {
  {"version", 2, version}, {"account-id", 2, account_id}, {"interface-id", 2, interface_id}, {"srcaddr", 2, srcaddr}, {"dstaddr", 2, dstaddr},
  {"srcport", 2, srcport}, {"dstport", 2, dstport}, {"protocol", 2, protocol}, {"packets", 2, packets}, {"bytes", 2, bytes}, {"start", 2, start},
  {"end", 2, end}, {"action", 2, action}, {"log-status", 2, log_status},
  {"vpc-id", 3, vpc_id}, {"subnet-id", 3, subnet_id}, {"instance-id", 3, dash}, {"tcp-flags", 3, tcp_flags}, {"type", 3, type},
  {"pkt-srcaddr", 3, pkt_srcaddr}, {"pkt-dstaddr", 3, pkt_dstaddr},
  {"region", 4, region}, {"az-id", 4, az_id}, {"sublocation-type", 4, dash}, {"sublocation-id", 4, dash},
  {"pkt-src-aws-service", 5, src_service}, {"pkt-dst-aws-service", 5, dst_service}, {"flow-direction", 5, direction}, {"traffic-path", 5, path},
};

static gssize field_named(const char *name, gsize size) {
  for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
    if (strlen(fields[i].name) == size && memcmp(fields[i].name, name, size) == 0)
      return (gssize) i;
  return -1;
}

Error *flow_format_parse(const char *given, FlowFormat *ret_format) {
  FlowFormat format = {.version = 2};
  const char *at = given ? given : flow_format_default;
  while (*(at += strspn(at, " ")) != 0) {
    gsize size = strcspn(at, " ");
    gssize field = size > 3 && at[0] == '$' && at[1] == '{' && at[size - 1] == '}' ? field_named(at + 2, size - 3) : -1;
    if (field < 0)
      return error_answer("InvalidParameter", "Unknown fields provided: %.*s", (int) MIN(size, 100), at);
    if (format.n >= G_N_ELEMENTS(format.fields))
      return error_answer("InvalidParameter", "LogFormat has more than %d fields", (int) G_N_ELEMENTS(format.fields));
    format.fields[format.n++] = (guint8) field;
    format.version = MAX(format.version, fields[field].version);
    at += size;
  }
  if (format.n == 0)
    return error_answer("InvalidParameter", "LogFormat names no field");
  *ret_format = format;
  return NULL;
}

char *flow_format_header(const FlowFormat *format) {
  GString *out = g_string_new(NULL);
  for (gsize i = 0; i < format->n; i++)
    g_string_append_printf(out, "%s%s", i ? " " : "", fields[format->fields[i]].name);
  return g_string_free(out, FALSE);
}

void flow_format_write(GString *out, const FlowFormat *format, const FlowRecord *record, const char *account, const char *region_name) {
  Line line = {format, record, account, region_name};
  for (gsize i = 0; i < format->n; i++) {
    if (i)
      g_string_append_c(out, ' ');
    fields[format->fields[i]].write(out, &line);
  }
}
