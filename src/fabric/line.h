/* line: where packets of a VPC's router wait that a rehearsed failure delays.
 *
 * Behind all stages a chain marks them, one bit a slot; at the device that they leave by, behind connection tracking, a rule writes the slots and the
 * device's number over the Ethernet addresses (which are constant there) and sends them into a veth pair whose other end is read here. When its time has come
 * a packet goes out at its device as it was. So each is looked at by the stages once, and nothing of it is different but when. */
#pragma once

#include "fabric/vpc.h"

/* What a slot does to its packets. All 0: nothing, it is free. */
typedef struct LineSlot {
  guint delay_ms, jitter_ms;   /* later by delay_ms, more or less by at most jitter_ms */
} LineSlot;

/* Makes it: devices of the router, and a thread. Worker thread, like all here. */
Error *line_new(Fabric *fabric, Netns router, Line **ret_line) ERROR_MUST_USE;
/* What waits is sent, in order; NULL is allowed. */
void line_free(Line *line);
/* The slots are to be these (LINE_SLOTS). What waits for one that is free now goes at once, in order. */
void line_set(Line *line, const LineSlot *slots);
/* The rules for these devices (names; those that are not there are left out), as nft commands that replace the ones before. mac: a device's other end. */
void line_begin(const Line *line, GString *commands);
void line_device(Line *line, GString *commands, const char *device, const guint8 mac[6]);
