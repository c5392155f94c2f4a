/* flow: what flow_format.c, flow_record.c, flow_log.c and flow_deliver.c share. https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html */
#pragma once

#include "fabric/fabric.h"
#include "services/ec2/ec2.h"

/* One record of one interface: what it sent or got in an interval, in one direction of one connection. Plain data. */
typedef struct FlowRecord {
  char eni[32], vpc[32], subnet[32], zone_id[24];
  Ip source, destination;             /* the interface's end is its primary address */
  Ip packet_source, packet_destination;
  guint16 source_port, destination_port;
  guint8 protocol, tcp_flags, path;   /* path: traffic-path, 0: none */
  gboolean accepted, egress, no_data;
  guint64 packets, bytes;
  gint64 start_ms, end_ms;
} FlowRecord;

typedef void (*FlowSink)(const FlowRecord *record, gpointer data);
/* The records of the interfaces that saw these flows, one after the other to sink. Packets that an accepted connection counts but a rule
 * dropped are taken off it. flows is changed. */
void flow_records(const Network *network, Flow *flows, guint n_flows, FlowSink sink, gpointer data);
/* The interface's own members of a record: for one without data. */
FlowRecord flow_record_of(const Network *network, const Eni *eni);

/* A checked format: the fields in order. */
typedef struct FlowFormat { gsize n; guint8 fields[40]; guint8 version; } FlowFormat;
/* "${version} ${srcaddr} ..."; NULL: the default format. Unknown fields: an answer InvalidParameter. */
Error *flow_format_parse(const char *text, FlowFormat *ret_format) ERROR_MUST_USE;
extern const char flow_format_default[];
/* The names of the fields, as the first line of a file: "version account-id ...". transfer full. */
char *flow_format_header(const FlowFormat *format);
/* Appends one record. */
void flow_format_write(GString *out, const FlowFormat *format, const FlowRecord *record, const char *account, const char *region);

/* Writes lines to the log's destination. An answer is what refused it. call has no transaction. */
typedef struct FlowBatch { const Ec2FlowLog *log; const FlowFormat *format; GPtrArray *records; gint64 from_ms, to_ms; } FlowBatch;
Error *flow_deliver(Call *call, const FlowBatch *batch) ERROR_MUST_USE;

/* The state of collecting, and its job. */
void flow_collect_start(Haar *haar);
void flow_collect_stop(Haar *haar);
/* A flow log begins: its job is put, its VPC watched. */
Error *flow_collect_begin(Call *call, const Ec2FlowLog *log) ERROR_MUST_USE;
/* It ends: after the commit nothing is kept for it. */
Error *flow_collect_end(Call *call, const Ec2FlowLog *log) ERROR_MUST_USE;
/* The VPC of a flow log's resource; NULL: it is gone. */
Error *flow_log_vpc(Call *call, const Ec2FlowLog *log, const char **ret_vpc) ERROR_MUST_USE;
