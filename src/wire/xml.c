/* XML text to a tree, by expat. No DOCTYPE, so no entities of the client's making. */
#include "wire/internal.h"
#include <expat.h>
#include <string.h>

static const char malformed[] = "The XML you provided was not well-formed or did not validate against our published schema";

typedef struct Builder {
  Arena *arena;
  XML_Parser parser;
  XmlNode *root;
  XmlNode *open[65]; /* LIMIT_NESTING_MAX and one */
  GString *text[65];
  int depth;
  gboolean bad;
} Builder;

static void
stop(Builder *b)
{
  b->bad = TRUE;
  XML_StopParser(b->parser, XML_FALSE);
}

static const char *
local_name(Arena *arena, const char *name)
{
  const char *colon = strchr(name, ':');
  return arena_strdup(arena, colon ? colon + 1 : name);
}

static void
on_start(void *data, const char *name, const char **attributes)
{
  Builder *b = data;
  if (b->depth >= LIMIT_NESTING_MAX) {
    stop(b);
    return;
  }
  XmlNode *node = ARENA_NEW(b->arena, XmlNode);
  node->name = local_name(b->arena, name);
  node->text = "";
  for (int i = 0; attributes[i]; i += 2) {
    XmlAttribute *attribute = ARENA_NEW(b->arena, XmlAttribute);
    *attribute = (XmlAttribute){arena_strdup(b->arena, attributes[i]), arena_strdup(b->arena, attributes[i + 1]), node->attributes};
    node->attributes = attribute;
  }
  if (b->depth) {
    XmlNode *parent = b->open[b->depth - 1];
    *(parent->last ? &parent->last->next : &parent->first) = node;
    parent->last = node;
  } else {
    b->root = node;
  }
  if (!b->text[b->depth])
    b->text[b->depth] = g_string_new(NULL);
  g_string_truncate(b->text[b->depth], 0);
  b->open[b->depth++] = node;
}

static void
on_end(void *data, const char *name)
{
  Builder *b = data;
  if (b->bad)
    return;
  b->depth--;
  GString *text = b->text[b->depth];
  if (text->len)
    b->open[b->depth]->text = arena_strndup(b->arena, text->str, text->len);
}

static void
on_text(void *data, const char *text, int size)
{
  Builder *b = data;
  if (b->depth && !b->bad)
    g_string_append_len(b->text[b->depth - 1], text, size);
}

static void
on_doctype(void *data, const char *name, const char *system, const char *public, int internal)
{
  stop(data);
}

Error *
xml_parse(Arena *arena, const char *text, gsize size, XmlNode **ret_root)
{
  Builder b = {.arena = arena, .parser = XML_ParserCreate(NULL)};
  XML_SetUserData(b.parser, &b);
  XML_SetElementHandler(b.parser, on_start, on_end);
  XML_SetCharacterDataHandler(b.parser, on_text);
  XML_SetStartDoctypeDeclHandler(b.parser, on_doctype);
  enum XML_Status status = size > G_MAXINT ? XML_STATUS_ERROR : XML_Parse(b.parser, text ? text : "", (int) size, 1);
  XML_ParserFree(b.parser);
  for (guint i = 0; i < G_N_ELEMENTS(b.text); i++)
    if (b.text[i])
      g_string_free(b.text[i], TRUE);
  if (status != XML_STATUS_OK || b.bad || !b.root)
    return error_answer_status(400, "MalformedXML", "%s", malformed);
  *ret_root = b.root;
  return NULL;
}

XmlNode *
xml_child(const XmlNode *node, const char *name)
{
  for (XmlNode *child = node ? node->first : NULL; child; child = child->next)
    if (!strcmp(child->name, name))
      return child;
  return NULL;
}

void
xml_escape(GString *out, const char *text)
{
  for (; *text; text++) {
    guchar c = (guchar) *text;
    if (c == '&')
      g_string_append(out, "&amp;");
    else if (c == '<')
      g_string_append(out, "&lt;");
    else if (c == '>')
      g_string_append(out, "&gt;");
    else if (c == '"')
      g_string_append(out, "&quot;");
    else if (c == '\r')
      g_string_append(out, "&#13;");
    else if (c >= 0x20 || c == '\n' || c == '\t')
      g_string_append_c(out, *text);
    else
      g_string_append(out, "\357\277\275"); /* XML has no such character */
  }
}

void
xml_element(GString *out, const char *name, const char *text)
{
  g_string_append_printf(out, "<%s>", name);
  xml_escape(out, text ? text : "");
  g_string_append_printf(out, "</%s>", name);
}
