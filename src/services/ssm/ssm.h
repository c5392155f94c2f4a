/* What the files of Parameter Store share. */
#pragma once

#include "services/ssm.gen.h"

extern const Table ssm_parameter_table;

/* The name in an ARN, or the name; a selector (":3", ":label") is cut off and given, NULL if there is none. arena. */
const char *parameter_name(Arena *arena, const char *name, const char **ret_selector);
char *parameter_arn(const Call *call, const char *name);
/* *ret is NULL if there is none. */
Error *parameter_look(Call *call, const char *name, SsmParameterRecord **ret) ERROR_MUST_USE;
/* There is none: ParameterNotFound. */
Error *parameter_find(Call *call, const char *name, SsmParameterRecord **ret) ERROR_MUST_USE;
Error *parameter_put(Call *call, const SsmParameterRecord *record) ERROR_MUST_USE;
Error *parameter_erase(Call *call, const char *name) ERROR_MUST_USE;
/* All of the account and region, in the order of their names. */
typedef struct ParameterRecords { gsize n; SsmParameterRecord **v; } ParameterRecords;
Error *parameters_all(Call *call, ParameterRecords *ret) ERROR_MUST_USE;
SsmVersionRecord *version_latest(const SsmParameterRecord *record);
/* The version that a selector names (NULL: the latest); none: ParameterVersionNotFound. */
Error *version_select(const SsmParameterRecord *record, const char *selector, SsmVersionRecord **ret) ERROR_MUST_USE;

/* Encrypts and decrypts a SecureString, as the caller, through KMS. arena. */
Error *value_encrypt(Call *call, const char *arn, const char *text, SsmVersionRecord *version) ERROR_MUST_USE;
Error *value_text(Call *call, const char *arn, const SsmVersionRecord *version, gboolean decrypt, const char **ret) ERROR_MUST_USE;
Error *parameter_make(Call *call, const SsmParameterRecord *record, const SsmVersionRecord *version, const char *selector, gboolean decrypt,
                      SsmParameter **ret) ERROR_MUST_USE;

/* authorize callbacks: the parameter of Name; each of Names; the tree of Path; that of ResourceId. */
Error *name_resource(Call *call, const void *in, Authorization *auth);
Error *names_resource(Call *call, const void *in, Authorization *auth);

/* Filters: whether a parameter passes all. A bad one: InvalidFilterKey, InvalidFilterOption. */
Error *parameter_filters_check(const SsmParameterStringFilterList *filters) ERROR_MUST_USE;
gboolean parameter_filters_pass(const SsmParameterStringFilterList *filters, const SsmParameterRecord *record);
/* Whether name lies under path; recursive: at any depth. */
gboolean path_covers(const char *path, const char *name, gboolean recursive);

typedef struct SsmPage { gsize from, to; const char *token; } SsmPage;
Error *ssm_page(Arena *arena, gsize n, const char *token, OptInt max, gint64 most, SsmPage *ret) ERROR_MUST_USE;
