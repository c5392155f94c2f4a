/* describe: resources by ids and filters, in pages. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html */
#include "services/ec2/ec2.h"

#include <string.h>

enum { PAGE = 1000, FILTER_VALUES_MAX = 200 };

/* --- filters --- */


static gboolean value_matches(const StringList *wanted, const char *value) {
  for (gsize i = 0; i < wanted->n; i++)
    if (text_glob(wanted->v[i], value))
      return TRUE;
  return FALSE;
}

/* Whether any value that path leads to is wanted. */
static gboolean path_matches(const Json *json, const char *path, const StringList *wanted) {
  if (!json)
    return FALSE;
  if (json->type == JSON_ARRAY) {
    for (guint32 i = 0; i < json->n; i++)
      if (path_matches(json->items[i], path, wanted))
        return TRUE;
    return FALSE;
  }
  if (*path) {
    gsize length = strcspn(path, ".");
    g_autofree char *name = g_strndup(path, length);
    return path_matches(json_get(json, name), path + length + (path[length] == '.'), wanted);
  }
  if (json->type == JSON_TRUE || json->type == JSON_FALSE)
    return value_matches(wanted, json->type == JSON_TRUE ? "true" : "false");
  return (json->type == JSON_STRING || json->type == JSON_NUMBER) && value_matches(wanted, json->text);
}

static gboolean tag_matches(const Json *json, const char *key, const StringList *wanted) {
  const Json *tags = json_get(json, "Tags");
  tags = tags ? tags : json_get(json, "TagSet");
  for (guint32 i = 0; tags && i < tags->n; i++)
    if (g_strcmp0(json_string(json_get(tags->items[i], "Key")), key) == 0 && value_matches(wanted, json_string(json_get(tags->items[i], "Value"))))
      return TRUE;
  return FALSE;
}

static const Ec2Path *find_path(const Ec2Path *paths, const char *name) {
  for (; paths->filter; paths++)
    if (strcmp(paths->filter, name) == 0)
      return paths;
  return NULL;
}

Error *ec2_filters_check(const Ec2Path *paths, const Ec2FilterList *filters) {
  for (gsize i = 0; filters && i < filters->n; i++) {
    const char *name = filters->v[i]->Name;
    if (!name || !(g_str_has_prefix(name, "tag:") || strcmp(name, "tag-key") == 0 || strcmp(name, "tag-value") == 0 || find_path(paths, name)))
      return error_answer("InvalidParameterValue", "The filter '%s' is invalid", name ? name : "null");
    if (filters->v[i]->Values.n == 0)
      return error_answer("InvalidParameterValue", "The filter '%s' requires at least one value", name);
    if (filters->v[i]->Values.n > FILTER_VALUES_MAX)
      return error_answer("FilterLimitExceeded", "The maximum length for a filter value list is %d", FILTER_VALUES_MAX);
  }
  return NULL;
}

static Error *one_filter(const Ec2Path *paths, const Json *json, const Ec2Filter *filter, gboolean *ret_passes) {
  const char *name = filter->Name ? filter->Name : "";
  if (g_str_has_prefix(name, "tag:")) {
    *ret_passes = tag_matches(json, name + 4, &filter->Values);
    return NULL;
  }
  if (strcmp(name, "tag-key") == 0 || strcmp(name, "tag-value") == 0) {
    const char *member = name[4] == 'k' ? "Key" : "Value";
    *ret_passes = path_matches(json_get(json, "Tags"), member, &filter->Values) || path_matches(json_get(json, "TagSet"), member, &filter->Values);
    return NULL;
  }
  const Ec2Path *path = find_path(paths, name);
  *ret_passes = path && path_matches(json, path->member, &filter->Values);
  return NULL;
}

Error *ec2_filter(Call *call, const Ec2Path *paths, const Shape *shape, const void *record, const Ec2FilterList *filters, gboolean *ret_passes) {
  *ret_passes = TRUE;
  if (!filters || filters->n == 0)
    return NULL;
  TRY(ec2_filters_check(paths, filters));
  const Json *json = shape_to_json(call->arena, shape, record);
  for (gsize i = 0; i < filters->n && *ret_passes; i++)
    TRY(one_filter(paths, json, filters->v[i], ret_passes));
  return NULL;
}

/* --- pages --- */

/* What a token says: the id behind which the next page begins. */
static const char token_mark[] = "ec2:";

static const char *token_of(Call *call, const char *id) {
  const char *text = arena_printf(call->arena, "%s%s", token_mark, id);
  return text_base64(call->arena, text, strlen(text));
}

static Error *token_read(Call *call, const char *token, const char **ret_after) {
  gsize size = 0, mark = strlen(token_mark);
  const guint8 *data = token ? text_unbase64(call->arena, token, &size) : NULL;
  *ret_after = NULL;
  if (!token || !*token)
    return NULL;
  if (!data || size <= mark || size > 256 || memcmp(data, token_mark, mark) != 0)
    return error_answer("InvalidNextToken", "The token '%s' is invalid", token);
  *ret_after = arena_strndup(call->arena, (const char *) data + mark, size - mark);
  return NULL;
}

static Error *records_named(Call *call, const Ec2Describe *d, Ec2Records *ret) {
  if (!d->ids || d->ids->n == 0)
    return ec2_all(call, d->kind, ret);
  Ec2Records records = {0};
  for (gsize i = 0; i < d->ids->n; i++) {
    void *record = NULL;
    TRY(ec2_get(call, d->kind, d->ids->v[i], &record));
    LIST_APPEND(call->arena, &records, record);
  }
  *ret = records;
  return NULL;
}

static const char *record_id(const Ec2Kind *kind, const void *record) { return *(const char *const *) G_STRUCT_MEMBER_P(record, kind->id_offset); }

static Error *one_record(Call *call, const Ec2Describe *d, void *record, gboolean *ret_passes) {
  if (d->fill)
    TRY(d->fill(call, record));
  return ec2_filter(call, d->kind->filters, d->kind->shape, record, d->filters, ret_passes);
}

/* With ids there are no pages, as on AWS. */
static Error *check_pages(const Ec2Describe *d) {
  if (d->max.set && d->ids && d->ids->n)
    return error_answer("InvalidParameterCombination", "The parameter %s cannot be used with the parameter maxResults", d->ids_name ? d->ids_name : "ids");
  if (d->max.set && (d->max.v < 1 || d->max.v > PAGE))
    return error_answer("InvalidParameterValue", "Value ( %" G_GINT64_FORMAT " ) for parameter maxResults is invalid. Expecting a value %s.", d->max.v,
                        d->max.v < 1 ? "greater than or equal to 5" : "less than or equal to 1000");
  return NULL;
}

Error *ec2_describe_none(Call *call, const Ec2Describe *d) {
  const char *after = NULL;
  TRY(check_pages(d));
  TRY(ec2_filters_check(d->kind->filters, d->filters));
  TRY(token_read(call, d->next_token, &after));
  return d->ids && d->ids->n ? ec2_no_such(d->kind, d->ids->v[0]) : NULL;
}

Error *ec2_describe(Call *call, const Ec2Describe *d, void *ret_list, const char **ret_next_token) {
  Ec2Records records = {0}, *list = ret_list;
  const char *after = NULL;
  gint64 max = OPT_OR(d->max, PAGE);
  TRY(check_pages(d));
  TRY(ec2_filters_check(d->kind->filters, d->filters));
  TRY(token_read(call, d->next_token, &after));
  TRY(records_named(call, d, &records));
  LIST_EMPTY(call->arena, list);
  for (gsize i = 0; i < records.n; i++) {
    gboolean passes = TRUE;
    if (after && strcmp(record_id(d->kind, records.v[i]), after) <= 0)
      continue;
    TRY(one_record(call, d, records.v[i], &passes));
    if (!passes)
      continue;
    if (ret_next_token && (gint64) list->n >= max) {
      *ret_next_token = token_of(call, record_id(d->kind, list->v[list->n - 1]));
      return NULL;
    }
    LIST_APPEND(call->arena, list, records.v[i]);
  }
  return NULL;
}
