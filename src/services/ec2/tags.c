/* tags: of every kind of resource. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html */
#include "services/ec2/ec2.h"

#include <string.h>

enum { TAGS_MAX = 50 };

static Ec2TagList *tags_of(const Ec2Kind *kind, void *record) { return G_STRUCT_MEMBER_P(record, kind->tags_offset); }

static void tag_set(Arena *arena, Ec2TagList *tags, Ec2Tag *tag) {
  for (gsize i = 0; i < tags->n; i++)
    if (strcmp(tags->v[i]->Key, tag->Key) == 0) {
      tags->v[i] = tag;
      return;
    }
  LIST_APPEND(arena, tags, tag);
}

/* A value that is absent matches any. */
static void tag_remove(Ec2TagList *tags, const Ec2Tag *tag) {
  for (gsize i = 0; i < tags->n; i++)
    if (strcmp(tags->v[i]->Key, tag->Key) == 0 && (!tag->Value || g_strcmp0(tags->v[i]->Value, tag->Value) == 0)) {
      memmove(&tags->v[i], &tags->v[i + 1], (tags->n - i - 1) * sizeof *tags->v);
      tags->n--;
      return;
    }
}

static Error *resource_of(Call *call, const char *id, const Ec2Kind **ret_kind, void **ret_record) {
  *ret_kind = ec2_kind_of(id);
  if (!*ret_kind)
    return error_answer("InvalidID", "The ID '%s' is not valid", id);
  return ec2_get(call, *ret_kind, id, ret_record);
}

OPERATION(CreateTags, create_tags, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *create_tags(Call *call, const Ec2CreateTagsInput *in, Ec2CreateTagsOutput *ret_out) {
  for (gsize i = 0; i < in->Resources.n; i++) {
    const Ec2Kind *kind = NULL;
    void *record = NULL;
    TRY(resource_of(call, in->Resources.v[i], &kind, &record));
    for (gsize j = 0; j < in->Tags.n; j++) {
      if (call->principal->type != PRINCIPAL_SERVICE)
        TRY(ec2_tag_check(in->Tags.v[j]));
      tag_set(call->arena, tags_of(kind, record), in->Tags.v[j]);
    }
    if (tags_of(kind, record)->n > TAGS_MAX)
      return error_answer("TagLimitExceeded", "The maximum number of tags for a resource has been reached.");
    TRY(ec2_put(call, kind, record));
    if (kind == &ec2_vpcs)   /* haar:fault */
      ec2_changed(call, in->Resources.v[i]);
  }
  return NULL;
}

OPERATION(DeleteTags, delete_tags, .txn = TXN_WRITE, .authorize = ec2_authorize)
static Error *delete_tags(Call *call, const Ec2DeleteTagsInput *in, Ec2DeleteTagsOutput *ret_out) {
  for (gsize i = 0; i < in->Resources.n; i++) {
    const Ec2Kind *kind = NULL;
    void *record = NULL;
    TRY(resource_of(call, in->Resources.v[i], &kind, &record));
    for (gsize j = 0; j < in->Tags.n; j++)
      tag_remove(tags_of(kind, record), in->Tags.v[j]);
    if (in->Tags.n == 0)
      tags_of(kind, record)->n = 0;
    TRY(ec2_put(call, kind, record));
    if (kind == &ec2_vpcs)   /* haar:fault */
      ec2_changed(call, in->Resources.v[i]);
  }
  return NULL;
}

static const Ec2Path tag_filters[] = {{"key", "Key"}, {"value", "Value"}, {"resource-id", "ResourceId"}, {"resource-type", "ResourceType"}, {NULL, NULL}};

/* "tag:Name" is said of the tag itself here: its key and its value. */
static Ec2FilterList own_filters(Call *call, const Ec2FilterList *given) {
  Ec2FilterList filters = {0};
  for (gsize i = 0; i < given->n; i++) {
    const char *name = given->v[i]->Name;
    if (!name || !g_str_has_prefix(name, "tag:")) {
      LIST_APPEND(call->arena, &filters, given->v[i]);
      continue;
    }
    Ec2Filter *key = ARENA_NEW(call->arena, Ec2Filter), *value = ARENA_NEW(call->arena, Ec2Filter);
    *key = (Ec2Filter){.Name = "key"};
    LIST_APPEND(call->arena, &key->Values, name + 4);
    *value = (Ec2Filter){.Name = "value", .Values = given->v[i]->Values};
    LIST_APPEND(call->arena, &filters, key);
    LIST_APPEND(call->arena, &filters, value);
  }
  return filters;
}

static Error *describe_kind(Call *call, const Ec2Kind *kind, const Ec2FilterList *filters, Ec2TagDescriptionList *tags) {
  Ec2Records records = {0};
  TRY(ec2_all(call, kind, &records));
  for (gsize i = 0; i < records.n; i++) {
    const Ec2TagList *own = tags_of(kind, records.v[i]);
    for (gsize j = 0; j < own->n; j++) {
      Ec2TagDescription *tag = ARENA_NEW(call->arena, Ec2TagDescription);
      gboolean passes = TRUE;
      *tag = (Ec2TagDescription){.Key = own->v[j]->Key, .Value = own->v[j]->Value ? own->v[j]->Value : "", .ResourceType = kind->type,
                                 .ResourceId = *(const char *const *) G_STRUCT_MEMBER_P(records.v[i], kind->id_offset)};
      TRY(ec2_filter(call, tag_filters, &Ec2TagDescription_shape, tag, filters, &passes));
      if (passes)
        LIST_APPEND(call->arena, tags, tag);
    }
  }
  return NULL;
}

enum { TAG_PAGE = 1000 };

OPERATION(DescribeTags, describe_tags, .txn = TXN_READ, .authorize = ec2_authorize)
static Error *describe_tags(Call *call, const Ec2DescribeTagsInput *in, Ec2DescribeTagsOutput *ret_out) {
  Ec2FilterList filters = own_filters(call, &in->Filters);
  Ec2TagDescriptionList all = {0};
  guint64 from = 0;
  gint64 max = OPT_OR(in->MaxResults, TAG_PAGE);
  TRY(ec2_filters_check(tag_filters, &filters));
  if (max < 5 || max > TAG_PAGE)
    return error_answer("InvalidParameterValue", "Value ( %" G_GINT64_FORMAT " ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.", max);
  if (in->NextToken && !g_ascii_string_to_unsigned(in->NextToken, 10, 1, G_MAXUINT32, &from, NULL))
    return error_answer("InvalidNextToken", "The token '%s' is invalid", in->NextToken);
  for (const Ec2Kind *const *kind = ec2_kinds; *kind; kind++)
    TRY(describe_kind(call, *kind, &filters, &all));
  LIST_EMPTY(call->arena, &ret_out->Tags);
  for (gsize i = from; i < all.n && (gint64) ret_out->Tags.n < max; i++)
    LIST_APPEND(call->arena, &ret_out->Tags, all.v[i]);
  if (from + ret_out->Tags.n < all.n)
    ret_out->NextToken = arena_printf(call->arena, "%" G_GSIZE_FORMAT, from + ret_out->Tags.n);
  return NULL;
}
