/* record: what the engine stores. Every record is JSON with the API's member names; members that begin with "_" are the engine's own.
 *
 *   stack       key region, account, id      members of DescribeStacks, _Template, _Texts, _Values, _Operation, _Former, _Principal, ...
 *   resource    key stack id, logical id     members of DescribeStackResources, _Ref, _Attributes, _Properties, _DependsOn, _Before, ...
 *   event       key stack id, number         members of DescribeStackEvents
 *   change set  key stack id, name           members of DescribeChangeSet, _Template, _Texts, _Values
 *   export      key region, account, name    ExportingStackId, Name, Value
 *   import      key region, account, name, stack id   the importing stack's name
 *
 * All results: arena. */
#pragma once

#include "server/server.h"

/* Times as the engine stores them: seconds with a fraction. */
Json *record_time(Arena *arena, gint64 ms);

/* *ret_stack is NULL if there is none. name_or_id: the name of a stack that is not deleted, or an id. */
Error *stack_record_get(Txn *txn, Arena *arena, const char *region, const char *account, const char *name_or_id, Json **ret_stack) ERROR_MUST_USE;
/* Adds or replaces; a stack that is DELETE_COMPLETE gives its name up. */
Error *stack_record_put(Txn *txn, Arena *arena, const char *region, const char *account, const Json *stack) ERROR_MUST_USE;
/* A stack and all that is kept under its id, as if it had never been. */
Error *stack_record_forget(Txn *txn, const char *region, const char *account, const Json *stack) ERROR_MUST_USE;
/* Stacks of a region and account, appended to list (a JSON array), newest first. region NULL: all stacks of all accounts. */
Error *stack_record_list(Txn *txn, Arena *arena, const char *region, const char *account, Json *list) ERROR_MUST_USE;

Error *resource_record_put(Txn *txn, Arena *arena, const char *stack_id, const Json *resource) ERROR_MUST_USE;
Error *resource_record_list(Txn *txn, Arena *arena, const char *stack_id, Json *list) ERROR_MUST_USE;
Error *resource_record_delete(Txn *txn, const char *stack_id, const char *logical_id) ERROR_MUST_USE;

/* The event gets the next number, an EventId and StackId, StackName from stack. */
Error *event_record_add(Txn *txn, Arena *arena, const Json *stack, Json *event) ERROR_MUST_USE;
/* Newest first. */
Error *event_record_list(Txn *txn, Arena *arena, const char *stack_id, Json *list) ERROR_MUST_USE;

Error *change_set_record_put(Txn *txn, Arena *arena, const char *stack_id, const Json *change_set) ERROR_MUST_USE;
Error *change_set_record_get(Txn *txn, Arena *arena, const char *stack_id, const char *name, Json **ret_change_set) ERROR_MUST_USE;
Error *change_set_record_list(Txn *txn, Arena *arena, const char *stack_id, Json *list) ERROR_MUST_USE;
/* name NULL: all of the stack. */
Error *change_set_record_delete(Txn *txn, const char *stack_id, const char *name) ERROR_MUST_USE;

Error *export_record_get(Txn *txn, Arena *arena, const char *region, const char *account, const char *name, Json **ret_export) ERROR_MUST_USE;
Error *export_record_list(Txn *txn, Arena *arena, const char *region, const char *account, Json *list) ERROR_MUST_USE;
Error *export_record_put(Txn *txn, Arena *arena, const char *region, const char *account, const Json *export_) ERROR_MUST_USE;
Error *export_record_delete(Txn *txn, const char *region, const char *account, const char *name) ERROR_MUST_USE;
/* Names of the stacks that import it. */
Error *import_record_list(Txn *txn, Arena *arena, const char *region, const char *account, const char *name, Json *list) ERROR_MUST_USE;
/* names: list of texts that the stack imports now; those that it imported before and does not now are forgotten. */
Error *import_record_replace(Txn *txn, Arena *arena, const char *region, const char *account, const Json *stack, const Json *names) ERROR_MUST_USE;
