/* faults: what faults.c and faults_follow.c share. */
#pragma once

#include "services/ec2/why.h"

/* The interfaces of what is named (a function, database, endpoint, interface, subnet, address), and the stack that it is of. arena of the call. */
typedef struct FaultTarget { StringList interfaces; const char *stack; } FaultTarget;
Error *ec2_fault_target(Call *call, const char *target, FaultTarget *ret_found) ERROR_MUST_USE;

/* The state of this name. */
#define EC2_FOLLOW "ec2.faults"
typedef struct Ec2Follow Ec2Follow;
Ec2Follow *ec2_follow_new(Haar *haar);
void ec2_follow_free(Ec2Follow *follow);
/* The fault is on, for these interfaces; fault->target: what was named. Later ones get it too, until it is removed; then the caller lifts it. */
void ec2_follow_add(Ec2Follow *follow, const FabricFault *fault, const StringList *interfaces);
void ec2_follow_remove(Ec2Follow *follow, const char *name);
/* An interface has come or changed. Costs nothing while no fault is followed. */
void ec2_follow_changed(Ec2Follow *follow);
