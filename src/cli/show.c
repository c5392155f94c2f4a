#include "cli/show.h"

#include <stdio.h>

const char *
show_text(const Json *json, const char *key)
{
  const char *text = json_string(json_get(json, key));
  return text ? text : "";
}

gint64
show_number(const Json *json, const char *key)
{
  const Json *number = json_get(json, key);
  return number && number->type == JSON_NUMBER ? g_ascii_strtoll(number->text, NULL, 10) : 0;
}

gboolean
show_true(const Json *json, const char *key)
{
  const Json *value = json_get(json, key);
  return value && value->type == JSON_TRUE;
}

void
show_pair(const char *name, const char *text)
{
  if (!*text)
    return;
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (guint i = 0; lines[i]; i++)
    printf("    %-10s %s\n", i ? "" : name, lines[i]);
}

void
show_explanation(const Json *entry)
{
  static const char *const pairs[][2] = {{"why", "why"}, {"AWS shows", "shown"}, {"mend", "mend"}, {"run", "command"}, {"template", "snippet"}, {"more", "page"}};
  for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++)
    show_pair(pairs[i][0], show_text(entry, pairs[i][1]));
}

void
show_network(const char *command, const Json *answer)
{
  const Json *on = json_get(answer, "network");
  if (on && on->type == JSON_FALSE)
    fprintf(stderr, "haar %s: the network is off (%s): no packet was checked, only permissions\n", command, show_text(answer, "network_off_reason"));
}
