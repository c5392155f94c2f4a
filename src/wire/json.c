/* The reader works on one copy of the text, in the arena: strings are decoded in place and end with the byte of their
 * closing quote. Elements of open arrays and objects wait on one stack and are moved to the arena when they close. */
#include "wire/json.h"
#include <string.h>

typedef struct Parser {
  Arena *arena;
  char *begin, *at, *end; /* *end is NUL */
  char *line_begin;
  guint32 line;
  guint depth;
  GArray *items;   /* Json *: of open arrays */
  GArray *members; /* JsonMember: of open objects */
} Parser;

static Error *parse_value(Parser *p, Json **ret_json);

static Error *
wrong(const Parser *p, const char *what)
{
  return error_answer("SerializationException", "%s at line %u, column %u", what, p->line, (guint) (p->at - p->line_begin) + 1);
}

static void
skip_space(Parser *p)
{
  for (;; p->at++) {
    if (*p->at == '\n') {
      p->line++;
      p->line_begin = p->at + 1;
    } else if (*p->at != ' ' && *p->at != '\t' && *p->at != '\r') {
      return;
    }
  }
}

static gboolean
read_hex4(const char *at, guint32 *ret_unit)
{
  guint32 unit = 0;
  for (int i = 0; i < 4; i++) {
    if (!g_ascii_isxdigit(at[i]))
      return FALSE;
    unit = unit << 4 | (guint32) g_ascii_xdigit_value(at[i]);
  }
  *ret_unit = unit;
  return TRUE;
}

/* At the 'u' of an escape; leaves p->at behind it. */
static Error *
read_unicode_escape(Parser *p, char **out)
{
  guint32 unit = 0, low = 0;
  if (!read_hex4(p->at + 1, &unit))
    return wrong(p, "Bad \\u escape in a string");
  p->at += 5;
  if (unit == 0)
    return wrong(p, "The character \\u0000 is not supported");
  if (unit >= 0xdc00 && unit < 0xe000)
    return wrong(p, "Unpaired surrogate in a string");
  if (unit >= 0xd800 && unit < 0xdc00) {
    if (p->at[0] != '\\' || p->at[1] != 'u' || !read_hex4(p->at + 2, &low) || low < 0xdc00 || low >= 0xe000)
      return wrong(p, "Unpaired surrogate in a string");
    p->at += 6;
    unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
  }
  *out += g_unichar_to_utf8(unit, *out);
  return NULL;
}

static Error *
read_escape(Parser *p, char **out)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  p->at++;
  if (*p->at == 'u')
    return read_unicode_escape(p, out);
  const char *found = *p->at ? strchr(from, *p->at) : NULL;
  if (!found)
    return wrong(p, "Bad escape in a string");
  *(*out)++ = to[found - from];
  p->at++;
  return NULL;
}

/* At the opening quote. *ret_text is in the copy of the text, NUL-terminated. */
static Error *
read_string(Parser *p, char **ret_text, guint32 *ret_size)
{
  p->at++;
  char *text = p->at;
  while (*p->at != '"' && *p->at != '\\' && (guchar) *p->at >= 0x20)
    p->at++;
  char *out = p->at;
  while (*p->at != '"') {
    if (*p->at == '\\') {
      TRY(read_escape(p, &out));
      continue;
    }
    if ((guchar) *p->at < 0x20)
      return wrong(p, p->at == p->end ? "A string does not end" : "Control character in a string");
    *out++ = *p->at++;
  }
  p->at++;
  *out = 0;
  *ret_text = text;
  *ret_size = (guint32) (out - text);
  return NULL;
}

static Error *
parse_number(Parser *p, Json *json)
{
  const char *from = p->at;
  if (*p->at == '-')
    p->at++;
  if (!g_ascii_isdigit(*p->at))
    return wrong(p, "Unexpected character");
  if (*p->at == '0' && g_ascii_isdigit(p->at[1]))
    return wrong(p, "Leading zero in a number");
  while (g_ascii_isdigit(*p->at))
    p->at++;
  if (*p->at == '.') {
    p->at++;
    if (!g_ascii_isdigit(*p->at))
      return wrong(p, "Digit expected in a number");
    while (g_ascii_isdigit(*p->at))
      p->at++;
  }
  if (*p->at == 'e' || *p->at == 'E') {
    p->at++;
    if (*p->at == '+' || *p->at == '-')
      p->at++;
    if (!g_ascii_isdigit(*p->at))
      return wrong(p, "Digit expected in a number");
    while (g_ascii_isdigit(*p->at))
      p->at++;
  }
  json->type = JSON_NUMBER;
  json->n = (guint32) (p->at - from);
  json->text = arena_strndup(p->arena, from, json->n);
  return NULL;
}

/* Moves what waits above mark to the arena, with the room that json_append and json_set expect for n. */
static void *
take_waiting(Parser *p, GArray *waiting, guint mark, guint32 *ret_n)
{
  guint n = waiting->len - mark, size = g_array_get_element_size(waiting), room = 4;
  while (room < n)
    room *= 2;
  char *taken = n ? arena_alloc(p->arena, (gsize) room * size) : NULL;
  if (n)
    memcpy(taken, waiting->data + (gsize) mark * size, (gsize) n * size);
  g_array_set_size(waiting, mark);
  *ret_n = n;
  return taken;
}

static Error *
parse_array(Parser *p, Json *json)
{
  guint mark = p->items->len;
  json->type = JSON_ARRAY;
  p->at++;
  skip_space(p);
  if (*p->at == ']') {
    p->at++;
    return NULL;
  }
  for (;;) {
    Json *item = NULL;
    TRY(parse_value(p, &item));
    g_array_append_val(p->items, item);
    skip_space(p);
    if (*p->at == ']')
      break;
    if (*p->at != ',')
      return wrong(p, "',' or ']' expected");
    p->at++;
  }
  p->at++;
  json->items = take_waiting(p, p->items, mark, &json->n);
  return NULL;
}

/* The last of equal keys wins; its place is its own. */
static void
drop_duplicates(Json *json)
{
  if (json->n < 2)
    return;
  g_autoptr(GHashTable) seen = json->n > 16 ? g_hash_table_new(g_str_hash, g_str_equal) : NULL;
  guint32 kept = json->n;
  for (guint32 i = json->n; i-- > 0;) {
    const char *key = json->members[i].key;
    gboolean duplicate = seen && !g_hash_table_add(seen, (gpointer) key);
    for (guint32 j = kept; !seen && j < json->n && !duplicate; j++)
      duplicate = !strcmp(json->members[j].key, key);
    if (!duplicate)
      json->members[--kept] = json->members[i];
  }
  if (kept)
    memmove(json->members, json->members + kept, (json->n - kept) * sizeof *json->members);
  json->n -= kept;
}

static Error *
parse_member(Parser *p)
{
  JsonMember member = {0};
  char *key = NULL;
  guint32 size = 0;
  skip_space(p);
  if (*p->at != '"')
    return wrong(p, "A member's name expected");
  TRY(read_string(p, &key, &size));
  member.key = key;
  skip_space(p);
  if (*p->at != ':')
    return wrong(p, "':' expected");
  p->at++;
  TRY(parse_value(p, &member.value));
  g_array_append_val(p->members, member);
  return NULL;
}

static Error *
parse_object(Parser *p, Json *json)
{
  guint mark = p->members->len;
  json->type = JSON_OBJECT;
  p->at++;
  skip_space(p);
  if (*p->at == '}') {
    p->at++;
    return NULL;
  }
  for (;;) {
    TRY(parse_member(p));
    skip_space(p);
    if (*p->at == '}')
      break;
    if (*p->at != ',')
      return wrong(p, "',' or '}' expected");
    p->at++;
  }
  p->at++;
  json->members = take_waiting(p, p->members, mark, &json->n);
  drop_duplicates(json);
  return NULL;
}

static Error *
parse_word(Parser *p, Json *json)
{
  static const struct {
    const char *word;
    gsize size;
    JsonType type;
  } words[] = {{"null", 4, JSON_NULL}, {"true", 4, JSON_TRUE}, {"false", 5, JSON_FALSE}};
  for (guint i = 0; i < G_N_ELEMENTS(words); i++)
    if (!strncmp(p->at, words[i].word, words[i].size)) {
      json->type = words[i].type;
      p->at += words[i].size;
      return NULL;
    }
  return wrong(p, p->at == p->end ? "Unexpected end of the document" : "Unexpected character");
}

static Error *
parse_nested(Parser *p, Json *json)
{
  if (p->depth >= LIMIT_NESTING_MAX)
    return wrong(p, "The document is nested too deeply");
  p->depth++;
  TRY(*p->at == '[' ? parse_array(p, json) : parse_object(p, json));
  p->depth--;
  return NULL;
}

static Error *
parse_value(Parser *p, Json **ret_json)
{
  skip_space(p);
  Json *json = ARENA_NEW(p->arena, Json);
  json->line = p->line;
  json->column = (guint32) (p->at - p->line_begin) + 1;
  *ret_json = json;
  switch (*p->at) {
  case '{':
  case '[':
    return parse_nested(p, json);
  case '"': {
    char *text = NULL;
    json->type = JSON_STRING;
    TRY(read_string(p, &text, &json->n));
    json->text = text;
    return NULL;
  }
  case 't':
  case 'f':
  case 'n':
    return parse_word(p, json);
  default:
    return *p->at == '-' || g_ascii_isdigit(*p->at) ? parse_number(p, json) : parse_word(p, json);
  }
}

/* ASCII without a zero, as most documents are: it is seen eight bytes at a time. A zero byte borrows from its highest bit. */
static gboolean
is_ascii(const char *text, gsize size)
{
  for (; size >= 8; text += 8, size -= 8) {
    guint64 eight;
    memcpy(&eight, text, sizeof eight);
    if ((eight | (eight - 0x0101010101010101u)) & 0x8080808080808080u)
      return FALSE;
  }
  for (; size; text++, size--)
    if (!*text || *text & 0x80)
      return FALSE;
  return TRUE;
}

static Error *
check_utf8(Parser *p, gsize size)
{
  const char *bad = NULL;
  if (is_ascii(p->begin, size) || g_utf8_validate_len(p->begin, size, &bad))
    return NULL;
  for (; p->at < bad; p->at++)
    if (*p->at == '\n') {
      p->line++;
      p->line_begin = p->at + 1;
    }
  return wrong(p, "Invalid UTF-8");
}

Error *
json_parse(Arena *arena, const char *text, gsize size, Json **ret_json)
{
  g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Json *));
  g_autoptr(GArray) members = g_array_new(FALSE, FALSE, sizeof(JsonMember));
  Parser p = {.arena = arena, .line = 1, .items = items, .members = members};
  if (size >= G_MAXUINT32)
    return error_answer("SerializationException", "The document is too large");
  p.begin = p.at = p.line_begin = arena_memdup(arena, text ? text : "", size);
  p.end = p.begin + size;
  TRY(check_utf8(&p, size));
  Json *json = NULL;
  TRY(parse_value(&p, &json));
  skip_space(&p);
  if (p.at != p.end)
    return wrong(&p, "Unexpected text after the document");
  *ret_json = json;
  return NULL;
}
