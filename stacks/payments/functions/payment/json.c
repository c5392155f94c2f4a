#include "json.h"

#include <string.h>

#define DEPTH_MAX 32

typedef struct Reader {
  Arena *arena;
  const char *at, *end;
  int depth;
} Reader;

static Json *read_value(Reader *reader);

static void
skip_space(Reader *reader)
{
  while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) && *reader->at)
    reader->at++;
}

static bool
take(Reader *reader, char c)
{
  if (reader->at >= reader->end || *reader->at != c)
    return false;
  reader->at++;
  return true;
}

/* Four hexadecimal digits, or -1. */
static int
read_hex(Reader *reader)
{
  int value = 0;
  for (int i = 0; i < 4; i++, reader->at++) {
    if (reader->at >= reader->end)
      return -1;
    char c = *reader->at;
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0)
      return -1;
    value = value * 16 + digit;
  }
  return value;
}

static void
add_utf8(Text *text, int code)
{
  char bytes[4];
  size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t i = n; i-- > 1; code >>= 6)
    bytes[i] = (char) (0x80 | (code & 0x3f));
  bytes[0] = (char) (lead[n] | code);
  text_add(text, bytes, n);
}

static bool
read_unicode(Reader *reader, Text *text)
{
  int code = read_hex(reader);
  if (code <= 0 || (code >= 0xdc00 && code < 0xe000))
    return false;
  if (code >= 0xd800 && code < 0xdc00) {
    if (!take(reader, '\\') || !take(reader, 'u'))
      return false;
    int low = read_hex(reader);
    if (low < 0xdc00 || low >= 0xe000)
      return false;
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  add_utf8(text, code);
  return true;
}

static bool
read_escape(Reader *reader, Text *text)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  if (reader->at >= reader->end)
    return false;
  char c = *reader->at++;
  if (c == 'u')
    return read_unicode(reader, text);
  const char *found = c ? strchr(from, c) : NULL;
  if (!found)
    return false;
  text_add(text, &to[found - from], 1);
  return true;
}

/* The text behind an opening quote, or NULL. */
static const char *
read_string(Reader *reader)
{
  Text text = text_new(reader->arena);
  while (reader->at < reader->end) {
    const char *start = reader->at;
    while (reader->at < reader->end && *reader->at != '"' && *reader->at != '\\' && (unsigned char) *reader->at >= 0x20)
      reader->at++;
    text_add(&text, start, (size_t) (reader->at - start));
    if (take(reader, '"'))
      return text.data;
    if (!take(reader, '\\') || !read_escape(reader, &text))
      return NULL;
  }
  return NULL;
}

static size_t
skip_digits(Reader *reader)
{
  const char *start = reader->at;
  while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
    reader->at++;
  return (size_t) (reader->at - start);
}

static const char *
read_number(Reader *reader)
{
  const char *start = reader->at;
  take(reader, '-');
  if (!take(reader, '0') && !skip_digits(reader))
    return NULL;
  if (take(reader, '.') && !skip_digits(reader))
    return NULL;
  if (take(reader, 'e') || take(reader, 'E')) {
    if (!take(reader, '+'))
      take(reader, '-');
    if (!skip_digits(reader))
      return NULL;
  }
  return arena_strndup(reader->arena, start, (size_t) (reader->at - start));
}

/* Reads members or elements up to the closing character. */
static bool
read_children(Reader *reader, Json *parent, char close)
{
  Json **link = &parent->first;
  skip_space(reader);
  if (take(reader, close))
    return true;
  do {
    const char *key = NULL;
    skip_space(reader);
    if (parent->type == JSON_OBJECT) {
      if (!take(reader, '"') || !(key = read_string(reader)))
        return false;
      skip_space(reader);
      if (!take(reader, ':'))
        return false;
    }
    Json *child = read_value(reader);
    if (!child)
      return false;
    child->key = key;
    *link = child;
    link = &child->next;
    skip_space(reader);
  } while (take(reader, ','));
  return take(reader, close);
}

static bool
read_literal(Reader *reader, Json *json)
{
  static const struct {
    const char *word;
    JsonType type;
  } words[] = {{"true", JSON_BOOLEAN}, {"false", JSON_BOOLEAN}, {"null", JSON_NULL}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    size_t n = strlen(words[i].word);
    if ((size_t) (reader->end - reader->at) < n || memcmp(reader->at, words[i].word, n) != 0)
      continue;
    reader->at += n;
    json->type = words[i].type;
    json->text = words[i].word;
    return true;
  }
  return false;
}

static Json *
read_value(Reader *reader)
{
  Json *json = arena_alloc(reader->arena, sizeof *json);
  bool ok = false;
  skip_space(reader);
  if (reader->depth >= DEPTH_MAX)
    return NULL;
  reader->depth++;
  if (take(reader, '{')) {
    json->type = JSON_OBJECT;
    ok = read_children(reader, json, '}');
  } else if (take(reader, '[')) {
    json->type = JSON_ARRAY;
    ok = read_children(reader, json, ']');
  } else if (take(reader, '"')) {
    json->type = JSON_STRING;
    ok = (json->text = read_string(reader)) != NULL;
  } else if (reader->at < reader->end && (*reader->at == '-' || (*reader->at >= '0' && *reader->at <= '9'))) {
    json->type = JSON_NUMBER;
    ok = (json->text = read_number(reader)) != NULL;
  } else {
    ok = read_literal(reader, json);
  }
  reader->depth--;
  return ok ? json : NULL;
}

Json *
json_parse(Arena *arena, const char *text, size_t size)
{
  Reader reader = {.arena = arena, .at = text, .end = text + size};
  Json *json = read_value(&reader);
  skip_space(&reader);
  return reader.at == reader.end ? json : NULL;
}

const Json *
json_get(const Json *json, const char *key)
{
  const Json *found = NULL;
  if (!json || json->type != JSON_OBJECT)
    return NULL;
  for (const Json *at = json->first; at; at = at->next)
    if (strcmp(at->key, key) == 0)
      found = at;
  return found;
}

const char *
json_string(const Json *json)
{
  return json && json->type == JSON_STRING ? json->text : NULL;
}
