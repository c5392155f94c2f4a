/* Message attributes: their checks, their size, their MD5. */
#include <openssl/evp.h>
#include <string.h>

#include "services/sqs/sqs.h"

enum { TRANSPORT_STRING = 1, TRANSPORT_BINARY = 2, MD5_SIZE = 16, NAME_MAX_ = 256 };

char *
sqs_md5(Arena *arena, const char *text)
{
  guint8 hash[MD5_SIZE];
  EVP_Digest(text, strlen(text), hash, NULL, EVP_md5(), NULL);
  return text_hex(arena, hash, sizeof hash);
}

static void
feed(EVP_MD_CTX *md, const void *data, gsize size)
{
  guint32 length = GUINT32_TO_BE((guint32) size);
  EVP_DigestUpdate(md, &length, sizeof length);
  EVP_DigestUpdate(md, data, size);
}

static int
compare_names(gconstpointer a, gconstpointer b, gpointer data)
{
  const SqsMessageBodyAttributeMap *map = data;
  return strcmp(map->v[*(const gsize *) a].key, map->v[*(const gsize *) b].key);
}

static gboolean
is_binary(const SqsMessageAttributeValue *value)
{
  return g_str_has_prefix(value->DataType, "Binary");
}

char *
sqs_md5_attributes(Arena *arena, const SqsMessageBodyAttributeMap *attributes)
{
  guint8 hash[MD5_SIZE];
  if (!attributes->n)
    return NULL;
  gsize *order = ARENA_ARRAY(arena, gsize, attributes->n);
  for (gsize i = 0; i < attributes->n; i++)
    order[i] = i;
  g_qsort_with_data(order, (gint) attributes->n, sizeof *order, compare_names, (gpointer) attributes);
  EVP_MD_CTX *md = EVP_MD_CTX_new();
  EVP_DigestInit_ex(md, EVP_md5(), NULL);
  for (gsize i = 0; i < attributes->n; i++) {
    const char *name = attributes->v[order[i]].key;
    const SqsMessageAttributeValue *value = attributes->v[order[i]].value;
    guint8 kind = is_binary(value) ? TRANSPORT_BINARY : TRANSPORT_STRING;
    feed(md, name, strlen(name));
    feed(md, value->DataType, strlen(value->DataType));
    EVP_DigestUpdate(md, &kind, 1);
    if (is_binary(value))
      feed(md, value->BinaryValue.data, value->BinaryValue.size);
    else
      feed(md, value->StringValue, strlen(value->StringValue));
  }
  EVP_DigestFinal_ex(md, hash, NULL);
  EVP_MD_CTX_free(md);
  return text_hex(arena, hash, sizeof hash);
}

static Error *
check_name(const char *name)
{
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  gsize size = strlen(name);
  if (size < 1 || size > NAME_MAX_)
    return sqs_invalid("Message (user) attribute name must be 1 to 256 characters long.");
  if (strspn(name, allowed) != size)
    return sqs_invalid("The message (user) attribute name '%s' may contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) only.", name);
  if (!g_ascii_strncasecmp(name, "aws.", 4) || !g_ascii_strncasecmp(name, "amazon.", 7) || *name == '.' || name[size - 1] == '.' || strstr(name, ".."))
    return sqs_invalid("The message (user) attribute name '%s' must not begin with AWS. or Amazon., nor with a period, end with one, or have two in a row.", name);
  return NULL;
}

static gboolean
is_type(const char *type, const char *base)
{
  gsize size = strlen(base);
  return strncmp(type, base, size) == 0 && (type[size] == 0 || (type[size] == '.' && type[size + 1]));
}

static Error *
check_value(const char *name, const SqsMessageAttributeValue *value, gsize *size)
{
  if (!value || !value->DataType || !*value->DataType)
    return sqs_invalid("The message (user) attribute '%s' must contain a non-empty message attribute type.", name);
  gboolean binary = is_type(value->DataType, "Binary"), number = is_type(value->DataType, "Number");
  if (!binary && !number && !is_type(value->DataType, "String"))
    return sqs_invalid("The type of message (user) attribute '%s' is invalid. You must use only the following supported type prefixes: "
                       "Binary, Number, String.", name);
  if (binary ? !value->BinaryValue.data || !value->BinaryValue.size : !value->StringValue || !*value->StringValue)
    return sqs_invalid("The message (user) attribute '%s' must contain a non-empty value for the message attribute type '%s'.", name,
                       value->DataType);
  if (binary ? value->StringValue != NULL : value->BinaryValue.data != NULL)
    return sqs_invalid("The message (user) attribute '%s' with type '%s' must use field '%s'.", name, value->DataType, binary ? "Binary" : "String");
  char *end = NULL;
  if (number && (g_ascii_strtod(value->StringValue, &end), *end || end == value->StringValue))
    return sqs_invalid("Can't cast the value of message (user) attribute '%s' to a number.", name);
  *size += strlen(value->DataType) + (binary ? value->BinaryValue.size : strlen(value->StringValue));
  return NULL;
}

Error *
sqs_attributes_check(const SqsMessageBodyAttributeMap *attributes, gsize *ret_size)
{
  if (attributes->n > SQS_ATTRIBUTES_MAX)
    return sqs_invalid("Number of message attributes [%" G_GSIZE_FORMAT "] exceeds the allowed maximum [%d].", attributes->n, SQS_ATTRIBUTES_MAX);
  for (gsize i = 0; i < attributes->n; i++) {
    TRY(check_name(attributes->v[i].key));
    *ret_size += strlen(attributes->v[i].key);
    TRY(check_value(attributes->v[i].key, attributes->v[i].value, ret_size));
  }
  return NULL;
}
